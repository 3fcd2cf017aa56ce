//! A batch as it waits to be stored: its records by kind, held to what the tables can take.

use phitak_model::{Alert, Health, Observation, SensorId, Timestamp, alert::EVIDENCE_BYTES_MAX};
use phitak_uplink::{Batch, Item, Record, SpoolId};

/// How far a sensor's clock may be ahead of the centre's. A moment further on would outlive everything that is seen
/// later, so it counts as of now.
const AHEAD_SECS_MAX: i64 = 3_600;

/// One sensor's batch.
pub(super) struct Delivery {
    pub sensor: SensorId,
    pub spool: SpoolId,
    pub acknowledged: u64,
    pub last_seq: u64,
    alerts: Vec<(u64, Alert)>,
    observations: Vec<(u64, Observation)>,
    health: Vec<(u64, Health)>,
    /// The records whose moment lay too far ahead.
    ahead: Vec<u64>,
}

/// The records after a number.
pub(super) struct Fresh<'a> {
    pub alerts: &'a [(u64, Alert)],
    pub observations: &'a [(u64, Observation)],
    pub health: &'a [(u64, Health)],
    pub ahead: u64,
}

impl Delivery {
    pub(super) fn of(sensor: SensorId, batch: Batch, now: Timestamp) -> Self {
        let mut delivery = Self {
            sensor,
            spool: batch.spool,
            acknowledged: batch.acknowledged,
            last_seq: batch.last_seq(),
            alerts: Vec::new(),
            observations: Vec::new(),
            health: Vec::new(),
            ahead: Vec::new(),
        };
        for Record { seq, mut item } in batch.records {
            if hold_back(&mut item, now) {
                delivery.ahead.push(seq);
            }
            match item {
                Item::Alert(alert) => delivery.alerts.push((seq, *alert)),
                Item::Observation(observation) => delivery.observations.push((seq, observation)),
                Item::Health(health) => delivery.health.push((seq, health)),
            }
        }
        delivery
    }

    pub(super) fn records(&self) -> usize {
        self.alerts.len() + self.observations.len() + self.health.len()
    }

    /// What has not been stored when everything up to `committed` has.
    pub(super) fn fresh(&self, committed: u64) -> Fresh<'_> {
        Fresh {
            alerts: after(&self.alerts, committed),
            observations: after(&self.observations, committed),
            health: after(&self.health, committed),
            ahead: self.ahead.iter().filter(|seq| **seq > committed).count() as u64,
        }
    }

    /// Alerts whose numbers were stored before.
    pub(super) fn repeated(&self, committed: u64) -> &[(u64, Alert)] {
        let fresh = after(&self.alerts, committed).len();
        self.alerts.get(..self.alerts.len() - fresh).unwrap_or_default()
    }
}

/// Numbers rise within a batch.
fn after<T>(records: &[(u64, T)], committed: u64) -> &[(u64, T)] {
    records.get(records.partition_point(|(seq, _)| *seq <= committed)..).unwrap_or_default()
}

/// Moments too far ahead become now, and evidence keeps to its length, whatever its sender thought; says whether a moment
/// was changed.
fn hold_back(item: &mut Item, now: Timestamp) -> bool {
    let latest = now.plus_secs(AHEAD_SECS_MAX);
    let mut is_changed = false;
    let mut hold = |at: &mut Timestamp| {
        if *at > latest {
            *at = now;
            is_changed = true;
        }
    };
    match item {
        Item::Alert(alert) => {
            hold(&mut alert.at);
            if let Some(evidence) = &mut alert.evidence {
                evidence.bytes.truncate(EVIDENCE_BYTES_MAX);
            }
        }
        Item::Observation(observation) => {
            hold(&mut observation.first_at);
            hold(&mut observation.last_at);
        }
        Item::Health(health) => {
            hold(&mut health.at);
            for loss in &mut health.losses {
                hold(&mut loss.from);
                hold(&mut loss.until);
            }
        }
    }
    is_changed
}
