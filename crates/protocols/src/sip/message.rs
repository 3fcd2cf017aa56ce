//! One request or response: a transaction.

use super::{eve, sdp::Sdp};
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldValue, Shape, Transaction},
    json::Writer,
};

/// Fields of one message that are kept.
const FIELDS_MAX: usize = 256;
const COMPLETE: u8 = 1;

const fn buffer(name: &'static str, to_server: bool, to_client: bool, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client, stage: [COMPLETE, COMPLETE], shape }
}

use Shape::{Multi, Single};

/// In the order of [`NUMBERED`]. Requests come from either side of a flow, as phones do.
pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("sip.method", true, true, Single),
    buffer("sip.uri", true, true, Single),
    buffer("sip.request_line", true, true, Single),
    buffer("sip.stat_code", true, true, Single),
    buffer("sip.stat_msg", true, true, Single),
    buffer("sip.response_line", true, true, Single),
    buffer("sip.protocol", true, true, Single),
    buffer("sip.from", true, true, Multi),
    buffer("sip.to", true, true, Multi),
    buffer("sip.via", true, true, Multi),
    buffer("sip.user_agent", true, true, Multi),
    buffer("sip.content_type", true, true, Multi),
    buffer("sip.content_length", true, true, Multi),
    buffer("sdp.origin", true, true, Single),
    buffer("sdp.session_name", true, true, Single),
    buffer("sdp.session_info", true, true, Single),
    buffer("sdp.uri", true, true, Single),
    buffer("sdp.email", true, true, Single),
    buffer("sdp.phone_number", true, true, Single),
    buffer("sdp.connection_data", true, true, Single),
    buffer("sdp.bandwidth", true, true, Multi),
    buffer("sdp.time", true, true, Multi),
    buffer("sdp.repeat_time", true, true, Multi),
    buffer("sdp.timezone", true, true, Single),
    buffer("sdp.encryption_key", true, true, Single),
    buffer("sdp.attribute", true, true, Multi),
    buffer("sdp.media.media", true, true, Multi),
    buffer("sdp.media.media_info", true, true, Multi),
    buffer("sdp.media.connection_data", true, true, Multi),
    buffer("sdp.media.encryption_key", true, true, Multi),
    buffer("frame:pdu", true, true, Single),
    buffer("frame:request.line", true, true, Single),
    buffer("frame:request.headers", true, true, Single),
    buffer("frame:request.body", true, true, Single),
    buffer("frame:response.line", true, true, Single),
    buffer("frame:response.headers", true, true, Single),
    buffer("frame:response.body", true, true, Single),
];

#[derive(Clone, Copy)]
enum Buffer {
    Method,
    Uri,
    RequestLine,
    Code,
    Reason,
    ResponseLine,
    Protocol,
    /// A field by its long and its short name.
    Field(&'static str, &'static str),
    Sdp(for<'a> fn(&'a Sdp, usize) -> Option<&'a Vec<u8>>),
    Whole,
    Line(bool),
    Headers(bool),
    Body(bool),
}

const fn sdp(read: for<'a> fn(&'a Sdp, usize) -> Option<&'a Vec<u8>>) -> Buffer {
    Buffer::Sdp(read)
}

const NUMBERED: &[Buffer] = &[
    Buffer::Method,
    Buffer::Uri,
    Buffer::RequestLine,
    Buffer::Code,
    Buffer::Reason,
    Buffer::ResponseLine,
    Buffer::Protocol,
    Buffer::Field("From", "f"),
    Buffer::Field("To", "t"),
    Buffer::Field("Via", "v"),
    Buffer::Field("User-Agent", "User-Agent"),
    Buffer::Field("Content-Type", "c"),
    Buffer::Field("Content-Length", "l"),
    sdp(|sdp, _| sdp.origin.as_ref()),
    sdp(|sdp, _| sdp.name.as_ref()),
    sdp(|sdp, _| sdp.info.as_ref()),
    sdp(|sdp, _| sdp.uri.as_ref()),
    sdp(|sdp, _| sdp.email.as_ref()),
    sdp(|sdp, _| sdp.phone.as_ref()),
    sdp(|sdp, _| sdp.connection.as_ref()),
    sdp(|sdp, at| sdp.bandwidths.get(at)),
    sdp(|sdp, at| sdp.times.get(at).map(|time| &time.time)),
    sdp(|sdp, at| sdp.times.iter().filter_map(|time| time.repeat.as_ref()).nth(at)),
    sdp(|sdp, _| sdp.timezone.as_ref()),
    sdp(|sdp, _| sdp.key.as_ref()),
    sdp(|sdp, at| sdp.attributes.iter().chain(sdp.media.iter().flat_map(|media| &media.attributes)).nth(at)),
    sdp(|sdp, at| sdp.media.get(at).map(|media| &media.media)),
    sdp(|sdp, at| sdp.media.iter().filter_map(|media| media.info.as_ref()).nth(at)),
    sdp(|sdp, at| sdp.media.iter().filter_map(|media| media.connection.as_ref()).nth(at)),
    sdp(|sdp, at| sdp.media.iter().filter_map(|media| media.key.as_ref()).nth(at)),
    Buffer::Whole,
    Buffer::Line(true),
    Buffer::Headers(true),
    Buffer::Body(true),
    Buffer::Line(false),
    Buffer::Headers(false),
    Buffer::Body(false),
];

const _: () = assert!(NUMBERED.len() == BUFFERS.len());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    IncompleteData,
    InvalidData,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) direction: Direction,
    /// All of it: first line, fields, blank line, body as far as it is kept.
    bytes: Vec<u8>,
    /// Where fields and body begin; the blank line stands between them.
    fields_at: usize,
    fields_end: usize,
    body_at: usize,
    pub(super) is_request: bool,
    fields: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>,
    pub(super) sdp: Option<Sdp>,
    events: Vec<u8>,
}

impl Message {
    /// From the head, its blank line included.
    pub(super) fn new(direction: Direction, head: Vec<u8>) -> Self {
        let line_end = memchr::memchr(b'\n', &head).map_or(head.len(), |at| at.saturating_add(1));
        let blank = if head.ends_with(b"\r\n") { 2 } else { usize::from(head.ends_with(b"\n")) };
        let fields_end = head.len().saturating_sub(blank).max(line_end);
        let body_at = head.len();
        let is_request = !head.starts_with(b"SIP/");
        let mut message = Self {
            direction,
            bytes: head,
            fields_at: line_end,
            fields_end,
            body_at,
            is_request,
            fields: Vec::new(),
            sdp: None,
            events: Vec::new(),
        };
        message.read_fields();
        let is_complete = if is_request {
            message.part(2).is_some_and(|p| p.starts_with(b"SIP/"))
        } else {
            message.part(1).is_some()
        };
        if !is_complete {
            message.raise(Event::InvalidData);
        }
        message
    }

    pub(super) fn raise(&mut self, event: Event) {
        if !self.events.contains(&(event as u8)) {
            self.events.push(event as u8);
        }
    }

    fn read_fields(&mut self) {
        let mut at = self.fields_at;
        while at < self.fields_end && self.fields.len() < FIELDS_MAX {
            let rest = self.bytes.get(at..self.fields_end).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            if let Some(colon) = memchr::memchr(b':', line) {
                let trimmed = |from: usize, to: usize| {
                    let part = line.get(from..to).unwrap_or_default();
                    let front = part.len().saturating_sub(part.trim_ascii_start().len());
                    let start = at.saturating_add(from).saturating_add(front);
                    start..start.saturating_add(part.trim_ascii().len())
                };
                self.fields.push((trimmed(0, colon), trimmed(colon.saturating_add(1), line.len())));
            }
            at = at.saturating_add(end).saturating_add(1);
        }
    }

    /// The values of a field.
    pub(super) fn values<'a>(&'a self, long: &'a str, short: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let read = |range: &std::ops::Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        self.fields.iter().filter_map(move |(name, value)| {
            let name = read(name);
            let same = name.eq_ignore_ascii_case(long.as_bytes()) || name.eq_ignore_ascii_case(short.as_bytes());
            same.then(|| read(value))
        })
    }

    /// Content-Length, where it can be read.
    pub(super) fn length(&self) -> Option<u64> {
        std::str::from_utf8(self.values("Content-Length", "l").next()?).ok()?.parse().ok()
    }

    pub(super) fn set_body(&mut self, body: &[u8]) {
        self.bytes.extend_from_slice(body);
        let is_sdp = self
            .values("Content-Type", "c")
            .any(|kind| kind.get(..15).is_some_and(|start| start.eq_ignore_ascii_case(b"application/sdp")));
        if is_sdp && !body.is_empty() {
            self.sdp = Sdp::parse(body);
        }
    }

    pub(super) fn line(&self) -> &[u8] {
        self.bytes.get(..self.fields_at).unwrap_or_default().trim_ascii_end()
    }

    /// A word of the first line; the third of a response is the rest.
    pub(super) fn part(&self, number: usize) -> Option<&[u8]> {
        self.line().splitn(3, |byte| *byte == b' ').nth(number)
    }

    fn plain(&self, buffer: Buffer, instance: usize) -> Option<&[u8]> {
        let (request, response) = (self.is_request.then_some(()), (!self.is_request).then_some(()));
        match buffer {
            Buffer::Method => request.and_then(|()| self.part(0)),
            Buffer::Uri => request.and_then(|()| self.part(1)),
            Buffer::RequestLine => request.map(|()| self.line()),
            Buffer::Code => response.and_then(|()| self.part(1)),
            Buffer::Reason => response.and_then(|()| self.part(2)),
            Buffer::ResponseLine => response.map(|()| self.line()),
            Buffer::Protocol => self.part(if self.is_request { 2 } else { 0 }),
            Buffer::Field(long, short) => self.values(long, short).nth(instance),
            Buffer::Sdp(read) => read(self.sdp.as_ref()?, instance).map(Vec::as_slice),
            Buffer::Whole => Some(self.bytes.as_slice()),
            Buffer::Line(of_request) => self.bytes.get(..self.fields_at).filter(|_| of_request == self.is_request),
            Buffer::Headers(of_request) => {
                self.bytes.get(self.fields_at..self.fields_end).filter(|_| of_request == self.is_request)
            }
            Buffer::Body(of_request) => self.bytes.get(self.body_at..).filter(|_| of_request == self.is_request),
        }
        .filter(|bytes| !bytes.is_empty())
    }
}

impl Transaction for Message {
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
        let decl = BUFFERS.get(usize::from(number))?;
        if direction != self.direction || (instance > 0 && decl.shape == Single) {
            return None;
        }
        let buffer = *NUMBERED.get(usize::from(number))?;
        self.plain(buffer, usize::try_from(instance).ok()?).map(BufferView::whole)
    }

    fn field(&self, _: u8, _: Direction, _: u32) -> Option<FieldValue<'_>> {
        None
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    /// Suricata records requests of the client and responses of the server; what goes the other way is shown to rules
    /// only.
    fn loggable(&self) -> bool {
        self.is_request == (self.direction == Direction::ToServer)
    }

    fn write_eve(&self, out: &mut Writer) {
        eve::write(self, out);
    }
}
