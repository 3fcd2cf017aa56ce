//! The hospital's own page: one state, one list in plain words, and the answers it gives.

use crate::{
    announce::{Announcement, News},
    ask::{Body, Named},
    care_texts,
    centre::Centre,
    guard::Caller,
    inventory::finding_values,
    names,
    refusal::Refusal,
    route::{RESPONDERS, Reach, Route, SIGNED_IN},
    wire::{HostName, Labelled, Moment, Response, SensorStatus, Severity, Text},
};
use axum::{Json, extract::State};
use phitak_assets::{Finding, Weakness};
use phitak_model::{FindingState, Timestamp, thai::BANGKOK_OFFSET_SECS};
use phitak_store::{
    FindingId, FindingRecord, FindingValues, StoreError,
    ingest::SEQUENCE_GAP,
    sensors::{LossRecord, Sensor},
    stories::OpenStory,
};
use phitak_uplink::policy::{FIELDS, NEVER_LEAVES};
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

/// One thing on the hospital's page.
#[derive(Debug, Serialize, ToSchema)]
pub struct CareItem {
    /// With `type` it names the item; 0 for the sensor
    pub id: i64,
    #[serde(rename = "type")]
    pub item: CareItemType,
    pub kind: String,
    pub title: Text,
    pub severity: Severity,
    pub state: CareItemState,
    pub due_at: Option<Moment>,
    pub safe_until_morning: bool,
    /// What happened
    pub what: Text,
    /// Why it matters for patients and work
    pub why: Text,
    pub steps: Vec<Text>,
    /// What can go wrong
    pub risk: Text,
    pub undo: Text,
    pub who: Text,
    pub minutes: u32,
    /// How we will know that it is fixed
    pub proof: Text,
    pub host: Option<HostName>,
    pub response: Option<Response>,
    pub response_reason: Option<String>,
    pub first_seen_at: Moment,
    pub last_seen_at: Moment,
    pub claimed_at: Option<Moment>,
    pub verified_at: Option<Moment>,
    /// Details to hand to the vendor
    pub technical: Vec<Labelled>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CareItemType {
    Finding,
    Story,
    /// The sensor itself is silent or missing
    Sensor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CareItemState {
    Open,
    Claimed,
    Verified,
    Reopened,
    /// A story that the centre is working on
    Acknowledged,
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
            .answers::<Care>()
            .to(care),
        Route::post("/api/v1/findings/{id}/response")
            .summary("The hospital's answer to a finding")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("finding.response")
            .takes::<Answer>()
            .answers::<CareItem>()
            .to(respond),
    ]
}

/// Stories on one hospital's page.
const STORIES_MAX: u64 = 50;
/// How long a verified finding stays on the page.
const VERIFIED_SHOWN_SECS: i64 = 30 * 86_400;
const DAY_SECS: i64 = 86_400;

async fn care(
    State(centre): State<Centre>,
    caller: Caller,
    Named(code): Named<String>,
) -> Result<Json<Care>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let silent_before = centre.silent_before(now);
    let facility = store.facility(scope, &code).await?;
    let findings = store.findings_of_care(scope, &facility.code, now.plus_secs(-VERIFIED_SHOWN_SECS)).await?;
    let hosts: Vec<(&str, &str)> = findings.iter().map(|f| (f.facility.as_str(), f.host.as_str())).collect();
    let host_names = store.names_of_hosts(scope, &hosts).await?;
    let sensors = store.sensors_of(scope, &[facility.code.to_string()]).await?;
    let losses = store.losses_of(scope, &facility.code).await?;
    let sensor = CareSensor::of(&sensors, &losses, silent_before);
    let mut items: Vec<CareItem> = Vec::new();
    for open in store.open_stories_at(scope, &facility.code, STORIES_MAX).await? {
        items.push(CareItem::of_story(&centre, &open));
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
        never_leaves: NEVER_LEAVES.iter().map(|(th, en)| Text::new(*th, *en)).collect(),
    }))
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

/// - *call*: a story of high or critical severity that the centre has not looked at yet;
/// - *act*: anything else that is open;
/// - *calm*: nothing but what is claimed or verified.
fn state_of(items: &[CareItem]) -> CareState {
    let open = |item: &&CareItem| !matches!(item.state, CareItemState::Claimed | CareItemState::Verified);
    let mut state = CareState::Calm;
    for item in items.iter().filter(open) {
        let call = item.item == CareItemType::Story
            && item.severity >= Severity::High
            && item.state == CareItemState::Open;
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
                // The sensor tells itself what became of the missing numbers.
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

impl CareItem {
    /// Smaller is more urgent: what is open before what waits for proof before what is done; stories first; then severity.
    fn urgency(&self) -> (u8, u8, std::cmp::Reverse<Severity>, Moment, i64) {
        let state = match (self.state, self.item) {
            (CareItemState::Open, CareItemType::Story) => 0,
            (CareItemState::Open | CareItemState::Reopened | CareItemState::Acknowledged, _) => 1,
            (CareItemState::Claimed, _) => 2,
            (CareItemState::Verified, _) => 3,
        };
        let kind = match self.item {
            CareItemType::Story => 0,
            CareItemType::Sensor => 1,
            CareItemType::Finding => 2,
        };
        (state, kind, std::cmp::Reverse(self.severity), self.first_seen_at, self.id)
    }

    fn of_story(centre: &Centre, open: &OpenStory) -> Self {
        let story = &open.story;
        let text = centre.texts.of(story.signature_id, &story.signature);
        let severity = Severity::from(story.severity);
        Self {
            id: story.id.0,
            item: CareItemType::Story,
            kind: "story".to_owned(),
            title: text.title,
            severity,
            state: if open.acknowledged { CareItemState::Acknowledged } else { CareItemState::Open },
            due_at: None,
            safe_until_morning: severity < Severity::High || open.acknowledged,
            what: text.what,
            why: text.why,
            steps: vec![text.step],
            risk: care_texts::story_risk(),
            undo: care_texts::story_undo(),
            who: care_texts::story_who(),
            minutes: care_texts::STORY_MINUTES,
            proof: care_texts::story_proof(),
            host: None,
            response: None,
            response_reason: None,
            first_seen_at: story.first_at.into(),
            last_seen_at: story.last_at.into(),
            claimed_at: None,
            verified_at: None,
            technical: vec![
                Labelled { label: Text::new("ชื่อกฎตรวจจับ", "Detection rule"), value: story.signature.clone() },
                Labelled { label: Text::new("เลขกฎ", "Rule number"), value: story.signature_id.to_string() },
                Labelled { label: Text::new("จำนวนครั้งที่พบ", "Times seen"), value: story.alerts.to_string() },
            ],
        }
    }

    fn of_sensor(sensor: &CareSensor, now: Timestamp) -> Option<Self> {
        let words = match sensor.status {
            SensorStatus::Watching => return None,
            SensorStatus::Silent => care_texts::sensor_silent(),
            SensorStatus::Never => care_texts::sensor_never(),
        };
        let since = sensor.last_seen_at.unwrap_or(Moment(now));
        Some(Self {
            id: 0,
            item: CareItemType::Sensor,
            kind: words.kind.to_owned(),
            title: words.title,
            severity: Severity::Medium,
            state: CareItemState::Open,
            due_at: None,
            safe_until_morning: true,
            what: words.what,
            why: care_texts::sensor_why(),
            steps: words.steps,
            risk: care_texts::sensor_risk(),
            undo: care_texts::sensor_undo(),
            who: care_texts::sensor_who(),
            minutes: care_texts::SENSOR_MINUTES,
            proof: care_texts::sensor_proof(),
            host: None,
            response: None,
            response_reason: None,
            first_seen_at: since,
            last_seen_at: since,
            claimed_at: None,
            verified_at: None,
            technical: Vec::new(),
        })
    }

    fn of_finding(record: &FindingRecord, host_name: Option<String>) -> Result<Self, Refusal> {
        let finding: Finding = serde_json::from_str(&record.body)
            .map_err(|error| StoreError::Damaged { table: "findings", what: error.to_string() })?;
        let weakness = phitak_assets::weakness(&record.kind);
        let text = |pick: fn(&Weakness) -> phitak_assets::Text| {
            weakness.map_or_else(care_texts::unknown_weakness, |weakness| pick(weakness).into())
        };
        let due_days = weakness.map_or(0, |weakness| i64::from(weakness.due_days));
        let due_at = record.first_seen.plus_secs(due_days.saturating_mul(DAY_SECS));
        Ok(Self {
            id: record.id.0,
            item: CareItemType::Finding,
            kind: record.kind.clone(),
            title: text(|w| w.title),
            severity: record.severity.into(),
            state: match record.state {
                FindingState::Open => CareItemState::Open,
                FindingState::Claimed => CareItemState::Claimed,
                FindingState::Verified => CareItemState::Verified,
                FindingState::Reopened => CareItemState::Reopened,
            },
            due_at: Some(due_at.into()).filter(|_| weakness.is_some() && record.state != FindingState::Verified),
            safe_until_morning: weakness.is_none_or(|weakness| weakness.safe_until_morning),
            what: text(|w| w.what),
            why: text(|w| w.why),
            steps: weakness.map_or_else(Vec::new, |w| w.steps.iter().map(|step| (*step).into()).collect()),
            risk: text(|w| w.risk),
            undo: text(|w| w.undo),
            who: text(|w| w.who),
            minutes: weakness.map_or(0, |weakness| weakness.minutes),
            proof: text(|w| w.proof),
            host: Some(HostName {
                address: record.host.clone(),
                mac: finding.mac.map(|mac| mac.to_string()),
                name: host_name,
            }),
            response: record.response.map(Response::from),
            response_reason: finding.response_reason.clone(),
            first_seen_at: record.first_seen.into(),
            last_seen_at: record.last_seen.into(),
            claimed_at: record.claimed_at.map(Moment),
            verified_at: record.verified_at.map(Moment),
            technical: finding
                .traces
                .iter()
                .map(|trace| Labelled { label: trace.label.text().into(), value: trace.value.clone() })
                .collect(),
        })
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
