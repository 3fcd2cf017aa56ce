//! NFS over Sun RPC: which files are looked up, read, written, renamed and removed, and by whom.
//!
//! A transaction is one call with its reply; the reads or writes of one file are one transaction together.
//! Source: RFC 1094 (version 2), RFC 1813 (3), RFC 7530 and RFC 8881 (4), RFC 5531 (RPC, record marking §11).

mod call;
mod names;
mod rpc;
mod session;
mod transaction;

use crate::session::{Guess, Protocol};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

/// Program numbers of NFS (RFC 1813 §3.0).
const PROGRAM: u32 = 100_003;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "nfs",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: transaction::BUFFERS,
    fields: transaction::FIELDS,
    events: transaction::EVENTS,
};

pub(crate) static NFS: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp, Transport::Udp],
    source: "RFC 1813",
    ports: &[2049],
    only_on_ports: false,
    guess,
    open: |transport, settings| Box::new(session::NfsSession::new(transport, settings)),
    sample: &[
        (
            Direction::ToServer,
            b"\x80\0\0P\0\0\0\x01\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\x03\0\0\0\x01\0\0\0\x18\0\0\
              \0\0\0\0\0\x02pc\0\0\0\0\x03\xe8\0\0\x03\xe8\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04root\0\0\0\x01a\0\
              \0\0",
        ),
        (
            Direction::ToClient,
            b"\x80\0\0(\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04file\0\0\0\0",
        ),
        (
            Direction::ToServer,
            b"\x80\0\0L\0\0\0\x02\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\
              \0\0\0\0\0\0\0\x04file\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\x02\0\0\0\x05hello\0\0\0",
        ),
        (Direction::ToClient, b"\x80\0\0$\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        (
            Direction::ToServer,
            b"\x80\0\0<\0\0\0\x03\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\0\
              \0\0\0\0\0\0\0\x04file\0\0\0\0\0\0\0\0\0\0\0@",
        ),
        (
            Direction::ToClient,
            b"\x80\0\x004\0\0\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\
              \x01\0\0\0\x05hello\0\0\0",
        ),
        (
            Direction::ToServer,
            b"\x80\0\0<\0\0\0\x04\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\x15\0\0\0\0\0\0\0\0\0\0\0\0\
              \0\0\0\0\0\0\0\x04file\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
        (Direction::ToClient, b"\x80\0\0$\0\0\0\x04\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ],
};

/// A call of the program. A reply names none: it is believed on the port alone, when its first words are a reply's.
fn guess(bytes: &[u8], direction: Direction, transport: Transport) -> Guess {
    let start: usize = if transport == Transport::Tcp { 4 } else { 0 };
    if start == 4 && bytes.first().is_some_and(|first| first & 0x80 == 0) {
        return Guess::No;
    }
    let wanted: &[(usize, u32)] = match direction {
        Direction::ToServer => &[(4, 0), (8, 2), (12, PROGRAM)],
        Direction::ToClient => &[(4, 1), (8, 0)],
    };
    for (at, number) in wanted {
        let number = number.to_be_bytes();
        let found = bytes.get(start.saturating_add(*at)..).unwrap_or_default();
        let found = found.get(..4).unwrap_or(found);
        if !number.starts_with(found) {
            return Guess::No;
        }
        if found.len() < 4 {
            return Guess::More;
        }
    }
    match direction {
        Direction::ToServer => Guess::Yes,
        // Any program's replies look like this.
        Direction::ToClient => Guess::More,
    }
}
