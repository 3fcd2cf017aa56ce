//! Modbus over TCP: which registers of a controller are read and written.
//!
//! A request with its response is one transaction.
//! Source: "Modbus Application Protocol Specification" 1.1b3, "Modbus Messaging on TCP/IP" 1.0b.

mod message;

use crate::{
    frames::{Frame, Frames},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferView, FieldDecl, FieldValue, ProtocolDecl, Transaction, Transactions as _},
    json::Writer,
};

use message::Message;

/// Exchanges held at once.
const HELD_MAX: usize = 256;
const HEADER_BYTES: usize = 7;
/// §4.1: a unit number and 253 bytes.
const MESSAGE_BYTES_MAX: u16 = 254;
const EXCEPTION: u8 = 0x80;
const COMPLETE: u8 = 1;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "modbus",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[],
    fields: &[
        FieldDecl { name: "modbus.unit", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "modbus.function", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "modbus.address", stage: [COMPLETE, COMPLETE] },
    ],
    events: &[
        "unsolicited_response",
        "invalid_length",
        "invalid_unit_identifier",
        "invalid_function_code",
        "invalid_value",
        "flooded",
        "invalid_protocol_id",
    ],
};

#[derive(Clone, Copy)]
#[repr(u8)]
enum Event {
    UnsolicitedResponse = 0,
    InvalidFunctionCode = 3,
    InvalidValue = 4,
    InvalidProtocolId = 6,
}

pub(crate) static MODBUS: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "Modbus Messaging on TCP/IP 1.0b",
    ports: &[502],
    only_on_ports: true,
    guess: |bytes, direction, _| {
        let zero = |at: usize| bytes.get(at).is_none_or(|byte| *byte == 0);
        if !zero(2) || !zero(3) || !zero(4) {
            return Guess::No;
        }
        match (bytes.get(5), bytes.get(7)) {
            (Some(0 | 1 | 255), _) | (_, Some(0)) => Guess::No,
            // Only servers refuse.
            (_, Some(EXCEPTION..)) if direction == Direction::ToServer => Guess::No,
            (Some(_), Some(_)) => Guess::Yes,
            _ => Guess::More,
        }
    },
    open: |_, _| Box::new(ModbusSession::new()),
    sample: &[
        (
            Direction::ToServer,
            b"\x00\x01\x00\x00\x00\x06\x11\x03\x00\x6b\x00\x03\x00\x02\x00\x00\x00\x06\x11\x06\x00\x01\x00\x03",
        ),
        (
            Direction::ToClient,
            b"\x00\x01\x00\x00\x00\x09\x11\x03\x06\x02\x2b\x00\x00\x00\x64\x00\x02\x00\x00\x00\x03\x11\x86\x02",
        ),
    ],
};

#[derive(Debug, Default)]
struct Exchange {
    request: Option<Message>,
    response: Option<Message>,
    progress: [u8; 2],
    events: Vec<u8>,
}

impl Exchange {
    fn raise(&mut self, event: Event) {
        if !self.events.contains(&(event as u8)) {
            self.events.push(event as u8);
        }
    }

    fn judge(&mut self, message: &Message) {
        if message.protocol != 0 {
            self.raise(Event::InvalidProtocolId);
        }
        if message.function & !EXCEPTION == 0 {
            self.raise(Event::InvalidFunctionCode);
        }
        if !message.is_whole || !message.is_allowed() {
            self.raise(Event::InvalidValue);
        }
    }

    fn message(&self, direction: Direction) -> Option<&Message> {
        match direction {
            Direction::ToServer => self.request.as_ref(),
            Direction::ToClient => self.response.as_ref(),
        }
    }
}

impl Transaction for Exchange {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress.get(direction.index()).copied().unwrap_or(0)
    }

    fn buffer<'a>(&'a self, _: u8, _: Direction, _: u32, _: &'a mut Vec<u8>) -> Option<BufferView<'a>> {
        None
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        let message = self.message(direction).filter(|_| instance == 0)?;
        let value = match number {
            0 => u64::from(message.unit),
            1 => u64::from(message.function),
            2 => u64::from(message.address?),
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE]
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("modbus");
        out.begin_object();
        for (key, message) in [("request", &self.request), ("response", &self.response)] {
            if let Some(message) = message {
                out.key(key);
                out.begin_object();
                message.write(out);
                out.end_object();
            }
        }
        out.end_object();
    }
}

#[derive(Debug)]
struct ModbusSession {
    queue: Queue<Exchange>,
    halves: [Frames; 2],
}

transactions_of!(ModbusSession, queue);

impl ModbusSession {
    fn new() -> Self {
        let length = |header: &[u8]| match *header {
            [_, _, 0, 0, high, low, _] => {
                let length = u16::from_be_bytes([high, low]);
                (2..=MESSAGE_BYTES_MAX).contains(&length).then(|| u64::from(length).saturating_add(6))
            }
            _ => None,
        };
        let frames = || Frames::new(HEADER_BYTES, usize::from(MESSAGE_BYTES_MAX) + 6, length);
        Self { queue: Queue::new(HELD_MAX), halves: [frames(), frames()] }
    }

    fn message(&mut self, direction: Direction, message: Message) {
        let mut exchange = Exchange::default();
        if direction == Direction::ToServer {
            exchange.judge(&message);
            exchange.request = Some(message);
            exchange.progress = [COMPLETE, 0];
            self.queue.push(exchange);
            return;
        }
        let asked = self.queue.live().find(|id| {
            self.queue.get(*id).is_some_and(|exchange| {
                let request = exchange.request.as_ref();
                exchange.response.is_none()
                    && request.is_some_and(|request| {
                        request.transaction == message.transaction
                            && request.unit == message.unit
                            && request.function == message.function & !EXCEPTION
                    })
            })
        });
        let id = asked.unwrap_or_else(|| {
            exchange.raise(Event::UnsolicitedResponse);
            self.queue.push(exchange)
        });
        if let Some(exchange) = self.queue.get_mut(id) {
            exchange.judge(&message);
            exchange.response = Some(message);
            exchange.progress = [COMPLETE, COMPLETE];
        }
    }
}

impl Session for ModbusSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let mut rest = data;
        while let Some(frames) = self.halves.get_mut(direction.index()) {
            match frames.next(&mut rest) {
                Some(Frame::Message(bytes)) => {
                    if let Some(message) = Message::parse(&bytes, direction) {
                        self.message(direction, message);
                    }
                }
                Some(Frame::More(_)) => {}
                Some(Frame::Broken) => {
                    let mut exchange = Exchange { progress: [COMPLETE, COMPLETE], ..Exchange::default() };
                    exchange.raise(Event::InvalidProtocolId);
                    self.queue.push(exchange);
                }
                None => break,
            }
        }
        if self.halves.iter().all(Frames::is_lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(frames) = self.halves.get_mut(direction.index()) {
            frames.gap(length);
        }
        if self.halves.iter().all(Frames::is_lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        for id in self.queue.live() {
            if let Some(progress) = self.queue.get_mut(id).and_then(|e| e.progress.get_mut(direction.index())) {
                *progress = COMPLETE;
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

    #[test]
    fn a_refused_write_is_told_with_its_reason() {
        let mut session = ModbusSession::new();
        for (direction, bytes) in MODBUS.sample {
            session.feed(*direction, bytes, &mut Context::default());
        }
        let mut out = Writer::new();
        out.begin_object();
        session.transaction(1).expect("held").write_eve(&mut out);
        out.end_object();
        let text = String::from_utf8(out.as_bytes().to_vec()).expect("text");
        assert!(
            text.contains(r#""function_code":"WrSingleReg","access_type":"write","write":{"address":1,"data":3}"#),
            "{text}"
        );
        assert!(text.contains(r#""exception":{"raw":2,"code":"ILLEGAL_DATA_ADDR"}"#), "{text}");
    }

    #[test]
    fn too_many_registers_and_strange_answers_are_said() {
        let mut session = ModbusSession::new();
        session.feed(Direction::ToServer, b"\0\x01\0\0\0\x06\x01\x03\0\0\xff\xff", &mut Context::default());
        session.feed(Direction::ToClient, b"\0\x09\0\0\0\x03\x01\x83\x02", &mut Context::default());
        let events = |id: u64| session.queue.get(id).map(|exchange| exchange.events.clone());
        assert_eq!(events(0), Some(vec![Event::InvalidValue as u8]));
        assert_eq!(events(1), Some(vec![Event::UnsolicitedResponse as u8]));
    }
}
