//! HTTP/2 in the clear: by prior knowledge or after an upgrade from HTTP/1.
//!
//! A stream is one transaction; so is each frame of the connection itself (stream 0).
//! Source: RFC 9113, RFC 7541 (headers), RFC 9110 (meaning).

mod eve;
mod event;
mod frame;
mod hpack;
mod huffman;
mod names;
mod session;
mod stream;

use crate::session::{Guess, Protocol};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

/// What a client begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static DECL: ProtocolDecl = ProtocolDecl {
    name: "http2",
    stages_to_server: &["request_started", "request_headers", "request_body", "request_complete"],
    stages_to_client: &["response_started", "response_headers", "response_body", "response_complete"],
    buffers: stream::BUFFERS,
    fields: stream::FIELDS,
    events: event::NAMES,
};

pub(crate) static HTTP2: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 9113",
    ports: &[80, 8080, 443],
    only_on_ports: false,
    guess,
    open: |_, settings| Box::new(session::Http2Session::new(settings.http, settings.digests)),
    sample: &[
        (
            Direction::ToServer,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\
              \0\0\x15\x01\x24\0\0\0\x01\0\0\0\0\x0f\x83\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\
              \0\0\x02\x09\x04\0\0\0\x01\xf4\xff\
              \0\0\x07\0\x09\0\0\0\x01\x02abcd\0\0",
        ),
        (
            Direction::ToClient,
            b"\0\0\0\x04\x01\0\0\0\0\
              \0\0\x15\x01\x04\0\0\0\x01\x88\x5f\x04text\x5a\x04gzip\x0f\x0d\x0225\
              \0\0\x19\0\0\0\0\0\x01\
              \x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00\
              \0\0\0\0\x01\0\0\0\x01",
        ),
        (Direction::ToServer, b"\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\x02"),
    ],
};

/// The preface from a client, SETTINGS from a server.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match direction {
        Direction::ToServer if bytes.starts_with(PREFACE) => Guess::Yes,
        Direction::ToServer if PREFACE.starts_with(bytes) => Guess::More,
        Direction::ToServer => Guess::No,
        Direction::ToClient => {
            let kind = match *bytes {
                [0, 0, length, 4, 0, 0, 0, 0, 0, ..] => length % 6 == 0,
                [0, 0, 0, 4, 1, 0, 0, 0, 0, ..] => true,
                _ if bytes.len() < frame::HEADER_BYTES && b"\0\0".starts_with(bytes.get(..2).unwrap_or(bytes)) => {
                    return if bytes.get(3).is_none_or(|kind| *kind == 4) { Guess::More } else { Guess::No };
                }
                _ => false,
            };
            if kind { Guess::Yes } else { Guess::No }
        }
    }
}
