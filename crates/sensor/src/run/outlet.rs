//! Where the engine's results go: records to the hospital's own files, alerts and merged observations to the spool, each
//! with its place in the replay, so that what a killed replay had spooled is not spooled again.

use super::eve::EveLog;
use phitak_assets::{Digest, DigestSettings};
use phitak_engine::Sink;
use phitak_model::{Alert, LossCause, Observation, Timestamp};
use phitak_uplink::{
    Item,
    spool::{Cursor, Desk, ReplayId},
};

pub(super) struct Outlet<'a> {
    pub(super) eve: &'a mut EveLog,
    digest: Digest,
    gate: Gate<'a>,
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
        Self { eve, digest: Digest::new(DigestSettings::default()), gate }
    }

    /// Things seen that no observation describes: their host had too many at once.
    pub(super) fn undescribed(&self) -> u64 {
        self.digest.left_out()
    }

    /// What comes now is of this packet.
    pub(super) fn packet(&mut self, number: u64, at: Timestamp) {
        self.gate.packet = number;
        self.gate.call = 0;
        let Self { digest, gate, .. } = self;
        digest.advance(at, &mut |observation| gate.keep(&Item::Observation(observation)));
    }

    /// The capture has ended: open observations leave.
    pub(super) fn finish(&mut self) {
        let Self { digest, gate, .. } = self;
        digest.flush(&mut |observation| gate.keep(&Item::Observation(observation)));
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
    fn record(&mut self, _kind: &'static str, line: &[u8]) {
        self.eve.record(line);
    }

    fn alert(&mut self, alert: Alert) {
        self.gate.keep(&Item::Alert(Box::new(alert)));
    }

    fn observation(&mut self, observation: Observation) {
        let Self { digest, gate, .. } = self;
        digest.add(observation, &mut |observation| gate.keep(&Item::Observation(observation)));
    }
}
