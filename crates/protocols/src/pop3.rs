//! POP3: log-ins and mails that are fetched.
//!
//! A transaction is a command with its answer; the server's greeting is one without a command.
//! Source: RFC 1939, RFC 2449 (CAPA), RFC 2595 (STLS), RFC 5034 (AUTH).

use crate::{
    lines::{Line, Lines, guess_verb},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferView, FieldValue, ProtocolDecl, Transaction},
    json::Writer,
};

/// Most bytes of a line; RFC 2449 §4 allows 255 for commands and 512 for answers.
const LINE_BYTES_MAX: usize = 4096;
/// Lines of one answer that are kept, and bytes of them all.
const DATA_LINES_MAX: usize = 256;
const DATA_BYTES_MAX: usize = 16 * 1024;
const ARGUMENTS_MAX: usize = 16;
/// Commands without an answer.
const HELD_MAX: usize = 256;
const COMPLETE: u8 = 1;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "pop3",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[],
    fields: &[],
    events: &["unknown_command", "too_many_transactions", "request_too_long", "response_too_long"],
};

const UNKNOWN_COMMAND: u8 = 0;
const TOO_MANY: u8 = 1;
const REQUEST_TOO_LONG: u8 = 2;
const RESPONSE_TOO_LONG: u8 = 3;

pub(crate) static POP3: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 1939",
    ports: &[110],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(PopSession::new()),
    sample: &[
        (Direction::ToClient, b"+OK POP3 server ready\r\n"),
        (Direction::ToServer, b"USER lab\r\nPASS secret\r\n"),
        (Direction::ToClient, b"+OK\r\n-ERR [AUTH] no\r\n"),
        (Direction::ToServer, b"LIST\r\nRETR 1\r\nXYZ\r\nQUIT\r\n"),
        (
            Direction::ToClient,
            b"+OK 1\r\n1 120\r\n.\r\n+OK 120\r\nSubject: x\r\n\r\n..dot\r\n.\r\n-ERR what\r\n+OK bye\r\n",
        ),
    ],
};

const COMMANDS: &[&[u8]] = &[
    b"APOP", b"AUTH", b"CAPA", b"DELE", b"LANG", b"LIST", b"NOOP", b"PASS", b"QUIT", b"RETR", b"RSET", b"STAT",
    b"STLS", b"TOP", b"UIDL", b"USER", b"UTF8",
];
/// Commands that no other protocol of lines begins with.
const OWN: &[&[u8]] = &[b"APOP", b"CAPA", b"STLS", b"UIDL"];

fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match direction {
        // A log-in begins as FTP's does: it is no proof of POP3, and none against it.
        Direction::ToServer => match guess_verb(bytes, OWN) {
            Guess::No if guess_verb(bytes, COMMANDS) != Guess::No => Guess::More,
            answer => answer,
        },
        Direction::ToClient => {
            let fits = |start: &[u8]| bytes.starts_with(start) || start.starts_with(bytes);
            match bytes.get(..4) {
                Some(b"+OK " | b"+OK\r" | b"-ERR") => Guess::Yes,
                Some(_) => Guess::No,
                None if fits(b"+OK ") || fits(b"-ERR") => Guess::More,
                None => Guess::No,
            }
        }
    }
}

#[derive(Debug, Default)]
struct PopTransaction {
    command: Option<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    /// Whether it went well, and what follows the status.
    answer: Option<(bool, Vec<u8>)>,
    data: Vec<Vec<u8>>,
    data_bytes: usize,
    progress: [u8; 2],
    events: Vec<u8>,
}

impl PopTransaction {
    fn raise(&mut self, event: u8) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// Whether an answer that went well goes on to a line with a dot.
    fn has_data(&self) -> bool {
        match self.command.as_deref() {
            Some(b"LIST" | b"UIDL") => self.arguments.is_empty(),
            Some(b"RETR" | b"TOP" | b"CAPA" | b"LANG") => true,
            _ => false,
        }
    }
}

impl Transaction for PopTransaction {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress.get(direction.index()).copied().unwrap_or(0)
    }

    fn buffer<'a>(&'a self, _: u8, _: Direction, _: u32, _: &'a mut Vec<u8>) -> Option<BufferView<'a>> {
        None
    }

    fn field(&self, _: u8, _: Direction, _: u32) -> Option<FieldValue<'_>> {
        None
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE]
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("pop3");
        out.begin_object();
        if let Some(command) = &self.command {
            out.key("request");
            out.begin_object();
            out.member_bytes("command", command);
            out.key("args");
            out.begin_array();
            self.arguments.iter().for_each(|argument| out.bytes(argument));
            out.end_array();
            out.end_object();
        }
        if let Some((success, header)) = &self.answer {
            out.key("response");
            out.begin_object();
            out.member_bool("success", *success);
            out.member_str("status", if *success { "OK" } else { "ERR" });
            out.member_bytes("header", header);
            out.key("data");
            out.begin_array();
            self.data.iter().for_each(|line| out.bytes(line));
            out.end_array();
            out.end_object();
        }
        out.end_object();
    }
}

#[derive(Debug)]
struct PopSession {
    queue: Queue<PopTransaction>,
    commands: Lines,
    answers: Lines,
    /// The oldest transaction without its whole answer.
    unanswered: u64,
    /// Its answer goes on to a line with a dot.
    within: bool,
    greeted: bool,
    /// The client's lines answer challenges (RFC 5034 §4).
    in_auth: bool,
    done: bool,
}

transactions_of!(PopSession, queue);

impl PopSession {
    fn new() -> Self {
        Self {
            queue: Queue::new(HELD_MAX),
            commands: Lines::new(LINE_BYTES_MAX),
            answers: Lines::new(LINE_BYTES_MAX),
            unanswered: 0,
            within: false,
            greeted: false,
            in_auth: false,
            done: false,
        }
    }

    fn command(&mut self, line: &Line) {
        self.greeted = true;
        if std::mem::take(&mut self.in_auth) {
            return;
        }
        let (command, rest) = line.verb();
        let words = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let mut transaction = PopTransaction {
            arguments: words.take(ARGUMENTS_MAX).map(<[u8]>::to_vec).collect(),
            progress: [COMPLETE, 0],
            ..PopTransaction::default()
        };
        if line.truncated {
            transaction.raise(REQUEST_TOO_LONG);
        }
        if !COMMANDS.contains(&command.as_slice()) {
            transaction.raise(UNKNOWN_COMMAND);
        }
        transaction.command = Some(command);
        if self.queue.next_id().saturating_sub(self.unanswered) >= HELD_MAX as u64 {
            transaction.raise(TOO_MANY);
        }
        self.queue.push(transaction);
    }

    /// An answer's line; `true` when the stream goes on as TLS.
    fn answer(&mut self, line: Line) -> bool {
        let live = phitak_model::inspect::Transactions::live(&self.queue);
        self.unanswered = self.unanswered.max(live.start);
        if !std::mem::replace(&mut self.greeted, true) {
            self.queue.push(PopTransaction { progress: [COMPLETE, 0], ..PopTransaction::default() });
        }
        let id = self.unanswered;
        let Some(transaction) = self.queue.get_mut(id) else { return false };
        if line.truncated {
            transaction.raise(RESPONSE_TOO_LONG);
        }
        if self.within {
            if line.text != b"." {
                let bytes = transaction.data_bytes.saturating_add(line.text.len());
                if transaction.data.len() < DATA_LINES_MAX && bytes <= DATA_BYTES_MAX {
                    transaction.data_bytes = bytes;
                    transaction.data.push(line.text);
                }
                return false;
            }
        } else {
            let text = line.text.as_slice();
            let (success, header) = match (text.strip_prefix(b"+OK"), text.strip_prefix(b"-ERR")) {
                (Some(header), _) => (true, header),
                (_, Some(header)) => (false, header),
                // A challenge: the client's next line is no command.
                _ => {
                    self.in_auth = text.starts_with(b"+");
                    return false;
                }
            };
            transaction.answer = Some((success, header.trim_ascii_start().to_vec()));
            if success && transaction.has_data() {
                self.within = true;
                return false;
            }
        }
        self.within = false;
        let goes_on_as_tls = transaction.command.as_deref() == Some(b"STLS")
            && transaction.answer.as_ref().is_some_and(|(success, _)| *success);
        transaction.progress = [COMPLETE, COMPLETE];
        self.unanswered = id.saturating_add(1);
        goes_on_as_tls
    }
}

impl Session for PopSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.done {
            return Outcome::Done;
        }
        let mut rest = data;
        match direction {
            Direction::ToServer => {
                while let Some(line) = self.commands.next(&mut rest) {
                    self.command(&line);
                }
            }
            Direction::ToClient => {
                while let Some(line) = self.answers.next(&mut rest) {
                    if self.answer(line) {
                        self.done = true;
                        let consumed = data.len().saturating_sub(rest.len());
                        return Outcome::Upgrade { protocol: Some("tls"), consumed };
                    }
                }
            }
        }
        Outcome::Continue
    }

    fn gap(&mut self, direction: Direction, _: u64, _: &mut Context) -> Outcome {
        match direction {
            Direction::ToServer => self.commands.clear(),
            Direction::ToClient => self.answers.clear(),
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::inspect::Transactions as _;

    fn records(turns: &[(Direction, &[u8])]) -> Vec<String> {
        let mut session = PopSession::new();
        for (direction, bytes) in turns {
            session.feed(*direction, bytes, &mut Context::default());
        }
        session
            .live()
            .filter_map(|id| session.transaction(id))
            .map(|transaction| {
                let mut out = Writer::new();
                out.begin_object();
                transaction.write_eve(&mut out);
                out.end_object();
                String::from_utf8(out.as_bytes().to_vec()).expect("UTF-8")
            })
            .collect()
    }

    #[test]
    fn answers_find_their_commands() {
        let records = records(&[
            (Direction::ToClient, b"+OK hi\r\n"),
            (Direction::ToServer, b"pass x\r\nLIST\r\nQUIT\r\n"),
            (Direction::ToClient, b"-ERR no\r\n+OK\r\n1 2\r\n.\r\n+OK bye\r\n"),
        ]);
        assert_eq!(
            records,
            [
                r#"{"pop3":{"response":{"success":true,"status":"OK","header":"hi","data":[]}}}"#,
                r#"{"pop3":{"request":{"command":"PASS","args":["x"]},"response":{"success":false,"status":"ERR","header":"no","data":[]}}}"#,
                r#"{"pop3":{"request":{"command":"LIST","args":[]},"response":{"success":true,"status":"OK","header":"","data":["1 2"]}}}"#,
                r#"{"pop3":{"request":{"command":"QUIT","args":[]},"response":{"success":true,"status":"OK","header":"bye","data":[]}}}"#,
            ]
        );
    }

    #[test]
    fn tls_is_told_and_log_in_lines_are_no_commands() {
        let mut session = PopSession::new();
        let mut context = Context::default();
        session.feed(Direction::ToClient, b"+OK\r\n", &mut context);
        session.feed(Direction::ToServer, b"AUTH PLAIN\r\n", &mut context);
        session.feed(Direction::ToClient, b"+ \r\n", &mut context);
        session.feed(Direction::ToServer, b"UVVJVA==\r\n", &mut context);
        session.feed(Direction::ToClient, b"+OK\r\n", &mut context);
        assert_eq!(session.live(), 0..2);
        session.feed(Direction::ToServer, b"STLS\r\n", &mut context);
        let outcome = session.feed(Direction::ToClient, b"+OK go\r\n\x16", &mut context);
        assert_eq!(outcome, Outcome::Upgrade { protocol: Some("tls"), consumed: 8 });
    }
}
