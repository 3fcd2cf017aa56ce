//! One request with its response, and what rules may look at in them.

use super::{
    body::Body,
    eve,
    event::Event,
    head::{Head, Span},
    multipart::Multipart,
};
use crate::session::FileEnd;
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

pub(super) const STAGES_TO_SERVER: &[&str] =
    &["request_started", "request_line", "request_headers", "request_body", "request_trailer", "request_complete"];
pub(super) const STAGES_TO_CLIENT: &[&str] = &[
    "response_started",
    "response_line",
    "response_headers",
    "response_body",
    "response_trailer",
    "response_complete",
];

/// Stages: what their names say has been read.
pub(super) const LINE: u8 = 1;
pub(super) const HEADERS: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const TRAILER: u8 = 4;
pub(super) const COMPLETE: u8 = 5;

const fn buffer(name: &'static str, to_server: bool, to_client: bool, stage: u8, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client, stage: [stage, stage], shape }
}

use Shape::{Multi, Single, Stream};

/// In the order of [`Buffer`].
pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("http.method", true, false, LINE, Single),
    buffer("http.uri", true, false, LINE, Single),
    buffer("http.uri.raw", true, false, LINE, Single),
    buffer("http.request_line", true, false, LINE, Single),
    buffer("http.response_line", false, true, LINE, Single),
    buffer("http.protocol", true, true, LINE, Single),
    buffer("http.host", true, false, HEADERS, Single),
    buffer("http.host.raw", true, false, HEADERS, Single),
    buffer("http.header", true, true, HEADERS, Single),
    buffer("http.header.raw", true, true, HEADERS, Single),
    buffer("http.header_names", true, true, HEADERS, Single),
    buffer("http.request_header", true, false, HEADERS, Multi),
    buffer("http.response_header", false, true, HEADERS, Multi),
    buffer("http.user_agent", true, false, HEADERS, Single),
    buffer("http.accept", true, false, HEADERS, Single),
    buffer("http.accept_lang", true, false, HEADERS, Single),
    buffer("http.accept_enc", true, false, HEADERS, Single),
    buffer("http.referer", true, false, HEADERS, Single),
    buffer("http.connection", true, true, HEADERS, Single),
    buffer("http.content_type", true, true, HEADERS, Single),
    buffer("http.content_len", true, true, HEADERS, Single),
    buffer("http.cookie", true, true, HEADERS, Single),
    buffer("http.start", true, true, HEADERS, Single),
    buffer("http.stat_code", false, true, LINE, Single),
    buffer("http.stat_msg", false, true, LINE, Single),
    buffer("http.server", false, true, HEADERS, Single),
    buffer("http.location", false, true, HEADERS, Single),
    buffer("http.request_body", true, false, BODY, Stream),
    buffer("http.response_body", false, true, BODY, Stream),
    buffer("file.data", true, true, BODY, Stream),
    buffer("file.name", true, true, BODY, Multi),
];

pub(super) const FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "http.uri.length", stage: [LINE, COMPLETE] },
    FieldDecl { name: "http.uri.raw.length", stage: [LINE, COMPLETE] },
    FieldDecl { name: "http.status", stage: [COMPLETE, LINE] },
    FieldDecl { name: "file.size", stage: [BODY, BODY] },
];

/// What a buffer's number means.
#[derive(Clone, Copy, Debug)]
enum Buffer {
    Method,
    Uri,
    UriRaw,
    RequestLine,
    ResponseLine,
    Protocol,
    Host,
    HostRaw,
    Header,
    HeaderRaw,
    HeaderNames,
    EachField,
    /// One field by its name to server and to client.
    Field(&'static str),
    Cookie,
    Start,
    StatCode,
    StatMsg,
    RequestBody,
    ResponseBody,
    FileData,
    FileName,
}

const NUMBERED: &[Buffer] = &[
    Buffer::Method,
    Buffer::Uri,
    Buffer::UriRaw,
    Buffer::RequestLine,
    Buffer::ResponseLine,
    Buffer::Protocol,
    Buffer::Host,
    Buffer::HostRaw,
    Buffer::Header,
    Buffer::HeaderRaw,
    Buffer::HeaderNames,
    Buffer::EachField,
    Buffer::EachField,
    Buffer::Field("User-Agent"),
    Buffer::Field("Accept"),
    Buffer::Field("Accept-Language"),
    Buffer::Field("Accept-Encoding"),
    Buffer::Field("Referer"),
    Buffer::Field("Connection"),
    Buffer::Field("Content-Type"),
    Buffer::Field("Content-Length"),
    Buffer::Cookie,
    Buffer::Start,
    Buffer::StatCode,
    Buffer::StatMsg,
    Buffer::Field("Server"),
    Buffer::Field("Location"),
    Buffer::RequestBody,
    Buffer::ResponseBody,
    Buffer::FileData,
    Buffer::FileName,
];

const _: () = assert!(NUMBERED.len() == BUFFERS.len());

#[derive(Debug)]
pub(super) struct HttpTransaction {
    pub(super) request: Head,
    pub(super) response: Head,
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) request_protocol: Span,
    pub(super) response_protocol: Span,
    pub(super) status_text: Span,
    pub(super) status_message: Span,
    /// 100 to 999, when the response has a status that can be read.
    pub(super) status: Option<u16>,
    /// The target in normal form, and its path alone: what a file is called when nothing else names it.
    pub(super) uri: Vec<u8>,
    pub(super) path: Vec<u8>,
    /// From the target or the Host field, normalised.
    pub(super) host: Option<Vec<u8>>,
    pub(super) port: Option<u16>,
    pub(super) host_in_target: Option<Vec<u8>>,
    pub(super) request_body: Body,
    pub(super) response_body: Body,
    pub(super) multipart: Option<Multipart>,
    pub(super) progress: [u8; 2],
    /// No request line was seen: its response came alone.
    pub(super) request_unseen: bool,
    events: Vec<u8>,
}

impl HttpTransaction {
    pub(super) fn new(request_body: Body, response_body: Body) -> Self {
        Self {
            request: Head::default(),
            response: Head::default(),
            method: Span::default(),
            target: Span::default(),
            request_protocol: Span::default(),
            response_protocol: Span::default(),
            status_text: Span::default(),
            status_message: Span::default(),
            status: None,
            uri: Vec::new(),
            path: Vec::new(),
            host: None,
            port: None,
            host_in_target: None,
            request_body,
            response_body,
            multipart: None,
            progress: [0, 0],
            request_unseen: false,
            events: Vec::new(),
        }
    }

    /// Each event once.
    pub(super) fn raise(&mut self, event: Event) {
        raise(&mut self.events, event);
    }

    pub(super) fn advance(&mut self, direction: Direction, stage: u8) {
        if let Some(progress) = self.progress.get_mut(direction.index()) {
            *progress = stage.max(*progress);
        }
    }

    /// Lets `act` work on parts of the transaction while it may raise events.
    pub(super) fn raising<R>(&mut self, act: impl FnOnce(Parts<'_>, &mut dyn FnMut(Event)) -> R) -> R {
        let Self { request, response, request_body, response_body, multipart, events, .. } = self;
        let parts = Parts { request, response, request_body, response_body, multipart };
        act(parts, &mut |event| raise(events, event))
    }

    pub(super) fn method(&self) -> &[u8] {
        self.request.text(self.method)
    }

    pub(super) fn target(&self) -> &[u8] {
        self.request.text(self.target)
    }

    /// Files that have ended since the last call.
    pub(super) fn take_file_ends(&mut self, id: u64, out: &mut Vec<FileEnd>) {
        if let Some(multipart) = &mut self.multipart {
            let ends = multipart.files.iter_mut().filter_map(|part| part.file.take_end(id, Direction::ToServer));
            out.extend(ends);
        }
        for (body, direction) in
            [(&mut self.request_body, Direction::ToServer), (&mut self.response_body, Direction::ToClient)]
        {
            if let Some(file) = &mut body.file {
                out.extend(file.take_end(id, direction));
            }
        }
    }

    fn head(&self, direction: Direction) -> &Head {
        match direction {
            Direction::ToServer => &self.request,
            Direction::ToClient => &self.response,
        }
    }

    fn file_data(&self, direction: Direction, instance: usize) -> Option<BufferView<'_>> {
        match (direction, &self.multipart) {
            (Direction::ToServer, Some(multipart)) => {
                let part = multipart.files.get(instance).filter(|part| !part.data.is_empty())?;
                Some(BufferView { bytes: &part.data, offset: 0, complete: part.file.state.is_some() })
            }
            (Direction::ToServer, None) => {
                self.request_body.view().filter(|_| instance == 0 && self.request_body.file.is_some())
            }
            (Direction::ToClient, _) => self.response_body.view().filter(|_| instance == 0),
        }
    }

    fn file(&self, direction: Direction, instance: usize) -> Option<&crate::file::File> {
        match (direction, &self.multipart) {
            (Direction::ToServer, Some(multipart)) => multipart.files.get(instance).map(|part| &part.file),
            (Direction::ToServer, None) => self.request_body.file.as_ref().filter(|_| instance == 0),
            (Direction::ToClient, _) => self.response_body.file.as_ref().filter(|_| instance == 0),
        }
    }

    /// Buffers that stand in the head as they are.
    fn plain(&self, buffer: Buffer, direction: Direction) -> Option<&[u8]> {
        let to_server = direction == Direction::ToServer;
        match buffer {
            Buffer::Method => present(self.method()),
            Buffer::Uri => present(self.uri.as_slice()),
            Buffer::UriRaw => present(self.target()),
            Buffer::RequestLine => present(self.request.line()),
            Buffer::ResponseLine => present(self.response.line()),
            Buffer::Protocol if to_server => present(self.request.text(self.request_protocol)),
            Buffer::Protocol => present(self.response.text(self.response_protocol)),
            Buffer::Host => self.host.as_deref(),
            Buffer::HostRaw => self.host_in_target.as_deref().or_else(|| self.request.get("Host")),
            Buffer::Field(name) => self.head(direction).get(name),
            Buffer::Cookie => self.head(direction).get(if to_server { "Cookie" } else { "Set-Cookie" }),
            Buffer::StatCode => present(self.response.text(self.status_text)),
            Buffer::StatMsg => present(self.response.text(self.status_message)),
            _ => None,
        }
    }

    /// Buffers that are put together in `out`; false when there is nothing.
    fn composed(&self, buffer: Buffer, direction: Direction, instance: usize, out: &mut Vec<u8>) -> bool {
        let head = self.head(direction);
        out.clear();
        match buffer {
            Buffer::Header => {
                let cookie = if direction == Direction::ToServer { "cookie" } else { "set-cookie" };
                for (name, value) in head.fields().filter(|field| !field.0.eq_ignore_ascii_case(cookie.as_bytes())) {
                    field_line(name, value, b"\r\n", out);
                }
            }
            Buffer::HeaderRaw => {
                let (fields, trailer) = head.raw();
                out.extend_from_slice(fields);
                out.extend_from_slice(trailer);
            }
            Buffer::HeaderNames if !head.is_empty() => {
                out.extend_from_slice(b"\r\n");
                for (name, _) in head.fields() {
                    out.extend_from_slice(name);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"\r\n");
            }
            Buffer::EachField => {
                if let Some((name, value)) = head.fields().nth(instance) {
                    field_line(name, value, b"", out);
                }
            }
            Buffer::Start if !head.line().is_empty() => {
                out.extend_from_slice(head.line());
                out.extend_from_slice(b"\r\n");
                for (name, value) in head.fields() {
                    field_line(name, value, b"\r\n", out);
                }
                out.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
        !out.is_empty()
    }
}

/// Parts that parsers work on.
pub(super) struct Parts<'a> {
    pub(super) request: &'a mut Head,
    pub(super) response: &'a mut Head,
    pub(super) request_body: &'a mut Body,
    pub(super) response_body: &'a mut Body,
    pub(super) multipart: &'a mut Option<Multipart>,
}

fn raise(events: &mut Vec<u8>, event: Event) {
    let number = event as u8;
    if !events.contains(&number) {
        events.push(number);
    }
}

fn present(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty()).then_some(bytes)
}

fn field_line(name: &[u8], value: &[u8], end: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(end);
}

impl Transaction for HttpTransaction {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress.get(direction.index()).copied().unwrap_or(0)
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
        let (offered, stage) = match direction {
            Direction::ToServer => (decl.to_server, decl.stage[0]),
            Direction::ToClient => (decl.to_client, decl.stage[1]),
        };
        let instance = usize::try_from(instance).ok()?;
        if !offered || self.progress(direction) < stage {
            return None;
        }
        match buffer {
            Buffer::RequestBody => self.request_body.view().filter(|_| instance == 0),
            Buffer::ResponseBody => self.response_body.view().filter(|_| instance == 0),
            Buffer::FileData => self.file_data(direction, instance),
            Buffer::FileName => self.file(direction, instance).map(|file| BufferView::whole(&file.name)),
            Buffer::EachField => {
                self.composed(buffer, direction, instance, scratch).then(|| BufferView::whole(scratch))
            }
            _ if instance > 0 => None,
            Buffer::Header | Buffer::HeaderRaw | Buffer::HeaderNames | Buffer::Start => {
                self.composed(buffer, direction, 0, scratch).then(|| BufferView::whole(scratch))
            }
            _ => self.plain(buffer, direction).map(BufferView::whole),
        }
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        let to_server = direction == Direction::ToServer;
        let value = match (number, instance) {
            (0, 0) if to_server && self.progress(direction) >= LINE => self.uri.len() as u64,
            (1, 0) if to_server && self.progress(direction) >= LINE => self.target().len() as u64,
            (2, 0) if !to_server => u64::from(self.status?),
            (3, _) => self.file(direction, usize::try_from(instance).ok()?)?.size,
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE]
    }

    fn write_eve(&self, out: &mut Writer) {
        eve::write(self, out);
    }
}
