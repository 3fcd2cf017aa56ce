//! Packets in packets: GRE (RFC 2784, RFC 2637), ERSPAN, VXLAN (RFC 7348), Geneve (RFC 8926), Teredo (RFC 4380),
//! network service headers (RFC 8300), GRE over UDP (RFC 8086), GTPv1-U (3GPP TS 29.281).

use super::{Decoder, Emit, Step, link::ether_type, refuse};
use crate::{
    bytes::{be16, be32},
    events::DecoderEvent,
    packet::{Packet, PacketSource},
};

const GRE: PacketSource = PacketSource::Tunnel("gre tunnel");
const VXLAN: PacketSource = PacketSource::Tunnel("vxlan encapsulation");
const GENEVE: PacketSource = PacketSource::Tunnel("geneve encapsulation");
const GTP: PacketSource = PacketSource::Tunnel("gtp tunnel");
const TEREDO: PacketSource = PacketSource::Tunnel("teredo tunnel");

impl Decoder {
    pub(super) fn gre<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: u8, emit: Emit<'_>) {
        let (Some(flags), Some(kind)) = (be16(bytes, 0), be16(bytes, 2)) else {
            return refuse(packet, DecoderEvent::GrePktTooSmall);
        };
        let length = match flags & 7 {
            0 => gre_version_0(flags, bytes),
            1 => gre_version_1(flags, kind, bytes),
            _ => Err(DecoderEvent::GreWrongVersion),
        };
        let length = match length {
            Ok(length) => length,
            Err(event) => return refuse(packet, event),
        };
        let Some(inner) = bytes.get(length..) else {
            let version_1 = flags & 7 == 1;
            let event = if version_1 { DecoderEvent::GreVersion1HdrTooBig } else { DecoderEvent::GreVersion0HdrTooBig };
            return refuse(packet, event);
        };
        packet.payload = inner;
        match kind {
            ether_type::IPV4 => self.inner(packet, GRE, inner, layers, emit, Step::Ipv4),
            ether_type::IPV6 => self.inner(packet, GRE, inner, layers, emit, Step::Ipv6),
            ether_type::VLAN => self.inner(packet, GRE, inner, layers, emit, Step::Vlan),
            ether_type::PPP => self.inner(packet, GRE, inner, layers, emit, Step::Ppp),
            ether_type::TRANSPARENT_BRIDGE => self.inner(packet, GRE, inner, layers, emit, Step::Ethernet),
            ether_type::ERSPAN => self.erspan(flags, inner, packet, layers, emit),
            _ => {}
        }
    }

    /// Type I has no header of its own (GRE without a sequence number); type II has eight bytes.
    fn erspan<'a>(&mut self, flags: u16, bytes: &'a [u8], packet: &mut Packet<'a>, layers: u8, emit: Emit<'_>) {
        if flags & 0x1000 == 0 {
            return self.inner(packet, GRE, bytes, layers, emit, Step::Ethernet);
        }
        let (Some(head), Some(frame)) = (be16(bytes, 0), bytes.get(8..)) else {
            return refuse(packet, DecoderEvent::ErspanHeaderTooSmall);
        };
        if head >> 12 != 1 {
            return refuse(packet, DecoderEvent::ErspanUnsupportedVersion);
        }
        let vlan = head & 0x0fff;
        if vlan != 0 {
            let count = usize::from(packet.vlan_count);
            let Some(slot) = packet.vlan.get_mut(count) else {
                return refuse(packet, DecoderEvent::ErspanTooManyVlanLayers);
            };
            *slot = vlan;
            packet.vlan_count += 1;
        }
        self.inner(packet, GRE, frame, layers, emit, Step::Ethernet);
    }

    pub(super) fn udp_tunnel<'a>(
        &mut self,
        src_port: u16,
        dst_port: u16,
        bytes: &'a [u8],
        packet: &mut Packet<'a>,
        layers: u8,
        emit: Emit<'_>,
    ) {
        let settings = &self.settings;
        let teredo =
            settings.teredo_enabled && (settings.teredo_ports.has(src_port) || settings.teredo_ports.has(dst_port));
        let geneve = settings.geneve_enabled && settings.geneve_ports.has(dst_port);
        let vxlan = settings.vxlan_enabled && settings.vxlan_ports.has(dst_port);
        if teredo && let Some(inner) = teredo_packet(bytes) {
            return self.inner(packet, TEREDO, inner, layers, emit, Step::Ipv6);
        }
        if geneve {
            return self.geneve(bytes, packet, layers, emit);
        }
        if vxlan {
            return self.vxlan(bytes, packet, layers, emit);
        }
        if settings.gre_in_udp_enabled
            && settings.gre_in_udp_ports.has(dst_port)
            && let Some((kind, inner)) = gre_in_udp_packet(bytes)
        {
            return self.inner(packet, GRE, inner, layers, emit, kind);
        }
        let gtp = settings.gtp_enabled && settings.gtp_ports.has(dst_port);
        if gtp && let Some((kind, inner)) = gtp_packet(bytes) {
            self.inner(packet, GTP, inner, layers, emit, kind);
        }
    }

    fn vxlan<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: u8, emit: Emit<'_>) {
        // The I flag says that the network identifier is valid; reserved bits must be zero.
        let (Some([0x08, _, _, _]), Some(inner)) = (bytes.first_chunk::<4>(), bytes.get(8..)) else { return };
        match be16(inner, 12) {
            Some(
                ether_type::ARP
                | ether_type::IPV4
                | ether_type::IPV6
                | ether_type::VLAN
                | ether_type::QINQ
                | ether_type::QINQ_OLD
                | ether_type::TRANSPARENT_BRIDGE,
            ) => self.inner(packet, VXLAN, inner, layers, emit, Step::Ethernet),
            _ => packet.events.raise(DecoderEvent::VxlanUnknownPayloadType),
        }
    }

    fn geneve<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: u8, emit: Emit<'_>) {
        let (Some([first, flags, ..]), Some(kind)) = (bytes.first_chunk::<4>(), be16(bytes, 2)) else { return };
        let options = usize::from(first & 0x3f) * 4;
        if first >> 6 != 0 || flags & 0x3f != 0 || bytes.get(7) != Some(&0) {
            return;
        }
        let Some(inner) = bytes.get(8 + options..) else { return };
        let step = match kind {
            ether_type::IPV4 => Step::Ipv4,
            ether_type::IPV6 => Step::Ipv6,
            ether_type::TRANSPARENT_BRIDGE => Step::Ethernet,
            _ => return packet.events.raise(DecoderEvent::GeneveUnknownPayloadType),
        };
        self.inner(packet, GENEVE, inner, layers, emit, step);
    }

    pub(super) fn nsh<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        let (Some(head), Some(path)) = (be32(bytes, 0), be32(bytes, 4)) else {
            return refuse(packet, DecoderEvent::NshHeaderTooSmall);
        };
        let _ = path;
        let (version, length) = (head >> 30, (head >> 16 & 0x3f) as usize * 4);
        let (metadata, next) = (head >> 8 & 0xf, head & 0xff);
        if version != 0 {
            return packet.events.raise(DecoderEvent::NshUnsupportedVersion);
        }
        let Some(rest) = bytes.get(length..).filter(|_| length >= 8) else {
            return refuse(packet, DecoderEvent::NshBadHeaderLength);
        };
        match metadata {
            0 | 0xf => return packet.events.raise(DecoderEvent::NshReservedType),
            1 if length != 24 => return refuse(packet, DecoderEvent::NshBadHeaderLength),
            1 | 2 => {}
            _ => return packet.events.raise(DecoderEvent::NshUnsupportedType),
        }
        packet.payload = rest;
        match next {
            1 => self.ipv4(rest, packet, layers, emit),
            2 => self.ipv6(rest, packet, layers, emit),
            3 => self.ethernet(rest, packet, layers, emit),
            5 => self.network(ether_type::MPLS, rest, packet, layers, emit),
            _ => packet.events.raise(DecoderEvent::NshUnknownPayload),
        }
    }
}

/// The header's length.
fn gre_version_0(flags: u16, bytes: &[u8]) -> Result<usize, DecoderEvent> {
    if flags & 0x0700 != 0 {
        return Err(DecoderEvent::GreVersion0Recur);
    }
    if flags & 0x00f8 != 0 {
        return Err(DecoderEvent::GreVersion0Flags);
    }
    let routing = flags & 0x4000 != 0;
    let mut length = 4;
    length += if flags & 0x8000 != 0 || routing { 4 } else { 0 };
    length += if flags & 0x2000 != 0 { 4 } else { 0 };
    length += if flags & 0x1000 != 0 { 4 } else { 0 };
    if routing {
        length = source_routes(bytes, length).ok_or(DecoderEvent::GreVersion0MalformedSreHdr)?;
    }
    Ok(length)
}

/// PPTP's form: it carries PPP, has a key, and may have sequence and acknowledgement numbers.
fn gre_version_1(flags: u16, kind: u16, bytes: &[u8]) -> Result<usize, DecoderEvent> {
    if flags & 0x8000 != 0 {
        return Err(DecoderEvent::GreVersion1Chksum);
    }
    if flags & 0x4000 != 0 {
        return Err(DecoderEvent::GreVersion1Route);
    }
    if flags & 0x0800 != 0 {
        return Err(DecoderEvent::GreVersion1Ssr);
    }
    if flags & 0x0700 != 0 {
        return Err(DecoderEvent::GreVersion1Recur);
    }
    if flags & 0x0078 != 0 {
        return Err(DecoderEvent::GreVersion1Flags);
    }
    if kind != ether_type::PPP {
        return Err(DecoderEvent::GreVersion1WrongProtocol);
    }
    if flags & 0x2000 == 0 {
        return Err(DecoderEvent::GreVersion1NoKey);
    }
    let _ = bytes;
    let mut length = 8;
    length += if flags & 0x1000 != 0 { 4 } else { 0 };
    length += if flags & 0x0080 != 0 { 4 } else { 0 };
    Ok(length)
}

/// Past the source route entries of RFC 1701, which end with one of length 0.
fn source_routes(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at + 3)?);
        at += 4;
        if length == 0 {
            return Some(at);
        }
        at += length;
    }
}

/// What GRE carries over UDP (RFC 8086), when it is IP or an Ethernet frame.
fn gre_in_udp_packet(bytes: &[u8]) -> Option<(Step, &[u8])> {
    let (flags, kind) = (be16(bytes, 0)?, be16(bytes, 2)?);
    if flags & 7 != 0 {
        return None;
    }
    let inner = bytes.get(gre_version_0(flags, bytes).ok()?..)?;
    match kind {
        ether_type::TRANSPARENT_BRIDGE => Some((Step::Ethernet, inner)),
        ether_type::IPV4 | ether_type::IPV6 => ip_step(inner),
        _ => None,
    }
}

/// The user's packet in GTPv1-U (3GPP TS 29.281 §5.1, §5.2.1): a G-PDU of protocol type GTP.
fn gtp_packet(bytes: &[u8]) -> Option<(Step, &[u8])> {
    let [flags, 0xff, high, low] = *bytes.first_chunk::<4>()? else { return None };
    // What follows the eight bytes that each header has.
    let body = bytes.get(8..)?.get(..usize::from(u16::from_be_bytes([high, low])))?;
    if flags >> 4 != 0b0011 {
        return None;
    }
    if flags & 7 == 0 {
        return ip_step(body);
    }
    // Sequence number, N-PDU number, and the type of the first extension header; each of those tells the next one's.
    let mut next = *body.get(3)?;
    let mut rest = body.get(4..)?;
    while flags & 4 != 0 && next != 0 {
        let length = usize::from(*rest.first()?) * 4;
        next = *rest.get(length.checked_sub(1)?)?;
        rest = rest.get(length..)?;
    }
    ip_step(rest)
}

/// An IP packet by its version.
fn ip_step(bytes: &[u8]) -> Option<(Step, &[u8])> {
    match bytes.first()? >> 4 {
        4 => Some((Step::Ipv4, bytes)),
        6 => Some((Step::Ipv6, bytes)),
        _ => None,
    }
}

/// The IPv6 packet behind authentication and origin headers (RFC 4380 §5.1.1), when it is one in whole.
fn teredo_packet(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    if rest.starts_with(&[0, 1]) {
        let client = usize::from(*rest.get(2)?);
        let authentication = usize::from(*rest.get(3)?);
        rest = rest.get(4 + client + authentication + 9..)?;
    }
    if rest.starts_with(&[0, 0]) {
        rest = rest.get(8..)?;
    }
    let length = usize::from(be16(rest, 4)?);
    let whole = rest.first().is_some_and(|b| b >> 4 == 6) && rest.len() == 40 + length;
    whole.then_some(rest)
}
