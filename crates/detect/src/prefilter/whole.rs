//! Whole values and suffixes by hash: thousands of domains cost one pass over the value.

/// Owners by the hash of a value, folded to lower case.
#[derive(Default)]
pub(super) struct Whole {
    /// A power of two of slots, at most half full: (hash, range of owners). An empty slot has an empty range.
    slots: Box<[(u64, u32, u32)]>,
    owners: Box<[u32]>,
    mask: usize,
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xff51_afd7_ed55_8ccd;

/// One step of a hash that runs from the end of a value to its beginning.
fn step(hash: u64, byte: u8) -> u64 {
    (hash.rotate_left(5) ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(FACTOR)
}

fn hash_of(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(SEED, |hash, byte| step(hash, *byte))
}

impl Whole {
    pub fn new(values: Vec<(Vec<u8>, u32)>) -> Self {
        let mut hashed: Vec<(u64, u32)> = values.iter().map(|(value, owner)| (hash_of(value), *owner)).collect();
        hashed.sort_unstable();
        hashed.dedup();
        if hashed.is_empty() {
            return Self::default();
        }
        let size = (hashed.len() * 2).next_power_of_two();
        let mut slots = vec![(0u64, 0u32, 0u32); size].into_boxed_slice();
        let mask = size - 1;
        let owners: Box<[u32]> = hashed.iter().map(|(_, owner)| *owner).collect();
        let mut start = 0;
        while let Some((hash, _)) = hashed.get(start).copied() {
            let end = start + hashed.iter().skip(start).take_while(|(h, _)| *h == hash).count();
            let mut slot = place(hash, mask);
            while slots.get(slot).is_some_and(|(_, from, to)| from != to) {
                slot = (slot + 1) & mask;
            }
            if let Some(free) = slots.get_mut(slot) {
                *free = (hash, super::small(start), super::small(end));
            }
            start = end;
        }
        Self { slots, owners, mask }
    }

    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    fn get(&self, hash: u64) -> &[u32] {
        let mut slot = place(hash, self.mask);
        while let Some((found, from, to)) = self.slots.get(slot) {
            if from == to {
                break;
            }
            if *found == hash {
                return self.owners.get(*from as usize..*to as usize).unwrap_or_default();
            }
            slot = (slot + 1) & self.mask;
        }
        &[]
    }
}

fn place(hash: u64, mask: usize) -> usize {
    (hash >> 20) as usize & mask
}

/// One pass from the end to the beginning: suffixes at each dot, the whole at the end.
pub(super) fn look_up(bytes: &[u8], whole: &Whole, suffixes: &Whole, mut hit: impl FnMut(u32)) {
    let mut hash = SEED;
    for byte in bytes.iter().rev() {
        hash = step(hash, *byte);
        if *byte == b'.' {
            suffixes.get(hash).iter().for_each(|owner| hit(*owner));
        }
    }
    whole.get(hash).iter().for_each(|owner| hit(*owner));
}
