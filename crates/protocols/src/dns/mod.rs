//! DNS over UDP and TCP, and multicast DNS and LLMNR, which have the same messages.
//!
//! Each message is one transaction: a request in one direction, its response in the other. EVE writes one record for each.
//! Source: RFC 1035; RFC 7766 §8 (TCP framing); RFC 6762 (multicast), RFC 4795 (LLMNR).

mod eve;
mod guess;
mod message;
mod record_type;
#[cfg(test)]
mod tests;

use crate::{
    queue::Queue,
    session::{Context, Outcome, Protocol, Session},
};
use message::{Data, Message, Name, Record, Trouble};
use phitak_model::{
    Direction, Fact, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction, Transactions},
    json::Writer,
};

/// Messages held at once in one flow.
const HELD_MAX: usize = 512;
/// Most bytes of one TCP message kept while it is incomplete: the two-byte length allows no more.
const PARTIAL_BYTES_MAX: usize = 65_537;

const STAGES_TO_SERVER: &[&str] = &["request_started", "request_complete"];
const STAGES_TO_CLIENT: &[&str] = &["response_started", "response_complete"];
const COMPLETE: u8 = 1;

const fn names(name: &'static str) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [COMPLETE, COMPLETE], shape: Shape::Multi }
}

const fn number(name: &'static str) -> FieldDecl {
    FieldDecl { name, stage: [COMPLETE, COMPLETE] }
}

const QUERY: u8 = 0;
const QUERIES: u8 = 1;
const ANSWERS: u8 = 2;
const AUTHORITIES: u8 = 3;
const ADDITIONALS: u8 = 4;
const RESPONSE: u8 = 5;

const OPCODE: u8 = 0;
const RCODE: u8 = 1;
const RRTYPE: u8 = 2;

/// Numbers are those of [`EVENTS`].
const NOT_REQUEST: u8 = 0;
const NOT_RESPONSE: u8 = 1;
const MALFORMED: u8 = 2;
const Z_FLAG: u8 = 3;
const INVALID_OPCODE: u8 = 4;
const NAME_TOO_LONG: u8 = 5;
const INFINITE_LOOP: u8 = 6;
const TOO_MANY_LABELS: u8 = 7;
const INVALID_AUTHORITIES: u8 = 8;
const INVALID_ADDITIONALS: u8 = 9;
const EVENTS: &[&str] = &[
    "not_request",
    "not_response",
    "malformed_data",
    "z_flag_set",
    "invalid_opcode",
    "name_too_long",
    "infinite_loop",
    "too_many_labels",
    "invalid_authorities",
    "invalid_additionals",
];

static DNS_DECL: ProtocolDecl = ProtocolDecl {
    name: "dns",
    stages_to_server: STAGES_TO_SERVER,
    stages_to_client: STAGES_TO_CLIENT,
    buffers: &[
        BufferDecl { to_client: false, ..names("dns.query") },
        names("dns.queries.rrname"),
        names("dns.answers.rrname"),
        names("dns.authorities.rrname"),
        names("dns.additionals.rrname"),
        BufferDecl { to_server: false, ..names("dns.response.rrname") },
    ],
    fields: &[number("dns.opcode"), number("dns.rcode"), number("dns.rrtype")],
    events: EVENTS,
};

static MDNS_DECL: ProtocolDecl = ProtocolDecl {
    name: "mdns",
    stages_to_server: STAGES_TO_SERVER,
    stages_to_client: STAGES_TO_CLIENT,
    buffers: &[
        names("mdns.query"),
        names("mdns.queries.rrname"),
        names("mdns.answers.rrname"),
        names("mdns.authorities.rrname"),
        names("mdns.additionals.rrname"),
        names("mdns.response.rrname"),
    ],
    fields: &[number("mdns.opcode"), number("mdns.rcode"), number("mdns.rrtype")],
    events: EVENTS,
};

static LLMNR_DECL: ProtocolDecl = ProtocolDecl {
    name: "llmnr",
    stages_to_server: STAGES_TO_SERVER,
    stages_to_client: STAGES_TO_CLIENT,
    buffers: &[
        names("llmnr.query"),
        names("llmnr.queries.rrname"),
        names("llmnr.answers.rrname"),
        names("llmnr.authorities.rrname"),
        names("llmnr.additionals.rrname"),
        names("llmnr.response.rrname"),
    ],
    fields: &[number("llmnr.opcode"), number("llmnr.rcode"), number("llmnr.rrtype")],
    events: EVENTS,
};

pub(crate) static DNS: Protocol = Protocol {
    decl: &DNS_DECL,
    transports: &[Transport::Udp, Transport::Tcp],
    source: "RFC 1035",
    ports: &[53],
    only_on_ports: false,
    guess: guess::unicast,
    open: |transport, _| Box::new(DnsSession::new(Flavour::Unicast, transport)),
    sample: &[
        (
            Direction::ToServer,
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03his\x08hospital\x07example\x00\x00\x01\x00\x01",
        ),
        (
            Direction::ToClient,
            b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00\x03his\x08hospital\x07example\x00\x00\x01\x00\x01\
              \xc0\x0c\x00\x05\x00\x01\x00\x00\x01\x2c\x00\x05\x02db\xc0\x10\
              \xc0\x34\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\x0a\x00\x00\x05",
        ),
    ],
};

pub(crate) static MDNS: Protocol = Protocol {
    decl: &MDNS_DECL,
    transports: &[Transport::Udp],
    source: "RFC 6762",
    ports: &[5353],
    only_on_ports: true,
    guess: guess::guess,
    open: |transport, _| Box::new(DnsSession::new(Flavour::Multicast, transport)),
    sample: &[(
        Direction::ToServer,
        b"\x00\x00\x84\x00\x00\x00\x00\x02\x00\x00\x00\x00\x05ward3\x05local\x00\x00\x01\x80\x01\x00\x00\x00\x78\x00\x04\
          \x0a\x00\x00\x07\xc0\x0c\x00\x10\x80\x01\x00\x00\x00\x78\x00\x08\x03a=1\x03b=2",
    )],
};

pub(crate) static LLMNR: Protocol = Protocol {
    decl: &LLMNR_DECL,
    transports: &[Transport::Udp],
    source: "RFC 4795",
    ports: &[5355],
    only_on_ports: true,
    guess: guess::guess,
    open: |transport, _| Box::new(DnsSession::new(Flavour::LinkLocal, transport)),
    sample: &[(Direction::ToServer, b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04wpad\x00\x00\x01\x00\x01")],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    Unicast,
    Multicast,
    LinkLocal,
}

impl Flavour {
    /// Of its records' object.
    const fn key(self) -> &'static str {
        match self {
            Self::Unicast => "dns",
            Self::Multicast => "mdns",
            Self::LinkLocal => "llmnr",
        }
    }
}

#[derive(Debug)]
struct DnsMessage {
    id: u64,
    flavour: Flavour,
    direction: Direction,
    message: Message,
    events: Vec<u8>,
    /// False for what could not be read at all: it is there for its events.
    readable: bool,
}

impl DnsMessage {
    fn new(id: u64, flavour: Flavour, direction: Direction, wire: &[u8]) -> Self {
        let mut events = Vec::new();
        let parsed = Message::parse(wire);
        let readable = parsed.is_some();
        let message = parsed.unwrap_or_default();
        if readable {
            if flavour == Flavour::Unicast {
                match direction {
                    Direction::ToServer if message.is_response() => events.push(NOT_REQUEST),
                    Direction::ToClient if !message.is_response() => events.push(NOT_RESPONSE),
                    _ => {}
                }
            }
            if message.flags & 0x0040 != 0 {
                events.push(Z_FLAG);
            }
            if message.opcode() >= 7 {
                events.push(INVALID_OPCODE);
            }
        } else {
            events.push(MALFORMED);
        }
        if message.name_too_long {
            events.push(NAME_TOO_LONG);
        }
        events.extend(message.troubles.iter().map(|trouble| match trouble {
            Trouble::Malformed => MALFORMED,
            Trouble::InfiniteLoop => INFINITE_LOOP,
            Trouble::TooManyLabels => TOO_MANY_LABELS,
            Trouble::InvalidAuthorities => INVALID_AUTHORITIES,
            Trouble::InvalidAdditionals => INVALID_ADDITIONALS,
        }));
        Self { id, flavour, direction, message, events, readable }
    }

    /// Names of the whole response, those that data carry included, each after its record's own.
    fn response_name(&self, instance: usize) -> Option<Name> {
        let questions = self.message.questions.iter().map(|question| question.name);
        let records = self.message.records().iter().flat_map(|record| {
            let in_data = match record.data {
                Data::Name(name) | Data::Soa { primary: name, .. } | Data::Srv { target: name, .. } => Some(name),
                _ => None,
            };
            std::iter::once(record.name).chain(in_data)
        });
        questions.chain(records).nth(instance)
    }
}

fn record_name(records: &[Record], instance: usize) -> Option<Name> {
    records.iter().filter(|record| record.first).nth(instance).map(|record| record.name)
}

impl Transaction for DnsMessage {
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
        let decl = match self.flavour {
            Flavour::Unicast => DNS_DECL.buffers,
            Flavour::Multicast => MDNS_DECL.buffers,
            Flavour::LinkLocal => LLMNR_DECL.buffers,
        };
        let decl = decl.get(usize::from(number))?;
        let offered = if direction == Direction::ToServer { decl.to_server } else { decl.to_client };
        if direction != self.direction || !offered {
            return None;
        }
        let instance = usize::try_from(instance).ok()?;
        let response = self.message.is_response();
        let question = |at: usize| self.message.questions.get(at).map(|question| question.name);
        let name = match number {
            QUERY if !response => question(instance),
            QUERIES => question(instance),
            ANSWERS => record_name(self.message.answers(), instance),
            AUTHORITIES => record_name(self.message.authorities(), instance),
            ADDITIONALS => record_name(self.message.additionals(), instance),
            RESPONSE if response => self.response_name(instance),
            _ => None,
        }?;
        Some(BufferView::whole(self.message.text(name.span)))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if direction != self.direction || !self.readable {
            return None;
        }
        let value = match (number, instance) {
            (OPCODE, 0) => u64::from(self.message.opcode()),
            (RCODE, 0) => u64::from(self.message.rcode()),
            (RRTYPE, _) => {
                let records = self.message.records().iter().filter(|record| record.first);
                let kinds = self.message.questions.iter().map(|q| q.kind).chain(records.map(|r| r.kind));
                u64::from(kinds.into_iter().nth(usize::try_from(instance).ok()?)?)
            }
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    /// What is broken, or goes the wrong way, is told by its event alone.
    fn loggable(&self) -> bool {
        let told_by_event = [MALFORMED, NOT_REQUEST, NOT_RESPONSE];
        self.readable && !self.events.iter().any(|event| told_by_event.contains(event))
    }

    fn write_remains(&self, event: u8, out: &mut Writer) {
        if event == MALFORMED && self.message.asks() {
            eve::write_question(self.flavour.key(), &self.message, out);
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(self.direction)
    }

    fn write_eve(&self, out: &mut Writer) {
        match self.flavour {
            Flavour::Unicast => eve::write(&self.message, self.id, out),
            Flavour::Multicast | Flavour::LinkLocal => eve::write_multicast(self.flavour.key(), &self.message, out),
        }
    }
}

#[derive(Debug)]
struct DnsSession {
    flavour: Flavour,
    transport: Transport,
    queue: Queue<DnsMessage>,
    /// TCP: the bytes of an incomplete message, its length included.
    partial: [Vec<u8>; 2],
    /// TCP: a gap fell into a message, so where the next one begins is unknown.
    lost: [bool; 2],
}

impl DnsSession {
    fn new(flavour: Flavour, transport: Transport) -> Self {
        Self { flavour, transport, queue: Queue::new(HELD_MAX), partial: [Vec::new(), Vec::new()], lost: [false; 2] }
    }

    fn message(&mut self, direction: Direction, wire: &[u8], context: &mut Context) {
        let message = DnsMessage::new(self.queue.next_id(), self.flavour, direction, wire);
        if self.flavour == Flavour::Multicast && message.message.is_response() {
            own_names(&message.message, direction, context);
        }
        self.queue.push(message);
    }

    /// One message of a stream; an empty one is a keep-alive.
    fn framed(&mut self, direction: Direction, wire: &[u8], context: &mut Context) {
        if !wire.is_empty() {
            self.message(direction, wire, context);
        }
    }

    /// Cuts the stream into messages; what is incomplete is kept.
    fn stream(&mut self, direction: Direction, mut data: &[u8], context: &mut Context) -> Outcome {
        let index = direction.index();
        let Some(partial) = self.partial.get_mut(index) else { return Outcome::Failed };
        let mut kept = std::mem::take(partial);
        loop {
            if kept.is_empty() {
                // The usual case: whole messages straight from the segment.
                let whole = data
                    .split_first_chunk::<2>()
                    .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
                let Some((message, after)) = whole else {
                    kept.extend_from_slice(data);
                    break;
                };
                self.framed(direction, message, context);
                data = after;
                continue;
            }
            let wanted = bytes_wanted(&kept);
            let (head, after) = data.split_at(wanted.saturating_sub(kept.len()).min(data.len()));
            kept.extend_from_slice(head);
            data = after;
            if kept.len() < wanted {
                break;
            }
            if kept.len() < bytes_wanted(&kept) {
                continue;
            }
            self.framed(direction, kept.get(2..).unwrap_or_default(), context);
            kept.clear();
        }
        debug_assert!(kept.len() <= PARTIAL_BYTES_MAX);
        if let Some(partial) = self.partial.get_mut(index) {
            *partial = kept;
        }
        Outcome::Continue
    }
}

/// Length of the framed message that `kept` begins, as far as it is known.
fn bytes_wanted(kept: &[u8]) -> usize {
    kept.first_chunk::<2>().map_or(2, |length| usize::from(u16::from_be_bytes(*length)).saturating_add(2))
}

/// A host that answers for an address under a name of its own has this name (RFC 6762 §3: `host.local`).
fn own_names(message: &Message, direction: Direction, context: &mut Context) {
    for record in message.records() {
        if let Data::Address(_) = record.data
            && let Ok(name) = std::str::from_utf8(message.text(record.name.span))
            && let Some(host) = name.strip_suffix(".local")
            && !host.contains('.')
        {
            context.facts.push((direction, Fact::Named { name: host.to_owned(), source: "mdns".to_owned() }));
            return;
        }
    }
}

impl Transactions for DnsSession {
    fn live(&self) -> std::ops::Range<u64> {
        self.queue.live()
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.queue.transaction(id)
    }
}

impl Session for DnsSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        match self.transport {
            Transport::Udp => {
                self.message(direction, data, context);
                Outcome::Continue
            }
            Transport::Tcp if self.lost.get(direction.index()) == Some(&true) => Outcome::Continue,
            Transport::Tcp => self.stream(direction, data, context),
        }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        let index = direction.index();
        let (Some(partial), Some(lost)) = (self.partial.get_mut(index), self.lost.get_mut(index)) else {
            return Outcome::Failed;
        };
        // A gap that ends exactly where the message does costs only this message.
        let missing = match partial.first_chunk::<2>() {
            Some(wanted) => (u64::from(u16::from_be_bytes(*wanted)) + 2).checked_sub(partial.len() as u64),
            None => None,
        };
        *lost |= missing != Some(length);
        partial.clear();
        if self.lost == [true; 2] { Outcome::Done } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if let Some(partial) = self.partial.get_mut(direction.index()) {
            partial.clear();
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}
