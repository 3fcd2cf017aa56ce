//! WebSocket: frames behind an upgrade from HTTP, unmasked and decompressed.
//!
//! A frame is one transaction; the last frame of a message in several shows the message in whole.
//! Source: RFC 6455 §5 (frames), RFC 7692 §7 (permessage-deflate).

use crate::{
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use flate2::{Decompress, FlushDecompress, Status};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction},
    json::Writer,
};

/// Frames held at once.
const HELD_MAX: usize = 256;
/// Most bytes of a message that are kept (Suricata's `max-payload-size`).
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
const COMPLETE: u8 = 1;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "websocket",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[BufferDecl {
        name: "websocket.payload",
        to_server: true,
        to_client: true,
        stage: [COMPLETE, COMPLETE],
        shape: Shape::Single,
    }],
    fields: &[
        FieldDecl { name: "websocket.flags", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "websocket.mask", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "websocket.opcode", stage: [COMPLETE, COMPLETE] },
    ],
    events: &["skip_end_of_payload", "reassembly_limit_reached"],
};
const SKIP_END_OF_PAYLOAD: u8 = 0;
const REASSEMBLY_LIMIT_REACHED: u8 = 1;

pub(crate) static WEBSOCKET: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 6455",
    // Any two bytes may be its beginning: it is only looked for behind an upgrade.
    ports: &[],
    only_on_ports: true,
    guess,
    open: |_, _| Box::new(WebSocketSession::default()),
    sample: &[
        (
            Direction::ToServer,
            b"\x01\x83\x37\xfa\x21\x3d\x7f\x9f\x4d\x80\x82\x37\xfa\x21\x3d\x5b\x95\x89\x80\x01\x02\x03\x04",
        ),
        (Direction::ToClient, b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x82\x7e\x00\x02\xaa\xbb\x88\x02\x03\xe8"),
    ],
};

fn guess(bytes: &[u8], _: Direction, _: Transport) -> Guess {
    match *bytes {
        [] => Guess::More,
        [first, ..] if first & 0x30 == 0 && matches!(first & 0xf, 0..=2 | 8..=10) => Guess::Yes,
        _ => Guess::No,
    }
}

const FIN: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const CONTINUATION: u8 = 0;

#[derive(Debug)]
struct FrameRecord {
    direction: Direction,
    /// The first byte's upper half.
    flags: u8,
    opcode: u8,
    mask: Option<u32>,
    payload: Vec<u8>,
    events: Vec<u8>,
}

impl Transaction for FrameRecord {
    fn progress(&self, _: Direction) -> u8 {
        COMPLETE
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let shown = number == 0 && instance == 0 && direction == self.direction;
        shown.then(|| BufferView::whole(&self.payload))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 || direction != self.direction {
            return None;
        }
        let value = match number {
            0 => u64::from(self.flags),
            1 => u64::from(self.mask?),
            2 => u64::from(self.opcode),
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("websocket");
        out.begin_object();
        out.member_bool("fin", self.flags & FIN != 0);
        if let Some(mask) = self.mask {
            out.member_number("mask", u64::from(mask));
        }
        let opcode = match self.opcode {
            0 => "continuation",
            1 => "text",
            2 => "binary",
            8 => "connection_close",
            9 => "ping",
            10 => "pong",
            _ => "unknown",
        };
        out.member_str("opcode", opcode);
        out.end_object();
    }
}

/// A frame on its way.
#[derive(Debug)]
struct Open {
    flags: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// Bytes of the payload so far, and still to come.
    taken: u64,
    left: u64,
    payload: Vec<u8>,
}

#[derive(Default)]
struct Half {
    header: Vec<u8>,
    open: Option<Open>,
    /// Frames of a message that goes on, decompressed when it is compressed.
    message: Vec<u8>,
    message_compressed: bool,
    too_long: bool,
    inflater: Option<Box<Decompress>>,
    lost: bool,
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Half").field("header", &self.header).field("open", &self.open).finish_non_exhaustive()
    }
}

/// A header's length as far as it is known.
fn header_bytes(header: &[u8]) -> usize {
    let Some(second) = header.get(1) else { return 2 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    2 + length + mask
}

impl Open {
    fn new(header: &[u8]) -> Option<Self> {
        let (first, second) = (*header.first()?, *header.get(1)?);
        let rest = header.get(2..)?;
        let (length, mask) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), rest.get(8..)?),
            length => (u64::from(length), rest),
        };
        Some(Self {
            flags: first & 0xf0,
            opcode: first & 0xf,
            mask: mask.first_chunk().copied(),
            taken: 0,
            left: length,
            payload: Vec::new(),
        })
    }

    fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

impl Half {
    /// The next frame that is complete; `data` is moved past what was used.
    fn next(&mut self, data: &mut &[u8]) -> Option<Open> {
        if self.open.is_none() {
            while self.header.len() < header_bytes(&self.header) {
                let (byte, rest) = data.split_first()?;
                self.header.push(*byte);
                *data = rest;
            }
            self.open = Open::new(&self.header);
            self.header.clear();
        }
        let open = self.open.as_mut()?;
        let here = usize::try_from(open.left).unwrap_or(usize::MAX).min(data.len());
        let (piece, rest) = data.split_at(here);
        *data = rest;
        let room = PAYLOAD_BYTES_MAX.saturating_sub(open.payload.len()).min(piece.len());
        let mask = open.mask.unwrap_or_default();
        let turn = usize::try_from(open.taken % 4).unwrap_or(0);
        let unmasked = piece.iter().zip(mask.iter().cycle().skip(turn)).map(|(byte, mask)| byte ^ mask);
        open.payload.extend(unmasked.take(room));
        open.taken = open.taken.saturating_add(here as u64);
        open.left = open.left.saturating_sub(here as u64);
        if open.left > 0 { None } else { self.open.take() }
    }

    /// Adds a data frame to its message; the message when it ends here.
    fn gather(&mut self, open: &Open) -> Option<Vec<u8>> {
        if open.opcode != CONTINUATION {
            self.message.clear();
            self.too_long = false;
            self.message_compressed = open.flags & COMPRESSED != 0;
        }
        let room = PAYLOAD_BYTES_MAX.saturating_sub(self.message.len()).min(open.payload.len());
        self.too_long |= room < open.payload.len() || open.taken > open.payload.len() as u64;
        self.message.extend_from_slice(open.payload.get(..room).unwrap_or_default());
        if open.flags & FIN == 0 {
            return None;
        }
        let message = std::mem::take(&mut self.message);
        if !self.message_compressed {
            return Some(message);
        }
        if self.too_long {
            // What is compressed later may refer to what was not kept.
            self.inflater = None;
        }
        let inflater = self.inflater.get_or_insert_with(|| Box::new(Decompress::new(false)));
        Some(inflated(inflater, &message).unwrap_or(message))
    }
}

/// RFC 7692 §7.2.2: the end that was cut off is put back. The history goes on from message to message.
fn inflated(inflater: &mut Decompress, message: &[u8]) -> Option<Vec<u8>> {
    const TAIL: &[u8] = b"\x00\x00\xff\xff";
    let mut out = Vec::new();
    for input in [message, TAIL] {
        let mut rest = input;
        while !rest.is_empty() {
            let mut piece = [0; 4096];
            let (read, made) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(rest, &mut piece, FlushDecompress::Sync).ok()?;
            let read = usize::try_from(inflater.total_in().saturating_sub(read)).ok()?;
            let made = usize::try_from(inflater.total_out().saturating_sub(made)).ok()?;
            rest = rest.get(read..)?;
            out.extend_from_slice(piece.get(..made)?);
            if status == Status::StreamEnd {
                inflater.reset(false);
                return Some(out);
            }
            if out.len() >= PAYLOAD_BYTES_MAX || (read == 0 && made == 0) {
                return Some(out);
            }
        }
    }
    Some(out)
}

#[derive(Debug)]
struct WebSocketSession {
    queue: Queue<FrameRecord>,
    halves: [Half; 2],
}

impl Default for WebSocketSession {
    fn default() -> Self {
        Self { queue: Queue::new(HELD_MAX), halves: Default::default() }
    }
}

transactions_of!(WebSocketSession, queue);

impl Session for WebSocketSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let Some(half) = self.halves.get_mut(direction.index()) else { return Outcome::Continue };
        let mut rest = data;
        while !half.lost {
            let Some(open) = half.next(&mut rest) else { break };
            let mut events = Vec::new();
            if open.taken > open.payload.len() as u64 {
                events.push(SKIP_END_OF_PAYLOAD);
            }
            let message = if open.is_control() { None } else { half.gather(&open) };
            if half.too_long && !open.is_control() && events.is_empty() {
                events.push(REASSEMBLY_LIMIT_REACHED);
            }
            self.queue.push(FrameRecord {
                direction,
                flags: open.flags,
                opcode: open.opcode,
                mask: open.mask.map(u32::from_be_bytes),
                payload: message.unwrap_or(open.payload),
                events,
            });
        }
        Outcome::Continue
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        let Some(half) = self.halves.get_mut(direction.index()) else { return Outcome::Continue };
        // A hole inside a payload leaves the frames behind it readable; the message is not.
        match &mut half.open {
            Some(open) if length < open.left => {
                open.left = open.left.saturating_sub(length);
                open.taken = open.taken.saturating_add(length);
                half.inflater = None;
            }
            _ => {
                half.lost = true;
                half.open = None;
                half.message = Vec::new();
            }
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if let Some(half) = self.halves.get_mut(direction.index()) {
            half.lost = true;
            half.open = None;
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::inspect::Transactions as _;

    fn payloads(session: &WebSocketSession) -> Vec<String> {
        session
            .queue
            .live()
            .filter_map(|id| session.queue.get(id))
            .map(|frame| format!("{} {}", frame.opcode, String::from_utf8_lossy(&frame.payload)))
            .collect()
    }

    fn fed(direction: Direction, bytes: &[u8]) -> WebSocketSession {
        let mut session = WebSocketSession::default();
        session.feed(direction, bytes, &mut Context::default());
        session
    }

    /// RFC 6455 §5.7: "Hello" in two masked frames.
    #[test]
    fn frames_are_unmasked_and_joined() {
        let session = fed(Direction::ToServer, WEBSOCKET.sample[0].1);
        assert_eq!(payloads(&session), ["1 Hel", "0 Hello", "9 "]);
        assert_eq!(session.queue.get(0).and_then(|frame| frame.mask), Some(0x37fa_213d));
        assert_eq!(session.queue.get(1).map(|frame| frame.flags), Some(FIN));
    }

    /// RFC 7692 §7.2.3: "Hello" compressed, twice, the second time with the first as history, and in two frames.
    #[test]
    fn messages_are_decompressed_with_their_history() {
        let session = fed(
            Direction::ToClient,
            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00\x41\x03\xf2\x00\x11\x80\x02\x00\x00",
        );
        assert_eq!(payloads(&session)[..2], ["1 Hello", "1 Hello"]);
        assert_eq!(payloads(&session)[3], "0 Hello");
    }

    #[test]
    fn a_payload_beyond_the_limit_is_cut_and_said() {
        let mut bytes = b"\x82\x7f\x00\x00\x00\x00\x00\x01\x80\x00".to_vec();
        bytes.extend(vec![b'a'; 0x18000]);
        bytes.extend(b"\x81\x01b");
        let session = fed(Direction::ToClient, &bytes);
        let frame = session.queue.get(0).expect("a frame");
        assert_eq!((frame.payload.len(), frame.events.as_slice()), (PAYLOAD_BYTES_MAX, &[SKIP_END_OF_PAYLOAD][..]));
        assert_eq!(payloads(&session)[1], "1 b");
    }
}
