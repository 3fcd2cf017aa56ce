//! The Internet checksum (RFC 1071), over headers and over segments with their pseudo header.

use std::net::IpAddr;

/// The folded one's complement sum of `bytes` on top of `start`; 0xffff over data that holds its own right checksum.
#[must_use]
pub fn ones_complement(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = u64::from(start);
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        sum += u64::from(u32::from_be_bytes(*word));
    }
    let (halves, last) = rest.as_chunks::<2>();
    for half in halves {
        sum += u64::from(u16::from_be_bytes(*half));
    }
    if let [byte] = last {
        sum += u64::from(*byte) << 8;
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    // The loop leaves at most 16 bits.
    sum as u16
}

/// The sum over a TCP, UDP or ICMPv6 segment and its pseudo header (RFC 793 §3.1, RFC 8200 §8.1).
#[must_use]
pub fn segment(src: IpAddr, dst: IpAddr, protocol: u8, bytes: &[u8]) -> u16 {
    let length = (bytes.len() & 0xffff) as u32;
    ones_complement(addresses(src, dst) + u32::from(protocol) + length, bytes)
}

/// The sum over the pseudo header alone. A host whose network card computes checksums leaves this in the field, so that a
/// capture on the host itself, or between its virtual machines, holds it instead of a checksum. Some leave the length to
/// the card too: it is 0 then.
#[must_use]
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> u16 {
    ones_complement(addresses(src, dst) + u32::from(protocol) + (length & 0xffff) as u32, &[])
}

fn addresses(src: IpAddr, dst: IpAddr) -> u32 {
    let ends = |a: &[u8], b: &[u8]| u32::from(ones_complement(0, a)) + u32::from(ones_complement(0, b));
    match (src, dst) {
        (IpAddr::V4(a), IpAddr::V4(b)) => ends(&a.octets(), &b.octets()),
        (IpAddr::V6(a), IpAddr::V6(b)) => ends(&a.octets(), &b.octets()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_sums_up() {
        assert_eq!(ones_complement(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
        assert_eq!(ones_complement(0, &[0x01]), 0x0100);
    }
}
