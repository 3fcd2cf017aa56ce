//! Which of several workers takes a frame: everything between two hosts goes the same way.
//!
//! Hosts and not flows decide, so that fragments, which have no ports, stay with their flows. An ICMP message about a
//! datagram that could not be delivered goes with that datagram's hosts. Tunnels that are no flows of their own (IP in IP,
//! GRE) are looked through, those over UDP go by their ends. Frames without IP all go to the first worker.

use crate::{bytes::be16, capture::Frame, decode::ether_type, link::LinkType, packet::ip_proto};

/// Headers that are looked through, at most.
const LAYERS_MAX: usize = 16;
/// Smaller Ethernet types are lengths.
const LENGTHS_END: u16 = 0x0600;
/// ICMP's type "destination unreachable".
const UNREACHABLE: u8 = 3;

/// The lane of a frame, below `lanes`.
#[must_use]
pub fn lane(frame: &Frame<'_>, lanes: usize) -> usize {
    let hash = network(frame).and_then(|packet| pair_hash(packet, LAYERS_MAX)).unwrap_or(0);
    // The upper half of a product spreads evenly over any number of lanes.
    let spread = (u128::from(hash) * lanes.max(1) as u128) >> 64;
    usize::try_from(spread).unwrap_or(0)
}

/// The IP packet of a frame.
fn network<'a>(frame: &Frame<'a>) -> Option<&'a [u8]> {
    let bytes = frame.bytes;
    match frame.link {
        LinkType::Ethernet => ethernet(bytes, LAYERS_MAX),
        LinkType::LinuxSll => behind(be16(bytes, 14)?, bytes.get(16..)?, LAYERS_MAX),
        LinkType::LinuxSll2 => behind(be16(bytes, 0)?, bytes.get(20..)?, LAYERS_MAX),
        LinkType::Raw => Some(bytes),
        LinkType::Null | LinkType::Loop => bytes.get(4..),
        LinkType::Ppp => ppp(bytes),
        LinkType::CiscoHdlc => behind(be16(bytes, 2)?, bytes.get(4..)?, LAYERS_MAX),
    }
}

fn ethernet(bytes: &[u8], layers: usize) -> Option<&[u8]> {
    behind(be16(bytes, 12)?, bytes.get(14..)?, layers)
}

/// The IP packet behind a header of this Ethernet type: tags, labels and bridges are looked through.
fn behind(kind: u16, bytes: &[u8], layers: usize) -> Option<&[u8]> {
    let layers = layers.checked_sub(1)?;
    match kind {
        ether_type::IPV4 | ether_type::IPV6 => Some(bytes),
        ether_type::VLAN | ether_type::QINQ | ether_type::QINQ_OLD => behind(be16(bytes, 2)?, bytes.get(4..)?, layers),
        ether_type::MPLS | ether_type::MPLS_MULTICAST => labelled(bytes, layers),
        ether_type::PPPOE_SESSION => ppp(bytes.get(6..)?),
        ether_type::PPP => ppp(bytes),
        ether_type::TRANSPARENT_BRIDGE => ethernet(bytes, layers),
        ether_type::FABRIC_PATH => ethernet(bytes.get(2..)?, layers),
        ether_type::PBB => behind(be16(bytes, 16)?, bytes.get(18..)?, layers),
        ether_type::VNTAG => behind(be16(bytes, 4)?, bytes.get(6..)?, layers),
        // A length, and a SNAP header that carries an Ethernet type (RFC 1042).
        length if length < LENGTHS_END => {
            let rest = bytes.strip_prefix(&[0xaa, 0xaa, 3, 0, 0, 0])?;
            behind(be16(rest, 0)?, rest.get(2..)?, layers)
        }
        _ => None,
    }
}

fn labelled(mut bytes: &[u8], layers: usize) -> Option<&[u8]> {
    for _ in 0..LAYERS_MAX {
        let is_last = bytes.get(2)? & 1 != 0;
        bytes = bytes.get(4..)?;
        if is_last {
            return match bytes.first()? >> 4 {
                4 | 6 => Some(bytes),
                0 => ethernet(bytes.get(4..)?, layers),
                _ => None,
            };
        }
    }
    None
}

fn ppp(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes) {
        [0x21 | 0x57, rest @ ..] | [0, 0x21 | 0x57, rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The hosts of an IP packet; of what it carries, when that is IP again and nothing of it is missing.
fn pair_hash(packet: &[u8], layers: usize) -> Option<u64> {
    let inner_layers = layers.checked_sub(1)?;
    match packet.first()? >> 4 {
        4 => {
            let header_bytes = usize::from(packet.first()? & 0xf) * 4;
            let behind = packet.get(header_bytes..).unwrap_or_default();
            let is_fragment = be16(packet, 6)? & 0x3fff != 0;
            let inner = match packet.get(9)? {
                _ if is_fragment => None,
                &ip_proto::ICMP if behind.first() == Some(&UNREACHABLE) => {
                    return v4(behind.get(8..).filter(|quoted| quoted.len() >= 20).unwrap_or(packet));
                }
                protocol => carried(*protocol, behind, inner_layers),
            };
            inner.or_else(|| v4(packet))
        }
        6 => {
            let inner = carried(*packet.get(6)?, packet.get(40..).unwrap_or_default(), inner_layers);
            inner.or_else(|| v6(packet))
        }
        _ => None,
    }
}

/// The hosts inside of a tunnel that is no flow of its own: IP in IP (RFC 2003, RFC 4213) and GRE (RFC 2784, RFC 2890).
fn carried(protocol: u8, bytes: &[u8], layers: usize) -> Option<u64> {
    let packet = match protocol {
        ip_proto::IPIP | ip_proto::IPV6 => bytes,
        ip_proto::GRE => {
            let flags = be16(bytes, 0)?;
            // Version 0 without routing; checksum, key and sequence number take four bytes each.
            if flags & 0x4007 != 0 {
                return None;
            }
            let optional = (flags & 0xb000).count_ones() as usize * 4;
            behind(be16(bytes, 2)?, bytes.get(4 + optional..)?, layers)?
        }
        _ => return None,
    };
    pair_hash(packet, layers)
}

fn v4(packet: &[u8]) -> Option<u64> {
    let [a, b, c, d, e, f, g, h] = *packet.get(12..)?.first_chunk::<8>()?;
    Some(mixed(u32::from_be_bytes([a, b, c, d]).into(), u32::from_be_bytes([e, f, g, h]).into()))
}

fn v6(packet: &[u8]) -> Option<u64> {
    let ends = packet.get(8..)?.first_chunk::<32>()?;
    let (src, dst) = ends.split_at(16);
    let number = |bytes: &[u8]| bytes.iter().fold(0u128, |n, byte| n << 8 | u128::from(*byte));
    Some(mixed(number(src), number(dst)))
}

/// The same for both ways round.
fn mixed(a: u128, b: u128) -> u64 {
    let (low, high) = (a.min(b), a.max(b));
    let folded = |n: u128| (n >> 64) as u64 ^ n as u64;
    let mut hash = folded(low).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ folded(high).rotate_left(32);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::Timestamp;

    fn ipv4(src: [u8; 4], dst: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
        [&[0x45, 0, 0, 40, 0, 1, 0, 0, 64, protocol, 0, 0], &src[..], &dst[..], payload].concat()
    }

    fn lane_of(head: &[u8], packet: &[u8]) -> usize {
        let bytes = [&[0; 12], head, packet].concat();
        let frame =
            Frame { number: 1, at: Timestamp::default(), link: LinkType::Ethernet, wire_length: 0, bytes: &bytes };
        lane(&frame, 1_000)
    }

    const A: [u8; 4] = [10, 0, 0, 1];
    const B: [u8; 4] = [192, 0, 2, 9];

    #[test]
    fn both_ways_tags_and_errors_about_it_go_one_way() {
        let there = lane_of(&[8, 0], &ipv4(A, B, 6, &[1, 2, 3, 4]));
        assert_eq!(there, lane_of(&[8, 0], &ipv4(B, A, 17, b"another port")));
        let wrappings: [&[u8]; 5] = [
            &[0x81, 0, 0, 5, 8, 0],
            &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0],
            &[0x88, 0x47, 0, 1, 0, 9, 0, 2, 1, 9],
            &[0x88, 0x64, 0x11, 0, 0, 1, 0, 42, 0, 0x21],
            &[0x89, 3, 0, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 8, 0],
        ];
        for head in wrappings {
            assert_eq!(there, lane_of(head, &ipv4(B, A, 6, b"")), "{head:x?}");
        }
        let gre = [&[0x20, 0, 8, 0, 0, 0, 0, 7], &ipv4(A, B, 6, b"")[..]].concat();
        assert_eq!(there, lane_of(&[8, 0], &ipv4([10, 9, 9, 9], [10, 9, 9, 8], 47, &gre)));
        assert_eq!(there, lane_of(&[8, 0], &ipv4([10, 9, 9, 9], [10, 9, 9, 8], 4, &ipv4(A, B, 6, b""))));
        let error = [&[3, 1, 0, 0, 0, 0, 0, 0], &ipv4(A, B, 17, b"")[..]].concat();
        assert_eq!(there, lane_of(&[8, 0], &ipv4([10, 9, 9, 9], A, 1, &error)));
        assert_ne!(there, lane_of(&[8, 0], &ipv4([10, 9, 9, 9], A, 1, &[8, 0])));
    }

    #[test]
    fn what_is_cut_or_no_ip_goes_to_the_first_lane() {
        assert_eq!(lane_of(&[8, 6], &[0; 28]), 0);
        for length in 0..20 {
            assert!(lane_of(&[8, 0], &ipv4(A, B, 6, b"")[..length]) < 1_000);
        }
        assert_eq!(lane_of(&[], &[]), 0);
    }

    #[test]
    fn hosts_spread_evenly_over_lanes() {
        let mut counts = [0; 4];
        for n in 0..4_000_u32 {
            let packet = ipv4((0x0a00_0000 + n).to_be_bytes(), B, 6, b"");
            counts[lane_of(&[8, 0], &packet) / 250] += 1;
        }
        assert!(counts.iter().all(|n| (800..1_200).contains(n)), "{counts:?}");
    }
}
