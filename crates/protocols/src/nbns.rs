//! NetBIOS names: what Windows hosts call themselves.
//!
//! Source: RFC 1002 §4.2 (packets), RFC 1001 §14.1 (how a name is encoded).

use crate::{
    bytes::Reader,
    quiet::{NoTransactions, declare, transactions_of},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{Direction, Fact, Transport, inspect::ProtocolDecl};

static DECL: ProtocolDecl = declare("nbns");

pub(crate) static NBNS: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "RFC 1002",
    ports: &[137],
    only_on_ports: true,
    guess: |bytes, _, _| if bytes.len() > 12 + 34 { Guess::Yes } else { Guess::No },
    open: |_, _| Box::new(NbnsSession::default()),
    sample: &[(
        Direction::ToServer,
        b"\x12\x34\x29\x10\x00\x01\x00\x00\x00\x00\x00\x01\x20FHEBFCEEDDCACACACACACACACACACAAA\x00\x00\x20\x00\x01\
          \xc0\x0c\x00\x20\x00\x01\x00\x04\x93\xe0\x00\x06\x00\x00\x0a\x00\x00\x07",
    )],
};

#[derive(Debug, Default)]
struct NbnsSession {
    none: NoTransactions,
}

transactions_of!(NbnsSession, none);

/// Registration and refresh, as operation codes.
const OWN_NAME: [u16; 3] = [5, 8, 9];
/// A name that a group of hosts shares.
const FLAG_GROUP: u16 = 0x8000;

/// The name that the sender registers for itself.
fn registered(packet: &[u8]) -> Option<String> {
    let mut reader = Reader::new(packet);
    reader.u16()?;
    let flags = reader.u16()?;
    if flags & 0x8000 != 0 || !OWN_NAME.contains(&((flags >> 11) & 0xf)) || reader.u16()? != 1 {
        return None;
    }
    reader.take(6)?;
    let name = name(&mut reader)?;
    // Question type and class, then the record: a pointer, type, class, time, length, flags.
    reader.take(4 + 2 + 2 + 2 + 4 + 2)?;
    if reader.u16()? & FLAG_GROUP != 0 {
        return None;
    }
    Some(name)
}

/// Half-bytes as letters from A; the sixteenth byte is the kind of service, 0 for the host itself.
fn name(reader: &mut Reader<'_>) -> Option<String> {
    if reader.u8()? != 32 {
        return None;
    }
    let mut bytes = Vec::with_capacity(16);
    for pair in reader.take(32)?.as_chunks::<2>().0 {
        let [high, low] = pair.map(|letter| letter.wrapping_sub(b'A'));
        if high > 15 || low > 15 {
            return None;
        }
        bytes.push(high << 4 | low);
    }
    if reader.u8()? != 0 || bytes.pop()? != 0 {
        return None;
    }
    let text = String::from_utf8(bytes).ok()?;
    let text = text.trim_end();
    (!text.is_empty() && text.chars().all(|letter| letter.is_ascii_graphic())).then(|| text.to_owned())
}

impl Session for NbnsSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        if let Some(name) = registered(data) {
            context.facts.push((direction, Fact::Named { name, source: "nbns".to_owned() }));
        }
        Outcome::Continue
    }

    fn gap(&mut self, _: Direction, _: u64, _: &mut Context) -> Outcome {
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, _: u64) {}
}
