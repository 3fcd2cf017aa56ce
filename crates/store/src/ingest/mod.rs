//! A round of batches, each from one sensor, stored whole or not at all, together with the last numbers of their spools:
//! that makes delivery exactly once in effect.
//!
//! What a round costs goes by what differs in it (sensors, stories, hours), and by alerts only where each alert is a row:
//! many batches share one transaction and one write to the disk.

mod alerts;
mod inventory;
mod reports;
mod sources;
mod stories;
mod tallies;

pub use alerts::ArrivedAlert;
pub use inventory::HostValues;
pub use reports::{CLOCK_AHEAD, LOSSES_PER_SENSOR_MAX, SEQUENCE_GAP};
pub use sources::Source;
pub use stories::{ATTACK_MAX, SIGNATURE_CHARS_MAX};

use crate::{
    database::Store,
    error::StoreError,
    ids::StoryId,
    recount::{self, Changed},
    suppressing::Suppressing,
};
use phitak_model::{Severity, Timestamp};
use sea_orm::DatabaseTransaction;
use std::{collections::BTreeMap, sync::Arc};

/// Most hosts kept of one facility: beyond that somebody invents addresses.
pub const HOSTS_PER_FACILITY_MAX: usize = 20_000;
/// Rows of one insert statement: SQLite takes at most 32,766 values.
const ROWS_PER_INSERT: usize = 500;

/// A round that is being stored. Dropping it without [`Ingest::commit`] takes everything back.
pub struct Ingest {
    tx: DatabaseTransaction,
    now: Timestamp,
    silent_before: Timestamp,
    suppressing: Arc<Suppressing>,
    /// What changed at each facility that the facility's own row counts.
    changed: BTreeMap<String, Changed>,
}

/// A story that got new alerts at one hospital.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TouchedStory {
    /// Which of the round's sources brought them.
    pub source: usize,
    pub id: StoryId,
    pub severity: Severity,
    /// Of these alerts.
    pub last_at: Timestamp,
}

impl Store {
    /// Begins a round.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_ingest(&self, now: Timestamp, silent_before: Timestamp) -> Result<Ingest, StoreError> {
        let tx = self.write().await?;
        let suppressing = self.suppressing().read_in(&tx).await?;
        Ok(Ingest { tx, now, silent_before, suppressing, changed: BTreeMap::new() })
    }
}

impl Ingest {
    /// Stores each source's last number with everything else, at once.
    ///
    /// # Errors
    /// [`StoreError::Database`]: nothing of the round is stored then.
    pub async fn commit(self, sources: &[(&Source, u64)]) -> Result<(), StoreError> {
        sources::remember(&self.tx, sources, self.now, self.silent_before).await?;
        let mut changed = self.changed;
        for (source, _) in sources {
            changed.entry(source.facility().as_str().to_owned()).or_default().heard = true;
        }
        recount::recount(&self.tx, &changed).await?;
        self.tx.commit().await?;
        Ok(())
    }

    fn changed_at(&mut self, source: &Source) -> &mut Changed {
        self.changed.entry(source.facility().as_str().to_owned()).or_default()
    }
}

/// Rows in portions that one statement takes.
fn portions<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let portion: Vec<T> = rows.by_ref().take(ROWS_PER_INSERT).collect();
        (!portion.is_empty()).then_some(portion)
    })
}

/// Numbers of the wire are unsigned, the database's are not; past its end they stay at its end.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Words of the wire as a column can hold them: PostgreSQL's text has no place for the character 0.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AuditLine, NewFacility, NewSuppression, Scope, StoryStatus, SuppressionFilter, SuppressionReach, Triage,
        TriageAction, Verdict, ids::UserId, rows::facility, sensors::Redeemed, stories::StoryFilter,
    };
    use phitak_model::{Alert, FacilityCode, SensorId};
    use sea_orm::EntityTrait;

    const CODES: [&str; 3] = ["66101", "66102", "66103"];

    fn alert(signature: u32) -> Alert {
        Alert {
            at: Timestamp::from_secs(50),
            gid: 1,
            signature_id: signature,
            rev: 1,
            signature: format!("signature {signature}"),
            category: "Test".to_owned(),
            severity: [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][signature as usize % 4],
            action: "allowed".to_owned(),
            proto: "TCP".to_owned(),
            src_ip: [10, 0, 0, 1].into(),
            src_port: None,
            dest_ip: [10, 0, 0, 2].into(),
            dest_port: None,
            app_proto: None,
            flow_id: 1,
            packet: 1,
            attack: Vec::new(),
            evidence: None,
            fields: Vec::new(),
        }
    }

    async fn sector(store: &Store) -> Vec<SensorId> {
        let (scope, now) = (Scope::of_the_centre_itself(), Timestamp::from_secs(1));
        let audit = AuditLine::of_operator(now, "test");
        let mut sensors = Vec::new();
        for code in CODES.map(|code| FacilityCode::new(code).expect("a code")) {
            let (name_th, name_en) = ("ก".to_owned(), "A".to_owned());
            let new = NewFacility { code: code.clone(), name_th, name_en, province_code: "19".to_owned() };
            store.import_facilities(&[new], audit.clone()).await.expect("imports");
            store
                .add_enrolment_code(&scope, &code, code.as_str(), now.plus_secs(60), audit.clone())
                .await
                .expect("a code");
            match store.redeem(code.as_str(), "key", now).await.expect("redeems") {
                Redeemed::Sensor(sensor) => sensors.push(sensor),
                other => panic!("{other:?}"),
            }
        }
        sensors
    }

    /// One round of a few alerts from some of the sensors.
    async fn round(store: &Store, sensors: &[SensorId], dice: &mut impl FnMut(u64) -> u64, now: Timestamp) {
        let mut ingest = store.begin_ingest(now, now).await.expect("begins");
        let asked: Vec<(&SensorId, String)> = sensors.iter().map(|sensor| (sensor, "spool".to_owned())).collect();
        let sources: Vec<Source> = ingest.open(&asked).await.expect("opens").into_iter().flatten().collect();
        let sources: Vec<&Source> = sources.iter().filter(|_| dice(2) == 0).collect();
        let mut alerts = Vec::new();
        for (place, source) in sources.iter().enumerate() {
            for n in 1..=1 + dice(4) {
                alerts.push((place, source.committed() + n, alert(dice(6) as u32)));
            }
        }
        let arrived: Vec<ArrivedAlert<'_>> =
            alerts.iter().map(|(source, seq, alert)| ArrivedAlert { source: *source, seq: *seq, alert }).collect();
        ingest.add_alerts(&sources, &arrived).await.expect("stores");
        let last = |place: usize| alerts.iter().filter(|(source, ..)| *source == place).map(|(_, seq, _)| *seq).max();
        let lasts: Vec<(&Source, u64)> =
            sources.iter().enumerate().map(|(place, source)| (*source, last(place).unwrap_or(0))).collect();
        ingest.commit(&lasts).await.expect("commits");
    }

    fn unhidden() -> StoryFilter {
        let statuses = vec![StoryStatus::New, StoryStatus::Acknowledged, StoryStatus::Closed];
        StoryFilter { statuses, ..StoryFilter::default() }
    }

    /// Hides one of the stories somewhere, for a while.
    async fn hide(store: &Store, dice: &mut impl FnMut(u64) -> u64, now: Timestamp) {
        let scope = Scope::of_the_centre_itself();
        let list = store.stories(&scope, &unhidden(), &Default::default()).await.expect("reads");
        let Some(story) = list.items.get(dice(list.items.len().max(1) as u64) as usize) else { return };
        let facility = CODES.get(dice(4) as usize).map(|code| (*code).to_owned());
        let reach = SuppressionReach { facility, ..SuppressionReach::default() };
        let new = NewSuppression { story: story.id, reach, reason: "noise".to_owned(), days: 1 };
        // The same twice is refused: then there is one to lift.
        if store.suppress(&scope, new, AuditLine::of_operator(now, "test")).await.is_err() {
            let all = store.suppressions(&scope, &SuppressionFilter::default(), now, &Default::default()).await;
            let id = all.expect("reads").items.first().expect("there is one").id;
            let _ = store.lift_suppression(&scope, id, "heard", AuditLine::of_operator(now, "test")).await;
        }
    }

    async fn judge(store: &Store, dice: &mut impl FnMut(u64) -> u64, now: Timestamp) {
        let scope = Scope::of_the_centre_itself();
        let list = store.stories(&scope, &unhidden(), &Default::default()).await.expect("reads");
        let Some(story) = list.items.get(dice(list.items.len().max(1) as u64) as usize) else { return };
        let action = [TriageAction::Acknowledge, TriageAction::Close, TriageAction::Reopen][dice(3) as usize];
        let triage = Triage {
            action,
            verdict: Some(Verdict::Benign),
            reason: None,
            up_to: now.plus_secs(-(dice(3) as i64)),
            by: (UserId(1), "somebody".to_owned()),
        };
        store.triage(&scope, story.id, triage, AuditLine::of_operator(now, "test")).await.expect("judges");
    }

    #[tokio::test]
    async fn counters_that_grow_by_differences_are_those_that_are_counted_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let sensors = sector(&store).await;
        let mut state = 11_u64;
        let mut dice = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        for step in 0..160 {
            let now = Timestamp::from_secs(100 + step);
            round(&store, &sensors, &mut dice, now).await;
            if dice(3) == 0 {
                judge(&store, &mut dice, now).await;
            }
            if dice(6) == 0 {
                hide(&store, &mut dice, now).await;
            }
            let before = facility::Entity::find().all(store.reader()).await.expect("reads");
            let tx = store.write().await.expect("begins");
            recount::recount_alike(&tx, &CODES, Changed::STORIES).await.expect("counts");
            let after = facility::Entity::find().all(&tx).await.expect("reads");
            assert_eq!(before, after, "after step {step}");
        }
    }
}
