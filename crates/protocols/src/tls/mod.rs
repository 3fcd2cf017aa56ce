//! TLS 1.0 to 1.3 and SSL 2 and 3: hellos, certificates, fingerprints. What is encrypted is let go.
//!
//! A connection is one transaction.
//! Source: RFC 8446, RFC 5246, RFC 6101, RFC 6520; see the files for the rest.

mod certificate;
mod eve;
mod event;
pub(crate) mod fingerprint;
mod handshake;
pub(crate) mod hello;
mod session;

use crate::session::{Guess, Protocol};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

static DECL: ProtocolDecl = ProtocolDecl {
    name: "tls",
    stages_to_server: handshake::STAGES_TO_SERVER,
    stages_to_client: handshake::STAGES_TO_CLIENT,
    buffers: handshake::BUFFERS,
    fields: handshake::FIELDS,
    events: event::NAMES,
};

pub(crate) static TLS: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 8446, RFC 5246",
    ports: &[443, 8443, 465, 636, 853, 993, 995, 2762],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(session::TlsSession::new()),
    sample: &[
        (
            Direction::ToServer,
            b"\x16\x03\x01\x00\x56\x01\x00\x00\x52\x03\x03\
            \x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\
            \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\
            \x00\x00\x04\xc0\x2f\x00\x9c\x01\x00\
            \x00\x25\
            \x00\x00\x00\x10\x00\x0e\x00\x00\x0bhis.example\
            \x00\x10\x00\x05\x00\x03\x02h2\
            \x00\x0a\x00\x04\x00\x02\x00\x1d",
        ),
        (
            Direction::ToClient,
            b"\x16\x03\x03\x00\x30\x02\x00\x00\x28\x03\x03\
            \x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f\
            \x30\x31\x32\x33\x34\x35\x36\x37\x38\x39\x3a\x3b\x3c\x3d\x3e\x3f\
            \x00\xc0\x2f\x00\x00\x00\
            \x0e\x00\x00\x00",
        ),
        (
            Direction::ToServer,
            b"\x16\x03\x03\x00\x05\x10\x00\x00\x01\x00\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x02\xaa\xbb",
        ),
        (Direction::ToClient, b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x02\xcc\xdd"),
    ],
};

/// A handshake record that begins with a hello, an alert, or an SSL 2.0 hello.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    let hello = match direction {
        Direction::ToServer => 1,
        Direction::ToClient => 2,
    };
    match *bytes {
        [] => Guess::More,
        [0x16, 0x03, minor, high, low, kind, ..] => {
            // An empty record tells nothing against it.
            if minor <= 4 && high <= 0x48 && (kind == hello || [high, low] == [0, 0]) { Guess::Yes } else { Guess::No }
        }
        [0x15, 0x03, minor, 0, 2, level, ..] => {
            if minor <= 4 && matches!(level, 1 | 2) {
                Guess::Yes
            } else {
                Guess::No
            }
        }
        [0x16 | 0x15] | [0x16 | 0x15, 0x03] => Guess::More,
        [0x16 | 0x15, 0x03, minor, ref rest @ ..] => {
            if minor <= 4 && rest.len() < 3 {
                Guess::More
            } else {
                Guess::No
            }
        }
        [first, ref rest @ ..] if first & 0x80 != 0 => ssl2(first, rest, direction),
        _ => Guess::No,
    }
}

fn ssl2(first: u8, rest: &[u8], direction: Direction) -> Guess {
    match (direction, rest) {
        (_, [] | [_]) => Guess::More,
        (Direction::ToServer, [_, 1]) | (Direction::ToServer, [_, 1, _]) => Guess::More,
        (Direction::ToServer, [_, 1, major, minor, ..]) => {
            if matches!((*major, *minor), (0, 2) | (3, 0..=4)) {
                Guess::Yes
            } else {
                Guess::No
            }
        }
        (Direction::ToClient, [length, 4, ..]) => {
            // A SERVER-HELLO has eleven fixed bytes and its version in the third pair.
            let whole = u16::from_be_bytes([first & 0x7f, *length]) >= 11;
            match rest.get(4..6) {
                Some([0, 2]) if whole => Guess::Yes,
                Some(_) => Guess::No,
                None if whole => Guess::More,
                None => Guess::No,
            }
        }
        _ => Guess::No,
    }
}
