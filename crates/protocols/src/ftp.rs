//! FTP's control channel: commands with their replies, log-ins, and the switch to TLS.
//!
//! A transaction is a command with its reply; the server's greeting is one without a command.
//! Source: RFC 959, RFC 2428 (EPRT, EPSV), RFC 4217 (AUTH TLS).

use crate::{
    lines::{Line, Lines},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session, Settings},
};
use phitak_model::{
    Direction, Fact, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction},
    json::Writer,
};
use std::net::{IpAddr, Ipv4Addr};

/// Most bytes of a command or reply line.
const LINE_BYTES_MAX: usize = 4096;
/// Most lines of one reply.
const REPLY_LINES_MAX: usize = 256;
/// Commands without a reply (`max-tx`), and what may be held beyond them.
const OPEN_MAX: u64 = 1024;
const HELD_EXTRA: usize = 16;
const COMPLETE: u8 = 1;

const fn buffer(name: &'static str, to_server: bool, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client: !to_server, stage: [COMPLETE, COMPLETE], shape }
}

static DECL: ProtocolDecl = ProtocolDecl {
    name: "ftp",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[
        buffer("ftp.command", true, Shape::Single),
        buffer("ftp.command_data", true, Shape::Single),
        buffer("ftp.reply", false, Shape::Multi),
        buffer("ftp.completion_code", false, Shape::Multi),
    ],
    fields: &[
        FieldDecl { name: "ftp.dynamic_port", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "ftp.mode", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "ftp.reply_received", stage: [COMPLETE, COMPLETE] },
        FieldDecl { name: "ftpbounce", stage: [COMPLETE, COMPLETE] },
    ],
    events: &["request_command_too_long", "response_command_too_long", "too_many_transactions"],
};

const REQUEST_TOO_LONG: u8 = 0;
const RESPONSE_TOO_LONG: u8 = 1;
const TOO_MANY: u8 = 2;

pub(crate) static FTP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 959",
    ports: &[21, 2121],
    only_on_ports: false,
    guess,
    open: |_, settings| Box::new(FtpSession::new(settings)),
    sample: &[
        (Direction::ToClient, b"220 (vsFTPd 3.0.3)\r\n"),
        (Direction::ToServer, b"USER lab\r\n"),
        (Direction::ToClient, b"331 Please specify the password.\r\n"),
        (Direction::ToServer, b"PASS secret\r\n"),
        (Direction::ToClient, b"230-Welcome\r\n230 Login successful.\r\n"),
        (Direction::ToServer, b"PASV\r\nRETR result.txt\r\n"),
        (Direction::ToClient, b"227 Entering Passive Mode (10,0,0,5,185,13).\r\n150 Opening\r\n226 Done\r\n"),
    ],
};

const VERBS: &[&[u8]] =
    &[b"USER", b"PASS", b"PORT", b"FEAT", b"PASV", b"EPSV", b"EPRT", b"SYST", b"AUTH", b"RETR", b"STOR"];

/// A greeting that names FTP or stands in brackets, or a command that only FTP has.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match direction {
        Direction::ToServer => {
            let end = bytes.iter().position(|byte| matches!(byte, b' ' | b'\r' | b'\n')).unwrap_or(bytes.len());
            let verb = bytes.get(..end).unwrap_or_default().to_ascii_uppercase();
            let begins = VERBS.iter().any(|known| known.starts_with(&verb));
            match (VERBS.contains(&verb.as_slice()), begins) {
                (true, _) if end < bytes.len() && verb == b"USER" => one_word(bytes.get(end..).unwrap_or_default()),
                (true, _) if end < bytes.len() => Guess::Yes,
                (_, true) if end == bytes.len() => Guess::More,
                _ => Guess::No,
            }
        }
        Direction::ToClient => {
            let head = bytes.get(..4).unwrap_or(bytes);
            if ![&b"220 "[..], b"220-"].iter().any(|start| start.starts_with(head)) {
                return Guess::No;
            }
            let text = bytes.to_ascii_lowercase();
            let has = |word: &[u8]| memchr::memmem::find(&text, word).is_some();
            if text.starts_with(b"220 (") || has(b"ftp") || has(b"filezilla") {
                Guess::Yes
            } else if has(b"smtp") || has(b"mail") || bytes.len() > 2 * LINE_BYTES_MAX {
                Guess::No
            } else {
                // The client's first command will tell.
                Guess::More
            }
        }
    }
}

/// `USER` has one word behind it here; other protocols (IRC) say more in that line.
fn one_word(rest: &[u8]) -> Guess {
    let line = rest.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count();
    match words {
        0 | 1 if line.len() < rest.len() => Guess::Yes,
        0 | 1 => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Active,
    Passive,
}

#[derive(Debug, Default)]
struct FtpTransaction {
    /// In capitals; empty for the greeting.
    command: Vec<u8>,
    data: Option<Vec<u8>>,
    command_truncated: bool,
    /// Each line's code, when it has one, and its text.
    replies: Vec<(Option<[u8; 3]>, Vec<u8>)>,
    reply_truncated: bool,
    replied: bool,
    mode: Option<Mode>,
    port: Option<u16>,
    /// The port that was asked for is another host's.
    bounce: bool,
    progress: [u8; 2],
    events: Vec<u8>,
}

impl FtpTransaction {
    fn raise(&mut self, event: u8) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }
}

impl Transaction for FtpTransaction {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress.get(direction.index()).copied().unwrap_or(0)
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        if self.progress(direction) < COMPLETE {
            return None;
        }
        let instance = usize::try_from(instance).ok()?;
        let bytes = match (number, direction) {
            (0, Direction::ToServer) if instance == 0 && !self.command.is_empty() => Some(self.command.as_slice()),
            (1, Direction::ToServer) if instance == 0 => self.data.as_deref(),
            (2, Direction::ToClient) => self.replies.get(instance).map(|reply| reply.1.as_slice()),
            (3, Direction::ToClient) => {
                self.replies.iter().filter_map(|reply| reply.0.as_ref()).nth(instance).map(|code| code.as_slice())
            }
            _ => None,
        };
        bytes.map(BufferView::whole)
    }

    fn field(&self, number: u8, _: Direction, instance: u32) -> Option<FieldValue<'_>> {
        Some(match (number, instance) {
            (0, 0) => FieldValue::Number(u64::from(self.port?)),
            (1, 0) => FieldValue::Text(mode_name(self.mode?)),
            (2, 0) => FieldValue::Text(if self.replied { "yes" } else { "no" }),
            (3, 0) if self.bounce => FieldValue::Number(1),
            _ => return None,
        })
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE]
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("ftp");
        out.begin_object();
        if !self.command.is_empty() {
            out.member_bytes("command", &self.command);
            if let Some(data) = &self.data {
                out.member_bytes("command_data", data);
            }
            out.member_bool("command_truncated", self.command_truncated);
        }
        if self.replies.iter().any(|reply| reply.0.is_some()) {
            out.key("completion_code");
            out.begin_array();
            self.replies.iter().filter_map(|reply| reply.0.as_ref()).for_each(|code| out.bytes(code));
            out.end_array();
        }
        if !self.replies.is_empty() {
            out.key("reply");
            out.begin_array();
            self.replies.iter().for_each(|reply| out.bytes(&reply.1));
            out.end_array();
        }
        if let Some(port) = self.port {
            out.member_number("dynamic_port", u64::from(port));
        }
        if let Some(mode) = self.mode {
            out.member_str("mode", mode_name(mode));
        }
        out.member_str("reply_received", if self.replied { "yes" } else { "no" });
        out.member_bool("reply_truncated", self.reply_truncated);
        out.end_object();
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Active => "active",
        Mode::Passive => "passive",
    }
}

#[derive(Debug)]
struct FtpSession {
    queue: Queue<FtpTransaction>,
    commands: Lines,
    replies: Lines,
    /// The oldest transaction without a final reply.
    unanswered: u64,
    open_max: u64,
    /// The code of a reply of several lines that is not finished.
    within: Option<[u8; 3]>,
    started: bool,
    failed: bool,
    logged_in: bool,
}

transactions_of!(FtpSession, queue);

impl FtpSession {
    fn new(settings: &Settings) -> Self {
        let open_max = settings.number("app-layer.protocols.ftp.max-tx", OPEN_MAX);
        let held = usize::try_from(open_max).unwrap_or(usize::MAX).saturating_add(HELD_EXTRA);
        Self {
            queue: Queue::new(held.min(usize::try_from(OPEN_MAX).unwrap_or(usize::MAX).saturating_mul(4))),
            commands: Lines::new(LINE_BYTES_MAX),
            replies: Lines::new(LINE_BYTES_MAX),
            unanswered: 0,
            open_max,
            within: None,
            started: false,
            failed: false,
            logged_in: false,
        }
    }

    fn command(&mut self, line: Line, context: &Context) {
        self.started = true;
        let open = self.queue.next_id().saturating_sub(self.unanswered);
        if open >= self.open_max {
            if let Some(transaction) = self.queue.get_mut(self.queue.next_id().saturating_sub(1)) {
                transaction.raise(TOO_MANY);
            }
            self.failed = true;
            return;
        }
        let text = line.text;
        let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
        let data = text.get(end.saturating_add(1)..).filter(|data| !data.is_empty()).map(<[u8]>::to_vec);
        let mut transaction = FtpTransaction {
            command: text.get(..end).unwrap_or_default().to_ascii_uppercase(),
            data,
            command_truncated: line.truncated,
            progress: [COMPLETE, 0],
            ..FtpTransaction::default()
        };
        if line.truncated {
            transaction.raise(REQUEST_TOO_LONG);
        }
        let argument = transaction.data.as_deref().unwrap_or_default();
        let asked = match transaction.command.as_slice() {
            b"PORT" => six_numbers(argument),
            b"EPRT" => extended(argument),
            _ => None,
        };
        if let Some((address, port)) = asked {
            transaction.mode = Some(Mode::Active);
            transaction.port = Some(port);
            transaction.bounce = context.client_ip.is_some_and(|client| client != address);
        }
        self.queue.push(transaction);
    }

    /// A reply line; `true` when the stream goes on as TLS.
    fn reply(&mut self, line: Line, context: &mut Context) -> bool {
        let live = phitak_model::inspect::Transactions::live(&self.queue);
        self.unanswered = self.unanswered.max(live.start);
        if !self.started && self.unanswered >= live.end {
            self.queue.push(FtpTransaction { progress: [COMPLETE, 0], ..FtpTransaction::default() });
        }
        let code = line.text.first_chunk::<3>().copied().filter(|code| code.iter().all(u8::is_ascii_digit));
        let is_final = match (self.within, code, line.text.get(3)) {
            (None, Some(code), Some(b'-')) => {
                self.within = Some(code);
                false
            }
            (Some(within), Some(code), separator) if within == code && separator != Some(&b'-') => true,
            (Some(_), ..) => false,
            (None, ..) => true,
        };
        let id = self.unanswered;
        let Some(transaction) = self.queue.get_mut(id) else {
            self.within = self.within.filter(|_| !is_final);
            return false;
        };
        if line.truncated {
            transaction.reply_truncated = true;
            transaction.raise(RESPONSE_TOO_LONG);
        }
        transaction.replied = true;
        let text = line.text.get(if code.is_some() { 4 } else { 0 }..).unwrap_or_default().to_vec();
        if transaction.replies.len() < REPLY_LINES_MAX {
            transaction.replies.push((code, text));
        }
        if !is_final {
            return false;
        }
        self.within = None;
        let code = code.unwrap_or(*b"000");
        let line = transaction.replies.last().map(|reply| reply.1.clone()).unwrap_or_default();
        let passive = match (transaction.command.as_slice(), &code) {
            (b"PASV", b"227") => six_numbers(&line),
            (b"EPSV", b"229") => extended(&line),
            _ => None,
        };
        if let Some((_, port)) = passive {
            transaction.mode = Some(Mode::Passive);
            transaction.port = Some(port);
        }
        // A first digit of 1 promises another reply.
        if code.first() == Some(&b'1') {
            return false;
        }
        let (is_auth, is_login) =
            (transaction.command == b"AUTH", matches!(transaction.command.as_slice(), b"USER" | b"PASS" | b"ACCT"));
        transaction.progress = [COMPLETE, COMPLETE];
        self.unanswered = id.saturating_add(1);
        if is_login && code == *b"230" && !self.logged_in {
            self.logged_in = true;
            context.server_fact(Fact::FtpLogin { port: context.server_port, tls: false });
        }
        if is_auth && code == *b"234" {
            context.server_fact(Fact::FtpLogin { port: context.server_port, tls: true });
            return true;
        }
        false
    }
}

/// `h1,h2,h3,h4,p1,p2` anywhere in the text (RFC 959 §4.1.2).
fn six_numbers(text: &[u8]) -> Option<(IpAddr, u16)> {
    let start = text.iter().position(|byte| *byte == b'(').map_or(0, |at| at.saturating_add(1));
    let text = std::str::from_utf8(text.get(start..)?).ok()?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',' && c != ' ').unwrap_or(text.len());
    let numbers: Vec<u8> = text.get(..end)?.trim().split(',').map_while(|number| number.trim().parse().ok()).collect();
    let [a, b, c, d, high, low] = *numbers.as_slice() else { return None };
    Some((IpAddr::V4(Ipv4Addr::new(a, b, c, d)), u16::from_be_bytes([high, low])))
}

/// `|1|10.0.0.5|6446|`, or `(|||6446|)` (RFC 2428).
fn extended(text: &[u8]) -> Option<(IpAddr, u16)> {
    let text = std::str::from_utf8(text).ok()?;
    let start = text.find('|')?;
    let mut parts = text.get(start..)?.split('|').skip(1);
    let (_, address, port) = (parts.next()?, parts.next()?, parts.next()?);
    let address = address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    Some((address, port.parse().ok()?))
}

impl Session for FtpSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let mut rest = data;
        loop {
            if self.failed {
                return Outcome::Failed;
            }
            match direction {
                Direction::ToServer => match self.commands.next(&mut rest) {
                    Some(line) if line.text.is_empty() => {}
                    Some(line) => self.command(line, context),
                    None => return Outcome::Continue,
                },
                Direction::ToClient => match self.replies.next(&mut rest) {
                    Some(line) if line.text.is_empty() => {}
                    Some(line) => {
                        if self.reply(line, context) {
                            self.failed = true;
                            let consumed = data.len().saturating_sub(rest.len());
                            return Outcome::Upgrade { protocol: Some("tls"), consumed };
                        }
                    }
                    None => return Outcome::Continue,
                },
            }
        }
    }

    fn gap(&mut self, direction: Direction, _: u64, _: &mut Context) -> Outcome {
        // The line in which the bytes are missing is lost; the next begins anew.
        match direction {
            Direction::ToServer => self.commands.clear(),
            Direction::ToClient => {
                self.replies.clear();
                self.within = None;
            }
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, context: &mut Context) {
        if !self.failed {
            match direction {
                Direction::ToServer => {
                    if let Some(line) = self.commands.rest() {
                        self.command(line, context);
                    }
                }
                Direction::ToClient => {
                    if let Some(line) = self.replies.rest() {
                        self.reply(line, context);
                    }
                }
            }
        }
        if direction == Direction::ToClient {
            for id in phitak_model::inspect::Transactions::live(&self.queue) {
                if let Some(transaction) = self.queue.get_mut(id) {
                    transaction.progress = [COMPLETE, COMPLETE];
                }
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}
