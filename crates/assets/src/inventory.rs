//! All hosts of one place, in the order of their addresses.

use crate::host::Host;
use phitak_model::Observation;
use std::{collections::BTreeMap, net::IpAddr};

/// Most hosts of one inventory. A large hospital has a few thousand; beyond that somebody invents addresses.
pub const HOSTS_MAX: usize = 20_000;

/// Bounded: past its limit a new address is counted, not kept, so that invented addresses cannot push out real ones.
#[derive(Debug)]
pub struct Inventory {
    hosts: BTreeMap<IpAddr, Host>,
    hosts_max: usize,
    turned_away: u64,
}

impl Default for Inventory {
    fn default() -> Self {
        Self::new(HOSTS_MAX)
    }
}

impl Inventory {
    #[must_use]
    pub fn new(hosts_max: usize) -> Self {
        Self { hosts: BTreeMap::new(), hosts_max, turned_away: 0 }
    }

    /// Takes in an observation; gives the host when something about it is new.
    pub fn take(&mut self, observation: &Observation) -> Option<&Host> {
        let full = self.hosts.len() >= self.hosts_max;
        match self.hosts.entry(observation.host) {
            std::collections::btree_map::Entry::Occupied(entry) => {
                let host = entry.into_mut();
                host.take(observation).then_some(&*host)
            }
            std::collections::btree_map::Entry::Vacant(_) if full => {
                self.turned_away = self.turned_away.saturating_add(1);
                None
            }
            std::collections::btree_map::Entry::Vacant(entry) => Some(entry.insert(Host::new(observation))),
        }
    }

    #[must_use]
    pub fn host(&self, address: IpAddr) -> Option<&Host> {
        self.hosts.get(&address)
    }

    /// In the order of addresses.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.values()
    }

    /// Observations of addresses for which there was no room.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::{Fact, Timestamp};

    #[test]
    fn a_full_inventory_keeps_what_it_knows_and_counts_the_rest() {
        let mut inventory = Inventory::new(2);
        let alive = |last: u8, at: i64| Observation {
            first_at: Timestamp::from_secs(at),
            last_at: Timestamp::from_secs(at),
            count: 1,
            host: IpAddr::from([10, 0, 0, last]),
            mac: None,
            fact: Fact::Alive,
        };
        for last in [9, 3, 7, 9] {
            inventory.take(&alive(last, i64::from(last)));
        }
        let kept: Vec<IpAddr> = inventory.hosts().map(|host| host.address).collect();
        assert_eq!(kept, [IpAddr::from([10, 0, 0, 3]), IpAddr::from([10, 0, 0, 9])]);
        assert_eq!(inventory.turned_away(), 1);
        assert!(inventory.host(IpAddr::from([10, 0, 0, 7])).is_none());
    }
}
