//! SMTP: who sends to whom, and the switch to TLS. Messages go by unread.
//!
//! A transaction is one mail; the commands before the first one belong to it.
//! Source: RFC 5321, RFC 3207 (STARTTLS), RFC 3030 (BDAT).

use crate::{
    lines::{Line, Lines},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, BufferView, FieldValue, ProtocolDecl, Shape, Transaction},
    json::Writer,
};

/// Most bytes of a command or reply line; RFC 5321 §4.5.3.1 allows 512 for commands.
const LINE_BYTES_MAX: usize = 4096;
/// Most recipients kept of one mail.
const RECIPIENTS_MAX: usize = 1024;
/// Mails held at once.
const HELD_MAX: usize = 256;

const STARTED: u8 = 0;
const COMPLETE: u8 = 2;

const fn buffer(name: &'static str, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: false, stage: [STARTED, STARTED], shape }
}

static DECL: ProtocolDecl = ProtocolDecl {
    name: "smtp",
    stages_to_server: &["request_started", "request_data", "request_complete"],
    stages_to_client: &["response_started", "response_data", "response_complete"],
    buffers: &[
        buffer("smtp.helo", Shape::Single),
        buffer("smtp.mail_from", Shape::Single),
        buffer("smtp.rcpt_to", Shape::Multi),
    ],
    fields: &[],
    events: &[
        "invalid_reply",
        "unable_to_match_reply_with_request",
        "max_command_line_len_exceeded",
        "max_reply_line_len_exceeded",
        "invalid_pipelined_sequence",
        "bdat_chunk_len_exceeded",
        "no_server_welcome_message",
        "tls_rejected",
        "data_command_rejected",
        "failed_protocol_change",
    ],
};

const COMMAND_TOO_LONG: u8 = 2;
const REPLY_TOO_LONG: u8 = 3;
const TLS_REJECTED: u8 = 7;
const DATA_REJECTED: u8 = 8;

pub(crate) static SMTP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 5321",
    ports: &[25, 587, 2525],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(SmtpSession::new()),
    sample: &[
        (Direction::ToClient, b"220 mail.hospital.example ESMTP\r\n"),
        (Direction::ToServer, b"EHLO ward3\r\n"),
        (Direction::ToClient, b"250-mail.hospital.example\r\n250 STARTTLS\r\n"),
        (Direction::ToServer, b"MAIL FROM:<a@hospital.example> SIZE=3\r\nRCPT TO: <b@example.org>\r\nDATA\r\n"),
        (Direction::ToClient, b"250 ok\r\n250 ok\r\n354 go on\r\n"),
        (Direction::ToServer, b"Subject: x\r\n\r\nMAIL FROM:<not@a.command>\r\n.\r\nQUIT\r\n"),
        (Direction::ToClient, b"250 queued\r\n221 bye\r\n"),
    ],
};

const VERBS: &[&[u8]] = &[b"EHLO", b"HELO", b"MAIL", b"RCPT", b"STARTTLS", b"LHLO"];

fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match direction {
        Direction::ToServer => {
            let end = bytes.iter().position(|byte| matches!(byte, b' ' | b'\r' | b'\n')).unwrap_or(bytes.len());
            let verb = bytes.get(..end).unwrap_or_default().to_ascii_uppercase();
            if VERBS.contains(&verb.as_slice()) && end < bytes.len() {
                Guess::Yes
            } else if end == bytes.len() && VERBS.iter().any(|known| known.starts_with(&verb)) {
                Guess::More
            } else {
                Guess::No
            }
        }
        Direction::ToClient => {
            let head = bytes.get(..4).unwrap_or(bytes);
            if ![&b"220 "[..], b"220-"].iter().any(|start| start.starts_with(head)) {
                return Guess::No;
            }
            let text = bytes.to_ascii_lowercase();
            let has = |word: &[u8]| memchr::memmem::find(&text, word).is_some();
            if has(b"smtp") {
                Guess::Yes
            } else if has(b"ftp") || bytes.len() > 2 * LINE_BYTES_MAX {
                Guess::No
            } else {
                Guess::More
            }
        }
    }
}

#[derive(Debug, Default)]
struct Mail {
    helo: Vec<u8>,
    from: Option<Vec<u8>>,
    to: Vec<Vec<u8>>,
    progress: u8,
    events: Vec<u8>,
}

impl Mail {
    fn raise(&mut self, event: u8) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }
}

impl Transaction for Mail {
    fn progress(&self, _: Direction) -> u8 {
        self.progress
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        if direction == Direction::ToClient {
            return None;
        }
        let bytes = match (number, instance) {
            (0, 0) => Some(self.helo.as_slice()).filter(|helo| !helo.is_empty()),
            (1, 0) => self.from.as_deref(),
            (2, _) => self.to.get(usize::try_from(instance).ok()?).map(Vec::as_slice),
            _ => None,
        };
        bytes.map(BufferView::whole)
    }

    fn field(&self, _: u8, _: Direction, _: u32) -> Option<FieldValue<'_>> {
        None
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == COMPLETE
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("smtp");
        out.begin_object();
        if !self.helo.is_empty() {
            out.member_bytes("helo", &self.helo);
        }
        if let Some(from) = &self.from {
            out.member_bytes("mail_from", from);
        }
        if !self.to.is_empty() {
            out.key("rcpt_to");
            out.begin_array();
            self.to.iter().for_each(|to| out.bytes(to));
            out.end_array();
        }
        out.end_object();
    }
}

/// What the client's next lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Commands,
    /// DATA was sent; the server's answer decides.
    DataAsked,
    Data,
    /// So many bytes of a BDAT chunk go by.
    Chunk(u64, bool),
    /// STARTTLS was sent.
    TlsAsked,
}

#[derive(Debug)]
struct SmtpSession {
    queue: Queue<Mail>,
    commands: Lines,
    replies: Lines,
    client: Client,
    helo: Vec<u8>,
    upgraded: bool,
    /// Client bytes that wait for the answer to DATA or STARTTLS; bounded.
    waiting: Vec<u8>,
}

/// Most client bytes kept while an answer is awaited.
const WAITING_BYTES_MAX: usize = 64 * 1024;

transactions_of!(SmtpSession, queue);

impl SmtpSession {
    fn new() -> Self {
        Self {
            queue: Queue::new(HELD_MAX),
            commands: Lines::new(LINE_BYTES_MAX),
            replies: Lines::new(LINE_BYTES_MAX),
            client: Client::Commands,
            helo: Vec::new(),
            upgraded: false,
            waiting: Vec::new(),
        }
    }

    fn has_open_mail(&self) -> bool {
        let last = self.queue.next_id().checked_sub(1);
        last.and_then(|id| self.queue.get(id)).is_some_and(|mail| mail.progress != COMPLETE)
    }

    /// The mail that commands belong to now.
    fn mail(&mut self) -> Option<&mut Mail> {
        let id = match self.queue.next_id().checked_sub(1) {
            Some(id) if self.has_open_mail() => id,
            _ => self.queue.push(Mail { helo: self.helo.clone(), ..Mail::default() }),
        };
        self.queue.get_mut(id)
    }

    fn raise(&mut self, event: u8) {
        if let Some(mail) = self.mail() {
            mail.raise(event);
        }
    }

    fn complete(&mut self) {
        if let Some(mail) = self.mail() {
            mail.progress = COMPLETE;
        }
    }

    /// Reads what the client sends, as far as its meaning is decided.
    fn from_client(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            match self.client {
                Client::Chunk(left, is_last) => {
                    let passed = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                    data = data.get(passed..).unwrap_or_default();
                    let left = left.saturating_sub(passed as u64);
                    self.client = if left > 0 { Client::Chunk(left, is_last) } else { Client::Commands };
                    if left == 0 && is_last {
                        self.complete();
                    }
                }
                Client::DataAsked | Client::TlsAsked => {
                    let room = WAITING_BYTES_MAX.saturating_sub(self.waiting.len()).min(data.len());
                    self.waiting.extend_from_slice(data.get(..room).unwrap_or_default());
                    return;
                }
                Client::Commands | Client::Data => {
                    let Some(line) = self.commands.next(&mut data) else { return };
                    if self.client == Client::Data {
                        if line.text == b"." {
                            self.client = Client::Commands;
                            self.complete();
                        }
                    } else {
                        self.command(line);
                    }
                }
            }
        }
    }

    fn command(&mut self, line: Line) {
        if line.truncated {
            self.raise(COMMAND_TOO_LONG);
        }
        let text = line.text;
        let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
        let verb = text.get(..end).unwrap_or_default().to_ascii_uppercase();
        let rest = text.get(end..).unwrap_or_default().trim_ascii();
        match verb.as_slice() {
            b"HELO" | b"EHLO" | b"LHLO" => {
                self.helo = rest.to_vec();
                if let Some(mail) = self.mail() {
                    mail.helo = rest.to_vec();
                }
            }
            b"MAIL" => {
                let from = address(rest, b"FROM");
                if let Some(mail) = self.mail() {
                    mail.from = from;
                }
            }
            b"RCPT" => {
                let to = address(rest, b"TO");
                if let (Some(mail), Some(to)) = (self.mail(), to)
                    && mail.to.len() < RECIPIENTS_MAX
                {
                    mail.to.push(to);
                }
            }
            b"DATA" => {
                if let Some(mail) = self.mail() {
                    mail.progress = mail.progress.max(1);
                }
                self.client = Client::DataAsked;
            }
            b"BDAT" => {
                let mut words = rest.split(|byte| *byte == b' ');
                let length = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
                let is_last = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
                self.client = Client::Chunk(length.unwrap_or(0), is_last);
                if length == Some(0) && is_last {
                    self.client = Client::Commands;
                    self.complete();
                }
            }
            // They begin no mail.
            b"QUIT" | b"NOOP" => {}
            b"RSET" if !self.has_open_mail() => {}
            b"RSET" if self.mail().is_some_and(|mail| mail.from.is_some()) => self.complete(),
            b"STARTTLS" => {
                self.mail();
                self.client = Client::TlsAsked;
            }
            _ => {
                self.mail();
            }
        }
    }

    /// A reply; `true` when the stream goes on as TLS.
    fn reply(&mut self, line: &Line) -> bool {
        if line.truncated {
            self.raise(REPLY_TOO_LONG);
        }
        if line.text.get(3) == Some(&b'-') {
            return false;
        }
        let first = line.text.first();
        match self.client {
            Client::DataAsked if first == Some(&b'3') => self.client = Client::Data,
            // Answers to commands before DATA may still be on their way.
            Client::DataAsked if matches!(first, Some(b'4' | b'5')) => {
                self.raise(DATA_REJECTED);
                self.client = Client::Commands;
            }
            Client::TlsAsked if line.text.starts_with(b"220") => return true,
            Client::TlsAsked if matches!(first, Some(b'4' | b'5')) => {
                self.raise(TLS_REJECTED);
                self.client = Client::Commands;
            }
            _ => return false,
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.from_client(&waiting);
        false
    }
}

/// What follows `FROM:` or `TO:`, without parameters.
fn address(text: &[u8], word: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = text.split_at_checked(word.len())?;
    let rest = rest.trim_ascii_start().strip_prefix(b":").filter(|_| head.eq_ignore_ascii_case(word))?.trim_ascii();
    let end = match rest.first() {
        Some(b'<') => rest.iter().position(|byte| *byte == b'>').map_or(rest.len(), |at| at.saturating_add(1)),
        _ => rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len()),
    };
    Some(rest.get(..end)?.to_vec())
}

impl Session for SmtpSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.upgraded {
            return Outcome::Done;
        }
        if direction == Direction::ToServer {
            self.from_client(data);
            return Outcome::Continue;
        }
        let mut rest = data;
        while let Some(line) = self.replies.next(&mut rest) {
            if self.reply(&line) {
                self.upgraded = true;
                return Outcome::Upgrade { protocol: Some("tls"), consumed: data.len().saturating_sub(rest.len()) };
            }
        }
        Outcome::Continue
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        match (direction, self.client) {
            (Direction::ToServer, Client::Chunk(left, is_last)) if left > length => {
                self.client = Client::Chunk(left.saturating_sub(length), is_last);
            }
            (Direction::ToServer, _) => self.commands.clear(),
            (Direction::ToClient, _) => self.replies.clear(),
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if direction == Direction::ToServer {
            for id in phitak_model::inspect::Transactions::live(&self.queue) {
                if let Some(mail) = self.queue.get_mut(id) {
                    mail.progress = COMPLETE;
                }
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }

    fn left(&mut self, direction: Direction) -> Vec<u8> {
        match direction {
            Direction::ToServer => std::mem::take(&mut self.waiting),
            Direction::ToClient => Vec::new(),
        }
    }
}
