//! One worker's detector: its scratch memory, thresholds and host bits.
//!
//! For each packet: rules about packets and streams, then rules about transactions, then what comes of those that fired.

mod conclude;
mod fields;
mod kit;
mod packets;
mod transactions;

use crate::{
    dataset::Sets,
    flow_state::FlowState,
    host_bits::HostBits,
    input::Input,
    outcome::{Detail, Effect, Outcome, Place},
    prefilter::Candidates,
    ruleset::Ruleset,
    scene::Scene,
    threshold::Thresholds,
};
use kit::Kit;
use std::sync::Arc;

/// Rules of one packet that may fire before they are put in order.
const PENDING_MAX: usize = 1024;

pub struct Detector {
    rules: Arc<Ruleset>,
    kit: Kit,
    host_bits: HostBits,
    thresholds: Thresholds,
    candidates: Candidates,
    /// Rules or routes to look at, in order.
    due: Vec<u32>,
    pending: Vec<Pending>,
}

/// A rule that fired, before thresholds.
pub(crate) struct Pending {
    rule: u32,
    transaction: Option<u64>,
    place: Option<Place>,
    details: Vec<Detail>,
}

impl Detector {
    #[must_use]
    pub fn new(rules: Arc<Ruleset>) -> Self {
        let sets = Sets::new(Arc::clone(&rules.sets));
        Self {
            rules,
            kit: Kit::new(sets),
            host_bits: HostBits::default(),
            thresholds: Thresholds::default(),
            candidates: Candidates::default(),
            due: Vec::new(),
            pending: Vec::new(),
        }
    }

    #[must_use]
    pub fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// Inspects one packet. Called once for every packet, with its flow's state where it has a flow; adds to `out`, which
    /// the caller has cleared.
    pub fn inspect(&mut self, input: &Input<'_>, mut flow: Option<&mut FlowState>, out: &mut Outcome) {
        if flow.as_ref().is_some_and(|f| f.passed) {
            out.effect = Effect::PassFlow;
            return;
        }
        let rules = Arc::clone(&self.rules);
        let scene = Scene::new(input);
        self.pending.clear();
        self.packet_rules(&rules, &scene, flow.as_deref_mut(), out);
        if let Some(state) = flow.as_deref_mut() {
            self.transaction_rules(&rules, &scene, state, out);
        }
        if !self.pending.is_empty() {
            self.conclude(&rules, &scene, flow, out);
        }
    }

    fn push_pending(&mut self, pending: Pending) {
        if self.pending.len() < PENDING_MAX {
            self.pending.push(pending);
        }
    }
}
