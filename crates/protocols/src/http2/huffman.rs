//! HPACK's Huffman code. It is canonical: the lengths tell all of it.
//!
//! Source: RFC 7541 §5.2 and appendix B.

/// Code lengths of the 256 bytes, then of the end of a string.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];
const LENGTH_MAX: usize = 30;
const END: u16 = 256;

struct Code {
    /// Symbols by length, then by value.
    symbols: [u16; 257],
    /// For each length: its first code, the number of its codes, where its symbols begin.
    rows: [(u32, u32, u16); LENGTH_MAX + 1],
}

static CODE: Code = code();

const fn code() -> Code {
    let mut made = Code { symbols: [0; 257], rows: [(0, 0, 0); LENGTH_MAX + 1] };
    let (mut length, mut next, mut at) = (1, 0_u32, 0);
    while length <= LENGTH_MAX {
        next <<= 1;
        let (first, start) = (next, at);
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                made.symbols[at] = symbol as u16;
                at += 1;
                next += 1;
            }
            symbol += 1;
        }
        made.rows[length] = (first, next - first, start as u16);
        length += 1;
    }
    made
}

/// Decodes a string of at most `bytes_max` bytes. `None` when it is none, or longer.
pub(super) fn decode(input: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len().min(bytes_max));
    let (mut code, mut length): (u32, usize) = (0, 0);
    for byte in input {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(byte >> bit & 1);
            length += 1;
            let (first, count, start) = *CODE.rows.get(length)?;
            let Some(place) = code.checked_sub(first).filter(|place| *place < count) else { continue };
            let symbol = *CODE.symbols.get(usize::from(start).checked_add(usize::try_from(place).ok()?)?)?;
            if symbol == END || out.len() >= bytes_max {
                return None;
            }
            out.push(u8::try_from(symbol).ok()?);
            (code, length) = (0, 0);
        }
    }
    // Padding: fewer than eight bits, all ones.
    (length < 8 && code == (1 << length) - 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_rfc_decode() {
        let check = |input: &[u8], text: &str| {
            assert_eq!(decode(input, 100).as_deref(), Some(text.as_bytes()));
        };
        check(b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", "www.example.com");
        check(b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache");
        check(b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value");
        check(b"", "");
    }

    #[test]
    fn wrong_padding_and_the_end_are_refused() {
        assert_eq!(decode(b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\x00", 100), None);
        assert_eq!(decode(b"\xff\xff\xff\xff", 100), None);
        assert_eq!(decode(b"\xa8\xeb\x10\x64\x9c\xbf", 3), None);
    }
}
