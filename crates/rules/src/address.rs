//! Address lists of a rule's head: single addresses, CIDR blocks, ranges, groups, negation, variables.

use crate::{
    ranges::Ranges,
    text::{Fault, Text, nearest},
    variables::Variables,
};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Nesting of groups and variables that is followed.
const DEPTH_MAX: u32 = 16;
const V4_MAX: u128 = u32::MAX as u128;

/// A set of IPv4 and IPv6 addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Addresses {
    v4: Ranges,
    v6: Ranges,
    /// Written with a negation somewhere, which makes an address-only rule a per-packet rule.
    negated: bool,
}

impl Addresses {
    #[must_use]
    pub fn any() -> Self {
        Self { v4: Ranges::all(V4_MAX), v6: Ranges::all(u128::MAX), negated: false }
    }

    #[must_use]
    pub fn is_any(&self) -> bool {
        self.v4.parts() == [(0, V4_MAX)] && self.v6.parts() == [(0, u128::MAX)]
    }

    #[must_use]
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => self.v4.contains(u128::from(u32::from(a))),
            IpAddr::V6(a) => self.v6.contains(u128::from(a)),
        }
    }

    /// Whether some address is in both sets.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.v4.meets(&other.v4) || self.v6.meets(&other.v6)
    }

    /// Whether all addresses of this set are in the other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.v4.minus(&other.v4, V4_MAX).is_empty() && self.v6.minus(&other.v6, u128::MAX).is_empty()
    }

    /// IPv4 addresses as numbers below 2^32.
    #[must_use]
    pub fn v4(&self) -> &Ranges {
        &self.v4
    }

    #[must_use]
    pub fn v6(&self) -> &Ranges {
        &self.v6
    }

    fn nothing() -> Self {
        Self { v4: Ranges::default(), v6: Ranges::default(), negated: false }
    }

    fn union(self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6), negated: self.negated || other.negated }
    }

    fn minus(self, other: &Self) -> Self {
        Self { v4: self.v4.minus(&other.v4, V4_MAX), v6: self.v6.minus(&other.v6, u128::MAX), negated: true }
    }
}

/// Reads an address list that stands alone, outside of a rule.
///
/// # Errors
/// A sentence about the first fault.
pub fn read(text: &str, variables: &Variables) -> Result<Addresses, String> {
    parse(Text::new(text, 0), variables).map_err(|fault| fault.reason)
}

/// Reads an address list.
pub(crate) fn parse(text: Text<'_>, variables: &Variables) -> Result<Addresses, Fault> {
    let set = element(text.trim(), variables, 0)?;
    if set.v4.is_empty() && set.v6.is_empty() {
        return Err(text.trim().fault("these addresses exclude each other: nothing is left"));
    }
    Ok(set)
}

fn element(text: Text<'_>, variables: &Variables, depth: u32) -> Result<Addresses, Fault> {
    if depth > DEPTH_MAX {
        return Err(text.fault(format!("groups or variables nest deeper than {DEPTH_MAX}")));
    }
    if let Some(rest) = text.strip_prefix("!") {
        let inner = element(rest.trim(), variables, depth + 1)?;
        return Ok(Addresses::any().minus(&inner));
    }
    if text.text.starts_with('[') {
        let Some(inner) = text.strip_suffix("]") else {
            return Err(text.fault("this group is not closed by \"]\""));
        };
        return group(inner.from(1), variables, depth);
    }
    if let Some(name) = text.strip_prefix("$") {
        let Some(value) = variables.get(name.text) else {
            return Err(unknown_variable(name, variables));
        };
        // Faults inside a variable's value are told at the place of its use.
        return element(Text::new(value, text.at), variables, depth + 1)
            .map_err(|fault| fault.inside_variable(name.text, text.at));
    }
    single(text)
}

pub(crate) fn unknown_variable(name: Text<'_>, variables: &Variables) -> Fault {
    let fault = name.fault(format!("the variable ${} is not set", name.text));
    match nearest(name.text, variables.names()) {
        Some(near) => fault.hint(format!("did you mean ${near}?")),
        None => fault,
    }
}

/// Parts of a bracketed list at its outermost level.
pub(crate) fn list_items(text: Text<'_>) -> Result<Vec<Text<'_>>, Fault> {
    let mut items = Vec::new();
    let (mut level, mut start) = (0u32, 0usize);
    for (index, byte) in text.text.bytes().enumerate() {
        match byte {
            b'[' => level += 1,
            b']' => level = level.checked_sub(1).ok_or_else(|| text.from(index).fault("\"]\" without \"[\""))?,
            b',' if level == 0 => {
                items.push(text.from(start).to(index - start).trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    if level > 0 {
        return Err(text.fault("this group is not closed by \"]\""));
    }
    items.push(text.from(start).trim());
    Ok(items)
}

fn group(text: Text<'_>, variables: &Variables, depth: u32) -> Result<Addresses, Fault> {
    let (mut included, mut excluded) = (Addresses::nothing(), Addresses::nothing());
    let mut any_included = false;
    for item in list_items(text)? {
        if item.is_empty() {
            return Err(item.fault("an empty entry in a list of addresses"));
        }
        match item.strip_prefix("!") {
            Some(rest) => excluded = excluded.union(&element(rest.trim(), variables, depth + 1)?),
            None => {
                included = included.union(&element(item, variables, depth + 1)?);
                any_included = true;
            }
        }
    }
    let base = if any_included { included } else { Addresses::any() };
    let nothing_excluded = excluded.v4.is_empty() && excluded.v6.is_empty();
    Ok(if nothing_excluded { base } else { base.minus(&excluded) })
}

fn single(text: Text<'_>) -> Result<Addresses, Fault> {
    if text.is("any") {
        return Ok(Addresses::any());
    }
    let refuse =
        || text.fault(format!("{:?} is not an address, a CIDR block, a range, a group or a variable", text.text));
    if let Some((address, mask)) = text.split_once('/') {
        let address: IpAddr = address.text.trim().parse().map_err(|_| refuse())?;
        return block(address, mask.trim())
            .ok_or_else(|| mask.fault(format!("{:?} is not a prefix length or mask", mask.text)));
    }
    if let Some((first, last)) = text.split_once('-') {
        let first: IpAddr = first.text.trim().parse().map_err(|_| refuse())?;
        let end: IpAddr = last.text.trim().parse().map_err(|_| refuse())?;
        return range(first, end).ok_or_else(|| last.fault("the range ends before it begins, or mixes IPv4 and IPv6"));
    }
    let address: IpAddr = text.text.parse().map_err(|_| refuse())?;
    range(address, address).ok_or_else(refuse)
}

fn range(first: IpAddr, last: IpAddr) -> Option<Addresses> {
    match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => {
            let v4 = Ranges::of(u128::from(u32::from(a)), u128::from(u32::from(b)));
            Some(Addresses { v4, ..Addresses::nothing() })
        }
        (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
            Some(Addresses { v6: Ranges::of(u128::from(a), u128::from(b)), ..Addresses::nothing() })
        }
        _ => None,
    }
}

fn block(address: IpAddr, mask: Text<'_>) -> Option<Addresses> {
    match address {
        IpAddr::V4(a) => {
            let mask = match mask.text.parse::<Ipv4Addr>() {
                Ok(mask) => u32::from(mask),
                Err(_) => prefix_mask(mask, 32)? as u32,
            };
            let first = u32::from(a) & mask;
            range(IpAddr::V4(Ipv4Addr::from(first)), IpAddr::V4(Ipv4Addr::from(first | !mask)))
        }
        IpAddr::V6(a) => {
            let mask = prefix_mask(mask, 128)?;
            let first = u128::from(a) & mask;
            range(IpAddr::V6(Ipv6Addr::from(first)), IpAddr::V6(Ipv6Addr::from(first | !mask)))
        }
    }
}

/// The mask of a prefix length, in the low `width` bits.
fn prefix_mask(text: Text<'_>, width: u32) -> Option<u128> {
    let length: u32 = text.number().ok().filter(|n| *n <= width)?;
    let ones = |n: u32| if n == 0 { 0 } else { u128::MAX >> (128 - n) };
    Some(ones(width) ^ ones(width - length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, inside: &[&str], outside: &[&str]) {
        let set = parse(Text::new(list, 0), &Variables::default()).expect(list);
        for address in inside {
            assert!(set.contains(address.parse().expect("address")), "{address} in {list}");
        }
        for address in outside {
            assert!(!set.contains(address.parse().expect("address")), "{address} not in {list}");
        }
    }

    #[test]
    fn lists_of_every_shape_hold_what_they_say() {
        check("any", &["1.2.3.4", "::1"], &[]);
        check("10.0.0.0/24", &["10.0.0.255"], &["10.0.1.0", "::1"]);
        check("10.0.0.0/255.255.255.0", &["10.0.0.255"], &["10.0.1.0"]);
        check("1.1.1.1-1.1.1.9", &["1.1.1.5"], &["1.1.1.10"]);
        check("![1.1.1.1, 1.1.1.2]", &["1.1.1.3", "::1"], &["1.1.1.1", "1.1.1.2"]);
        check("[10.0.0.0/24, !10.0.0.5]", &["10.0.0.4"], &["10.0.0.5", "10.0.1.1"]);
        check("[$EXTERNAL_NET,!8.8.8.8]", &["1.1.1.1"], &["8.8.8.8", "192.168.1.1"]);
        check("[10.0.0.0/8,![10.1.0.0/16,10.2.0.0/16]]", &["10.3.0.1"], &["10.1.0.1", "10.2.9.9"]);
        check("2001:db8::/32", &["2001:db8::1"], &["2001:db9::1", "10.0.0.1"]);
        check("0.0.0.0/0", &["10.0.0.1"], &["::1"]);
    }

    #[test]
    fn bad_lists_are_refused_at_their_place() {
        let at = |list: &str| parse(Text::new(list, 0), &Variables::default()).expect_err(list).at;
        assert_eq!(at("[1.1.1.1,2.2.2.300]"), 9);
        assert_eq!(at("$HOME_NETT"), 1);
        assert_eq!(at("!any"), 0);
        assert_eq!(at("1.1.1.1/33"), 8);
        assert_eq!(at("[1.1.1.1"), 0);
    }

    #[test]
    fn a_variable_that_names_itself_ends() {
        let mut variables = Variables::default();
        variables.set("A", "$A");
        let fault = parse(Text::new("$A", 0), &variables).expect_err("no end");
        assert_eq!(fault.reason.matches("$A").count(), 1, "{}", fault.reason);
    }
}
