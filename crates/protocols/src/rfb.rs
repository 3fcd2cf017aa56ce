//! RFB, the protocol of VNC: how somebody looks at another screen, up to where the pictures begin.
//!
//! A connection is one transaction.
//! Source: RFC 6143 §7.1 to §7.3; Apple's security type 30 as its clients speak it.

mod connection;

use crate::{
    bytes::Reader,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    Transport,
    inspect::{BufferDecl, FieldDecl, ProtocolDecl, Shape, Transaction, Transactions},
};
use std::ops::Range;

use connection::Connection;

/// Most bytes of a name or a reason that are waited for.
const TEXT_BYTES_MAX: u32 = 4096;
/// Input of one side that waits for its turn.
const WAITING_BYTES_MAX: usize = 16 * 1024;
const VERSION_BYTES: usize = 12;
const CHALLENGE_BYTES: usize = 16;
/// Width, height, pixel format, length of the name.
const SERVER_INIT_BYTES: usize = 24;
const LAST: u8 = 2;
const AUTHENTICATED: u8 = 1;

const NONE: u32 = 1;
const VNC: u32 = 2;
const APPLE: u32 = 30;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "rfb",
    stages_to_server: &["request_started", "request_authenticated", "request_complete"],
    stages_to_client: &["response_started", "response_authenticated", "response_complete"],
    buffers: &[BufferDecl {
        name: "rfb.name",
        to_server: false,
        to_client: true,
        stage: [LAST, LAST],
        shape: Shape::Single,
    }],
    fields: &[
        FieldDecl { name: "rfb.sectype", stage: [AUTHENTICATED, AUTHENTICATED] },
        FieldDecl { name: "rfb.secresult", stage: [AUTHENTICATED, AUTHENTICATED] },
    ],
    events: &["unimplemented_security_type", "unknown_security_result", "malformed_message", "confused_state"],
};

#[derive(Clone, Copy)]
#[repr(u8)]
enum Event {
    UnimplementedSecurityType,
    UnknownSecurityResult,
    MalformedMessage,
}

pub(crate) static RFB: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 6143",
    ports: &[5900, 5901],
    only_on_ports: false,
    guess: |bytes, _, _| {
        const START: &[u8] = b"RFB 00";
        let head = bytes.get(..START.len()).unwrap_or(bytes);
        match (START.starts_with(head), bytes.len() >= VERSION_BYTES) {
            (true, true) if bytes.get(11) == Some(&b'\n') => Guess::Yes,
            (true, false) => Guess::More,
            _ => Guess::No,
        }
    },
    open: |_, _| Box::new(RfbSession::new()),
    sample: &[
        (ToClient, b"RFB 003.008\n"),
        (ToServer, b"RFB 003.008\n"),
        (ToClient, b"\x02\x01\x02"),
        (ToServer, b"\x02"),
        (ToClient, b"0123456789abcdef"),
        (ToServer, b"fedcba9876543210"),
        (ToClient, b"\x00\x00\x00\x00"),
        (ToServer, b"\x01"),
        (
            ToClient,
            b"\x05\x00\x03\x20\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\x00\x00\x00\x00\x00\x00\x05ward3",
        ),
    ],
};

/// What comes next, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    ServerVersion,
    ClientVersion,
    /// Version 3.3: the server decides.
    ServerSecurity,
    SecurityTypes,
    SecurityChoice,
    Challenge,
    Response,
    AppleServer,
    /// The key's length.
    AppleClient(usize),
    Result,
    Reason,
    ClientInit,
    ServerInit,
    /// Pictures, or nothing that can be read.
    Over,
}

#[derive(Debug)]
struct RfbSession {
    connection: Connection,
    state: State,
    waiting: [Vec<u8>; 2],
    ended: [bool; 2],
    released: bool,
}

impl RfbSession {
    fn new() -> Self {
        Self {
            connection: Connection::default(),
            state: State::ServerVersion,
            waiting: Default::default(),
            ended: [false; 2],
            released: false,
        }
    }

    fn minor(&self) -> u32 {
        let [client, server] = self.connection.versions;
        let number = |version: [u8; VERSION_BYTES]| std::str::from_utf8(version.get(8..11)?).ok()?.parse().ok();
        client.or(server).and_then(number).unwrap_or(3)
    }

    fn fail(&mut self, event: Event) -> State {
        self.connection.events.push(event as u8);
        State::Over
    }

    /// Goes on as far as what is there allows.
    fn go_on(&mut self) {
        loop {
            let from = match self.state {
                State::ClientVersion
                | State::SecurityChoice
                | State::Response
                | State::AppleClient(_)
                | State::ClientInit => ToServer,
                State::Over => break,
                _ => ToClient,
            };
            let bytes = self.waiting.get_mut(from.index()).map(std::mem::take).unwrap_or_default();
            let mut reader = Reader::new(&bytes);
            let next = self.step(&mut reader);
            let rest = if next.is_some() { reader.rest().to_vec() } else { bytes };
            if let Some(waiting) = self.waiting.get_mut(from.index()) {
                *waiting = rest;
            }
            match next {
                Some(state) => self.state = state,
                None => break,
            }
        }
        if self.state == State::Over {
            self.connection.progress = LAST;
            self.waiting = Default::default();
        }
    }

    /// One step; `None` when it needs more bytes.
    fn step(&mut self, reader: &mut Reader<'_>) -> Option<State> {
        let connection = &mut self.connection;
        Some(match self.state {
            State::ServerVersion | State::ClientVersion => {
                let version = *reader.take(VERSION_BYTES)?.first_chunk()?;
                if !version.starts_with(b"RFB ") {
                    return Some(self.fail(Event::MalformedMessage));
                }
                if self.state == State::ServerVersion {
                    connection.versions[1] = Some(version);
                    return Some(State::ClientVersion);
                }
                connection.versions[0] = Some(version);
                if self.minor() < 7 { State::ServerSecurity } else { State::SecurityTypes }
            }
            State::ServerSecurity => {
                let security = reader.u32()?;
                self.chosen(security)
            }
            State::SecurityTypes => {
                let count = usize::from(reader.u8()?);
                reader.take(count)?;
                if count == 0 { State::Reason } else { State::SecurityChoice }
            }
            State::SecurityChoice => {
                let security = u32::from(reader.u8()?);
                self.chosen(security)
            }
            State::Challenge => {
                connection.challenge = reader.take(CHALLENGE_BYTES)?.to_vec();
                State::Response
            }
            State::Response => {
                connection.response = reader.take(CHALLENGE_BYTES)?.to_vec();
                State::Result
            }
            State::AppleServer => {
                reader.u16()?;
                let key = usize::from(reader.u16()?);
                reader.take(key.checked_mul(2)?)?;
                State::AppleClient(key)
            }
            State::AppleClient(key) => {
                reader.take(key.checked_add(128)?)?;
                State::Result
            }
            State::Result => {
                let result = reader.u32()?;
                connection.result = Some(result);
                connection.progress = AUTHENTICATED;
                match result {
                    0 => State::ClientInit,
                    1 | 2 if self.minor() >= 8 => State::Reason,
                    1 | 2 => State::Over,
                    _ => self.fail(Event::UnknownSecurityResult),
                }
            }
            State::Reason => {
                let length = reader.u32()?;
                if length > TEXT_BYTES_MAX {
                    return Some(self.fail(Event::MalformedMessage));
                }
                connection.reason = Some(reader.take(usize::try_from(length).ok()?)?.to_vec());
                State::Over
            }
            State::ClientInit => {
                connection.shared = Some(reader.u8()? != 0);
                State::ServerInit
            }
            State::ServerInit => {
                let screen = *reader.take(SERVER_INIT_BYTES)?.first_chunk::<SERVER_INIT_BYTES>()?;
                let length = screen.last_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
                if length > TEXT_BYTES_MAX {
                    return Some(self.fail(Event::MalformedMessage));
                }
                connection.name = Some(reader.take(usize::try_from(length).ok()?)?.to_vec());
                connection.screen = Some(screen);
                State::Over
            }
            State::Over => return None,
        })
    }

    fn chosen(&mut self, security: u32) -> State {
        self.connection.security = Some(security);
        match security {
            0 => State::Reason,
            NONE if self.minor() >= 8 => State::Result,
            NONE => {
                self.connection.progress = AUTHENTICATED;
                State::ClientInit
            }
            VNC => State::Challenge,
            APPLE => State::AppleServer,
            _ => self.fail(Event::UnimplementedSecurityType),
        }
    }

    fn outcome(&self) -> Outcome {
        if self.state == State::Over { Outcome::Done } else { Outcome::Continue }
    }
}

impl Transactions for RfbSession {
    fn live(&self) -> Range<u64> {
        if self.released { 1..1 } else { 0..1 }
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        (id == 0 && !self.released).then_some(&self.connection as &dyn Transaction)
    }
}

impl Session for RfbSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.state == State::Over {
            return Outcome::Done;
        }
        let Some(waiting) = self.waiting.get_mut(direction.index()) else { return Outcome::Continue };
        if waiting.len().saturating_add(data.len()) > WAITING_BYTES_MAX {
            let room = WAITING_BYTES_MAX.saturating_sub(waiting.len());
            waiting.extend_from_slice(data.get(..room).unwrap_or_default());
            self.go_on();
            if self.state != State::Over {
                self.state = self.fail(Event::MalformedMessage);
                self.go_on();
            }
            return self.outcome();
        }
        waiting.extend_from_slice(data);
        self.go_on();
        self.outcome()
    }

    fn gap(&mut self, _: Direction, _: u64, _: &mut Context) -> Outcome {
        self.state = State::Over;
        self.go_on();
        self.outcome()
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if let Some(ended) = self.ended.get_mut(direction.index()) {
            *ended = true;
        }
        if self.ended == [true, true] {
            self.state = State::Over;
            self.go_on();
        }
    }

    fn release(&mut self, id: u64) {
        self.released |= id == 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::json::Writer;

    fn record(turns: &[(Direction, &[u8])]) -> String {
        let mut session = RfbSession::new();
        for (direction, bytes) in turns {
            session.feed(*direction, bytes, &mut Context::default());
        }
        let mut out = Writer::new();
        out.begin_object();
        session.connection.write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    #[test]
    fn a_screen_is_told_with_its_name() {
        let text = record(RFB.sample);
        assert!(text.contains(r#""client_protocol_version":{"major":"003","minor":"008"}"#), "{text}");
        assert!(
            text.contains(r#""security_result":"OK""#) && text.contains(r#""width":1280,"height":800,"name":"ward3""#),
            "{text}"
        );
    }

    #[test]
    fn a_refusal_has_its_reason() {
        let text = record(&[
            (ToClient, b"RFB 003.008\n"),
            (ToServer, b"RFB 003.008\n"),
            (ToClient, b"\x00\x00\x00\x00\x04busy"),
        ]);
        assert!(text.contains(r#""server_security_failure_reason":"busy""#), "{text}");
    }

    #[test]
    fn old_servers_decide_alone() {
        let text = record(&[
            (ToClient, b"RFB 003.003\n"),
            (ToServer, b"RFB 003.003\n"),
            (ToClient, b"\x00\x00\x00\x01"),
            (ToServer, b"\x00"),
        ]);
        assert!(text.contains(r#""authentication":{"security_type":1},"screen_shared":false"#), "{text}");
    }
}
