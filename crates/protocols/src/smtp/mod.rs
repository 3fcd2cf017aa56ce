//! SMTP: who sends to whom, the messages with their parts, and the switch to TLS.
//!
//! A transaction is one mail; the commands before the first one belong to it.
//! Source: RFC 5321, RFC 3207 (STARTTLS), RFC 3030 (BDAT), RFC 4954 (AUTH), RFC 2920 (pipelining).

mod mail;
mod message;
mod record;
mod session;
mod settings;
#[cfg(test)]
mod tests;

use crate::{
    lines::{guess_greeting, guess_verb},
    session::{Guess, Protocol},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

pub(crate) use settings::SmtpSettings;

/// Most bytes of a command or reply line; RFC 5321 §4.5.3.1 allows 512 for commands.
const LINE_BYTES_MAX: usize = 4096;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "smtp",
    stages_to_server: &["request_started", "request_data", "request_complete"],
    stages_to_client: &["response_started", "response_data", "response_complete"],
    buffers: mail::BUFFERS,
    fields: mail::FIELDS,
    events: mail::EVENTS,
};

pub(crate) static SMTP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 5321",
    ports: &[25, 587, 2525],
    only_on_ports: false,
    guess,
    open: |_, settings| Box::new(session::SmtpSession::new(settings)),
    sample: &[
        (Direction::ToClient, b"220 mail.hospital.example ESMTP\r\n"),
        (Direction::ToServer, b"EHLO ward3\r\n"),
        (Direction::ToClient, b"250-mail.hospital.example\r\n250 STARTTLS\r\n"),
        (Direction::ToServer, b"AUTH LOGIN\r\n"),
        (Direction::ToClient, b"334 VXNlcm5hbWU6\r\n"),
        (Direction::ToServer, b"d2FyZDM=\r\n"),
        (Direction::ToClient, b"235 ok\r\n"),
        (Direction::ToServer, b"MAIL FROM:<a@hospital.example> SIZE=3\r\nRCPT TO: <b@example.org>\r\nDATA\r\n"),
        (Direction::ToClient, b"250 ok\r\n250 ok\r\n354 go on\r\n"),
        (
            Direction::ToServer,
            b"Subject: x\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\n\r\nMAIL FROM:<not@a.command>\r\n\
              see http://example.org/a\r\n--b1\r\nContent-Disposition: attachment; filename=\"r.pdf\"\r\n\
              Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n--b1--\r\n.\r\n",
        ),
        (Direction::ToClient, b"250 queued\r\n"),
        (Direction::ToServer, b"MAIL FROM:<c@d.example>\r\nBDAT 14\r\nSubject: y\r\n\r\nBDAT 4 LAST\r\n.\r\n\r\nQUIT\r\n"),
        (Direction::ToClient, b"250 ok\r\n250 ok\r\n250 queued\r\n221 bye\r\n"),
    ],
};

const VERBS: &[&[u8]] = &[b"EHLO", b"HELO", b"MAIL", b"RCPT", b"STARTTLS", b"LHLO"];

fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match direction {
        Direction::ToServer => guess_verb(bytes, VERBS),
        Direction::ToClient => guess_greeting(bytes, &[b"smtp"], &[b"ftp"], 2 * LINE_BYTES_MAX),
    }
}
