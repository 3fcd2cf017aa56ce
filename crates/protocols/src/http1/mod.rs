//! HTTP/1, as browsers and servers really speak it.
//!
//! A transaction is a request with its response. Where the specifications leave off, this follows what Suricata's
//! parser (libhtp) documents, so that rules written for it see the same buffers.
//! Source: RFC 9110, RFC 9112; HTTP/0.9 requests and responses without a head are understood too.

pub(crate) mod body;
mod chunk;
pub(crate) mod decode;
mod eve;
mod event;
mod head;
mod lzma;
pub(crate) mod multipart;
mod request;
mod response;
mod session;
mod settings;
mod transaction;
pub(crate) mod uri;

pub(crate) use settings::HttpSettings;

use crate::session::{Guess, Protocol};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

/// Stands for the target of a request that was not seen; the name is libhtp's, which records know.
const UNSEEN_TARGET: &str = "/libhtp::request_uri_not_seen";

static DECL: ProtocolDecl = ProtocolDecl {
    name: "http",
    stages_to_server: transaction::STAGES_TO_SERVER,
    stages_to_client: transaction::STAGES_TO_CLIENT,
    buffers: transaction::BUFFERS,
    fields: transaction::FIELDS,
    events: event::NAMES,
};

pub(crate) static HTTP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 9112",
    ports: &[80, 8080, 8000, 8008, 8888, 3128],
    only_on_ports: false,
    guess,
    open: |_, settings| Box::new(session::HttpSession::new(settings.http, settings.digests)),
    sample: &[
        (
            Direction::ToServer,
            b"POST /ward%203/../upload?id=1 HTTP/1.1\r\nHost: pacs.hospital.example:8080\r\nUser-Agent: viewer/1\r\n\
              Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n\
              4a\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"scan.dcm\"\r\n\r\nDICM\r\n\
              \r\n6\r\n--b--\r\n\r\n0\r\n\r\n",
        ),
        (
            Direction::ToClient,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/plain; charset=utf-8\r\n\
              Content-Encoding: gzip\r\nContent-Length: 25\r\n\r\n\
              \x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00",
        ),
        (Direction::ToServer, b"GET /next HTTP/1.0\r\nCookie: a=b\r\n\r\n"),
        (Direction::ToClient, b"HTTP/1.0 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"),
    ],
};

/// A method and white space from the client, `HTTP/1` from the server.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match direction {
        Direction::ToServer => {
            // HTTP/2's preface looks like a request.
            if bytes.starts_with(crate::http2::PREFACE) {
                return Guess::No;
            }
            if bytes.len() > 3 && crate::http2::PREFACE.starts_with(bytes) {
                return Guess::More;
            }
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
            if line.ends_with(b" SIP/2.0") || line.ends_with(b" RTSP/1.0") {
                return Guess::No;
            }
            match request::begins_request(bytes) {
                Some(true) => Guess::Yes,
                Some(false) => Guess::No,
                None => Guess::More,
            }
        }
        Direction::ToClient => {
            const START: &[u8] = b"HTTP/";
            let head = bytes.get(..START.len()).unwrap_or(bytes);
            match (START.starts_with(head), bytes.get(START.len())) {
                (true, Some(b'0' | b'1')) => Guess::Yes,
                (true, None) => Guess::More,
                _ => Guess::No,
            }
        }
    }
}
