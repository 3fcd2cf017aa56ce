//! The spool, shared by who puts records in and who sends them.

use super::{Appended, Cursor, Outgoing, Spool};
use crate::{
    policy::{self, PolicyError},
    wire::Item,
};
use phitak_model::{Loss, LossCause, Timestamp};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// A spool behind a lock. Nothing but the policy's own output gets in.
pub struct Desk {
    spool: Mutex<Spool>,
    arrived: Notify,
}

impl Desk {
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        Self { spool: Mutex::new(spool), arrived: Notify::new() }
    }

    /// The spool alone again.
    #[must_use]
    pub fn into_spool(self) -> Spool {
        self.spool.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the policy and keeps what it lets through.
    ///
    /// # Errors
    /// [`PolicyError`] when nothing of the item may or can leave.
    pub fn append(&self, item: &Item, cursor: Option<Cursor>) -> Result<Appended, PolicyError> {
        let cleared = policy::clear(item)?;
        let appended = self.lock().append(&cleared, cursor);
        self.arrived.notify_one();
        Ok(appended)
    }

    pub fn note_loss(&self, cause: LossCause, count: u64, from: Timestamp, until: Timestamp) {
        self.lock().note_loss(cause, count, from, until);
    }

    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.lock().ledger().entries().to_vec()
    }

    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.lock().waiting_bytes()
    }

    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.lock().cursor()
    }

    /// The number that the next record gets.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.lock().next_seq
    }

    /// Whether everything has been acknowledged.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.waiting_bytes() == 0
    }

    /// Makes everything kept so far durable.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> io::Result<u64> {
        let (file, up_to) = self.lock().begin_sync()?;
        // Not under the lock: a slow disk must not hold up whoever appends.
        if let Some(file) = file {
            file.sync_data()?;
            self.lock().synced(up_to);
        }
        Ok(up_to)
    }

    /// Syncs, then takes the next records to send.
    pub(crate) fn next_batch(&self, records_max: usize) -> io::Result<Option<Outgoing>> {
        let durable_seq = self.sync()?;
        self.lock().next_batch(durable_seq, records_max)
    }

    /// Waits until something is appended.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
