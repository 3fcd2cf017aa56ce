//! When a packet of a replay is due, and what time it carries.

use clap::ValueEnum;
use phitak_model::Timestamp;
use std::str::FromStr;

const FACTOR_MAX: f64 = 1e6;
const FACTOR_MIN: f64 = 1e-3;

/// How fast packets are played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    Max,
    /// Times real time.
    Factor(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Retime {
    /// Packet times stay.
    Captured,
    /// The first packet is at the moment at which it is first played; the others follow as they did.
    Now,
}

/// One replay's times. `started_at` is kept in the data folder: a restart goes on where time has come to meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    pub(super) pace: Pace,
    pub(super) retime: Retime,
    /// The first packet's time in the capture.
    pub(super) first_at: Timestamp,
    /// The moment at which the first packet was first played.
    pub(super) started_at: Timestamp,
}

impl FromStr for Pace {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(factor) if (FACTOR_MIN..=FACTOR_MAX).contains(&factor) => Ok(Self::Factor(factor)),
            _ => Err(format!("max, or a number from {FACTOR_MIN} to {FACTOR_MAX}")),
        }
    }
}

impl Timeline {
    /// The time that a packet carries into the engine.
    pub(super) fn shown(&self, at: Timestamp) -> Timestamp {
        match self.retime {
            Retime::Captured => at,
            Retime::Now => self.started_at.plus_micros(at.micros_since(self.first_at)),
        }
    }

    /// The moment at which it is to be played; `None`: at once.
    pub(super) fn due(&self, at: Timestamp) -> Option<Timestamp> {
        let Pace::Factor(factor) = self.pace else { return None };
        let micros = at.micros_since(self.first_at) as f64 / factor;
        Some(self.started_at.plus_micros(micros as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn check(pace: Pace, retime: Retime, shown: Timestamp, due: Option<Timestamp>) {
        let timeline = Timeline { pace, retime, first_at: at(100), started_at: at(5000) };
        assert_eq!((timeline.shown(at(160)), timeline.due(at(160))), (shown, due));
    }

    #[test]
    fn packets_are_shown_and_due_as_told() {
        check(Pace::Max, Retime::Captured, at(160), None);
        check(Pace::Max, Retime::Now, at(5060), None);
        check(Pace::Factor(1.0), Retime::Now, at(5060), Some(at(5060)));
        check(Pace::Factor(60.0), Retime::Now, at(5060), Some(at(5001)));
        check(Pace::Factor(0.5), Retime::Captured, at(160), Some(at(5120)));
    }

    #[test]
    fn a_pace_is_max_or_a_sensible_factor() {
        assert_eq!("max".parse(), Ok(Pace::Max));
        assert_eq!("2.5".parse(), Ok(Pace::Factor(2.5)));
        for bad in ["", "0", "-1", "NaN", "inf", "fast", "1e9"] {
            assert!(bad.parse::<Pace>().is_err(), "{bad}");
        }
    }
}
