//! MQTT: who connects by which name, and what is published and subscribed to.
//!
//! A message with those that answer it is one transaction.
//! Source: MQTT 3.1.1 and 5.0 (OASIS), MQTT 3.1 (IBM).

mod message;

use crate::{
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction, Transactions as _},
    json::Writer,
};

use message::{Connect, Message};

/// Exchanges held at once.
const HELD_MAX: usize = 256;
/// Most bytes of a message that are kept (Suricata's `max-msg-length` is 1 MiB).
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Topics of one message.
const TOPICS_MAX: usize = 100;
/// Messages of one exchange.
const MESSAGES_MAX: usize = 8;
const COMPLETE: u8 = 1;

const fn buffer(name: &'static str, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [0, 0], shape }
}

const fn field(name: &'static str) -> FieldDecl {
    FieldDecl { name, stage: [0, 0] }
}

static DECL: ProtocolDecl = ProtocolDecl {
    name: "mqtt",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[
        buffer("mqtt.connect.clientid", Shape::Single),
        buffer("mqtt.connect.password", Shape::Single),
        buffer("mqtt.connect.protocol_string", Shape::Single),
        buffer("mqtt.connect.username", Shape::Single),
        buffer("mqtt.connect.willmessage", Shape::Single),
        buffer("mqtt.connect.willtopic", Shape::Single),
        buffer("mqtt.publish.message", Shape::Single),
        buffer("mqtt.publish.topic", Shape::Single),
        buffer("mqtt.subscribe.topic", Shape::Multi),
        buffer("mqtt.unsubscribe.topic", Shape::Multi),
    ],
    fields: &[
        field("mqtt.type"),
        field("mqtt.qos"),
        field("mqtt.flags"),
        field("mqtt.protocol_version"),
        field("mqtt.reason_code"),
        field("mqtt.connack.session_present"),
        field("mqtt.connect.flags"),
    ],
    events: &[
        "missing_connect",
        "missing_publish",
        "missing_subscribe",
        "missing_unsubscribe",
        "double_connect",
        "unintroduced_message",
        "invalid_qos_level",
        "missing_msg_id",
        "unassigned_msg_type",
        "too_many_transactions",
        "malformed_traffic",
    ],
};

#[derive(Clone, Copy)]
#[repr(u8)]
enum Event {
    MissingConnect = 0,
    MissingPublish = 1,
    MissingSubscribe = 2,
    MissingUnsubscribe = 3,
    DoubleConnect = 4,
    UnintroducedMessage = 5,
    InvalidQosLevel = 6,
    UnassignedMsgType = 8,
    MalformedTraffic = 10,
}

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;
const SUBSCRIBE: u8 = 8;
const SUBACK: u8 = 9;
const UNSUBSCRIBE: u8 = 10;
const UNSUBACK: u8 = 11;
const PINGREQ: u8 = 12;
const PINGRESP: u8 = 13;
const DISCONNECT: u8 = 14;
const AUTH: u8 = 15;

pub(crate) static MQTT: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "MQTT 3.1.1, MQTT 5.0",
    ports: &[1883],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(MqttSession::new()),
    sample: &[
        (
            Direction::ToServer,
            b"\x10\x17\x00\x04MQTT\x04\xc2\x00\x3c\x00\x04pump\x00\x01u\x00\x02pw\
              \x82\x08\x00\x01\x00\x03a/b\x00\x32\x09\x00\x03a/b\x00\x02hi\xc0\x00",
        ),
        (Direction::ToClient, b"\x20\x02\x00\x00\x90\x03\x00\x01\x00\x40\x02\x00\x02\xd0\x00"),
        (Direction::ToServer, b"\xe0\x00"),
    ],
};

/// CONNECT from a client, CONNACK from a server.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    let kind = if direction == Direction::ToServer { CONNECT << 4 } else { CONNACK << 4 };
    let Some((first, rest)) = bytes.split_first() else { return Guess::More };
    if *first != kind {
        return Guess::No;
    }
    let length = rest.iter().take(4).position(|byte| byte & 0x80 == 0);
    let Some(length) = length else { return if rest.len() < 4 { Guess::More } else { Guess::No } };
    let body = rest.get(length.saturating_add(1)..).unwrap_or_default();
    if direction == Direction::ToClient {
        return match body {
            [] | [_] => Guess::More,
            [flags, code, ..] if *flags <= 1 && matches!(code, 0..=5 | 0x80..=0x9f) => Guess::Yes,
            _ => Guess::No,
        };
    }
    for name in [&b"\x00\x04MQTT"[..], b"\x00\x06MQIsdp"] {
        if body.starts_with(name) {
            return Guess::Yes;
        }
        if name.starts_with(body) {
            return Guess::More;
        }
    }
    Guess::No
}

#[derive(Debug, Default)]
struct Exchange {
    messages: Vec<Message>,
    is_complete: bool,
    events: Vec<u8>,
}

impl Exchange {
    fn raise(&mut self, event: Event) {
        if !self.events.contains(&(event as u8)) {
            self.events.push(event as u8);
        }
    }

    fn find<'a, T: 'a>(&'a self, direction: Direction, read: impl Fn(&'a Message) -> Option<T>) -> Option<T> {
        self.messages.iter().filter(|message| message.direction == Some(direction)).find_map(read)
    }

    /// The message that this one answers is here, and waits for it.
    fn waits_for(&self, answer: &Message) -> bool {
        if self.is_complete
            || answer.direction == self.messages.first().and_then(|first| first.direction) && answer.kind() != PUBREL
        {
            return false;
        }
        let Some(first) = self.messages.first() else { return false };
        let same_id = first.id == answer.id;
        match answer.kind() {
            CONNACK => first.kind() == CONNECT,
            PUBACK | PUBREC | PUBREL | PUBCOMP => first.kind() == PUBLISH && same_id,
            SUBACK => first.kind() == SUBSCRIBE && same_id,
            UNSUBACK => first.kind() == UNSUBSCRIBE && same_id,
            PINGRESP => first.kind() == PINGREQ,
            _ => false,
        }
    }
}

impl Transaction for Exchange {
    fn progress(&self, _: Direction) -> u8 {
        if self.is_complete { COMPLETE } else { 0 }
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let instance = usize::try_from(instance).ok()?;
        if instance > 0 && number < 8 {
            return None;
        }
        let connect =
            |read: fn(&Connect) -> Option<&Vec<u8>>| self.find(direction, |message| read(message.connect.as_deref()?));
        let topic = |kind: u8| {
            self.find(direction, |message| Some(message).filter(|message| message.kind() == kind))
                .and_then(|message| message.topics.get(instance).map(|(topic, _)| topic))
        };
        let publish = || self.find(direction, |message| Some(message).filter(|message| message.kind() == PUBLISH));
        let bytes = match number {
            0 => connect(|connect| Some(&connect.client)),
            1 => connect(|connect| connect.password.as_ref()),
            2 => connect(|connect| Some(&connect.protocol)),
            3 => connect(|connect| connect.user.as_ref()),
            4 => connect(|connect| connect.will_message.as_ref()),
            5 => connect(|connect| connect.will_topic.as_ref()),
            6 => publish().map(|message| &message.payload),
            7 => publish().map(|message| &message.topic),
            8 => topic(SUBSCRIBE),
            9 => topic(UNSUBSCRIBE),
            _ => None,
        };
        bytes.map(|bytes| BufferView::whole(bytes))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        let instance = usize::try_from(instance).ok()?;
        let mut own = self.messages.iter().filter(|message| message.direction == Some(direction));
        let value = match number {
            0 => u64::from(own.nth(instance)?.kind()),
            1 => u64::from(own.nth(instance)?.quality()),
            2 => u64::from(own.nth(instance)?.first & 0x9),
            _ if instance > 0 => return None,
            3 => u64::from(self.find(direction, |message| message.connect.as_ref().map(|c| c.version))?),
            4 => u64::from(self.find(direction, |message| message.code)?),
            5 => {
                let present = self.find(direction, |message| message.session_present)?;
                return Some(FieldValue::Text(if present { "yes" } else { "no" }));
            }
            6 => u64::from(self.find(direction, |message| message.connect.as_ref().map(|c| c.flags))?),
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.is_complete
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("mqtt");
        out.begin_object();
        for (at, message) in self.messages.iter().enumerate() {
            // Each kind once: a second one would repeat a member.
            if !self.messages.iter().take(at).any(|before| before.kind() == message.kind()) {
                message.write(out);
            }
        }
        out.end_object();
    }
}

#[derive(Debug, Default)]
struct Half {
    header: Vec<u8>,
    /// First byte, bytes still to come, bytes kept.
    open: Option<(u8, u32, Vec<u8>)>,
    lost: bool,
}

#[derive(Debug)]
struct MqttSession {
    queue: Queue<Exchange>,
    halves: [Half; 2],
    version: u8,
    connected: bool,
}

transactions_of!(MqttSession, queue);

impl Half {
    /// The next whole message; `data` is moved past what was used.
    fn next(&mut self, data: &mut &[u8]) -> Option<(u8, Vec<u8>)> {
        while self.open.is_none() {
            let (byte, rest) = data.split_first()?;
            *data = rest;
            self.header.push(*byte);
            if self.header.len() < 2 || (byte & 0x80 != 0 && self.header.len() < 5) {
                continue;
            }
            if byte & 0x80 != 0 {
                self.lost = true;
                return None;
            }
            let mut length: u32 = 0;
            for (byte, shift) in self.header.iter().skip(1).zip([0, 7, 14, 21]) {
                length |= u32::from(byte & 0x7f) << shift;
            }
            self.open = self.header.first().map(|first| (*first, length, Vec::new()));
            self.header.clear();
        }
        let (_, left, kept) = self.open.as_mut()?;
        let here = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
        let (piece, rest) = data.split_at(here);
        *data = rest;
        let room = MESSAGE_BYTES_MAX.saturating_sub(kept.len()).min(here);
        kept.extend_from_slice(piece.get(..room).unwrap_or_default());
        *left = left.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX));
        if *left > 0 {
            return None;
        }
        self.open.take().map(|(first, _, kept)| (first, kept))
    }
}

impl MqttSession {
    fn new() -> Self {
        Self { queue: Queue::new(HELD_MAX), halves: Default::default(), version: 4, connected: false }
    }

    fn message(&mut self, direction: Direction, first: u8, body: &[u8]) {
        let message = Message::parse(direction, first, body, self.version);
        let kind = message.kind();
        let mut event = (!message.is_whole).then_some(Event::MalformedTraffic);
        if message.quality() == 3 && kind == PUBLISH {
            event = event.or(Some(Event::InvalidQosLevel));
        }
        match kind {
            CONNECT => {
                if std::mem::replace(&mut self.connected, true) {
                    event = event.or(Some(Event::DoubleConnect));
                }
                self.version = message.connect.as_ref().map_or(self.version, |connect| connect.version);
            }
            CONNACK => self.connected = true,
            0 => event = event.or(Some(Event::UnassignedMsgType)),
            AUTH | PINGREQ | PINGRESP => {}
            _ if !self.connected => event = event.or(Some(Event::UnintroducedMessage)),
            _ => {}
        }
        let live = self.queue.live();
        let waiting = live.rev().find(|id| self.queue.get(*id).is_some_and(|exchange| exchange.waits_for(&message)));
        if waiting.is_none() {
            event = event.or(match kind {
                CONNACK => Some(Event::MissingConnect),
                PUBACK | PUBREC | PUBREL | PUBCOMP => Some(Event::MissingPublish),
                SUBACK => Some(Event::MissingSubscribe),
                UNSUBACK => Some(Event::MissingUnsubscribe),
                _ => None,
            });
        }
        let id = waiting.unwrap_or_else(|| self.queue.push(Exchange::default()));
        let Some(exchange) = self.queue.get_mut(id) else { return };
        exchange.is_complete = match kind {
            CONNECT | SUBSCRIBE | UNSUBSCRIBE | PINGREQ => false,
            PUBLISH => message.quality() == 0 || message.quality() == 3,
            PUBREC | PUBREL => waiting.is_none(),
            _ => true,
        };
        if let Some(event) = event {
            exchange.raise(event);
        }
        if exchange.messages.len() < MESSAGES_MAX {
            exchange.messages.push(message);
        } else {
            exchange.is_complete = true;
        }
    }
}

impl Session for MqttSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let mut rest = data;
        while let Some(half) = self.halves.get_mut(direction.index()).filter(|half| !half.lost) {
            let Some((first, body)) = half.next(&mut rest) else { break };
            self.message(direction, first, &body);
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(half) = self.halves.get_mut(direction.index()) {
            match &mut half.open {
                // A hole at the end of what is kept leaves the messages behind it readable.
                Some((_, left, kept)) if length < u64::from(*left) && kept.len() >= MESSAGE_BYTES_MAX => {
                    *left = left.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
                }
                _ => *half = Half { lost: true, ..Half::default() },
            }
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if let Some(half) = self.halves.get_mut(direction.index()) {
            *half = Half { lost: true, ..Half::default() };
        }
        if self.halves.iter().all(|half| half.lost) {
            for id in self.queue.live() {
                if let Some(exchange) = self.queue.get_mut(id) {
                    exchange.is_complete = true;
                }
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(session: &MqttSession, id: u64) -> String {
        let mut out = Writer::new();
        out.begin_object();
        session.transaction(id).expect("held").write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    #[test]
    fn messages_stand_with_their_answers() {
        let mut session = MqttSession::new();
        for (direction, bytes) in MQTT.sample {
            session.feed(*direction, bytes, &mut Context::default());
        }
        assert_eq!(session.live(), 0..5);
        let connect = record(&session, 0);
        assert!(connect.contains(r#""client_id":"pum"#) && connect.contains(r#""return_code":0"#), "{connect}");
        assert!(!connect.contains("pw"), "{connect}");
        assert!(record(&session, 1).contains(r#""topics":[{"topic":"a/b","qos":0}]"#));
        assert!(record(&session, 2).contains(r#""message":"hi"},"puback""#), "{}", record(&session, 2));
    }

    #[test]
    fn an_answer_without_a_question_is_said() {
        let mut session = MqttSession::new();
        session.feed(Direction::ToClient, b"\x40\x02\x00\x07", &mut Context::default());
        assert_eq!(session.transaction(0).expect("held").events(), [Event::UnintroducedMessage as u8]);
    }

    #[test]
    fn a_length_of_five_bytes_is_none() {
        let mut session = MqttSession::new();
        session.feed(Direction::ToServer, b"\x30\xff\xff\xff\xff\x01", &mut Context::default());
        assert!(session.halves[0].lost && session.live().is_empty());
    }
}
