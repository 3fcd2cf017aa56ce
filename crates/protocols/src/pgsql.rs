//! PostgreSQL: that somebody logged in, with or without TLS.
//!
//! Source: PostgreSQL documentation, "Frontend/Backend Protocol", Message Flow: Start-up and SSL Session Encryption.

use crate::{
    frames::{Frame, Frames},
    quiet::{NoTransactions, declare, transactions_of},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{Database, Direction, Fact, Transport, inspect::ProtocolDecl};

/// Bytes kept of each message.
const MESSAGE_BYTES_KEPT: usize = 512;
/// Longest start-up message that is believed.
const STARTUP_BYTES_MAX: u64 = 10_000;
const SSL_REQUEST: &[u8] = &[0x04, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: &[u8] = &[0x04, 0xd2, 0x16, 0x30];
const CANCEL_REQUEST: &[u8] = &[0x04, 0xd2, 0x16, 0x2e];

static DECL: ProtocolDecl = declare("pgsql");

pub(crate) static PGSQL: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "PostgreSQL protocol 3.0",
    ports: &[5432],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(PgsqlSession::default()),
    sample: &[
        (Direction::ToServer, b"\x00\x00\x00\x08\x04\xd2\x16\x2f"),
        (Direction::ToClient, b"N"),
        (Direction::ToServer, b"\x00\x00\x00\x1c\x00\x03\x00\x00user\x00lab\x00database\x00\x00\x00"),
        (Direction::ToClient, b"R\x00\x00\x00\x08\x00\x00\x00\x03"),
        (Direction::ToServer, b"p\x00\x00\x00\x0bsecret\x00"),
        (Direction::ToClient, b"R\x00\x00\x00\x08\x00\x00\x00\x00S\x00\x00\x00\x09a\x00b\x00\x00"),
    ],
};

/// The client speaks first: a length and one of a few codes.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    if direction == Direction::ToClient {
        return Guess::No;
    }
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return if bytes.iter().take(2).all(|byte| *byte == 0) { Guess::More } else { Guess::No };
    };
    let length = u32::from_be_bytes(*length);
    if !(8..=10_000).contains(&length) {
        return Guess::No;
    }
    let known = [SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST, &[0, 3, 0, 0], &[0, 3, 0, 2]];
    let code = rest.get(..4).unwrap_or(rest);
    if !known.iter().any(|known| known.starts_with(code)) {
        return Guess::No;
    }
    if code.len() < 4 { Guess::More } else { Guess::Yes }
}

/// Start-up messages have no type.
fn untyped(header: &[u8]) -> Option<u64> {
    let length = u64::from(u32::from_be_bytes(header.try_into().ok()?));
    (8..=STARTUP_BYTES_MAX).contains(&length).then_some(length)
}

fn typed(header: &[u8]) -> Option<u64> {
    let (kind, length) = header.split_first()?;
    let length = u64::from(u32::from_be_bytes(length.try_into().ok()?));
    (kind.is_ascii_alphanumeric() && length >= 4).then_some(length.saturating_add(1))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Startup,
    /// The client asked for TLS: one letter answers.
    SslAnswer,
    LogIn,
    Queries,
}

#[derive(Debug)]
struct PgsqlSession {
    none: NoTransactions,
    startup: Frames,
    server: Frames,
    state: State,
}

impl Default for PgsqlSession {
    fn default() -> Self {
        Self {
            none: NoTransactions,
            startup: Frames::new(4, MESSAGE_BYTES_KEPT, untyped),
            server: Frames::new(5, MESSAGE_BYTES_KEPT, typed),
            state: State::Startup,
        }
    }
}

transactions_of!(PgsqlSession, none);

impl PgsqlSession {
    fn from_client(&mut self, data: &[u8]) -> Outcome {
        let mut rest = data;
        while self.state == State::Startup
            && let Some(frame) = self.startup.next(&mut rest)
        {
            let Frame::Message(message) = frame else { return Outcome::Failed };
            let code = message.get(4..8).unwrap_or_default();
            self.state = if code == SSL_REQUEST || code == GSS_REQUEST {
                State::SslAnswer
            } else if code == CANCEL_REQUEST {
                State::Queries
            } else {
                State::LogIn
            };
        }
        Outcome::Continue
    }

    fn from_server(&mut self, data: &[u8], context: &mut Context) -> Outcome {
        let mut rest = data;
        if self.state == State::SslAnswer
            && let Some((answer, after)) = rest.split_first()
        {
            match answer {
                b'S' | b'G' => {
                    context.server_fact(login(context.server_port, true));
                    self.state = State::Queries;
                    let protocol = (*answer == b'S').then_some("tls");
                    return Outcome::Upgrade { protocol, consumed: 1 };
                }
                b'N' => {
                    self.state = State::Startup;
                    rest = after;
                }
                // An error message in place of an answer.
                _ => self.state = State::Queries,
            }
        }
        while matches!(self.state, State::LogIn)
            && let Some(frame) = self.server.next(&mut rest)
        {
            let Frame::Message(message) = frame else { return Outcome::Failed };
            match (message.first(), message.get(5..9)) {
                (Some(b'R'), Some([0, 0, 0, 0])) => {
                    context.server_fact(login(context.server_port, false));
                    self.state = State::Queries;
                }
                (Some(b'E'), _) => self.state = State::Queries,
                _ => {}
            }
        }
        Outcome::Continue
    }
}

impl Session for PgsqlSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        match direction {
            Direction::ToServer => self.from_client(data),
            Direction::ToClient if data.is_empty() => Outcome::Continue,
            Direction::ToClient => self.from_server(data, context),
        }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        match direction {
            Direction::ToServer => self.startup.gap(length),
            Direction::ToClient => self.server.gap(length),
        }
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, _: u64) {}
}

fn login(port: u16, tls: bool) -> Fact {
    Fact::DatabaseLogin { port, database: Database::Postgresql, tls }
}
