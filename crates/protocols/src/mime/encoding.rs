//! Content-Transfer-Encoding (RFC 2045 §6), line by line.

use super::Fault;
use crate::lines::Piece;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    /// Of a Content-Transfer-Encoding field; what is not known is taken as it stands.
    pub(super) fn read(value: &[u8]) -> Self {
        let value = value.trim_ascii();
        if value.eq_ignore_ascii_case(b"base64") {
            Self::Base64
        } else if value.eq_ignore_ascii_case(b"quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Plain
        }
    }
}

#[derive(Debug)]
pub(super) struct Decoder {
    encoding: Encoding,
    /// Sextets of a base64 group that is not complete.
    group: u32,
    count: u8,
    /// What a quoted-printable line left over at the end of a piece.
    held: Vec<u8>,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, group: 0, count: 0, held: Vec::new() }
    }

    pub(super) fn is_encoded(&self) -> bool {
        self.encoding != Encoding::Plain
    }

    /// Decodes a line onto `out`; a line end that may belong to a boundary behind it goes to `line_end`.
    pub(super) fn line(&mut self, piece: Piece<'_>, out: &mut Vec<u8>, line_end: &mut Vec<u8>) -> Option<Fault> {
        match self.encoding {
            Encoding::Plain => {
                out.extend_from_slice(piece.text);
                line_end.extend_from_slice(piece.end);
                None
            }
            Encoding::Base64 => self.base64(piece.text, out).then_some(Fault::InvalidBase64),
            Encoding::QuotedPrintable => {
                self.quoted_printable(piece, out, line_end).then_some(Fault::InvalidQuotedPrintable)
            }
        }
    }

    /// What is left of an incomplete group.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.held);
        self.end_group(&mut out);
        out
    }

    /// Whether something stood there that is no base64; it is passed over.
    fn base64(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let mut is_invalid = false;
        out.reserve(text.len() / 4 * 3);
        for byte in text {
            let sextet = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.end_group(out);
                    continue;
                }
                b' ' | b'\t' | b'\r' => continue,
                _ => {
                    is_invalid = true;
                    continue;
                }
            };
            self.group = self.group << 6 | u32::from(sextet);
            self.count = self.count.saturating_add(1);
            if self.count == 4 {
                let [_, a, b, c] = self.group.to_be_bytes();
                out.extend_from_slice(&[a, b, c]);
                self.group = 0;
                self.count = 0;
            }
        }
        is_invalid
    }

    fn end_group(&mut self, out: &mut Vec<u8>) {
        // 12 or 18 bits: one byte or two, and bits of padding.
        match self.count {
            2 => out.extend((self.group >> 4).to_be_bytes().last()),
            3 => out.extend((self.group >> 2).to_be_bytes().get(2..).unwrap_or_default()),
            _ => {}
        }
        self.group = 0;
        self.count = 0;
    }

    /// Whether an escape could not be read; it stays as it stands.
    fn quoted_printable(&mut self, piece: Piece<'_>, out: &mut Vec<u8>, line_end: &mut Vec<u8>) -> bool {
        let mut joined = std::mem::take(&mut self.held);
        let text = if joined.is_empty() {
            piece.text
        } else {
            joined.extend_from_slice(piece.text);
            &joined
        };
        let is_last = !piece.end.is_empty();
        let text = if is_last { text.trim_ascii_end() } else { text };
        let (mut is_invalid, mut is_soft) = (false, false);
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'=', rest) {
            let (plain, escape) = rest.split_at(at);
            out.extend_from_slice(plain);
            match *escape {
                [_, high, low, ..] => {
                    let value = hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low);
                    is_invalid |= value.is_none();
                    match value {
                        Some(value) => out.push(value),
                        None => out.extend_from_slice(escape.get(..3).unwrap_or_default()),
                    }
                    rest = escape.get(3..).unwrap_or_default();
                }
                _ if !is_last => {
                    self.held = escape.to_vec();
                    return is_invalid;
                }
                [_] => {
                    is_soft = true;
                    rest = &[];
                }
                _ => {
                    is_invalid = true;
                    rest = &[];
                }
            }
        }
        out.extend_from_slice(rest);
        if !is_soft {
            line_end.extend_from_slice(piece.end);
        }
        is_invalid
    }
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
