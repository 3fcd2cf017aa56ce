//! Frames and captures built byte by byte for tests, and numbers drawn from a seed.
#![allow(dead_code, reason = "each test file uses a part")]

use phitak_packet::checksum;
use std::net::{IpAddr, Ipv4Addr};

pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);

/// Splitmix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

pub fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

pub fn ipv4(protocol: u8, fragment: u16, id: u16, payload: &[u8]) -> Vec<u8> {
    ipv4_between(CLIENT, SERVER, protocol, fragment, id, payload)
}

pub fn ipv4_between(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, fragment: u16, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(src.octets());
    packet.extend(dst.octets());
    let sum = !checksum::ones_complement(0, &packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

pub fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(payload);
    packet
}

pub fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(src.to_be_bytes());
    packet.extend(dst.to_be_bytes());
    packet.extend((8 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

pub struct TcpParts<'a> {
    pub src: u16,
    pub dst: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub options: &'a [u8],
    pub payload: &'a [u8],
}

/// A segment from client to server (or back, when the ports say so) with its checksum.
pub fn tcp(parts: &TcpParts<'_>) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(parts.src.to_be_bytes());
    segment.extend(parts.dst.to_be_bytes());
    segment.extend(parts.seq.to_be_bytes());
    segment.extend(parts.ack.to_be_bytes());
    segment.extend([((20 + parts.options.len()) / 4 * 16) as u8, parts.flags]);
    segment.extend(8192_u16.to_be_bytes());
    segment.extend([0, 0, 0, 0]);
    segment.extend(parts.options);
    segment.extend(parts.payload);
    let (a, b) = if parts.dst < parts.src { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let sum = !checksum::segment(IpAddr::V4(a), IpAddr::V4(b), 6, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

/// A classic capture of Ethernet frames, one a millisecond from second 1000 on.
pub fn pcap(frames: &[Vec<u8>], big_endian: bool, nanoseconds: bool) -> Vec<u8> {
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = Vec::new();
    file.extend(word(if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
    file.extend(half(2));
    file.extend(half(4));
    file.extend([0; 8]);
    file.extend(word(65_535));
    file.extend(word(1));
    for (at, frame) in frames.iter().enumerate() {
        let fraction = at as u32 * if nanoseconds { 1_000_000 } else { 1_000 };
        for value in [1000, fraction, frame.len() as u32, frame.len() as u32] {
            file.extend(word(value));
        }
        file.extend(frame);
    }
    file
}

/// One pcapng block.
pub fn block(kind: u32, body: &[u8], big_endian: bool) -> Vec<u8> {
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = word(12 + body.len() as u32);
    let mut block = word(kind).to_vec();
    block.extend(length);
    block.extend(body);
    block.extend(length);
    block
}
