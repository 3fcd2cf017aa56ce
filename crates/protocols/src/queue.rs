//! The transactions a session holds: a queue with ids, bounded, released from the front.

use phitak_model::inspect::{Transaction, Transactions};
use std::{collections::VecDeque, ops::Range};

/// Transactions in the order of their ids. When more than `held_max` are held because nobody releases them, the oldest
/// goes.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    held: VecDeque<T>,
    first: u64,
    held_max: usize,
}

impl<T: Transaction> Queue<T> {
    pub(crate) fn new(held_max: usize) -> Self {
        Self { held: VecDeque::new(), first: 0, held_max: held_max.max(1) }
    }

    /// The id that the next transaction gets.
    pub(crate) fn next_id(&self) -> u64 {
        self.first.saturating_add(self.held.len() as u64)
    }

    pub(crate) fn push(&mut self, transaction: T) -> u64 {
        if self.held.len() >= self.held_max {
            self.held.pop_front();
            self.first = self.first.saturating_add(1);
        }
        let id = self.next_id();
        self.held.push_back(transaction);
        id
    }

    fn position(&self, id: u64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        self.held.get(self.position(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let at = self.position(id)?;
        self.held.get_mut(at)
    }

    /// Drops this transaction and all before it.
    pub(crate) fn release(&mut self, id: u64) {
        while self.first <= id && self.held.pop_front().is_some() {
            self.first = self.first.saturating_add(1);
        }
    }
}

impl<T: Transaction> Transactions for Queue<T> {
    fn live(&self) -> Range<u64> {
        self.first..self.next_id()
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.get(id).map(|transaction| transaction as &dyn Transaction)
    }
}
