//! Many values in little memory: one stretch of bytes and a table of hashes. A million domains take about 40 MB and one
//! look-up each.

use std::hash::{BuildHasher, RandomState};

/// Most bytes of all values of one set.
const BYTES_MAX: usize = u32::MAX as usize;
const SLOTS_MIN: usize = 16;

/// A set of byte strings that only grows. Values are numbered in the order in which they came.
#[derive(Default)]
pub(crate) struct ValueSet {
    bytes: Vec<u8>,
    /// Where each value ends; it begins where the one before ends.
    ends: Vec<u32>,
    /// A power of two, at most three quarters full: 32 bits of the hash and the value's number plus one; 0 is free.
    slots: Vec<u64>,
    /// With a seed of its own: whoever writes a list cannot choose values that collide.
    hasher: RandomState,
}

/// What became of a value that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New(u32),
    Known(u32),
    /// All values together would be too large.
    NoRoom,
}

impl ValueSet {
    pub fn with_room_for(values: usize) -> Self {
        let slots = slots_for(values);
        Self { ends: Vec::with_capacity(values), slots: vec![0; slots], ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[cfg(test)]
    fn contains(&self, value: &[u8]) -> bool {
        self.find(value).is_some()
    }

    /// The value's number.
    pub fn find(&self, value: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(value);
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = place(hash, mask);
        loop {
            let slot = *self.slots.get(at)?;
            let number = number_in(slot)?;
            if tag(slot) == tag(hash) && self.get(number) == Some(value) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    pub fn insert(&mut self, value: &[u8]) -> Added {
        if let Some(number) = self.find(value) {
            return Added::Known(number);
        }
        let end = self.bytes.len().saturating_add(value.len());
        let (Ok(end), Ok(number)) = (u32::try_from(end), u32::try_from(self.ends.len())) else { return Added::NoRoom };
        if number == u32::MAX || self.bytes.len() > BYTES_MAX {
            return Added::NoRoom;
        }
        if slots_for(self.ends.len() + 1) > self.slots.len() {
            self.grow();
        }
        self.bytes.extend_from_slice(value);
        self.ends.push(end);
        self.put(self.hasher.hash_one(value), number);
        Added::New(number)
    }

    fn get(&self, number: u32) -> Option<&[u8]> {
        let index = number as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.bytes.get(start..*self.ends.get(index)? as usize)
    }

    fn grow(&mut self) {
        self.slots = vec![0; slots_for(self.ends.len() * 2 + 1)];
        for number in 0..crate::prefilter::small(self.ends.len()) {
            if let Some(hash) = self.get(number).map(|value| self.hasher.hash_one(value)) {
                self.put(hash, number);
            }
        }
    }

    /// Into the first free slot; there is one, since the table is never full.
    fn put(&mut self, hash: u64, number: u32) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let mut at = place(hash, mask);
        while self.slots.get(at).is_some_and(|slot| *slot != 0) {
            at = (at + 1) & mask;
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = hash & !u64::from(u32::MAX) | (u64::from(number) + 1);
        }
    }
}

fn slots_for(values: usize) -> usize {
    (values.saturating_mul(4) / 3 + 1).next_power_of_two().max(SLOTS_MIN)
}

fn place(hash: u64, mask: usize) -> usize {
    (hash & u64::from(u32::MAX)) as usize & mask
}

fn tag(slot: u64) -> u64 {
    slot >> 32
}

fn number_in(slot: u64) -> Option<u32> {
    u32::try_from(slot & u64::from(u32::MAX)).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_numbers_while_the_set_grows() {
        let mut set = ValueSet::default();
        assert!(!set.contains(b""));
        for number in 0..5000u32 {
            assert_eq!(set.insert(format!("v{number}").as_bytes()), Added::New(number));
        }
        assert_eq!(set.insert(b""), Added::New(5000));
        assert_eq!(set.insert(b"v17"), Added::Known(17));
        assert_eq!(set.len(), 5001);
        for number in 0..5000u32 {
            assert_eq!(set.find(format!("v{number}").as_bytes()), Some(number));
        }
        assert_eq!(set.find(b""), Some(5000));
        assert!(!set.contains(b"v5000") && !set.contains(b"v"));
    }

    #[test]
    fn room_made_before_is_the_same_set() {
        let mut set = ValueSet::with_room_for(3);
        for value in [b"a", b"b", b"c", b"d"] {
            assert!(matches!(set.insert(value), Added::New(_)));
        }
        assert!(set.contains(b"d") && !set.contains(b"e"));
    }
}
