//! A JSON writer over a reused byte buffer: EVE records are written, never built as trees.

use crate::decimal;
use std::io::Write as _;

/// Appends JSON to a buffer. Commas are placed by the writer; the caller opens and closes in pairs.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// A value was written at this depth, so the next one needs a comma.
    need_comma: bool,
}

impl Writer {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the content and keeps the memory.
    pub fn clear(&mut self) {
        self.out.clear();
        self.need_comma = false;
    }

    /// Ends a record with a line feed, ready for the next one.
    pub fn end_line(&mut self) {
        self.out.push(b'\n');
        self.need_comma = false;
    }

    pub fn begin_object(&mut self) {
        self.comma();
        self.out.push(b'{');
        self.need_comma = false;
    }

    pub fn end_object(&mut self) {
        self.out.push(b'}');
        self.need_comma = true;
    }

    pub fn begin_array(&mut self) {
        self.comma();
        self.out.push(b'[');
        self.need_comma = false;
    }

    pub fn end_array(&mut self) {
        self.out.push(b']');
        self.need_comma = true;
    }

    /// A member's name; its value must follow.
    pub fn key(&mut self, name: &str) {
        self.comma();
        self.quoted(name.as_bytes());
        self.out.push(b':');
        self.need_comma = false;
    }

    pub fn string(&mut self, value: &str) {
        self.comma();
        self.quoted(value.as_bytes());
        self.need_comma = true;
    }

    /// Bytes from the wire: valid UTF-8 stays, each other byte becomes `\\xNN` in text, as EVE does.
    pub fn bytes(&mut self, value: &[u8]) {
        self.comma();
        self.quoted(value);
        self.need_comma = true;
    }

    /// ASCII text that needs no escapes: digits, names and addresses that the caller has written.
    pub fn plain(&mut self, value: &[u8]) {
        debug_assert!(is_plain(value));
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(value);
        self.out.push(b'"');
        self.need_comma = true;
    }

    pub fn number(&mut self, value: u64) {
        self.comma();
        decimal::push(&mut self.out, value);
        self.need_comma = true;
    }

    pub fn signed(&mut self, value: i64) {
        self.comma();
        if value < 0 {
            self.out.push(b'-');
        }
        decimal::push(&mut self.out, value.unsigned_abs());
        self.need_comma = true;
    }

    pub fn boolean(&mut self, value: bool) {
        self.comma();
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self.need_comma = true;
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, json: &[u8]) {
        self.comma();
        self.out.extend_from_slice(json);
        self.need_comma = true;
    }

    pub fn member_str(&mut self, name: &str, value: &str) {
        self.key(name);
        self.string(value);
    }

    pub fn member_bytes(&mut self, name: &str, value: &[u8]) {
        self.key(name);
        self.bytes(value);
    }

    pub fn member_plain(&mut self, name: &str, value: &[u8]) {
        self.key(name);
        self.plain(value);
    }

    pub fn member_number(&mut self, name: &str, value: u64) {
        self.key(name);
        self.number(value);
    }

    pub fn member_bool(&mut self, name: &str, value: bool) {
        self.key(name);
        self.boolean(value);
    }

    #[inline]
    fn comma(&mut self) {
        if self.need_comma {
            self.out.push(b',');
        }
    }

    fn quoted(&mut self, value: &[u8]) {
        self.out.reserve(value.len().saturating_add(2));
        self.out.push(b'"');
        if is_plain(value) {
            self.out.extend_from_slice(value);
        } else {
            self.mixed(value);
        }
        self.out.push(b'"');
    }

    /// Text with something in it that is not plain.
    #[inline(never)]
    fn mixed(&mut self, value: &[u8]) {
        for chunk in value.utf8_chunks() {
            self.escaped(chunk.valid());
            for byte in chunk.invalid() {
                let _ = write!(self.out, "\\\\x{byte:02X}");
            }
        }
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\' || *b == 0x7f) {
            let (plain, tail) = rest.split_at(at);
            self.out.extend_from_slice(plain);
            let Some((byte, after)) = tail.split_first() else { return };
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                other => {
                    let _ = write!(self.out, "\\u{other:04x}");
                }
            }
            rest = after;
        }
        self.out.extend_from_slice(rest);
    }
}

/// Whether text stands in JSON as it is: ASCII without control characters, quotes and backslashes.
fn is_plain(text: &[u8]) -> bool {
    let mut words = text.chunks_exact(8);
    let plain_words = words.by_ref().all(|eight| {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        is_plain_word(u64::from_le_bytes(word))
    });
    plain_words && words.remainder().iter().all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\'))
}

/// The same for eight bytes at once: a byte's highest bit in one of the terms tells that it is not plain. (A borrow or
/// carry into a byte comes only out of one that is not plain itself.)
fn is_plain_word(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |w: u64| w.wrapping_sub(ONES) & !w;
    let quote = zero(word ^ (ONES * u64::from(b'"')));
    let backslash = zero(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word.wrapping_add(ONES);
    (quote | backslash | control | delete | word) & HIGH == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_escapes_come_out_as_valid_json() {
        let mut w = Writer::new();
        w.begin_object();
        w.member_str("a", "line\n\"quote\" \\ tab\t\u{1}");
        w.key("list");
        w.begin_array();
        w.number(1);
        w.signed(-2);
        w.begin_object();
        w.end_object();
        w.boolean(true);
        w.end_array();
        w.member_bytes("raw", b"ok \xff\xfe \xe0\xb8\x81");
        w.end_object();
        let text = std::str::from_utf8(w.as_bytes()).expect("UTF-8");
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(value["a"], "line\n\"quote\" \\ tab\t\u{1}");
        assert_eq!(value["list"], serde_json::json!([1, -2, {}, true]));
        assert_eq!(value["raw"], "ok \\xFF\\xFE ก");
    }

    #[test]
    fn every_byte_is_seen_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let plain = matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\';
            for at in 0..20 {
                let mut text = *b"abcdefghijklmnopqrst";
                text[at] = byte;
                assert_eq!(is_plain(&text), plain, "{byte:#04x} at {at}");
            }
        }
    }

    #[test]
    fn numbers_at_their_ends_are_written_in_full() {
        let mut w = Writer::new();
        w.begin_array();
        w.signed(i64::MIN);
        w.signed(i64::MAX);
        w.number(u64::MAX);
        w.number(0);
        w.end_array();
        assert_eq!(w.as_bytes(), format!("[{},{},{},0]", i64::MIN, i64::MAX, u64::MAX).as_bytes());
    }
}
