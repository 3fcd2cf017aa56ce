//! Base64 in the three ways in which rules decode it.

use phitak_rules::condition::Base64Mode;

/// Appends what is decoded.
pub(crate) fn decode(input: &[u8], mode: Base64Mode, out: &mut Vec<u8>) {
    let start = out.len();
    let mut bits = 0u32;
    let mut count = 0u32;
    let mut padding = 0u32;
    let mut clean = true;
    for byte in input {
        let Some(value) = value(*byte) else {
            match (byte, mode) {
                (b'=', Base64Mode::Strict) => {
                    padding += 1;
                    continue;
                }
                (b'=', _) => break,
                (_, Base64Mode::Rfc2045) => continue,
                (_, Base64Mode::Rfc4648) => break,
                (_, Base64Mode::Strict) => {
                    clean = false;
                    break;
                }
            }
        };
        if padding > 0 {
            clean = false;
            break;
        }
        bits = bits << 6 | value;
        count += 1;
        if count == 4 {
            out.extend_from_slice(&[(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
            (bits, count) = (0, 0);
        }
    }
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&[(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => {}
    }
    let whole = matches!((count, padding), (0, 0) | (2, 2) | (3, 1));
    if mode == Base64Mode::Strict && !(clean && whole) {
        out.truncate(start);
    }
}

fn value(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mode: Base64Mode, input: &[u8], expected: &[u8]) {
        let mut out = Vec::new();
        decode(input, mode, &mut out);
        assert_eq!(out, expected, "{mode:?} {}", String::from_utf8_lossy(input));
    }

    #[test]
    fn each_mode_treats_strangers_in_its_own_way() {
        check(Base64Mode::Rfc4648, b"Zm9vYmE=", b"fooba");
        check(Base64Mode::Rfc4648, b"Zm 9v", b"f");
        check(Base64Mode::Rfc2045, b"Zm\r\n9v Ym\tFy", b"foobar");
        check(Base64Mode::Strict, b"Zm9vYg==", b"foob");
        check(Base64Mode::Strict, b"Zm9vYg", b"");
        check(Base64Mode::Strict, b"Zm9v!", b"");
    }
}
