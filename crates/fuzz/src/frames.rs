//! Turns of a conversation as Ethernet frames, and frames as a capture file. Checksums are zero: engines under test ignore them.

use phitak_model::{Direction, Transport};

const CLIENT: [u8; 4] = [10, 9, 8, 7];
const SERVER: [u8; 4] = [10, 9, 8, 1];
const CLIENT_PORT: u16 = 40_000;
/// Payload bytes of one segment.
const SEGMENT_BYTES: usize = 1_000;

/// A whole conversation: for TCP with handshake and end.
pub fn conversation(turns: &[(Direction, &[u8])], transport: Transport, server_port: u16) -> Vec<Vec<u8>> {
    match transport {
        Transport::Udp => turns.iter().map(|(way, bytes)| udp(*way, server_port, bytes)).collect(),
        Transport::Tcp => tcp_conversation(turns, server_port),
    }
}

fn tcp_conversation(turns: &[(Direction, &[u8])], server_port: u16) -> Vec<Vec<u8>> {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const PSH: u8 = 0x08;
    const FIN: u8 = 0x01;
    let mut next = [1_000_u32, 9_000_u32];
    let mut frames = Vec::new();
    let mut send = |way: Direction, flags: u8, bytes: &[u8], next: &mut [u32; 2]| {
        let (own, other) = if way == Direction::ToServer { (next[0], next[1]) } else { (next[1], next[0]) };
        frames.push(tcp(way, server_port, own, if flags & ACK == 0 { 0 } else { other }, flags, bytes));
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let used = length.wrapping_add(u32::from(flags & (SYN | FIN) != 0));
        let counter = &mut next[way.index()];
        *counter = counter.wrapping_add(used);
    };
    send(Direction::ToServer, SYN, b"", &mut next);
    send(Direction::ToClient, SYN | ACK, b"", &mut next);
    send(Direction::ToServer, ACK, b"", &mut next);
    for (way, bytes) in turns {
        for part in bytes.chunks(SEGMENT_BYTES) {
            send(*way, PSH | ACK, part, &mut next);
        }
        send(way.opposite(), ACK, b"", &mut next);
    }
    send(Direction::ToServer, FIN | ACK, b"", &mut next);
    send(Direction::ToClient, FIN | ACK, b"", &mut next);
    send(Direction::ToServer, ACK, b"", &mut next);
    frames
}

fn tcp(way: Direction, server_port: u16, sequence: u32, ack: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    let (from, to) = ports(way, server_port);
    let mut segment = Vec::new();
    segment.extend(from.to_be_bytes());
    segment.extend(to.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(ack.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(bytes);
    ip(way, 6, &segment)
}

fn udp(way: Direction, server_port: u16, bytes: &[u8]) -> Vec<u8> {
    let (from, to) = ports(way, server_port);
    let mut datagram = Vec::new();
    datagram.extend(from.to_be_bytes());
    datagram.extend(to.to_be_bytes());
    datagram.extend((u16::try_from(bytes.len() + 8).unwrap_or(u16::MAX)).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(bytes);
    ip(way, 17, &datagram)
}

fn ports(way: Direction, server_port: u16) -> (u16, u16) {
    if way == Direction::ToServer { (CLIENT_PORT, server_port) } else { (server_port, CLIENT_PORT) }
}

fn ip(way: Direction, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (from, to) = if way == Direction::ToServer { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let mut frame = vec![2, 0, 0, 0, 0, to[3], 2, 0, 0, 0, 0, from[3], 0x08, 0x00, 0x45, 0];
    frame.extend((u16::try_from(payload.len() + 20).unwrap_or(u16::MAX)).to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    frame.extend(from);
    frame.extend(to);
    frame.extend(payload);
    frame
}

/// A classic capture file, a millisecond between frames.
pub fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (number, frame) in frames.iter().enumerate() {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        for word in [1_790_000_000 + number / 1_000, number % 1_000 * 1_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}
