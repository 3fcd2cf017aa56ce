//! What a finding remembers of good and bad signs: moments and sets, so that duplicates change nothing.

use phitak_model::{Observation, Timestamp};
use serde::{Deserialize, Serialize};

/// Slices into which a wait for "unused" is divided; the host must show life in most of them.
const SLICES: i64 = 8;
/// Slices with a sign of life that make a host "alive and busy" over the wait.
const SLICES_ALIVE_MIN: u32 = 6;

/// One weak service: when it was last weak, and the good signs since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub port: u16,
    pub last_weak: Timestamp,
    pub healthy: Option<Stretch>,
    pub gone: Option<Stretch>,
}

/// The first and last of a row of like signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stretch {
    pub since: Timestamp,
    pub last: Timestamp,
}

impl Stretch {
    pub fn micros(self) -> i64 {
        self.last.micros_since(self.since)
    }

    /// Takes in an observation's part after `mark`. Of a merged observation only its two ends are known moments.
    pub fn joined(before: Option<Self>, observation: &Observation, mark: Timestamp) -> Option<Self> {
        if observation.last_at <= mark {
            return before;
        }
        let since = if observation.first_at > mark { observation.first_at } else { observation.last_at };
        Some(match before {
            None => Self { since, last: observation.last_at },
            Some(known) => Self { since: known.since.min(since), last: known.last.max(observation.last_at) },
        })
    }

    /// What remains after a weak sign at `weak`: of a stretch that began before it, only its last moment is known to be later.
    fn after(before: Option<Self>, weak: Timestamp) -> Option<Self> {
        let known = before?;
        if known.since > weak {
            return Some(known);
        }
        (known.last > weak).then_some(Self { since: known.last, last: known.last })
    }
}

impl Trail {
    pub fn new(port: u16, last_weak: Timestamp) -> Self {
        Self { port, last_weak, healthy: None, gone: None }
    }

    pub fn weak(&mut self, at: Timestamp) {
        self.last_weak = self.last_weak.max(at);
        self.healthy = Stretch::after(self.healthy, at);
        self.gone = Stretch::after(self.gone, at);
    }

    /// Good signs count anew from a claim.
    pub fn forget_good_signs(&mut self) {
        self.healthy = None;
        self.gone = None;
    }
}

/// In which slices of the wait the host showed life. A set, so that duplicates change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lifeline {
    /// Bit n: life in slice n since the mark; life past the 32nd slice counts as the 32nd.
    slices: u32,
}

impl Lifeline {
    /// Notes life at a moment after `mark`.
    pub fn note(&mut self, at: Timestamp, mark: Timestamp, span_micros: i64) {
        if at <= mark {
            return;
        }
        let slice_micros = (span_micros / SLICES).max(1);
        let slice = (at.micros_since(mark) / slice_micros).clamp(0, 31) as u32;
        self.slices |= 1_u32.wrapping_shl(slice);
    }

    /// Whether the host lived through the wait: life in most slices, and in one past the end of the wait.
    pub fn covers_the_wait(self) -> bool {
        self.slices.count_ones() >= SLICES_ALIVE_MIN && self.slices >> SLICES != 0
    }
}
