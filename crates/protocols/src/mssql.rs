//! Microsoft SQL Server: that somebody logged in, with or without TLS.
//!
//! Source: [MS-TDS] §2.2.3 (packet header), §2.2.6.5 (PRELOGIN), §2.2.6.4 (LOGIN7), §2.2.7.14 (LOGINACK).

use crate::{
    bytes::Reader,
    frames::{Frame, Frames},
    quiet::{NoTransactions, declare, transactions_of},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{Database, Direction, Fact, Transport, inspect::ProtocolDecl};

/// Bytes kept of each packet: a packet is at most 32 KiB, what is of interest stands in front.
const PACKET_BYTES_KEPT: usize = 4096;
const HEADER_BYTES: usize = 8;
const PRELOGIN: u8 = 0x12;
const LOGIN7: u8 = 0x10;
const RESPONSE: u8 = 0x04;
const TOKEN_LOGIN_ACK: u8 = 0xad;
const TOKEN_ERROR: u8 = 0xaa;

static DECL: ProtocolDecl = declare("mssql");

pub(crate) static MSSQL: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "MS-TDS",
    ports: &[1433],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(MssqlSession::default()),
    sample: &[
        (
            Direction::ToServer,
            b"\x12\x01\x00\x1a\x00\x00\x01\x00\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x0f\x00\x07\xd0\x00\x00\x02",
        ),
        (
            Direction::ToClient,
            b"\x04\x01\x00\x1a\x00\x00\x01\x00\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x0f\x00\x07\xd0\x00\x00\x02",
        ),
        (Direction::ToServer, b"\x10\x01\x00\x0c\x00\x00\x01\x00\x04\x00\x00\x00"),
        (Direction::ToClient, b"\x04\x01\x00\x10\x00\x00\x01\x00\xad\x04\x00\x01\x74\x00\x00\x04"),
    ],
};

/// A client begins with a PRELOGIN whose first option is the version.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    if direction == Direction::ToClient {
        return Guess::No;
    }
    match *bytes {
        [PRELOGIN, 0 | 1, high, low, _, _, _, _, token, ..] => {
            let length = u16::from_be_bytes([high, low]);
            if (9..=4096).contains(&length) && token == 0 { Guess::Yes } else { Guess::No }
        }
        [] | [PRELOGIN] => Guess::More,
        [PRELOGIN, 0 | 1, ..] => Guess::More,
        _ => Guess::No,
    }
}

fn length(header: &[u8]) -> Option<u64> {
    let length = u16::from_be_bytes(header.get(2..4)?.try_into().ok()?);
    (usize::from(length) >= HEADER_BYTES).then_some(u64::from(length))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Prelogin,
    /// Both have said what they want.
    Agreed,
    LogIn,
    Queries,
}

#[derive(Debug)]
struct MssqlSession {
    none: NoTransactions,
    frames: [Frames; 2],
    state: State,
}

impl Default for MssqlSession {
    fn default() -> Self {
        let frames = || Frames::new(HEADER_BYTES, PACKET_BYTES_KEPT, length);
        Self { none: NoTransactions, frames: [frames(), frames()], state: State::Prelogin }
    }
}

transactions_of!(MssqlSession, none);

impl MssqlSession {
    fn packet(&mut self, direction: Direction, packet: &[u8], context: &mut Context) {
        let (kind, body) = (packet.first().copied().unwrap_or(0), packet.get(HEADER_BYTES..).unwrap_or_default());
        match (self.state, direction, kind) {
            (State::Prelogin, Direction::ToClient, RESPONSE) => self.state = State::Agreed,
            // TLS records travel inside PRELOGIN packets: the log-in that follows is hidden.
            (State::Agreed, Direction::ToServer, PRELOGIN) if body.starts_with(&[0x16, 0x03]) => {
                context.server_fact(login(context.server_port, true));
                self.state = State::Queries;
            }
            (State::Prelogin | State::Agreed, Direction::ToServer, LOGIN7) => self.state = State::LogIn,
            (State::LogIn, Direction::ToClient, RESPONSE) => self.answer(body, context),
            _ => {}
        }
    }

    /// Tokens of a response: those before the acknowledgement have a length of two bytes.
    fn answer(&mut self, body: &[u8], context: &mut Context) {
        let mut reader = Reader::new(body);
        while let Some(token) = reader.u8() {
            match token {
                TOKEN_LOGIN_ACK => {
                    context.server_fact(login(context.server_port, false));
                    self.state = State::Queries;
                    return;
                }
                TOKEN_ERROR => {
                    self.state = State::Queries;
                    return;
                }
                _ => {
                    let Some(length) = reader.u16_le() else { return };
                    if reader.take(usize::from(length)).is_none() {
                        return;
                    }
                }
            }
        }
    }
}

impl Session for MssqlSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let mut rest = data;
        while self.state != State::Queries
            && let Some(frames) = self.frames.get_mut(direction.index())
            && let Some(frame) = frames.next(&mut rest)
        {
            let Frame::Message(packet) = frame else { return Outcome::Failed };
            self.packet(direction, &packet, context);
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
}

fn login(port: u16, tls: bool) -> Fact {
    Fact::DatabaseLogin { port, database: Database::Mssql, tls }
}
