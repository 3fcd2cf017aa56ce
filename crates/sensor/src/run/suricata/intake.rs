//! What becomes of another program's records, whichever way they came: alerts go by the policy into the spool, counters into this
//! sensor's health.

use crate::run::{clock, noise::Noise, pulse::Pulse};
use phitak_engine::suricata::Stats;
use phitak_model::{Alert, LossCause, Timestamp};
use phitak_uplink::{
    Item,
    spool::{Appended, Cursor, Desk},
};
use std::{collections::BTreeMap, net::IpAddr};

/// Programs whose counters are added up; those of others are left out, which is told once.
const SOURCES_MAX: usize = 64;

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    File,
    /// Who sent the messages: one Suricata an address.
    Sender(IpAddr),
}

pub(super) struct Intake<'a> {
    pub(super) desk: &'a Desk,
    pulse: &'a Pulse,
    noise: Noise,
    /// The last counters of each.
    counters: BTreeMap<Source, Stats>,
    /// Some were left out, and it was told.
    is_crowded: bool,
}

impl<'a> Intake<'a> {
    pub(super) fn new(desk: &'a Desk, pulse: &'a Pulse) -> Self {
        Self { desk, pulse, noise: Noise::default(), counters: BTreeMap::new(), is_crowded: false }
    }

    /// Takes an alert that counts to the minute of `counted_at`; gives its number in the spool, if it got one. What did not is
    /// counted as a loss.
    pub(super) fn alert(&mut self, alert: Box<Alert>, cursor: Cursor, counted_at: Timestamp) -> Option<u64> {
        if !self.noise.admits_at(&alert, counted_at) {
            return None;
        }
        match self.desk.append(&Item::Alert(alert), Some(cursor)) {
            Ok(Appended::Kept { seq }) => Some(seq),
            Ok(Appended::Dropped) => None,
            Err(error) => {
                tracing::error!(%error, "an alert cannot leave and is counted as lost");
                self.desk.note_loss(LossCause::Refused, 1, counted_at, counted_at);
                None
            }
        }
    }

    pub(super) fn stats(&mut self, source: Source, stats: &Stats) {
        if self.counters.len() >= SOURCES_MAX && !self.counters.contains_key(&source) {
            if !std::mem::replace(&mut self.is_crowded, true) {
                tracing::warn!(
                    ?source,
                    "counters of more than {SOURCES_MAX} devices: those of the others are left out"
                );
            }
            return;
        }
        // A file is read late and tells when it was; what a device claims must not stretch a loss over years.
        let at = match source {
            Source::File => stats.at.min(clock::now()),
            Source::Sender(_) => clock::now(),
        };
        let before = self.counters.insert(source, Stats { at, ..*stats });
        let (dropped_before, since) = before.map_or((0, at), |before| (before.dropped, before.at));
        // Fewer than before: Suricata has begun anew.
        let fresh = stats.dropped.checked_sub(dropped_before).unwrap_or(stats.dropped);
        if fresh > 0 {
            self.desk.note_loss(LossCause::PacketsDropped, fresh, since.min(at), at);
        }
        let mut all = Stats::default();
        for one in self.counters.values() {
            all.packets = all.packets.saturating_add(one.packets);
            all.bytes = all.bytes.saturating_add(one.bytes);
            all.flows = all.flows.saturating_add(one.flows);
            all.rules_loaded = all.rules_loaded.saturating_add(one.rules_loaded);
            all.rules_failed = all.rules_failed.saturating_add(one.rules_failed);
        }
        self.pulse.counted(all.packets, all.bytes, all.flows, (all.rules_loaded, all.rules_failed));
    }

    /// Tells what was held back since the last call.
    pub(super) fn tell_held_back(&mut self) {
        if let Some(held) = self.noise.take_held_back() {
            self.desk.note_loss(LossCause::AlertsHeldBack, held.count, held.from, held.until);
        }
    }
}
