//! IRC: told from other protocols, and read up to its switch to TLS.
//!
//! Source: RFC 2812 §2.3 (messages), §3.1 (registration), §5.1 (replies); IRCv3 for CAP and STARTTLS (reply 670).

use crate::{
    dialog::{Dialect, Dialog},
    quiet::declare,
    session::{Guess, Protocol},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

/// RFC 2812 §2.3: a message has at most so many bytes.
const LINE_BYTES_MAX: usize = 512;
/// The reply that tells the client to begin with TLS.
const STARTTLS_AGREED: &[u8] = b"670";
/// The reply that tells why not.
const STARTTLS_REFUSED: &[u8] = b"691";

static DECL: ProtocolDecl = declare("irc");

pub(crate) static IRC: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 2812",
    ports: &[194, 6665, 6666, 6667, 6668, 6669, 7000],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(Dialog::new(&DIALECT)),
    sample: &[
        (Direction::ToServer, b"CAP LS 302\r\n"),
        (Direction::ToClient, b":irc.example.org CAP * LS :tls\r\n"),
        (Direction::ToServer, b"STARTTLS\r\n"),
        (Direction::ToClient, b":irc.example.org 691 * :not today\r\n"),
    ],
};

static DIALECT: Dialect = Dialect {
    end: b'\n',
    asks: |line| line.trim_ascii_end().eq_ignore_ascii_case(b"STARTTLS").then_some(&[]),
    answers: |line, _| match number(line)? {
        STARTTLS_AGREED => Some(true),
        STARTTLS_REFUSED => Some(false),
        _ => None,
    },
};

/// The command or number of a server's line: the word behind its name.
fn number(line: &[u8]) -> Option<&[u8]> {
    let mut words = line.strip_prefix(b":")?.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words.nth(1)
}

/// A client's registration, or a server's line with its name and one of the numbers that come first. `USER` and `PASS`
/// begin other protocols too, where they have fewer words.
fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    let end = memchr::memchr(b'\n', bytes);
    let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    if line.len() > LINE_BYTES_MAX {
        return Guess::No;
    }
    let is_whole = end.is_some();
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\r')).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    if direction == Direction::ToClient {
        let tells = matches!(
            number(line.trim_ascii_end()),
            Some(b"NOTICE" | b"CAP" | b"001" | b"020" | b"439" | STARTTLS_AGREED)
        );
        return match (first.first(), is_whole) {
            (Some(b':'), true) if tells => Guess::Yes,
            (Some(b':') | None, false) => Guess::More,
            _ => Guess::No,
        };
    }
    let fits = |known: &&[u8]| first.eq_ignore_ascii_case(known);
    let begins = |known: &&[u8]| known.get(..first.len()).is_some_and(|head| head.eq_ignore_ascii_case(first));
    const ALONE: &[&[u8]] = &[b"NICK", b"STARTTLS", b"CAP", b"USER"];
    if !is_whole {
        return if ALONE.iter().any(begins) { Guess::More } else { Guess::No };
    }
    let Some(known) = ALONE.iter().find(|known| fits(known)) else { return Guess::No };
    let second = words.next();
    let fits = match *known {
        b"NICK" => second.is_some() && words.next().is_none(),
        b"STARTTLS" => second.is_none(),
        b"CAP" => matches!(second, Some(b"LS" | b"REQ" | b"END" | b"LIST")),
        _ => words.count() >= 2,
    };
    if fits { Guess::Yes } else { Guess::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::tests::upgraded_after;
    use Direction::{ToClient, ToServer};

    #[test]
    fn tls_begins_behind_number_670_and_not_behind_691() {
        let asked: (Direction, &[u8]) = (ToServer, b"STARTTLS\r\n");
        assert_eq!(upgraded_after(&DIALECT, &[asked, (ToClient, b":a.b 670  :go\r\n\x16")]), Some(15));
        assert_eq!(upgraded_after(&DIALECT, &[asked, (ToClient, b":a.b 691 * :no\r\n:a.b 670 * :late\r\n")]), None);
        assert_eq!(upgraded_after(&DIALECT, &[(ToClient, b":a.b 670 * :unasked\r\n")]), None);
    }

    #[test]
    fn irc_is_told_from_other_protocols_of_lines() {
        let client = |bytes: &[u8]| guess(bytes, ToServer, Transport::Tcp);
        assert_eq!(client(b"nick ward7\r\n"), Guess::Yes);
        assert_eq!(client(b"USER a 0 * :Some One\r\n"), Guess::Yes);
        assert_eq!(client(b"USER anonymous\r\n"), Guess::No);
        assert_eq!(client(b"PASS x\r\n"), Guess::No);
        assert_eq!(client(b"NI"), Guess::More);
        assert_eq!(guess(b":irc.example.org NOTICE AUTH :*** Looking up\r\n", ToClient, Transport::Tcp), Guess::Yes);
        assert_eq!(guess(b":-) hello there\r\n", ToClient, Transport::Tcp), Guess::No);
    }
}
