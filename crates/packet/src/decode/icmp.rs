//! ICMP (RFC 792 and its registry) and ICMPv6 (RFC 4443, RFC 4861 and its registry).

use super::refuse;
use crate::{
    bytes::{be16, be32},
    events::DecoderEvent,
    packet::{Icmp, Layer4, Packet},
};

const HEADER_BYTES: usize = 8;

pub(super) fn icmpv4<'a>(bytes: &'a [u8], packet: &mut Packet<'a>) {
    let (Some([kind, code, ..]), Some(header)) = (bytes.first_chunk::<2>(), bytes.get(..HEADER_BYTES)) else {
        return refuse(packet, DecoderEvent::Icmpv4PktTooSmall);
    };
    let (kind, code) = (*kind, *code);
    let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let code_max = match kind {
        0 | 4 | 8 | 10 | 13 | 14 | 15 | 16 | 17 | 18 => 0,
        9 => 16,
        3 => 15,
        5 => 3,
        11 => 1,
        12 => 2,
        _ => {
            packet.events.raise(DecoderEvent::Icmpv4UnknownType);
            u8::MAX
        }
    };
    if code > code_max || (kind == 9 && code != 0 && code != 16) {
        packet.events.raise(DecoderEvent::Icmpv4UnknownCode);
    }
    let about = match kind {
        3 | 4 | 5 | 11 | 12 => match super::ipv4::quoted(body) {
            Ok(quoted) => Some(quoted),
            Err(event) => {
                packet.events.raise(event);
                None
            }
        },
        _ => None,
    };
    // Router advertisements, timestamps and address masks have more fields behind the first eight bytes.
    let header = match kind {
        9 => {
            let (entries, words) = (usize::from(*bytes.get(4).unwrap_or(&0)), usize::from(*bytes.get(5).unwrap_or(&0)));
            bytes.get(..HEADER_BYTES + entries * words * 4).unwrap_or(bytes)
        }
        13 | 14 => bytes.get(..20).unwrap_or(header),
        17 | 18 => bytes.get(..12).unwrap_or(header),
        _ => header,
    };
    let paired = matches!(kind, 0 | 8 | 13..=18);
    packet.payload = body;
    packet.layer4 = Layer4::Icmp(Icmp {
        kind,
        code,
        id: if paired { be16(bytes, 4) } else { None },
        sequence: if paired { be16(bytes, 6) } else { None },
        mtu: if kind == 3 && code == 4 { be16(bytes, 6).map(u32::from) } else { None },
        about,
        header,
    });
}

pub(super) fn icmpv6<'a>(bytes: &'a [u8], packet: &mut Packet<'a>) {
    let (Some([kind, code, ..]), Some(header)) = (bytes.first_chunk::<2>(), bytes.get(..HEADER_BYTES)) else {
        return refuse(packet, DecoderEvent::Icmpv6PktTooSmall);
    };
    let (kind, code) = (*kind, *code);
    let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let code_max = match kind {
        1 => 7,
        2 | 128 | 129 | 130..=137 | 143 | 144..=147 | 151..=153 => 0,
        3 => 1,
        4 => 10,
        138 => u8::MAX,
        139 | 140 => 2,
        100 | 101 | 200 | 201 => {
            packet.events.raise(DecoderEvent::Icmpv6ExperimentationType);
            u8::MAX
        }
        5..=99 | 102..=126 => {
            packet.events.raise(DecoderEvent::Icmpv6UnassignedType);
            u8::MAX
        }
        _ => {
            packet.events.raise(DecoderEvent::Icmpv6UnknownType);
            u8::MAX
        }
    };
    if code > code_max && !(kind == 138 && code == u8::MAX) {
        packet.events.raise(DecoderEvent::Icmpv6UnknownCode);
    }
    // Multicast listener messages never leave the link (RFC 2710 §3).
    if matches!(kind, 130..=132 | 143) && packet.ip.as_ref().is_some_and(|ip| ip.ttl != 1) {
        packet.events.raise(DecoderEvent::Icmpv6MldMessageWithInvalidHl);
    }
    let about = match kind {
        1..=4 => match super::ipv6::quoted(body) {
            Ok(quoted) => Some(quoted),
            Err(event) => {
                packet.events.raise(event);
                None
            }
        },
        _ => None,
    };
    let paired = matches!(kind, 128 | 129);
    packet.payload = body;
    packet.layer4 = Layer4::Icmp(Icmp {
        kind,
        code,
        id: if paired { be16(bytes, 4) } else { None },
        sequence: if paired { be16(bytes, 6) } else { None },
        mtu: if kind == 2 { be32(bytes, 4) } else { None },
        about,
        header,
    });
}
