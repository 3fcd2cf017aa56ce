//! A table of what lasts for a while, for each of many hosts: it holds at most so many, and not much more than are alive.
//!
//! What is over is swept out when the table has doubled since the last sweep, so that a sweep costs each newcomer a constant
//! amount. A table that is full of what is alive turns newcomers away, and sweeps again only after many of them or in a later
//! second: whoever fills it with addresses that nobody has does not buy a sweep with each packet. Nor does one packet with a
//! wrong clock empty the table: it is swept as of a steady time.

use phitak_model::{Timestamp, time::SteadyTime};
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

/// So many seconds from a moment on, to their last microsecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pub since: Timestamp,
    pub secs: u32,
}

impl Lasting for Lease {
    fn is_over(&self, now: Timestamp) -> bool {
        is_over(self.since, self.secs, now)
    }
}

/// Whether more than so many seconds lie between two moments: what began so far in the future was begun by a clock that was
/// wrong.
pub(crate) fn is_over(since: Timestamp, secs: u32, now: Timestamp) -> bool {
    now.micros_since(since).saturating_abs() > i64::from(secs) * 1_000_000
}

pub(crate) struct Expiring<K, V> {
    entries: HashMap<K, V>,
    /// The next newcomer from this many on makes a sweep.
    sweep_at: usize,
    /// Newcomers that a full table turns away before it sweeps again: with those that found a place since the last sweep, a
    /// quarter of the table.
    patience: usize,
    /// The second of the last sweep.
    swept_at: i64,
    time: SteadyTime,
    /// Newcomers for which there was no place.
    turned_away: u64,
    #[cfg(test)]
    sweeps: usize,
}

impl<K, V> Default for Expiring<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            sweep_at: SWEEP_MIN,
            patience: 0,
            swept_at: i64::MIN,
            time: SteadyTime::default(),
            turned_away: 0,
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
        let steady = self.time.next(now);
        let has_room = self.entries.len() < self.sweep_at || self.entries.contains_key(&key) || self.make_room(steady);
        self.turned_away += u64::from(!has_room);
        has_room.then(|| self.entries.entry(key))
    }

    pub fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// Newcomers for which there was no place.
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.patience > 0 && now.secs() <= self.swept_at {
            self.patience -= 1;
            return false;
        }
        self.swept_at = now.secs();
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
        let is_near_full = self.sweep_at == ENTRIES_MAX;
        self.patience = if is_near_full { (ENTRIES_MAX / 4).saturating_sub(ENTRIES_MAX - alive) } else { 0 };
        alive < ENTRIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::default().plus_secs(seconds)
    }

    fn add(table: &mut Expiring<u32, Lease>, key: u32, now: i64, secs: u32) -> bool {
        table.place(key, at(now)).map(|place| place.insert_entry(Lease { since: at(now), secs })).is_some()
    }

    #[test]
    fn a_lease_lasts_to_its_last_microsecond_and_one_from_the_future_does_not() {
        let lease = Lease { since: at(100), secs: 10 };
        assert!(!lease.is_over(at(110)) && lease.is_over(at(110).plus_micros(1)));
        assert!(!lease.is_over(at(95)), "packets come out of order");
        assert!(lease.is_over(at(89)));
    }

    #[test]
    fn what_is_over_is_not_there_and_goes_with_the_next_sweep() {
        let mut table = Expiring::default();
        // A million in all, 100 a second, each for ten seconds.
        for key in 0..1_000_000 {
            let now = i64::from(key / 100);
            assert!(add(&mut table, key, now, 10));
            assert!(table.entries.len() <= 2_300, "{}", table.entries.len());
        }
        assert!(table.get(&999_999, at(10_009)).is_some());
        assert!(table.get(&999_999, at(10_010)).is_none());
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
        assert_eq!(table.turned_away(), u64::from(full) * 2);
        // Once its entries are over there is room for all that come.
        assert!(!add(&mut table, full * 3, 100, 60), "perhaps its clock is wrong");
        assert!((1..full).all(|key| add(&mut table, full * 3 + key, 100, 60)));
    }

    #[test]
    fn a_packet_with_a_wrong_clock_empties_no_table_and_seconds_that_alternate_buy_no_sweeps() {
        let mut table = Expiring::default();
        let full = u32::try_from(ENTRIES_MAX).unwrap();
        for key in 0..full {
            assert!(add(&mut table, key, 0, 3_600));
        }
        add(&mut table, full, 10_000_000, 3_600);
        add(&mut table, full, 1, 3_600);
        add(&mut table, full, -10_000_000, 3_600);
        assert!((0..full).all(|key| table.get(&key, at(1)).is_some()));
        let before = table.sweeps;
        for key in full..full + 20_000 {
            add(&mut table, key, 10 + i64::from(key % 2), 3_600);
        }
        assert!(table.sweeps < before + 5, "{} sweeps", table.sweeps);
    }

    #[test]
    fn a_table_in_which_one_goes_for_each_that_comes_does_not_sweep_for_each() {
        let mut table = Expiring::default();
        let full = u32::try_from(ENTRIES_MAX).unwrap();
        // A thousand newcomers a second; the table has places for as long as each lasts.
        for key in 0..full * 3 {
            add(&mut table, key, i64::from(key / 1_000), full / 1_000);
        }
        assert!(table.entries.len() <= ENTRIES_MAX);
        assert!(table.sweeps < 400, "{} sweeps", table.sweeps);
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
