//! Chunked transfer coding, undone over any split.
//!
//! Source: RFC 9112 §7.1. White space and empty lines around a length are skipped and what follows its digits is
//! ignored; a line without digits is no length.

use super::head::LINE_BYTES_MAX;

/// A chunk's length is at most this; browsers take no more either.
const CHUNK_BYTES_MAX: u64 = i32::MAX as u64;
/// With this many bytes and no line end, a length line is judged by what is there.
const PROBE_BYTES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    Length,
    Data(u64),
    /// The line end after a chunk's data.
    DataEnd,
}

/// One step of reading chunks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    /// So many bytes are framing.
    Skip(usize),
    /// So many bytes are framing, with an extension among them.
    Extension(usize),
    /// So many bytes are data.
    Data(usize),
    /// The last chunk's line of so many bytes, and whether it has an extension: a trailer follows.
    Last(usize, bool),
    /// This is no chunk.
    Invalid,
}

impl Chunk {
    /// Looks at the bytes that come next and moves on.
    pub(crate) fn step(&mut self, bytes: &[u8], ended: bool) -> Step {
        match *self {
            Self::Length => self.length(bytes, ended),
            Self::Data(left) => {
                let fits = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                if fits == 0 {
                    return Step::More;
                }
                let left = left.saturating_sub(fits as u64);
                *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
                Step::Data(fits)
            }
            Self::DataEnd => match memchr::memchr(b'\n', bytes) {
                Some(at) => {
                    *self = Self::Length;
                    Step::Skip(at.saturating_add(1))
                }
                None if bytes.is_empty() => Step::More,
                None => Step::Skip(bytes.len()),
            },
        }
    }

    /// Where reading stands when `length` bytes are missing that all fell into this chunk's data.
    pub(crate) fn after_gap(self, length: u64) -> Option<Self> {
        let Self::Data(left) = self else { return None };
        let left = left.checked_sub(length)?;
        Some(if left == 0 { Self::DataEnd } else { Self::Data(left) })
    }

    fn length(&mut self, bytes: &[u8], ended: bool) -> Step {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            let looks_bad = bytes.len() >= PROBE_BYTES && !may_be_length(bytes);
            if looks_bad || bytes.len() > LINE_BYTES_MAX {
                return Step::Invalid;
            }
            return if ended && !bytes.is_empty() { self.line(bytes, bytes.len()) } else { Step::More };
        };
        self.line(bytes.get(..end).unwrap_or_default(), end.saturating_add(1))
    }

    fn line(&mut self, line: &[u8], used: usize) -> Step {
        let start = line.iter().position(|byte| !is_control_space(*byte)).unwrap_or(line.len());
        let text = line.get(start..).unwrap_or_default();
        if text.is_empty() {
            return Step::Skip(used);
        }
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let mut length: u64 = 0;
        for byte in text.get(..digits).unwrap_or_default() {
            let digit = char::from(*byte).to_digit(16).unwrap_or_default();
            length = length.saturating_mul(16).saturating_add(u64::from(digit));
        }
        if digits == 0 || length > CHUNK_BYTES_MAX {
            return Step::Invalid;
        }
        let extended = text.get(digits..).unwrap_or_default().trim_ascii_start().starts_with(b";");
        if length == 0 {
            return Step::Last(used, extended);
        }
        *self = Self::Data(length);
        if extended { Step::Extension(used) } else { Step::Skip(used) }
    }
}

fn may_be_length(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !is_control_space(**byte)).is_none_or(u8::is_ascii_hexdigit)
}

fn is_control_space(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0x0b | 0x0c)
}
