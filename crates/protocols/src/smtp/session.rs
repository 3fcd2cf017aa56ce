//! One SMTP connection: which lines are commands, which are a message, and which reply answers what.

use super::{
    LINE_BYTES_MAX,
    mail::{COMPLETE, Mail, event},
    message::pieces,
    settings::{self, SmtpSettings},
};
use crate::{
    lines::{Line, Lines, Pieces},
    mime::MimeSettings,
    queue::Queue,
    quiet::transactions_of,
    session::{Context, FileEnd, FileState, Outcome, Session, Settings},
};
use phitak_model::{Direction, inspect::Transactions};
use std::sync::Arc;

/// Most recipients kept of one mail.
const RECIPIENTS_MAX: usize = 1024;
/// Longest name of a server (RFC 5321 §4.5.3.1.2).
const NAME_BYTES_MAX: usize = 255;
/// Mails held at once.
const HELD_MAX: usize = 256;
/// Most client bytes kept while an answer is awaited.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// What the client's next lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Commands,
    /// DATA was sent; the server's answer decides.
    DataAsked,
    Data,
    /// So many bytes of a BDAT chunk follow; the last one ends the message.
    Chunk(u64, bool),
    /// STARTTLS was sent.
    TlsAsked,
}

#[derive(Debug)]
pub(super) struct SmtpSession {
    pub(super) queue: Queue<Mail>,
    commands: Lines,
    replies: Lines,
    pub(super) pieces: Pieces,
    client: Client,
    helo: Vec<u8>,
    /// By which the server greeted.
    server_name: Vec<u8>,
    greeted: bool,
    upgraded: bool,
    welcomed: bool,
    /// The client's next line answers a challenge (RFC 4954 §4).
    is_auth_line: bool,
    is_auth: bool,
    /// Commands that have no answer yet.
    unanswered: u64,
    /// Client bytes that wait for the answer to DATA or STARTTLS; bounded.
    waiting: Vec<u8>,
    pub(super) ends: Vec<FileEnd>,
    pub(super) mime: Option<MimeSettings>,
    settings: Arc<SmtpSettings>,
}

transactions_of!(SmtpSession, queue);

/// The server's name in its greeting (RFC 5321 §4.2: `220 DOMAIN`, or `220-DOMAIN` before more lines); empty when it tells none.
fn greeting_name(line: &[u8]) -> &[u8] {
    let words = line.get(4..).unwrap_or_default();
    let end = words.iter().position(u8::is_ascii_whitespace).unwrap_or(words.len());
    let name = words.get(..end).unwrap_or_default();
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(byte);
    if name.len() <= NAME_BYTES_MAX && name.iter().all(is_host) { name } else { &[] }
}

impl SmtpSession {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            queue: Queue::new(HELD_MAX),
            commands: Lines::new(LINE_BYTES_MAX),
            replies: Lines::new(LINE_BYTES_MAX),
            pieces: pieces(),
            client: Client::Commands,
            helo: Vec::new(),
            server_name: Vec::new(),
            greeted: false,
            upgraded: false,
            welcomed: false,
            is_auth_line: false,
            is_auth: false,
            unanswered: 0,
            waiting: Vec::new(),
            ends: Vec::new(),
            mime: settings::decodes(settings).then(|| settings::mime(settings)),
            settings: Arc::clone(&settings.smtp),
        }
    }

    fn has_open_mail(&self) -> bool {
        let last = self.queue.next_id().checked_sub(1);
        last.and_then(|id| self.queue.get(id)).is_some_and(|mail| mail.progress != COMPLETE)
    }

    /// The mail that commands belong to now.
    pub(super) fn mail(&mut self) -> Option<&mut Mail> {
        let id = match self.queue.next_id().checked_sub(1) {
            Some(id) if self.has_open_mail() => id,
            _ => self.begin_mail(),
        };
        self.queue.get_mut(id)
    }

    fn begin_mail(&mut self) -> u64 {
        // The files of mails before the last one were looked at long ago.
        let before = self.queue.next_id().checked_sub(2).and_then(|id| self.queue.get_mut(id));
        if let Some(message) = before.and_then(|mail| mail.message.as_deref_mut()) {
            message.forget_content();
        }
        let settings = Arc::clone(&self.settings);
        let (helo, server_name) = (self.helo.clone(), self.server_name.clone());
        self.queue.push(Mail { helo, server_name, settings, ..Mail::default() })
    }

    fn raise(&mut self, event: u8) {
        if let Some(mail) = self.mail() {
            mail.raise(event);
        }
    }

    /// Reads what the client sends, as far as its meaning is decided.
    fn from_client(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            match self.client {
                Client::Chunk(left, is_last) => {
                    let passed = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                    let (chunk, rest) = data.split_at(passed);
                    data = rest;
                    self.chunk(chunk);
                    let left = left.saturating_sub(passed as u64);
                    self.client = if left > 0 { Client::Chunk(left, is_last) } else { Client::Commands };
                    if left == 0 && is_last {
                        self.complete(FileState::Closed);
                    }
                }
                Client::DataAsked | Client::TlsAsked => {
                    let room = WAITING_BYTES_MAX.saturating_sub(self.waiting.len()).min(data.len());
                    self.waiting.extend_from_slice(data.get(..room).unwrap_or_default());
                    let over = data.get(room..).unwrap_or_default();
                    if over.is_empty() || self.client == Client::TlsAsked {
                        return;
                    }
                    // So much comes only when the message was asked for: the server is not heard.
                    data = over;
                    self.data_goes_on();
                }
                Client::Data => {
                    if self.data_line(&mut data) {
                        self.client = Client::Commands;
                        self.unanswered = self.unanswered.saturating_add(1);
                        self.complete(FileState::Closed);
                    }
                }
                Client::Commands => {
                    let Some(line) = self.commands.next(&mut data) else { return };
                    self.command(&line);
                }
            }
        }
        self.collect(self.queue.next_id().saturating_sub(1));
    }

    /// What waited for the answer to DATA is the message.
    fn data_goes_on(&mut self) {
        self.client = Client::Data;
        let waiting = std::mem::take(&mut self.waiting);
        self.from_client(&waiting);
    }

    fn command(&mut self, line: &Line) {
        self.unanswered = self.unanswered.saturating_add(1);
        if line.truncated {
            self.raise(event::COMMAND_TOO_LONG);
            self.raise(event::TRUNCATED_LINE);
        }
        if std::mem::take(&mut self.is_auth_line) {
            return;
        }
        let (verb, rest) = line.verb();
        let rest = rest.trim_ascii();
        match verb.as_slice() {
            b"HELO" | b"EHLO" | b"LHLO" => {
                self.helo = rest.to_vec();
                if let Some(mail) = self.mail() {
                    mail.helo = rest.to_vec();
                    if rest.is_empty() {
                        mail.raise(event::UNPARSABLE_CONTENT);
                    }
                }
            }
            b"MAIL" => self.mail_from(address(rest, b"FROM")),
            b"RCPT" => {
                let to = address(rest, b"TO");
                let Some(mail) = self.mail() else { return };
                match to {
                    Some(to) if mail.to.len() < RECIPIENTS_MAX => mail.to.push(to),
                    Some(_) => {}
                    None => mail.raise(event::UNPARSABLE_CONTENT),
                }
            }
            b"DATA" => {
                self.begin_message();
                self.client = Client::DataAsked;
            }
            b"BDAT" => self.bdat(rest),
            b"AUTH" => {
                self.mail();
                self.is_auth = true;
            }
            // They begin no mail.
            b"QUIT" | b"NOOP" => {}
            b"RSET" if !self.has_open_mail() => {}
            b"RSET" if self.mail().is_some_and(|mail| mail.from.is_some()) => self.complete(FileState::Truncated),
            b"STARTTLS" => {
                self.mail();
                self.client = Client::TlsAsked;
            }
            _ => {
                self.mail();
            }
        }
    }

    fn mail_from(&mut self, from: Option<Vec<u8>>) {
        let Some(mail) = self.mail() else { return };
        match (&mail.from, from) {
            (_, None) => mail.raise(event::UNPARSABLE_CONTENT),
            (Some(_), Some(_)) => mail.raise(event::DUPLICATE_FIELDS),
            (None, from) => mail.from = from,
        }
    }

    fn bdat(&mut self, rest: &[u8]) {
        let mut words = rest.split(|byte| *byte == b' ');
        let length = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
        let is_last = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
        let is_first = !self.has_open_mail() || self.mail().is_some_and(|mail| mail.message.is_none());
        if is_first {
            self.begin_message();
        }
        match length {
            None => self.raise(event::CHUNK_LENGTH),
            Some(0) if is_last => self.complete(FileState::Closed),
            Some(0) => {}
            Some(length) => self.client = Client::Chunk(length, is_last),
        }
    }

    /// A reply; `true` when the stream goes on as TLS.
    fn reply(&mut self, line: &Line) -> bool {
        if line.truncated {
            self.raise(event::REPLY_TOO_LONG);
        }
        let code = line.text.first_chunk::<3>().filter(|code| code.iter().all(u8::is_ascii_digit));
        let Some(code) = code else {
            self.raise(event::INVALID_REPLY);
            return false;
        };
        if !std::mem::replace(&mut self.greeted, true) && code == b"220" {
            self.server_name = greeting_name(&line.text).to_vec();
        }
        if line.text.get(3) == Some(&b'-') {
            return false;
        }
        if !std::mem::replace(&mut self.welcomed, true) {
            if code != b"220" {
                self.raise(event::NO_WELCOME);
            }
            return false;
        }
        self.is_auth_line = std::mem::take(&mut self.is_auth) && code == b"334";
        self.is_auth = self.is_auth_line;
        if self.has_open_mail() && self.unanswered == 0 && code != b"421" && self.client != Client::Data {
            self.raise(event::UNMATCHED_REPLY);
        }
        self.unanswered = self.unanswered.saturating_sub(1);
        match (self.client, code) {
            (Client::DataAsked, [b'3', ..]) => {
                if !self.waiting.is_empty() {
                    self.raise(event::PIPELINED);
                }
                self.data_goes_on();
            }
            // Answers to commands before DATA may still be on their way.
            (Client::DataAsked, [b'4' | b'5', ..]) => self.refused(event::DATA_REJECTED),
            (Client::TlsAsked, b"220") => return true,
            (Client::TlsAsked, [b'4' | b'5', ..]) => self.refused(event::TLS_REJECTED),
            _ => {}
        }
        false
    }

    /// DATA or STARTTLS was refused: what waited are commands.
    fn refused(&mut self, event: u8) {
        self.raise(event);
        self.client = Client::Commands;
        let waiting = std::mem::take(&mut self.waiting);
        self.from_client(&waiting);
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
            (Direction::ToClient, _) => self.replies.clear(),
            (Direction::ToServer, Client::Chunk(left, is_last)) if left > length => {
                self.client = Client::Chunk(left.saturating_sub(length), is_last);
                self.message_gap(length);
            }
            (Direction::ToServer, Client::Data) => self.message_gap(length),
            (Direction::ToServer, _) => self.commands.clear(),
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if direction == Direction::ToClient {
            return;
        }
        if !self.upgraded {
            if self.client == Client::DataAsked {
                self.data_goes_on();
            }
            if self.has_open_mail() {
                self.complete(FileState::Truncated);
            }
        }
        for id in self.queue.live() {
            if let Some(mail) = self.queue.get_mut(id) {
                mail.progress = COMPLETE;
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }

    fn files(&mut self) -> Vec<FileEnd> {
        std::mem::take(&mut self.ends)
    }

    fn open_files(&self, transaction: u64) -> Vec<FileEnd> {
        let mut files = Vec::new();
        if let Some(message) = self.queue.get(transaction).and_then(|mail| mail.message.as_deref()) {
            message.open_files(transaction, &mut files);
        }
        files
    }

    fn left(&mut self, direction: Direction) -> Vec<u8> {
        match direction {
            Direction::ToServer => std::mem::take(&mut self.waiting),
            Direction::ToClient => Vec::new(),
        }
    }
}
