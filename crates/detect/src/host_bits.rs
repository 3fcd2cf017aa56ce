//! Bits of hosts and pairs of hosts, with their ends (`xbits`, `hostbits`).

use phitak_model::Timestamp;
use std::{collections::HashMap, net::IpAddr};

/// Bits of one worker.
const BITS_MAX: usize = 1 << 18;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Host(IpAddr),
    /// In either order.
    Pair(IpAddr, IpAddr),
}

impl Owner {
    pub fn pair(a: IpAddr, b: IpAddr) -> Self {
        if a <= b { Self::Pair(a, b) } else { Self::Pair(b, a) }
    }
}

#[derive(Default)]
pub(crate) struct HostBits {
    ends: HashMap<(u32, Owner), Timestamp>,
}

impl HostBits {
    pub fn is_set(&self, bit: u32, owner: Owner, now: Timestamp) -> bool {
        self.ends.get(&(bit, owner)).is_some_and(|end| now < *end)
    }

    pub fn set(&mut self, bit: u32, owner: Owner, now: Timestamp, expire_secs: u32) {
        if self.ends.len() >= BITS_MAX {
            self.ends.retain(|_, end| now < *end);
        }
        if self.ends.len() < BITS_MAX || self.ends.contains_key(&(bit, owner)) {
            self.ends.insert((bit, owner), now.plus_secs(i64::from(expire_secs)));
        }
    }

    pub fn unset(&mut self, bit: u32, owner: Owner) {
        self.ends.remove(&(bit, owner));
    }
}
