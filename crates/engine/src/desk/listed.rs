//! Rules of the centre's list beside a sensor's own: a second, small set with memory of its own.
//!
//! The two never touch. Whatever the list says, the sensor's own rules find what they would find without it, keep their bits and
//! counts when the list changes, and decide first: what a pass rule lets go is not shown to the list.
//!
//! When another list comes, an open flow keeps everything but what the list before remembered of it. The new set looks at its
//! transactions that are not through yet and at the stream from its next bytes on; what a rule has told of a transaction it
//! does not tell again.

use super::Desk;
use crate::conversation::Conversation;
use phitak_detect::{Detector, FlowState, Input, Outcome, RuleInfo, Ruleset};
use phitak_model::{Direction, listed_rule::LISTED_RULE_GID};
use std::sync::Arc;

/// Alerts of one flow that are remembered so that another list does not tell them again.
const TOLD_MAX: usize = 32;

/// The set in use.
pub(crate) struct Listed {
    pub rules: Arc<Ruleset>,
    pub detector: Detector,
    pub outcome: Outcome,
    /// Rises with each set.
    turn: u32,
}

/// What the set remembers of one flow.
#[derive(Debug, Default)]
pub(crate) struct ListedState {
    /// The set that it is of.
    turn: u32,
    pub detect: FlowState,
    /// Rule and transaction of what was told, the latest last.
    told: Vec<(u32, u64)>,
}

impl Listed {
    /// The set, and what it remembers of a flow: nothing where it is new here, or another set was. Without a set, what another
    /// one remembered goes.
    pub(crate) fn beside<'l, 's>(
        set: &'l mut Option<Box<Self>>,
        kept: &'s mut Option<Box<ListedState>>,
        shown_to: [u64; 2],
    ) -> Option<(&'l mut Self, &'s mut FlowState)> {
        let Some(listed) = set.as_deref_mut() else {
            *kept = None;
            return None;
        };
        let state = kept.get_or_insert_default();
        if state.turn != listed.turn {
            state.turn = listed.turn;
            state.detect = FlowState::from_offsets(shown_to);
        }
        Some((listed, &mut state.detect))
    }

    pub(crate) fn inspect(&mut self, input: &Input<'_>, flow: Option<&mut FlowState>) {
        self.outcome.clear();
        self.detector.inspect(input, flow, &mut self.outcome);
    }
}

impl Desk {
    /// From the next packet on these rules are looked at beside the sensor's own, in place of those before.
    pub(crate) fn set_listed(&mut self, rules: Arc<Ruleset>) {
        // What costs much is computed from the first time on that a list asks for it.
        if rules.looks_at("file.magic") {
            self.config.protocols.digests.magic = true;
            self.watch.compute_magic();
        }
        self.config.protocols.mail_body_md5 |= rules.looks_at("email.body_md5");
        self.listed_turn = self.listed_turn.wrapping_add(1).max(1);
        self.listed = (!rules.is_empty()).then(|| {
            let detector = Detector::new(Arc::clone(&rules));
            Box::new(Listed { rules, detector, outcome: Outcome::default(), turn: self.listed_turn })
        });
    }

    /// Whether there is any rule to look at.
    #[inline]
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty() || self.listed.is_some()
    }

    /// Whether any rule looks at raw streams.
    #[inline]
    pub(crate) fn wants_stream(&self) -> bool {
        self.rules.wants_stream() || self.listed.as_ref().is_some_and(|listed| listed.rules.wants_stream())
    }

    /// From which offset on a stream is still needed by those rules that look at it.
    pub(crate) fn stream_keep_from(&self, conversation: &Conversation, direction: Direction, shown_to: u64) -> u64 {
        let own = self.rules.wants_stream().then(|| conversation.detect.stream_keep_from(direction));
        let listed = self.listed.as_ref().filter(|listed| listed.rules.wants_stream()).map(|listed| {
            let state = conversation.listed.as_ref().filter(|state| state.turn == listed.turn);
            // It will begin where the others are.
            state.map_or(shown_to, |state| state.detect.stream_keep_from(direction))
        });
        own.into_iter().chain(listed).min().unwrap_or(shown_to)
    }

    /// A packet without a flow before the list.
    pub(crate) fn inspect_listed_alone(&mut self, input: &Input<'_>) {
        if let Some(listed) = self.listed.as_deref_mut() {
            listed.inspect(input, None);
        }
    }
}

impl Conversation {
    /// Whether a rule's alert about a transaction is to be told; notes that it was.
    pub(crate) fn admits(&mut self, rule: &RuleInfo, transaction: Option<u64>) -> bool {
        if rule.gid != LISTED_RULE_GID {
            return true;
        }
        let (Some(state), Some(transaction)) = (self.listed.as_deref_mut(), transaction) else { return true };
        let key = (rule.sid, transaction);
        if state.told.contains(&key) {
            return false;
        }
        if state.told.len() >= TOLD_MAX {
            state.told.remove(0);
        }
        state.told.push(key);
        true
    }

    /// Whether the list needs a transaction no more in this direction.
    pub(crate) fn is_through_list(listed: Option<&ListedState>, transaction: u64, direction: Direction) -> bool {
        listed.is_none_or(|state| state.detect.is_inspected(transaction, direction))
    }
}
