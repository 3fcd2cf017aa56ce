//! Which first bytes are FTP.

use super::LINE_BYTES_MAX;
use crate::{
    lines::{guess_greeting, guess_verb},
    session::Guess,
};
use phitak_model::{Direction, Transport};

const VERBS: &[&[u8]] =
    &[b"USER", b"PASS", b"PORT", b"FEAT", b"PASV", b"EPSV", b"EPRT", b"SYST", b"AUTH", b"RETR", b"STOR"];

/// A greeting that names FTP or stands in brackets, or a command that only FTP has.
pub(super) fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
    match direction {
        Direction::ToServer => match (guess_verb(bytes, VERBS), bytes.split_at_checked(b"USER".len())) {
            (Guess::Yes, Some((verb, rest))) if verb.eq_ignore_ascii_case(b"USER") => one_word(rest),
            (answer, _) => answer,
        },
        Direction::ToClient if bytes.starts_with(b"220 (") => Guess::Yes,
        Direction::ToClient => guess_greeting(bytes, &[b"ftp", b"filezilla"], &[b"smtp", b"mail"], 2 * LINE_BYTES_MAX),
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
