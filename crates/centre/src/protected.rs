//! What is never taken for an attacker's: the names and networks of `content/protected-names.txt`, built into the program,
//! and names under which anybody may register one.

use phitak_model::IndicatorValue;
use std::net::IpAddr;

const LIST: &str = include_str!("../../../content/protected-names.txt");

/// Why an indicator must not be looked for; none when it may be.
#[must_use]
pub fn why_not(value: &IndicatorValue) -> Option<String> {
    let covering = match value {
        IndicatorValue::Domain(name) => {
            if psl::domain_str(name).is_none() {
                return Some(format!("{name} is too short: strangers' names lie below it"));
            }
            names().find(|protected| lies_below(name, protected) || lies_below(protected, name))
        }
        IndicatorValue::Address(first, length) => {
            networks().find(|(_, network)| overlap(*network, (*first, *length))).map(|(text, _)| text)
        }
        // A page or a file is narrow, wherever it lies.
        _ => None,
    };
    covering.map(|protected| format!("{value} is protected ({protected}): every hospital needs it"))
}

fn lines() -> impl Iterator<Item = &'static str> {
    LIST.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn names() -> impl Iterator<Item = &'static str> {
    lines().filter(|line| network(line).is_none())
}

fn networks() -> impl Iterator<Item = (&'static str, (IpAddr, u8))> {
    lines().filter_map(|line| Some((line, network(line)?)))
}

fn network(line: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = line.split_once('/').map_or((line, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Some((address, length.map_or(Some(whole), |length| length.parse().ok())?))
}

fn lies_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn overlap(one: (IpAddr, u8), other: (IpAddr, u8)) -> bool {
    let wide = |address: IpAddr| match address {
        IpAddr::V4(four) => (u128::from(u32::from(four)) << 96, 4),
        IpAddr::V6(six) => (six.into(), 6),
    };
    let ((first, family), (second, other_family)) = (wide(one.0), wide(other.0));
    let length = u32::from(one.1.min(other.1));
    let mask = u128::MAX.checked_shl(128u32.saturating_sub(length)).unwrap_or(0);
    family == other_family && (first ^ second) & mask == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::IndicatorKind;

    fn refused(kind: IndicatorKind, text: &str) -> bool {
        why_not(&IndicatorValue::parse(kind, text).expect("a value")).is_some()
    }

    #[test]
    fn protected_names_and_networks_are_refused_from_above_and_from_below() {
        for domain in ["moph.go.th", "his.moph.go.th", "www.google.com", "co.th", "go.th", "github.io"] {
            assert!(refused(IndicatorKind::Domain, domain), "{domain}");
        }
        for domain in ["evil.example", "moph-go-th.com", "notgoogle.com", "evil.co.th", "x.github.io"] {
            assert!(!refused(IndicatorKind::Domain, domain), "{domain}");
        }
        for address in ["8.8.8.8", "8.8.8.0/24", "2001:4860::/32"] {
            assert!(refused(IndicatorKind::Address, address), "{address}");
        }
        assert!(!refused(IndicatorKind::Address, "203.0.113.9"));
        assert!(!refused(IndicatorKind::Url, "www.google.com/evil/page"));
    }

    #[test]
    fn every_line_of_the_list_is_a_name_or_a_network() {
        assert!(names().count() > 20 && networks().count() > 5);
        for name in names() {
            assert!(IndicatorValue::parse(IndicatorKind::Domain, name).is_ok(), "{name}");
        }
    }
}
