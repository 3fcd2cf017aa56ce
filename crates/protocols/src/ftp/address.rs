//! Addresses in commands and replies: where data will go.

use std::net::{IpAddr, Ipv4Addr};

/// `h1,h2,h3,h4,p1,p2` anywhere in the text (RFC 959 §4.1.2).
pub(super) fn six_numbers(text: &[u8]) -> Option<(IpAddr, u16)> {
    let start = text.iter().position(|byte| *byte == b'(').map_or(0, |at| at.saturating_add(1));
    let text = std::str::from_utf8(text.get(start..)?).ok()?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',' && c != ' ').unwrap_or(text.len());
    let numbers: Vec<u8> = text.get(..end)?.trim().split(',').map_while(|number| number.trim().parse().ok()).collect();
    let [a, b, c, d, high, low] = *numbers.as_slice() else { return None };
    Some((IpAddr::V4(Ipv4Addr::new(a, b, c, d)), u16::from_be_bytes([high, low])))
}

/// `|1|10.0.0.5|6446|`, or `(|||6446|)` (RFC 2428).
pub(super) fn extended(text: &[u8]) -> Option<(IpAddr, u16)> {
    let text = std::str::from_utf8(text).ok()?;
    let start = text.find('|')?;
    let mut parts = text.get(start..)?.split('|').skip(1);
    let (_, address, port) = (parts.next()?, parts.next()?, parts.next()?);
    let address = address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    Some((address, port.parse().ok()?))
}
