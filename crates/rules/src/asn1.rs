//! `asn1`: encodings of ASN.1 that only an attack has (user guide, "asn1").

use crate::text::{Fault, Text};
use serde::{Deserialize, Serialize};

/// What is looked for in a stretch of BER; any one of it is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asn1 {
    /// A bit string that leaves more bits unused than it has.
    pub bit_string_overflow: bool,
    /// A real number written as text that is longer than 256 bytes.
    pub double_overflow: bool,
    /// An element longer than this.
    pub longer_than: Option<u32>,
    /// Where the first element begins: from the beginning, or from the last match.
    pub offset: i32,
    pub relative: bool,
}

pub(crate) fn parse(text: Text<'_>) -> Result<Asn1, Fault> {
    let mut asn1 = Asn1::default();
    // Options stand between commas, or, in old rules, between spaces.
    let mut words = text.text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let mut number = || -> Result<i64, Fault> {
            let number = words.next().and_then(|word| word.parse().ok());
            number.ok_or_else(|| text.fault(format!("{word} needs a number")))
        };
        match word {
            "bitstring_overflow" => asn1.bit_string_overflow = true,
            "double_overflow" => asn1.double_overflow = true,
            "oversize_length" => {
                let length = number()?;
                let length = u32::try_from(length).map_err(|_| text.fault("oversize_length is not a length"))?;
                asn1.longer_than = Some(length);
            }
            "absolute_offset" | "relative_offset" => {
                asn1.relative = word == "relative_offset";
                asn1.offset = offset(number()?, asn1.relative).ok_or_else(|| text.fault("this offset is too large"))?;
            }
            _ => {
                return Err(text.fault(format!("{word:?} is not an option of asn1")).hint(
                    "bitstring_overflow, double_overflow, oversize_length N, absolute_offset N, relative_offset N",
                ));
            }
        }
    }
    if !asn1.bit_string_overflow && !asn1.double_overflow && asn1.longer_than.is_none() {
        return Err(text.fault("asn1 does not say what to look for"));
    }
    Ok(asn1)
}

fn offset(number: i64, is_relative: bool) -> Option<i32> {
    let number = i32::try_from(number).ok()?;
    let fits = number.unsigned_abs() <= u32::from(u16::MAX) && (is_relative || number >= 0);
    fits.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_guides_options_are_read() {
        let read = |text| parse(Text::new(text, 0));
        let long = read("oversize_length 1024, relative_offset -4").expect("good");
        assert_eq!((long.longer_than, long.offset, long.relative), (Some(1024), -4, true));
        let both = read("double_overflow, bitstring_overflow, absolute_offset 54").expect("good");
        assert!(both.double_overflow && both.bit_string_overflow && both.offset == 54);
        assert!(read("bitstring_overflow absolute_offset 1").is_ok());
        for bad in ["", "oversize_length", "absolute_offset 3", "bitstring_overflow, absolute_offset -1", "x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
