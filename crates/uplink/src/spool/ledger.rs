//! The loss ledger: every drop by cause and span. It lies beside the segments and goes along in each health report,
//! whole, so that a lost report loses nothing.

use crate::private_file;
use phitak_model::{Loss, LossCause, Timestamp};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Most entries; beyond it the two oldest neighbours of one cause become one.
pub const ENTRIES_MAX: usize = 32;
/// Losses of one cause that lie closer together than this are one entry.
const GAP_SECS_MAX: i64 = 3600;
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Entries in the order in which they began to be noted.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    entries: Vec<Loss>,
    is_dirty: bool,
}

impl Ledger {
    /// Reads the ledger; one that cannot be read is begun anew.
    pub(crate) fn open(path: &Path) -> Self {
        let small = std::fs::metadata(path).is_ok_and(|meta| meta.len() <= FILE_BYTES_MAX);
        let read = if small { std::fs::read(path).ok() } else { None };
        let entries: Option<Vec<Loss>> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if entries.is_none() && path.exists() {
            tracing::warn!(path = %path.display(), "the loss ledger could not be read and begins anew");
        }
        Self { path: path.to_owned(), entries: entries.unwrap_or_default(), is_dirty: false }
    }

    #[must_use]
    pub fn entries(&self) -> &[Loss] {
        &self.entries
    }

    /// Notes a loss between two moments.
    pub fn note(&mut self, cause: LossCause, count: u64, from: Timestamp, until: Timestamp) {
        if count == 0 {
            return;
        }
        self.is_dirty = true;
        let near = |entry: &&mut Loss| {
            let gap_max = GAP_SECS_MAX * 1_000_000;
            entry.cause == cause
                && from.micros_since(entry.until) <= gap_max
                && entry.from.micros_since(until) <= gap_max
        };
        match self.entries.iter_mut().rev().find(near) {
            Some(entry) => {
                entry.count = entry.count.saturating_add(count);
                entry.from = entry.from.min(from);
                entry.until = entry.until.max(until);
            }
            None => self.entries.push(Loss { cause, count, from, until }),
        }
        while self.entries.len() > ENTRIES_MAX {
            self.join_oldest();
        }
    }

    /// Writes what changed.
    ///
    /// # Errors
    /// When the folder cannot be written; the entries stay in memory and the next call tries again.
    pub(crate) fn persist(&mut self) -> io::Result<()> {
        if self.is_dirty {
            private_file::write(&self.path, &serde_json::to_vec(&self.entries)?)?;
            self.is_dirty = false;
        }
        Ok(())
    }

    fn join_oldest(&mut self) {
        let Some(first) = self.entries.iter().enumerate().find_map(|(at, entry)| {
            let next = self.entries.iter().skip(at + 1).position(|other| other.cause == entry.cause)?;
            Some((at, at + 1 + next))
        }) else {
            self.entries.remove(0);
            return;
        };
        let joined = self.entries.remove(first.1);
        if let Some(entry) = self.entries.get_mut(first.0) {
            entry.count = entry.count.saturating_add(joined.count);
            entry.from = entry.from.min(joined.from);
            entry.until = entry.until.max(joined.until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn near_losses_of_one_cause_are_one_entry_and_survive_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("losses.json");
        let mut ledger = Ledger::open(&path);
        ledger.note(LossCause::SpoolFull, 3, at(100), at(200));
        ledger.note(LossCause::SpoolDamaged, 1, at(150), at(150));
        ledger.note(LossCause::SpoolFull, 4, at(900), at(901));
        ledger.note(LossCause::SpoolFull, 5, at(90_000), at(90_000));
        ledger.persist().expect("written");
        let entry = |cause, count, from, until| Loss { cause, count, from: at(from), until: at(until) };
        let expected = [
            entry(LossCause::SpoolFull, 7, 100, 901),
            entry(LossCause::SpoolDamaged, 1, 150, 150),
            entry(LossCause::SpoolFull, 5, 90_000, 90_000),
        ];
        assert_eq!(Ledger::open(&path).entries(), expected);
    }

    #[test]
    fn a_long_ledger_joins_its_oldest_and_counts_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = Ledger::open(&folder.path().join("losses.json"));
        for day in 0..100 {
            ledger.note(LossCause::SpoolFull, 2, at(day * 86_400), at(day * 86_400));
        }
        assert_eq!(ledger.entries().len(), ENTRIES_MAX);
        assert_eq!(ledger.entries().iter().map(|entry| entry.count).sum::<u64>(), 200);
        assert_eq!(ledger.entries().first().map(|entry| entry.from), Some(at(0)));
    }
}
