//! Header fields and their parameters.
//!
//! Source: RFC 5322 §2.2 (fields, folding), RFC 2045 §5.1 (parameters), RFC 2231 (parameters in sections, with a
//! character set). Values stay as they were sent: encoded words (RFC 2047) are not decoded, as rules expect.

/// Sections of one parameter that are put together.
const SECTIONS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Vec<u8>,
    /// Unfolded: a line's first space is gone, what follows is kept.
    pub(super) value: Vec<u8>,
}

impl Field {
    /// `Name: value`
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let at = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        Some(Self { name: name.trim_ascii_end().to_vec(), value: value.trim_ascii_start().to_vec() })
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// What stands before the parameters, in small letters.
pub(super) fn media_type(value: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase()
}

/// A parameter's value; its sections put together when it has some.
pub(super) fn parameter(value: &[u8], name: &str) -> Option<Vec<u8>> {
    let parameters = Parameters { rest: value.get(memchr::memchr(b';', value)?..)? };
    let mut sections: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut extended = None;
    for (key, value) in parameters {
        let Some(rest) = key.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name.as_bytes())) else {
            continue;
        };
        match key.get(rest.len()..).unwrap_or_default() {
            [] => return Some(value),
            b"*" => extended = Some(percent(after_charset(&value))),
            [b'*', section @ ..] => {
                let (number, is_extended) = match section {
                    [number @ .., b'*'] => (number, true),
                    number => (number, false),
                };
                let Some(number) = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()) else {
                    continue;
                };
                let value = match (is_extended, number) {
                    (true, 0) => percent(after_charset(&value)),
                    (true, _) => percent(&value),
                    (false, _) => value,
                };
                if sections.len() < SECTIONS_MAX {
                    sections.push((number, value));
                }
            }
            _ => {}
        }
    }
    if extended.is_some() {
        return extended;
    }
    sections.sort_by_key(|(number, _)| *number);
    let in_order = sections.iter().enumerate().take_while(|(at, (number, _))| at == number);
    let joined: Vec<u8> = in_order.flat_map(|(_, (_, value))| value.iter().copied()).collect();
    sections.first().filter(|(number, _)| *number == 0).map(|_| joined)
}

/// `; name=value` one after the other.
struct Parameters<'a> {
    rest: &'a [u8],
}

impl Iterator for Parameters<'_> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.rest.iter().position(|byte| *byte != b';' && !byte.is_ascii_whitespace())?;
            let text = self.rest.get(start..)?;
            let end = text.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(text.len());
            let (name, after) = text.split_at(end);
            let Some(after) = after.strip_prefix(b"=") else {
                self.rest = after;
                continue;
            };
            let after = after.trim_ascii_start();
            let (value, rest) = match after.strip_prefix(b"\"") {
                Some(quoted) => unquote(quoted),
                None => {
                    let end = memchr::memchr(b';', after).unwrap_or(after.len());
                    let (value, rest) = after.split_at(end);
                    (value.trim_ascii_end().to_vec(), rest)
                }
            };
            self.rest = rest;
            return Some((name.trim_ascii_end().to_vec(), value));
        }
    }
}

/// A quoted string without its escapes, and what follows it.
fn unquote(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (value, text.get(at.saturating_add(1)..).unwrap_or_default()),
            b'\\' => value.extend(bytes.next().map(|(_, byte)| *byte)),
            byte => value.push(*byte),
        }
    }
    (value, &[])
}

/// `charset'language'value`
fn after_charset(value: &[u8]) -> &[u8] {
    let mut quotes = memchr::memchr_iter(b'\'', value);
    match (quotes.next(), quotes.next()) {
        (Some(_), Some(second)) => value.get(second.saturating_add(1)..).unwrap_or_default(),
        _ => value,
    }
}

fn percent(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, name: &str, expected: Option<&str>) {
        let found = parameter(value.as_bytes(), name);
        assert_eq!(found.as_deref().map(String::from_utf8_lossy).as_deref(), expected, "{value}");
    }

    #[test]
    fn parameters_are_read_in_all_their_forms() {
        check("multipart/mixed; boundary=abc", "boundary", Some("abc"));
        check("multipart/mixed;\tBoundary = \"a;\\\"b\" ; x=y", "boundary", Some("a;\"b"));
        check("attachment; filename*=UTF-8''%e0%b8%81.exe", "filename", Some("ก.exe"));
        check("attachment; filename*1=t.ex; filename*0=\"lis\"; filename*2*=%65", "filename", Some("list.exe"));
        check("attachment; filename*1=x", "filename", None);
        check("attachment", "filename", None);
        check("text/plain; charset; name=a.txt", "name", Some("a.txt"));
    }
}
