//! Accounts: who may sign in, with which role, over which facilities.

use crate::{
    ask::{Asked, Body, page},
    centre::{Centre, FIRST_LINK_SECS},
    guard::Caller,
    refusal::Refusal,
    route::{ADMINISTRATORS, Reach, Route},
    secret,
    wire::{Moment, Role, ScopeView},
};
use axum::{Json, extract::State};
use phitak_store::{ScopeReach, StoreError, people::secret_digest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    pub id: i64,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub scope: ScopeView,
    pub created_at: Moment,
    pub last_sign_in_at: Option<Moment>,
    /// Whether a password has been chosen
    pub signed_in_before: bool,
    pub second_factor: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UserPage {
    pub items: Vec<User>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 2 to 64 of a-z 0-9 . _ -
    pub login: String,
    pub name: String,
    pub role: Role,
    pub scope: ScopeView,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UserCreated {
    pub user: User,
    /// Works once and for three days; shown only now
    pub first_sign_in_url: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct UserQuery {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/users")
            .summary("Accounts, by login")
            .allow(ADMINISTRATORS, Reach::Sector)
            .query::<UserQuery>()
            .answers::<UserPage>()
            .to(list),
        Route::post("/api/v1/users")
            .summary("Make an account and its first sign-in link")
            .allow(ADMINISTRATORS, Reach::Sector)
            .only_in_a_session()
            .audited("user.create")
            .takes::<NewUser>()
            .answers::<UserCreated>()
            .to(create),
    ]
}

async fn list(State(centre): State<Centre>, Asked(query): Asked<UserQuery>) -> Result<Json<UserPage>, Refusal> {
    let users = centre.store.users(&page(query.cursor, query.limit)).await?;
    let (total, next_cursor) = (users.total, users.next_cursor.clone());
    Ok(Json(UserPage { items: users.items.iter().map(User::of).collect(), total, next_cursor }))
}

async fn create(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<NewUser>,
) -> Result<Json<UserCreated>, Refusal> {
    let now = centre.clock.now();
    let reach = ScopeReach::try_from(&ask.scope).map_err(Refusal::invalid)?;
    let new = phitak_store::NewUser { login: ask.login, name: ask.name, role: ask.role.into(), reach };
    let token = secret::draw();
    let expires_at = now.plus_secs(FIRST_LINK_SECS);
    let made =
        centre.store.add_user(caller.scope(), &new, &secret_digest(&token), expires_at, caller.audit(now)?).await;
    let user = match made {
        Err(StoreError::NotFound) => return Err(Refusal::invalid("there is no facility of this code")),
        other => other?,
    };
    Ok(Json(UserCreated { user: User::of(&user), first_sign_in_url: centre.first_sign_in_url(&token) }))
}

impl User {
    fn of(user: &phitak_store::User) -> Self {
        Self {
            id: user.id.0,
            login: user.login.clone(),
            name: user.name.clone(),
            role: user.role.into(),
            scope: ScopeView::from(&user.reach),
            created_at: user.created_at.into(),
            last_sign_in_at: user.last_sign_in_at.map(Moment),
            signed_in_before: user.has_password,
            second_factor: user.second_factor_at.is_some(),
        }
    }
}
