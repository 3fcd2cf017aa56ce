//! API tokens: programs call with `Authorization: Bearer …` what their makers may call, and nothing of the makers' own
//! accounts.

use crate::{
    ask::{Asked, Body, Named, page},
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
    secret,
    wire::{Moment, Role, ScopeView},
};
use axum::{Json, extract::State, http::StatusCode};
use phitak_store::{NewToken, ScopeReach, StoreError, TokenId, UserId, people::secret_digest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What every token begins with, so that one that was leaked is recognised.
pub const TOKEN_PREFIX: &str = "phitak_";

#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    pub id: i64,
    pub name: String,
    /// The login of its maker
    pub maker: String,
    pub role: Role,
    pub scope: ScopeView,
    pub created_at: Moment,
    pub expires_at: Moment,
    pub last_used_at: Option<Moment>,
    pub revoked_at: Option<Moment>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TokenPage {
    pub items: Vec<Token>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is for; at most 60 characters
    pub name: String,
    /// One that the maker's own role includes
    pub role: Role,
    /// Within the maker's own
    pub scope: ScopeView,
    /// 1 to 366
    pub days: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TokenCreated {
    pub token: Token,
    /// Shown only now
    pub secret: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TokenQuery {
    /// Only the caller's own; others see no other tokens anyway, administrators see everybody's
    pub mine: Option<bool>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/tokens")
            .summary("API tokens, the latest first; their secrets are never shown again")
            .allow(SIGNED_IN, Reach::OwnAccount)
            .query::<TokenQuery>()
            .answers::<TokenPage>()
            .to(list),
        Route::post("/api/v1/tokens")
            .summary("Make an API token, with a role and a scope within the caller's own")
            .allow(SIGNED_IN, Reach::OwnAccount)
            .audited("token.create")
            .takes::<NewApiToken>()
            .answers::<TokenCreated>()
            .to(create),
        Route::delete("/api/v1/tokens/{id}")
            .summary("Revoke an API token at once")
            .allow(SIGNED_IN, Reach::OwnAccount)
            .audited("token.revoke")
            .answers_nothing()
            .to(revoke),
    ]
}

/// Whose tokens the caller may see and revoke; None for everybody's.
fn whose(caller: &Caller) -> Option<UserId> {
    let user = &caller.signed_in().user;
    (user.role != phitak_store::Role::Administrator).then_some(user.id)
}

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<TokenQuery>,
) -> Result<Json<TokenPage>, Refusal> {
    let mine = query.mine.unwrap_or(false).then_some(caller.signed_in().user.id);
    let tokens = centre.store.tokens(mine.or_else(|| whose(&caller)), &page(query.cursor, query.limit)).await?;
    let (total, next_cursor) = (tokens.total, tokens.next_cursor.clone());
    Ok(Json(TokenPage { items: tokens.items.into_iter().map(Token::of).collect(), total, next_cursor }))
}

async fn create(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<NewApiToken>,
) -> Result<Json<TokenCreated>, Refusal> {
    let reach = ScopeReach::try_from(&ask.scope).map_err(Refusal::invalid)?;
    let new = NewToken { name: ask.name, role: ask.role.into(), reach, days: ask.days };
    let secret = format!("{TOKEN_PREFIX}{}", secret::draw());
    let (maker, audit) = (&caller.signed_in().user, caller.audit(centre.clock.now())?);
    match centre.store.add_token(caller.scope(), maker, &new, &secret_digest(&secret), audit).await {
        Err(StoreError::NotFound) => Err(Refusal::invalid("there is no facility of this code")),
        made => Ok(Json(TokenCreated { token: Token::of(made?), secret })),
    }
}

async fn revoke(State(centre): State<Centre>, caller: Caller, Named(id): Named<i64>) -> Result<StatusCode, Refusal> {
    centre.store.revoke_token(whose(&caller), TokenId(id), caller.audit(centre.clock.now())?).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Token {
    fn of(token: phitak_store::Token) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            maker: token.maker,
            role: token.role.into(),
            scope: ScopeView::from(&token.reach),
            created_at: token.created_at.into(),
            expires_at: token.expires_at.into(),
            last_used_at: token.last_used_at.map(Moment),
            revoked_at: token.revoked_at.map(Moment),
        }
    }
}
