//! What a rule asks of one number or word of a transaction.

use crate::NumberTest;
use phitak_model::Direction;
use serde::{Deserialize, Serialize};

/// A number or word that a transaction declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldTest {
    /// The declared name.
    pub name: String,
    pub check: FieldCheck,
    pub index: FieldIndex,
    pub direction: Option<Direction>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldCheck {
    /// It has a value, whatever it is.
    Present,
    Number(NumberTest),
    /// The number is (not) within one of the closed ranges.
    OneOf {
        ranges: Vec<(u64, u64)>,
        negated: bool,
    },
    /// The word equals, without regard to case.
    Word {
        word: String,
        negated: bool,
    },
    /// The word equals, and the number behind its slash passes: an interface and its version.
    Versioned {
        word: String,
        version: Option<NumberTest>,
    },
    /// How many values there are.
    Count(NumberTest),
    /// A moment in seconds since 1970 compared with the packet's time: before it or after it.
    BeforeNow,
    AfterNow,
}

/// Which of several values must pass (user guide, "Multi-integers").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldIndex {
    #[default]
    Any,
    All,
    AllOrAbsent,
    OrAbsent,
    /// From the front, or, negative, from the back.
    At(i32),
    OutOfBoundsOr(i32),
    /// So many of them.
    Number(NumberTest),
}
