//! MGCP: which telephone gateways a call agent steers, and by which names.
//!
//! A datagram carries one message or several; each is one transaction.
//! Source: RFC 3435 §3.2 (commands), §3.3 (answers), §3.5.5 (several in one datagram), §2.1.2 (names of endpoints).

use crate::{
    quiet::declare,
    session::{Guess, Protocol},
    told::{Telling, Told},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl, json::Writer};

/// Messages of one datagram that are told.
const MESSAGES_MAX: usize = 16;
/// Bytes of an endpoint's name: 255 on each side of the `@`.
const ENDPOINT_BYTES_MAX: usize = 511;
/// What a transaction's number and an answer's code may be.
const TRANSACTION_DIGITS_MAX: usize = 9;
const CODE_DIGITS: usize = 3;

const VERBS: [&str; 10] = ["AUCX", "AUEP", "CRCX", "DLCX", "EPCF", "MDCX", "MESG", "NTFY", "RQNT", "RSIP"];

static DECL: ProtocolDecl = declare("mgcp");

pub(crate) static MGCP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "RFC 3435",
    ports: &[2427, 2727],
    only_on_ports: false,
    // An answer's three digits tell too little to begin with.
    guess: |bytes, direction, _| {
        let is_answer = direction == Direction::ToClient && answer(bytes).is_some();
        if is_answer || command(bytes).is_some() { Guess::Yes } else { Guess::No }
    },
    open: |_, _| Telling::datagrams(|_, bytes, found| read(bytes, found)),
    sample: &[
        (
            Direction::ToServer,
            b"NTFY 2002 aaln/1@ward3.hospital.example MGCP 1.0\r\nN: ca@agent.hospital.example:5678\r\nX: 1\r\nO: L/hd\r\n",
        ),
        (Direction::ToClient, b"200 2002 OK\r\n.\r\nRQNT 1201 aaln/1@ward3.hospital.example MGCP 1.0\r\nX: 2\r\n"),
    ],
};

#[derive(Debug, PartialEq, Eq)]
enum Message {
    Command { verb: String, transaction: u64, endpoint: String, version: String },
    Answer { code: u64, transaction: u64 },
}

/// Lines end with a line feed, most often behind a carriage return; some senders write that alone.
fn first_line(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

/// A word of such a line.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

fn number(word: &[u8], digits_max: usize) -> Option<u64> {
    let is_number = (1..=digits_max).contains(&word.len()) && word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word).ok().filter(|_| is_number)?.parse().ok()
}

/// The command that these bytes begin with.
fn command(bytes: &[u8]) -> Option<Message> {
    let (verb, rest) = bytes.split_first_chunk::<4>()?;
    // The cheap question first: most datagrams are none.
    if !matches!(rest, [b' ' | b'\t', ..]) || !verb.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let verb = std::str::from_utf8(verb).ok()?.to_ascii_uppercase();
    // Verbs of one's own begin with an X.
    if !VERBS.contains(&verb.as_str()) && !verb.starts_with('X') {
        return None;
    }
    let mut words = words(first_line(rest));
    let transaction = number(words.next()?, TRANSACTION_DIGITS_MAX)?;
    let endpoint = words.next().filter(|name| name.len() <= ENDPOINT_BYTES_MAX && name.contains(&b'@'))?;
    words.next().filter(|word| word.eq_ignore_ascii_case(b"MGCP"))?;
    let version = words.next().filter(|word| matches!(word, [b'0'..=b'9', b'.', b'0'..=b'9', ..]))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Message::Command { verb, transaction, endpoint: text(endpoint), version: text(version.get(..3)?) })
}

/// The answer that these bytes begin with.
fn answer(bytes: &[u8]) -> Option<Message> {
    let mut words = words(first_line(bytes));
    let code = words.next().filter(|word| word.len() == CODE_DIGITS)?;
    let code = number(code, CODE_DIGITS)?;
    Some(Message::Answer { code, transaction: number(words.next()?, TRANSACTION_DIGITS_MAX)? })
}

/// A message begins the datagram, and another after each line that is a dot alone.
fn read(bytes: &[u8], found: &mut Vec<Message>) {
    let mut begins = true;
    for line in bytes.split(|byte| *byte == b'\n') {
        if begins && found.len() < MESSAGES_MAX {
            found.extend(command(line).or_else(|| answer(line)));
        }
        begins = line.trim_ascii_end() == b".";
    }
}

impl Told for Message {
    fn write(&self, out: &mut Writer) {
        if let Self::Command { endpoint, .. } = self
            && let Some((_, host)) = endpoint.rsplit_once('@')
        {
            out.member_str("host_name", host);
        }
        out.key("mgcp");
        out.begin_object();
        match self {
            Self::Command { verb, transaction, endpoint, version } => {
                out.member_str("type", "command");
                out.member_str("verb", verb);
                out.member_number("transaction_id", *transaction);
                out.member_str("endpoint", endpoint);
                out.member_str("version", version);
            }
            Self::Answer { code, transaction } => {
                out.member_str("type", "response");
                out.member_number("code", *code);
                out.member_number("transaction_id", *transaction);
            }
        }
        out.end_object();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::record;

    fn messages(bytes: &[u8]) -> Vec<Message> {
        let mut found = Vec::new();
        read(bytes, &mut found);
        found
    }

    #[test]
    fn a_command_names_its_gateway() {
        let found = messages(MGCP.sample[0].1);
        assert_eq!(
            found.iter().map(record).collect::<Vec<_>>(),
            [
                r#"{"host_name":"ward3.hospital.example","mgcp":{"type":"command","verb":"NTFY","transaction_id":2002,"endpoint":"aaln/1@ward3.hospital.example","version":"1.0"}}"#
            ]
        );
    }

    #[test]
    fn a_datagram_may_carry_several() {
        let found = messages(MGCP.sample[1].1);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Message::Answer { code: 200, transaction: 2002 });
        assert_eq!(messages(&b"200 1\n.\n".repeat(MESSAGES_MAX + 1)).len(), MESSAGES_MAX);
    }

    #[test]
    fn lines_may_end_in_any_way_and_words_be_of_any_case() {
        for line in [
            &b"rsip 7 *@gw mgcp 0.1\nRM: restart\n"[..],
            b"RSIP 7 *@gw MGCP 0.1\rRM: restart\r",
            b"RSIP 7 *@gw MGCP 0.1",
        ] {
            assert_eq!(messages(line).len(), 1);
            assert!(command(line).is_some());
        }
    }

    #[test]
    fn what_lacks_a_part_is_none() {
        for line in [
            "RQNT 1 gw MGCP 0.1",
            "RQNT 1234567890 a@gw MGCP 0.1",
            "RQNT 1 a@gw SIP/2.0",
            "RQNT 1 a@gw MGCP x",
            "GETX 1 a@gw MGCP 1.0",
        ] {
            assert_eq!(command(line.as_bytes()), None, "{line}");
        }
        assert!(messages(b"20 1 OK\n").is_empty() && messages(b"200 x\n").is_empty());
    }
}
