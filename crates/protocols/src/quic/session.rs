//! One connection's datagrams up to both hellos.

use super::{
    crypto_stream::CryptoStream,
    frame,
    google::{self, ClientHello},
    header::{Header, Kind, Layout, Version},
    keys::Keys,
    packet::{Event, Packet},
};
use crate::{
    bytes::Reader,
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Outcome, Session},
    tls::hello::Hello,
};
use phitak_model::Direction;

/// Packets held at once.
const HELD_MAX: usize = 64;
/// Packets of one datagram that are looked at.
const COALESCED_MAX: usize = 16;
/// Packets of one direction that are looked into before its hello counts as unreadable.
const TRIES_MAX: u16 = 64;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

#[derive(Debug, Default)]
struct Half {
    crypto: CryptoStream,
    /// Where the message begins in the stream, with Google's versions: a client may say hello more than once.
    base: u64,
    /// The hello was read, or never will be.
    done: bool,
    tries: u16,
}

#[derive(Debug)]
pub(super) struct QuicSession {
    queue: Queue<Packet>,
    halves: [Half; 2],
    keys: Option<Keys>,
    /// RFC 9000 §17.2.5.2: a client takes one Retry and no more.
    retried: bool,
}

transactions_of!(QuicSession, queue);

impl QuicSession {
    pub(super) fn new() -> Self {
        Self { queue: Queue::new(HELD_MAX), halves: Default::default(), keys: None, retried: false }
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        let [to_server, to_client] = &mut self.halves;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    fn fail(&mut self, direction: Direction, version: Option<Version>, event: Event) {
        let mut packet = Packet::new(direction, version);
        packet.raise(event);
        self.queue.push(packet);
    }

    /// One packet; false when what follows in the datagram is of no use.
    fn packet(&mut self, direction: Direction, bytes: &[u8], header: &Header<'_>) -> bool {
        let half = self.half(direction);
        half.tries = half.tries.saturating_add(1);
        half.done |= half.tries >= TRIES_MAX;
        if header.kind == Kind::Retry && direction == Direction::ToClient && !self.retried {
            self.retried = true;
            self.keys = None;
            let client = self.half(Direction::ToServer);
            client.done = false;
            client.crypto.clear();
        }
        if header.kind != Kind::Initial {
            self.queue.push(Packet::new(direction, Some(header.version)));
            return true;
        }
        let is_plain = matches!(header.version.layout(), Layout::GoogleLong | Layout::GooglePublic);
        if is_plain {
            self.frames(direction, header.rest, header.version);
            return true;
        }
        let whole = bytes.get(..header.length.saturating_add(header.rest.len())).unwrap_or_default();
        match self.open(direction, whole, header) {
            Some(frames) => {
                self.frames(direction, &frames, header.version);
                true
            }
            None => {
                self.fail(direction, Some(header.version), Event::FailedDecrypt);
                self.half(direction).done = true;
                false
            }
        }
    }

    /// The frames inside. Keys come from the client's first packet; after a Retry that nobody saw, or when ports are
    /// used again, from the packet itself.
    fn open(&mut self, direction: Direction, packet: &[u8], header: &Header<'_>) -> Option<Vec<u8>> {
        if let Some(keys) = &self.keys
            && let Some(frames) = keys.open(direction, packet, header)
        {
            return Some(frames);
        }
        if direction == Direction::ToClient {
            return None;
        }
        let keys = Keys::new(header.version, header.dcid)?;
        let frames = keys.open(direction, packet, header)?;
        if self.keys.replace(keys).is_some() {
            self.half(direction).crypto.clear();
        }
        Some(frames)
    }

    fn frames(&mut self, direction: Direction, frames: &[u8], version: Version) {
        let mut packet = Packet::new(direction, Some(version));
        let (pieces, whole) = frame::pieces(frames, version);
        if !whole {
            packet.raise(Event::ErrorOnData);
        }
        let half = self.half(direction);
        let mut too_long = false;
        for mut piece in pieces {
            if google::is_message(piece.bytes) && piece.offset != half.base {
                half.base = piece.offset;
                half.crypto.clear();
            }
            piece.offset = piece.offset.saturating_sub(half.base);
            too_long |= half.crypto.add(piece).is_err();
        }
        if too_long {
            packet.raise(Event::CryptoFragTooLong);
        }
        half.done |= hello(half.crypto.bytes(), direction, version, &mut packet);
        if half.done {
            half.crypto.clear();
        }
        self.queue.push(packet);
    }
}

/// Reads the hello when it is there in whole. True when nothing more is to be read.
fn hello(bytes: &[u8], direction: Direction, version: Version, packet: &mut Packet) -> bool {
    if google::is_message(bytes) {
        let Some(hello) = ClientHello::parse(bytes) else { return false };
        packet.google_hello(hello, version);
        return true;
    }
    let mut reader = Reader::new(bytes);
    let (Some(kind), Some(length)) = (reader.u8(), reader.u24()) else { return false };
    let wanted = if direction == Direction::ToServer { CLIENT_HELLO } else { SERVER_HELLO };
    if kind != wanted {
        packet.raise(Event::ErrorOnData);
        return true;
    }
    let Some(body) = usize::try_from(length).ok().and_then(|length| reader.take(length)) else { return false };
    let mut broken = false;
    let hello = match direction {
        Direction::ToServer => Hello::client(body, &mut |_| broken = true),
        Direction::ToClient => Hello::server(body, &mut |_| broken = true),
    };
    if broken {
        packet.raise(Event::ErrorOnData);
    }
    packet.tls_hello(hello);
    true
}

impl Session for QuicSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let mut rest = data;
        for _ in 0..COALESCED_MAX {
            if rest.is_empty() || self.half(direction).done {
                break;
            }
            // Padding after the last packet.
            if rest.iter().all(|byte| *byte == 0) {
                break;
            }
            let Some(header) = Header::parse(rest) else {
                self.fail(direction, None, Event::ErrorOnHeader);
                self.half(direction).done = true;
                break;
            };
            if header.kind == Kind::Short || !self.packet(direction, rest, &header) {
                break;
            }
            rest = header.next;
        }
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
    use phitak_model::{
        inspect::{Transaction as _, Transactions as _},
        json::Writer,
    };

    fn record(session: &QuicSession, id: u64) -> String {
        let mut out = Writer::new();
        out.begin_object();
        session.transaction(id).expect("held").write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    /// A ClientHello for `his.example`, as a message with its header.
    fn client_hello() -> Vec<u8> {
        let mut body = b"\x03\x03".to_vec();
        body.extend([7; 32]);
        body.extend(
            b"\0\0\x02\x13\x01\x01\0\0\x1e\0\0\0\x10\0\x0e\0\0\x0bhis.example\0\x10\0\x05\0\x03\x02h3\x2a\x2a\0\x01\0",
        );
        body[41] = 0x1f;
        body.truncate(body.len());
        let mut message = vec![1, 0, 0, u8::try_from(body.len()).expect("short")];
        message.extend(body);
        message
    }

    #[test]
    fn a_hello_in_two_packets_is_read_with_the_second() {
        let mut session = QuicSession::new();
        let hello = client_hello();
        let (first, second) = hello.split_at(30);
        let frame = |offset: u8, bytes: &[u8]| {
            let mut frame = vec![6, offset, u8::try_from(bytes.len()).expect("short")];
            frame.extend(bytes);
            frame
        };
        session.frames(Direction::ToServer, &frame(30, second), Version::V1);
        assert_eq!(record(&session, 0), r#"{"quic":{"version":"1"}}"#);
        session.frames(Direction::ToServer, &frame(0, first), Version::V1);
        let text = record(&session, 1);
        assert!(text.contains(r#""sni":"his.example""#), "{text}");
        assert!(text.contains(r#""ja4":"q12d0102h3_"#), "{text}");
        assert!(text.contains(r#"{"name":"alpn","type":16,"values":["h3"]}"#), "{text}");
        assert!(session.half(Direction::ToServer).done);
    }

    #[test]
    fn what_does_not_open_is_said_once() {
        let mut session = QuicSession::new();
        let mut packet = b"\xc3\0\0\0\x01\x08\x01\x02\x03\x04\x05\x06\x07\x08\0\0\x20".to_vec();
        packet.extend([0x55; 32]);
        for _ in 0..3 {
            session.feed(Direction::ToServer, &packet, &mut Context::default());
        }
        assert_eq!(session.live(), 0..1);
        assert_eq!(session.transaction(0).expect("held").events(), [Event::FailedDecrypt as u8]);
    }

    #[test]
    fn packets_without_end_are_not_tried_for_ever() {
        let mut session = QuicSession::new();
        let handshake = b"\xe3\0\0\0\x01\0\0\x01\0";
        for _ in 0..1000 {
            session.feed(Direction::ToServer, handshake, &mut Context::default());
        }
        assert_eq!(session.live().end, u64::from(TRIES_MAX));
    }
}
