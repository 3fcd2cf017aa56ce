//! Which first bytes are FTP.

use super::LINE_BYTES_MAX;
use crate::session::Guess;
use phitak_model::{Direction, Transport};

const VERBS: &[&[u8]] =
    &[b"USER", b"PASS", b"PORT", b"FEAT", b"PASV", b"EPSV", b"EPRT", b"SYST", b"AUTH", b"RETR", b"STOR"];

/// A greeting that names FTP or stands in brackets, or a command that only FTP has.
pub(super) fn guess(bytes: &[u8], direction: Direction, _: Transport) -> Guess {
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
