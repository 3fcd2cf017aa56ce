//! How a finding is written, with its history: the same for a batch and for a person's answer.

use crate::{
    error::StoreError,
    ids::FindingId,
    rows::{finding, finding_event},
    words::model_words::{confidence_rank, response_word, severity_rank, state_word},
};
use phitak_model::{Confidence, FacilityCode, FindingState, HealthRegion, Response, Severity, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict,
};
use std::collections::BTreeMap;

/// Rows of one insert statement: SQLite takes at most 32,766 values.
const ROWS_PER_INSERT: usize = 500;

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

/// Stores findings of one facility, each of another host or kind, and gives their numbers in the same order. A new state
/// leaves a line in a finding's history, and so does each answer: `answer` is set for a person's.
pub(crate) async fn save_findings(
    db: &impl ConnectionTrait,
    facility: &FacilityCode,
    region: HealthRegion,
    findings: Vec<FindingValues>,
    answer: Option<(&str, Option<&str>)>,
    now: Timestamp,
) -> Result<Vec<FindingId>, StoreError> {
    let keys: Vec<Key> = findings.iter().map(|values| (values.host.clone(), values.kind.clone())).collect();
    let before = known(db, facility, &keys).await?;
    let after: Vec<After> = findings.iter().map(After::of).collect();
    let is_all_known = keys.iter().all(|key| before.contains_key(key));
    for part in findings.chunks(ROWS_PER_INSERT) {
        let rows = part.iter().map(|values| row(facility, region, values, now));
        finding::Entity::insert_many(rows).on_conflict(replaces()).exec_without_returning(db).await?;
    }
    let numbers = if is_all_known { None } else { Some(known(db, facility, &keys).await?) };
    let numbers = numbers.as_ref().unwrap_or(&before);
    let mut ids = Vec::with_capacity(keys.len());
    let mut events = Vec::new();
    for (key, After { state, response }) in keys.iter().zip(after) {
        let (id, _) = numbers.get(key).ok_or(StoreError::NotFound)?;
        ids.push(FindingId(*id));
        let from_state = before.get(key).map(|(_, state)| state.clone());
        if answer.is_some() || from_state.as_deref() != Some(state) {
            events.push(finding_event::ActiveModel {
                finding_id: Set(*id),
                at: Set(now.micros()),
                who: Set(answer.map(|(who, _)| who.to_owned())),
                from_state: Set(from_state),
                to_state: Set(state.to_owned()),
                response: Set(response.filter(|_| answer.is_some()).map(str::to_owned)),
                reason: Set(answer.and_then(|(_, reason)| reason).map(str::to_owned)),
                ..Default::default()
            });
        }
    }
    if !events.is_empty() {
        finding_event::Entity::insert_many(events).exec_without_returning(db).await?;
    }
    Ok(ids)
}

/// A host and a kind of weakness: what a facility's finding is known by.
type Key = (String, String);

/// What a finding's history tells of it.
struct After {
    state: &'static str,
    response: Option<&'static str>,
}

impl After {
    fn of(values: &FindingValues) -> Self {
        Self { state: state_word(values.state), response: values.response.map(response_word) }
    }
}

/// The numbers and states of a facility's findings at these hosts.
async fn known(
    db: &impl ConnectionTrait,
    facility: &FacilityCode,
    keys: &[Key],
) -> Result<BTreeMap<Key, (i64, String)>, StoreError> {
    let mut known = BTreeMap::new();
    for part in keys.chunks(ROWS_PER_INSERT) {
        let rows: Vec<(i64, String, String, String)> = finding::Entity::find()
            .select_only()
            .columns([finding::Column::Id, finding::Column::Host, finding::Column::Kind, finding::Column::State])
            .filter(finding::Column::Facility.eq(facility.as_str()))
            .filter(finding::Column::Host.is_in(part.iter().map(|(host, _)| host.as_str())))
            .into_tuple()
            .all(db)
            .await?;
        known.extend(rows.into_iter().map(|(id, host, kind, state)| ((host, kind), (id, state))));
    }
    Ok(known)
}

fn row(facility: &FacilityCode, region: HealthRegion, values: &FindingValues, now: Timestamp) -> finding::ActiveModel {
    finding::ActiveModel {
        facility: Set(facility.as_str().to_owned()),
        region: Set(i32::from(region.number())),
        host: Set(values.host.clone()),
        kind: Set(values.kind.clone()),
        severity: Set(severity_rank(values.severity)),
        confidence: Set(confidence_rank(values.confidence)),
        state: Set(state_word(values.state).to_owned()),
        response: Set(values.response.map(|response| response_word(response).to_owned())),
        first_seen_at: Set(values.first_seen.micros()),
        last_seen_at: Set(values.last_seen.micros()),
        claimed_at: Set(values.claimed_at.map(Timestamp::micros)),
        verified_at: Set(values.verified_at.map(Timestamp::micros)),
        changed_at: Set(now.micros()),
        body: Set(values.body.clone()),
        ..Default::default()
    }
}

fn replaces() -> OnConflict {
    use finding::Column;
    OnConflict::columns([Column::Facility, Column::Host, Column::Kind])
        .update_columns([
            Column::Region,
            Column::Severity,
            Column::Confidence,
            Column::State,
            Column::Response,
            Column::FirstSeenAt,
            Column::LastSeenAt,
            Column::ClaimedAt,
            Column::VerifiedAt,
            Column::ChangedAt,
            Column::Body,
        ])
        .to_owned()
}
