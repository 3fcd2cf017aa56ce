//! IPv4 (RFC 791): header, options, fragments.

use super::{Decoder, Emit, Step, refuse};
use crate::{
    bytes::be16,
    defrag::{Fragment, FragmentKey},
    events::DecoderEvent,
    packet::{Ip, Packet, PacketSource, ip_proto},
};
use std::net::{IpAddr, Ipv4Addr};

const HEADER_BYTES_MIN: usize = 20;

impl Decoder {
    pub(super) fn ipv4<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        self.counters.ipv4 += 1;
        packet.payload = bytes;
        if !self.deeper(packet, layers) {
            return;
        }
        let ip = match header(bytes) {
            Ok(ip) => ip,
            Err(event) => return refuse(packet, event),
        };
        if let Some(rest) = ip.header.get(HEADER_BYTES_MIN..).filter(|rest| !rest.is_empty()) {
            options(rest, packet);
        }
        let (protocol, payload) = (ip.protocol, ip.payload);
        let fragment = ip.more_fragments || ip.fragment_offset != 0;
        packet.payload = payload;
        if fragment {
            self.counters.fragments += 1;
            self.ipv4_fragment(&ip, packet, *layers, emit);
            packet.ip = Some(ip);
            return;
        }
        packet.ip = Some(ip);
        match protocol {
            ip_proto::IPV6 => {
                self.inner(packet, PacketSource::Tunnel("ipv4 tunnel"), payload, *layers, emit, Step::Ipv6);
            }
            ip_proto::IPIP => {
                self.inner(packet, PacketSource::Tunnel("ipv4 tunnel"), payload, *layers, emit, Step::Ipv4);
            }
            ip_proto::ICMPV6 => refuse(packet, DecoderEvent::Ipv4Icmpv6),
            _ => self.transport(protocol, payload, packet, layers, emit),
        }
    }

    fn ipv4_fragment(&mut self, ip: &Ip<'_>, packet: &mut Packet<'_>, layers: u8, emit: Emit<'_>) {
        let fragment = Fragment {
            key: FragmentKey {
                src: ip.src,
                dst: ip.dst,
                id: u32::from(ip.id),
                protocol: ip.protocol,
                vlan: packet.vlan,
            },
            offset: usize::from(ip.fragment_offset) * 8,
            more: ip.more_fragments,
            header: ip.header,
            bytes: ip.payload,
        };
        let Some(mut whole) = self.defrag.insert(&fragment, packet.at, &mut packet.events) else { return };
        self.counters.reassembled += 1;
        mend(&mut whole);
        self.inner(packet, PacketSource::Defragmented, &whole, layers, emit, Step::Ipv4);
        self.defrag.recycle(whole);
    }
}

/// Makes the rebuilt datagram's header that of a whole one: length, no fragment bits, checksum.
fn mend(whole: &mut [u8]) {
    let length = u16::try_from(whole.len()).unwrap_or(u16::MAX).to_be_bytes();
    let header_bytes = whole.first().map_or(0, |b| usize::from(b & 0xf) * 4);
    let Some(header) = whole.get_mut(..header_bytes) else { return };
    let Some([_, _, l0, l1, _, _, f0, f1, _, _, c0, c1]) = header.first_chunk_mut::<12>() else { return };
    [*l0, *l1] = length;
    *f0 &= 0x40;
    [*f1, *c0, *c1] = [0; 3];
    let sum = !crate::checksum::ones_complement(0, header);
    if let Some(checksum) = header.get_mut(10..12) {
        checksum.copy_from_slice(&sum.to_be_bytes());
    }
}

/// Reads a header whose datagram is all there.
pub(super) fn header(bytes: &[u8]) -> Result<Ip<'_>, DecoderEvent> {
    let Some(fixed) = bytes.first_chunk::<20>() else {
        return Err(DecoderEvent::Ipv4PktTooSmall);
    };
    if fixed[0] >> 4 != 4 {
        return Err(DecoderEvent::Ipv4WrongIpVersion);
    }
    let header_bytes = usize::from(fixed[0] & 0xf) * 4;
    if header_bytes < HEADER_BYTES_MIN {
        return Err(DecoderEvent::Ipv4HlenTooSmall);
    }
    let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if total < header_bytes {
        return Err(DecoderEvent::Ipv4IplenSmallerThanHlen);
    }
    let (Some(header), Some(payload)) = (bytes.get(..header_bytes), bytes.get(header_bytes..total)) else {
        return Err(DecoderEvent::Ipv4TruncPkt);
    };
    let fragment = u16::from_be_bytes([fixed[6], fixed[7]]);
    Ok(Ip {
        src: IpAddr::V4(Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15])),
        dst: IpAddr::V4(Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19])),
        protocol: fixed[9],
        ttl: fixed[8],
        tos: fixed[1],
        id: u16::from_be_bytes([fixed[4], fixed[5]]),
        dont_fragment: fragment & 0x4000 != 0,
        more_fragments: fragment & 0x2000 != 0,
        fragment_offset: fragment & 0x1fff,
        header,
        payload,
    })
}

/// Walks the options and notes what is odd; odd options do not make the packet invalid.
fn options(mut rest: &[u8], packet: &mut Packet<'_>) {
    let mut seen = [false; 256];
    while let Some((kind, after)) = rest.split_first() {
        let (kind, length) = match (*kind, after.first()) {
            (0, _) => return,
            (1, _) => {
                rest = after;
                continue;
            }
            (_, None) => return packet.events.raise(DecoderEvent::Ipv4OptMalformed),
            (kind, Some(length)) => (kind, usize::from(*length)),
        };
        let Some(option) = rest.get(..length).filter(|option| option.len() >= 2) else {
            return packet.events.raise(DecoderEvent::Ipv4OptInvalidLen);
        };
        let good_length = match kind {
            // Record route, loose and strict source route: a pointer and whole addresses.
            7 | 131 | 137 => length >= 3 && (length - 3).is_multiple_of(4) && option.get(2).is_some_and(|p| *p >= 4),
            68 => length >= 4,
            // Stream id, router alert; security options have a least length.
            136 | 148 => length == 4,
            130 => length >= 3,
            133 | 134 => length >= 3,
            _ => {
                packet.events.raise(DecoderEvent::Ipv4OptUnknown);
                true
            }
        };
        if !good_length {
            return packet.events.raise(DecoderEvent::Ipv4OptInvalidLen);
        }
        if let Some(mark) = seen.get_mut(usize::from(kind)) {
            if *mark {
                packet.events.raise(DecoderEvent::Ipv4OptDuplicate);
            }
            *mark = true;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// The ends of an IPv4 packet quoted in an ICMP error; it may be cut after eight bytes of its payload.
pub(super) fn quoted(bytes: &[u8]) -> Result<crate::packet::Quoted, DecoderEvent> {
    let Some(fixed) = bytes.first_chunk::<20>() else {
        return Err(DecoderEvent::Icmpv4Ipv4TruncPkt);
    };
    if fixed[0] >> 4 != 4 {
        return Err(DecoderEvent::Icmpv4Ipv4UnknownVer);
    }
    let payload = bytes.get(usize::from(fixed[0] & 0xf) * 4..).unwrap_or_default();
    let ports = matches!(fixed[9], ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP);
    Ok(crate::packet::Quoted {
        src: IpAddr::V4(Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15])),
        dst: IpAddr::V4(Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19])),
        protocol: fixed[9],
        src_port: if ports { be16(payload, 0).unwrap_or(0) } else { 0 },
        dst_port: if ports { be16(payload, 2).unwrap_or(0) } else { 0 },
    })
}
