//! MySQL and MariaDB: that somebody logged in, with or without TLS.
//!
//! Source: MySQL Internals, "Connection Phase": Protocol::Handshake (v10), SSLRequest, HandshakeResponse41, OK and ERR.

use crate::{
    bytes::Reader,
    frames::{Frame, Frames},
    quiet::{NoTransactions, declare, transactions_of},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{Database, Direction, Fact, Transport, inspect::ProtocolDecl};

/// Bytes kept of each packet.
const PACKET_BYTES_KEPT: usize = 512;
const CLIENT_SSL: u32 = 0x0800;
const CLIENT_PROTOCOL_41: u32 = 0x0200;

static DECL: ProtocolDecl = declare("mysql");

pub(crate) static MYSQL: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "MySQL client/server protocol, connection phase",
    ports: &[3306],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(MysqlSession::default()),
    sample: &[
        (
            Direction::ToClient,
            b"\x34\x00\x00\x00\x0a8.0.36\x00\x07\x00\x00\x00abcdefgh\x00\xff\xff\x21\x02\x00\xff\xc7\x15\
              \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00ijklmnopqrst\x00",
        ),
        (
            Direction::ToServer,
            b"\x29\x00\x00\x01\x05\xa2\x3a\x00\x00\x00\x00\x01\x21\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
              \x00\x00\x00\x00\x00\x00\x00\x00\x00his\x00\x04abcd",
        ),
        (Direction::ToClient, b"\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00"),
    ],
};

/// The server speaks first: packet 0, protocol version 10, a version in printable text.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match (direction, bytes) {
        (Direction::ToClient, [length, 0, 0, 0, 10, text @ ..]) if *length >= 20 => {
            let end = text.iter().position(|byte| *byte == 0);
            let version = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
            if !version.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') || version.len() > 64 {
                Guess::No
            } else if end.is_some_and(|end| end > 0) {
                Guess::Yes
            } else {
                Guess::More
            }
        }
        (Direction::ToClient, [] | [_] | [_, 0] | [_, 0, 0] | [_, 0, 0, 0]) => Guess::More,
        (Direction::ToClient, _) => Guess::No,
        // A client's log-in answers packet 0 with packet 1; the greeting tells more.
        (Direction::ToServer, [_, _, 0, 1, ..] | [] | [_] | [_, _] | [_, _, _]) => Guess::More,
        (Direction::ToServer, _) => Guess::No,
    }
}

/// Three bytes of length, one of sequence.
fn length(header: &[u8]) -> Option<u64> {
    let [a, b, c, _] = *header else { return None };
    Some(u64::from(u32::from_le_bytes([a, b, c, 0])).saturating_add(4))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    LogIn,
    Answer,
    Commands,
}

#[derive(Debug)]
struct MysqlSession {
    none: NoTransactions,
    frames: [Frames; 2],
    state: State,
}

impl Default for MysqlSession {
    fn default() -> Self {
        let frames = || Frames::new(4, PACKET_BYTES_KEPT, length);
        Self { none: NoTransactions, frames: [frames(), frames()], state: State::Greeting }
    }
}

transactions_of!(MysqlSession, none);

impl Session for MysqlSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let mut rest = data;
        while self.state != State::Commands
            && let Some(frames) = self.frames.get_mut(direction.index())
            && let Some(frame) = frames.next(&mut rest)
        {
            let Frame::Message(message) = frame else { return Outcome::Failed };
            let body = message.get(4..).unwrap_or_default();
            match (self.state, direction) {
                (State::Greeting, Direction::ToClient) => self.state = State::LogIn,
                (State::Greeting | State::LogIn, Direction::ToServer) => {
                    let mut reader = Reader::new(body);
                    let capabilities = reader.u32_le().unwrap_or(0);
                    if capabilities & CLIENT_SSL != 0 && capabilities & CLIENT_PROTOCOL_41 != 0 && body.len() == 32 {
                        context.server_fact(login(context.server_port, true));
                        self.state = State::Commands;
                        let consumed = data.len().saturating_sub(rest.len());
                        return Outcome::Upgrade { protocol: Some("tls"), consumed };
                    }
                    self.state = State::Answer;
                }
                (State::Answer, Direction::ToClient) => match body.first() {
                    Some(0x00) => {
                        context.server_fact(login(context.server_port, false));
                        self.state = State::Commands;
                    }
                    Some(0xff) => self.state = State::Commands,
                    // Another round of authentication.
                    _ => {}
                },
                _ => {}
            }
        }
        Outcome::Continue
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(frames) = self.frames.get_mut(direction.index()) {
            frames.gap(length);
        }
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, _: u64) {}

    fn left(&mut self, direction: Direction) -> Vec<u8> {
        self.frames.get_mut(direction.index()).map(Frames::take_held).unwrap_or_default()
    }
}

fn login(port: u16, tls: bool) -> Fact {
    Fact::DatabaseLogin { port, database: Database::Mysql, tls }
}
