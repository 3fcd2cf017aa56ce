//! Where the engine's results go: records to the hospital's own files, alerts and merged observations to the spool, each
//! with its place in the replay, so that what a killed replay had spooled is not spooled again.

use super::{
    eve::EveLog,
    noise::{HeldBack, Noise},
};
use phitak_assets::{Digest, DigestSettings};
use phitak_engine::Sink;
use phitak_model::{Alert, LossCause, Observation, Timestamp, indicator::INDICATOR_GID, listed_rule::LISTED_RULE_GID};
use phitak_uplink::{
    Item,
    spool::{Cursor, Desk, ReplayId},
};

/// Alerts by the centre's list that wait for their packet's end.
const HITS_HELD_MAX: usize = 256;
/// Groups of what the centre's list finds: indicators and rules.
const LIST_GIDS: [u32; 2] = [INDICATOR_GID, LISTED_RULE_GID];

pub(super) struct Outlet<'a> {
    pub(super) eve: &'a mut EveLog,
    digest: Digest,
    gate: Gate<'a>,
    /// They come after everything else of their packet, so that another list changes nobody else's place in the replay.
    hits: Vec<Alert>,
    noise: Noise,
}

/// Counts results and lets those pass that are not in the spool yet.
struct Gate<'a> {
    desk: &'a Desk,
    replay: ReplayId,
    /// Results up to here are in the spool.
    resume: Option<Cursor>,
    packet: u64,
    call: u32,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(desk: &'a Desk, eve: &'a mut EveLog, replay: ReplayId, resume: Option<Cursor>) -> Self {
        let resume = resume.filter(|cursor| cursor.replay == replay);
        let gate = Gate { desk, replay, resume, packet: 0, call: 0 };
        Self { eve, digest: Digest::new(DigestSettings::default()), gate, hits: Vec::new(), noise: Noise::default() }
    }

    /// Things seen that no observation describes: their host had too many at once.
    pub(super) fn undescribed(&self) -> u64 {
        self.digest.left_out()
    }

    /// What was counted instead of sent since the last call.
    pub(super) fn take_held_back(&mut self) -> Option<HeldBack> {
        self.noise.take_held_back()
    }

    /// What comes now is of this packet.
    pub(super) fn packet(&mut self, number: u64, at: Timestamp) {
        self.tell_hits();
        self.gate.packet = number;
        self.gate.call = 0;
        let Self { digest, gate, .. } = self;
        digest.advance(at, &mut |observation| gate.keep(&Item::Observation(observation)));
    }

    /// The capture has ended: open observations leave.
    pub(super) fn finish(&mut self) {
        let Self { digest, gate, .. } = self;
        digest.flush(&mut |observation| gate.keep(&Item::Observation(observation)));
        self.tell_hits();
    }

    /// The packet has been inspected: what it hit leaves.
    pub(super) fn tell_hits(&mut self) {
        for hit in self.hits.drain(..) {
            if self.noise.admits(&hit) {
                self.gate.keep(&Item::Alert(Box::new(hit)));
            }
        }
    }

    /// Whether everything so far was in the spool before this run.
    pub(super) fn is_catching_up(&self) -> bool {
        let now = Cursor { replay: self.gate.replay, packet: self.gate.packet, call: self.gate.call };
        self.gate.resume.is_some_and(|resume| resume.covers(&now))
    }
}

impl Gate<'_> {
    fn keep(&mut self, item: &Item) {
        let cursor = Cursor { replay: self.replay, packet: self.packet, call: self.call };
        self.call = self.call.saturating_add(1);
        if self.resume.is_some_and(|resume| resume.covers(&cursor)) {
            return;
        }
        if let Err(error) = self.desk.append(item, Some(cursor)) {
            tracing::error!(%error, "a result cannot leave and is counted as lost");
            let at = match item {
                Item::Alert(alert) => alert.at,
                Item::Observation(observation) => observation.last_at,
                Item::Health(health) => health.at,
            };
            self.desk.note_loss(LossCause::Refused, 1, at, at);
        }
    }
}

impl Sink for Outlet<'_> {
    fn record(&mut self, kind: &'static str, line: &[u8]) {
        if kind == "alert" && is_hit(line) {
            self.eve.record_aside(line);
        } else {
            self.eve.record(line);
        }
    }

    fn alert(&mut self, alert: Alert) {
        if !LIST_GIDS.contains(&alert.gid) {
            if self.noise.admits(&alert) {
                self.gate.keep(&Item::Alert(Box::new(alert)));
            }
            return;
        }
        if self.hits.len() >= HITS_HELD_MAX {
            self.tell_hits();
        }
        self.hits.push(alert);
    }

    fn observation(&mut self, observation: Observation) {
        let Self { digest, gate, .. } = self;
        digest.add(observation, &mut |observation| gate.keep(&Item::Observation(observation)));
    }
}

/// Whether an alert's record is of the centre's list. Within a text the quotes would be escaped.
fn is_hit(line: &[u8]) -> bool {
    LIST_GIDS.iter().any(|gid| {
        let mark = format!("\"gid\":{gid},");
        line.windows(mark.len()).any(|window| window == mark.as_bytes())
    })
}
