//! LDAP: what is asked of a directory and what it answers, over TCP and (CLDAP) UDP.
//!
//! A request with its responses is one transaction. Passwords are neither kept nor shown.
//! Source: RFC 4511, RFC 4513 §3 (StartTLS), RFC 4752 §3.3 (wrapped messages), MS-ADTS §6.3.3 (CLDAP).

mod names;
mod operation;
mod session;
mod transaction;

use crate::{
    ber,
    session::{Guess, Protocol},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

static DECL: ProtocolDecl = ProtocolDecl {
    name: "ldap",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: transaction::BUFFERS,
    fields: transaction::FIELDS,
    events: &["too_many_transactions", "invalid_data", "request_not_found", "incomplete_data"],
};

pub(crate) static LDAP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp, Transport::Udp],
    source: "RFC 4511",
    ports: &[389, 3268],
    only_on_ports: false,
    guess,
    open: |transport, _| Box::new(session::LdapSession::new(transport)),
    sample: &[
        (
            Direction::ToServer,
            b"\x30\x1c\x02\x01\x01\x60\x17\x02\x01\x03\x04\x08cn=nurse\x80\x08password\
              \x30\x2a\x02\x01\x02\x63\x25\x04\x06dc=his\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
              \x87\x03uid\x30\x07\x04\x05phone",
        ),
        (
            Direction::ToClient,
            b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\
              \x30\x20\x02\x01\x02\x64\x1b\x04\x0acn=a,dc=hi\x30\x0d\x30\x0b\x04\x05phone\x31\x02\x04\x00\
              \x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x04\x04\x00\x04\x00",
        ),
        (Direction::ToServer, b"\x30\x05\x02\x01\x03\x42\x00"),
    ],
};

/// A sequence, a message number, and an operation that comes from this side.
fn guess(bytes: &[u8], direction: Direction, transport: Transport) -> Guess {
    let short = if transport == Transport::Tcp { Guess::More } else { Guess::No };
    match bytes.first() {
        None => return short,
        Some(&ber::SEQUENCE) => {}
        Some(_) => return Guess::No,
    }
    match ber::whole_length(bytes) {
        Ok(None) => return short,
        Ok(Some(7..)) => {}
        _ => return Guess::No,
    }
    let header = match bytes.get(1) {
        Some(length @ 0x81..) => usize::from(length & 0x7f).saturating_add(2),
        _ => 2,
    };
    match bytes.get(header..).unwrap_or_default() {
        [] | [ber::INTEGER] => short,
        [ber::INTEGER, length @ 1..=4, rest @ ..] => match rest.get(usize::from(*length)) {
            None => short,
            Some(tag) if operation::comes_from(*tag, direction) => Guess::Yes,
            Some(_) => Guess::No,
        },
        _ => Guess::No,
    }
}
