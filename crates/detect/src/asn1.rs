//! Walks through BER (X.690) as far as it is well-formed, and tells whether it holds what a rule looks for.

use phitak_rules::asn1::Asn1;

/// Elements that are looked at (Suricata's `asn1-max-frames`).
const ELEMENTS_MAX: u32 = 256;
/// A real number as text that is longer does not fit where old decoders put it.
const REAL_TEXT_BYTES_MAX: usize = 256;
const BIT_STRING: u8 = 3;
const REAL: u8 = 9;

struct Element {
    /// Universal and primitive: its number.
    simple: Option<u8>,
    constructed: bool,
    /// Where its content begins.
    at: usize,
    /// `None` for content that ends with an end marker.
    length: Option<usize>,
}

/// Whether the elements from `start` on hold it.
pub(crate) fn holds(test: &Asn1, bytes: &[u8], start: usize) -> bool {
    let mut at = start;
    for _ in 0..ELEMENTS_MAX {
        let Some(element) = element(bytes, at) else { return false };
        if is_wanted(test, &element, bytes) {
            return true;
        }
        // What is in a constructed element follows its head at once.
        at = match element.length {
            Some(length) if !element.constructed => element.at.saturating_add(length),
            _ => element.at,
        };
    }
    false
}

fn is_wanted(test: &Asn1, element: &Element, bytes: &[u8]) -> bool {
    let Some(length) = element.length else { return false };
    if test.longer_than.is_some_and(|most| length > most as usize) {
        return true;
    }
    let Some(first) = bytes.get(element.at).filter(|_| length > 0) else { return false };
    match element.simple {
        Some(BIT_STRING) => test.bit_string_overflow && usize::from(*first) > (length - 1).saturating_mul(8),
        Some(REAL) => test.double_overflow && first & 0xc0 == 0 && length > REAL_TEXT_BYTES_MAX,
        _ => false,
    }
}

fn element(bytes: &[u8], start: usize) -> Option<Element> {
    let identifier = *bytes.get(start)?;
    let mut at = start + 1;
    let mut number = identifier & 0x1f;
    if number == 0x1f {
        // A long number: seven bits a byte. None of the long ones is looked for.
        let long = bytes.get(at..)?.iter().position(|byte| byte & 0x80 == 0)?;
        at += long + 1;
        number = u8::MAX;
    }
    let constructed = identifier & 0x20 != 0;
    let simple = (identifier & 0xe0 == 0).then_some(number);
    let first = *bytes.get(at)?;
    at += 1;
    let length = match first {
        0x80 => None,
        0..0x80 => Some(usize::from(first)),
        _ => {
            let count = usize::from(first & 0x7f);
            let digits = bytes.get(at..at.checked_add(count)?).filter(|_| count <= 4)?;
            at += count;
            Some(digits.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte)))
        }
    };
    Some(Element { simple, constructed, at, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &str, bytes: &[u8], expected: bool) {
        let text = format!("alert tcp any any -> any any (asn1:{options}; sid:1;)");
        let parsed = phitak_rules::parse("x", &text, &phitak_rules::Context::default());
        let test = parsed.rules[0].sections[0].tests[0].value.clone();
        let phitak_rules::Test::Asn1(test) = test else { panic!("an asn1 test") };
        assert_eq!(holds(&test, bytes, 0), expected, "{options} {bytes:02x?}");
    }

    #[test]
    fn lengths_and_overflows_are_found_at_any_depth() {
        // SEQUENCE { INTEGER 5, BIT STRING of one byte }
        let good = [0x30, 0x07, 0x02, 0x01, 0x05, 0x03, 0x02, 0x00, 0xff];
        check("bitstring_overflow", &good, false);
        check("oversize_length 6", &good, true);
        check("oversize_length 7", &good, false);
        let bad = [0x30, 0x07, 0x02, 0x01, 0x05, 0x03, 0x02, 0x09, 0xff];
        check("bitstring_overflow", &bad, true);
        // Indefinite length, and a long one that is not there in whole.
        let long = [0x30, 0x80, 0x04, 0x82, 0x10, 0x00, 0x41];
        check("oversize_length 4095", &long, true);
        check("oversize_length 4096", &long, false);
        let real = [&[0x09, 0x82, 0x01, 0x01, 0x03][..], &[b'1'; 256]].concat();
        check("double_overflow", &real, true);
        check("double_overflow", &real[1..], false);
    }

    #[test]
    fn what_is_no_ber_ends_the_walk() {
        for bytes in [&[][..], &[0x30], &[0x1f, 0xff, 0xff], &[0x04, 0x85, 1, 1, 1, 1, 1], &[0x04, 0x84, 0xff, 0xff]] {
            check("bitstring_overflow", bytes, false);
        }
    }
}
