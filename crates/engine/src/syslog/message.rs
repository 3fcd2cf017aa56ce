//! Where a message's text begins: RFC 5424, section 6, and RFC 3164, section 4.
//!
//! Senders of the older form keep to it loosely; so it is everything that the newer one is not, and its text begins after the
//! priority.

/// Facilities times severities: RFC 5424, section 6.2.1.
const PRIORITY_MAX: u32 = 191;
const PRIORITY_DIGITS_MAX: usize = 3;
const VERSION_DIGITS_MAX: usize = 3;
/// Time, host, program, process and kind: RFC 5424, section 6.
const HEADER_WORDS: usize = 5;
/// U+FEFF in UTF-8: RFC 5424, section 6.4.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// No priority: RFC 3164, section 4.3.3, takes it as text alone.
    Bare,
    Rfc3164,
    Rfc5424,
}

/// A message taken apart as far as needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub form: Form,
    /// For RFC 5424 what follows the structured data; for RFC 3164 what follows the priority, time, host and tag included.
    pub text: &'a [u8],
}

/// Takes a message apart; there are no bytes that are none.
#[must_use]
pub fn message(bytes: &[u8]) -> Message<'_> {
    let Some(rest) = after_priority(bytes) else { return Message { form: Form::Bare, text: bytes } };
    match after_header(rest) {
        Some(text) => Message { form: Form::Rfc5424, text: text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text) },
        None => Message { form: Form::Rfc3164, text: rest },
    }
}

/// `<133>`
fn after_priority(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"<")?;
    let (digits, rest) = digits(rest, PRIORITY_DIGITS_MAX);
    let priority = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    if digits.is_empty() || priority > PRIORITY_MAX {
        return None;
    }
    rest.strip_prefix(b">")
}

/// `1 2026-11-24T09:14:00.1+07:00 host suricata 812 - [a b="c"] `
fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    let (version, rest) = digits(bytes, VERSION_DIGITS_MAX);
    if version.first().is_none_or(|digit| *digit == b'0') {
        return None;
    }
    let mut rest = rest.strip_prefix(b" ")?;
    for _ in 0..HEADER_WORDS {
        let end = rest.iter().position(|byte| *byte == b' ').filter(|end| *end > 0)?;
        rest = rest.get(end + 1..)?;
    }
    let rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => after_structured_data(rest)?,
    };
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(b" ") }
}

/// One element or more, each within brackets that a value may hold between quotes: RFC 5424, section 6.3.
fn after_structured_data(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"[")?;
    let (mut is_inside, mut is_quoted, mut is_escaped) = (true, false, false);
    while let Some((first, after)) = rest.split_first() {
        match (is_inside, is_quoted, first) {
            (false, _, b'[') => is_inside = true,
            (false, ..) => return Some(rest),
            (true, true, _) if is_escaped => is_escaped = false,
            (true, true, b'\\') => is_escaped = true,
            (true, _, b'"') => is_quoted = !is_quoted,
            (true, false, b']') => is_inside = false,
            (true, ..) => {}
        }
        rest = after;
    }
    if is_inside { None } else { Some(rest) }
}

fn digits(bytes: &[u8], digits_max: usize) -> (&[u8], &[u8]) {
    let count = bytes.iter().take(digits_max).take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, form: Form, text: &str) {
        assert_eq!(message(bytes.as_bytes()), Message { form, text: text.as_bytes() }, "{bytes}");
    }

    #[test]
    fn the_examples_of_the_two_standards_are_taken_apart() {
        let text = "Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8";
        check(&format!("<34>{text}"), Form::Rfc3164, text);
        check("Use the BFG!", Form::Bare, "Use the BFG!");
        check(
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed",
            Form::Rfc5424,
            "'su root' failed",
        );
        check(
            "<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [a@32473 iut=\"3\"][b@32473 class=\"high\"]",
            Form::Rfc5424,
            "",
        );
        check("<165>1 2003-10-11T22:14:15Z h e - I [a@32473 x=\"\\\"] [\\\\\"] An event", Form::Rfc5424, "An event");
    }

    #[test]
    fn what_only_begins_like_a_form_is_the_looser_one() {
        for bare in ["<>a", "<192>a", "<1234>a", "<13", "<x>a", "", "<"] {
            check(bare, Form::Bare, bare);
        }
        let unfinished = ["1 a b c", "1 a b c d e [x", "1 a b c d e [x y=\"]"];
        for loose in unfinished.into_iter().chain(["0 a b c d e - f", "1 a b c d e -f", "1  b c d e -"]) {
            check(&format!("<13>{loose}"), Form::Rfc3164, loose);
        }
    }
}
