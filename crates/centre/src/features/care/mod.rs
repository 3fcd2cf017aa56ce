//! The hospital's own page: one state, one list in plain words, and the answers it gives.

mod bulletin;
mod item;

pub use bulletin::CareBulletin;
pub use item::{CareItem, CareItemState, CareItemType};

use crate::{
    announce::{Announcement, News},
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    inventory::finding_values,
    names,
    refusal::Refusal,
    route::{RESPONDERS, Reach, Route, SIGNED_IN},
    wire::{Moment, Response, SensorStatus, Severity, Text},
};
use axum::{Json, extract::State};
use phitak_assets::Finding;
use phitak_model::{FacilityCode, FindingState, Timestamp, thai::BANGKOK_OFFSET_SECS};
use phitak_store::{
    AuditLine, FindingId, FindingValues, Scope, StoreError,
    ingest::SEQUENCE_GAP,
    sensors::{LossRecord, Sensor},
};
use phitak_uplink::policy::{FIELDS, LEAVES_IN_SHORT, NEVER_LEAVES};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Care {
    pub facility: CareFacility,
    pub at: Moment,
    pub state: CareState,
    /// Whom to call
    pub phone: String,
    /// Most urgent first
    pub items: Vec<CareItem>,
    pub verified_this_month: u64,
    pub sensor: CareSensor,
    /// All that leaves the hospital
    pub leaves: Vec<Leaving>,
    /// The same in a few plain lines
    pub leaves_in_short: Vec<Text>,
    pub never_leaves: Vec<Text>,
}

/// ปกติ, ต้องทำสิ่งนี้, โทรหาเรา
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CareState {
    Calm,
    Act,
    Call,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CareFacility {
    pub code: String,
    pub name: Text,
    pub region: u8,
    pub province: Text,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CareSensor {
    pub status: SensorStatus,
    pub last_seen_at: Option<Moment>,
    /// Since when without a silence
    pub watching_since_at: Option<Moment>,
    pub losses: Vec<CareLoss>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CareLoss {
    pub cause: String,
    pub count: u64,
    pub from: Moment,
    pub until: Moment,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Leaving {
    pub field: String,
    pub why: Text,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub response: Response,
    /// Needed with `cannot`; at most 1000 characters
    #[serde(default)]
    pub reason: Option<String>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/facilities/{code}/care")
            .summary("The hospital's own page")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.care")
            .answers::<Care>()
            .to(care),
        Route::post("/api/v1/findings/{id}/response")
            .summary("The hospital's answer to a finding")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("finding.response")
            .takes::<Answer>()
            .answers::<CareItem>()
            .to(respond),
        Route::post("/api/v1/bulletins/{id}/recipients/{code}/answer")
            .summary("The hospital's answer to an early warning")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("bulletin.answer")
            .takes::<bulletin::BulletinReply>()
            .answers::<CareItem>()
            .to(bulletin::reply),
        Route::post("/api/v1/bulletins/{id}/recipients/{code}/rating")
            .summary("Whether an early warning was useful to the hospital")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("bulletin.rate")
            .takes::<bulletin::BulletinRating>()
            .answers::<CareItem>()
            .to(bulletin::rate),
    ]
}

/// Stories on one hospital's page.
const STORIES_MAX: u64 = 50;
/// Early warnings on one hospital's page.
const BULLETINS_MAX: u64 = 50;
/// Findings that one answer to an early warning claims.
const CLAIMED_MAX: usize = 200;
/// How long a verified finding stays on the page.
const VERIFIED_SHOWN_SECS: i64 = 30 * 86_400;

async fn care(State(centre): State<Centre>, caller: Caller, Named(code): Named<String>) -> Result<Json<Care>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let silent_before = centre.silent_before(now);
    let facility = store.facility(scope, &code).await?;
    caller.views(&centre, Some(&facility.code), format!("facility {code}")).await?;
    let findings = store.findings_of_care(scope, &facility.code, now.plus_secs(-VERIFIED_SHOWN_SECS)).await?;
    let hosts: Vec<(&str, &str)> = findings.iter().map(|f| (f.facility.as_str(), f.host.as_str())).collect();
    let host_names = store.names_of_hosts(scope, &hosts).await?;
    let sensors = store.sensors_of(scope, &[facility.code.to_string()]).await?;
    let losses = store.losses_of(scope, &facility.code).await?;
    let sensor = CareSensor::of(&sensors, &losses, silent_before);
    let mut items: Vec<CareItem> = Vec::new();
    for open in store.open_stories_at(scope, &facility.code, STORIES_MAX).await? {
        let machines = store.machines_of_story(scope, open.story.id, &facility.code).await?;
        items.push(CareItem::of_story(&centre, &open, machines));
    }
    let since = now.plus_secs(-VERIFIED_SHOWN_SECS);
    let warnings = store.bulletins_of_care(scope, &facility.code, since, BULLETINS_MAX).await?;
    let contents = store.bulletin_contents(scope, &warnings).await?;
    for warning in &warnings {
        let content = contents.iter().find(|(id, _)| *id == warning.bulletin);
        items.extend(content.map(|(_, content)| CareItem::of_bulletin(warning, content)));
    }
    items.extend(CareItem::of_sensor(&sensor, now));
    for (record, host_name) in findings.iter().zip(host_names) {
        items.push(CareItem::of_finding(record, host_name)?);
    }
    items.sort_by_key(CareItem::urgency);
    Ok(Json(Care {
        facility: CareFacility {
            code: facility.code.to_string(),
            name: names::text(&facility),
            region: facility.region.number(),
            province: Text::province(&facility.province_code),
        },
        at: now.into(),
        state: state_of(&items),
        phone: centre.settings.phone.clone(),
        verified_this_month: store.verified_since(scope, &facility.code, start_of_month(now)).await?,
        items,
        sensor,
        leaves: FIELDS
            .iter()
            .map(|field| Leaving { field: field.path.to_owned(), why: Text::new(field.th, field.en) })
            .collect(),
        leaves_in_short: words(LEAVES_IN_SHORT),
        never_leaves: words(NEVER_LEAVES),
    }))
}

fn words(lines: &[(&str, &str)]) -> Vec<Text> {
    lines.iter().map(|(th, en)| Text::new(*th, *en)).collect()
}

async fn respond(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(answer): Body<Answer>,
) -> Result<Json<CareItem>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let (response, reason) = (answer.response.into(), answer.reason);
    let given = reason.as_deref();
    let change = move |body: &str| -> Result<FindingValues, String> {
        let finding: Finding = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let next = phitak_assets::finding::respond(finding, response, given, now).map_err(|error| error.to_string())?;
        finding_values(&next)
    };
    let reason = given.map(str::trim).filter(|reason| !reason.is_empty());
    let record = store.answer_finding(scope, FindingId(id), change, reason, caller.audit(now)?).await?;
    centre.announcer.tell(Announcement {
        facility: record.facility.clone(),
        region: record.region,
        news: News::Finding { id: record.id, state: record.state },
    });
    let host_names = store.names_of_hosts(scope, &[(record.facility.as_str(), record.host.as_str())]).await?;
    Ok(Json(CareItem::of_finding(&record, host_names.into_iter().next().flatten())?))
}

/// Says ทำแล้ว to every finding of a kind that is open at a hospital.
async fn claim_all(
    centre: &Centre,
    scope: &Scope,
    facility: &FacilityCode,
    kind: &str,
    audit: &AuditLine,
) -> Result<(), Refusal> {
    let (findings, _) = centre.store.findings_of_kind(scope, kind, Some(facility)).await?;
    let open = |state| matches!(state, FindingState::Open | FindingState::Reopened);
    for finding in findings.iter().filter(|finding| open(finding.state)).take(CLAIMED_MAX) {
        let now = audit.at;
        let change = move |body: &str| -> Result<FindingValues, String> {
            let finding: Finding = serde_json::from_str(body).map_err(|error| error.to_string())?;
            let done = phitak_model::Response::Done;
            let next = phitak_assets::finding::respond(finding, done, None, now).map_err(|error| error.to_string())?;
            finding_values(&next)
        };
        match centre.store.answer_finding(scope, finding.id, change, None, audit.clone()).await {
            // Traffic may have moved it meanwhile: then its own state stands.
            Err(StoreError::Invalid { .. } | StoreError::NotFound) => {}
            Err(error) => return Err(error.into()),
            Ok(record) => centre.announcer.tell(Announcement {
                facility: record.facility,
                region: record.region,
                news: News::Finding { id: record.id, state: record.state },
            }),
        }
    }
    Ok(())
}

/// - *call*: a story of high or critical severity that the centre has not looked at yet;
/// - *act*: anything else that is open;
/// - *calm*: nothing but what is claimed, verified, or in the centre's hands.
fn state_of(items: &[CareItem]) -> CareState {
    let mut state = CareState::Calm;
    for item in items.iter().filter(|item| item.waits_for_hospital()) {
        let call =
            item.item == CareItemType::Story && item.severity >= Severity::High && item.state == CareItemState::Open;
        if call {
            return CareState::Call;
        }
        state = CareState::Act;
    }
    state
}

/// The first moment of this month in Bangkok.
fn start_of_month(now: Timestamp) -> Timestamp {
    let civil = now.civil(BANGKOK_OFFSET_SECS);
    let text = format!("{:04}-{:02}-01T00:00:00+07:00", civil.year, civil.month);
    Timestamp::parse(&text).unwrap_or(now)
}

impl CareSensor {
    fn of(sensors: &[Sensor], losses: &[LossRecord], silent_before: Timestamp) -> Self {
        let latest = sensors.iter().max_by_key(|sensor| sensor.last_seen_at);
        let heard_at = latest.and_then(|sensor| sensor.last_seen_at);
        let status = SensorStatus::of(heard_at, silent_before);
        let since = latest.and_then(|sensor| sensor.watching_since_at);
        Self {
            status,
            last_seen_at: heard_at.map(Moment),
            watching_since_at: since.filter(|_| status == SensorStatus::Watching).map(Moment),
            losses: losses
                .iter()
                // Nothing at the hospital is amiss, and nothing there can mend it.
                .filter(|loss| loss.cause != SEQUENCE_GAP)
                .map(|loss| CareLoss {
                    cause: loss.cause.clone(),
                    count: loss.count,
                    from: loss.from.into(),
                    until: loss.until.into(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_bangkok() {
        let start = |text: &str| start_of_month(Timestamp::parse(text).expect("a moment")).iso();
        assert_eq!(start("2026-11-24T02:14:00Z"), "2026-10-31T17:00:00.000000Z");
        assert_eq!(start("2026-10-31T18:00:00Z"), "2026-10-31T17:00:00.000000Z");
        assert_eq!(start("2026-10-31T16:59:59Z"), "2026-09-30T17:00:00.000000Z");
    }
}
