//! What all workers of one sensor remember together, because it is about hosts and not about flows: bits of hosts,
//! counts towards thresholds, data sets.

use crate::{dataset::Sets, host_bits::HostBits, ruleset::Ruleset, threshold::Thresholds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Makes several workers look at what they have in common in the order of the frames, as one worker would.
pub trait Turn: Send + Sync {
    /// Returns when no other worker is still at something older than the caller.
    fn wait(&self);
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
        if let Some(turn) = &self.turn {
            turn.wait();
        }
        // Nothing here is left half done by a panic that could matter more than going on.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
