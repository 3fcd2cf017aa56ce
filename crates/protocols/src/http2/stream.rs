//! One stream with its request and response, or one frame of the connection: a transaction.

use super::{
    eve,
    event::Event,
    frame::{self, HEADER_BYTES, Header},
    hpack::Field,
};
use crate::http1::{body::Body, uri::Host};
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

/// Numbers of one kind (frame types, windows, settings…) kept of one side.
const NUMBERS_MAX: usize = 64;
/// Fields kept of one side, and their bytes.
const FIELDS_MAX: usize = 1024;
const FIELD_BYTES_MAX: usize = 128 * 1024;
/// Frames of one side that are kept for rules on frames, and bytes of each.
const FRAMES_MAX: usize = 32;
const FRAME_BYTES_KEPT: usize = 256;

pub(super) const HEADERS: u8 = 1;
pub(super) const BODY: u8 = 2;
pub(super) const COMPLETE: u8 = 3;

const fn buffer(name: &'static str, to_server: bool, to_client: bool, stage: u8, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client, stage: [stage, stage], shape }
}

use Shape::{Multi, Single, Stream as Growing};

/// In the order of [`NUMBERED`].
pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("http.method", true, false, HEADERS, Single),
    buffer("http.uri", true, false, HEADERS, Single),
    buffer("http.uri.raw", true, false, HEADERS, Single),
    buffer("http.request_line", true, false, HEADERS, Single),
    buffer("http.response_line", false, true, HEADERS, Single),
    buffer("http.protocol", true, true, HEADERS, Single),
    buffer("http.host", true, false, HEADERS, Single),
    buffer("http.host.raw", true, false, HEADERS, Single),
    buffer("http.header", true, true, HEADERS, Single),
    buffer("http.header.raw", true, true, HEADERS, Single),
    buffer("http.header_names", true, true, HEADERS, Single),
    buffer("http.request_header", true, false, HEADERS, Multi),
    buffer("http.response_header", false, true, HEADERS, Multi),
    buffer("http2.header", true, true, HEADERS, Multi),
    buffer("http2.header_name", true, true, HEADERS, Multi),
    buffer("http.user_agent", true, false, HEADERS, Single),
    buffer("http.accept", true, false, HEADERS, Single),
    buffer("http.accept_lang", true, false, HEADERS, Single),
    buffer("http.accept_enc", true, false, HEADERS, Single),
    buffer("http.referer", true, false, HEADERS, Single),
    buffer("http.connection", true, true, HEADERS, Single),
    buffer("http.content_type", true, true, HEADERS, Single),
    buffer("http.content_len", true, true, HEADERS, Single),
    buffer("http.cookie", true, true, HEADERS, Single),
    buffer("http.stat_code", false, true, HEADERS, Single),
    buffer("http.server", false, true, HEADERS, Single),
    buffer("http.location", false, true, HEADERS, Single),
    buffer("http.request_body", true, false, BODY, Growing),
    buffer("http.response_body", false, true, BODY, Growing),
    buffer("file.data", true, true, BODY, Growing),
    buffer("file.name", true, true, BODY, Single),
    buffer("frame:hdr", true, true, 0, Multi),
    buffer("frame:data", true, true, 0, Multi),
    buffer("frame:pdu", true, true, 0, Multi),
];

#[derive(Clone, Copy, Debug)]
enum Buffer {
    Field(&'static str, &'static str),
    RequestLine,
    ResponseLine,
    Protocol,
    Host,
    HostRaw,
    AllFields,
    Names,
    EachField,
    EachName,
    Cookie,
    Body,
    FileName,
    FrameHeader,
    FrameData,
    Frame,
}

const fn same(name: &'static str) -> Buffer {
    Buffer::Field(name, name)
}

const NUMBERED: &[Buffer] = &[
    same(":method"),
    same(":path"),
    same(":path"),
    Buffer::RequestLine,
    Buffer::ResponseLine,
    Buffer::Protocol,
    Buffer::Host,
    Buffer::HostRaw,
    Buffer::AllFields,
    Buffer::AllFields,
    Buffer::Names,
    Buffer::EachField,
    Buffer::EachField,
    Buffer::EachField,
    Buffer::EachName,
    same("user-agent"),
    same("accept"),
    same("accept-language"),
    same("accept-encoding"),
    same("referer"),
    same("connection"),
    same("content-type"),
    same("content-length"),
    Buffer::Cookie,
    same(":status"),
    same("server"),
    same("location"),
    Buffer::Body,
    Buffer::Body,
    Buffer::Body,
    Buffer::FileName,
    Buffer::FrameHeader,
    Buffer::FrameData,
    Buffer::Frame,
];

const _: () = assert!(NUMBERED.len() == BUFFERS.len());

pub(super) const FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "http2.frametype", stage: [0, 0] },
    FieldDecl { name: "http2.errorcode", stage: [0, 0] },
    FieldDecl { name: "http2.priority", stage: [0, 0] },
    FieldDecl { name: "http2.window", stage: [0, 0] },
    FieldDecl { name: "http2.size_update", stage: [0, 0] },
    FieldDecl { name: "http2.settings", stage: [0, 0] },
    FieldDecl { name: "http.uri.length", stage: [HEADERS, COMPLETE] },
    FieldDecl { name: "http.uri.raw.length", stage: [HEADERS, COMPLETE] },
    FieldDecl { name: "http.status", stage: [COMPLETE, HEADERS] },
    FieldDecl { name: "file.size", stage: [BODY, BODY] },
];

/// What a header block held, in its order.
#[derive(Debug)]
pub(super) enum Line {
    Field(Field),
    SizeUpdate(u64),
    Fault(&'static str),
}

/// What one end sent on the stream.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) kinds: Vec<u64>,
    pub(super) errors: Vec<u64>,
    pub(super) priorities: Vec<u64>,
    pub(super) windows: Vec<u64>,
    pub(super) size_updates: Vec<u64>,
    pub(super) settings: Vec<(u16, u32)>,
    pub(super) lines: Vec<Line>,
    line_bytes: usize,
    pub(super) body: Body,
    frames: Vec<Vec<u8>>,
    progress: u8,
}

impl Side {
    fn new(body: Body) -> Self {
        Self {
            kinds: Vec::new(),
            errors: Vec::new(),
            priorities: Vec::new(),
            windows: Vec::new(),
            size_updates: Vec::new(),
            settings: Vec::new(),
            lines: Vec::new(),
            line_bytes: 0,
            body,
            frames: Vec::new(),
            progress: 0,
        }
    }

    pub(super) fn frame_begins(&mut self, header: &Header) {
        note(&mut self.kinds, u64::from(header.kind));
        if self.frames.len() < FRAMES_MAX {
            self.frames.push(header.bytes.to_vec());
        }
    }

    /// Content of the newest frame.
    pub(super) fn frame_content(&mut self, bytes: &[u8]) {
        if let Some(frame) = self.frames.last_mut() {
            let room = (HEADER_BYTES + FRAME_BYTES_KEPT).saturating_sub(frame.len()).min(bytes.len());
            frame.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    /// False when there is no room for it.
    pub(super) fn add(&mut self, line: Line) -> bool {
        let bytes = match &line {
            Line::Field(field) => field.name.len().saturating_add(field.value.len()),
            _ => 0,
        };
        self.line_bytes = self.line_bytes.saturating_add(bytes);
        if self.lines.len() >= FIELDS_MAX || self.line_bytes > FIELD_BYTES_MAX {
            return false;
        }
        self.lines.push(line);
        true
    }

    pub(super) fn advance(&mut self, stage: u8) {
        self.progress = self.progress.max(stage);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.progress == COMPLETE
    }

    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.lines.iter().filter_map(|line| match line {
            Line::Field(field) => Some(field),
            _ => None,
        })
    }

    /// The first field of this name.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|field| field.value.as_slice())
    }
}

/// Adds one of the numbers that rules may ask for.
pub(super) fn note(numbers: &mut Vec<u64>, number: u64) {
    if numbers.len() < NUMBERS_MAX {
        numbers.push(number);
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) sides: [Side; 2],
    events: Vec<u8>,
}

impl Stream {
    pub(super) fn new(id: u32, bodies: [Body; 2]) -> Self {
        Self { id, sides: bodies.map(Side::new), events: Vec::new() }
    }

    pub(super) fn raise(&mut self, event: Event) {
        if !self.events.contains(&(event as u8)) {
            self.events.push(event as u8);
        }
    }

    pub(super) fn side(&self, direction: Direction) -> &Side {
        let [to_server, to_client] = &self.sides;
        if direction == Direction::ToServer { to_server } else { to_client }
    }

    pub(super) fn side_mut(&mut self, direction: Direction) -> &mut Side {
        let [to_server, to_client] = &mut self.sides;
        if direction == Direction::ToServer { to_server } else { to_client }
    }

    /// Lets `act` work on one side's body while it may raise events.
    pub(super) fn with_body(&mut self, direction: Direction, act: impl FnOnce(&mut Body, &mut dyn FnMut())) {
        let mut failed = false;
        act(&mut self.side_mut(direction).body, &mut || failed = true);
        if failed {
            self.raise(Event::FailedDecompression);
        }
    }

    /// Who is asked: `:authority`, or Host where that is missing.
    pub(super) fn host(&self) -> Option<&[u8]> {
        let side = self.side(Direction::ToServer);
        side.get(":authority").or_else(|| side.get("host"))
    }

    pub(super) fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.side(Direction::ToClient).get(":status")?).ok()?.parse().ok()
    }

    /// Buffers that are put together; false when there is nothing.
    fn composed(&self, buffer: Buffer, direction: Direction, instance: usize, out: &mut Vec<u8>) -> bool {
        let side = self.side(direction);
        out.clear();
        match buffer {
            Buffer::RequestLine => {
                if let (Some(method), Some(path)) = (side.get(":method"), side.get(":path")) {
                    out.extend_from_slice(method);
                    out.push(b' ');
                    out.extend_from_slice(path);
                    out.extend_from_slice(b" HTTP/2");
                }
            }
            Buffer::ResponseLine => {
                if let Some(status) = side.get(":status") {
                    out.extend_from_slice(b"HTTP/2 ");
                    out.extend_from_slice(status);
                }
            }
            Buffer::AllFields => side.fields().for_each(|field| written(field, b"\r\n", out)),
            Buffer::Names => {
                if side.fields().next().is_some() {
                    out.extend_from_slice(b"\r\n");
                }
                for field in side.fields() {
                    out.extend_from_slice(&field.name);
                    out.extend_from_slice(b"\r\n");
                }
                if !out.is_empty() {
                    out.extend_from_slice(b"\r\n");
                }
            }
            Buffer::EachField => {
                if let Some(field) = side.fields().nth(instance) {
                    written(field, b"", out);
                }
            }
            Buffer::Host => out.extend(self.host().map(|host| Host::parse(host).name).unwrap_or_default()),
            // RFC 9113 §8.2.3: a cookie may come in crumbs.
            Buffer::Cookie => {
                let name: &[u8] = if direction == Direction::ToServer { b"cookie" } else { b"set-cookie" };
                for field in side.fields().filter(|field| field.name.eq_ignore_ascii_case(name)) {
                    if !out.is_empty() {
                        out.extend_from_slice(b"; ");
                    }
                    out.extend_from_slice(&field.value);
                }
            }
            _ => {}
        }
        !out.is_empty()
    }

    fn plain(&self, buffer: Buffer, direction: Direction, instance: usize) -> Option<&[u8]> {
        let side = self.side(direction);
        match buffer {
            Buffer::Field(to_server, to_client) => {
                side.get(if direction == Direction::ToServer { to_server } else { to_client })
            }
            Buffer::Protocol => side.fields().next().map(|_| &b"HTTP/2"[..]),
            Buffer::HostRaw => self.host(),
            Buffer::FileName => side.body.file.as_ref().map(|file| file.name.as_slice()),
            Buffer::EachName => side.fields().nth(instance).map(|field| field.name.as_slice()),
            Buffer::FrameHeader => side.frames.get(instance)?.get(..HEADER_BYTES),
            Buffer::FrameData => side.frames.get(instance)?.get(HEADER_BYTES..),
            Buffer::Frame => side.frames.get(instance).map(Vec::as_slice),
            _ => None,
        }
    }
}

fn written(field: &Field, end: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&field.name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(&field.value);
    out.extend_from_slice(end);
}

impl Transaction for Stream {
    fn progress(&self, direction: Direction) -> u8 {
        self.side(direction).progress
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        scratch: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let decl = BUFFERS.get(usize::from(number))?;
        let buffer = *NUMBERED.get(usize::from(number))?;
        let offered = if direction == Direction::ToServer { decl.to_server } else { decl.to_client };
        let instance = usize::try_from(instance).ok()?;
        let side = self.side(direction);
        if !offered || side.progress < *decl.stage.get(direction.index())? || (instance > 0 && decl.shape != Multi) {
            return None;
        }
        match buffer {
            Buffer::Body => side.body.view(),
            Buffer::RequestLine
            | Buffer::ResponseLine
            | Buffer::AllFields
            | Buffer::Names
            | Buffer::EachField
            | Buffer::Host
            | Buffer::Cookie => self.composed(buffer, direction, instance, scratch).then(|| BufferView::whole(scratch)),
            _ => self.plain(buffer, direction, instance).map(BufferView::whole),
        }
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        let side = self.side(direction);
        let instance = usize::try_from(instance).ok()?;
        let decl = FIELDS.get(usize::from(number))?;
        if side.progress < *decl.stage.get(direction.index())? {
            return None;
        }
        let to_server = direction == Direction::ToServer;
        let value = match number {
            0 => *side.kinds.get(instance)?,
            1 => *side.errors.get(instance)?,
            2 => *side.priorities.get(instance)?,
            3 => *side.windows.get(instance)?,
            4 => *side.size_updates.get(instance)?,
            // The setting's number above its value: rules name both.
            5 => side.settings.get(instance).map(|(id, value)| u64::from(*id) << 32 | u64::from(*value))?,
            _ if instance > 0 => return None,
            6 | 7 if to_server => side.get(":path")?.len() as u64,
            8 if !to_server => u64::from(self.status()?),
            9 => side.body.file.as_ref()?.size,
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        let tells = |side: &Side| {
            !side.lines.is_empty()
                || !side.settings.is_empty()
                || !side.errors.is_empty()
                || !side.priorities.is_empty()
        };
        self.sides.iter().all(Side::is_complete) && self.sides.iter().any(tells)
    }

    fn write_eve(&self, out: &mut Writer) {
        eve::write(self, out);
    }
}

/// The numbers that stand in a frame without a header block.
pub(super) fn read_numbers(side: &mut Side, header: &Header, payload: &[u8]) -> bool {
    let word = |at: usize| payload.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
    match header.kind {
        frame::PRIORITY => match payload.get(4) {
            Some(weight) if payload.len() == 5 => note(&mut side.priorities, u64::from(*weight)),
            _ => return false,
        },
        frame::RST_STREAM => match word(0) {
            Some(code) if payload.len() == 4 => note(&mut side.errors, u64::from(code)),
            _ => return false,
        },
        frame::SETTINGS => {
            let (settings, rest) = payload.as_chunks::<6>();
            for [i0, i1, v0, v1, v2, v3] in settings.iter().take(NUMBERS_MAX) {
                let setting = (u16::from_be_bytes([*i0, *i1]), u32::from_be_bytes([*v0, *v1, *v2, *v3]));
                if side.settings.len() < NUMBERS_MAX {
                    side.settings.push(setting);
                }
            }
            return rest.is_empty();
        }
        frame::GOAWAY => match word(4) {
            Some(code) => note(&mut side.errors, u64::from(code)),
            None => return false,
        },
        frame::WINDOW_UPDATE => match word(0) {
            Some(window) if payload.len() == 4 => note(&mut side.windows, u64::from(window & 0x7fff_ffff)),
            _ => return false,
        },
        frame::PING => return payload.len() == 8,
        _ => {}
    }
    true
}
