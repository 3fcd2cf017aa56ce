//! Moments, as capture files and the wire give them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since 1970-01-01T00:00:00Z, within the years 0000 to 9999; what lies beyond becomes the nearest of them.
/// Packet time, never the wall clock, inside the sensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Why a text is not a moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an ISO 8601 moment with an offset, such as 2026-11-24T09:14:00+07:00")]
pub struct TimeError {
    text: String,
}

/// A moment taken apart into its calendar, proleptic Gregorian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub micros: u32,
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// The years 0000 to 9999, which four digits can write: a damaged capture may claim any moment, and every moment that is
/// written must be readable again.
const MICROS_MIN: i64 = -62_167_219_200 * MICROS_PER_SECOND;
const MICROS_MAX: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

impl Timestamp {
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < MICROS_MIN {
            Self(MICROS_MIN)
        } else if micros > MICROS_MAX {
            Self(MICROS_MAX)
        } else {
            Self(micros)
        }
    }

    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    #[must_use]
    pub const fn plus_secs(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The calendar at UTC plus `offset_secs`.
    #[must_use]
    pub fn civil(self, offset_secs: i64) -> Civil {
        let local = self.0.saturating_add(offset_secs.saturating_mul(MICROS_PER_SECOND));
        let seconds = local.div_euclid(MICROS_PER_SECOND);
        let (year, month, day) = civil_of_days(seconds.div_euclid(SECONDS_PER_DAY));
        let in_day = seconds.rem_euclid(SECONDS_PER_DAY) as u32;
        Civil {
            year,
            month,
            day,
            hour: in_day / 3600,
            minute: in_day / 60 % 60,
            second: in_day % 60,
            micros: local.rem_euclid(MICROS_PER_SECOND) as u32,
        }
    }

    /// EVE's form, in UTC: `2026-11-24T02:14:00.000000+0000`.
    #[must_use]
    pub fn eve(self) -> String {
        let c = self.civil(0);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+0000",
            c.year, c.month, c.day, c.hour, c.minute, c.second, c.micros
        )
    }

    /// ISO 8601 in UTC, as APIs and files carry it: `2026-11-24T02:14:00.000000Z`.
    #[must_use]
    pub fn iso(self) -> String {
        let c = self.civil(0);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            c.year, c.month, c.day, c.hour, c.minute, c.second, c.micros
        )
    }

    /// Reads ISO 8601 with an offset: `Z`, `+07:00` or EVE's `+0700`; fractions beyond microseconds are cut.
    ///
    /// # Errors
    /// [`TimeError`] when the text has another shape or names a day that is not in the calendar.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse_iso(text).ok_or_else(|| TimeError { text: text.chars().take(64).collect() })
    }
}

fn parse_iso(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (number(date, 0, 4)?, number(date, 5, 2)?, number(date, 8, 2)?);
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let (hour, minute, second) = (number(clock, 0, 2)?, number(clock, 3, 2)?, number(clock, 6, 2)?);
    let marks = [(date, 4, b'-'), (date, 7, b'-'), (clock, 2, b':'), (clock, 5, b':')];
    if marks.iter().any(|(part, at, mark)| part.as_bytes().get(*at) != Some(mark)) {
        return None;
    }
    let mut tail = clock.get(8..)?;
    let mut micros = 0;
    if let Some(fraction) = tail.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let padded = format!("{:0<6}", fraction.get(..digits.min(6))?);
        micros = padded.parse::<i64>().ok()?;
        tail = fraction.get(digits..)?;
    }
    let offset = offset_secs(tail)?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let days = days_of_civil(year, month, day);
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    Some(Timestamp::from_micros(seconds * MICROS_PER_SECOND + micros))
}

fn number(text: &str, at: usize, length: usize) -> Option<i64> {
    let part = text.get(at..at + length)?;
    if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
}

fn offset_secs(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let minutes_at = if rest.as_bytes().get(2) == Some(&b':') { 3 } else { 2 };
    let (hours, minutes) = (number(rest, 0, 2)?, number(rest, minutes_at, 2)?);
    (rest.len() == minutes_at + 2 && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_of_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.iso())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Moments as they come, without one whose clock is wrong: each is taken for the middle one of itself and the two before.
#[derive(Clone, Copy, Debug, Default)]
pub struct SteadyTime {
    last: [Timestamp; 2],
}

impl SteadyTime {
    /// Takes the next moment.
    pub fn next(&mut self, now: Timestamp) -> Timestamp {
        let [a, b] = self.last;
        self.last = [b, now];
        let (low, high) = (a.min(b), a.max(b));
        low.max(high.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eve_and_iso_forms_name_the_same_moment() {
        let at = Timestamp::parse("2026-11-24T09:14:00.123456+07:00").expect("a moment");
        assert_eq!(at.eve(), "2026-11-24T02:14:00.123456+0000");
        assert_eq!(at.iso(), "2026-11-24T02:14:00.123456Z");
        assert_eq!(Timestamp::parse(&at.eve()), Ok(at));
        assert_eq!(Timestamp::parse(&at.iso()), Ok(at));
    }

    #[test]
    fn the_calendar_survives_leap_days_and_times_before_1970() {
        for text in ["2024-02-29T23:59:59.000000Z", "1969-12-31T23:59:59.500000Z", "2000-03-01T00:00:00.000000Z"] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::iso), Ok(text.to_owned()));
        }
    }

    #[test]
    fn any_number_gives_a_moment_that_can_be_written_and_read() {
        for micros in [i64::MIN, MICROS_MIN, -1, 0, MICROS_MAX, i64::MAX] {
            let at = Timestamp::from_micros(micros).plus_micros(micros);
            assert_eq!(Timestamp::parse(&at.iso()), Ok(at));
        }
        assert_eq!(Timestamp::from_secs(i64::MAX).iso(), "9999-12-31T23:59:59.999999Z");
        let beyond = Timestamp::parse("9999-12-31T23:59:59-14:00").expect("a moment");
        assert_eq!(Timestamp::parse(&beyond.iso()), Ok(beyond));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-02-30T00:00:00Z",
            "2026-11-24T25:00:00Z",
            "2026-11-24T00:00:00",
            "๒๕๖๙-11-24T00:00:00Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_wrong_moment_does_not_move_steady_time() {
        let mut steady = SteadyTime::default();
        let told = [100, 101, 102, 9_000, 103, 104, 0, 105, 106].map(|at| steady.next(Timestamp::from_secs(at)).secs());
        assert_eq!(told[2..], [101, 102, 103, 104, 103, 104, 105]);
    }
}
