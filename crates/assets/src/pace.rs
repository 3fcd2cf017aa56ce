//! How long a day takes. In a hospital 24 hours; a demonstration that plays a week in minutes says so here.

/// Seconds in a real day.
const DAY_SECS: i64 = 86_400;

/// Every span that proves a mend is written in real time and scaled by this. Only demonstrations and tests change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    day_secs: i64,
}

impl Pace {
    /// A day takes a day.
    pub const REAL: Self = Self { day_secs: DAY_SECS };

    /// A day of waiting takes `day_secs` seconds of packet time, between one second and a real day.
    #[must_use]
    pub const fn a_day_takes(day_secs: i64) -> Self {
        let capped = if day_secs > DAY_SECS { DAY_SECS } else { day_secs };
        Self { day_secs: if capped < 1 { 1 } else { capped } }
    }

    /// Microseconds of packet time that stand for `real_secs`.
    #[must_use]
    pub const fn micros(self, real_secs: i64) -> i64 {
        // Dividing late keeps a minute above zero; spans are at most months, so the product stays far below i64::MAX.
        real_secs.saturating_mul(self.day_secs).saturating_mul(1_000_000) / DAY_SECS
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::REAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_day_is_a_day_and_a_demonstration_day_is_a_minute() {
        assert_eq!(Pace::REAL.micros(3_600), 3_600_000_000);
        assert_eq!(Pace::a_day_takes(60).micros(86_400), 60_000_000);
        assert_eq!(Pace::a_day_takes(60).micros(600), 416_666);
        assert_eq!(Pace::a_day_takes(0), Pace::a_day_takes(1));
        assert_eq!(Pace::a_day_takes(i64::MAX), Pace::REAL);
    }
}
