//! Link layers: Ethernet with its tags, loopback, PPP and PPPoE, Cisco HDLC, Linux cooked captures, MPLS.

use super::{Decoder, Emit, refuse};
use crate::{
    bytes::{be16, be32},
    events::DecoderEvent,
    packet::{Packet, VLAN_TAGS_MAX},
};
use phitak_model::Mac;

const ETHERNET_BYTES: usize = 14;
/// Below this an Ethernet type is the frame's length (IEEE 802.3 §3.2.6).
const LENGTHS_END: u16 = 0x0600;

pub(crate) mod ether_type {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const TRANSPARENT_BRIDGE: u16 = 0x6558;
    pub const VLAN: u16 = 0x8100;
    pub const IPV6: u16 = 0x86dd;
    pub const PPP: u16 = 0x880b;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE_DISCOVERY: u16 = 0x8863;
    pub const PPPOE_SESSION: u16 = 0x8864;
    pub const QINQ: u16 = 0x88a8;
    pub const ERSPAN: u16 = 0x88be;
    pub const PBB: u16 = 0x88e7;
    pub const FABRIC_PATH: u16 = 0x8903;
    pub const VNTAG: u16 = 0x8926;
    pub const NSH: u16 = 0x894f;
    pub const QINQ_OLD: u16 = 0x9100;
}

/// The Ethernet type and what follows behind a SNAP header that carries one (RFC 1042).
fn snap(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let rest = bytes.strip_prefix(&[0xaa, 0xaa, 3, 0, 0, 0])?;
    // A length here would begin it all anew.
    let kind = be16(rest, 0).filter(|kind| *kind >= LENGTHS_END)?;
    Some((kind, rest.get(2..)?))
}

impl Decoder {
    pub(super) fn ethernet<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        self.counters.ethernet += 1;
        let (Some(head), Some(kind)) = (bytes.first_chunk::<12>(), be16(bytes, 12)) else {
            return refuse(packet, DecoderEvent::EthernetPktTooSmall);
        };
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *head;
        packet.dst_mac = Some(Mac([d0, d1, d2, d3, d4, d5]));
        packet.src_mac = Some(Mac([s0, s1, s2, s3, s4, s5]));
        let rest = bytes.get(ETHERNET_BYTES..).unwrap_or_default();
        self.network(kind, rest, packet, layers, emit);
    }

    /// What stands behind a link header, by its Ethernet type.
    pub(super) fn network<'a>(
        &mut self,
        kind: u16,
        bytes: &'a [u8],
        packet: &mut Packet<'a>,
        layers: &mut u8,
        emit: Emit<'_>,
    ) {
        packet.ether_type = kind;
        packet.payload = bytes;
        if !self.deeper(packet, layers) {
            return;
        }
        match kind {
            ether_type::IPV4 => self.ipv4(bytes, packet, layers, emit),
            ether_type::IPV6 => self.ipv6(bytes, packet, layers, emit),
            ether_type::VLAN | ether_type::QINQ | ether_type::QINQ_OLD => self.vlan(bytes, packet, layers, emit),
            ether_type::PPPOE_SESSION => self.pppoe_session(bytes, packet, layers, emit),
            ether_type::PPPOE_DISCOVERY => pppoe_discovery(bytes, packet),
            ether_type::MPLS | ether_type::MPLS_MULTICAST => self.mpls(bytes, packet, layers, emit),
            ether_type::TRANSPARENT_BRIDGE => self.ethernet(bytes, packet, layers, emit),
            ether_type::PPP => self.ppp(bytes, packet, layers, emit),
            ether_type::ARP => {
                self.counters.arp += 1;
                arp(bytes, packet);
            }
            ether_type::FABRIC_PATH => match bytes.get(2..) {
                // The Cisco tag's last two bytes belong to the header; a whole Ethernet frame follows.
                Some(inner) if inner.len() >= ETHERNET_BYTES => self.ethernet(inner, packet, layers, emit),
                _ => refuse(packet, DecoderEvent::DcePktTooSmall),
            },
            ether_type::PBB => match (be16(bytes, 16), bytes.get(18..)) {
                (Some(kind), Some(rest)) => self.network(kind, rest, packet, layers, emit),
                _ => refuse(packet, DecoderEvent::Ieee8021ahHeaderTooSmall),
            },
            ether_type::VNTAG => match (be16(bytes, 4), bytes.get(6..)) {
                (Some(kind), Some(rest)) => self.network(kind, rest, packet, layers, emit),
                _ => refuse(packet, DecoderEvent::VntagHeaderTooSmall),
            },
            ether_type::NSH => self.nsh(bytes, packet, layers, emit),
            length if length < LENGTHS_END => match snap(bytes.get(..usize::from(length)).unwrap_or(bytes)) {
                Some((kind, rest)) => self.network(kind, rest, packet, layers, emit),
                None => packet.events.raise(DecoderEvent::EthernetUnknownEthertype),
            },
            _ => packet.events.raise(DecoderEvent::EthernetUnknownEthertype),
        }
    }

    /// One IEEE 802.1Q tag; tags beyond [`VLAN_TAGS_MAX`] end decoding.
    pub(super) fn vlan<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        self.counters.vlan += 1;
        let (Some(tag), Some(kind)) = (be16(bytes, 0), be16(bytes, 2)) else {
            return refuse(packet, DecoderEvent::VlanHeaderTooSmall);
        };
        let count = usize::from(packet.vlan_count);
        let Some(slot) = packet.vlan.get_mut(count) else {
            return refuse(packet, DecoderEvent::VlanTooManyLayers);
        };
        debug_assert!(count < VLAN_TAGS_MAX);
        *slot = tag & 0x0fff;
        packet.vlan_count += 1;
        self.network(kind, bytes.get(4..).unwrap_or_default(), packet, layers, emit);
    }

    pub(super) fn raw<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        match bytes.first().map(|b| b >> 4) {
            Some(4) => {
                packet.ether_type = ether_type::IPV4;
                self.ipv4(bytes, packet, layers, emit);
            }
            Some(6) => {
                packet.ether_type = ether_type::IPV6;
                self.ipv6(bytes, packet, layers, emit);
            }
            _ => {
                packet.payload = bytes;
                refuse(packet, DecoderEvent::IprawInvalidIpVersion);
            }
        }
    }

    pub(super) fn loopback<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        let (Some(family), Some(rest)) = (be32(bytes, 0), bytes.get(4..)) else {
            return refuse(packet, DecoderEvent::LtnullPktTooSmall);
        };
        // The capturing host's byte order is unknown; address families are small numbers.
        let family = if family > 0xffff { family.swap_bytes() } else { family };
        match family {
            2 => self.ipv4(rest, packet, layers, emit),
            10 | 24 | 28 | 30 => self.ipv6(rest, packet, layers, emit),
            _ => packet.events.raise(DecoderEvent::LtnullUnsupportedType),
        }
    }

    pub(super) fn linux_sll<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        match (be16(bytes, 14), bytes.get(16..)) {
            (Some(kind), Some(rest)) => self.network(kind, rest, packet, layers, emit),
            _ => refuse(packet, DecoderEvent::SllPktTooSmall),
        }
    }

    pub(super) fn linux_sll2<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        match (be16(bytes, 0), bytes.get(20..)) {
            (Some(kind), Some(rest)) => self.network(kind, rest, packet, layers, emit),
            _ => refuse(packet, DecoderEvent::Sll2PktTooSmall),
        }
    }

    pub(super) fn cisco_hdlc<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        match (be16(bytes, 2), bytes.get(4..)) {
            (Some(kind), Some(rest)) => self.network(kind, rest, packet, layers, emit),
            _ => refuse(packet, DecoderEvent::ChdlcPktTooSmall),
        }
    }

    /// RFC 1661 §2, with or without the address and control bytes of RFC 1662.
    pub(super) fn ppp<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        let bytes = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
        let (protocol, rest) = match bytes {
            // An odd first byte is a compressed protocol field.
            [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
            [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
            _ => return refuse(packet, DecoderEvent::PppPktTooSmall),
        };
        self.ppp_protocol(protocol, rest, packet, layers, emit);
    }

    fn ppp_protocol<'a>(
        &mut self,
        protocol: u16,
        bytes: &'a [u8],
        packet: &mut Packet<'a>,
        layers: &mut u8,
        emit: Emit<'_>,
    ) {
        packet.payload = bytes;
        match protocol {
            0x0021 if bytes.len() < 20 => refuse(packet, DecoderEvent::PppIp4PktTooSmall),
            0x0021 => self.ipv4(bytes, packet, layers, emit),
            0x0057 if bytes.len() < 40 => refuse(packet, DecoderEvent::PppIp6PktTooSmall),
            0x0057 => self.ipv6(bytes, packet, layers, emit),
            // Van Jacobson uncompressed TCP/IP: an IPv4 header with the slot number in its protocol field.
            0x002f if bytes.len() < 20 => refuse(packet, DecoderEvent::PppVjuPktTooSmall),
            0x002f if bytes.first().is_some_and(|b| b >> 4 == 4) => self.ipv4(bytes, packet, layers, emit),
            0x002f => {}
            // Network data of other kinds: compressed TCP, OSI, DECnet, AppleTalk, IPX, bridging and so on.
            0x0023 | 0x0025 | 0x0027 | 0x0029 | 0x002b | 0x002d | 0x0031 | 0x0033 | 0x0035 | 0x003d | 0x0201 => {
                refuse(packet, DecoderEvent::PppUnsupProto);
            }
            // Control protocols of networks, links and authentication: nothing to look into.
            0x8021 | 0x8023 | 0x8025 | 0x8027 | 0x8029 | 0x802b | 0x802d | 0x802f | 0x8031 | 0x8033 | 0x8035
            | 0x8057 | 0x80fd | 0xc021 | 0xc023 | 0xc025 | 0xc029 | 0xc223 | 0xc227 => {}
            _ => refuse(packet, DecoderEvent::PppWrongType),
        }
    }

    /// RFC 2516 §4: six bytes, then a PPP protocol number.
    fn pppoe_session<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        let (Some(code), Some(length), Some(rest)) = (bytes.get(1), be16(bytes, 4), bytes.get(6..)) else {
            return refuse(packet, DecoderEvent::PppoePktTooSmall);
        };
        if *code != 0 {
            return refuse(packet, DecoderEvent::PppoeWrongCode);
        }
        // Ethernet pads short frames; the length tells where the session's bytes end.
        let rest = rest.get(..usize::from(length)).unwrap_or(rest);
        if rest.len() < 2 {
            return refuse(packet, DecoderEvent::PppoePktTooSmall);
        }
        self.ppp(rest, packet, layers, emit);
    }

    /// RFC 3032: labels down to the bottom of the stack, then what the label or the first nibble says.
    fn mpls<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        let mut rest = bytes;
        let label = loop {
            let Some(entry) = be32(rest, 0) else {
                return refuse(packet, DecoderEvent::MplsHeaderTooSmall);
            };
            if !self.deeper(packet, layers) {
                return;
            }
            rest = rest.get(4..).unwrap_or_default();
            if entry & 0x100 != 0 {
                break entry >> 12;
            }
        };
        packet.payload = rest;
        match label {
            0 if rest.len() >= 20 => return self.ipv4(rest, packet, layers, emit),
            2 if rest.len() >= 40 => return self.ipv6(rest, packet, layers, emit),
            0 | 2 => return refuse(packet, DecoderEvent::MplsPktTooSmall),
            1 => return refuse(packet, DecoderEvent::MplsBadLabelRouterAlert),
            3 => return refuse(packet, DecoderEvent::MplsBadLabelImplicitNull),
            4..=15 => return refuse(packet, DecoderEvent::MplsBadLabelReserved),
            _ => {}
        }
        match rest.first().map(|b| b >> 4) {
            None => refuse(packet, DecoderEvent::MplsPktTooSmall),
            Some(4) => self.ipv4(rest, packet, layers, emit),
            Some(6) => self.ipv6(rest, packet, layers, emit),
            // A pseudo-wire's control word, or an Ethernet frame without one.
            Some(0) => self.ethernet(rest.get(4..).unwrap_or_default(), packet, layers, emit),
            Some(_) => refuse(packet, DecoderEvent::MplsUnknownPayloadType),
        }
    }
}

/// RFC 2516 §5: known codes, then tags that must fit.
fn pppoe_discovery(bytes: &[u8], packet: &mut Packet<'_>) {
    let (Some(code), Some(length), Some(mut tags)) = (bytes.get(1), be16(bytes, 4), bytes.get(6..)) else {
        return refuse(packet, DecoderEvent::PppoePktTooSmall);
    };
    if ![0x07, 0x09, 0x19, 0x65, 0xa7].contains(code) {
        return refuse(packet, DecoderEvent::PppoeWrongCode);
    }
    let length = usize::from(length);
    let Some(inside) = tags.get(..length) else {
        return refuse(packet, DecoderEvent::PppoeMalformedTags);
    };
    tags = inside;
    while let (Some(_), Some(length)) = (be16(tags, 0), be16(tags, 2)) {
        match tags.get(4 + usize::from(length)..) {
            Some(rest) => tags = rest,
            None => return refuse(packet, DecoderEvent::PppoeMalformedTags),
        }
    }
}

/// RFC 826 over Ethernet for IPv4.
fn arp(bytes: &[u8], packet: &mut Packet<'_>) {
    if bytes.len() < 28 {
        return refuse(packet, DecoderEvent::ArpPktTooSmall);
    }
    if be16(bytes, 0) != Some(1) {
        return refuse(packet, DecoderEvent::ArpUnsupportedHardware);
    }
    if be16(bytes, 2) != Some(ether_type::IPV4) {
        return refuse(packet, DecoderEvent::ArpUnsupportedProtocol);
    }
    if bytes.get(4) != Some(&6) {
        return refuse(packet, DecoderEvent::ArpInvalidHardwareSize);
    }
    if bytes.get(5) != Some(&4) {
        return refuse(packet, DecoderEvent::ArpInvalidProtocolSize);
    }
    if !matches!(be16(bytes, 6), Some(1..=4 | 8 | 9)) {
        refuse(packet, DecoderEvent::ArpUnsupportedOpcode);
    }
}
