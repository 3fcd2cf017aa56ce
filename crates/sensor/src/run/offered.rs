//! Something that one thread makes ready and another takes up between two packets.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The newest of its kind, with what is told of it.
pub(super) struct Offered<T, About> {
    newest: Mutex<Option<(Arc<T>, About)>>,
    /// How often it has changed.
    turn: AtomicU64,
}

impl<T, About> Default for Offered<T, About> {
    fn default() -> Self {
        Self { newest: Mutex::new(None), turn: AtomicU64::new(0) }
    }
}

impl<T, About: Clone> Offered<T, About> {
    /// From the next packet on this is used.
    pub(super) fn offer(&self, set: Arc<T>, about: About) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some((set, about));
        self.turn.fetch_add(1, Relaxed);
    }

    /// The newest, when it is another than at this turn; brings the turn up to date.
    #[inline]
    pub(super) fn fresh(&self, turn: &mut u64) -> Option<Arc<T>> {
        let now = self.turn.load(Relaxed);
        if *turn == now {
            return None;
        }
        *turn = now;
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.as_ref().map(|(set, _)| Arc::clone(set))
    }

    /// What is told of the newest.
    pub(super) fn about(&self) -> Option<About> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, about)| about.clone())
    }
}
