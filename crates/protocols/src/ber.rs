//! Values of BER, as far as network protocols use them: tags of one byte, definite lengths.
//!
//! Source: ITU-T X.690 §8.

use crate::bytes::Reader;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The values one behind the other in a stretch of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ber<'a> {
    reader: Reader<'a>,
}

impl<'a> Ber<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes) }
    }

    /// The tag of the next value.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.reader.rest().first().copied()
    }

    /// The next value: its tag and content.
    pub(crate) fn value(&mut self) -> Option<(u8, &'a [u8])> {
        let tag = self.reader.u8()?;
        let length = length(&mut self.reader)?;
        Some((tag, self.reader.take(usize::try_from(length).ok()?)?))
    }

    /// The next value's content, when it has this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        (self.peek()? == tag).then(|| self.value()).flatten().map(|(_, content)| content)
    }

    pub(crate) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self::new)
    }

    /// A number that is not negative.
    pub(crate) fn number(&mut self, tag: u8) -> Option<u64> {
        number(self.take(tag)?)
    }

    pub(crate) fn boolean(&mut self) -> Option<bool> {
        self.take(BOOLEAN)?.first().map(|byte| *byte != 0)
    }
}

pub(crate) fn number(content: &[u8]) -> Option<u64> {
    let significant = content.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(content);
    let is_number = !significant.is_empty() && significant.len() <= 8;
    is_number.then(|| significant.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn length(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    if first < 0x80 {
        return Some(u64::from(first));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return None;
    }
    Some(reader.take(count)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// How many bytes the value has that begins here, tag and length included. `Err` when its length cannot be read;
/// `Ok(None)` when more bytes are needed.
pub(crate) fn whole_length(bytes: &[u8]) -> Result<Option<u64>, ()> {
    let mut reader = Reader::new(bytes.get(1..).unwrap_or_default());
    let Some(first) = reader.rest().first() else { return Ok(None) };
    let header = match *first {
        0x00..=0x7f => 0,
        0x81..=0x84 => u64::from(first & 0x7f),
        _ => return Err(()),
    };
    Ok(length(&mut reader).map(|length| length.saturating_add(2).saturating_add(header)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_lengths() {
        let mut ber = Ber::new(b"\x30\x06\x02\x01\x05\x01\x01\xff\x04\x81\x02ab\x04\x05a");
        let mut inside = ber.inside(SEQUENCE).expect("a sequence");
        assert_eq!((inside.number(INTEGER), inside.boolean(), inside.peek()), (Some(5), Some(true), None));
        assert_eq!(ber.take(SEQUENCE), None);
        assert_eq!(ber.take(OCTET_STRING), Some(&b"ab"[..]));
        assert_eq!(ber.take(OCTET_STRING), None);
    }

    #[test]
    fn whole_lengths_wait_or_fail() {
        assert_eq!(whole_length(b"\x30"), Ok(None));
        assert_eq!(whole_length(b"\x30\x05"), Ok(Some(7)));
        assert_eq!(whole_length(b"\x30\x82\x01"), Ok(None));
        assert_eq!(whole_length(b"\x30\x82\x01\x00"), Ok(Some(260)));
        assert_eq!(whole_length(b"\x30\x80"), Err(()));
        assert_eq!(whole_length(b"\x30\x89"), Err(()));
    }

    #[test]
    fn numbers_have_at_most_eight_bytes() {
        assert_eq!(number(b"\x00\xff\xff\xff\xff\xff\xff\xff\xff"), Some(u64::MAX));
        assert_eq!(number(b"\x01\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b""), None);
    }
}
