//! Whether the centre can work: what its database said last, for the health route, for the page, and so that no request
//! waits for a database that is known to be away.

use crate::centre::Centre;
use phitak_model::Timestamp;
use phitak_store::{StoreError, Trouble};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// How often the database is asked for a sign of life.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// And while it is away: the centre works again as soon after it.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(1);
/// A sign of life that takes longer is none.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// On a full disk a small write may still find room where a round of alerts does not: one ends it after so long a calm.
const CALM_SECS: i64 = 10;

/// What keeps the centre from working, since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hindrance {
    pub trouble: Trouble,
    pub since: Timestamp,
}

/// A hindrance, and when it was met last.
#[derive(Clone, Copy, Debug)]
struct Known {
    hindrance: Hindrance,
    last_at: Timestamp,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Condition {
    known: Arc<watch::Sender<Option<Known>>>,
    doubted: Arc<tokio::sync::Notify>,
}

impl Default for Condition {
    fn default() -> Self {
        Self { known: Arc::new(watch::Sender::new(None)), doubted: Arc::default() }
    }
}

impl Condition {
    #[must_use]
    pub fn now(&self) -> Option<Hindrance> {
        self.known.borrow().map(|known| known.hindrance)
    }

    /// Whether no question can be answered just now.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.now().is_some_and(|hindrance| hindrance.trouble == Trouble::Away)
    }

    /// Something failed for this reason. That no connection was free says nothing about the database: it is asked.
    pub fn failed(&self, trouble: Trouble, now: Timestamp) {
        if trouble == Trouble::Busy {
            self.doubted.notify_one();
            return;
        }
        let changed = self.known.send_if_modified(|known| {
            if let Some(known) = known.as_mut().filter(|known| known.hindrance.trouble == trouble) {
                known.last_at = now;
                return false;
            }
            *known = Some(Known { hindrance: Hindrance { trouble, since: now }, last_at: now });
            true
        });
        if changed {
            tracing::error!(?trouble, "the database does not work; the centre goes on as soon as it does");
            self.doubted.notify_one();
        }
    }

    /// The same for an error of the store.
    pub fn heard(&self, error: &StoreError, now: Timestamp) {
        if let Some(trouble) = error.trouble() {
            self.failed(trouble, now);
        }
    }

    /// A round of alerts was stored.
    pub fn took_in(&self) {
        self.over(|_| true);
    }

    /// Something small was written.
    pub fn written(&self, now: Timestamp) {
        self.over(|known| !known.hindrance.trouble.reads() || now >= known.last_at.plus_secs(CALM_SECS));
    }

    /// Something was read: the database is there, whether or not it has room.
    fn answered(&self) {
        self.over(|known| !known.hindrance.trouble.reads());
    }

    fn over(&self, ends: impl Fn(&Known) -> bool) {
        let changed = self.known.send_if_modified(|known| {
            let is_over = known.as_ref().is_some_and(&ends);
            if is_over {
                *known = None;
            }
            is_over
        });
        if changed {
            tracing::info!("the database works again");
        }
    }
}

/// Looks after the database again and again; ends with the centre.
pub async fn watch(centre: Centre) {
    let mut stopping = centre.stopping.subscribe();
    loop {
        let pause = if centre.condition.is_away() { LOOK_AGAIN_EVERY } else { LOOK_EVERY };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = sleep(pause) => {}
            () = centre.condition.doubted.notified(), if !centre.condition.is_away() => {}
        }
        look(&centre).await;
    }
}

async fn look(centre: &Centre) {
    let (condition, now) = (&centre.condition, centre.clock.now());
    match timeout(ANSWER_TIME_MAX, centre.store.answers()).await {
        Ok(Ok(())) => condition.answered(),
        // Asked on a connection of its own: it is not others that keep it busy.
        Err(_) => condition.failed(Trouble::Away, now),
        Ok(Err(error)) => match error.trouble() {
            Some(Trouble::Busy) | None => condition.failed(Trouble::Away, now),
            Some(trouble) => condition.failed(trouble, now),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_keeps_its_beginning_and_only_a_write_ends_a_full_disk() {
        let condition = Condition::default();
        let at = Timestamp::from_secs;
        assert_eq!(condition.now(), None);
        condition.failed(Trouble::Busy, at(1));
        assert_eq!(condition.now(), None, "busy is not away");
        condition.failed(Trouble::Full, at(2));
        condition.failed(Trouble::Full, at(3));
        condition.answered();
        assert_eq!(condition.now(), Some(Hindrance { trouble: Trouble::Full, since: at(2) }));
        assert!(!condition.is_away());
        condition.written(at(4));
        assert!(condition.now().is_some(), "a small write found room");
        condition.written(at(13));
        assert_eq!(condition.now(), None);
        condition.failed(Trouble::Full, at(14));
        condition.took_in();
        assert_eq!(condition.now(), None);
        condition.failed(Trouble::Away, at(15));
        assert!(condition.is_away());
        condition.answered();
        assert_eq!(condition.now(), None);
    }
}
