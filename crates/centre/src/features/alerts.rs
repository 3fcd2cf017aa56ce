//! One alert, whole: who, what, the bytes, why it matters, where else it was seen.

use crate::{
    ask::Named,
    centre::Centre,
    guard::Caller,
    names::Names,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
    wire::{FacilityName, Moment, Severity, Text},
    wire_alert::AlertLine,
};
use axum::{Json, extract::State};
use phitak_model::{Evidence, FacilityCode};
use phitak_store::{
    AlertId, StoreError, StoryFilter,
    story_places::{FACILITIES_SHOWN_MAX, StoryAt},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct AlertDetail {
    #[serde(flatten)]
    pub line: AlertLine,
    pub story_id: i64,
    pub signature_id: u32,
    pub gid: u32,
    pub rev: u32,
    pub signature: String,
    pub title: Text,
    pub what: Text,
    pub why: Text,
    pub step: Text,
    pub severity: Severity,
    pub category: String,
    pub action: String,
    pub attack: Vec<String>,
    /// EVE's flow id; a string, since it does not fit a JavaScript number
    pub flow_id: String,
    pub packet: u64,
    pub fields: Vec<AlertField>,
    pub evidence: Option<AlertEvidence>,
    pub seen_elsewhere: SeenElsewhere,
    pub arrived_at: Moment,
    pub sensor: String,
    /// The alert as the sensor sent it
    #[schema(value_type = Object)]
    pub raw: serde_json::Value,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AlertField {
    pub name: String,
    pub value: String,
}

/// Bytes around the match, at most 256.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertEvidence {
    pub buffer: String,
    /// Where the bytes begin in the buffer
    pub offset: u64,
    pub bytes_hex: String,
    /// (start, length) in bytes
    pub marks: Vec<[u32; 2]>,
}

/// The same signature at other hospitals that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeenElsewhere {
    pub facilities: u64,
    pub first_at: Option<Moment>,
    /// At most 5
    pub facility_names: Vec<FacilityName>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/alerts/{id}")
            .summary("One alert, whole")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.alert")
            .answers::<AlertDetail>()
            .to(detail),
    ]
}

/// Other hospitals that are named.
const ELSEWHERE_NAMED_MAX: usize = 5;

async fn detail(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
) -> Result<Json<AlertDetail>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let (brief, alert) = store.alert(scope, AlertId(id)).await?;
    let at = FacilityCode::new(&brief.facility)
        .map_err(|error| StoreError::Damaged { table: "alerts", what: error.to_string() })?;
    caller.views(&centre, Some(&at), format!("alert {id}")).await?;
    let places = store.story_at(scope, &StoryFilter::default(), &[brief.story], FACILITIES_SHOWN_MAX).await?;
    let elsewhere: Vec<&StoryAt> = places.iter().filter(|place| place.facility != brief.facility).collect();
    let named = elsewhere.iter().take(ELSEWHERE_NAMED_MAX).map(|place| place.facility.clone());
    let names = Names::load(store, scope, named.chain([brief.facility.clone()])).await?;
    let text = centre.texts.of(alert.signature_id, &alert.signature);
    let raw = serde_json::to_value(&alert).map_err(|error| {
        tracing::error!(%error, "an alert cannot be written as JSON");
        Refusal::unavailable()
    })?;
    Ok(Json(AlertDetail {
        line: AlertLine::of(&brief, &names),
        story_id: brief.story.0,
        signature_id: alert.signature_id,
        gid: alert.gid,
        rev: alert.rev,
        signature: alert.signature,
        title: text.title,
        what: text.what,
        why: text.why,
        step: text.step,
        severity: alert.severity.into(),
        category: alert.category,
        action: alert.action,
        attack: alert.attack,
        flow_id: alert.flow_id.to_string(),
        packet: alert.packet,
        fields: alert.fields.into_iter().map(|(name, value)| AlertField { name, value }).collect(),
        evidence: alert.evidence.as_ref().map(AlertEvidence::of),
        seen_elsewhere: SeenElsewhere {
            facilities: elsewhere.len() as u64,
            first_at: elsewhere.iter().map(|place| place.first_at).min().map(Moment),
            facility_names: elsewhere
                .iter()
                .take(ELSEWHERE_NAMED_MAX)
                .map(|place| names.name(&place.facility))
                .collect(),
        },
        arrived_at: brief.arrived_at.into(),
        sensor: brief.sensor,
        raw,
    }))
}

impl AlertEvidence {
    fn of(evidence: &Evidence) -> Self {
        let mut bytes_hex = String::with_capacity(evidence.bytes.len().saturating_mul(2));
        for byte in &evidence.bytes {
            bytes_hex.push_str(&format!("{byte:02x}"));
        }
        Self {
            buffer: evidence.buffer.clone(),
            offset: evidence.offset,
            bytes_hex,
            marks: evidence.marks.iter().map(|(start, length)| [*start, *length]).collect(),
        }
    }
}
