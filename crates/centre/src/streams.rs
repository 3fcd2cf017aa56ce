//! Who holds a live stream open: bounded in all and for each session, so that one browser cannot take them from all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Streams at the same time.
pub const STREAMS_MAX: usize = 2_000;
/// Streams of one session: as many open pages.
pub const STREAMS_PER_SESSION_MAX: usize = 12;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    by_session: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// A stream's place; gives it back when dropped.
#[derive(Debug)]
pub struct Place {
    streams: Streams,
    session: String,
}

impl Streams {
    /// A place, unless all are taken or this session has its share.
    #[must_use]
    pub fn enter(&self, session: &str) -> Option<Place> {
        let mut open = self.lock();
        let all: usize = open.values().sum();
        let own = open.get(session).copied().unwrap_or(0);
        if all >= STREAMS_MAX || own >= STREAMS_PER_SESSION_MAX {
            return None;
        }
        open.insert(session.to_owned(), own + 1);
        Some(Place { streams: self.clone(), session: session.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.by_session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        let left = open.get(&self.session).copied().unwrap_or(0).saturating_sub(1);
        match left {
            0 => open.remove(&self.session),
            left => open.insert(self.session.clone(), left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_gets_its_share_and_leaves_the_rest_to_others() {
        let streams = Streams::default();
        let mut places: Vec<Place> =
            (0..STREAMS_PER_SESSION_MAX).map(|_| streams.enter("one").expect("a place")).collect();
        assert!(streams.enter("one").is_none());
        assert!(streams.enter("other").is_some());
        places.pop();
        places.push(streams.enter("one").expect("the place that was given back"));
        drop(places);
        assert!(streams.lock().is_empty());
    }

    #[test]
    fn all_together_are_bounded() {
        let streams = Streams::default();
        let places: Vec<Place> = (0..STREAMS_MAX).filter_map(|n| streams.enter(&n.to_string())).collect();
        assert_eq!(places.len(), STREAMS_MAX);
        assert!(streams.enter("one more").is_none());
    }
}
