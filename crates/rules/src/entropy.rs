//! `entropy`: how evenly a buffer's bytes are spread, in bits per byte (0 to 8).

use crate::text::{Fault, Text};
use serde::{Deserialize, Serialize};

/// A comparison of the entropy of part of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entropy {
    /// 0 for all bytes from `offset` on.
    pub bytes: u32,
    pub offset: u32,
    pub test: EntropyTest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EntropyTest {
    Equal(Bits),
    NotEqual(Bits),
    Less(Bits),
    LessOrEqual(Bits),
    Greater(Bits),
    GreaterOrEqual(Bits),
    Between(Bits, Bits),
    Outside(Bits, Bits),
}

/// Bits per byte, as the bit pattern of a finite `f64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bits(u64);

impl Bits {
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl EntropyTest {
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        const NEAR: f64 = 1e-9;
        match self {
            Self::Equal(b) => (value - b.get()).abs() < NEAR,
            Self::NotEqual(b) => (value - b.get()).abs() >= NEAR,
            Self::Less(b) => value < b.get(),
            Self::LessOrEqual(b) => value <= b.get(),
            Self::Greater(b) => value > b.get(),
            Self::GreaterOrEqual(b) => value >= b.get(),
            Self::Between(low, high) => value > low.get() && value < high.get(),
            Self::Outside(low, high) => value <= low.get() || value >= high.get(),
        }
    }
}

pub(crate) fn parse(text: Text<'_>) -> Result<Entropy, Fault> {
    let (mut bytes, mut offset, mut test) = (0, 0, None);
    for option in text.split(',') {
        let (word, rest) = option.word();
        match word.text {
            "bytes" => bytes = rest.number()?,
            "offset" => offset = rest.number()?,
            "value" => test = Some(comparison(rest)?),
            _ if test.is_none() => test = Some(comparison(option)?),
            _ => {
                return Err(option
                    .fault(format!("{:?} is not an option of entropy", option.text))
                    .hint("bytes N, offset N, value >= 7.5"));
            }
        }
    }
    let Some(test) = test else { return Err(text.fault("entropy has no value")) };
    Ok(Entropy { bytes, offset, test })
}

fn bits(text: Text<'_>) -> Result<Bits, Fault> {
    let text = text.trim();
    let value: f64 = text.text.parse().map_err(|_| text.fault(format!("{:?} is not a number", text.text)))?;
    if !(0.0..=8.0).contains(&value) {
        return Err(text.fault("an entropy is 0 to 8 bits per byte"));
    }
    Ok(Bits(value.to_bits()))
}

fn comparison(text: Text<'_>) -> Result<EntropyTest, Fault> {
    let text = text.trim();
    let signs: [(&str, fn(Bits) -> EntropyTest); 6] = [
        (">=", EntropyTest::GreaterOrEqual),
        ("<=", EntropyTest::LessOrEqual),
        ("!=", EntropyTest::NotEqual),
        (">", EntropyTest::Greater),
        ("<", EntropyTest::Less),
        ("=", EntropyTest::Equal),
    ];
    for (sign, build) in signs {
        if let Some(rest) = text.strip_prefix(sign) {
            return bits(rest).map(build);
        }
    }
    let (negated, body) = match text.strip_prefix("!") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if let Some((low, high)) = body.split_once('-') {
        let (low, high) = (bits(low)?, bits(high)?);
        return Ok(if negated { EntropyTest::Outside(low, high) } else { EntropyTest::Between(low, high) });
    }
    bits(body).map(if negated { EntropyTest::NotEqual } else { EntropyTest::Equal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_in_every_way() {
        let read = |text| parse(Text::new(text, 0)).expect(text).test;
        assert!(read("value >= 4").holds(4.0));
        assert!(!read("<7.01").holds(7.5));
        assert!(read("bytes 0, offset 0, value = 4.037").holds(4.037));
        assert!(!read("value 4-5").holds(4.0));
        assert!(parse(Text::new("value 9", 0)).is_err());
    }
}
