//! Dates of certificates: `2015`, `2015-10-22`, `>2015-10-22T23:59:59`, `1998-05-01<>2008-05-01`.

use crate::{
    condition::{FieldCheck, FieldIndex},
    number::NumberTest,
    text::{Fault, Text},
};

const YEAR_MIN: u64 = 1970;
const YEAR_MAX: u64 = 9999;

/// A comparison of moments in seconds since 1970.
pub(crate) fn parse(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let text = text.unquote();
    let test = if let Some(at) = text.text.find("<>") {
        let (from, to) = (moment(text.to(at))?, moment(text.from(at + 2))?);
        if from >= to {
            return Err(text.fault("the second date must be the later one"));
        }
        NumberTest::Between(from, to)
    } else if let Some(rest) = text.strip_prefix(">") {
        NumberTest::Greater(moment(rest)?)
    } else if let Some(rest) = text.strip_prefix("<") {
        NumberTest::Less(moment(rest)?)
    } else {
        NumberTest::Equal(moment(text)?)
    };
    Ok((FieldCheck::Number(test), FieldIndex::Any))
}

/// Year, month, day, hour, minute, second; what is left out is the first.
fn moment(text: Text<'_>) -> Result<u64, Fault> {
    let text = text.trim();
    let refuse = || text.fault(format!("{:?} is not a date such as 2015-10-22 or 2015-10-22T23:59:59", text.text));
    let mut parts = [YEAR_MIN, 1, 1, 0, 0, 0];
    let limits = [(YEAR_MIN, YEAR_MAX), (1, 12), (1, 31), (0, 23), (0, 59), (0, 60)];
    let pieces: Vec<&str> = text.text.split(['-', 'T', ' ', ':']).collect();
    if pieces.len() > parts.len() {
        return Err(refuse());
    }
    for ((slot, (least, most)), piece) in parts.iter_mut().zip(limits).zip(pieces) {
        let is_number = !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = piece.parse().ok().filter(|_| is_number).ok_or_else(refuse)?;
        if number < least || number > most {
            return Err(refuse());
        }
        *slot = number;
    }
    let [year, month, day, hour, minute, second] = parts;
    Ok(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days since 1970 in the Gregorian calendar, counted from years that begin in March.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap = year / 4 - year / 100 + year / 400;
    (year * 365 + leap + (month * 153 + 2) / 5 + day - 1).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: NumberTest) {
        let (found, _) = parse(Text::new(text, 0)).expect(text);
        assert_eq!(found, FieldCheck::Number(expected), "{text}");
    }

    #[test]
    fn dates_become_seconds() {
        check("1970-01-01", NumberTest::Equal(0));
        check(">2015", NumberTest::Greater(1_420_070_400));
        check("<2016-02-29T12:30:05", NumberTest::Less(1_456_749_005));
        check("1998-05-01<>2008-05-01", NumberTest::Between(893_980_800, 1_209_600_000));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in ["", "15-10-22", "2015-13", "2015-1-1-1-1-1-1", "2008<>1998", ">x", "2015-1-1T"] {
            assert!(parse(Text::new(bad, 0)).is_err(), "{bad}");
        }
    }
}
