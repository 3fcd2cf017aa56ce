//! IPv6 (RFC 8200): header, extension headers, fragments.

use super::{Decoder, Emit, Step, refuse};
use crate::{
    bytes::{be16, be32},
    defrag::{Fragment, FragmentKey},
    events::DecoderEvent,
    packet::{Ip, Packet, PacketSource, Quoted, ip_proto},
};
use std::net::{IpAddr, Ipv6Addr};

const HEADER_BYTES: usize = 40;

mod next {
    pub const HOP_BY_HOP: u8 = 0;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const ESP: u8 = 50;
    pub const AH: u8 = 51;
    pub const NONE: u8 = 59;
    pub const DESTINATION: u8 = 60;
    pub const MOBILITY: u8 = 135;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
}

/// Where the walk over extension headers ended.
struct Chain {
    protocol: u8,
    /// Bytes of extension headers.
    length: usize,
    fragment: Option<FragmentHeader>,
}

#[derive(Clone, Copy)]
struct FragmentHeader {
    /// In 8-byte units.
    offset: u16,
    more: bool,
    id: u32,
    /// Bytes of extension headers before the fragment header.
    before: usize,
    /// Where the "next header" byte that names the fragment header stands, from the IP header's beginning.
    named_at: usize,
}

#[derive(Default)]
struct Seen {
    hop_by_hop: bool,
    routing: bool,
    fragment: bool,
    destination: u8,
    ah: bool,
    esp: bool,
}

impl Decoder {
    pub(super) fn ipv6<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        self.counters.ipv6 += 1;
        packet.payload = bytes;
        if !self.deeper(packet, layers) {
            return;
        }
        let Some(fixed) = bytes.first_chunk::<HEADER_BYTES>() else {
            return refuse(packet, DecoderEvent::Ipv6PktTooSmall);
        };
        if fixed[0] >> 4 != 6 {
            return refuse(packet, DecoderEvent::Ipv6WrongIpVersion);
        }
        let length = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        let Some(body) = bytes.get(HEADER_BYTES..HEADER_BYTES + length) else {
            return refuse(packet, DecoderEvent::Ipv6TruncPkt);
        };
        let chain = walk(fixed[6], body, packet);
        let header = bytes.get(..HEADER_BYTES + chain.length).unwrap_or_default();
        let payload = body.get(chain.length..).unwrap_or_default();
        packet.ip = Some(Ip {
            src: address(bytes, 8),
            dst: address(bytes, 24),
            protocol: chain.protocol,
            ttl: fixed[7],
            tos: (fixed[0] << 4) | (fixed[1] >> 4),
            id: 0,
            dont_fragment: false,
            more_fragments: chain.fragment.is_some_and(|f| f.more),
            fragment_offset: chain.fragment.map_or(0, |f| f.offset),
            header,
            payload,
        });
        packet.payload = payload;
        if packet.invalid {
            return;
        }
        match (chain.fragment, chain.protocol) {
            (Some(fragment), _) => {
                self.counters.fragments += 1;
                let unfragmentable = bytes.get(..HEADER_BYTES + fragment.before).unwrap_or_default();
                self.ipv6_fragment(fragment, chain.protocol, unfragmentable, payload, packet, *layers, emit);
            }
            (None, ip_proto::IPIP) => {
                match payload.first().map(|b| b >> 4) {
                    _ if payload.len() < 20 => return refuse(packet, DecoderEvent::Ipv6Ipv4InIpv6TooSmall),
                    Some(4) => {}
                    _ => return refuse(packet, DecoderEvent::Ipv6Ipv4InIpv6WrongVersion),
                }
                self.inner(packet, PacketSource::Tunnel("ipv6 tunnel"), payload, *layers, emit, Step::Ipv4);
            }
            (None, ip_proto::IPV6) => {
                match payload.first().map(|b| b >> 4) {
                    _ if payload.len() < HEADER_BYTES => {
                        return refuse(packet, DecoderEvent::Ipv6Ipv6InIpv6TooSmall);
                    }
                    Some(6) => {}
                    _ => return refuse(packet, DecoderEvent::Ipv6Ipv6InIpv6WrongVersion),
                }
                self.inner(packet, PacketSource::Tunnel("ipv6 tunnel"), payload, *layers, emit, Step::Ipv6);
            }
            (None, ip_proto::ICMP) => packet.events.raise(DecoderEvent::Ipv6Icmpv4),
            (None, protocol) => self.transport(protocol, payload, packet, layers, emit),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one fragment, used in one place")]
    fn ipv6_fragment(
        &mut self,
        head: FragmentHeader,
        protocol: u8,
        unfragmentable: &[u8],
        bytes: &[u8],
        packet: &mut Packet<'_>,
        layers: u8,
        emit: Emit<'_>,
    ) {
        let Some(ip) = &packet.ip else { return };
        let fragment = Fragment {
            key: FragmentKey { src: ip.src, dst: ip.dst, id: head.id, protocol: 0, vlan: packet.vlan },
            offset: usize::from(head.offset) * 8,
            more: head.more,
            header: unfragmentable,
            bytes,
        };
        let at = packet.at;
        let Some(mut whole) = self.defrag.insert(&fragment, at, &mut packet.events) else { return };
        self.counters.reassembled += 1;
        // The rebuilt packet has no fragment header: whoever named it names what followed it.
        if let Some(named) = whole.get_mut(head.named_at) {
            *named = protocol;
        }
        let length = u16::try_from(whole.len().saturating_sub(HEADER_BYTES)).unwrap_or(u16::MAX);
        if let Some(field) = whole.get_mut(4..6) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        self.inner(packet, PacketSource::Defragmented, &whole, layers, emit, Step::Ipv6);
        self.defrag.recycle(whole);
    }
}

fn address(bytes: &[u8], at: usize) -> IpAddr {
    let octets = bytes.get(at..).and_then(|b| b.first_chunk::<16>()).copied().unwrap_or_default();
    IpAddr::V6(Ipv6Addr::from(octets))
}

/// Follows the chain of extension headers to the transport header, a fragment, or something that does not parse.
fn walk(first: u8, body: &[u8], packet: &mut Packet<'_>) -> Chain {
    let mut chain = Chain { protocol: first, length: 0, fragment: None };
    let mut named_at = 6;
    let mut seen = Seen::default();
    loop {
        let rest = body.get(chain.length..).unwrap_or_default();
        // An extension header that is the packet's last bytes and yet names another one is cut off.
        if chain.length > 0 && rest.len() < 2 && chain.protocol != next::NONE {
            refuse(packet, DecoderEvent::Ipv6TruncExthdr);
            return chain;
        }
        let length = match chain.protocol {
            next::HOP_BY_HOP | next::DESTINATION | next::ROUTING | next::MOBILITY | next::HIP | next::SHIM6 => {
                rest.get(1).map(|units| 8 + usize::from(*units) * 8)
            }
            next::FRAGMENT => Some(8),
            next::AH => rest.get(1).map(|units| (usize::from(*units) + 2) * 4),
            next::ESP => {
                if seen.esp {
                    packet.events.raise(DecoderEvent::Ipv6ExthdrDuplEh);
                }
                if rest.len() < 8 {
                    refuse(packet, DecoderEvent::Ipv6TruncExthdr);
                }
                return chain;
            }
            next::NONE => {
                if !rest.is_empty() {
                    packet.events.raise(DecoderEvent::Ipv6DataAfterNoneHeader);
                }
                return chain;
            }
            _ => return chain,
        };
        let Some(header) = length.and_then(|length| rest.get(..length)) else {
            refuse(packet, DecoderEvent::Ipv6TruncExthdr);
            return chain;
        };
        if chain.protocol == next::FRAGMENT {
            let repeated = std::mem::replace(&mut seen.fragment, true);
            let fragment = fragment_header(header, chain.length, named_at, repeated, rest.len(), packet);
            named_at = HEADER_BYTES + chain.length;
            chain.protocol = header.first().copied().unwrap_or(next::NONE);
            chain.length += header.len();
            match fragment {
                Some(_) => {
                    chain.fragment = fragment;
                    return chain;
                }
                None if packet.invalid => return chain,
                None => continue,
            }
        }
        note(chain.protocol, header, &mut seen, packet);
        if packet.invalid {
            return chain;
        }
        named_at = HEADER_BYTES + chain.length;
        chain.protocol = header.first().copied().unwrap_or(next::NONE);
        chain.length += header.len();
    }
}

/// A fragment header (§4.5); `None` when the packet is no fragment for all that ("atomic", RFC 6946).
fn fragment_header(
    header: &[u8],
    before: usize,
    named_at: usize,
    repeated: bool,
    rest_bytes: usize,
    packet: &mut Packet<'_>,
) -> Option<FragmentHeader> {
    if header.get(1) != Some(&0) {
        packet.events.raise(DecoderEvent::Ipv6FhNonZeroReservedField);
    }
    if repeated {
        packet.events.raise(DecoderEvent::Ipv6ExthdrDuplFh);
    }
    let word = be16(header, 2).unwrap_or(0);
    let (offset, more) = (word >> 3, word & 1 == 1);
    if offset == 0 && !more {
        packet.events.raise(DecoderEvent::Ipv6ExthdrUselessFh);
        return None;
    }
    if more && !rest_bytes.saturating_sub(8).is_multiple_of(8) {
        refuse(packet, DecoderEvent::Ipv6FragInvalidLength);
        return None;
    }
    Some(FragmentHeader { offset, more, id: be32(header, 4).unwrap_or(0), before, named_at })
}

/// Notes what is odd about one extension header.
fn note(kind: u8, header: &[u8], seen: &mut Seen, packet: &mut Packet<'_>) {
    match kind {
        next::HOP_BY_HOP => {
            if std::mem::replace(&mut seen.hop_by_hop, true) {
                packet.events.raise(DecoderEvent::Ipv6ExthdrDuplHh);
            }
            options(header, DecoderEvent::Ipv6HopoptsUnknownOpt, DecoderEvent::Ipv6HopoptsOnlyPadding, packet);
        }
        next::DESTINATION => {
            seen.destination = seen.destination.saturating_add(1);
            // One may stand before a routing header and one before the payload.
            if seen.destination > 2 {
                packet.events.raise(DecoderEvent::Ipv6ExthdrDuplDh);
            }
            options(header, DecoderEvent::Ipv6DstoptsUnknownOpt, DecoderEvent::Ipv6DstoptsOnlyPadding, packet);
        }
        next::ROUTING => {
            if header.get(2) == Some(&0) {
                packet.events.raise(DecoderEvent::Ipv6RhType0);
            }
            if std::mem::replace(&mut seen.routing, true) {
                packet.events.raise(DecoderEvent::Ipv6ExthdrDuplRh);
            }
        }
        next::AH => {
            if be16(header, 2).is_some_and(|reserved| reserved != 0) {
                packet.events.raise(DecoderEvent::Ipv6ExthdrAhResNotNull);
            }
            if std::mem::replace(&mut seen.ah, true) {
                packet.events.raise(DecoderEvent::Ipv6ExthdrDuplAh);
            }
        }
        _ => {}
    }
}

/// Options of a hop-by-hop or destination header (§4.2).
fn options(header: &[u8], unknown: DecoderEvent, only_padding: DecoderEvent, packet: &mut Packet<'_>) {
    let mut rest = header.get(2..).unwrap_or_default();
    let (mut any, mut padding) = (false, false);
    while let Some((kind, after)) = rest.split_first() {
        if *kind == 0 {
            padding = true;
            rest = after;
            continue;
        }
        let Some(length) = after.first().map(|b| usize::from(*b)) else {
            return packet.events.raise(DecoderEvent::Ipv6ExthdrInvalidOptlen);
        };
        if rest.len() < 2 + length {
            return packet.events.raise(DecoderEvent::Ipv6ExthdrInvalidOptlen);
        }
        match kind {
            1 => {
                padding = true;
                if length == 0 {
                    packet.events.raise(DecoderEvent::Ipv6ZeroLenPadn);
                }
            }
            // Router alert, jumbo payload, home address: each has one length.
            5 | 0xc2 | 0xc9 => {
                any = true;
                let wanted = match kind {
                    5 => 2,
                    0xc2 => 4,
                    _ => 16,
                };
                if length != wanted {
                    return packet.events.raise(DecoderEvent::Ipv6ExthdrInvalidOptlen);
                }
            }
            _ => {
                any = true;
                packet.events.raise(unknown);
            }
        }
        rest = rest.get(2 + length..).unwrap_or_default();
    }
    if padding && !any {
        packet.events.raise(only_padding);
    }
}

/// The ends of an IPv6 packet quoted in an ICMPv6 error.
pub(super) fn quoted(bytes: &[u8]) -> Result<Quoted, DecoderEvent> {
    let Some(fixed) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(DecoderEvent::Icmpv6Ipv6TruncPkt);
    };
    if fixed[0] >> 4 != 6 {
        return Err(DecoderEvent::Icmpv6Ipv6UnknownVersion);
    }
    let protocol = fixed[6];
    let ports = matches!(protocol, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP);
    Ok(Quoted {
        src: address(bytes, 8),
        dst: address(bytes, 24),
        protocol,
        src_port: if ports { be16(bytes, HEADER_BYTES).unwrap_or(0) } else { 0 },
        dst_port: if ports { be16(bytes, HEADER_BYTES + 2).unwrap_or(0) } else { 0 },
    })
}
