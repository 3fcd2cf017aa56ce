//! Comparisons of unsigned numbers, as every integer keyword writes them (user guide, "Integer Keywords").

use crate::text::{Fault, Text, nearest, parse_u64};
use serde::{Deserialize, Serialize};

/// A comparison with a number. Ranges are exclusive, as Suricata's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NumberTest {
    Equal(u64),
    NotEqual(u64),
    Greater(u64),
    GreaterOrEqual(u64),
    Less(u64),
    LessOrEqual(u64),
    Between(u64, u64),
    Outside(u64, u64),
    Mask { mask: u64, value: u64, equal: bool },
}

impl NumberTest {
    #[must_use]
    pub fn holds(self, n: u64) -> bool {
        match self {
            Self::Equal(v) => n == v,
            Self::NotEqual(v) => n != v,
            Self::Greater(v) => n > v,
            Self::GreaterOrEqual(v) => n >= v,
            Self::Less(v) => n < v,
            Self::LessOrEqual(v) => n <= v,
            Self::Between(low, high) => n > low && n < high,
            Self::Outside(low, high) => n <= low || n >= high,
            Self::Mask { mask, value, equal } => (n & mask == value) == equal,
        }
    }
}

/// Words that stand for numbers of one keyword.
pub(crate) type Names = &'static [(&'static str, u64)];

/// Reads a comparison whose numbers are at most `max`; `names` are words that stand for numbers.
pub(crate) fn parse(text: Text<'_>, max: u64, names: Names) -> Result<NumberTest, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(text.fault("a number is missing"));
    }
    if let Some(rest) = text.strip_prefix("&") {
        return mask(rest, max);
    }
    for (sign, build) in SIGNS {
        if let Some(rest) = text.strip_prefix(sign) {
            let value = number(rest, max, names)?;
            return reachable(text, build(value), max);
        }
    }
    let (text, negated) = match text.strip_prefix("!=").or_else(|| text.strip_prefix("!")) {
        Some(rest) => (rest.trim(), true),
        None => (text.strip_prefix("==").or_else(|| text.strip_prefix("=")).unwrap_or(text).trim(), false),
    };
    if let Some((low, high)) = range_parts(text) {
        let (low, high) = (number(low, max, names)?, number(high, max, names)?);
        if low >= high {
            return Err(text.fault(format!("the range {low}-{high} ends before it begins")));
        }
        if high - low == 1 {
            return Err(text.fault(format!("no number lies between {low} and {high}: ranges leave their ends out")));
        }
        return Ok(if negated { NumberTest::Outside(low, high) } else { NumberTest::Between(low, high) });
    }
    let value = number(text, max, names)?;
    Ok(if negated { NumberTest::NotEqual(value) } else { NumberTest::Equal(value) })
}

type Build = fn(u64) -> NumberTest;

const SIGNS: [(&str, Build); 6] = [
    (">=", NumberTest::GreaterOrEqual),
    ("<=", NumberTest::LessOrEqual),
    ("=>", NumberTest::GreaterOrEqual),
    ("=<", NumberTest::LessOrEqual),
    (">", NumberTest::Greater),
    ("<", NumberTest::Less),
];

fn reachable(text: Text<'_>, test: NumberTest, max: u64) -> Result<NumberTest, Fault> {
    match test {
        NumberTest::Less(0) => Err(text.fault("no number is smaller than 0")),
        NumberTest::Greater(n) if n >= max => Err(text.fault(format!("no value is greater than {max} here"))),
        _ => Ok(test),
    }
}

fn range_parts(text: Text<'_>) -> Option<(Text<'_>, Text<'_>)> {
    if let Some(at) = text.text.find("<>") {
        return Some((text.to(at).trim(), text.from(at + 2).trim()));
    }
    let (low, high) = text.split_once('-')?;
    let numeric = low.looks_numeric() && high.looks_numeric();
    numeric.then(|| (low.trim(), high.trim()))
}

fn mask(text: Text<'_>, max: u64) -> Result<NumberTest, Fault> {
    let (left, right, equal) = match (text.text.find("!="), text.text.find('=')) {
        (Some(at), _) => (text.to(at), text.from(at + 2), false),
        (None, Some(at)) => (text.to(at), text.from(at + 1), true),
        (None, None) => return Err(text.fault("a bit mask is written &mask=value or &mask!=value")),
    };
    let (mask, value) = (number(left, max, &[])?, number(right, max, &[])?);
    if value & !mask != 0 {
        return Err(right.fault(format!("{value:#x} has bits outside the mask {mask:#x}: it can never match")));
    }
    Ok(NumberTest::Mask { mask, value, equal })
}

/// A number with an optional unit (`kb`, `MiB`…), or one of the names.
pub(crate) fn number(text: Text<'_>, max: u64, names: Names) -> Result<u64, Fault> {
    let text = text.trim();
    let lower = text.text.to_ascii_lowercase();
    if let Some((_, value)) = names.iter().find(|(name, _)| *name == lower) {
        return Ok(*value);
    }
    let units = [("kib", 10), ("kb", 10), ("mib", 20), ("mb", 20), ("gib", 30), ("gb", 30)];
    let unit = units.iter().find_map(|(unit, shift)| lower.strip_suffix(unit).map(|digits| (digits.trim(), *shift)));
    let (digits, shift) = unit.unwrap_or((lower.as_str(), 0));
    let Some(value) = parse_u64(digits).filter(|_| !digits.is_empty()) else {
        let fault = text.fault(format!("{:?} is not a number", text.text));
        return Err(match nearest(&lower, names.iter().map(|(name, _)| *name)) {
            Some(near) => fault.hint(format!("did you mean {near}?")),
            None => fault,
        });
    };
    value
        .checked_mul(1 << shift)
        .filter(|v| *v <= max)
        .ok_or_else(|| text.fault(format!("{} is too large here: at most {max}", text.text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, holds: &[u64], fails: &[u64]) {
        let test = parse(Text::new(text, 0), u64::MAX, &[("text", 1)]).expect(text);
        assert!(holds.iter().all(|n| test.holds(*n)), "{text}");
        assert!(!fails.iter().any(|n| test.holds(*n)), "{text}");
    }

    #[test]
    fn every_form_of_the_user_guide_means_what_it_says() {
        check("19", &[19], &[18]);
        check("=0x13", &[19], &[18]);
        check("!0x14", &[19], &[20]);
        check("!=20", &[19], &[20]);
        check(">21", &[22], &[21]);
        check(">=21", &[21], &[20]);
        check("<22", &[21], &[22]);
        check("<=22", &[22], &[23]);
        check("19-22", &[20, 21], &[19, 22]);
        check("8<>20", &[9, 19], &[8, 20]);
        check("!19-22", &[19, 22], &[20]);
        check("&0xc0=0x80", &[0x80, 0xbf], &[0xc0]);
        check("&0xc0!=0", &[0x40], &[0x3f]);
        check("!text", &[2], &[1]);
        check(">1kb", &[1025], &[1024]);
    }

    #[test]
    fn what_can_never_match_is_refused() {
        for text in ["5-4", "5<>6", "<0", "&0xc0=2", "x", "", "999999999999999999999"] {
            assert!(parse(Text::new(text, 0), u64::MAX, &[]).is_err(), "{text}");
        }
        assert!(parse(Text::new(">255", 0), 255, &[]).is_err());
    }
}
