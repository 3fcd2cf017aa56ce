//! DCE/RPC: interfaces that are bound, procedures that are called, and the bytes of their arguments.
//!
//! Over TCP and UDP it stands alone; over SMB its messages travel through named pipes, and `smb` uses what is here.
//! Source: DCE 1.1 RPC (The Open Group C706) chapter 12, [MS-RPCE] §2.2.

pub(crate) mod binding;
pub(crate) mod call;
pub(crate) mod pdu;
mod session;
mod transaction;

use crate::session::{Guess, Protocol};
use pdu::Header;
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

static DECL: ProtocolDecl = ProtocolDecl {
    name: "dcerpc",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: transaction::BUFFERS,
    fields: transaction::FIELDS,
    events: transaction::EVENTS,
};

pub(crate) static DCERPC: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp, Transport::Udp],
    source: "C706, MS-RPCE",
    ports: &[135, 593],
    only_on_ports: false,
    guess,
    open: |transport, _| Box::new(session::RpcSession::new(transport)),
    sample: &[
        (
            Direction::ToServer,
            b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0\xd0\x16\xd0\x16\0\0\0\0\x01\0\0\0\0\0\x01\0\
              \x81\xbb\x7a\x36\x44\x98\xf1\x35\xad\x32\x98\xf0\x38\0\x10\x03\x02\0\0\0\
              \x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0",
        ),
        (
            Direction::ToClient,
            b"\x05\0\x0c\x03\x10\0\0\0\x3c\0\0\0\x01\0\0\0\xd0\x16\xd0\x16\x01\0\0\0\x04\x00135\0\0\0\x01\0\0\0\
              \0\0\0\0\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0",
        ),
        (
            Direction::ToServer,
            b"\x05\0\0\x01\x10\0\0\0\x1c\0\0\0\x02\0\0\0\x04\0\0\0\0\0\x0f\0abcd\
              \x05\0\0\x02\x10\0\0\0\x1c\0\0\0\x02\0\0\0\x04\0\0\0\0\0\x0f\0efgh",
        ),
        (Direction::ToClient, b"\x05\0\x02\x03\x10\0\0\0\x1c\0\0\0\x02\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0"),
    ],
};

fn guess(bytes: &[u8], _: Direction, transport: Transport) -> Guess {
    if transport == Transport::Udp {
        return if pdu::Datagram::read(bytes).is_some() { Guess::Yes } else { Guess::No };
    }
    let begins = |at: usize, fits: fn(u8) -> bool| bytes.get(at).is_none_or(|byte| fits(*byte));
    let could_be = begins(0, |version| version == 5)
        && begins(1, |minor| minor <= 1)
        && begins(2, |kind| kind <= pdu::KIND_MAX)
        && begins(4, |order| order & 0xee == 0)
        && begins(5, |float| float <= 3)
        && begins(6, |zero| zero == 0)
        && begins(7, |zero| zero == 0);
    match (could_be, Header::read(bytes)) {
        (false, _) => Guess::No,
        (true, Some(header)) if header.is_sound() => Guess::Yes,
        (true, Some(_)) => Guess::No,
        (true, None) => Guess::More,
    }
}
