//! QUIC up to the hellos: version, server name, fingerprints. What follows is encrypted for good.
//!
//! A packet with a long header is one transaction, as long as its direction's hello has not been read.
//! Source: RFC 9000 §17 and §19 (packets, frames), RFC 9001 §5 (protection), RFC 9369 (version 2), RFC 8999 (what all
//! versions share); Google's "QUIC Wire Layout Specification" and "QUIC Crypto" for its own versions.

mod crypto_stream;
mod eve;
mod frame;
mod google;
mod header;
mod keys;
mod packet;
mod session;

use crate::session::{Guess, Protocol};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

static DECL: ProtocolDecl = ProtocolDecl {
    name: "quic",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: packet::BUFFERS,
    fields: &[],
    events: &["failed_decrypt", "error_on_data", "error_on_header", "crypto_frag_too_long"],
};

pub(crate) static QUIC: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "RFC 9000, RFC 9001, RFC 9369",
    ports: &[443, 80],
    only_on_ports: false,
    guess: |bytes, direction, _: Transport| if header::is_quic(bytes, direction) { Guess::Yes } else { Guess::No },
    open: |_, _| Box::new(session::QuicSession::new()),
    sample: &[
        (Direction::ToServer, GOOGLE_HELLO),
        (Direction::ToClient, b"\xc3\x00\x00\x00\x00\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x01"),
    ],
};

/// A client's hello of Google's version 44, with its server's name, version and user agent.
const GOOGLE_HELLO: &[u8] = b"\xffQ044\x50\x05\xca\xd2\xcc\x06\xc4\xd0\xe4\x00\x00\x00\x01\
    \xaf\xac\x23\x0b\xc5\xb5\x6f\xb8\x98\x00\x17\x1b\
    \xa0\x01\x00\x36CHLO\x03\x00\x00\x00SNI\x00\x0b\x00\x00\x00VER\x00\x0f\x00\x00\x00UAID\x16\x00\x00\x00\
    his.exampleQ044Chrome!";
