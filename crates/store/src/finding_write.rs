//! How a finding is written, with its history: the same for a batch and for a person's answer.

use crate::{
    error::StoreError,
    ids::FindingId,
    rows::{finding, finding_event},
    words::model_words::{confidence_rank, response_word, severity_rank, state_word},
};
use phitak_model::{Confidence, FacilityCode, FindingState, HealthRegion, Response, Severity, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

/// A finding as it is stored: what is searched, and the whole as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingValues {
    pub host: String,
    pub kind: String,
    pub severity: Severity,
    pub confidence: Confidence,
    pub state: FindingState,
    pub response: Option<Response>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub claimed_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub body: String,
}

/// Stores a finding and, when its state is new, a line of its history. `who` is set for a person's answer.
pub(crate) async fn save_finding(
    db: &impl ConnectionTrait,
    facility: &FacilityCode,
    region: HealthRegion,
    values: FindingValues,
    answer: Option<(&str, Option<&str>)>,
    now: Timestamp,
) -> Result<FindingId, StoreError> {
    let before = finding::Entity::find()
        .filter(finding::Column::Facility.eq(facility.as_str()))
        .filter(finding::Column::Host.eq(values.host.as_str()))
        .filter(finding::Column::Kind.eq(values.kind.as_str()))
        .one(db)
        .await?;
    let to_state = state_word(values.state);
    let from_state = before.as_ref().map(|row| row.state.clone());
    let response = values.response.map(|response| response_word(response).to_owned());
    let mut row = finding::ActiveModel {
        facility: Set(facility.as_str().to_owned()),
        region: Set(i32::from(region.number())),
        host: Set(values.host),
        kind: Set(values.kind),
        severity: Set(severity_rank(values.severity)),
        confidence: Set(confidence_rank(values.confidence)),
        state: Set(to_state.to_owned()),
        response: Set(response.clone()),
        first_seen_at: Set(values.first_seen.micros()),
        last_seen_at: Set(values.last_seen.micros()),
        claimed_at: Set(values.claimed_at.map(Timestamp::micros)),
        verified_at: Set(values.verified_at.map(Timestamp::micros)),
        changed_at: Set(now.micros()),
        body: Set(values.body),
        ..Default::default()
    };
    let id = match before {
        Some(before) => {
            row.id = Set(before.id);
            finding::Entity::update(row).exec(db).await?;
            before.id
        }
        None => finding::Entity::insert(row).exec(db).await?.last_insert_id,
    };
    if answer.is_some() || from_state.as_deref() != Some(to_state) {
        finding_event::Entity::insert(finding_event::ActiveModel {
            finding_id: Set(id),
            at: Set(now.micros()),
            who: Set(answer.map(|(who, _)| who.to_owned())),
            from_state: Set(from_state),
            to_state: Set(to_state.to_owned()),
            response: Set(response.filter(|_| answer.is_some())),
            reason: Set(answer.and_then(|(_, reason)| reason).map(str::to_owned)),
            ..Default::default()
        })
        .exec(db)
        .await?;
    }
    Ok(FindingId(id))
}
