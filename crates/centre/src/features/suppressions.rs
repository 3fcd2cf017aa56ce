//! Suppressions: an analyst says "do not show alerts like these", with a reason and an end, after seeing what that would
//! have hidden.

use crate::{
    ask::{Asked, Body, Named, page},
    centre::Centre,
    guard::Caller,
    names::Names,
    refusal::Refusal,
    route::{Reach, Route, SECTOR},
    wire::{FacilityName, Moment, Severity, Text, mirror},
};
use axum::{Json, extract::State};
use phitak_model::Network;
use phitak_store::{
    NewSuppression as New, StoryId, Suppression as Stored, SuppressionFilter, SuppressionId, SuppressionReach,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Hospitals that a preview names.
const NAMES_SHOWN_MAX: usize = 10;

mirror!(
    /// Whether a suppression hides anything.
    SuppressionStanding = phitak_store::SuppressionStanding, "snake_case" { Active, Lifted, Expired }
);

#[derive(Debug, Serialize, ToSchema)]
pub struct Suppression {
    pub id: i64,
    pub gid: u32,
    pub signature_id: u32,
    pub signature: String,
    pub title: Text,
    /// Alerts of the signature that are more severe are shown
    pub severity: Severity,
    /// One hospital; without it and without `region`, every hospital
    pub facility: Option<FacilityName>,
    pub region: Option<u8>,
    /// Addresses or networks; any without
    pub source: Option<String>,
    pub destination: Option<String>,
    pub reason: String,
    pub standing: SuppressionStanding,
    pub created_at: Moment,
    pub created_by: String,
    pub expires_at: Moment,
    pub ended_at: Option<Moment>,
    pub ended_by: Option<String>,
    pub end_reason: Option<String>,
    /// Alerts that it hid so far, and of how many hospitals
    pub hidden_alerts: u64,
    pub hidden_facilities: u64,
    /// When it hid something last, by arrival
    pub hidden_at: Option<Moment>,
    /// The story that holds them
    pub hidden_story_id: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SuppressionPage {
    pub items: Vec<Suppression>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SuppressionPreview {
    pub gid: u32,
    pub signature_id: u32,
    pub signature: String,
    pub title: Text,
    /// As severe or less is hidden
    pub severity: Severity,
    /// Of the last 7 days, from here on: whole days of arrival (UTC)
    pub since: Moment,
    pub alerts: u64,
    pub stories: u64,
    pub facilities: u64,
    /// At most 10, most alerts first
    pub facility_names: Vec<FacilityName>,
    /// False when it is at least so many: counting one by one stops at 50,000 alerts
    pub exact: bool,
    /// Longest time that may be asked for
    pub days_max: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct SuppressionQuery {
    #[param(inline)]
    pub standing: Option<SuppressionStanding>,
    /// A signature's id
    pub signature: Option<u32>,
    /// Part of the signature or of the reason
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuery {
    /// A facility's code
    pub facility: Option<String>,
    /// An address or a network, such as 10.1.0.0/16
    pub source: Option<String>,
    pub destination: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuppression {
    /// One hospital; every hospital without
    #[serde(default)]
    pub facility: Option<String>,
    /// An address or a network, such as 10.1.0.0/16; any without
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub destination: Option<String>,
    /// 1 to 1000 characters
    pub reason: String,
    /// 1 to 180
    pub days: u32,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionEnd {
    /// 1 to 1000 characters
    pub reason: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/suppressions")
            .summary("What is hidden from the queue, by whom, why, until when, and how much it was; the latest first")
            .allow(SECTOR, Reach::Sector)
            .query::<SuppressionQuery>()
            .answers::<SuppressionPage>()
            .to(list),
        Route::get("/api/v1/stories/{id}/suppression")
            .summary("What a suppression of this story's signature would have hidden in the last 7 days")
            .allow(SECTOR, Reach::Tenant)
            .viewed("view.story")
            .query::<PreviewQuery>()
            .answers::<SuppressionPreview>()
            .to(preview),
        Route::post("/api/v1/stories/{id}/suppression")
            .summary("Hides alerts of this story's signature from the queue for a time")
            .allow(SECTOR, Reach::Tenant)
            .audited("suppression.add")
            .takes::<NewSuppression>()
            .answers::<Suppression>()
            .to(add),
        Route::post("/api/v1/suppressions/{id}/lift")
            .summary("Ends a suppression before its time, with a reason")
            .allow(SECTOR, Reach::Sector)
            .audited("suppression.lift")
            .takes::<SuppressionEnd>()
            .answers::<Suppression>()
            .to(lift),
    ]
}

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<SuppressionQuery>,
) -> Result<Json<SuppressionPage>, Refusal> {
    let filter =
        SuppressionFilter { standing: query.standing.map(Into::into), signature_id: query.signature, part: query.q };
    let ask = page(query.cursor, query.limit);
    let found = centre.store.suppressions(caller.scope(), &filter, centre.clock.now(), &ask).await?;
    let (total, next_cursor) = (found.total, found.next_cursor);
    Ok(Json(SuppressionPage { items: present(&centre, &caller, found.items).await?, total, next_cursor }))
}

async fn preview(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Asked(query): Asked<PreviewQuery>,
) -> Result<Json<SuppressionPreview>, Refusal> {
    let (store, scope, id) = (&centre.store, caller.scope(), StoryId(id));
    let story = store.story(scope, id).await?;
    let reach = reach(query.facility, query.source.as_deref(), query.destination.as_deref())?;
    caller.views(&centre, None, format!("story {id}")).await?;
    let found = store.preview_suppression(scope, id, &reach, centre.clock.now()).await?;
    let shown: Vec<&String> = found.facilities.iter().take(NAMES_SHOWN_MAX).map(|(code, _)| code).collect();
    let names = Names::load(store, scope, shown.iter().copied().cloned()).await?;
    Ok(Json(SuppressionPreview {
        gid: story.gid,
        signature_id: story.signature_id,
        title: centre.texts.of(story.signature_id, &story.signature).title,
        signature: story.signature,
        severity: story.severity.into(),
        since: found.since.into(),
        alerts: found.alerts,
        stories: found.stories,
        facilities: found.facilities.len() as u64,
        facility_names: shown.into_iter().map(|code| names.name(code)).collect(),
        exact: found.exact,
        days_max: phitak_store::SUPPRESSION_DAYS_MAX,
    }))
}

async fn add(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(ask): Body<NewSuppression>,
) -> Result<Json<Suppression>, Refusal> {
    let reach = reach(ask.facility, ask.source.as_deref(), ask.destination.as_deref())?;
    let new = New { story: StoryId(id), reach, reason: ask.reason, days: ask.days };
    let set = centre.store.suppress(caller.scope(), new, caller.audit(centre.clock.now())?).await?;
    one(&centre, &caller, set).await
}

async fn lift(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(ask): Body<SuppressionEnd>,
) -> Result<Json<Suppression>, Refusal> {
    let (scope, audit) = (caller.scope(), caller.audit(centre.clock.now())?);
    let lifted = centre.store.lift_suppression(scope, SuppressionId(id), &ask.reason, audit).await?;
    one(&centre, &caller, lifted).await
}

fn reach(
    facility: Option<String>,
    source: Option<&str>,
    destination: Option<&str>,
) -> Result<SuppressionReach, Refusal> {
    let said = |text: &&str| !text.trim().is_empty();
    let network = |text: Option<&str>| {
        let read = text.filter(said).map(str::parse::<Network>).transpose();
        read.map_err(|error| Refusal::invalid(error.to_string()))
    };
    Ok(SuppressionReach {
        facility: facility.filter(|code| said(&code.as_str())),
        source: network(source)?,
        destination: network(destination)?,
    })
}

async fn one(centre: &Centre, caller: &Caller, stored: Stored) -> Result<Json<Suppression>, Refusal> {
    present(centre, caller, vec![stored]).await?.pop().map(Json).ok_or_else(Refusal::not_found)
}

async fn present(centre: &Centre, caller: &Caller, all: Vec<Stored>) -> Result<Vec<Suppression>, Refusal> {
    let codes = all.iter().filter_map(|one| one.facility.clone());
    let names = Names::load(&centre.store, caller.scope(), codes).await?;
    Ok(all
        .into_iter()
        .map(|one| Suppression {
            id: one.id.0,
            gid: one.gid,
            signature_id: one.signature_id,
            title: centre.texts.of(one.signature_id, &one.signature).title,
            signature: one.signature,
            severity: one.severity.into(),
            facility: one.facility.as_deref().map(|code| names.name(code)),
            region: one.region,
            source: one.source,
            destination: one.destination,
            reason: one.reason,
            standing: one.standing.into(),
            created_at: one.created_at.into(),
            created_by: one.created_by,
            expires_at: one.expires_at.into(),
            ended_at: one.ended_at.map(Moment),
            ended_by: one.ended_by,
            end_reason: one.end_reason,
            hidden_alerts: one.hidden.alerts,
            hidden_facilities: one.hidden.facilities,
            hidden_at: one.hidden.last_at.map(Moment),
            hidden_story_id: one.hidden.story.map(|id| id.0),
        })
        .collect())
}
