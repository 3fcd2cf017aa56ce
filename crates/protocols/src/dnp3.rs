//! DNP3: commands to outstations of power and water, and their answers.
//!
//! An application fragment is one transaction.
//! Source: IEEE 1815-2012 §9 (link), §8 (transport), §4 (application).

mod fragment;

use crate::{
    bytes::Reader,
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, FieldDecl, ProtocolDecl, Shape},
};

use fragment::Fragment;

/// Fragments held at once.
const HELD_MAX: usize = 256;
/// §8.2: what a fragment has at most, in practice 2048 bytes.
const FRAGMENT_BYTES_MAX: usize = 8 * 1024;
/// Object headers of one fragment that are told.
const OBJECTS_MAX: usize = 128;
/// §9.2: start, length, control, two addresses, checksum; then blocks of 16 bytes with a checksum each.
const HEADER_BYTES: usize = 10;
const BLOCK_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 2;
const FROM_MASTER: u8 = 0x80;
const COMPLETE: u8 = 1;

const fn buffer(name: &'static str) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [COMPLETE, COMPLETE], shape: Shape::Single }
}

static DECL: ProtocolDecl = ProtocolDecl {
    name: "dnp3",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[buffer("dnp3.data")],
    fields: &[
        FieldDecl { name: "dnp3_func", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "dnp3_ind", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "dnp3_obj", stage: [COMPLETE, COMPLETE] },
    ],
    events: &[
        "flooded",
        "len_too_small",
        "bad_link_crc",
        "bad_transport_crc",
        "malformed",
        "unknown_object",
        "too_many_points",
        "too_many_objects",
    ],
};

#[derive(Clone, Copy)]
#[repr(u8)]
enum Event {
    LenTooSmall = 1,
    BadLinkCrc = 2,
    BadTransportCrc = 3,
    Malformed = 4,
}

pub(crate) static DNP3: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp, Transport::Udp],
    source: "IEEE 1815-2012",
    ports: &[20000],
    only_on_ports: true,
    guess,
    open: |_, _| Box::new(Dnp3Session::default()),
    sample: &[
        (Direction::ToServer, b"\x05\x64\x0b\xc4\x04\x00\x03\x00\xe4\x2b\xc0\xc0\x01\x3c\x02\x06\x54\xe0"),
        (Direction::ToClient, b"\x05\x64\x0a\x44\x03\x00\x04\x00\x7c\xae\xc0\xc0\x81\x90\x00\x9b\x2c"),
    ],
};

/// The control byte tells who speaks: a master is the client.
fn guess(bytes: &[u8], direction: Direction, transport: Transport) -> Guess {
    let from_master = direction == Direction::ToServer;
    match *bytes {
        [0x05, 0x64, length, control, ..] if length >= 5 && (control & FROM_MASTER != 0) == from_master => Guess::Yes,
        [] | [0x05] | [0x05, 0x64] if transport == Transport::Tcp => Guess::More,
        [0x05, 0x64, length] if length >= 5 && transport == Transport::Tcp => Guess::More,
        _ => Guess::No,
    }
}

/// §9.2.5: CRC-16 with the polynomial 0x3d65, bits reversed, complemented.
fn checksum(bytes: &[u8]) -> u16 {
    let mut crc: u16 = 0;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xa6bc };
        }
    }
    !crc
}

/// Whether a stretch ends with its own checksum.
fn is_sound(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<CHECKSUM_BYTES>().is_some_and(|(data, sum)| checksum(data).to_le_bytes() == *sum)
}

/// Bytes of a frame from the length in its header: data is what the length counts beyond control and addresses.
fn frame_bytes(length: u8) -> usize {
    let data = usize::from(length).saturating_sub(5);
    HEADER_BYTES + data + data.div_ceil(BLOCK_BYTES) * CHECKSUM_BYTES
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    control: u8,
    source: u16,
    destination: u16,
}

#[derive(Debug, Default)]
struct Half {
    /// A frame without its end.
    partial: Vec<u8>,
    /// A fragment over several frames, and the number of the next one.
    fragment: Option<(Vec<u8>, u8)>,
    lost: bool,
}

#[derive(Debug)]
struct Dnp3Session {
    queue: Queue<Fragment>,
    halves: [Half; 2],
}

impl Default for Dnp3Session {
    fn default() -> Self {
        Self { queue: Queue::new(HELD_MAX), halves: Default::default() }
    }
}

transactions_of!(Dnp3Session, queue);

impl Dnp3Session {
    fn fail(&mut self, direction: Direction, link: Link, event: Event) {
        let mut fragment = Fragment::new(direction, link);
        fragment.events.push(event as u8);
        self.queue.push(fragment);
    }

    /// A whole frame.
    fn frame(&mut self, direction: Direction, bytes: &[u8]) {
        let mut reader = Reader::new(bytes.get(3..).unwrap_or_default());
        let (Some(control), Some(destination), Some(source)) = (reader.u8(), reader.u16_le(), reader.u16_le()) else {
            return;
        };
        let link = Link { control, source, destination };
        if !is_sound(bytes.get(..HEADER_BYTES).unwrap_or_default()) {
            return self.fail(direction, link, Event::BadLinkCrc);
        }
        let mut data = Vec::new();
        for block in bytes.get(HEADER_BYTES..).unwrap_or_default().chunks(BLOCK_BYTES + CHECKSUM_BYTES) {
            if !is_sound(block) {
                return self.fail(direction, link, Event::BadTransportCrc);
            }
            data.extend_from_slice(block.get(..block.len().saturating_sub(CHECKSUM_BYTES)).unwrap_or_default());
        }
        // Link messages without data keep the connection.
        if let Some((transport, content)) = data.split_first() {
            self.segment(direction, link, *transport, content);
        }
    }

    /// §8.2: FIN, FIR and a number stand before each piece of a fragment.
    fn segment(&mut self, direction: Direction, link: Link, transport: u8, content: &[u8]) {
        let Some(half) = self.halves.get_mut(direction.index()) else { return };
        let (is_last, is_first, number) = (transport & 0x80 != 0, transport & 0x40 != 0, transport & 0x3f);
        let mut bytes = match half.fragment.take() {
            Some((bytes, expected)) if !is_first && expected == number => bytes,
            _ if is_first => Vec::new(),
            _ => return,
        };
        if bytes.len().saturating_add(content.len()) > FRAGMENT_BYTES_MAX {
            return self.fail(direction, link, Event::Malformed);
        }
        bytes.extend_from_slice(content);
        if !is_last {
            half.fragment = Some((bytes, number.wrapping_add(1) & 0x3f));
            return;
        }
        let mut fragment = Fragment::new(direction, link);
        if fragment.read(&bytes).is_none() {
            fragment.events.push(Event::Malformed as u8);
        }
        self.queue.push(fragment);
    }
}

impl Session for Dnp3Session {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let mut rest = data;
        while let Some(half) = self.halves.get_mut(direction.index()) {
            if half.lost || rest.is_empty() {
                break;
            }
            let wanted = half.partial.get(2).map_or(3, |length| frame_bytes(*length));
            let missing = wanted.saturating_sub(half.partial.len()).min(rest.len());
            let (piece, after) = rest.split_at(missing);
            half.partial.extend_from_slice(piece);
            rest = after;
            if half.partial.len() < 3 {
                break;
            }
            if !half.partial.starts_with(b"\x05\x64") || half.partial.get(2).is_some_and(|length| *length < 5) {
                half.lost = true;
                half.partial = Vec::new();
                self.fail(direction, Link::default(), Event::LenTooSmall);
                break;
            }
            if half.partial.get(2).is_some_and(|length| half.partial.len() == frame_bytes(*length)) {
                let frame = std::mem::take(&mut half.partial);
                self.frame(direction, &frame);
            }
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, _: u64, _: &mut Context) -> Outcome {
        if let Some(half) = self.halves.get_mut(direction.index()) {
            *half = Half { lost: true, ..Half::default() };
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if let Some(half) = self.halves.get_mut(direction.index()) {
            *half = Half { lost: true, ..Half::default() };
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::{inspect::Transactions as _, json::Writer};

    fn record(session: &Dnp3Session, id: u64) -> String {
        let mut out = Writer::new();
        out.begin_object();
        session.transaction(id).expect("held").write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    #[test]
    fn a_request_and_its_answer_are_told() {
        let mut session = Dnp3Session::default();
        for (direction, bytes) in DNP3.sample {
            session.feed(*direction, bytes, &mut Context::default());
        }
        let request = record(&session, 0);
        assert!(
            request.contains(r#""type":"request""#) && request.contains(r#""function_code":1,"objects":[{"group":60"#),
            "{request}"
        );
        let answer = record(&session, 1);
        assert!(answer.contains(r#""iin":{"indicators":["need_time","device_restart"]}"#), "{answer}");
    }

    #[test]
    fn a_wrong_checksum_is_said() {
        let mut session = Dnp3Session::default();
        let mut bytes = DNP3.sample[0].1.to_vec();
        bytes[12] ^= 1;
        session.feed(Direction::ToServer, &bytes, &mut Context::default());
        assert_eq!(session.transaction(0).expect("held").events(), [Event::BadTransportCrc as u8]);
    }
}
