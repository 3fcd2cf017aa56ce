//! Saved views: a person gives the queue's filters a name; administrators share some with the team.

use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
    route::{Reach, Route, Who},
    story_ask::StoryAsk,
};
use axum::{Json, extract::State, http::StatusCode};
use phitak_store::{NewSavedView as New, Role, SavedView as Stored, SavedViewId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Those who have a queue.
const OVERSEERS: Who = Who::Roles(&[Role::Administrator, Role::Analyst, Role::RegionOfficer]);

#[derive(Debug, Serialize, ToSchema)]
pub struct SavedView {
    pub id: i64,
    pub name: String,
    pub shared: bool,
    /// Whether the caller saved it
    pub own: bool,
    pub filter: StoryAsk,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SavedViewList {
    /// Shared ones first, then by name
    pub items: Vec<SavedView>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSavedView {
    /// 1 to 60 characters
    pub name: String,
    /// With all of the sector's team: by administrators only
    #[serde(default)]
    pub shared: bool,
    pub filter: StoryAsk,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedViewName {
    /// 1 to 60 characters
    pub name: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/story-views")
            .summary("The caller's saved views of the queue, and those that are shared")
            .allow(OVERSEERS, Reach::OwnAccount)
            .answers::<SavedViewList>()
            .to(list),
        Route::post("/api/v1/story-views")
            .summary("Saves a filter of the queue under a name; at most 30 a person")
            .allow(OVERSEERS, Reach::OwnAccount)
            .audited("saved_view.add")
            .takes::<NewSavedView>()
            .answers::<SavedView>()
            .to(add),
        Route::post("/api/v1/story-views/{id}/name")
            .summary("Gives a saved view another name")
            .allow(OVERSEERS, Reach::OwnAccount)
            .audited("saved_view.rename")
            .takes::<SavedViewName>()
            .answers::<SavedView>()
            .to(rename),
        Route::delete("/api/v1/story-views/{id}")
            .summary("Removes a saved view")
            .allow(OVERSEERS, Reach::OwnAccount)
            .audited("saved_view.remove")
            .answers_nothing()
            .to(remove),
    ]
}

async fn list(State(centre): State<Centre>, caller: Caller) -> Result<Json<SavedViewList>, Refusal> {
    let user = &caller.signed_in().user;
    let views = centre.store.saved_views(user).await?;
    Ok(Json(SavedViewList { items: views.into_iter().map(|view| SavedView::of(view, user.id)).collect() }))
}

async fn add(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<NewSavedView>,
) -> Result<Json<SavedView>, Refusal> {
    let (user, now) = (&caller.signed_in().user, centre.clock.now());
    ask.filter.clone().filter(now)?;
    let filter = serde_json::to_string(&ask.filter).map_err(|error| Refusal::invalid(error.to_string()))?;
    let new = New { name: ask.name, filter, is_shared: ask.shared };
    let kept = centre.store.save_view(user, new, caller.audit(now)?).await?;
    Ok(Json(SavedView::of(kept, user.id)))
}

async fn rename(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(ask): Body<SavedViewName>,
) -> Result<Json<SavedView>, Refusal> {
    let (user, audit) = (&caller.signed_in().user, caller.audit(centre.clock.now())?);
    let kept = centre.store.rename_view(user, SavedViewId(id), &ask.name, audit).await?;
    Ok(Json(SavedView::of(kept, user.id)))
}

async fn remove(State(centre): State<Centre>, caller: Caller, Named(id): Named<i64>) -> Result<StatusCode, Refusal> {
    let audit = caller.audit(centre.clock.now())?;
    centre.store.remove_view(&caller.signed_in().user, SavedViewId(id), audit).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl SavedView {
    /// A filter that this release does not know any more is the usual one.
    fn of(view: Stored, reader: UserId) -> Self {
        Self {
            id: view.id.0,
            name: view.name,
            shared: view.is_shared,
            own: view.owner == reader,
            filter: serde_json::from_str(&view.filter).unwrap_or_default(),
        }
    }
}
