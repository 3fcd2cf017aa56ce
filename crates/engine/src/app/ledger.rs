//! Which transactions of a session were recorded, and which of their events.

use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub recorded: bool,
    /// Events of the transaction that were recorded.
    pub events: usize,
}

/// One entry for each transaction that the session still holds.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    first: u64,
    entries: VecDeque<Entry>,
}

impl Ledger {
    /// The entry of a transaction; ids come in order.
    pub(crate) fn entry(&mut self, id: u64) -> Option<&mut Entry> {
        let at = usize::try_from(id.checked_sub(self.first)?).ok()?;
        while self.entries.len() <= at {
            self.entries.push_back(Entry::default());
        }
        self.entries.get_mut(at)
    }

    /// Transactions before this one are gone.
    pub(crate) fn forget_before(&mut self, id: u64) {
        while self.first < id && self.entries.pop_front().is_some() {
            self.first += 1;
        }
        self.first = self.first.max(id);
    }
}
