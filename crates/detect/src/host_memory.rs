//! What all workers of one sensor remember together, because it is about hosts and not about flows: bits of hosts,
//! counts towards thresholds, data sets.
//!
//! It is asked and changed in the order of the frames, as one worker would. Who asks waits for that, with one exception:
//! whether a threshold lets an alert through decides about nothing but the alert. The worker goes on with an [`OpenAlert`],
//! which is settled when all that is older has been looked at.

use crate::{
    dataset::Sets,
    host_bits::HostBits,
    ruleset::Ruleset,
    threshold::{Fired, Thresholds, Verdict},
};
use phitak_rules::threshold::Threshold;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering::Acquire, Ordering::Release},
    },
};

/// Alerts that are open at once; with more, workers wait for each other.
const OPEN_MAX: usize = 1 << 16;

/// Where a worker is on its way through the frames. Moments are in the order in which one worker would come to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Twice the frame's number while flows end because of its time, and one more for the frame itself.
    pub step: u64,
    /// While flows end: the frame that began the flow at hand.
    pub born: u64,
}

impl Moment {
    /// Flows end because of a frame's time; `born` is the frame that began the one at hand.
    #[must_use]
    pub fn of_ends(frame: u64, born: u64) -> Self {
        Self { step: frame.saturating_mul(2), born }
    }

    /// The frame itself is looked at.
    #[must_use]
    pub fn of_frame(frame: u64) -> Self {
        Self { step: frame.saturating_mul(2) | 1, born: 0 }
    }
}

/// Makes several workers look at what they have in common in the order of the frames, as one worker would.
pub trait Turn: Send + Sync {
    /// Where the caller is.
    fn moment(&self) -> Moment;

    /// Whether no other worker is still at something older than the caller.
    fn has_come(&self) -> bool;

    /// Returns when it has come.
    fn wait(&self);
}

/// An alert that was told before it was known whether its threshold lets it through.
#[derive(Debug)]
pub struct OpenAlert {
    rule: u32,
    threshold: Threshold,
    fired: Fired,
    state: AtomicU8,
}

const OPEN: u8 = 0;
const ALERTS: u8 = 1;
const QUIET: u8 = 2;

impl OpenAlert {
    /// Whether it is an alert; `None` while that is open.
    #[must_use]
    pub fn is_alert(&self) -> Option<bool> {
        match self.state.load(Acquire) {
            OPEN => None,
            state => Some(state == ALERTS),
        }
    }
}

/// What all workers together could not remember, because a table was full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnedAway {
    /// Matches that were not counted towards thresholds and rates.
    pub counts: u64,
    /// Bits of hosts and pairs of hosts that were not set.
    pub host_bits: u64,
    /// Values that were not added to data sets.
    pub values: u64,
}

/// One worker's hold on what all have in common.
#[derive(Clone, Default)]
pub struct Common {
    shared: Arc<Mutex<Shared>>,
    turn: Option<Arc<dyn Turn>>,
}

#[derive(Default)]
pub(crate) struct Shared {
    pub host_bits: HostBits,
    pub thresholds: Thresholds,
    pub sets: Sets,
    /// By moment, and by the order in which they came within it.
    open: BTreeMap<(Moment, u64), Arc<OpenAlert>>,
    opened: u64,
    /// Open alerts that became alerts.
    alerts: u64,
}

impl Shared {
    /// Settles what is open up to a moment that all workers have passed, or come to.
    fn settle(&mut self, upto: Moment) {
        while let Some(entry) = self.open.first_entry().filter(|entry| entry.key().0 <= upto) {
            let open = entry.remove();
            let is_alert = self.thresholds.verdict(open.rule, &open.threshold, &open.fired) == Verdict::Alert;
            self.alerts += u64::from(is_alert);
            open.state.store(if is_alert { ALERTS } else { QUIET }, Release);
        }
    }
}

impl Common {
    #[must_use]
    pub fn new(rules: &Ruleset) -> Self {
        let sets = Sets::new(Arc::clone(&rules.sets));
        let shared = Shared { sets, ..Shared::default() };
        Self { shared: Arc::new(Mutex::new(shared)), turn: None }
    }

    /// The same for one of several workers.
    #[must_use]
    pub fn with_turn(&self, turn: Arc<dyn Turn>) -> Self {
        Self { shared: Arc::clone(&self.shared), turn: Some(turn) }
    }

    /// What is shared, as all older frames have left it.
    pub(crate) fn get(&self) -> MutexGuard<'_, Shared> {
        let Some(turn) = &self.turn else { return self.lock() };
        turn.wait();
        let mut shared = self.lock();
        shared.settle(turn.moment());
        shared
    }

    /// Counts a match towards its rule's threshold: at once where all that is older was looked at, or later.
    pub(crate) fn threshold(&self, rule: u32, threshold: &Threshold, fired: &Fired) -> Result<Verdict, Arc<OpenAlert>> {
        if let Some(turn) = self.turn.as_ref().filter(|turn| !turn.has_come()) {
            let mut shared = self.lock();
            if shared.open.len() < OPEN_MAX {
                let (threshold, fired) = (*threshold, *fired);
                let open = Arc::new(OpenAlert { rule, threshold, fired, state: AtomicU8::new(OPEN) });
                let number = shared.opened;
                shared.opened += 1;
                shared.open.insert((turn.moment(), number), Arc::clone(&open));
                return Err(open);
            }
        }
        Ok(self.get().thresholds.verdict(rule, threshold, fired))
    }

    /// Settles all alerts of frames before this one, which all workers are through with.
    pub fn settle_before(&self, frame: u64) {
        self.lock().settle(Moment::of_ends(frame, 0));
    }

    /// Waits until what is open up to the caller's moment can be settled.
    pub(crate) fn settle(&self) {
        drop(self.get());
    }

    /// How many open alerts became alerts.
    pub(crate) fn alerts_settled(&self) -> u64 {
        self.lock().alerts
    }

    pub(crate) fn turned_away(&self) -> TurnedAway {
        let shared = self.lock();
        TurnedAway {
            counts: shared.thresholds.turned_away(),
            host_bits: shared.host_bits.turned_away(),
            values: shared.sets.turned_away(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing here is left half done by a panic that could matter more than going on.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
