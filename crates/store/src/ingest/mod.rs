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

pub use alerts::ArrivedAlert;
pub use inventory::HostValues;
pub use reports::{CLOCK_AHEAD, LOSSES_PER_SENSOR_MAX, SEQUENCE_GAP};
pub use sources::Source;
pub use stories::{ATTACK_MAX, SIGNATURE_CHARS_MAX};

use crate::{
    database::Store,
    error::StoreError,
    facilities::{self, Changed},
    ids::StoryId,
};
use phitak_model::{Severity, Timestamp};
use sea_orm::DatabaseTransaction;
use std::collections::BTreeMap;

/// Most hosts kept of one facility: beyond that somebody invents addresses.
pub const HOSTS_PER_FACILITY_MAX: usize = 20_000;
/// Rows of one insert statement: SQLite takes at most 32,766 values.
const ROWS_PER_INSERT: usize = 500;

/// A round that is being stored. Dropping it without [`Ingest::commit`] takes everything back.
pub struct Ingest {
    tx: DatabaseTransaction,
    now: Timestamp,
    silent_before: Timestamp,
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
        Ok(Ingest { tx: self.write().await?, now, silent_before, changed: BTreeMap::new() })
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
        facilities::recount(&self.tx, &changed).await?;
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
