//! The head of a request or response: its first line and its header fields, taken apart once and kept as they came.
//!
//! Source: RFC 9112 §2–5. What senders get wrong is read as browsers and libhtp read it: bare LF everywhere; in
//! responses also bare CR and LF CR; a line of one space and LF ends a head when no further LF follows.

use super::event::Event;

/// Most bytes of a head; as with libhtp's hard limit of 18,000 for one field, what is longer is not HTTP worth parsing.
pub(crate) const HEAD_BYTES_MAX: usize = 128 * 1024;
/// Most bytes of one line.
pub(crate) const LINE_BYTES_MAX: usize = 18_000;
/// Most fields of one head.
pub(crate) const FIELDS_MAX: usize = 1024;
/// Most repetitions of one field that are joined.
const REPETITIONS_MAX: u16 = 64;
/// Most bytes that joined and unfolded values may add to a head.
const JOINED_BYTES_MAX: usize = 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// A stretch of a head's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let cut = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: cut(start), end: cut(end) }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
    repetitions: u16,
}

/// Fields in order of first appearance; repeated ones are joined with `, `.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// The first line, the fields as they came, then values that had to be put together.
    bytes: Vec<u8>,
    pub(crate) line: Span,
    raw_fields: Span,
    raw_trailer: Span,
    fields: Vec<Field>,
    /// Content-Length came more than once; the first stands.
    pub(crate) length_repeated: bool,
}

impl Head {
    /// Begins a head with its first line, given without its end.
    pub(crate) fn begin(&mut self, line: &[u8]) {
        self.bytes.clear();
        self.fields.clear();
        self.length_repeated = false;
        self.raw_fields = Span::default();
        self.raw_trailer = Span::default();
        self.bytes.extend_from_slice(line);
        self.line = Span::new(0, line.len());
    }

    pub(crate) fn line(&self) -> &[u8] {
        self.line.of(&self.bytes)
    }

    pub(crate) fn text(&self, span: Span) -> &[u8] {
        span.of(&self.bytes)
    }

    /// All fields as they came, with the empty line, and the trailer's after them.
    pub(crate) fn raw(&self) -> (&[u8], &[u8]) {
        (self.raw_fields.of(&self.bytes), self.raw_trailer.of(&self.bytes))
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name.of(&self.bytes), field.value.of(&self.bytes)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of a field; case and NUL bytes in names do not matter.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|field| same_name(field.0, name.as_bytes())).map(|field| field.1)
    }

    /// Takes in a block of fields with the lines that [`Scanner`] found in it.
    pub(crate) fn add(&mut self, block: &[u8], lines: &[Span], rules: Rules, raise: &mut dyn FnMut(Event)) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(block);
        let raw = Span::new(base, self.bytes.len());
        if rules.trailer {
            self.raw_trailer = raw;
        } else {
            self.raw_fields = raw;
        }
        let mut current: Option<Span> = None;
        for line in lines {
            let line = Span::new(base.saturating_add(line.start as usize), base.saturating_add(line.end as usize));
            let bytes = line.of(&self.bytes);
            let folded = matches!(bytes.first(), Some(b' ' | b'\t' | 0));
            match current {
                Some(before) if folded => {
                    let own = bytes.contains(&b':') && before.of(&self.bytes).contains(&b':');
                    if rules.colon_unfolds && own {
                        raise(Event::InvalidResponseFieldFolding);
                        self.field(before, rules, raise);
                        current = Some(Span { start: line.start.saturating_add(1), end: line.end });
                    } else {
                        current = Some(self.join(before, b"", line));
                    }
                }
                _ => {
                    if folded {
                        raise(rules.side.pick(Event::InvalidRequestFieldFolding, Event::InvalidResponseFieldFolding));
                    }
                    if let Some(before) = current {
                        self.field(before, rules, raise);
                    }
                    current = Some(line);
                }
            }
        }
        if let Some(last) = current {
            self.field(last, rules, raise);
        }
    }

    /// One whole field line, unfolded.
    fn field(&mut self, line: Span, rules: Rules, raise: &mut dyn FnMut(Event)) {
        let bytes = line.of(&self.bytes);
        let start = line.start as usize;
        let (name, value) = match bytes.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let name = trimmed(bytes, start, 0, colon);
                let spaced = bytes.get(..colon).is_some_and(|raw| raw.len() != name.of(&self.bytes).len());
                if spaced || !name.of(&self.bytes).iter().all(|byte| is_token(*byte)) || name.start == name.end {
                    raise(rules.side.pick(Event::RequestHeaderInvalid, Event::ResponseHeaderInvalid));
                }
                (name, trimmed(bytes, start, colon.saturating_add(1), bytes.len()))
            }
            None => {
                raise(rules.side.pick(Event::RequestFieldMissingColon, Event::ResponseFieldMissingColon));
                (Span::new(start, start), trimmed(bytes, start, 0, bytes.len()))
            }
        };
        let named = name.of(&self.bytes);
        let before = match named {
            [] => None,
            _ => self.fields.iter().position(|field| same_name(field.name.of(&self.bytes), named)),
        };
        let Some(at) = before else {
            if self.fields.len() >= FIELDS_MAX {
                raise(rules.side.pick(Event::RequestTooManyHeaders, Event::ResponseTooManyHeaders));
                return;
            }
            self.fields.push(Field { name, value, repetitions: 0 });
            return;
        };
        if same_name(named, b"content-length") {
            self.length_repeated = true;
            return;
        }
        let Some(field) = self.fields.get_mut(at) else { return };
        field.repetitions = field.repetitions.saturating_add(1);
        if field.repetitions > REPETITIONS_MAX {
            raise(rules.side.pick(Event::RequestHeaderRepetition, Event::ResponseHeaderRepetition));
            return;
        }
        let first = field.value;
        let joined = self.join(first, b", ", value);
        if let Some(field) = self.fields.get_mut(at) {
            field.value = joined;
        }
    }

    /// Puts two stretches together at the end of the bytes. The first stays as it is when there is no room.
    fn join(&mut self, first: Span, between: &[u8], second: Span) -> Span {
        let room = HEAD_BYTES_MAX.saturating_add(JOINED_BYTES_MAX);
        if self.bytes.len().saturating_add(first.end.saturating_sub(first.start) as usize) > room {
            return first;
        }
        let start = if first.end as usize == self.bytes.len() {
            first.start as usize
        } else {
            let at = self.bytes.len();
            self.bytes.extend_from_within(first.start as usize..first.end as usize);
            at
        };
        self.bytes.extend_from_slice(between);
        self.bytes.extend_from_within(second.start as usize..second.end as usize);
        Span::new(start, self.bytes.len())
    }
}

/// How a block of fields is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) side: Side,
    pub(crate) trailer: bool,
    /// A folded line with a colon of its own is a field of its own: so browsers read HTTP/1.1 responses.
    pub(crate) colon_unfolds: bool,
}

impl Side {
    pub(crate) fn pick<T>(self, request: T, response: T) -> T {
        match self {
            Self::Request => request,
            Self::Response => response,
        }
    }
}

/// Finds the lines of a block of fields and its end, over any split of the input.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    lines: Vec<Span>,
    line_start: usize,
    at: usize,
    /// The line before ended with LF CR.
    after_lf_cr: bool,
}

/// What a scan found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The head's end, past its empty line.
    End(usize),
    More,
    TooLong,
}

impl Scanner {
    pub(crate) fn lines(&self) -> &[Span] {
        &self.lines
    }

    pub(crate) fn reset(&mut self) {
        self.lines.clear();
        self.line_start = 0;
        self.at = 0;
        self.after_lf_cr = false;
    }

    /// Goes on where the last scan stopped. `bytes` is the whole block so far; `ended` tells that no more will come.
    pub(crate) fn scan(&mut self, bytes: &[u8], side: Side, ended: bool) -> Found {
        while let Some((end, next)) = self.line_end(bytes, side, ended) {
            if end.saturating_sub(self.line_start) > LINE_BYTES_MAX {
                return Found::TooLong;
            }
            let line = bytes.get(self.line_start..end).unwrap_or_default();
            let ending = bytes.get(end..next).unwrap_or_default();
            if line.is_empty() && ending != b"\r" {
                let twice = self.after_lf_cr && ending == b"\r\n";
                return match bytes.get(next..) {
                    Some([b'\r', b'\n', ..]) if twice => Found::End(next.saturating_add(2)),
                    Some([] | [b'\r']) if twice && !ended => Found::More,
                    _ => Found::End(next),
                };
            }
            // One space or tab and a bare LF end the head, unless an empty line does right after.
            if matches!(line, [b' ' | b'\t']) && ending == b"\n" {
                match bytes.get(next) {
                    None if !ended => return Found::More,
                    Some(b'\n') | None => {}
                    Some(_) => return Found::End(next),
                }
            }
            self.after_lf_cr = ending == b"\n\r";
            let kept = match (side, line) {
                (Side::Request, [kept @ .., b'\r']) => kept.len(),
                _ => line.len(),
            };
            self.lines.push(Span::new(self.line_start, self.line_start.saturating_add(kept)));
            self.line_start = next;
            self.at = next;
        }
        if bytes.len().saturating_sub(self.line_start) > LINE_BYTES_MAX || bytes.len() > HEAD_BYTES_MAX {
            return Found::TooLong;
        }
        if ended {
            if self.line_start < bytes.len() {
                self.lines.push(Span::new(self.line_start, bytes.len()));
            }
            return Found::End(bytes.len());
        }
        Found::More
    }

    /// Where the current line ends and where the next begins.
    fn line_end(&mut self, bytes: &[u8], side: Side, ended: bool) -> Option<(usize, usize)> {
        loop {
            let rest = bytes.get(self.at..)?;
            let found = match side {
                Side::Request => memchr::memchr(b'\n', rest),
                Side::Response => memchr::memchr2(b'\r', b'\n', rest),
            };
            let Some(found) = found else {
                self.at = bytes.len();
                return None;
            };
            let end = self.at.saturating_add(found);
            let after = end.saturating_add(1);
            let next = bytes.get(after).copied();
            if side == Side::Request {
                // `\r\n` counts as one ending, so that an empty line is empty.
                let start = match bytes.get(self.line_start..end) {
                    Some([b'\r']) => end.saturating_sub(1),
                    _ => end,
                };
                return Some((start, after));
            }
            self.at = end;
            let is_empty = end == self.line_start;
            match (bytes.get(end), next) {
                (Some(b'\r'), Some(b'\n')) => return Some((end, after.saturating_add(1))),
                // More than one CR belongs to the line.
                (Some(b'\r'), Some(b'\r')) => self.at = after,
                (Some(b'\r'), None) if !ended => return None,
                (Some(b'\n'), Some(b'\r')) if !is_empty => return Some((end, after.saturating_add(1))),
                (Some(b'\n'), None) if !ended && !is_empty => return None,
                _ => return Some((end, after)),
            }
        }
    }
}

/// The part of `bytes` from `from` to `to` without white space around it, as a span of the head.
fn trimmed(bytes: &[u8], start: usize, from: usize, to: usize) -> Span {
    let part = bytes.get(from..to).unwrap_or_default();
    let front = part.iter().take_while(|byte| is_space(**byte)).count();
    let inner = part.get(front..).unwrap_or_default();
    let back = inner.iter().rev().take_while(|byte| is_space(**byte)).count();
    let begin = start.saturating_add(from).saturating_add(front);
    Span::new(begin, begin.saturating_add(inner.len().saturating_sub(back)))
}

/// C's `isspace`.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Equal but for case and NUL bytes.
pub(crate) fn same_name(name: &[u8], other: &[u8]) -> bool {
    if name.eq_ignore_ascii_case(other) {
        return true;
    }
    if !name.contains(&0) && !other.contains(&0) {
        return false;
    }
    let text = |bytes: &[u8]| bytes.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect::<Vec<_>>();
    text(name) == text(other)
}

/// Whether `text` has `word` in it, but for case and NUL bytes.
pub(crate) fn mentions(text: &[u8], word: &[u8]) -> bool {
    let text: Vec<u8> = text.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    memchr::memmem::find(&text, word).is_some()
}
