//! How alerts are taken into their stories: a story's own row, its rows by hospital, by hour and by day of arrival.

use super::{
    ArrivedAlert, Source, TouchedStory, portions, storable,
    tallies::{Keep, count_days, count_hours, count_places, kept, tallied},
};
use crate::{
    bearing::{self, Bearing, Judged},
    bulk::{self, Target},
    error::StoreError,
    ids::StoryId,
    rows::{story as row, story_event},
    suppressing::{Suppressing, hider},
    words::{StoryStatus, model_words::severity_rank},
};
use phitak_model::{Alert, Severity, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Select, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Most technique ids kept of a story.
pub const ATTACK_MAX: usize = 16;
/// Longest signature text and category, in characters.
pub const SIGNATURE_CHARS_MAX: usize = 512;

/// What makes two alerts the same story: what their rule says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    gid: i32,
    signature_id: i64,
    severity: i32,
    signature: String,
    /// What hides it, or 0: hidden alerts are a story of their own.
    suppression: i64,
}

impl Key {
    fn of(alert: &Alert, suppression: i64) -> Self {
        Self {
            suppression,
            gid: i32::try_from(alert.gid).unwrap_or(i32::MAX),
            signature_id: i64::from(alert.signature_id),
            severity: severity_rank(alert.severity),
            signature: words(&alert.signature),
        }
    }

    fn of_row(row: &row::Model) -> Self {
        Self {
            gid: row.gid,
            signature_id: row.signature_id,
            severity: row.severity,
            signature: row.signature.clone(),
            suppression: row.suppression_id,
        }
    }

    fn is_hidden(&self) -> bool {
        self.suppression != 0
    }
}

fn words(text: &str) -> String {
    storable(text).chars().take(SIGNATURE_CHARS_MAX).collect()
}

/// Alerts counted together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    pub alerts: i64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl Tally {
    fn of(alert: &Alert) -> Self {
        Self { alerts: 1, first_at: alert.at, last_at: alert.at }
    }

    fn take(&mut self, alert: &Alert) {
        self.alerts = self.alerts.saturating_add(1);
        self.first_at = std::cmp::min(self.first_at, alert.at);
        self.last_at = std::cmp::max(self.last_at, alert.at);
    }
}

/// What a round brings to one story.
pub(super) struct Gain<'a> {
    key: Key,
    /// Of the highest revision, the latest.
    latest: &'a Alert,
    all: Tally,
    /// By facility, with the first source that brought some.
    pub places: BTreeMap<&'a str, (usize, Tally)>,
    attack: Vec<String>,
}

/// A story as the alerts of a round need it.
pub(super) struct StoryRow {
    pub id: i64,
    pub signature: String,
    pub category: String,
}

/// What became of a round's alerts.
pub(super) struct Taken {
    pub stories: Vec<StoryRow>,
    /// For each alert, which of `stories` is its own.
    pub story_of: Vec<usize>,
    pub touched: Vec<TouchedStory>,
}

pub(super) async fn take(
    db: &impl ConnectionTrait,
    suppressing: &Suppressing,
    sources: &[&Source],
    alerts: &[ArrivedAlert<'_>],
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let (gains, story_of) = gains(suppressing, sources, alerts, now);
    let mut known = stories_of(db, &gains).await?;
    let arrived: Vec<i64> = gains
        .iter()
        .map(|gain| {
            // Later than anything an analyst has closed, even if the clock stood still.
            let closed_up_to = known.get(&gain.key).and_then(|story| story.closed_up_to).unwrap_or(i64::MIN);
            std::cmp::max(now.micros(), closed_up_to.saturating_add(1))
        })
        .collect();
    tell_returned(db, &gains, &known, now).await?;
    let judged: Vec<Option<Judged>> = gains.iter().map(|gain| known.get(&gain.key).map(Judged::of)).collect();
    save_stories(db, &gains, &known, &arrived).await?;
    if gains.iter().any(|gain| !known.contains_key(&gain.key)) {
        known = stories_of(db, &gains).await?;
    }
    let mut stories = Vec::with_capacity(gains.len());
    let mut touched = Vec::new();
    for gain in &gains {
        let story = known.get(&gain.key).ok_or(StoreError::NotFound)?;
        let row = StoryRow { id: story.id, signature: story.signature.clone(), category: story.category.clone() };
        // What is hidden is news to nobody.
        for (source, tally) in gain.places.values().filter(|_| !gain.key.is_hidden()) {
            let severity: Severity = gain.latest.severity;
            touched.push(TouchedStory { source: *source, id: StoryId(row.id), severity, last_at: tally.last_at });
        }
        stories.push(row);
    }
    bear(db, &gains, &judged, &stories, &arrived).await?;
    count_places(db, sources, &gains, &stories, &arrived).await?;
    count_hours(db, &gains, &stories, now).await?;
    count_days(db, &gains, &stories, now).await?;
    Ok(Taken { stories, story_of, touched })
}

fn gains<'a>(
    suppressing: &Suppressing,
    sources: &[&'a Source],
    alerts: &[ArrivedAlert<'a>],
    now: Timestamp,
) -> (Vec<Gain<'a>>, Vec<usize>) {
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let mut gains: Vec<Gain<'a>> = Vec::new();
    let mut story_of = Vec::with_capacity(alerts.len());
    for ArrivedAlert { source, alert, .. } in alerts {
        let place = sources.get(*source).map(|source| (source.facility().as_str(), source.region().number()));
        let (facility, region) = place.unwrap_or_default();
        let key = Key::of(alert, suppressing.of(alert, facility, i32::from(region), now));
        let index = *places.entry(key).or_insert_with_key(|key| {
            gains.push(Gain {
                key: key.clone(),
                latest: alert,
                all: Tally { alerts: 0, ..Tally::of(alert) },
                places: BTreeMap::new(),
                attack: Vec::new(),
            });
            gains.len() - 1
        });
        story_of.push(index);
        let Some(gain) = gains.get_mut(index) else { continue };
        gain.all.take(alert);
        if (gain.latest.rev, gain.latest.at) < (alert.rev, alert.at) {
            gain.latest = alert;
        }
        for technique in &alert.attack {
            if gain.attack.len() < ATTACK_MAX && !gain.attack.contains(technique) {
                gain.attack.push(technique.clone());
            }
        }
        match gain.places.get_mut(facility) {
            Some((_, tally)) => tally.take(alert),
            None => {
                gain.places.insert(facility, (*source, Tally::of(alert)));
            }
        }
    }
    (gains, story_of)
}

async fn stories_of(db: &impl ConnectionTrait, gains: &[Gain<'_>]) -> Result<BTreeMap<Key, row::Model>, StoreError> {
    let mut known = BTreeMap::new();
    for part in gains.chunks(bulk::LIST_MAX) {
        let keys = || part.iter().map(|gain| &gain.key);
        let gids = keys().map(|key| key.gid).collect();
        let signatures = keys().map(|key| key.signature_id).collect();
        let suppressions = keys().map(|key| key.suppression).collect();
        let rows = of_signatures(gids, signatures, suppressions).all(db).await?;
        known.extend(rows.into_iter().map(|row| (Key::of_row(&row), row)));
    }
    Ok(known)
}

/// The stories of these signatures, by the index that makes a story one. What other suppressions hid of the same
/// signature is left out: over the years those are many.
fn of_signatures(gids: BTreeSet<i32>, signatures: BTreeSet<i64>, suppressions: BTreeSet<i64>) -> Select<row::Entity> {
    row::Entity::find()
        .filter(row::Column::Gid.is_in(bulk::padded(&Vec::from_iter(gids))))
        .filter(row::Column::SignatureId.is_in(bulk::padded(&Vec::from_iter(signatures))))
        .filter(sea_orm::sea_query::ExprTrait::is_in(hider(), bulk::padded(&Vec::from_iter(suppressions))))
}

/// A closed story to which something comes is new again, and its history says so.
async fn tell_returned(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    known: &BTreeMap<Key, row::Model>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let closed = gains
        .iter()
        .filter_map(|gain| known.get(&gain.key))
        .filter(|story| story.status == StoryStatus::Closed.as_str());
    let events = closed.map(|story| story_event::ActiveModel {
        story_id: Set(story.id),
        at: Set(now.micros()),
        who: Set(None),
        action: Set("returned".to_owned()),
        verdict: Set(None),
        reason: Set(None),
        up_to: Set(None),
        ..Default::default()
    });
    for portion in portions(events.collect()) {
        story_event::Entity::insert_many(portion).exec_without_returning(db).await?;
    }
    Ok(())
}

async fn save_stories(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    known: &BTreeMap<Key, row::Model>,
    arrived: &[i64],
) -> Result<(), StoreError> {
    const TABLE: &str = "stories";
    let mut rows: Vec<Vec<Value>> = Vec::with_capacity(gains.len());
    for (gain, arrived_at) in gains.iter().zip(arrived) {
        rows.push(vec![
            gain.key.gid.into(),
            gain.key.signature_id.into(),
            i64::from(gain.latest.rev).into(),
            gain.key.signature.as_str().into(),
            words(&gain.latest.category).into(),
            gain.key.severity.into(),
            attack(known.get(&gain.key), gain)?.into(),
            if gain.key.is_hidden() { StoryStatus::Suppressed } else { StoryStatus::New }.as_str().into(),
            gain.all.alerts.into(),
            gain.all.first_at.micros().into(),
            gain.all.last_at.micros().into(),
            (*arrived_at).into(),
            gain.key.suppression.into(),
        ]);
    }
    let columns = &[
        "gid",
        "signature_id",
        "rev",
        "signature",
        "category",
        "severity",
        "attack",
        "status",
        "alerts",
        "first_at",
        "last_at",
        "arrived_at",
        "suppression_id",
    ];
    let unless_closed = |column: &str, then: &str| {
        format!("{column} = CASE WHEN stories.status = 'closed' THEN {then} ELSE stories.{column} END")
    };
    let on_conflict = format!(
        "ON CONFLICT (gid, signature_id, severity, signature, suppression_id) DO UPDATE SET {}, {}, {}, {}, \
         attack = excluded.attack, arrived_at = excluded.arrived_at",
        kept(TABLE, "rev", Keep::Larger),
        unless_closed("status", "'new'"),
        unless_closed("acknowledged_up_to", "NULL"),
        tallied(TABLE)
    );
    bulk::insert(db, Target { table: TABLE, columns, on_conflict: &on_conflict }, rows).await
}

/// The techniques of a story with those of its new alerts, as JSON.
fn attack(known: Option<&row::Model>, gain: &Gain<'_>) -> Result<String, StoreError> {
    let mut attack: Vec<String> =
        known.map(|story| serde_json::from_str(&story.attack).unwrap_or_default()).unwrap_or_default();
    for technique in &gain.attack {
        let technique: String = technique.chars().take(16).collect();
        if attack.len() < ATTACK_MAX && !attack.contains(&technique) {
            attack.push(technique);
        }
    }
    serde_json::to_string(&attack).map_err(|error| StoreError::invalid(error.to_string()))
}

/// What the round changes in the hospitals' counters. Elsewhere nothing changes: a closed story that is new again stays
/// closed where nothing arrived since.
async fn bear(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    judged: &[Option<Judged>],
    stories: &[StoryRow],
    arrived: &[i64],
) -> Result<(), StoreError> {
    let mut pairs: Vec<Vec<Value>> = Vec::new();
    for ((gain, story), _) in gains.iter().zip(stories).zip(judged).filter(|(_, judged)| judged.is_some()) {
        pairs.extend(gain.places.keys().map(|facility| vec![story.id.into(), (*facility).into()]));
    }
    let spans = bearing::spans(db, pairs).await?;
    let mut differences: BTreeMap<&str, Bearing> = BTreeMap::new();
    for (((gain, judged), story), arrived_at) in gains.iter().zip(judged).zip(stories).zip(arrived) {
        let first = if gain.key.is_hidden() { Judged::hidden } else { Judged::unseen };
        let after = judged.map_or_else(|| first(gain.key.severity), Judged::returned);
        for facility in gain.places.keys() {
            let span = spans.get(&(story.id, (*facility).to_owned()));
            let was = span.zip(*judged).map(|((first, last), judged)| judged.bearing(*first, *last));
            let (first, last) =
                span.map_or((*arrived_at, *arrived_at), |(first, last)| (*first, *arrived_at.max(last)));
            let difference = after.bearing(first, last).minus(was.unwrap_or_default());
            let sum = differences.entry(facility).or_default();
            *sum = sum.plus(difference);
        }
    }
    bearing::add(db, &differences).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Store;
    use sea_orm::{DbBackend, QueryTrait, Statement};

    #[tokio::test]
    async fn known_stories_are_found_by_their_signatures_and_not_among_all_that_nothing_hides() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let signatures: BTreeSet<i64> = (1..=300).collect();
        for suppressions in [BTreeSet::from([0]), BTreeSet::from([0, 7, 9])] {
            let asked = of_signatures(BTreeSet::from([1]), signatures.clone(), suppressions).build(DbBackend::Sqlite);
            let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {}", asked.sql), ..asked };
            let rows = store.reader().query_all_raw(explain).await.expect("plans");
            let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").expect("words")).collect();
            let index = "stories_gid_signature_id_severity_signature_suppression_id";
            let by_index = format!("USING INDEX {index} (gid=? AND signature_id=?)");
            assert!(plan.iter().any(|step| step.contains(&by_index)), "{plan:?}");
        }
    }
}
