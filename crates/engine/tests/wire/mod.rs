//! Frames and captures built byte by byte, with real handshakes.

use std::net::Ipv4Addr;

pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

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
}

fn sum(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = start;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

fn frame(from_client: bool, protocol: u8, segment: &[u8]) -> Vec<u8> {
    let (src, dst) = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let macs: [u8; 12] =
        if from_client { [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] } else { [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2] };
    let mut ip = vec![0x45, 0];
    ip.extend((20 + segment.len() as u16).to_be_bytes());
    ip.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    ip.extend(src.octets());
    ip.extend(dst.octets());
    let check = !sum(0, &ip);
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    [&macs[..], &[8, 0], &ip, segment].concat()
}

pub fn udp_frame(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(src.to_be_bytes());
    segment.extend(dst.to_be_bytes());
    segment.extend((8 + payload.len() as u16).to_be_bytes());
    segment.extend([0, 0]);
    segment.extend(payload);
    frame(true, 17, &segment)
}

/// An ARP reply that tells its sender.
pub fn arp(mac: [u8; 6], ip: [u8; 4]) -> Vec<u8> {
    [&[0xff; 6][..], &mac, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2], &mac, &ip, &[2, 0, 0, 0, 0, 1], &[10, 0, 0, 1]].concat()
}

/// One TCP session in which every turn is acknowledged.
pub struct Talk {
    pub frames: Vec<Vec<u8>>,
    client_port: u16,
    server_port: u16,
    client_seq: u32,
    server_seq: u32,
}

impl Talk {
    fn new(client_port: u16, server_port: u16) -> Self {
        Self { frames: Vec::new(), client_port, server_port, client_seq: 1_000, server_seq: 9_000 }
    }

    pub fn open(client_port: u16, server_port: u16) -> Self {
        let mut talk = Self::new(client_port, server_port);
        talk.segment(true, SYN, b"");
        talk.segment(false, SYN | ACK, b"");
        talk.segment(true, ACK, b"");
        talk
    }

    /// A connection attempt that the server turns down.
    pub fn refused(client_port: u16, server_port: u16) -> Vec<Vec<u8>> {
        let mut talk = Self::new(client_port, server_port);
        talk.segment(true, SYN, b"");
        talk.server_seq = 0;
        talk.segment(false, RST | ACK, b"");
        talk.frames
    }

    pub fn client(&mut self, bytes: &[u8]) {
        self.segment(true, ACK, bytes);
        self.segment(false, ACK, b"");
    }

    pub fn server(&mut self, bytes: &[u8]) {
        self.segment(false, ACK, bytes);
        self.segment(true, ACK, b"");
    }

    pub fn close(&mut self) {
        self.segment(true, FIN | ACK, b"");
        self.segment(false, FIN | ACK, b"");
        self.segment(true, ACK, b"");
    }

    fn segment(&mut self, from_client: bool, flags: u8, payload: &[u8]) {
        let (src, dst, seq, ack) = if from_client {
            (self.client_port, self.server_port, self.client_seq, self.server_seq)
        } else {
            (self.server_port, self.client_port, self.server_seq, self.client_seq)
        };
        let mut segment = Vec::new();
        segment.extend(src.to_be_bytes());
        segment.extend(dst.to_be_bytes());
        segment.extend(seq.to_be_bytes());
        segment.extend(if flags & ACK != 0 { ack } else { 0 }.to_be_bytes());
        segment.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        segment.extend(payload);
        let ends = u32::from(sum(0, &CLIENT.octets())) + u32::from(sum(0, &SERVER.octets()));
        let check = !sum(ends + 6 + segment.len() as u32, &segment);
        segment[16..18].copy_from_slice(&check.to_be_bytes());
        self.frames.push(frame(from_client, 6, &segment));
        let next = payload.len() as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        if from_client {
            self.client_seq += next;
        } else {
            self.server_seq += next;
        }
    }
}

/// A capture of Ethernet frames, one a millisecond.
pub fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0];
    for (at, frame) in (0_u32..).zip(frames) {
        for value in [1_000 + at / 1_000, at % 1_000 * 1_000, frame.len() as u32, frame.len() as u32] {
            file.extend(value.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}
