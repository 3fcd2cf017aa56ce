//! IMAP: told from other protocols, and read up to its switch to TLS.
//!
//! Source: RFC 9051 §2.2 (tags), §6.2.1 (STARTTLS), §7.1 (greetings).

use crate::{
    dialog::{Dialect, Dialog},
    quiet::declare,
    session::{Guess, Protocol},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

/// Longer tags are not believed.
const TAG_BYTES_MAX: usize = 32;

static DECL: ProtocolDecl = declare("imap");

pub(crate) static IMAP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 9051",
    ports: &[143],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(Dialog::new(&DIALECT)),
    sample: &[
        (Direction::ToClient, b"* OK [CAPABILITY IMAP4rev1 STARTTLS] mail.hospital.example ready\r\n"),
        (Direction::ToServer, b"a1 CAPABILITY\r\n"),
        (Direction::ToClient, b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n"),
        (Direction::ToServer, b"a2 STARTTLS\r\n"),
        (Direction::ToClient, b"a2 NO not today\r\n"),
    ],
};

static DIALECT: Dialect = Dialect {
    end: b'\n',
    asks: |line| {
        let (tag, command) = words(line)?;
        command.eq_ignore_ascii_case(b"STARTTLS").then_some(tag)
    },
    answers: |line, mark| {
        let (tag, status) = words(line)?;
        (tag == mark).then(|| status.eq_ignore_ascii_case(b"OK"))
    },
};

/// The first two words.
fn words(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    Some((words.next()?, words.next()?.trim_ascii_end()))
}

/// A greeting, or a tag with a number and a command that only IMAP has behind it.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    const GREETINGS: &[&[u8]] = &[b"* OK ", b"* PREAUTH ", b"* BYE "];
    const COMMANDS: &[&[u8]] = &[b"AUTHENTICATE", b"CAPABILITY", b"LOGIN", b"STARTTLS"];
    if direction == Direction::ToClient {
        return begins_with(bytes, GREETINGS);
    }
    let end = bytes.iter().position(|byte| *byte == b' ');
    let tag = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    if tag.len() > TAG_BYTES_MAX || !tag.iter().all(u8::is_ascii_alphanumeric) {
        return Guess::No;
    }
    let Some(rest) = end.and_then(|at| bytes.get(at.saturating_add(1)..)) else { return Guess::More };
    if tag.iter().any(u8::is_ascii_digit) { begins_with(&rest.to_ascii_uppercase(), COMMANDS) } else { Guess::No }
}

fn begins_with(bytes: &[u8], starts: &[&[u8]]) -> Guess {
    if starts.iter().any(|start| bytes.starts_with(start)) {
        Guess::Yes
    } else if starts.iter().any(|start| start.starts_with(bytes)) {
        Guess::More
    } else {
        Guess::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::tests::upgraded_after;
    use Direction::{ToClient, ToServer};

    #[test]
    fn tls_begins_behind_the_answer_that_bears_the_questions_tag() {
        let asked: (Direction, &[u8]) = (ToServer, b"a1 starttls\r\n");
        assert_eq!(upgraded_after(&DIALECT, &[asked, (ToClient, b"a1 OK go\r\n\x16\x03")]), Some(10));
        assert_eq!(upgraded_after(&DIALECT, &[asked, (ToClient, b"* OK still here\r\na1 BAD no\r\n")]), None);
        assert_eq!(upgraded_after(&DIALECT, &[asked, (ToClient, b"a0 OK\r\n")]), None);
        assert_eq!(upgraded_after(&DIALECT, &[(ToClient, b"a1 OK go\r\n")]), None);
    }

    #[test]
    fn imap_is_told_from_other_protocols_of_lines() {
        let client = |bytes: &[u8]| guess(bytes, ToServer, Transport::Tcp);
        assert_eq!(client(b"A001 login ward secret\r\n"), Guess::Yes);
        assert_eq!(client(b"USER login\r\n"), Guess::No);
        assert_eq!(client(b"GET / HTTP/1.1\r\n"), Guess::No);
        assert_eq!(guess(b"220 ready", ToClient, Transport::Tcp), Guess::No);
    }
}
