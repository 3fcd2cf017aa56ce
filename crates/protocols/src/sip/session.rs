//! Messages of one flow: a datagram each, or one behind the other in a stream.

use super::message::{Event, Message};
use crate::{
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Outcome, Session},
};
use phitak_model::{Direction, Transport};

/// Messages held at once.
const HELD_MAX: usize = 256;
/// Most bytes of a head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a body that are kept.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Default)]
struct Half {
    /// A head without its end.
    head: Vec<u8>,
    /// A message whose body is on its way: bytes still to come, and what is kept.
    open: Option<(Message, u64, Vec<u8>)>,
    lost: bool,
}

#[derive(Debug)]
pub(super) struct SipSession {
    queue: Queue<Message>,
    halves: [Half; 2],
    transport: Transport,
}

transactions_of!(SipSession, queue);

/// Where the head ends, its blank line included; the search begins at `from`.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    while let Some(found) = memchr::memchr(b'\n', bytes.get(at..)?) {
        at = at.saturating_add(found).saturating_add(1);
        match bytes.get(at..)? {
            [b'\n', ..] => return at.checked_add(1),
            [b'\r', b'\n', ..] => return at.checked_add(2),
            _ => {}
        }
    }
    None
}

impl SipSession {
    pub(super) fn new(transport: Transport) -> Self {
        Self { queue: Queue::new(HELD_MAX), halves: Default::default(), transport }
    }

    fn datagram(&mut self, direction: Direction, data: &[u8]) {
        let end = head_end(data, 0);
        let (head, body) = data.split_at(end.unwrap_or(data.len()).min(data.len()));
        let mut message = Message::new(direction, head.to_vec());
        if end.is_none() {
            message.raise(Event::IncompleteData);
        }
        let length = message.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(body.len());
        if length > body.len() {
            message.raise(Event::IncompleteData);
        }
        message.set_body(body.get(..length.min(BODY_BYTES_MAX)).unwrap_or(body));
        self.queue.push(message);
    }

    /// Stream bytes; answers what is left of them.
    fn stream<'a>(&mut self, direction: Direction, mut data: &'a [u8]) -> &'a [u8] {
        let Some(half) = self.halves.get_mut(direction.index()) else { return &[] };
        if half.lost {
            return &[];
        }
        if let Some((mut message, left, mut body)) = half.open.take() {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
            let (piece, rest) = data.split_at(here);
            let room = BODY_BYTES_MAX.saturating_sub(body.len()).min(piece.len());
            body.extend_from_slice(piece.get(..room).unwrap_or_default());
            let left = left.saturating_sub(here as u64);
            if left > 0 {
                half.open = Some((message, left, body));
            } else {
                message.set_body(&body);
                self.queue.push(message);
            }
            return rest;
        }
        // Blank lines between messages keep a connection alive.
        if half.head.is_empty() {
            let blank = data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            data = data.get(blank..).unwrap_or_default();
        }
        let before = half.head.len();
        let room = HEAD_BYTES_MAX.saturating_sub(before).min(data.len());
        half.head.extend_from_slice(data.get(..room).unwrap_or_default());
        let Some(end) = head_end(&half.head, before) else {
            if half.head.len() >= HEAD_BYTES_MAX {
                half.lost = true;
                half.head = Vec::new();
            }
            return data.get(room..).unwrap_or_default();
        };
        half.head.truncate(end);
        let message = Message::new(direction, std::mem::take(&mut half.head));
        match message.length() {
            Some(length) if length > 0 => half.open = Some((message, length, Vec::new())),
            _ => {
                self.queue.push(message);
            }
        }
        data.get(end.saturating_sub(before)..).unwrap_or_default()
    }

    /// What is incomplete is told as far as it is known.
    fn cut(&mut self, direction: Direction) {
        let Some(half) = self.halves.get_mut(direction.index()) else { return };
        half.lost = true;
        let head = std::mem::take(&mut half.head);
        let message = match half.open.take() {
            Some((mut message, _, body)) => {
                message.set_body(&body);
                Some(message)
            }
            None if memchr::memchr(b'\n', &head).is_some() => Some(Message::new(direction, head)),
            None => None,
        };
        if let Some(mut message) = message {
            message.raise(Event::IncompleteData);
            self.queue.push(message);
        }
    }
}

impl Session for SipSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.transport == Transport::Udp {
            // A datagram of blank lines keeps a path through address translation open.
            if !data.trim_ascii().is_empty() && !data.iter().all(|byte| *byte == 0) {
                self.datagram(direction, data);
            }
            return Outcome::Continue;
        }
        let mut rest = data;
        while !rest.is_empty() {
            rest = self.stream(direction, rest);
        }
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, _: u64, _: &mut Context) -> Outcome {
        self.cut(direction);
        if self.halves.iter().all(|half| half.lost) { Outcome::Failed } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        self.cut(direction);
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::{
        inspect::{Transaction as _, Transactions as _},
        json::Writer,
    };

    fn record(session: &SipSession, id: u64) -> String {
        let mut out = Writer::new();
        out.begin_object();
        session.transaction(id).expect("held").write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    fn named(session: &SipSession, id: u64, direction: Direction, name: &str) -> Option<String> {
        let number = super::super::message::BUFFERS.iter().position(|buffer| buffer.name == name)?;
        let mut scratch = Vec::new();
        let view = session.transaction(id)?.buffer(u8::try_from(number).ok()?, direction, 0, &mut scratch)?;
        Some(String::from_utf8_lossy(view.bytes).into_owned())
    }

    #[test]
    fn a_datagram_is_a_message() {
        let mut session = SipSession::new(Transport::Udp);
        let text =
            b"REGISTER sip:hospital.example SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.9\r\nFrom: a\r\nContent-Length: 0\r\n\r\n";
        session.feed(Direction::ToServer, text, &mut Context::default());
        session.feed(Direction::ToServer, b"\r\n\r\n", &mut Context::default());
        session.feed(Direction::ToClient, b"SIP/2.0 401 Not Authorized\r\nTo: b\r\n\r\n", &mut Context::default());
        assert_eq!(session.live(), 0..2);
        assert_eq!(
            record(&session, 0),
            r#"{"sip":{"method":"REGISTER","uri":"sip:hospital.example","version":"SIP/2.0","request_line":"REGISTER sip:hospital.example SIP/2.0"}}"#
        );
        assert!(record(&session, 1).contains(r#""code":"401","reason":"Not Authorized""#));
        let to_server = |name| named(&session, 0, Direction::ToServer, name);
        assert_eq!(to_server("sip.via").as_deref(), Some("SIP/2.0/UDP 10.0.0.9"));
        assert_eq!(to_server("frame:request.line").as_deref(), Some("REGISTER sip:hospital.example SIP/2.0\r\n"));
        assert_eq!(
            to_server("frame:request.headers").as_deref(),
            Some("v: SIP/2.0/UDP 10.0.0.9\r\nFrom: a\r\nContent-Length: 0\r\n")
        );
        assert_eq!(to_server("frame:response.line"), None);
    }

    #[test]
    fn what_is_cut_is_said() {
        let mut session = SipSession::new(Transport::Tcp);
        session.feed(Direction::ToServer, b"BYE sip:a SIP/2.0\r\nl: 10\r\n\r\nabc", &mut Context::default());
        session.end(Direction::ToServer, &mut Context::default());
        assert_eq!(session.transaction(0).expect("held").events(), [Event::IncompleteData as u8]);
        assert_eq!(named(&session, 0, Direction::ToServer, "frame:request.body").as_deref(), Some("abc"));
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let mut session = SipSession::new(Transport::Tcp);
        let line = [b'a'; 1000];
        for _ in 0..100 {
            session.feed(Direction::ToServer, &line, &mut Context::default());
        }
        assert!(session.halves[0].lost && session.halves[0].head.is_empty());
    }
}
