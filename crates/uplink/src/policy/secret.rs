//! Blots out passwords and the like in evidence, where they stand in a form that is known: behind a name and `=` or `:`,
//! behind the commands PASS and AUTH, and in the headers that carry them. Lengths stay as they are.
//!
//! What has no such name cannot be known; the policy's words to the hospital say so.

use super::mask::MASK;

/// A name is followed by a sign (`=`, `:`, `>`, or a quote and an empty line in a form), perhaps with quotes and spaces
/// around it, plain or percent-encoded; behind `--` a space is enough.
const NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "psw",
    "pw",
    "pin",
    "secret",
    "token",
    "api_key",
    "apikey",
    "session",
    "รหัสผ่าน",
];
/// A header's or command's whole rest of the line is the secret.
const LINES: [&str; 6] = ["authorization:", "cookie:", "pass ", "auth ", "x-api-key:", "proxy-authorization:"];
/// Most signs, quotes and spaces between a name and its value.
const BETWEEN_MAX: usize = 12;
/// What ends a value that no quote encloses.
const ENDS: &[u8] = b"&;\"'<>, \t\r\n\0";

/// Masks in place; says how many were masked.
pub fn mask_secrets(bytes: &mut [u8]) -> usize {
    let mut masked = 0;
    let mut at = 0;
    while at < bytes.len() {
        match secret_at(bytes, at) {
            Some((from, until)) => {
                if let Some(place) = bytes.get_mut(from..until) {
                    place.fill(MASK);
                }
                masked += usize::from(from < until);
                at = until.max(at + 1);
            }
            None => at += 1,
        }
    }
    masked
}

/// Masks in place.
pub fn mask_text(text: &mut String) {
    let mut bytes = std::mem::take(text).into_bytes();
    mask_secrets(&mut bytes);
    // A value begins behind a sign and ends before another, so that whole characters were replaced.
    *text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
}

/// Where the secret lies whose name begins at `at`.
fn secret_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = bytes.get(at..)?;
    let starts = |word: &str| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    let begins_line = at == 0 || matches!(bytes.get(at - 1), Some(b'\n' | b'\r' | 0));
    if begins_line && let Some(line) = LINES.iter().find(|line| starts(line)) {
        let from = at + line.len();
        return Some((from, end(bytes, from, |byte| matches!(byte, b'\r' | b'\n'))));
    }
    let name = NAMES.iter().find(|name| starts(name))?;
    let from = value_after(bytes, at, at + name.len())?;
    Some((from, end(bytes, from, |byte| ENDS.contains(&byte))))
}

/// Where the value begins of a name that stands at `at` and ends before `from`: `password=`, `"password": "`,
/// `password%22%3a%22`, `<password>`, `--password `, `name="password"` and an empty line.
fn value_after(bytes: &[u8], at: usize, mut from: usize) -> Option<usize> {
    let is_option = at.checked_sub(2).and_then(|before| bytes.get(before..at)) == Some(b"--");
    let mut has_sign = is_option && bytes.get(from) == Some(&b' ');
    for _ in 0..BETWEEN_MAX {
        let (length, is_sign) = match bytes.get(from..)? {
            [b'=' | b':' | b'>', ..] => (1, true),
            [b'%', b'3', b'd' | b'D' | b'a' | b'A' | b'e' | b'E', ..] => (3, true),
            [b'\r', b'\n', b'\r', b'\n', ..] => (4, true),
            [b'"' | b'\'' | b' ' | b'\t' | b'+', ..] => (1, false),
            [b'%', b'2', b'0' | b'2' | b'7', ..] => (3, false),
            _ => break,
        };
        if is_sign && has_sign {
            break;
        }
        has_sign |= is_sign;
        from += length;
    }
    has_sign.then_some(from)
}

fn end(bytes: &[u8], from: usize, stops: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| stops(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, masked: &str) {
        let mut bytes = text.as_bytes().to_vec();
        mask_secrets(&mut bytes);
        assert_eq!(String::from_utf8_lossy(&bytes), masked);
    }

    #[test]
    fn passwords_are_masked_in_the_forms_that_are_known() {
        check("user=a&password=geheim&x=1", "user=a&password=XXXXXX&x=1");
        check("{\"Password\": \"geheim\", \"x\": 1}", "{\"Password\": \"XXXXXX\", \"x\": 1}");
        check("user_passwd%3Dgeheim;", "user_passwd%3DXXXXXX;");
        check("USER a\r\nPASS geheim 1\r\n", "USER a\r\nPASS XXXXXXXX\r\n");
        check("Authorization: Basic YTpi\r\nHost: x", "Authorization:XXXXXXXXXXX\r\nHost: x");
        check("GET / HTTP/1.1\r\nCookie: s=1; t=2\r\n", "GET / HTTP/1.1\r\nCookie:XXXXXXXXX\r\n");
        check("รหัสผ่าน: geheim", "รหัสผ่าน: XXXXXX");
        check("a=1&pw=geheim", "a=1&pw=XXXXXX");
        check("<Password>geheim</Password>", "<Password>XXXXXX</Password>");
        check("%22password%22%3A%22geheim%22", "%22password%22%3A%22XXXXXXXXX");
        check("tool --password geheim x", "tool --password XXXXXX x");
        check("name=\"password\"\r\n\r\ngeheim\r\n--b", "name=\"password\"\r\n\r\nXXXXXX\r\n--b");
    }

    #[test]
    fn words_without_a_value_stay() {
        for text in ["", "password", "the password is wrong", "compass north", "GET /pass HTTP/1.1", "passage=", "pin"]
        {
            check(text, text);
        }
    }
}
