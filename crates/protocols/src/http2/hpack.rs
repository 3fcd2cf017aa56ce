//! Compressed header blocks: both tables, and what became of each field.
//!
//! Source: RFC 7541.

use super::huffman;
use crate::bytes::Reader;
use std::collections::VecDeque;

/// RFC 7541 §4.2: the table's size until a peer says otherwise, and the most that is granted here.
const TABLE_BYTES: usize = 4096;
const TABLE_BYTES_MAX: usize = 64 * 1024;
/// RFC 7541 §4.1: what an entry counts beyond its text.
const ENTRY_BYTES: usize = 32;
/// Most bytes of one name or value.
const STRING_BYTES_MAX: usize = 64 * 1024;

/// RFC 7541 appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// One step of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(Field),
    SizeUpdate(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The block ends within a field, or a string does not decode.
    Broken,
    /// An index that no table has.
    UnknownIndex,
    /// A number beyond 64 bits.
    Overflow,
}

/// The dynamic table of one direction.
#[derive(Debug)]
pub(super) struct Table {
    entries: VecDeque<Field>,
    bytes: usize,
    bytes_max: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max: TABLE_BYTES }
    }

    fn get(&self, index: u64) -> Result<Field, Fault> {
        let index = usize::try_from(index).ok().and_then(|index| index.checked_sub(1)).ok_or(Fault::UnknownIndex)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Ok(Field { name: name.as_bytes().to_vec(), value: value.as_bytes().to_vec() });
        }
        self.entries.get(index.saturating_sub(STATIC.len())).cloned().ok_or(Fault::UnknownIndex)
    }

    fn add(&mut self, field: Field) {
        let size = weight(&field);
        self.shrink(self.bytes_max.saturating_sub(size));
        if size <= self.bytes_max {
            self.bytes = self.bytes.saturating_add(size);
            self.entries.push_front(field);
        }
    }

    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some(field) = self.entries.pop_back() else { break };
            self.bytes = self.bytes.saturating_sub(weight(&field));
        }
    }

    /// The next step of a block.
    pub(super) fn step(&mut self, reader: &mut Reader<'_>) -> Result<Step, Fault> {
        let first = reader.u8().ok_or(Fault::Broken)?;
        if first & 0x80 != 0 {
            let index = number(first, 7, reader)?;
            return self.get(index).map(Step::Field);
        }
        if first & 0xe0 == 0x20 {
            let size = number(first, 5, reader)?;
            self.bytes_max = usize::try_from(size).unwrap_or(usize::MAX).min(TABLE_BYTES_MAX);
            self.shrink(self.bytes_max);
            return Ok(Step::SizeUpdate(size));
        }
        let is_added = first & 0x40 != 0;
        let index = number(first, if is_added { 6 } else { 4 }, reader)?;
        let name = if index == 0 { string(reader)? } else { self.get(index)?.name };
        let field = Field { name, value: string(reader)? };
        if is_added {
            self.add(field.clone());
        }
        Ok(Step::Field(field))
    }
}

fn weight(field: &Field) -> usize {
    field.name.len().saturating_add(field.value.len()).saturating_add(ENTRY_BYTES)
}

/// RFC 7541 §5.1: a number that begins in the low `bits` of a byte.
fn number(first: u8, bits: u32, reader: &mut Reader<'_>) -> Result<u64, Fault> {
    let mask = (1_u64 << bits).saturating_sub(1);
    let mut value = u64::from(first) & mask;
    if value < mask {
        return Ok(value);
    }
    for shift in (0..).step_by(7) {
        let byte = reader.u8().ok_or(Fault::Broken)?;
        let part = u64::from(byte & 0x7f);
        let moved = part.checked_shl(shift).filter(|moved| moved >> shift == part).ok_or(Fault::Overflow)?;
        value = value.checked_add(moved).ok_or(Fault::Overflow)?;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(value)
}

fn string(reader: &mut Reader<'_>) -> Result<Vec<u8>, Fault> {
    let first = reader.u8().ok_or(Fault::Broken)?;
    let length = usize::try_from(number(first, 7, reader)?).map_err(|_| Fault::Overflow)?;
    let bytes = reader.take(length).ok_or(Fault::Broken)?;
    if first & 0x80 == 0 {
        return Ok(bytes.to_vec());
    }
    huffman::decode(bytes, STRING_BYTES_MAX).ok_or(Fault::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(table: &mut Table, block: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(block);
        let mut out = Vec::new();
        while !reader.is_empty() {
            match table.step(&mut reader) {
                Ok(Step::Field(field)) => out.push(format!(
                    "{}: {}",
                    String::from_utf8_lossy(&field.name),
                    String::from_utf8_lossy(&field.value)
                )),
                Ok(Step::SizeUpdate(size)) => out.push(format!("size {size}")),
                Err(fault) => {
                    out.push(format!("{fault:?}"));
                    break;
                }
            }
        }
        out
    }

    /// RFC 7541 appendix C.4.
    #[test]
    fn requests_of_the_rfc_share_a_table() {
        let mut table = Table::new();
        let first = fields(&mut table, b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff");
        assert_eq!(first, [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]);
        let second = fields(&mut table, b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf");
        assert_eq!(second[3..], [":authority: www.example.com", "cache-control: no-cache"]);
        assert_eq!(table.bytes, 110);
    }

    #[test]
    fn the_table_forgets_what_does_not_fit() {
        let mut table = Table::new();
        assert_eq!(fields(&mut table, b"\x3f\x0f"), ["size 46"]);
        assert_eq!(
            fields(&mut table, b"\x40\x03abc\x03def\x40\x03ghi\x03jkl\xbe"),
            ["abc: def", "ghi: jkl", "ghi: jkl"]
        );
        assert_eq!(fields(&mut table, b"\xbf"), ["UnknownIndex"]);
        assert_eq!(table.entries.len(), 1);
    }

    #[test]
    fn numbers_that_never_end_overflow() {
        assert_eq!(fields(&mut Table::new(), &[0xff; 20]), ["Overflow"]);
        assert_eq!(fields(&mut Table::new(), b"\x40\x05ab"), ["Broken"]);
        assert_eq!(fields(&mut Table::new(), b"\x80"), ["UnknownIndex"]);
    }
}
