//! Blots out passwords and the like in evidence, where they stand in a form that is known: behind a name and `=` or `:`,
//! behind the commands PASS and AUTH, and in the headers that carry them. Lengths stay as they are.
//!
//! What has no such name cannot be known; the policy's words to the hospital say so.

use super::mask::MASK;

/// A name is followed by `=` or `:`, perhaps with quotes and spaces around it.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
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
const BETWEEN_MAX: usize = 8;

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
    let mut from = at + name.len();
    let mut sign = None;
    // `password=`, `"password": "`, `password%3d`
    for _ in 0..BETWEEN_MAX {
        match bytes.get(from..)? {
            [b'=' | b':', ..] if sign.is_none() => (sign, from) = (Some(()), from + 1),
            [b'%', b'3', b'd' | b'D' | b'a' | b'A', ..] if sign.is_none() => (sign, from) = (Some(()), from + 3),
            [b'"' | b'\'' | b' ' | b'\t', ..] => from += 1,
            _ => break,
        }
    }
    sign?;
    Some((
        from,
        end(bytes, from, |byte| matches!(byte, b'&' | b';' | b'"' | b'\'' | b'<' | b' ' | b'\t' | b'\r' | b'\n' | 0)),
    ))
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
    }

    #[test]
    fn words_without_a_value_stay() {
        for text in ["", "password", "the password is wrong", "compass north", "GET /pass HTTP/1.1", "passage=", "pin"]
        {
            check(text, text);
        }
    }
}
