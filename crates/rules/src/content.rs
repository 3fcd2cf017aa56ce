//! `content`: bytes to find, with what limits where they may stand.

use crate::text::{Fault, Text};
use serde::{Deserialize, Serialize};

/// Most bytes of one content.
pub const CONTENT_BYTES_MAX: usize = 255 * 16;
/// Most bytes that `distance` and `within` may span (user guide: 1 MiB).
pub const SPAN_MAX: i32 = 1 << 20;

/// A number in a rule, or the index of one of the rule's variables ([`crate::Rule::variables`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Value {
    Number(i32),
    Variable(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Content {
    pub pattern: Vec<u8>,
    pub negated: bool,
    pub nocase: bool,
    pub starts_with: bool,
    pub ends_with: bool,
    pub offset: Option<Value>,
    pub depth: Option<Value>,
    pub distance: Option<Value>,
    pub within: Option<Value>,
    pub fast_pattern: Option<FastPattern>,
}

/// How the rule's author wants the prefilter to use a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FastPattern {
    Whole,
    /// The prefilter alone decides; the content is not looked for again.
    Only,
    /// Only `length` bytes from `offset` on go into the prefilter.
    Chop {
        offset: u16,
        length: u16,
    },
}

impl Content {
    #[must_use]
    pub fn new(pattern: Vec<u8>) -> Self {
        Self {
            pattern,
            negated: false,
            nocase: false,
            starts_with: false,
            ends_with: false,
            offset: None,
            depth: None,
            distance: None,
            within: None,
            fast_pattern: None,
        }
    }

    #[must_use]
    pub fn is_relative(&self) -> bool {
        self.distance.is_some() || self.within.is_some()
    }
}

/// Reads a value of the form `!"…"`: negation and bytes.
pub(crate) fn quoted_bytes(text: Text<'_>) -> Result<(bool, Vec<u8>), Fault> {
    let text = text.trim();
    let (negated, body) = match text.strip_prefix("!") {
        Some(rest) => (true, rest.trim()),
        None => (false, text),
    };
    let Some(open) = body.strip_prefix("\"") else {
        return Err(body.fault("the content must stand in double quotes"));
    };
    let Some(inner) = open.strip_suffix("\"") else {
        return Err(body
            .fault("the content has no closing quote")
            .hint("a \";\" or \"\\\"\" inside quotes must be escaped"));
    };
    let bytes = bytes(inner)?;
    if bytes.is_empty() {
        return Err(body.fault("the content is empty"));
    }
    if bytes.len() > CONTENT_BYTES_MAX {
        return Err(
            body.fault(format!("the content has {} bytes; at most {CONTENT_BYTES_MAX} are possible", bytes.len()))
        );
    }
    Ok((negated, bytes))
}

/// Decodes text with `|hex|` parts and backslash escapes.
pub(crate) fn bytes(text: Text<'_>) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(text.text.len());
    let mut hex: Option<(usize, Option<u8>)> = None;
    let mut escaped = false;
    for (index, byte) in text.text.bytes().enumerate() {
        let here = || text.from(index);
        if let Some((_, half)) = &mut hex {
            match byte {
                b'|' if half.is_some() => return Err(here().fault("an odd number of hexadecimal digits between bars")),
                b'|' => hex = None,
                b' ' | b'\t' => {}
                _ => {
                    let digit = (byte as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
                    let Some(digit) = digit else {
                        let shown = text.from(index).text.chars().next().unwrap_or('?');
                        return Err(here().fault(format!("{shown:?} is not a hexadecimal digit")));
                    };
                    match half.take() {
                        Some(high) => out.push(high << 4 | digit),
                        None => *half = Some(digit),
                    }
                }
            }
        } else if escaped {
            if !matches!(byte, b':' | b';' | b'\\' | b'"') {
                return Err(here()
                    .fault("only \":\", \";\", \"\\\" and '\"' can be escaped by a backslash")
                    .hint("write other bytes in hexadecimal, such as |0d 0a|"));
            }
            out.push(byte);
            escaped = false;
        } else {
            match byte {
                b'|' => hex = Some((index, None)),
                b'\\' => escaped = true,
                b'"' => return Err(here().fault("a double quote inside the content must be escaped")),
                _ => out.push(byte),
            }
        }
    }
    if let Some(at) = text.text.find(char::REPLACEMENT_CHARACTER) {
        return Err(text.from(at).not_utf8());
    }
    if let Some((start, _)) = hex {
        return Err(text.from(start).fault("this bar opens hexadecimal bytes that are not closed"));
    }
    if escaped {
        return Err(text.from(text.text.len()).fault("a backslash at the end escapes nothing"));
    }
    Ok(out)
}

/// What may follow `fast_pattern:`.
pub(crate) fn fast_pattern(text: Option<Text<'_>>, pattern_length: usize) -> Result<FastPattern, Fault> {
    let Some(text) = text else { return Ok(FastPattern::Whole) };
    if text.is("only") {
        return Ok(FastPattern::Only);
    }
    let Some((offset, length)) = text.split_once(',') else {
        return Err(text.fault("fast_pattern takes nothing, \"only\", or an offset and a length"));
    };
    let (offset, length): (u16, u16) = (offset.number()?, length.number()?);
    if length == 0 || usize::from(offset) + usize::from(length) > pattern_length {
        return Err(text.fault(format!(
            "bytes {offset} to {} are not within the content's {pattern_length} bytes",
            u32::from(offset) + u32::from(length)
        )));
    }
    Ok(FastPattern::Chop { offset, length })
}

/// Checks the limits of one content against each other.
pub(crate) fn check(content: &Content) -> Result<(), String> {
    let length = content.pattern.len();
    let absolute = content.offset.is_some() || content.depth.is_some();
    if content.is_relative() && absolute {
        return Err("distance or within cannot be mixed with offset or depth on one content".into());
    }
    if content.starts_with && (absolute || content.is_relative()) {
        return Err("startswith cannot be mixed with offset, depth, distance or within on one content".into());
    }
    for (name, value) in [("depth", content.depth), ("within", content.within)] {
        if let Some(Value::Number(n)) = value
            && usize::try_from(n).is_ok_and(|n| n < length)
        {
            return Err(format!("{name}:{n} is shorter than the content's {length} bytes"));
        }
    }
    if content.negated && matches!(content.fast_pattern, Some(FastPattern::Only | FastPattern::Chop { .. })) {
        return Err("fast_pattern:only and fast_pattern:offset,length cannot be used on a negated content".into());
    }
    if content.negated && content.fast_pattern.is_some() && (absolute || content.is_relative()) {
        return Err("fast_pattern cannot be used on a negated content with offset, depth, distance or within".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(bool, &[u8]), usize>) {
        let found = quoted_bytes(Text::new(text, 0)).map_err(|f| f.at);
        assert_eq!(found, expected.map(|(negated, bytes)| (negated, bytes.to_vec())), "{text}");
    }

    #[test]
    fn bytes_come_from_text_bars_and_escapes() {
        check(r#""abc""#, Ok((false, b"abc")));
        check(r#"!"a|0D 0a|b|63|""#, Ok((true, b"a\r\nbc")));
        check(r#""a\;\"\\\:b""#, Ok((false, br#"a;"\:b"#)));
        check(r#""http|3A|//""#, Ok((false, b"http://")));
        check("\"ก\"", Ok((false, "ก".as_bytes())));
    }

    #[test]
    fn mistakes_are_told_where_they_stand() {
        check("abc", Err(0));
        check(r#""abc"#, Err(0));
        check(r#""""#, Err(0));
        check(r#""a|0|""#, Err(4));
        check(r#""a|0g|""#, Err(4));
        check(r#""a|00""#, Err(2));
        check(r#""a\n""#, Err(3));
        check("\"a\u{fffd}\"", Err(2));
    }
}
