//! Bulk over all that match: the queue's filter is frozen into a selection, which is then handled as one and can be taken
//! back as one.

use crate::{
    announce::{Announcement, News},
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
    route::{Reach, Route, SECTOR},
    story_ask::StoryAsk,
    wire::{Moment, Verdict},
};
use axum::{Json, extract::State};
use phitak_model::{FacilityCode, HealthRegion};
use phitak_store::{Role, SelectionId, SelectionJudgement, SelectionOutcome as Stored, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Selection {
    pub id: i64,
    /// Stories that are frozen: at most 2,000, those that arrived latest
    pub stories: u64,
    /// All that match
    pub total: u64,
    /// False when `total` is a lower bound (counting stops at 10,000)
    pub total_exact: bool,
    /// What had arrived by then is meant
    pub up_to: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectionAction {
    Acknowledge,
    Close,
    Reopen,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectionTriage {
    pub action: SelectionAction,
    /// Needed to close
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Needed to close; at most 1000 characters
    #[serde(default)]
    pub reason: Option<String>,
    /// Login of the colleague who takes them, when acknowledging; the caller without
    #[serde(default)]
    pub assignee: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectionUndo {}

#[derive(Debug, Serialize, ToSchema)]
pub struct SelectionOutcome {
    pub changed: u64,
    /// Stories that somebody else changed meanwhile: left as they are
    pub left: u64,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/story-selections")
            .summary("Freezes the stories that match now, to handle them as one within a day")
            .allow(SECTOR, Reach::Sector)
            .only_in_a_session()
            .audited("story.select")
            .takes::<StoryAsk>()
            .answers::<Selection>()
            .to(select),
        Route::post("/api/v1/story-selections/{id}/triage")
            .summary("Acknowledges, closes or reopens all of a selection")
            .allow(SECTOR, Reach::Sector)
            .only_in_a_session()
            .audited("story.triage_many")
            .takes::<SelectionTriage>()
            .answers::<SelectionOutcome>()
            .to(triage),
        Route::post("/api/v1/story-selections/{id}/undo")
            .summary("Takes back what was done with a selection, where nobody has judged otherwise since")
            .allow(SECTOR, Reach::Sector)
            .only_in_a_session()
            .audited("story.undo_many")
            .takes::<SelectionUndo>()
            .answers::<SelectionOutcome>()
            .to(undo),
    ]
}

async fn select(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<StoryAsk>,
) -> Result<Json<Selection>, Refusal> {
    let now = centre.clock.now();
    let by = caller.signed_in().user.id;
    let frozen = centre.store.select_stories(caller.scope(), &ask.filter(now)?, by, caller.audit(now)?).await?;
    Ok(Json(Selection {
        id: frozen.id.0,
        stories: frozen.stories,
        total: frozen.total,
        total_exact: frozen.total_exact,
        up_to: frozen.up_to.into(),
    }))
}

async fn triage(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(ask): Body<SelectionTriage>,
) -> Result<Json<SelectionOutcome>, Refusal> {
    let user = &caller.signed_in().user;
    let by = (user.id, user.name.clone());
    let assignee = match ask.assignee.as_deref().map(str::trim).filter(|login| !login.is_empty()) {
        Some(login) => of_the_team(&centre, login).await?,
        None => by.clone(),
    };
    let judgement = SelectionJudgement {
        action: match ask.action {
            SelectionAction::Acknowledge => phitak_store::TriageAction::Acknowledge,
            SelectionAction::Close => phitak_store::TriageAction::Close,
            SelectionAction::Reopen => phitak_store::TriageAction::Reopen,
        },
        verdict: ask.verdict.map(phitak_store::Verdict::from),
        reason: ask.reason,
        assignee,
        by,
    };
    let audit = caller.audit(centre.clock.now())?;
    let outcome = centre.store.triage_selection(SelectionId(id), judgement, audit).await?;
    Ok(told(&centre, outcome))
}

async fn undo(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(SelectionUndo {}): Body<SelectionUndo>,
) -> Result<Json<SelectionOutcome>, Refusal> {
    let user = &caller.signed_in().user;
    let audit = caller.audit(centre.clock.now())?;
    let outcome = centre.store.undo_selection(SelectionId(id), (user.id, user.name.clone()), audit).await?;
    Ok(told(&centre, outcome))
}

/// An account of the sector's own team that may sign in.
async fn of_the_team(centre: &Centre, login: &str) -> Result<(UserId, String), Refusal> {
    let may_sign_in = centre.store.password_hash(login).await?.is_some();
    let user = centre.store.user_by_login(login).await?;
    let user = user.filter(|user| may_sign_in && matches!(user.role, Role::Administrator | Role::Analyst));
    let user = user.ok_or_else(|| Refusal::invalid(format!("nobody of the team signs in as {login:?}")))?;
    Ok((user.id, user.name))
}

/// One word a hospital: its pages ask again, whatever the number of stories.
fn told(centre: &Centre, outcome: Stored) -> Json<SelectionOutcome> {
    let Stored { changed, left, places } = outcome;
    places.into_iter().for_each(|(facility, region): (FacilityCode, HealthRegion)| {
        centre.announcer.tell(Announcement { facility, region, news: News::Stories });
    });
    Json(SelectionOutcome { changed, left })
}
