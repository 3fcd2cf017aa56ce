//! One control connection: which reply belongs to which command, and what connection it announces.

use super::{
    LINE_BYTES_MAX,
    address::{extended, six_numbers},
    transaction::{COMPLETE, FtpTransaction, Mode, REQUEST_TOO_LONG, RESPONSE_TOO_LONG, TOO_MANY},
};
use crate::{
    lines::{Line, Lines},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Expectation, Outcome, Session, Settings},
};
use phitak_model::{Direction, Fact};

/// Most lines of one reply.
const REPLY_LINES_MAX: usize = 256;
/// Commands without a reply (`max-tx`), and what may be held beyond them.
const OPEN_MAX: u64 = 1024;
const HELD_EXTRA: usize = 16;

#[derive(Debug)]
pub(super) struct FtpSession {
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
    /// Who opens the next data connection, and the port that the other one listens on.
    listener: Option<(Mode, u16)>,
    /// The engine was told of the listener.
    announced: bool,
    /// A transfer whose connection is not known yet: its command, and the file's name.
    transfer: Option<(&'static str, Vec<u8>)>,
}

transactions_of!(FtpSession, queue);

impl FtpSession {
    pub(super) fn new(settings: &Settings) -> Self {
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
            listener: None,
            announced: false,
            transfer: None,
        }
    }

    fn command(&mut self, line: &Line, context: &mut Context) {
        self.started = true;
        let open = self.queue.next_id().saturating_sub(self.unanswered);
        if open >= self.open_max {
            if let Some(transaction) = self.queue.get_mut(self.queue.next_id().saturating_sub(1)) {
                transaction.raise(TOO_MANY);
            }
            self.failed = true;
            return;
        }
        let (command, rest) = line.verb();
        let mut transaction = FtpTransaction {
            command,
            data: (!rest.is_empty()).then(|| rest.to_vec()),
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
            self.listener = Some((Mode::Active, port));
            self.announced = false;
        }
        match transaction.command.as_slice() {
            b"RETR" => self.transfer = Some(("RETR", rest.to_vec())),
            b"STOR" => self.transfer = Some(("STOR", rest.to_vec())),
            b"LIST" => self.transfer = Some(("LIST", Vec::new())),
            b"MLSD" => self.transfer = Some(("MLSD", Vec::new())),
            b"NLST" => self.transfer = Some(("NLST", Vec::new())),
            b"PASV" | b"EPSV" => {
                self.listener = None;
                self.transfer = None;
            }
            _ => {}
        }
        self.announce(context);
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
            self.listener = Some((Mode::Passive, port));
            self.announced = false;
        }
        // A first digit of 1 promises another reply.
        if code.first() == Some(&b'1') {
            return false;
        }
        let (is_auth, is_login) =
            (transaction.command == b"AUTH", matches!(transaction.command.as_slice(), b"USER" | b"PASS" | b"ACCT"));
        transaction.progress = [COMPLETE, COMPLETE];
        self.unanswered = id.saturating_add(1);
        self.announce(context);
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

    /// Tells which connection will come, and, once a command says so, what it will carry.
    fn announce(&mut self, context: &mut Context) {
        let Some((mode, port)) = self.listener else { return };
        let (Some(client), Some(server)) = (context.client_ip, context.server_ip) else { return };
        let (from, to) = match mode {
            Mode::Active => (server, client),
            Mode::Passive => (client, server),
        };
        let transfer = self.transfer.take();
        if transfer.is_some() {
            self.listener = None;
        } else if std::mem::replace(&mut self.announced, true) {
            return;
        }
        // What comes down is sent by the FTP server, whichever end of the connection it is.
        let sender = transfer.as_ref().map(|(command, _)| {
            let by_opener = (mode == Mode::Active) == (*command != "STOR");
            if by_opener { Direction::ToServer } else { Direction::ToClient }
        });
        let (command, name) = transfer.unwrap_or_default();
        context.expected.push(Expectation {
            protocol: "ftp-data",
            client: from,
            server: to,
            server_port: port,
            sender,
            command,
            name,
        });
    }
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
                    Some(line) => self.command(&line, context),
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
                        self.command(&line, context);
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
