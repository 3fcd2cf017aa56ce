//! Packets by where their ends are: most rules are for traffic between the home network and the rest of the world, and what
//! stays inside, or outside, need not be searched for them.
//!
//! The home network is the set of addresses that most rules name (`$HOME_NET`, as a rule).

use crate::compiled::Head;
use phitak_rules::Addresses;
use std::{collections::HashMap, net::IpAddr, sync::Arc};

/// Whether a packet's source and its destination are in the home network: a number below [`ZONES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone(usize);

pub(crate) const ZONES: usize = 4;

/// A bit for each zone.
pub(crate) type ZoneSet = u8;

#[derive(Default)]
pub(crate) struct Zones {
    home: Option<Arc<Addresses>>,
}

/// Where a set of addresses has some.
#[derive(Clone, Copy)]
struct Sides {
    inside: bool,
    outside: bool,
}

/// The zones of rules while they are put into groups. Sets of addresses are shared by many rules: each is looked at once.
pub(crate) struct ZoneFinder {
    zones: Zones,
    known: HashMap<*const Addresses, Sides>,
}

impl Zone {
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ZONES).map(Self)
    }

    pub fn index(self) -> usize {
        self.0
    }

    /// Of the answers to such packets.
    pub fn turned(self) -> Self {
        Self((self.0 & 1) << 1 | self.0 >> 1)
    }

    pub fn is_in(self, zones: ZoneSet) -> bool {
        zones >> self.0 & 1 != 0
    }

    fn new(source_inside: bool, destination_inside: bool) -> Self {
        Self(usize::from(source_inside) | usize::from(destination_inside) << 1)
    }
}

impl Zones {
    /// Of a packet between these addresses.
    pub fn of(&self, addresses: Option<(IpAddr, IpAddr)>) -> Zone {
        let (Some(home), Some((source, destination))) = (&self.home, addresses) else { return Zone(0) };
        Zone::new(home.contains(source), home.contains(destination))
    }
}

impl ZoneFinder {
    pub fn new<'h>(heads: impl Iterator<Item = &'h Head>) -> Self {
        let mut uses: HashMap<*const Addresses, (usize, &Arc<Addresses>)> = HashMap::new();
        for set in heads.flat_map(|head| head.source.iter().chain(&head.destination)) {
            uses.entry(Arc::as_ptr(set)).or_insert((0, set)).0 += 1;
        }
        // One set may be there several times, as `$HOME_NET` and `$HTTP_SERVERS` are.
        let mut sums: HashMap<&Addresses, usize> = HashMap::new();
        for (count, set) in uses.values().filter(|(_, set)| !set.is_negated()) {
            *sums.entry(set).or_default() += count;
        }
        let parts = |set: &Addresses| (set.v4().parts().to_vec(), set.v6().parts().to_vec());
        let most = sums.iter().max_by_key(|(set, count)| (**count, parts(set)));
        let home = most.map(|(set, _)| Arc::new((**set).clone()));
        Self { zones: Zones { home }, known: HashMap::new() }
    }

    pub fn into_zones(self) -> Zones {
        self.zones
    }

    /// The zones whose packets a rule may be for.
    pub fn of_head(&mut self, head: &Head) -> ZoneSet {
        let source = self.sides(head.source.as_ref());
        let destination = self.sides(head.destination.as_ref());
        let set = |source: Sides, destination: Sides| {
            Zone::all().fold(0, |set, zone| {
                let source = if zone.0 & 1 == 0 { source.outside } else { source.inside };
                let destination = if zone.0 & 2 == 0 { destination.outside } else { destination.inside };
                set | u8::from(source && destination) << zone.0
            })
        };
        let forward = set(source, destination);
        if head.both_ways { forward | set(destination, source) } else { forward }
    }

    fn sides(&mut self, set: Option<&Arc<Addresses>>) -> Sides {
        let (Some(home), Some(set)) = (&self.zones.home, set) else { return Sides { inside: true, outside: true } };
        *self
            .known
            .entry(Arc::as_ptr(set))
            .or_insert_with(|| Sides { inside: set.meets(home), outside: !set.is_within(home) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiled::TransportTest;
    use phitak_rules::Context;

    fn head(source: &str, destination: &str, both_ways: bool) -> Head {
        let text = format!("alert ip {source} any -> {destination} any (sid:1;)");
        let rule = &phitak_rules::parse("t", &text, &Context::default()).rules[0];
        let set = |set: &Addresses| (!set.is_any()).then(|| Arc::new(set.clone()));
        Head {
            transport: TransportTest::Any,
            protocols: None,
            source: set(&rule.source),
            destination: set(&rule.destination),
            source_ports: None,
            destination_ports: None,
            both_ways,
        }
    }

    #[test]
    fn a_rule_is_for_the_zones_that_its_addresses_reach() {
        let heads = [
            head("10.0.0.0/8", "!10.0.0.0/8", false),
            head("any", "10.0.0.0/8", false),
            head("any", "192.0.2.7", true),
            head("10.1.0.0/16", "any", false),
        ];
        let mut finder = ZoneFinder::new(heads.iter());
        let sets: Vec<ZoneSet> = heads.iter().map(|head| finder.of_head(head)).collect();
        // Bits: outside to outside, inside to outside, outside to inside, inside to inside.
        assert_eq!(sets, [0b0010, 0b1100, 0b0111, 0b1010]);
        let zones = finder.into_zones();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let zone = zones.of(Some((address("10.9.9.9"), address("2001:db8::1"))));
        assert_eq!(zone, Zone(0b01));
        assert_eq!(zone.turned(), Zone(0b10));
        assert!(zone.is_in(sets[0]) && !zone.is_in(sets[1]));
    }

    #[test]
    fn without_addresses_all_is_one_zone() {
        let heads = [head("any", "any", false)];
        let mut finder = ZoneFinder::new(heads.iter());
        assert_eq!(finder.of_head(&heads[0]), 0b1111);
        assert_eq!(finder.into_zones().of(None), Zone(0));
    }
}
