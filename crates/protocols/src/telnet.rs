//! Telnet: that somebody logged in over it, in clear.
//!
//! Source: RFC 854 (commands), RFC 855 (options). A log-in is a password prompt of the server, a line of the client, and
//! then text of the server that neither refuses nor asks again.

use crate::{
    quiet::{NoTransactions, declare, transactions_of},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{Direction, Fact, Transport, inspect::ProtocolDecl};

/// Most bytes of the server's current line that are looked at.
const LINE_BYTES_MAX: usize = 512;

static DECL: ProtocolDecl = declare("telnet");

pub(crate) static TELNET: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 854",
    ports: &[23, 2323],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(TelnetSession::default()),
    sample: &[
        (Direction::ToClient, b"\xff\xfd\x18\xff\xfb\x01\r\nward-switch login: "),
        (Direction::ToServer, b"\xff\xfb\x18\xff\xfd\x01admin\r\n"),
        (Direction::ToClient, b"admin\r\nPassword: "),
        (Direction::ToServer, b"secret\r\n"),
        (Direction::ToClient, b"\r\nLast login: Mon from 10.0.0.5\r\n$ "),
    ],
};

const INTERPRET: u8 = 0xff;
const SUBNEGOTIATION: u8 = 0xfa;
const SUBNEGOTIATION_END: u8 = 0xf0;

/// An option negotiation at the beginning (RFC 854: WILL, WON'T, DO, DON'T).
fn guess(bytes: &[u8], _: Direction, _: Transport) -> Guess {
    match bytes {
        [INTERPRET, 0xfb..=0xfe, 0..=0x31 | 0xff, ..] => Guess::Yes,
        [] | [INTERPRET] | [INTERPRET, 0xfb..=0xfe] => Guess::More,
        _ => Guess::No,
    }
}

/// Where the option negotiation in one direction stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Command {
    #[default]
    Text,
    Interpret,
    Option,
    Sub,
    SubInterpret,
}

impl Command {
    /// Takes a byte; whether it is text.
    fn step(&mut self, byte: u8) -> bool {
        let (next, is_text) = match (*self, byte) {
            (Self::Text, INTERPRET) => (Self::Interpret, false),
            (Self::Text, _) => (Self::Text, true),
            (Self::Interpret, INTERPRET) => (Self::Text, true),
            (Self::Interpret, SUBNEGOTIATION) => (Self::Sub, false),
            (Self::Interpret, 0xfb..=0xfe) => (Self::Option, false),
            (Self::Interpret | Self::Option, _) => (Self::Text, false),
            (Self::Sub, INTERPRET) => (Self::SubInterpret, false),
            (Self::Sub, _) => (Self::Sub, false),
            (Self::SubInterpret, SUBNEGOTIATION_END) => (Self::Text, false),
            (Self::SubInterpret, _) => (Self::Sub, false),
        };
        *self = next;
        is_text
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LogIn {
    #[default]
    Waiting,
    /// The server asked for a password.
    Asked,
    /// The client has sent a line since.
    Given,
    Done,
}

#[derive(Debug, Default)]
struct TelnetSession {
    none: NoTransactions,
    commands: [Command; 2],
    line: Vec<u8>,
    log_in: LogIn,
}

transactions_of!(TelnetSession, none);

impl TelnetSession {
    fn from_server(&mut self, byte: u8, context: &mut Context) {
        match byte {
            b'\r' | 0 => {}
            b'\n' => {
                if self.log_in == LogIn::Given && self.accepts() {
                    self.accepted(context);
                }
                self.line.clear();
            }
            _ if self.line.len() < LINE_BYTES_MAX => {
                self.line.push(byte.to_ascii_lowercase());
                self.prompt(context);
            }
            _ => {}
        }
    }

    /// Looks at the line so far: prompts have no line end.
    fn prompt(&mut self, context: &mut Context) {
        let line = self.line.trim_ascii_end();
        if line.ends_with(b"password:") || line.ends_with(b"passcode:") {
            self.log_in = LogIn::Asked;
        } else if self.log_in == LogIn::Given {
            let is_shell = matches!(line, [.., b'$' | b'#' | b'>' | b'%']) && self.line.last() == Some(&b' ');
            if asks_again(line) {
                self.log_in = LogIn::Waiting;
            } else if is_shell && self.accepts() {
                self.accepted(context);
            }
        }
    }

    /// Whether a line after the password is neither empty nor a refusal.
    fn accepts(&mut self) -> bool {
        const REFUSALS: &[&[u8]] =
            &[b"incorrect", b"fail", b"invalid", b"denied", b"bad ", b"wrong", b"refused", b"closed", b"timed out"];
        let line = self.line.trim_ascii();
        if REFUSALS.iter().any(|word| memchr::memmem::find(line, word).is_some()) {
            self.log_in = LogIn::Waiting;
            return false;
        }
        line.iter().any(u8::is_ascii_alphanumeric) || line.ends_with(b"$") || line.ends_with(b"#")
    }

    fn accepted(&mut self, context: &mut Context) {
        self.log_in = LogIn::Done;
        context.server_fact(Fact::TelnetLogin { port: context.server_port });
    }
}

fn asks_again(line: &[u8]) -> bool {
    let last = |word: &[u8]| line.ends_with(word);
    (last(b"login:") && !last(b"last login:")) || last(b"username:") || last(b"user:")
}

impl Session for TelnetSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        if self.log_in == LogIn::Done {
            return Outcome::Continue;
        }
        for byte in data {
            let Some(command) = self.commands.get_mut(direction.index()) else { break };
            if !command.step(*byte) {
                continue;
            }
            match direction {
                Direction::ToClient => self.from_server(*byte, context),
                Direction::ToServer if self.log_in == LogIn::Asked && matches!(byte, b'\r' | b'\n') => {
                    self.log_in = LogIn::Given;
                    self.line.clear();
                }
                Direction::ToServer => {}
            }
        }
        Outcome::Continue
    }

    fn gap(&mut self, _: Direction, _: u64, _: &mut Context) -> Outcome {
        self.line.clear();
        if self.log_in != LogIn::Done {
            self.log_in = LogIn::Waiting;
        }
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, _: u64) {}
}
