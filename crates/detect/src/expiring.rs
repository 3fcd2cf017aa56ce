//! A table of what lasts for a while, for each of many hosts: it holds at most so many, and not much more than are alive.
//!
//! What is over is swept out when the table has doubled since the last sweep, so that a sweep costs each newcomer a constant
//! amount. A table that is full of what is alive turns newcomers away, and sweeps again only after many of them: whoever
//! fills it with addresses that nobody has does not buy a sweep with each packet.

use phitak_model::Timestamp;
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

/// As many as the standard library's table of 2^17 places takes.
const ENTRIES_MAX: usize = (1 << 17) / 8 * 7;
/// Below this many nothing is swept.
const SWEEP_MIN: usize = 1 << 10;

/// What may be forgotten after a while.
pub(crate) trait Lasting {
    /// Whether it makes no difference any more.
    fn is_over(&self, now: Timestamp) -> bool;
}

/// Over from this moment on.
impl Lasting for Timestamp {
    fn is_over(&self, now: Timestamp) -> bool {
        *self <= now
    }
}

pub(crate) struct Expiring<K, V> {
    entries: HashMap<K, V>,
    /// The next newcomer from this many on makes a sweep.
    sweep_at: usize,
    /// Newcomers that a full table turns away before it sweeps again: with those that found a place since the last sweep, a
    /// quarter of the table.
    patience: usize,
    #[cfg(test)]
    sweeps: usize,
}

impl<K, V> Default for Expiring<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            sweep_at: SWEEP_MIN,
            patience: 0,
            #[cfg(test)]
            sweeps: 0,
        }
    }
}

impl<K: Eq + Hash, V: Lasting> Expiring<K, V> {
    /// What is there and not over.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<&V> {
        self.entries.get(key).filter(|value| !value.is_over(now))
    }

    /// The place of `key`, which may hold what is over; `None` when it has none and the table is full.
    pub fn place(&mut self, key: K, now: Timestamp) -> Option<Entry<'_, K, V>> {
        let has_room = self.entries.len() < self.sweep_at || self.entries.contains_key(&key) || self.make_room(now);
        has_room.then(|| self.entries.entry(key))
    }

    pub fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.patience > 0 {
            self.patience -= 1;
            return false;
        }
        #[cfg(test)]
        {
            self.sweeps += 1;
        }
        self.entries.retain(|_, value| !value.is_over(now));
        let alive = self.entries.len();
        self.sweep_at = (alive * 2).clamp(SWEEP_MIN, ENTRIES_MAX);
        if self.entries.capacity() > self.sweep_at * 4 {
            self.entries.shrink_to(self.sweep_at);
        }
        if self.sweep_at == ENTRIES_MAX {
            self.patience = (ENTRIES_MAX / 4).saturating_sub(ENTRIES_MAX - alive);
        }
        alive < ENTRIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::default().plus_secs(seconds)
    }

    fn add(table: &mut Expiring<u32, Timestamp>, key: u32, now: i64, secs: i64) -> bool {
        table.place(key, at(now)).map(|place| place.insert_entry(at(now + secs))).is_some()
    }

    #[test]
    fn what_is_over_is_not_there_and_goes_with_the_next_sweep() {
        let mut table = Expiring::default();
        // A million in all, 100 a second, each for ten seconds.
        for key in 0..1_000_000 {
            let now = i64::from(key / 100);
            assert!(add(&mut table, key, now, 10));
            assert!(table.entries.len() <= 2_100, "{}", table.entries.len());
        }
        assert!(table.get(&999_999, at(10_008)).is_some());
        assert!(table.get(&999_999, at(10_009)).is_none());
        assert!(table.entries.capacity() < 8_192);
    }

    #[test]
    fn a_full_table_keeps_what_it_has_and_turns_newcomers_away() {
        let mut table = Expiring::default();
        let full = u32::try_from(ENTRIES_MAX).unwrap();
        for key in 0..full {
            assert!(add(&mut table, key, 0, 60));
        }
        let capacity = table.entries.capacity();
        for key in full..full * 3 {
            assert!(!add(&mut table, key, 1, 60));
        }
        assert!(add(&mut table, 7, 1, 60), "who is there is served");
        assert_eq!((table.entries.len(), table.entries.capacity()), (ENTRIES_MAX, capacity));
        // Once its entries are over, some newcomers later, there is room again.
        let taken = (0..full).filter(|key| add(&mut table, full * 3 + key, 100, 60)).count();
        assert!(taken >= ENTRIES_MAX / 4 * 3, "{taken}");
    }

    #[test]
    fn a_table_in_which_one_goes_for_each_that_comes_does_not_sweep_for_each() {
        let mut table = Expiring::default();
        let full = u32::try_from(ENTRIES_MAX).unwrap();
        // One newcomer a second, each for as many seconds as the table has places.
        for key in 0..full * 3 {
            add(&mut table, key, i64::from(key), i64::from(full));
        }
        assert!(table.entries.len() <= ENTRIES_MAX);
        assert!(table.sweeps < 30, "{} sweeps", table.sweeps);
    }

    #[test]
    fn a_table_that_was_large_becomes_small() {
        let mut table = Expiring::default();
        for key in 0..100_000 {
            add(&mut table, key, 0, 60);
        }
        for key in 100_000..250_000 {
            add(&mut table, key, 100 + i64::from(key) / 100, 1);
        }
        assert!(table.entries.capacity() < 8_192, "{}", table.entries.capacity());
    }
}
