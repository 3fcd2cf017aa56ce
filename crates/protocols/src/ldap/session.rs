//! One connection to a directory, or the datagrams of one flow.

use super::{
    operation::{EXTENDED_REQUEST, EXTENDED_RESPONSE, Message},
    transaction::{Event, Exchange},
};
use crate::{
    ber,
    frames::{Frame, Frames},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Outcome, Session},
};
use phitak_model::{Direction, Transport, inspect::Transactions as _};

/// Exchanges held at once.
const HELD_MAX: usize = 256;
/// Most bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// No message is shorter than an unbind with its number: 7 bytes.
const HEADER_BYTES: usize = 6;
/// Messages of one datagram that are looked at.
const DATAGRAM_MESSAGES_MAX: usize = 64;
/// RFC 4511 §4.14.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// A token of NTLMSSP (MS-NLMP §2.2.2.9) or Kerberos (RFC 4121 §4.2.6.2) stands before a wrapped message.
const TOKEN_BYTES: usize = 16;

#[derive(Debug)]
pub(super) struct LdapSession {
    queue: Queue<Exchange>,
    halves: [Frames; 2],
    transport: Transport,
    /// The client asked for TLS in the message of this number.
    start_tls: Option<u64>,
}

transactions_of!(LdapSession, queue);

/// A message as it is, or, after a SASL bind, four bytes of length and a wrapped message.
fn length(header: &[u8]) -> Option<u64> {
    match *header {
        [ber::SEQUENCE, ..] => ber::whole_length(header).ok().flatten().filter(|length| *length > HEADER_BYTES as u64),
        [0, a, b, c, ..] => Some(u64::from(u32::from_be_bytes([0, a, b, c])).saturating_add(4)),
        _ => None,
    }
}

/// What is inside a wrapped message that is signed and not sealed.
fn unwrapped(bytes: &[u8]) -> &[u8] {
    if bytes.first() == Some(&ber::SEQUENCE) {
        return bytes;
    }
    let inside = bytes.get(4..).unwrap_or_default();
    match inside.first() {
        Some(&ber::SEQUENCE) => inside,
        _ => inside.get(TOKEN_BYTES..).unwrap_or_default(),
    }
}

impl LdapSession {
    pub(super) fn new(transport: Transport) -> Self {
        let frames = || Frames::new(HEADER_BYTES, MESSAGE_BYTES_MAX, length);
        Self { queue: Queue::new(HELD_MAX), halves: [frames(), frames()], transport, start_tls: None }
    }

    fn fail(&mut self, direction: Direction, event: Event) {
        let mut exchange = Exchange::new(0);
        exchange.raise(event);
        exchange.finish(direction);
        exchange.finish(direction.opposite());
        self.queue.push(exchange);
    }

    /// True when what follows is TLS.
    fn message(&mut self, direction: Direction, bytes: &[u8]) -> bool {
        let Some(message) = Message::parse(bytes) else {
            let event = if bytes.first() == Some(&ber::SEQUENCE) { Event::InvalidData } else { return false };
            self.fail(direction, event);
            return false;
        };
        let is_answer = direction == Direction::ToClient;
        if message.is_request() == is_answer {
            self.fail(direction, Event::InvalidData);
            return false;
        }
        let mut begins_tls = false;
        if is_answer {
            begins_tls = self.start_tls == Some(message.id)
                && message.operation.code == EXTENDED_RESPONSE
                && message.operation.result == Some(0);
            self.answer(message);
        } else {
            if message.operation.code == EXTENDED_REQUEST && message.operation.name.as_deref() == Some(START_TLS) {
                self.start_tls = Some(message.id);
            }
            let mut exchange = Exchange::new(message.id);
            if !message.is_whole {
                exchange.raise(Event::InvalidData);
            }
            exchange.ask(message.operation);
            // When nobody answers, the oldest question makes room.
            if self.queue.live().end.saturating_sub(self.queue.live().start) >= HELD_MAX as u64 {
                exchange.raise(Event::TooManyTransactions);
            }
            self.queue.push(exchange);
        }
        begins_tls
    }

    fn answer(&mut self, message: Message) {
        let live = self.queue.live();
        let asked = live.rev().find(|id| {
            self.queue.get(*id).is_some_and(|exchange| {
                exchange.id == message.id && exchange.request.is_some() && !exchange.is_answered()
            })
        });
        let id = match asked {
            Some(id) => id,
            None => {
                let mut exchange = Exchange::new(message.id);
                // Message 0 is told unasked (RFC 4511 §4.4).
                if message.id != 0 {
                    exchange.raise(Event::RequestNotFound);
                }
                exchange.finish(Direction::ToServer);
                self.queue.push(exchange)
            }
        };
        if let Some(exchange) = self.queue.get_mut(id) {
            if !message.is_whole {
                exchange.raise(Event::InvalidData);
            }
            exchange.answer(message.operation);
            if asked.is_none() {
                exchange.finish(Direction::ToClient);
            }
        }
    }

    fn datagram(&mut self, direction: Direction, data: &[u8]) {
        let mut rest = data;
        for _ in 0..DATAGRAM_MESSAGES_MAX {
            if rest.is_empty() {
                break;
            }
            let length = ber::whole_length(rest).ok().flatten().and_then(|length| usize::try_from(length).ok());
            let Some((message, after)) = length.and_then(|length| rest.split_at_checked(length)) else {
                self.fail(direction, Event::IncompleteData);
                break;
            };
            self.message(direction, message);
            rest = after;
        }
    }
}

impl Session for LdapSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.transport == Transport::Udp {
            self.datagram(direction, data);
            return Outcome::Continue;
        }
        let mut rest = data;
        loop {
            let Some(frames) = self.halves.get_mut(direction.index()) else { break };
            match frames.next(&mut rest) {
                Some(Frame::Message(bytes)) => {
                    if self.message(direction, unwrapped(&bytes)) {
                        let consumed = data.len().saturating_sub(rest.len());
                        return Outcome::Upgrade { protocol: Some("tls"), consumed };
                    }
                }
                Some(Frame::More(_)) => {}
                Some(Frame::Broken) => self.fail(direction, Event::InvalidData),
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
            if let Some(exchange) = self.queue.get_mut(id) {
                exchange.finish(direction);
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }

    fn left(&mut self, direction: Direction) -> Vec<u8> {
        self.halves.get_mut(direction.index()).map(Frames::take_held).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::inspect::Transaction as _;

    fn fed(transport: Transport, turns: &[(Direction, &[u8])]) -> (LdapSession, Outcome) {
        let mut session = LdapSession::new(transport);
        let mut outcome = Outcome::Continue;
        for (direction, bytes) in turns {
            outcome = session.feed(*direction, bytes, &mut Context::default());
        }
        (session, outcome)
    }

    const TLS_WANTED: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

    #[test]
    fn an_agreed_tls_ends_what_can_be_read() {
        let answer = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x16\x03";
        let (_, outcome) = fed(Transport::Tcp, &[(Direction::ToServer, TLS_WANTED), (Direction::ToClient, answer)]);
        assert_eq!(outcome, Outcome::Upgrade { protocol: Some("tls"), consumed: 14 });
        let refused = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00";
        let (_, outcome) = fed(Transport::Tcp, &[(Direction::ToServer, TLS_WANTED), (Direction::ToClient, refused)]);
        assert_eq!(outcome, Outcome::Continue);
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_said() {
        let answer = b"\x30\x0c\x02\x01\x09\x61\x07\x0a\x01\x31\x04\x00\x04\x00";
        let (session, _) = fed(Transport::Udp, &[(Direction::ToClient, answer)]);
        let exchange = session.transaction(0).expect("held");
        assert_eq!(exchange.events(), [Event::RequestNotFound as u8]);
        assert!(exchange.loggable());
    }

    #[test]
    fn signed_messages_are_unwrapped() {
        let wrapped = [
            &b"\x00\x00\x00\x17\x01\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00"[..],
            b"\x30\x05\x02\x01\x03\x42\x00",
        ]
        .concat();
        let (session, _) = fed(Transport::Tcp, &[(Direction::ToServer, &wrapped)]);
        assert_eq!(session.queue.get(0).map(|exchange| exchange.id), Some(3));
    }
}
