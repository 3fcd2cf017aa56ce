//! What detection remembers about one flow between packets.

use crate::ruleset::Ruleset;
use phitak_model::Direction;

/// Made when a flow is; dropped with it. Small when no rule needs more.
#[derive(Debug, Default)]
pub struct FlowState {
    stream_inspected: [u64; 2],
}

impl FlowState {
    /// The engine keeps stream bytes of this direction from this offset on, since a match may begin there.
    #[must_use]
    pub fn stream_keep_from(&self, direction: Direction) -> u64 {
        let _ = direction;
        self.stream_inspected[0]
    }

    /// Whether this transaction needs no more inspection in this direction, so that it can be released.
    #[must_use]
    pub fn is_inspected(&self, transaction: u64, direction: Direction) -> bool {
        let _ = (transaction, direction);
        true
    }

    /// Names of the flow's bits, in order of their names, for EVE's `metadata.flowbits`.
    pub fn flowbits<'r>(&'r self, rules: &'r Ruleset) -> impl Iterator<Item = &'r str> {
        let _ = rules;
        std::iter::empty()
    }

    /// Names and values of the flow's numbers, in order of their names, for EVE's `metadata.flowints`.
    pub fn flowints<'r>(&'r self, rules: &'r Ruleset) -> impl Iterator<Item = (&'r str, u32)> {
        let _ = rules;
        std::iter::empty()
    }
}
