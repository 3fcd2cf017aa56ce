//! Digits onto a byte buffer, without the machinery of formatting: records are mostly numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;

/// A number in decimal.
pub fn push(out: &mut Vec<u8>, value: u64) {
    push_padded(out, value, 1);
}

/// A number in decimal with at least so many digits (at most 20), zeros in front.
pub fn push_padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut text = [b'0'; DIGITS_MAX];
    let mut length = 0;
    for slot in text.iter_mut().rev() {
        *slot = b'0' | (value % 10) as u8;
        value /= 10;
        length += 1;
        if value == 0 {
            break;
        }
    }
    let start = DIGITS_MAX.saturating_sub(width.max(length));
    out.extend_from_slice(text.get(start..).unwrap_or_default());
}

/// Bytes as lower-case hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len().saturating_mul(2));
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// An address as EVE prints it: IPv6 stands with all its digits.
pub fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => push_v4(out, v4),
        IpAddr::V6(v6) => push_v6(out, v6),
    }
}

fn push_v4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let mut text = [b'.'; 16];
    let mut at = 0;
    for octet in address.octets() {
        let digits: &[u8] = match octet {
            100.. => &[b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10],
            10.. => &[b'0' + octet / 10, b'0' + octet % 10],
            _ => &[b'0' + octet],
        };
        if let Some(place) = text.get_mut(at..at + digits.len()) {
            place.copy_from_slice(digits);
        }
        at += digits.len() + 1;
    }
    // Four numbers and three dots.
    out.extend_from_slice(text.get(..at - 1).unwrap_or_default());
}

fn push_v6(out: &mut Vec<u8>, address: Ipv6Addr) {
    for (at, group) in address.segments().iter().enumerate() {
        if at > 0 {
            out.push(b':');
        }
        push_hex(out, &group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn numbers_come_out_as_formatting_writes_them() {
        for value in [0, 7, 10, 99, 100, 65_535, 1_000_000, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(text(|out| push(out, value)), value.to_string());
            assert_eq!(text(|out| push_padded(out, value, 6)), format!("{value:06}"));
        }
    }

    #[test]
    fn addresses_and_bytes_come_out_with_all_their_digits() {
        for address in ["0.0.0.0", "10.0.200.99", "255.255.255.255", "1.22.3.100"] {
            assert_eq!(text(|out| push_address(out, address.parse().expect("address"))), address);
        }
        let v6 = "fe80::1:abcd".parse().expect("address");
        assert_eq!(text(|out| push_address(out, v6)), "fe80:0000:0000:0000:0000:0000:0001:abcd");
        assert_eq!(text(|out| push_hex(out, &[0, 0x7f, 0xff])), "007fff");
    }
}
