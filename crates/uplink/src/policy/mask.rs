//! Blots out Thai national identification numbers in text and bytes that leave a hospital.
//!
//! Thirteen digits whose last is the check digit count as one, wherever they stand: inside longer runs of digits, with up
//! to [`SEPARATORS_MAX`] separators between two digits (`1-1017-00230-70-8`), in Thai digits, percent-encoded, or in
//! UTF-16. One arbitrary window of thirteen digits in ten looks valid by chance, so long numbers lose some digits
//! needlessly: the price of never letting one through. Lengths stay as they are, so that marks keep their places.

use phitak_model::thai::is_national_id;

/// What stands in a digit's place.
pub const MASK: u8 = b'X';
/// Most separators between two digits of one number.
pub const SEPARATORS_MAX: usize = 3;

const ID_DIGITS: usize = 13;
/// Fewer digits than this at a cut edge are no hint of a person: twelve give the thirteenth away.
const EDGE_DIGITS_MIN: usize = 6;

#[derive(Clone, Copy)]
struct Digit {
    /// ASCII.
    value: u8,
    at: usize,
    length: usize,
}

enum Token {
    Digit(u8, usize),
    Separator(usize),
    Other,
}

/// Masks in place; says how many numbers were masked.
pub fn mask_bytes(bytes: &mut [u8]) -> usize {
    let mut masked = 0;
    for run in runs(bytes) {
        masked += mask_run(bytes, &run);
    }
    masked
}

/// Masks in place; says how many numbers were masked.
pub fn mask_text(text: &mut String) -> usize {
    if text.bytes().filter(|byte| byte.is_ascii_digit() || *byte == 0xe0).count() < ID_DIGITS {
        return 0;
    }
    let mut bytes = std::mem::take(text).into_bytes();
    let masked = mask_bytes(&mut bytes);
    // Whole characters were replaced by ASCII, so this stays UTF-8.
    *text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    masked
}

/// Masks digits that a cut at the edge of an excerpt may have taken out of a longer number: twelve digits of an
/// identification number give the thirteenth away.
pub fn mask_edges(bytes: &mut [u8], cut: Cut) {
    let length = bytes.len();
    for run in runs(bytes) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let touches = (cut.start && first.at == 0) || (cut.end && last.at + last.length == length);
        if touches && run.len() >= EDGE_DIGITS_MIN {
            blot(bytes, &run);
        }
    }
}

/// At which edges an excerpt was cut out of something longer.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub start: bool,
    pub end: bool,
}

fn mask_run(bytes: &mut [u8], run: &[Digit]) -> usize {
    let mut masked = 0;
    let mut values = [0; ID_DIGITS];
    for window in run.windows(ID_DIGITS) {
        values.iter_mut().zip(window).for_each(|(value, digit)| *value = digit.value);
        if is_national_id(&values) {
            blot(bytes, window);
            masked += 1;
        }
    }
    masked
}

fn blot(bytes: &mut [u8], digits: &[Digit]) {
    for digit in digits {
        if let Some(place) = bytes.get_mut(digit.at..digit.at + digit.length) {
            place.fill(MASK);
        }
    }
}

/// Runs of digits that could be one number.
fn runs(bytes: &[u8]) -> Vec<Vec<Digit>> {
    let mut all = Vec::new();
    let mut run: Vec<Digit> = Vec::new();
    let (mut at, mut separators) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match token(rest) {
            Token::Digit(value, length) => {
                run.push(Digit { value, at, length });
                separators = 0;
                at += length;
            }
            Token::Separator(length) if separators < SEPARATORS_MAX => {
                separators += 1;
                at += length;
            }
            Token::Separator(length) => {
                all.push(std::mem::take(&mut run));
                at += length;
            }
            Token::Other => {
                all.push(std::mem::take(&mut run));
                at += 1;
            }
        }
    }
    all.push(run);
    all.retain(|run| run.len() >= EDGE_DIGITS_MIN);
    all
}

fn token(rest: &[u8]) -> Token {
    match rest {
        [digit @ b'0'..=b'9', ..] => Token::Digit(*digit, 1),
        // THAI DIGIT ZERO to NINE, U+0E50 to U+0E59.
        [0xe0, 0xb9, low @ 0x90..=0x99, ..] => Token::Digit(b'0' + (low - 0x90), 3),
        [b'%', b'3', digit @ b'0'..=b'9', ..] => Token::Digit(*digit, 3),
        [b' ' | b'-' | b'.' | b'_' | b'/' | b'+' | b'\t' | 0, ..] => Token::Separator(1),
        [b'%', b'2', b'0' | b'd' | b'D' | b'e' | b'E' | b'f' | b'F' | b'b' | b'B', ..] => Token::Separator(3),
        // NO-BREAK SPACE; SOFT HYPHEN.
        [0xc2, 0xa0 | 0xad, ..] => Token::Separator(2),
        // ZERO WIDTH SPACE; the dashes U+2010 to U+2015; NARROW NO-BREAK SPACE.
        [0xe2, 0x80, 0x8b | 0x90..=0x95 | 0xaf, ..] => Token::Separator(3),
        _ => Token::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, masked: &str) {
        let mut out = text.to_owned();
        mask_text(&mut out);
        assert_eq!(out, masked, "{text}");
    }

    #[test]
    fn a_number_is_masked_however_it_is_written() {
        check("cid=1101700230708&x=1", "cid=XXXXXXXXXXXXX&x=1");
        check("1-1017-00230-70-8", "X-XXXX-XXXXX-XX-X");
        check("1 1017 00230 70 8", "X XXXX XXXXX XX X");
        check("1%2D1017%2D00230%2D70%2D8", "X%2DXXXX%2DXXXXX%2DXX%2DX");
        check("1–1017–00230–70–8", "X–XXXX–XXXXX–XX–X");
        check("a1101700230708b", "aXXXXXXXXXXXXXb");
        let thai = "เลข ๑๑๐๑๗๐๐๒๓๐๗๐๘ ครับ";
        check(thai, &format!("เลข {} ครับ", "X".repeat(39)));
    }

    #[test]
    fn a_number_inside_a_longer_run_is_masked() {
        let mut text = "001101700230708".to_owned();
        assert!(mask_text(&mut text) >= 1);
        assert!(text.ends_with("XXXXXXXXXXXXX"), "{text}");
    }

    #[test]
    fn what_is_no_number_stays() {
        for text in ["1101700230709", "110170023070", "2026-11-24T02:14:00", "192.168.100.200", "ก ข ค", ""] {
            check(text, text);
        }
        check("1    1017 00230 70 8", "1    1017 00230 70 8");
    }

    #[test]
    fn utf_16_is_masked_in_place() {
        let mut bytes: Vec<u8> = "1101700230708".bytes().flat_map(|digit| [digit, 0]).collect();
        let length = bytes.len();
        assert_eq!(mask_bytes(&mut bytes), 1);
        assert_eq!(bytes.len(), length);
        assert!(bytes.iter().all(|byte| matches!(byte, b'X' | 0)));
    }

    #[test]
    fn digits_at_a_cut_edge_are_masked() {
        let check = |text: &str, cut: Cut, masked: &str| {
            let mut bytes = text.as_bytes().to_vec();
            mask_edges(&mut bytes, cut);
            assert_eq!(String::from_utf8_lossy(&bytes), masked);
        };
        let (start, end) = (Cut { start: true, end: false }, Cut { start: false, end: true });
        check("101700230708 110170023070", start, "XXXXXXXXXXXX XXXXXXXXXXXX");
        check("101700230708, 110170023070", start, "XXXXXXXXXXXX, 110170023070");
        check("101700230708, 110170023070", end, "101700230708, XXXXXXXXXXXX");
        check("12345, x", start, "12345, x");
    }
}
