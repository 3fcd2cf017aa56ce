//! One HTTP/2 connection: frames of both directions to their streams.

use super::{
    PREFACE,
    event::Event,
    frame::{self, Frames, Header, Part},
    hpack::{Fault, Step, Table},
    stream::{self, Line, Stream, note, read_numbers},
};
use crate::{
    bytes::Reader,
    http1::{HttpSettings, body::Body, decode::Decoder, multipart::file_name},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Digests, FileEnd, Outcome, Session},
};
use phitak_model::{Direction, inspect::Transactions as _};
use std::collections::BTreeMap;

/// Streams and frames held at once.
const HELD_MAX: usize = 512;
/// Streams that are open at once.
const OPEN_MAX: usize = 256;
/// RFC 9113 §4.2: what a frame has at most, unless both agreed on more.
const FRAME_BYTES: u32 = 16_384;
/// Most bytes of a header block.
const BLOCK_BYTES_MAX: usize = 128 * 1024;
/// RFC 8484: a DNS message.
const DNS_BYTES_MAX: u64 = 65_535;

#[derive(Debug)]
struct Half {
    frames: Frames,
    table: Table,
    /// The client's preface is still to come: so many bytes of it were seen.
    preface: Option<usize>,
    /// A header block that goes on in CONTINUATION, and its stream.
    block: Vec<u8>,
    block_of: Option<Header>,
    /// The transaction of the current frame.
    current: Option<u64>,
    /// Frames or tables can no longer be told.
    lost: bool,
}

impl Half {
    fn new(preface: Option<usize>) -> Self {
        Self {
            frames: Frames::default(),
            table: Table::new(),
            preface,
            block: Vec::new(),
            block_of: None,
            current: None,
            lost: false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Http2Session {
    queue: Queue<Stream>,
    open: BTreeMap<u32, u64>,
    halves: [Half; 2],
    settings: HttpSettings,
    digests: Digests,
    files: Vec<FileEnd>,
}

transactions_of!(Http2Session, queue);

impl Http2Session {
    pub(super) fn new(settings: HttpSettings, digests: Digests) -> Self {
        Self {
            queue: Queue::new(HELD_MAX),
            open: BTreeMap::new(),
            halves: [Half::new(Some(0)), Half::new(None)],
            settings,
            digests,
            files: Vec::new(),
        }
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        let [to_server, to_client] = &mut self.halves;
        if direction == Direction::ToServer { to_server } else { to_client }
    }

    /// The preface goes by; what is no preface may be frames from the middle of a connection.
    fn preface<'a>(&mut self, mut data: &'a [u8]) -> &'a [u8] {
        let Some(seen) = self.half(Direction::ToServer).preface else { return data };
        let wanted = PREFACE.get(seen..).unwrap_or_default();
        let here = wanted.len().min(data.len());
        let half = self.half(Direction::ToServer);
        if data.get(..here) != wanted.get(..here) {
            half.preface = None;
            half.lost = seen > 0;
            let id = self.begin(0);
            self.with(id, |stream| {
                stream.raise(Event::InvalidClientMagic);
                stream.sides.iter_mut().for_each(|side| side.advance(stream::COMPLETE));
            });
            return data;
        }
        half.preface = (here < wanted.len()).then_some(seen.saturating_add(here));
        data = data.get(here..).unwrap_or_default();
        data
    }

    fn begin(&mut self, id: u32) -> u64 {
        let bodies = [self.settings.request, self.settings.response].map(|body| Body::new(body, self.digests));
        self.queue.push(Stream::new(id, bodies))
    }

    fn with<R>(&mut self, id: u64, act: impl FnOnce(&mut Stream) -> R) -> Option<R> {
        self.queue.get_mut(id).map(act)
    }

    /// The transaction of a frame: its stream's, or one of its own.
    fn transaction_of(&mut self, header: &Header) -> u64 {
        if header.stream == 0 {
            return self.begin(0);
        }
        if let Some(id) = self.open.get(&header.stream).copied()
            && self.queue.get(id).is_some()
        {
            return id;
        }
        let too_many = self.open.len() >= OPEN_MAX;
        if too_many && let Some((_, oldest)) = self.open.pop_first() {
            self.with(oldest, |stream| stream.sides.iter_mut().for_each(|side| side.advance(stream::COMPLETE)));
        }
        let id = self.begin(header.stream);
        self.open.insert(header.stream, id);
        if too_many {
            self.with(id, |stream| stream.raise(Event::TooManyStreams));
        }
        id
    }

    fn begins(&mut self, direction: Direction, header: &Header) {
        // A header block that was begun has to be finished first (RFC 9113 §6.10).
        let open_block = self.half(direction).block_of.filter(|_| header.kind != frame::CONTINUATION);
        let id = self.transaction_of(header);
        self.half(direction).current = Some(id);
        if open_block.is_some() {
            let half = self.half(direction);
            half.block_of = None;
            half.block = Vec::new();
        }
        self.with(id, |stream| {
            if open_block.is_some() {
                stream.raise(Event::InvalidFrameData);
            }
            if header.length > FRAME_BYTES {
                stream.raise(Event::LongFrameData);
            }
            if header.kind == frame::DATA && header.stream == 0 {
                stream.raise(Event::DataStreamZero);
            }
            stream.side_mut(direction).frame_begins(header);
        });
    }

    fn data(&mut self, direction: Direction, header: &Header, bytes: &[u8], is_last: bool) {
        let Some(id) = self.half(direction).current else { return };
        self.with(id, |stream| {
            let side = stream.side_mut(direction);
            side.frame_content(bytes);
            if side.is_complete() {
                return;
            }
            if !bytes.is_empty() {
                side.advance(stream::BODY);
            }
            let is_dns = side.get("content-type") == Some(b"application/dns-message");
            stream.with_body(direction, |body, failed| body.push(bytes, &mut |_| failed(), &mut |_| {}));
            if is_dns && stream.side(direction).body.wire_bytes > DNS_BYTES_MAX {
                stream.raise(match direction {
                    Direction::ToServer => Event::DnsRequestTooLong,
                    Direction::ToClient => Event::DnsResponseTooLong,
                });
            }
        });
        if is_last && header.has(frame::FLAG_END_STREAM) {
            self.ends(direction, id);
        }
        self.tell_files(id);
        if is_last && header.stream == 0 {
            self.complete(id);
        }
    }

    fn tell_files(&mut self, id: u64) {
        let Self { queue, files, .. } = self;
        let Some(stream) = queue.get_mut(id) else { return };
        for (side, direction) in stream.sides.iter_mut().zip([Direction::ToServer, Direction::ToClient]) {
            if let Some(file) = &mut side.body.file {
                files.extend(file.take_end(id, direction));
            }
        }
    }

    /// One end has sent all that it will send on a stream.
    fn ends(&mut self, direction: Direction, id: u64) {
        let closed = self.with(id, |stream| {
            if !stream.side(direction).is_complete() {
                stream.with_body(direction, |body, failed| body.finish(&mut |_| failed(), &mut |_| {}));
                stream.side_mut(direction).advance(stream::COMPLETE);
            }
            stream.sides.iter().all(stream::Side::is_complete).then_some(stream.id)
        });
        self.tell_files(id);
        if let Some(Some(number)) = closed {
            self.open.remove(&number);
        }
    }

    fn complete(&mut self, id: u64) {
        self.ends(Direction::ToServer, id);
        self.ends(Direction::ToClient, id);
    }

    /// A frame other than DATA, in whole.
    fn whole(&mut self, direction: Direction, header: &Header, payload: &[u8]) {
        let Some(id) = self.half(direction).current else { return };
        self.with(id, |stream| {
            let side = stream.side_mut(direction);
            side.frame_content(payload);
            let understood = read_numbers(side, header, payload);
            if !understood {
                stream.raise(Event::InvalidFrameData);
            }
            if header.kind > frame::CONTINUATION {
                stream.raise(Event::InvalidFrameHeader);
            }
        });
        match header.kind {
            frame::HEADERS | frame::PUSH_PROMISE => match block_of(header, payload) {
                Some((block, priority)) => {
                    if let Some(priority) = priority {
                        self.with(id, |stream| {
                            note(&mut stream.side_mut(direction).priorities, u64::from(priority));
                        });
                    }
                    self.block(direction, id, *header, block);
                }
                None => self.raise(id, Event::InvalidFrameData),
            },
            frame::CONTINUATION => match self.half(direction).block_of {
                Some(first) if first.stream == header.stream => {
                    let flags = first.flags | (header.flags & frame::FLAG_END_HEADERS);
                    self.block(direction, id, Header { flags, ..first }, payload);
                }
                _ => self.raise(id, Event::InvalidFrameData),
            },
            frame::RST_STREAM => self.complete(id),
            _ => {}
        }
        if header.stream == 0 {
            self.complete(id);
        }
    }

    fn raise(&mut self, id: u64, event: Event) {
        self.with(id, |stream| stream.raise(event));
    }

    /// A piece of a header block; decoded when it is there in whole.
    fn block(&mut self, direction: Direction, id: u64, first: Header, piece: &[u8]) {
        let half = self.half(direction);
        if half.block.len().saturating_add(piece.len()) > BLOCK_BYTES_MAX {
            half.lost = true;
            half.block = Vec::new();
            half.block_of = None;
            self.raise(id, Event::ReassemblyLimitReached);
            return;
        }
        half.block.extend_from_slice(piece);
        if !first.has(frame::FLAG_END_HEADERS) {
            half.block_of = Some(first);
            return;
        }
        half.block_of = None;
        let block = std::mem::take(&mut half.block);
        self.decode(direction, id, &block);
        if first.kind == frame::HEADERS {
            self.headers_done(direction, id);
            if first.has(frame::FLAG_END_STREAM) {
                self.ends(direction, id);
            }
        }
    }

    fn decode(&mut self, direction: Direction, id: u64, block: &[u8]) {
        let Self { queue, halves: [to_server, to_client], .. } = self;
        let half = if direction == Direction::ToServer { to_server } else { to_client };
        let mut reader = Reader::new(block);
        let mut stream = queue.get_mut(id);
        while !reader.is_empty() {
            let (line, event) = match half.table.step(&mut reader) {
                Ok(Step::Field(field)) => (Line::Field(field), None),
                Ok(Step::SizeUpdate(size)) => (Line::SizeUpdate(size), None),
                Err(Fault::Broken) => (Line::Fault("HTTP2HeaderDecodeError"), Some(Event::InvalidHeader)),
                Err(Fault::UnknownIndex) => (Line::Fault("HTTP2HeaderDecodeNotIndexed"), Some(Event::InvalidHeader)),
                Err(Fault::Overflow) => {
                    (Line::Fault("HTTP2HeaderDecodeIntegerOverflow"), Some(Event::HeaderIntegerOverflow))
                }
            };
            let failed = event.is_some();
            if let Some(stream) = &mut stream {
                let side = stream.side_mut(direction);
                if let Line::SizeUpdate(size) = line {
                    note(&mut side.size_updates, size);
                }
                if !side.add(line) {
                    stream.raise(Event::ReassemblyLimitReached);
                }
                if let Some(event) = event {
                    stream.raise(event);
                }
            }
            if failed {
                // Entries that were to be added are unknown from here on; static ones can still be told.
                break;
            }
        }
    }

    /// What a finished head says about what follows.
    fn headers_done(&mut self, direction: Direction, id: u64) {
        let settings = self.settings;
        self.with(id, |stream| {
            if stream.side(direction).is_complete() {
                stream.raise(Event::StreamIdReuse);
                return;
            }
            // An informational response is not the one that is waited for.
            if direction == Direction::ToClient && stream.status().is_some_and(|status| status < 200) {
                return;
            }
            stream.side_mut(direction).advance(stream::HEADERS);
            if direction == Direction::ToServer {
                check_authority(stream);
            }
            let side = stream.side(direction);
            let encoding = side.get("content-encoding").map(<[u8]>::to_vec);
            let name = side.get("content-disposition").and_then(file_name).unwrap_or_else(|| path_name(stream));
            stream.with_body(direction, |body, _| {
                body.set_file_name(name);
                if let Some(encoding) = encoding {
                    let (layers, bomb) = (settings.layers_max, settings.bomb_bytes);
                    body.set_decoder(Decoder::new(&encoding, layers, settings.lzma, bomb, &mut |_| {}));
                }
            });
        });
    }
}

/// The header block inside HEADERS or PUSH_PROMISE, and the weight of HEADERS.
fn block_of<'a>(header: &Header, payload: &'a [u8]) -> Option<(&'a [u8], Option<u8>)> {
    let mut reader = Reader::new(payload);
    let padding = if header.has(frame::FLAG_PADDED) { usize::from(reader.u8()?) } else { 0 };
    let mut weight = None;
    if header.kind == frame::PUSH_PROMISE {
        reader.u32()?;
    } else if header.has(frame::FLAG_PRIORITY) {
        reader.u32()?;
        weight = Some(reader.u8()?);
    }
    let rest = reader.rest();
    Some((rest.get(..rest.len().checked_sub(padding)?)?, weight))
}

fn check_authority(stream: &mut Stream) {
    let side = stream.side(Direction::ToServer);
    let authority = side.get(":authority");
    let has_user = authority.is_some_and(|authority| authority.contains(&b'@'));
    let differs = match (authority, side.get("host")) {
        (Some(authority), Some(host)) => !authority.eq_ignore_ascii_case(host),
        _ => false,
    };
    if has_user {
        stream.raise(Event::UserinfoInUri);
    }
    if differs {
        stream.raise(Event::AuthorityHostMismatch);
    }
}

/// The path without its query: what a file is called when nothing else names it.
fn path_name(stream: &Stream) -> Vec<u8> {
    let path = stream.side(Direction::ToServer).get(":path").unwrap_or_default();
    path.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec()
}

impl Session for Http2Session {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let mut rest = if direction == Direction::ToServer { self.preface(data) } else { data };
        while !self.half(direction).lost {
            match self.half(direction).frames.next(&mut rest) {
                Some(Part::Begins(header)) => self.begins(direction, &header),
                Some(Part::Data(header, bytes, is_last)) => self.data(direction, &header, bytes, is_last),
                Some(Part::Whole(header, payload)) => self.whole(direction, &header, &payload),
                None => break,
            }
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        let half = self.half(direction);
        if half.frames.gap(length).is_some() {
            if let Some(id) = half.current {
                self.with(id, |stream| stream.side_mut(direction).body.gap(length));
            }
        } else {
            half.lost = true;
            half.block = Vec::new();
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        self.half(direction).lost = true;
        for id in self.queue.live() {
            self.ends(direction, id);
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
        let first = self.queue.live().start;
        self.open.retain(|_, open| *open >= first);
    }

    fn files(&mut self) -> Vec<FileEnd> {
        std::mem::take(&mut self.files)
    }
}
