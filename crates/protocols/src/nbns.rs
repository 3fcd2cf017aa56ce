//! NetBIOS names: what Windows hosts call themselves, ask for, and answer to.
//!
//! A packet is one transaction: of the name service (port 137), or of the datagram service (port 138), whose packets
//! carry both ends' names.
//! Source: RFC 1002 §4.2 (name service) and §4.4 (datagrams), RFC 1001 §14.1 (how a name is encoded).

use crate::{
    bytes::Reader,
    queue::Queue,
    quiet::{declare, transactions_of},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Fact, Transport,
    inspect::{BufferView, FieldValue, ProtocolDecl, Transaction},
    json::Writer,
};
use std::net::Ipv4Addr;

/// Packets held at once.
const HELD_MAX: usize = 128;
/// Addresses of one answer that are told.
const ADDRESSES_MAX: usize = 32;
/// Labels of a scope behind a name.
const SCOPE_LABELS_MAX: usize = 16;

static DECL: ProtocolDecl = declare("nbns");
static DATAGRAM_DECL: ProtocolDecl = declare("nbdgm");

pub(crate) static NBNS: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "RFC 1002",
    ports: &[137],
    only_on_ports: true,
    guess: |bytes, _, _| if bytes.len() > 12 + 34 { Guess::Yes } else { Guess::No },
    open: |_, _| Box::new(NbnsSession { queue: Queue::new(HELD_MAX), read: name_service }),
    sample: &[(
        Direction::ToServer,
        b"\x12\x34\x29\x10\x00\x01\x00\x00\x00\x00\x00\x01\x20FHEBFCEEDDCACACACACACACACACACAAA\x00\x00\x20\x00\x01\
          \xc0\x0c\x00\x20\x00\x01\x00\x04\x93\xe0\x00\x06\x00\x00\x0a\x00\x00\x07",
    )],
};

pub(crate) static NBDGM: Protocol = Protocol {
    decl: &DATAGRAM_DECL,
    transports: &[Transport::Udp],
    source: "RFC 1002",
    ports: &[138],
    only_on_ports: true,
    guess: |bytes, _, _| match bytes.first() {
        Some(0x10..=0x12) if bytes.len() >= 14 + 34 + 34 => Guess::Yes,
        _ => Guess::No,
    },
    open: |_, _| Box::new(NbnsSession { queue: Queue::new(HELD_MAX), read: datagram }),
    sample: &[(
        Direction::ToServer,
        b"\x11\x02\x12\x34\x0a\x00\x00\x07\x00\x8a\x00\x50\x00\x00\
          \x20FHEBFCEEDDCACACACACACACACACACAAA\x00\x20FHEPFCELEHFCEPFFFACACACACACACABO\x00\xffSMB",
    )],
};

/// What a name means, as its sixteenth byte.
const HOST: u8 = 0;
/// Registration, refresh and its older number, as operation codes.
const OWN_NAME: [u8; 3] = [5, 8, 9];
/// A name that a group of hosts shares.
const FLAG_GROUP: u16 = 0x8000;
const TYPE_NB: u16 = 0x20;
const TYPE_NBSTAT: u16 = 0x21;

#[derive(Debug, Default, PartialEq, Eq)]
struct Name {
    text: String,
    suffix: u8,
    /// A letter was none: the text ends before it.
    is_cut: bool,
}

#[derive(Debug, Default)]
struct Packet {
    /// EVE's object.
    key: &'static str,
    id: u16,
    is_response: bool,
    operation: Option<u8>,
    code: u8,
    name: Name,
    kind: u16,
    is_group: bool,
    addresses: Vec<Ipv4Addr>,
    /// The other end's name in a datagram.
    destination: Option<Name>,
}

/// Half-bytes as letters from A; the sixteenth byte is the kind of service.
fn name(reader: &mut Reader<'_>) -> Option<Name> {
    if reader.u8()? != 32 {
        return None;
    }
    let mut bytes = Vec::with_capacity(16);
    let mut is_cut = false;
    for pair in reader.take(32)?.as_chunks::<2>().0 {
        let [high, low] = pair.map(|letter| letter.wrapping_sub(b'A'));
        is_cut |= high > 15 || low > 15;
        bytes.push(if is_cut { 0 } else { high << 4 | low });
    }
    for _ in 0..SCOPE_LABELS_MAX {
        match reader.u8()? {
            0 => break,
            length => reader.take(usize::from(length))?,
        };
    }
    let suffix = bytes.pop()?;
    let shown = |byte: &u8| if byte.is_ascii_control() { '.' } else { char::from(*byte) };
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last.saturating_add(1));
    let text = bytes.get(..end)?.iter().map(shown).collect();
    Some(Name { text, suffix, is_cut })
}

fn name_service(bytes: &[u8]) -> Option<Packet> {
    let mut reader = Reader::new(bytes);
    let id = reader.u16()?;
    let flags = reader.u16()?;
    let (questions, answers) = (reader.u16()?, reader.u16()?);
    reader.u16()?;
    let additional = reader.u16()?;
    let mut packet = Packet {
        key: "nbns",
        id,
        is_response: flags & 0x8000 != 0,
        operation: u8::try_from(flags >> 11 & 0xf).ok(),
        code: u8::try_from(flags & 0xf).ok()?,
        name: name(&mut reader)?,
        kind: reader.u16()?,
        ..Packet::default()
    };
    reader.u16()?;
    if questions > 0 && answers == 0 && additional > 0 {
        // The record of what is registered: a pointer to the name, its type and class.
        reader.take(2 + 2 + 2);
    }
    if answers > 0 || additional > 0 {
        packet.record(reader);
    }
    Some(packet)
}

impl Packet {
    /// Time, length, then flags and address of each host.
    fn record(&mut self, mut reader: Reader<'_>) -> Option<()> {
        reader.u32()?;
        let length = usize::from(reader.u16()?);
        let mut data = Reader::new(reader.take_up_to(length));
        if self.kind != TYPE_NB {
            return None;
        }
        while self.addresses.len() < ADDRESSES_MAX {
            let flags = data.u16()?;
            self.is_group |= flags & FLAG_GROUP != 0;
            self.addresses.push(Ipv4Addr::from(data.u32()?));
        }
        None
    }

    /// The name that the sender has for itself.
    fn own_name(&self) -> Option<&str> {
        let registers = !self.is_response && self.operation.is_some_and(|code| OWN_NAME.contains(&code));
        let sends = self.destination.is_some();
        let is_plain = !self.name.is_cut
            && !self.name.text.is_empty()
            && self.name.text.chars().all(|letter| letter.is_ascii_graphic());
        (is_plain && !self.is_group && self.name.suffix == HOST && (registers || sends)).then_some(&*self.name.text)
    }
}

/// A datagram tells who sends and who is meant.
fn datagram(bytes: &[u8]) -> Option<Packet> {
    let mut reader = Reader::new(bytes);
    reader.take(2)?;
    let id = reader.u16()?;
    reader.take(4 + 2 + 2 + 2)?;
    let name = name(&mut reader)?;
    Some(Packet { key: "netbios", id, name, kind: TYPE_NB, destination: self::name(&mut reader), ..Packet::default() })
}

impl Transaction for Packet {
    fn progress(&self, _: Direction) -> u8 {
        1
    }

    fn buffer<'a>(&'a self, _: u8, _: Direction, _: u32, _: &'a mut Vec<u8>) -> Option<BufferView<'a>> {
        None
    }

    fn field(&self, _: u8, _: Direction, _: u32) -> Option<FieldValue<'_>> {
        None
    }

    fn events(&self) -> &[u8] {
        &[]
    }

    fn loggable(&self) -> bool {
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key(self.key);
        out.begin_object();
        out.member_number("id", u64::from(self.id));
        if let Some(operation) = self.operation {
            out.member_str("type", if self.is_response { "response" } else { "request" });
            let operation = match operation {
                0 => "query",
                5 => "registration",
                6 => "release",
                7 => "wait",
                8 | 9 => "refresh",
                15 => "multihomed",
                _ => "unknown",
            };
            out.member_str("opcode", operation);
            out.member_str("rrname", &self.name.text);
            out.member_str("rrtype", if self.kind == TYPE_NBSTAT { "NBSTAT" } else { "NB" });
            if self.is_response {
                out.member_number("rcode", u64::from(self.code));
            }
        } else {
            out.member_str("name", &self.name.text);
        }
        out.member_number("suffix", u64::from(self.name.suffix));
        if let Some(destination) = &self.destination {
            out.member_str("destination", &destination.text);
            out.member_number("destination_suffix", u64::from(destination.suffix));
        }
        if !self.addresses.is_empty() {
            out.member_bool("group", self.is_group);
            out.key("addresses");
            out.begin_array();
            for address in &self.addresses {
                out.string(&address.to_string());
            }
            out.end_array();
        }
        out.end_object();
    }
}

#[derive(Debug)]
struct NbnsSession {
    queue: Queue<Packet>,
    read: fn(&[u8]) -> Option<Packet>,
}

transactions_of!(NbnsSession, queue);

impl Session for NbnsSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let Some(packet) = (self.read)(data) else { return Outcome::Continue };
        if let Some(name) = packet.own_name() {
            context.facts.push((direction, Fact::Named { name: name.to_owned(), source: "nbns".to_owned() }));
        }
        self.queue.push(packet);
        Outcome::Continue
    }

    fn gap(&mut self, _: Direction, _: u64, _: &mut Context) -> Outcome {
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(packet: &Packet) -> String {
        let mut out = Writer::new();
        out.begin_object();
        packet.write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    #[test]
    fn a_registration_names_its_host() {
        let packet = name_service(NBNS.sample[0].1).expect("a packet");
        assert_eq!(packet.own_name(), Some("WARD3"));
        assert_eq!(packet.addresses, [Ipv4Addr::new(10, 0, 0, 7)]);
        assert!(record(&packet).contains(r#""opcode":"registration","rrname":"WARD3","rrtype":"NB","suffix":0"#));
    }

    #[test]
    fn a_status_query_asks_for_all_names() {
        let bytes = b"\x80\x96\0\0\0\x01\0\0\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01";
        let packet = name_service(bytes).expect("a packet");
        assert_eq!(packet.own_name(), None);
        assert!(record(&packet).contains(r#""rrname":"*","rrtype":"NBSTAT""#));
    }

    #[test]
    fn an_answer_without_a_question_is_read() {
        let bytes = b"\x80\x96\x85\x80\0\0\0\x01\0\0\0\0\x20FHEBFCEEDDCACACACACACACACACACAAA\0\0\x20\0\x01\
                      \0\0\0\0\0\x06\0\0\x0a\0\0\x07";
        let packet = name_service(bytes).expect("a packet");
        assert_eq!((packet.name.text.as_str(), packet.addresses.len()), ("WARD3", 1));
    }

    #[test]
    fn a_datagram_tells_both_names() {
        let packet = datagram(NBDGM.sample[0].1).expect("a packet");
        assert_eq!(packet.own_name(), Some("WARD3"));
        assert_eq!(packet.destination, Some(Name { text: "WORKGROUP".to_owned(), suffix: 0x1e, is_cut: false }));
    }

    #[test]
    fn a_name_ends_before_a_letter_that_is_none() {
        let head = b"\x12\x34\x29\x10\0\x01\0\0\0\0\0\0";
        let packet = name_service(&[&head[..], b"\x20FHEBZZEEDDCACACACACACACACACACAAA\0\0\x20\0\x01"].concat());
        let packet = packet.expect("a packet");
        assert_eq!((packet.name.text.as_str(), packet.own_name()), ("WA", None));
    }
}
