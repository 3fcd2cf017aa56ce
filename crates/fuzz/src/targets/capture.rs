//! Capture files and frames.

use crate::{
    frames::{capture, conversation},
    mutate::mutated,
    random::Random,
};
use phitak_model::{Direction, Timestamp, Transport};
use phitak_packet::{Capture, Decoder, DecoderSettings, Frame, LinkType};

const LINKS: [LinkType; 8] = [
    LinkType::Ethernet,
    LinkType::Raw,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ppp,
    LinkType::CiscoHdlc,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
];

fn sample(random: &mut Random) -> Vec<Vec<u8>> {
    let transport = if random.once_in(3) { Transport::Udp } else { Transport::Tcp };
    let turns: [(Direction, &[u8]); 2] =
        [(Direction::ToServer, b"GET / HTTP/1.1\r\n\r\n"), (Direction::ToClient, b"HTTP/1.1 200 OK\r\n\r\n")];
    conversation(&turns, transport, 80)
}

/// A section header, an interface and one packet in the newer format.
fn pcapng(frame: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let length = u32::try_from(padded + 12).unwrap_or(u32::MAX);
        file.extend(kind.to_le_bytes());
        file.extend(length.to_le_bytes());
        file.extend(body);
        file.resize(file.len() + padded - body.len(), 0);
        file.extend(length.to_le_bytes());
    };
    block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    block(1, &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    let mut packet = vec![0; 12];
    packet.extend(length.to_le_bytes());
    packet.extend(length.to_le_bytes());
    packet.extend(frame);
    block(6, &packet);
    file
}

/// A damaged file is read to its end or to its fault, never past either.
pub fn file(random: &mut Random) {
    let frames = sample(random);
    let whole = if random.once_in(2) { capture(&frames) } else { pcapng(frames.first().map_or(&[], Vec::as_slice)) };
    let bytes = mutated(&whole, &[], random);
    let Ok(mut reader) = Capture::new(bytes.as_slice()) else { return };
    let mut read = 0;
    while let Ok(Some(frame)) = reader.next_frame() {
        read += 1;
        assert!(frame.bytes.len() <= bytes.len(), "more bytes than the file holds");
    }
    assert!(read <= bytes.len(), "more frames than bytes");
}

/// Damaged frames of all link types through one decoder, fragments and tunnels included.
pub fn frames(random: &mut Random) {
    let mut decoder = Decoder::new(DecoderSettings { checksums: random.once_in(2), ..DecoderSettings::default() });
    let frames = sample(random);
    let others: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    for (number, frame) in frames.iter().enumerate() {
        let bytes = mutated(frame, &others, random);
        let link = random.pick(&LINKS).copied().unwrap_or(LinkType::Ethernet);
        let frame = Frame {
            number: number as u64 + 1,
            at: Timestamp::from_secs(1_790_000_000 + random.below(120) as i64),
            link: if random.once_in(3) { link } else { LinkType::Ethernet },
            wire_length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes: &bytes,
        };
        decoder.decode(&frame, &mut |packet| {
            assert!(packet.payload.len() <= 0x1_0000 + bytes.len(), "a payload longer than any packet");
        });
    }
}
