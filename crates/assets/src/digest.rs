//! Merges what a sensor sees again and again into a few records a minute.
//!
//! One record for each (host, link address, fact) and span of packet time, with the first and the last moment and the
//! count. Records leave in the order in which their spans began, so the same packets always give the same records.

use phitak_model::{Fact, Mac, Observation, Timestamp};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

/// Ports whose refusal is always told: they are where a mend shows.
const PORTS_TOLD: [u16; 12] = [21, 22, 23, 139, 443, 445, 990, 1433, 2323, 3306, 5432, 8443];

/// Limits of a [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestSettings {
    /// Packet time over which repetitions are one record.
    pub span_secs: u32,
    /// Records open at once; past it the oldest leave early, which costs records but loses nothing.
    pub open_max: usize,
    /// Different facts of one host in one span; past it new ones are counted and left out.
    pub facts_per_host_max: u16,
    /// The same for refused ports outside the few where a mend shows: a port scan must not become a flood of records.
    pub refusals_per_host_max: u16,
}

impl Default for DigestSettings {
    fn default() -> Self {
        Self { span_secs: 60, open_max: 65_536, facts_per_host_max: 256, refusals_per_host_max: 16 }
    }
}

type Key = (IpAddr, Option<Mac>, Fact);

/// The merging table of one sensor worker.
#[derive(Debug)]
pub struct Digest {
    settings: DigestSettings,
    /// Open records by the order in which they began.
    open: BTreeMap<u64, Observation>,
    /// Where a fact's open record stands. Only ever asked by key: its order never reaches the output.
    places: HashMap<Key, u64>,
    load: HashMap<IpAddr, Load>,
    next: u64,
    now: Timestamp,
    left_out: u64,
}

/// Facts of one host that are open.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    facts: u16,
    refusals: u16,
}

impl Digest {
    #[must_use]
    pub fn new(settings: DigestSettings) -> Self {
        Self {
            settings,
            open: BTreeMap::new(),
            places: HashMap::new(),
            load: HashMap::new(),
            next: 0,
            now: Timestamp::default(),
            left_out: 0,
        }
    }

    /// Takes in one observation; records whose span has ended go to `out` first.
    pub fn add(&mut self, observation: Observation, out: &mut impl FnMut(Observation)) {
        self.advance(observation.last_at, out);
        let key = (observation.host, observation.mac, observation.fact);
        if let Some(known) = self.places.get(&key).and_then(|place| self.open.get_mut(place)) {
            known.first_at = known.first_at.min(observation.first_at);
            known.last_at = known.last_at.max(observation.last_at);
            known.count = known.count.saturating_add(observation.count);
            return;
        }
        if !self.has_room(&key) {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        if self.open.len() >= self.settings.open_max.max(1) {
            self.close_oldest(self.settings.open_max / 8 + 1, out);
        }
        let load = self.load.entry(key.0).or_default();
        let counted = if is_minor_refusal(&key.2) { &mut load.refusals } else { &mut load.facts };
        *counted = counted.saturating_add(1);
        self.open.insert(self.next, Observation { fact: key.2.clone(), ..observation });
        self.places.insert(key, self.next);
        self.next = self.next.wrapping_add(1);
    }

    /// Packet time has come to `now`: records whose span has ended leave. When time jumps back by more than a span (another
    /// capture begins), everything leaves, so that no record spans the two.
    pub fn advance(&mut self, now: Timestamp, out: &mut impl FnMut(Observation)) {
        let span_micros = i64::from(self.settings.span_secs).saturating_mul(1_000_000);
        if self.now.micros_since(now) > span_micros {
            self.flush(out);
            self.now = now;
            return;
        }
        self.now = self.now.max(now);
        while let Some(oldest) = self.open.values().next()
            && self.now.micros_since(oldest.first_at) >= span_micros
        {
            self.close_oldest(1, out);
        }
    }

    /// Everything leaves: the capture has ended, or the sensor stops.
    pub fn flush(&mut self, out: &mut impl FnMut(Observation)) {
        self.close_oldest(usize::MAX, out);
    }

    /// Observations that found their host's limit reached.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Records that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn has_room(&self, (host, _, fact): &Key) -> bool {
        let load = self.load.get(host).copied().unwrap_or_default();
        if is_minor_refusal(fact) {
            load.refusals < self.settings.refusals_per_host_max
        } else {
            load.facts < self.settings.facts_per_host_max
        }
    }

    fn close_oldest(&mut self, many: usize, out: &mut impl FnMut(Observation)) {
        for _ in 0..many {
            let Some((_, observation)) = self.open.pop_first() else { return };
            let key = (observation.host, observation.mac, observation.fact);
            self.places.remove(&key);
            if let Some(load) = self.load.get_mut(&key.0) {
                let counted = if is_minor_refusal(&key.2) { &mut load.refusals } else { &mut load.facts };
                *counted = counted.saturating_sub(1);
                if load.facts == 0 && load.refusals == 0 {
                    self.load.remove(&key.0);
                }
            }
            out(Observation { fact: key.2, ..observation });
        }
    }
}

fn is_minor_refusal(fact: &Fact) -> bool {
    matches!(fact, Fact::Refused { port } if !PORTS_TOLD.contains(port))
}

#[cfg(test)]
mod tests;
