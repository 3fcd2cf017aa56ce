//! One thing on the hospital's page: a story, a finding, or the sensor itself, in plain words.

use super::{CareBulletin, CareSensor};
use crate::{
    care_texts,
    centre::Centre,
    refusal::Refusal,
    wire::{HostName, Labelled, Moment, Response, SensorStatus, Severity, Text},
};
use phitak_assets::{Finding, Weakness};
use phitak_model::{FindingState, Timestamp};
use phitak_store::{FindingRecord, StoreError, stories::OpenStory};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const DAY_SECS: i64 = 86_400;

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
    /// Working time, without waiting
    pub minutes: u32,
    /// Days over which the work is spread; 1 when it is done in one go
    pub days: u32,
    /// How we will know that it is fixed
    pub proof: Text,
    /// The machines it is about: one of a finding, those most concerned of a story
    pub machines: Vec<HostName>,
    pub response: Option<Response>,
    pub response_reason: Option<String>,
    pub first_seen_at: Moment,
    pub last_seen_at: Moment,
    pub claimed_at: Option<Moment>,
    pub verified_at: Option<Moment>,
    /// Details to hand to the vendor
    pub technical: Vec<Labelled>,
    /// Of an early warning
    pub bulletin: Option<CareBulletin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CareItemType {
    Finding,
    Story,
    /// The sensor itself is silent or missing
    Sensor,
    /// An early warning of the centre
    Bulletin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CareItemState {
    Open,
    Claimed,
    Verified,
    Reopened,
    /// A story that the centre is working on; an early warning that somebody at the hospital knows, or that the centre helps with
    Acknowledged,
}

impl CareItem {
    /// Whether it waits for the hospital: for an answer, or for work.
    pub(super) fn waits_for_hospital(&self) -> bool {
        match &self.bulletin {
            Some(bulletin) => phitak_store::RecipientState::from(bulletin.state).waits_for_hospital(),
            None => !matches!(self.state, CareItemState::Claimed | CareItemState::Verified),
        }
    }

    /// Smaller is more urgent: what is open before what waits for proof before what is done; stories first; then severity.
    pub(super) fn urgency(&self) -> (u8, u8, std::cmp::Reverse<Severity>, Moment, i64) {
        let state = match (self.state, self.item) {
            (CareItemState::Open, CareItemType::Story) => 0,
            (CareItemState::Open | CareItemState::Reopened | CareItemState::Acknowledged, _) => 1,
            (CareItemState::Claimed, _) => 2,
            (CareItemState::Verified, _) => 3,
        };
        let kind = match self.item {
            CareItemType::Story => 0,
            CareItemType::Bulletin => 1,
            CareItemType::Sensor => 2,
            CareItemType::Finding => 3,
        };
        (state, kind, std::cmp::Reverse(self.severity), self.first_seen_at, self.id)
    }

    pub(super) fn of_story(centre: &Centre, open: &OpenStory, machines: Vec<(String, Option<String>)>) -> Self {
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
            risk: care_texts::story_risk(text.acts_on),
            undo: care_texts::story_undo(text.acts_on),
            who: care_texts::story_who(),
            minutes: care_texts::STORY_MINUTES,
            days: 1,
            proof: care_texts::story_proof(),
            machines: machines.into_iter().map(|(address, name)| HostName { address, name, mac: None }).collect(),
            response: None,
            response_reason: None,
            first_seen_at: story.first_at.into(),
            last_seen_at: story.last_at.into(),
            claimed_at: None,
            verified_at: None,
            technical: vec![
                Labelled {
                    label: Text::new("ชื่อกฎตรวจจับ", "Detection rule"), value: story.signature.clone()
                },
                Labelled { label: Text::new("เลขกฎ", "Rule number"), value: story.signature_id.to_string() },
                Labelled {
                    label: Text::new("จำนวนครั้งที่พบ", "Times seen"), value: story.alerts.to_string()
                },
            ],
            bulletin: None,
        }
    }

    pub(super) fn of_sensor(sensor: &CareSensor, now: Timestamp) -> Option<Self> {
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
            days: 1,
            proof: care_texts::sensor_proof(),
            machines: Vec::new(),
            response: None,
            response_reason: None,
            first_seen_at: since,
            last_seen_at: since,
            claimed_at: None,
            verified_at: None,
            technical: Vec::new(),
            bulletin: None,
        })
    }

    pub(super) fn of_finding(record: &FindingRecord, host_name: Option<String>) -> Result<Self, Refusal> {
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
            risk: weakness.map_or_else(care_texts::true_callers, |weakness| weakness.risk.into()),
            undo: text(|w| w.undo),
            who: text(|w| w.who),
            minutes: weakness.map_or(0, |weakness| weakness.minutes),
            days: weakness.map_or(1, |weakness| weakness.days),
            proof: text(|w| w.proof),
            machines: vec![HostName {
                address: record.host.clone(),
                mac: finding.mac.map(|mac| mac.to_string()),
                name: host_name,
            }],
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
            bulletin: None,
        })
    }
}
