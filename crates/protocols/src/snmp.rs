//! SNMP: communities, users, and which objects are asked for.
//!
//! A datagram is one transaction.
//! Source: RFC 1157 §4 (version 1), RFC 3416 §3 (operations of 2c and 3), RFC 3412 §6 (messages of 3), RFC 3414 §2.4.

use crate::{
    ber::{Ber, INTEGER, OCTET_STRING, SEQUENCE},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction},
    json::Writer,
};
use std::fmt::Write as _;

/// Messages held at once.
const HELD_MAX: usize = 128;
/// Objects of one message that are kept.
const OBJECTS_MAX: usize = 256;
const OBJECT_IDENTIFIER: u8 = 0x06;
const IP_ADDRESS: u8 = 0x40;
const USER_SECURITY: u64 = 3;
const ENCRYPTED: u8 = 0x02;
const COMPLETE: u8 = 1;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "snmp",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[buffer("snmp.community"), buffer("snmp.usm")],
    fields: &[
        FieldDecl { name: "snmp.version", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "snmp.pdu_type", stage: [COMPLETE, COMPLETE] },
    ],
    events: &["malformed_data", "unknown_security_model", "version_mismatch"],
};

const fn buffer(name: &'static str) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [COMPLETE, COMPLETE], shape: Shape::Single }
}

pub(crate) static SNMP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "RFC 1157, RFC 3416, RFC 3412",
    ports: &[161, 162],
    only_on_ports: false,
    guess: |bytes, _, _| {
        let read = || {
            let mut message = Ber::new(bytes).inside(SEQUENCE)?;
            let version = message.number(INTEGER)?;
            let next = message.peek()?;
            Some(matches!((version, next), (0 | 1, OCTET_STRING) | (3, SEQUENCE)))
        };
        if read() == Some(true) { Guess::Yes } else { Guess::No }
    },
    open: |_, _| Box::new(SnmpSession { queue: Queue::new(HELD_MAX), version: None }),
    sample: &[
        (
            Direction::ToServer,
            b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x07\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\
              \x2b\x06\x01\x02\x01\x01\x05\x00\x05\x00",
        ),
        (
            Direction::ToClient,
            b"\x30\x2a\x02\x01\x01\x04\x06public\xa2\x1d\x02\x01\x07\x02\x01\x00\x02\x01\x00\x30\x12\x30\x10\x06\x08\
              \x2b\x06\x01\x02\x01\x01\x05\x00\x04\x04pacs",
        ),
    ],
};

#[derive(Clone, Copy)]
#[repr(u8)]
enum Event {
    MalformedData,
    UnknownSecurityModel,
    VersionMismatch,
}

#[derive(Debug, Default)]
struct Message {
    direction: Option<Direction>,
    /// 1, 2 or 3.
    version: u64,
    community: Option<Vec<u8>>,
    user: Option<Vec<u8>>,
    encrypted: bool,
    kind: Option<u8>,
    error: u64,
    /// Of a trap of version 1: its kind, who sent it and from where.
    trap: Option<(u64, String, Vec<u8>)>,
    objects: Vec<String>,
    events: Vec<u8>,
}

fn kind_name(kind: u8) -> &'static str {
    const NAMES: &[&str] = &[
        "get_request",
        "get_next_request",
        "response",
        "set_request",
        "trap_v1",
        "get_bulk_request",
        "inform_request",
        "trap_v2",
        "report",
    ];
    NAMES.get(usize::from(kind)).copied().unwrap_or("unknown")
}

/// X.690 §8.19: the first number holds the first two parts.
fn identifier(content: &[u8]) -> String {
    let mut out = String::new();
    let mut number: u64 = 0;
    for byte in content {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let _ = if out.is_empty() {
                let first = (number / 40).min(2);
                write!(out, "{first}.{}", number.saturating_sub(first.saturating_mul(40)))
            } else {
                write!(out, ".{number}")
            };
            number = 0;
        }
    }
    out
}

impl Message {
    fn raise(&mut self, event: Event) {
        self.events.push(event as u8);
    }

    /// What was understood; `None` when there is no version.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut message = Ber::new(bytes).inside(SEQUENCE)?;
        let number = message.number(INTEGER)?;
        let version = if number == 3 { 3 } else { number.saturating_add(1) };
        let mut read = Self { version, ..Self::default() };
        let whole = if number == 3 { read.version3(message) } else { read.version2(message) };
        if whole.is_none() {
            read.raise(Event::MalformedData);
        }
        Some(read)
    }

    fn version2(&mut self, mut message: Ber<'_>) -> Option<()> {
        self.community = Some(message.take(OCTET_STRING)?.to_vec());
        self.operation(message)
    }

    fn version3(&mut self, mut message: Ber<'_>) -> Option<()> {
        let mut header = message.inside(SEQUENCE)?;
        header.number(INTEGER)?;
        header.number(INTEGER)?;
        let flags = *header.take(OCTET_STRING)?.first()?;
        let model = header.number(INTEGER)?;
        let security = message.take(OCTET_STRING)?;
        if model == USER_SECURITY {
            let mut security = Ber::new(security).inside(SEQUENCE)?;
            security.take(OCTET_STRING)?;
            security.number(INTEGER)?;
            security.number(INTEGER)?;
            self.user = Some(security.take(OCTET_STRING)?.to_vec());
        } else {
            self.raise(Event::UnknownSecurityModel);
        }
        if flags & ENCRYPTED != 0 {
            self.encrypted = true;
            return Some(());
        }
        // The context it is about: engine and name.
        let mut scoped = message.inside(SEQUENCE)?;
        scoped.take(OCTET_STRING)?;
        scoped.take(OCTET_STRING)?;
        self.operation(scoped)
    }

    fn operation(&mut self, mut message: Ber<'_>) -> Option<()> {
        let (tag, content) = message.value()?;
        let kind = tag.checked_sub(0xa0).filter(|kind| *kind <= 8)?;
        self.kind = Some(kind);
        let mut operation = Ber::new(content);
        if kind == 4 {
            let enterprise = identifier(operation.take(OBJECT_IDENTIFIER)?);
            let address = operation.take(IP_ADDRESS)?.to_vec();
            let generic = operation.number(INTEGER)?;
            operation.value()?;
            operation.value()?;
            self.trap = Some((generic, enterprise, address));
        } else {
            operation.value()?;
            self.error = operation.number(INTEGER)?;
            operation.value()?;
        }
        let mut list = operation.inside(SEQUENCE)?;
        while list.peek().is_some() && self.objects.len() < OBJECTS_MAX {
            let mut object = list.inside(SEQUENCE)?;
            self.objects.push(identifier(object.take(OBJECT_IDENTIFIER)?));
        }
        Some(())
    }
}

impl Transaction for Message {
    fn progress(&self, _: Direction) -> u8 {
        COMPLETE
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        if instance > 0 || self.direction != Some(direction) {
            return None;
        }
        let bytes = match number {
            0 => self.community.as_deref(),
            1 => self.user.as_deref(),
            _ => None,
        };
        bytes.map(BufferView::whole)
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 || self.direction != Some(direction) {
            return None;
        }
        let value = match number {
            0 => self.version,
            1 => u64::from(self.kind?),
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("snmp");
        out.begin_object();
        out.member_number("version", self.version);
        if self.encrypted {
            out.member_str("pdu_type", "encrypted");
        } else if let Some(kind) = self.kind {
            out.member_str("pdu_type", kind_name(kind));
            if self.error != 0 {
                out.member_number("error", self.error);
            }
            if let Some((kind, enterprise, address)) = &self.trap {
                const KINDS: &[&str] = &[
                    "coldStart",
                    "warmStart",
                    "linkDown",
                    "linkUp",
                    "authenticationFailure",
                    "egpNeighborLoss",
                    "enterpriseSpecific",
                ];
                let name = usize::try_from(*kind).ok().and_then(|kind| KINDS.get(kind)).copied().unwrap_or("unknown");
                out.member_str("trap_type", name);
                out.member_str("trap_oid", enterprise);
                if let Ok(octets) = <[u8; 4]>::try_from(address.as_slice()) {
                    out.member_str("trap_address", &std::net::Ipv4Addr::from(octets).to_string());
                }
            }
            if !self.objects.is_empty() {
                out.key("vars");
                out.begin_array();
                self.objects.iter().for_each(|object| out.string(object));
                out.end_array();
            }
        }
        for (key, value) in [("community", &self.community), ("usm", &self.user)] {
            if let Some(value) = value {
                out.member_bytes(key, value);
            }
        }
        out.end_object();
    }
}

#[derive(Debug)]
struct SnmpSession {
    queue: Queue<Message>,
    version: Option<u64>,
}

transactions_of!(SnmpSession, queue);

impl Session for SnmpSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let mut message = Message::parse(data).unwrap_or_else(|| {
            let mut broken = Message { version: self.version.unwrap_or(0), ..Message::default() };
            broken.raise(Event::MalformedData);
            broken
        });
        message.direction = Some(direction);
        if *self.version.get_or_insert(message.version) != message.version {
            message.raise(Event::VersionMismatch);
        }
        self.queue.push(message);
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

    fn record(bytes: &[u8]) -> String {
        let mut out = Writer::new();
        out.begin_object();
        Message::parse(bytes).expect("a message").write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    #[test]
    fn a_request_names_its_objects() {
        assert_eq!(
            record(SNMP.sample[0].1),
            r#"{"snmp":{"version":2,"pdu_type":"get_request","vars":["1.3.6.1.2.1.1.5.0"],"community":"public"}}"#
        );
    }

    #[test]
    fn an_encrypted_message_still_names_its_user() {
        let bytes = b"\x30\x2f\x02\x01\x03\x30\x0d\x02\x01\x01\x02\x02\x05\xc0\x04\x01\x03\x02\x01\x03\x04\x15\x30\x13\x04\x03eng\
                      \x02\x01\x01\x02\x01\x02\x04\x02us\x04\x00\x04\x00\x04\x04\xaa\xbb\xcc\xdd";
        assert_eq!(record(bytes), r#"{"snmp":{"version":3,"pdu_type":"encrypted","usm":"us"}}"#);
    }

    #[test]
    fn a_cut_message_is_said() {
        let message = Message::parse(&[&SNMP.sample[0].1[..20], &[0; 20][..]].concat()).expect("a version");
        assert_eq!(message.events, [Event::MalformedData as u8]);
        assert_eq!(message.community.as_deref(), Some(&b"public"[..]));
    }
}
