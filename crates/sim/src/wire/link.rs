//! How far two ends are apart.

use crate::dice::Dice;

/// Delays as the mirror port sees them, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// From a segment to its acknowledgement.
    pub round_trip: i64,
    /// Between two full segments of one burst.
    pub pace: i64,
}

impl Link {
    /// Two hosts of one LAN at 1 Gbit/s.
    pub fn local(dice: &mut Dice) -> Self {
        Self { round_trip: dice.between(180, 900), pace: dice.between(12, 16) }
    }

    /// A host of the Internet over a line of about 100 Mbit/s.
    pub fn internet(dice: &mut Dice) -> Self {
        Self { round_trip: dice.between(9_000, 70_000), pace: dice.between(120, 180) }
    }
}
