//! Kerberos: who asks for tickets to what, with which ciphers, and what is refused.
//!
//! A transaction is one message. Source: RFC 4120 (messages §5, over TCP §7.2.2), RFC 3961 (encryption types).

mod der;
pub(crate) mod message;
mod names;
mod session;

use crate::{
    frames::Frames,
    session::{Guess, Protocol},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

/// The longest message that is believed.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "krb5",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: session::BUFFERS,
    fields: session::FIELDS,
    events: session::EVENTS,
};

pub(crate) static KRB5: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp, Transport::Udp],
    source: "RFC 4120",
    ports: &[88],
    only_on_ports: false,
    guess,
    open: |transport, _| Box::new(session::KerberosSession::new(transport)),
    sample: &[
        (
            Direction::ToServer,
            b"\0\0\0^j\x5c0Z\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a\xa4N0L\xa0\x07\x03\x05\0@\0\0\0\xa1\
              \x120\x10\xa0\x03\x02\x01\x01\xa1\x090\x07\x1b\x05ward3\xa2\x0a\x1b\x08HOSPITAL\xa3\x1d0\
              \x1b\xa0\x03\x02\x01\x02\xa1\x140\x12\x1b\x06krbtgt\x1b\x08HOSPITAL\xa8\x020\0",
        ),
        (
            Direction::ToClient,
            b"\0\0\0G~E0C\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa6\x03\x02\x01\x19\xa9\x0a\x1b\x08HOS\
              PITAL\xaa\x1d0\x1b\xa0\x03\x02\x01\x02\xa1\x140\x12\x1b\x06krbtgt\x1b\x08HOSPITAL\xab\x07\
              \x1b\x05retry",
        ),
    ],
};

fn record_length(header: &[u8]) -> Option<u64> {
    let length = u32::from_be_bytes(header.try_into().ok()?);
    let is_sound = (10..=MESSAGE_BYTES_MAX).contains(&usize::try_from(length).ok()?);
    is_sound.then(|| u64::from(length).saturating_add(4))
}

fn frames() -> Frames {
    Frames::new(4, MESSAGE_BYTES_MAX.saturating_add(4), record_length)
}

fn guess(bytes: &[u8], _: Direction, transport: Transport) -> Guess {
    if transport == Transport::Udp {
        return if begins_message(bytes) == Guess::Yes { Guess::Yes } else { Guess::No };
    }
    match bytes.split_at_checked(4) {
        Some((header, _)) if record_length(header).is_none() => Guess::No,
        Some((_, message)) => begins_message(message),
        None if bytes.first().is_some_and(|byte| *byte != 0) => Guess::No,
        None => Guess::More,
    }
}

/// An application tag of Kerberos, a sequence, and version 5 in it.
fn begins_message(bytes: &[u8]) -> Guess {
    let Some(tag) = bytes.first() else { return Guess::More };
    if !message::is_tag(*tag) {
        return Guess::No;
    }
    let skip_length = |bytes: &[u8], at: usize| -> Option<usize> {
        let first = *bytes.get(at)?;
        Some(at + 1 + if first & 0x80 == 0 { 0 } else { usize::from(first & 0x7f).min(4) })
    };
    let Some(inner) = skip_length(bytes, 1) else { return Guess::More };
    match bytes.get(inner) {
        None => return Guess::More,
        Some(0x30) => {}
        Some(_) => return Guess::No,
    }
    let Some(at) = skip_length(bytes, inner + 1) else { return Guess::More };
    let rest = bytes.get(at..).unwrap_or_default();
    let version: &[u8] = if matches!(tag, 0x6a | 0x6c) { b"\xa1\x03\x02\x01\x05" } else { b"\xa0\x03\x02\x01\x05" };
    if rest.starts_with(version) {
        Guess::Yes
    } else if version.starts_with(rest) {
        Guess::More
    } else {
        Guess::No
    }
}
