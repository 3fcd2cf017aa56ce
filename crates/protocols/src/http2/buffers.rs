//! What rules may look at in a stream: HTTP's buffers as HTTP/2 fills them, and its own.

use super::stream::{BODY, COMPLETE, HEADERS};
use phitak_model::inspect::{BufferDecl, FieldDecl, Shape};

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
pub(super) enum Buffer {
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

pub(super) const NUMBERED: &[Buffer] = &[
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
