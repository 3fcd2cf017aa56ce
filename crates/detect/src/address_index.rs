//! Address-only rules by the addresses that they name, so that long lists cost one look-up for each direction of a flow.

use phitak_rules::Addresses;
use std::{net::IpAddr, sync::Arc};

/// Rules by ranges of one side's addresses.
#[derive(Default)]
struct Side {
    v4: Stretches,
    v6: Stretches,
}

/// Where the set of rules changes, and the rules from there on.
#[derive(Default)]
struct Stretches {
    starts: Vec<u128>,
    /// Ranges of `rules`, one for each start.
    lists: Vec<(u32, u32)>,
    rules: Vec<u32>,
}

#[derive(Default)]
pub(crate) struct AddressIndex {
    source: Side,
    destination: Side,
    /// Rules whose addresses are any on both sides, or that apply both ways.
    others: Vec<u32>,
}

/// A rule with its two lists; `None` for any.
pub(crate) type AddressRule = (u32, Option<Arc<Addresses>>, Option<Arc<Addresses>>, bool);

impl AddressIndex {
    pub fn new(rules: &[AddressRule]) -> Self {
        let mut by_source = Vec::new();
        let mut by_destination = Vec::new();
        let mut others = Vec::new();
        for (rule, source, destination, both_ways) in rules {
            match (source, destination) {
                _ if *both_ways => others.push(*rule),
                // The narrower list decides; both are checked again later.
                (Some(source), Some(destination)) if width(source) > width(destination) => {
                    by_destination.push((*rule, Arc::clone(destination)))
                }
                (Some(source), _) => by_source.push((*rule, Arc::clone(source))),
                (None, Some(destination)) => by_destination.push((*rule, Arc::clone(destination))),
                (None, None) => others.push(*rule),
            }
        }
        Self { source: Side::new(&by_source), destination: Side::new(&by_destination), others }
    }

    pub fn find(&self, source: IpAddr, destination: IpAddr, mut hit: impl FnMut(u32)) {
        self.source.find(source).iter().for_each(|r| hit(*r));
        self.destination.find(destination).iter().for_each(|r| hit(*r));
        self.others.iter().for_each(|r| hit(*r));
    }
}

fn width(addresses: &Addresses) -> u128 {
    addresses.v4().parts().iter().map(|(a, b)| b - a).sum()
}

impl Side {
    fn new(rules: &[(u32, Arc<Addresses>)]) -> Self {
        let v4 = rules.iter().map(|(rule, a)| (*rule, a.v4().parts()));
        let v6 = rules.iter().map(|(rule, a)| (*rule, a.v6().parts()));
        Self { v4: Stretches::new(v4), v6: Stretches::new(v6) }
    }

    fn find(&self, address: IpAddr) -> &[u32] {
        match address {
            IpAddr::V4(a) => self.v4.find(u128::from(u32::from(a))),
            IpAddr::V6(a) => self.v6.find(u128::from(a)),
        }
    }
}

impl Stretches {
    fn new<'a>(rules: impl Iterator<Item = (u32, &'a [(u128, u128)])>) -> Self {
        // (where, begins rather than ends, rule), swept in order.
        let mut edges: Vec<(u128, bool, u32)> = Vec::new();
        for (rule, parts) in rules {
            for (first, last) in parts {
                edges.push((*first, true, rule));
                if let Some(after) = last.checked_add(1) {
                    edges.push((after, false, rule));
                }
            }
        }
        edges.sort_unstable();
        let mut made = Self::default();
        let mut open: std::collections::BTreeMap<u32, u32> = std::collections::BTreeMap::new();
        let mut at = 0;
        while let Some((place, ..)) = edges.get(at).copied() {
            while let Some((_, begins, rule)) = edges.get(at).copied().filter(|(p, ..)| *p == place) {
                let count = open.entry(rule).or_default();
                *count = if begins { count.saturating_add(1) } else { count.saturating_sub(1) };
                at += 1;
            }
            open.retain(|_, count| *count > 0);
            let start = crate::prefilter::small(made.rules.len());
            made.rules.extend(open.keys());
            made.starts.push(place);
            made.lists.push((start, crate::prefilter::small(made.rules.len())));
        }
        made
    }

    fn find(&self, value: u128) -> &[u32] {
        let after = self.starts.partition_point(|s| *s <= value);
        let list = after.checked_sub(1).and_then(|i| self.lists.get(i));
        list.and_then(|(from, to)| self.rules.get(*from as usize..*to as usize)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_stretches_give_all_their_rules() {
        let a: &[(u128, u128)] = &[(10, 20), (30, 40)];
        let b: &[(u128, u128)] = &[(15, 35)];
        let made = Stretches::new([(1, a), (2, b)].into_iter());
        for (value, rules) in
            [(9, &[][..]), (10, &[1]), (15, &[1, 2]), (21, &[2]), (30, &[1, 2]), (36, &[1]), (41, &[])]
        {
            assert_eq!(made.find(value), rules, "{value}");
        }
    }
}
