//! One worker's detector: its scratch memory, and its hold on what workers have in common.
//!
//! For each packet: rules about packets and streams, then rules about transactions, then what comes of those that fired.

mod conclude;
mod fields;
mod kit;
mod packets;
mod transactions;

use crate::{
    flow_state::FlowState,
    host_memory::{Common, TurnedAway},
    input::Input,
    outcome::{Detail, Effect, Outcome, Place},
    prefilter::Candidates,
    profile::{Clock, Profile},
    ruleset::Ruleset,
    scene::Scene,
};
use kit::Kit;
use std::sync::Arc;

/// Rules of one packet that may fire before they are put in order.
const PENDING_MAX: usize = 1024;

pub struct Detector {
    rules: Arc<Ruleset>,
    inspector: Inspector,
}

/// All of a detector but its rules, which it reads while it works.
struct Inspector {
    kit: Kit,
    common: Common,
    candidates: Candidates,
    /// Rules or routes to look at, in order.
    due: Vec<u32>,
    pending: Vec<Pending>,
    profile: Option<Box<Profile>>,
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
        let common = Common::new(&rules);
        Self::beside(rules, common)
    }

    /// One of several detectors with the same rules.
    #[must_use]
    pub fn beside(rules: Arc<Ruleset>, common: Common) -> Self {
        let inspector = Inspector {
            kit: Kit::new(common.clone()),
            common,
            candidates: Candidates::default(),
            due: Vec::new(),
            pending: Vec::new(),
            profile: None,
        };
        Self { rules, inspector }
    }

    /// Keeps account of what rules cost from now on.
    pub fn keep_profile(&mut self, clock: Clock) {
        self.inspector.profile = Some(Box::new(Profile::new(clock)));
    }

    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.inspector.profile.as_deref()
    }

    /// Settles all alerts that are open up to now, when their turn has come.
    pub fn settle(&self) {
        self.inspector.common.settle();
    }

    /// Alerts of all workers that were open and were settled as alerts.
    #[must_use]
    pub fn alerts_settled(&self) -> u64 {
        self.inspector.common.alerts_settled()
    }

    /// What all workers together could not remember.
    #[must_use]
    pub fn turned_away(&self) -> TurnedAway {
        self.inspector.common.turned_away()
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
        let Self { rules, inspector } = self;
        let scene = Scene::new(input);
        inspector.pending.clear();
        inspector.packet_rules(rules, &scene, flow.as_deref_mut(), out);
        if let Some(state) = flow.as_deref_mut() {
            inspector.transaction_rules(rules, &scene, state, out);
        }
        if !inspector.pending.is_empty() {
            inspector.conclude(rules, &scene, flow, out);
        }
    }
}

impl Inspector {
    /// The moment, where it is of any use.
    fn moment(&self) -> u64 {
        self.profile.as_ref().map_or(0, |profile| profile.now())
    }

    fn note_looked(&mut self, rule: u32, since: u64) {
        if let Some(profile) = &mut self.profile {
            profile.looked(rule, since);
        }
    }

    fn note_searched(&mut self, since: u64) {
        if let Some(profile) = &mut self.profile {
            profile.searched(since);
        }
    }

    fn push_pending(&mut self, pending: Pending) {
        if self.pending.len() < PENDING_MAX {
            self.pending.push(pending);
        }
    }
}
