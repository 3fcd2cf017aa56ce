//! One worker's detector: its scratch memory, thresholds and host bits.

use crate::{flow_state::FlowState, input::Input, outcome::Outcome, ruleset::Ruleset};
use std::sync::Arc;

pub struct Detector {
    rules: Arc<Ruleset>,
}

impl Detector {
    #[must_use]
    pub fn new(rules: Arc<Ruleset>) -> Self {
        Self { rules }
    }

    #[must_use]
    pub fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// Inspects one packet. Called once for every packet, with its flow's state where it has a flow; adds to `out`, which
    /// the caller has cleared.
    pub fn inspect(&mut self, input: &Input<'_>, flow: Option<&mut FlowState>, out: &mut Outcome) {
        let _ = (input, flow, out);
    }
}
