//! The analysts' queue: one story a signature, with all its hospitals that the caller may see.

use crate::{
    announce::{Announcement, News},
    ask::{Asked, Body, Named, page},
    centre::Centre,
    guard::{Caller, views_one},
    names::Names,
    refusal::Refusal,
    route::{Reach, Route, SECTOR, SIGNED_IN},
    story_ask::{Since, StoryAsk},
    wire::{FacilityName, Moment, Severity, StoryStatus, Text, Verdict},
    wire_alert::AlertLine,
};
use axum::{Json, extract::State};
use phitak_store::{
    Scope, Story as StoredStory, StoryFilter, StoryId,
    alerts::RelatedAt,
    story_places::{FACILITIES_SHOWN_MAX, StoryAt},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub struct Story {
    pub id: i64,
    pub signature_id: u32,
    pub signature: String,
    pub title: Text,
    pub severity: Severity,
    pub status: StoryStatus,
    /// What hides it from the queue
    pub suppression_id: Option<i64>,
    pub verdict: Option<Verdict>,
    /// Null for those outside the sector's own team
    pub assignee: Option<Assignee>,
    /// Of what arrived within the time that was asked for, counted by whole hours up to a day and by whole days (UTC)
    /// beyond; so are `regions`, `facility_names`, `alerts`, `first_at` and `last_at`
    pub facilities: u64,
    pub regions: u64,
    /// At most 5
    pub facility_names: Vec<FacilityName>,
    pub alerts: u64,
    /// Of all time
    pub alerts_all: u64,
    /// Technique ids of MITRE ATT&CK
    pub attack: Vec<String>,
    /// Packet time of the first and the last alert
    pub first_at: Moment,
    pub last_at: Moment,
    /// When the latest alert reached the centre: the time by which `since` and `up_to` count
    pub arrived_at: Moment,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Assignee {
    pub id: i64,
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct StoryPage {
    pub items: Vec<Story>,
    pub total: u64,
    /// False when `total` is a lower bound (counting stops at 10,000)
    pub total_exact: bool,
    pub next_cursor: Option<String>,
    /// When the newest alert among all that match reached the centre: what `up_to` of a triage freezes
    pub latest_at: Option<Moment>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct StoryDetail {
    #[serde(flatten)]
    pub story: Story,
    pub what: Text,
    pub why: Text,
    pub step: Text,
    pub per_facility: Vec<StoryFacility>,
    /// At most 50
    pub alerts_latest: Vec<AlertLine>,
    /// Other stories at the same hosts of the same hospital within two hours
    pub related: Vec<RelatedStory>,
    pub history: Vec<StoryEvent>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct StoryFacility {
    pub code: String,
    pub name: Text,
    pub region: u8,
    pub alerts: u64,
    pub first_at: Moment,
    pub last_at: Moment,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RelatedStory {
    pub story_id: i64,
    pub title: Text,
    pub severity: Severity,
    pub facility: FacilityName,
    pub first_at: Moment,
    pub alerts: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct StoryEvent {
    pub at: Moment,
    /// Null for those outside the sector's own team
    pub who: Option<String>,
    /// `acknowledge`, `close`, `reopen`, `suppress`, `undo`, or `returned` (new alerts after it was closed)
    pub action: String,
    pub verdict: Option<Verdict>,
    /// Null for those outside the sector's own team
    pub reason: Option<String>,
    /// The colleague to whom it was given; null for those outside the sector's own team
    pub assignee: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Triage {
    pub action: TriageAction,
    /// Needed to close
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// At most 1000 characters
    #[serde(default)]
    pub reason: Option<String>,
    /// `latest_at` or `arrived_at` as the page showed it: alerts that arrived later stay new
    pub up_to: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriageAction {
    Acknowledge,
    Close,
    Reopen,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct StoryQuery {
    /// One or more of `new`, `acknowledged`, `closed`, `suppressed`, with commas; without it the first two
    pub status: Option<String>,
    /// One or more of `low`, `medium`, `high`, `critical`, with commas
    pub severity: Option<String>,
    pub region: Option<u8>,
    /// A facility's code
    pub facility: Option<String>,
    /// A signature's id
    pub signature: Option<u32>,
    /// By arrival at the centre; `24h` without it
    #[param(inline)]
    pub since: Option<Since>,
    /// A technique of MITRE ATT&CK, with its sub-techniques: `T1021` or `T1021.002`
    pub technique: Option<String>,
    /// Part of the signature's text or its id
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/stories")
            .summary("The queue, the latest arrived first")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.facility")
            .query::<StoryQuery>()
            .answers::<StoryPage>()
            .to(list),
        Route::get("/api/v1/stories/{id}")
            .summary("One story, whole")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.story")
            .answers::<StoryDetail>()
            .to(detail),
        Route::post("/api/v1/stories/{id}/triage")
            .summary("Acknowledge, close with a verdict, or reopen")
            .allow(SECTOR, Reach::Tenant)
            .audited("story.triage")
            .takes::<Triage>()
            .answers::<Story>()
            .to(triage),
    ]
}

/// Latest alerts that a story shows.
const ALERTS_SHOWN_MAX: u64 = 50;
/// Hospitals that a story in a list names.
const NAMES_SHOWN_MAX: u64 = 5;

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<StoryQuery>,
) -> Result<Json<StoryPage>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    views_one(&centre, &caller, query.facility.as_deref()).await?;
    let StoryQuery { status, severity, region, facility, signature, since, technique, q, cursor, limit } = query;
    let asked = StoryAsk { status, severity, region, facility, signature, since, technique, q };
    let filter = asked.filter(centre.clock.now())?;
    let found = store.stories(scope, &filter, &page(cursor, limit)).await?;
    let items = present(&centre, scope, &filter, &found.items).await?;
    Ok(Json(StoryPage {
        items,
        total: found.total,
        total_exact: found.total_exact,
        next_cursor: found.next_cursor,
        latest_at: found.latest_at.map(Moment),
    }))
}

async fn detail(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
) -> Result<Json<StoryDetail>, Refusal> {
    let (store, scope, id) = (&centre.store, caller.scope(), StoryId(id));
    let story = store.story(scope, id).await?;
    caller.views(&centre, None, format!("story {id}")).await?;
    let text = centre.texts.of(story.signature_id, &story.signature);
    let places = store.story_at(scope, &StoryFilter::default(), &[id], FACILITIES_SHOWN_MAX).await?;
    let alerts = store.latest_alerts(scope, id, ALERTS_SHOWN_MAX).await?;
    let related = store.related(scope, id, &alerts).await?;
    let codes = places
        .iter()
        .map(|place| &place.facility)
        .chain(alerts.iter().map(|alert| &alert.facility))
        .chain(related.iter().map(|at| &at.facility));
    let names = Names::load(store, scope, codes.cloned()).await?;
    let history = store.story_events(scope, id).await?;
    let story = present(&centre, scope, &StoryFilter::default(), std::slice::from_ref(&story))
        .await?
        .pop()
        .ok_or_else(Refusal::not_found)?;
    Ok(Json(StoryDetail {
        story,
        what: text.what,
        why: text.why,
        step: text.step,
        per_facility: places.iter().map(|place| StoryFacility::of(place, &names)).collect(),
        alerts_latest: alerts.iter().map(|alert| AlertLine::of(alert, &names)).collect(),
        related: neighbours(&centre, scope, &related, &names).await?,
        history: history.into_iter().map(StoryEvent::of).collect(),
    }))
}

async fn triage(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(ask): Body<Triage>,
) -> Result<Json<Story>, Refusal> {
    let (store, scope, id) = (&centre.store, caller.scope(), StoryId(id));
    let user = &caller.signed_in().user;
    let triage = phitak_store::Triage {
        action: match ask.action {
            TriageAction::Acknowledge => phitak_store::TriageAction::Acknowledge,
            TriageAction::Close => phitak_store::TriageAction::Close,
            TriageAction::Reopen => phitak_store::TriageAction::Reopen,
        },
        verdict: ask.verdict.map(phitak_store::Verdict::from),
        reason: ask.reason,
        up_to: ask.up_to.0,
        by: (user.id, user.name.clone()),
    };
    let story = store.triage(scope, id, triage, caller.audit(centre.clock.now())?).await?;
    for (facility, region) in store.story_places(scope, id).await? {
        // When it was last seen elsewhere is nothing for this hospital.
        let news = News::Story { id, severity: story.severity, last_at: centre.clock.now() };
        centre.announcer.tell(Announcement { facility, region, news });
    }
    let story =
        present(&centre, scope, &StoryFilter::default(), &[story]).await?.pop().ok_or_else(Refusal::not_found)?;
    Ok(Json(story))
}

/// Stories in the caller's words.
async fn present(
    centre: &Centre,
    scope: &Scope,
    filter: &StoryFilter,
    stories: &[StoredStory],
) -> Result<Vec<Story>, Refusal> {
    let ids: Vec<StoryId> = stories.iter().map(|story| story.id).collect();
    let places = centre.store.story_at(scope, filter, &ids, NAMES_SHOWN_MAX).await?;
    let names = Names::load(&centre.store, scope, places.iter().map(|place| place.facility.clone())).await?;
    Ok(stories
        .iter()
        .map(|story| Story {
            id: story.id.0,
            signature_id: story.signature_id,
            signature: story.signature.clone(),
            title: centre.texts.of(story.signature_id, &story.signature).title,
            severity: story.severity.into(),
            status: story.status.into(),
            suppression_id: story.suppression.map(|id| id.0),
            verdict: story.verdict.map(Verdict::from),
            assignee: story
                .assignee
                .clone()
                .filter(|_| scope.is_whole_sector())
                .map(|(id, name)| Assignee { id: id.0, name }),
            facilities: story.facilities,
            regions: story.regions,
            facility_names: places
                .iter()
                .filter(|place| place.story == story.id)
                .map(|place| names.name(&place.facility))
                .collect(),
            alerts: story.alerts,
            alerts_all: story.alerts_all,
            attack: story.attack.clone(),
            first_at: story.first_at.into(),
            last_at: story.last_at.into(),
            arrived_at: story.arrived_at.into(),
        })
        .collect())
}

async fn neighbours(
    centre: &Centre,
    scope: &Scope,
    related: &[RelatedAt],
    names: &Names,
) -> Result<Vec<RelatedStory>, Refusal> {
    let mut shown = Vec::with_capacity(related.len());
    for at in related {
        let story = centre.store.story(scope, at.story).await?;
        shown.push(RelatedStory {
            story_id: at.story.0,
            title: centre.texts.of(story.signature_id, &story.signature).title,
            severity: story.severity.into(),
            facility: names.name(&at.facility),
            first_at: at.first_at.into(),
            alerts: at.alerts,
        });
    }
    Ok(shown)
}

impl StoryFacility {
    fn of(place: &StoryAt, names: &Names) -> Self {
        let FacilityName { code, name } = names.name(&place.facility);
        Self {
            code,
            name,
            region: place.region,
            alerts: place.alerts,
            first_at: place.first_at.into(),
            last_at: place.last_at.into(),
        }
    }
}

impl StoryEvent {
    fn of(event: phitak_store::triage::StoryEvent) -> Self {
        Self {
            at: event.at.into(),
            who: event.who,
            action: event.action,
            verdict: event.verdict.map(Verdict::from),
            reason: event.reason,
            assignee: event.assignee,
        }
    }
}
