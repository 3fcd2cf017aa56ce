//! Bits of hosts and pairs of hosts, with their ends (`xbits`, `hostbits`).

use crate::expiring::{Expiring, Lease};
use phitak_model::Timestamp;
use std::net::IpAddr;

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
    set: Expiring<(u32, Owner), Lease>,
}

impl HostBits {
    pub fn is_set(&self, bit: u32, owner: Owner, now: Timestamp) -> bool {
        self.set.get(&(bit, owner), now).is_some()
    }

    /// A table that is full of bits that are set takes no more.
    pub fn set(&mut self, bit: u32, owner: Owner, now: Timestamp, expire_secs: u32) {
        if let Some(place) = self.set.place((bit, owner), now) {
            place.insert_entry(Lease { since: now, secs: expire_secs });
        }
    }

    pub fn unset(&mut self, bit: u32, owner: Owner) {
        self.set.remove(&(bit, owner));
    }

    /// Bits for which there was no place.
    pub fn turned_away(&self) -> u64 {
        self.set.turned_away()
    }
}
