//! `phitak-sensor run --eve FILE`: alerts of a Suricata that is there already, by the same policy into the same spool. Its other
//! records stay where they are; its counters become this sensor's health.
//!
//! The sensor reads the file and nothing else: Suricata needs no change, and nothing listens.

mod follow;
mod place;

use super::{noise::Noise, pulse::Pulse};
use anyhow::Context;
use follow::{Follower, Read};
use phitak_engine::suricata::{Line, Stats, read};
use phitak_model::{LossCause, Timestamp};
use phitak_uplink::{
    Item,
    spool::{Cursor, Desk},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Between two looks at a file in which nothing is new.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the place is kept when no alert keeps it.
const KEEP_EVERY: Duration = Duration::from_secs(2);

/// Follows until the sensor is told to stop, or to the end of what is there.
///
/// # Errors
/// When the data folder cannot be written.
pub(super) fn follow(eve: &Path, data: &Path, desk: &Desk, pulse: &Pulse, until_sent: bool) -> anyhow::Result<()> {
    let mut follower = Follower::open(eve, &data.join("eve-place.json"), desk.cursor());
    let mut intake = Intake { desk, pulse, noise: Noise::default(), dropped: None };
    pulse.rules(0, 0);
    tracing::info!(file = %eve.display(), "following Suricata's records; those that are no alerts stay there");
    let mut kept_at = Instant::now();
    let mut is_told = false;
    while !pulse.is_stopping() {
        let outcome = match follower.poll(&mut |read| intake.take(read)) {
            Ok(outcome) => outcome,
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::error!(%error, file = %eve.display(), "Suricata's records cannot be read; tried again");
                }
                follow::Outcome::default()
            }
        };
        is_told &= outcome.lines == 0;
        intake.note(&outcome);
        if outcome.is_new_file || kept_at.elapsed() >= KEEP_EVERY {
            follower.keep().context("the data folder cannot be written")?;
            kept_at = Instant::now();
        }
        if outcome.lines == 0 {
            if until_sent && !outcome.has_more {
                break;
            }
            pulse.pause(LOOK_EVERY);
        }
    }
    follower.keep().context("the data folder cannot be written")
}

/// What becomes of lines.
struct Intake<'a> {
    desk: &'a Desk,
    pulse: &'a Pulse,
    noise: Noise,
    /// The last count of packets that Suricata's capture let go, and when it was.
    dropped: Option<(u64, Timestamp)>,
}

impl Intake<'_> {
    /// Takes one line; says whether it was a record.
    fn take(&mut self, Read { line, end, replay }: Read<'_>) -> bool {
        match read(line) {
            Line::Alert(alert) => {
                if self.noise.admits(&alert) {
                    let at = alert.at;
                    let cursor = Cursor { replay, packet: end, call: 0 };
                    if let Err(error) = self.desk.append(&Item::Alert(alert), Some(cursor)) {
                        tracing::error!(%error, "an alert cannot leave and is counted as lost");
                        self.desk.note_loss(LossCause::Refused, 1, at, at);
                    }
                }
                true
            }
            Line::Stats(stats) => {
                self.stats(&stats);
                true
            }
            Line::Other => true,
            Line::Unreadable => false,
        }
    }

    fn stats(&mut self, stats: &Stats) {
        self.pulse.counted(stats.packets, stats.bytes, stats.flows, (stats.rules_loaded, stats.rules_failed));
        let (before, since) = self.dropped.unwrap_or((0, stats.at));
        // Fewer than before: Suricata has begun anew.
        let fresh = stats.dropped.checked_sub(before).unwrap_or(stats.dropped);
        self.dropped = Some((stats.dropped, stats.at));
        if fresh > 0 {
            self.desk.note_loss(LossCause::PacketsDropped, fresh, since, stats.at);
        }
    }

    fn note(&mut self, outcome: &follow::Outcome) {
        let now = super::clock::now();
        if outcome.unreadable > 0 {
            self.desk.note_loss(LossCause::RecordsUnreadable, outcome.unreadable, now, now);
        }
        if let Some(held) = self.noise.take_held_back() {
            self.desk.note_loss(LossCause::AlertsHeldBack, held.count, held.from, held.until);
        }
    }
}

#[cfg(test)]
mod tests;
