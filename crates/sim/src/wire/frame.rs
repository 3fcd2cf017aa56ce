//! Ethernet II, ARP (RFC 826), IPv4 (RFC 791), UDP (RFC 768), ICMP (RFC 792) and TCP (RFC 9293) with right checksums.

use super::Put;
use phitak_model::Mac;
use std::net::Ipv4Addr;

/// One end of a conversation, as the mirror port sees it: a host beyond the router has the router's link address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub mac: Mac,
    pub ip: Ipv4Addr,
    /// What is left of the time to live here.
    pub ttl: u8,
}

impl End {
    /// Everybody on the LAN.
    #[must_use]
    pub fn broadcast() -> Self {
        Self { mac: Mac([0xff; 6]), ip: Ipv4Addr::BROADCAST, ttl: 64 }
    }

    /// A multicast group (RFC 1112 §6.4).
    #[must_use]
    pub fn group(ip: Ipv4Addr) -> Self {
        let [_, b, c, d] = ip.octets();
        Self { mac: Mac([1, 0, 0x5e, b & 0x7f, c, d]), ip, ttl: 1 }
    }
}

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;

/// A segment's own part, without the ends.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    /// A multiple of four bytes.
    pub options: &'a [u8],
    pub payload: &'a [u8],
}

/// `from` and `to` with their ports.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub from: u16,
    pub to: u16,
}

pub fn tcp(out: &mut Vec<u8>, from: &End, to: &End, ports: Ports, segment: &Segment<'_>) {
    let header_bytes = 20 + segment.options.len();
    ipv4(out, from, to, 6, header_bytes + segment.payload.len());
    let start = out.len();
    out.be16(ports.from).be16(ports.to).be32(segment.seq).be32(segment.ack);
    out.u8((header_bytes as u8 / 4) << 4).u8(segment.flags).be16(segment.window).be32(0);
    out.raw(segment.options).raw(segment.payload);
    patch_checksum(out, start, 16, pseudo_header(from, to, 6));
}

pub fn udp(out: &mut Vec<u8>, from: &End, to: &End, ports: Ports, payload: &[u8]) {
    ipv4(out, from, to, 17, 8 + payload.len());
    let start = out.len();
    out.be16(ports.from).be16(ports.to).be16(8 + payload.len() as u16).be16(0).raw(payload);
    patch_checksum(out, start, 6, pseudo_header(from, to, 17));
}

/// An echo request (`kind` 8) or its reply (0).
pub fn icmp_echo(out: &mut Vec<u8>, from: &End, to: &End, kind: u8, id: u16, number: u16) {
    let data: Vec<u8> = (0x10..0x48).collect();
    ipv4(out, from, to, 1, 8 + data.len());
    let start = out.len();
    out.u8(kind).u8(0).be16(0).be16(id).be16(number).raw(&data);
    patch_checksum(out, start, 2, 0);
}

/// Who has `to`? When `answer`, `from` tells `to` its own link address.
pub fn arp(out: &mut Vec<u8>, from: &End, to: &End, answer: bool) {
    let target = if answer { to.mac } else { Mac([0xff; 6]) };
    out.raw(&target.0).raw(&from.mac.0).be16(0x0806);
    out.be16(1).be16(0x0800).u8(6).u8(4).be16(if answer { 2 } else { 1 });
    out.raw(&from.mac.0).raw(&from.ip.octets());
    out.raw(&if answer { to.mac.0 } else { [0; 6] }).raw(&to.ip.octets());
}

fn ipv4(out: &mut Vec<u8>, from: &End, to: &End, protocol: u8, payload_bytes: usize) {
    out.raw(&to.mac.0).raw(&from.mac.0).be16(0x0800);
    // Identification and checksum are set when the tape is written: only then is the order of packets known.
    out.u8(0x45).u8(0).be16((IPV4_BYTES + payload_bytes) as u16).be16(0).be16(0x4000);
    out.u8(from.ttl).u8(protocol).be16(0).raw(&from.ip.octets()).raw(&to.ip.octets());
}

fn pseudo_header(from: &End, to: &End, protocol: u8) -> u32 {
    sum(&from.ip.octets()) + sum(&to.ip.octets()) + u32::from(protocol)
}

fn patch_checksum(out: &mut [u8], start: usize, at: usize, mut total: u32) {
    let body = &out[start..];
    if total != 0 {
        total += body.len() as u32;
    }
    let mut value = fold(total + sum(body));
    if at == 6 && value == 0 {
        value = 0xffff; // UDP: zero would mean "none".
    }
    out[start + at..start + at + 2].copy_from_slice(&value.to_be_bytes());
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from)).sum()
}

fn fold(mut total: u32) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

/// The sender, when the frame carries IPv4.
#[must_use]
pub(super) fn ipv4_source(frame: &[u8]) -> Option<Ipv4Addr> {
    let address: [u8; 4] = frame.get(26..30)?.try_into().ok()?;
    (frame.get(12..14)? == [8, 0]).then(|| Ipv4Addr::from(address))
}

/// Numbers an IPv4 packet and sets its header checksum.
pub(super) fn identify(frame: &mut [u8], identification: u16) {
    if let Some(field) = frame.get_mut(18..20) {
        field.copy_from_slice(&identification.to_be_bytes());
    }
    if let Some(header) = frame.get_mut(ETHERNET_BYTES..ETHERNET_BYTES + IPV4_BYTES) {
        header[10..12].fill(0);
        let checksum = fold(sum(header));
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(last: u8) -> End {
        End { mac: Mac([2, 0, 0, 0, 0, last]), ip: Ipv4Addr::new(10, 0, 0, last), ttl: 64 }
    }

    #[test]
    fn checksums_add_up_to_all_ones() {
        let mut out = Vec::new();
        let ports = Ports { from: 1, to: 2 };
        let segment = Segment { seq: 1, ack: 2, flags: ACK, window: 3, options: &[], payload: b"odd" };
        tcp(&mut out, &end(1), &end(2), ports, &segment);
        identify(&mut out, 77);
        assert_eq!(fold(sum(&out[14..34])), 0);
        let body = &out[34..];
        assert_eq!(fold(pseudo_header(&end(1), &end(2), 6) + body.len() as u32 + sum(body)), 0);
    }
}
