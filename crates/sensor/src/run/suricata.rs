//! Alerts of a Suricata that is there already, by the same policy into the same spool: its file is followed (`--eve FILE`), or
//! it sends them (`--syslog ADDRESS`). Its other records stay where they are; its counters become this sensor's health.
//!
//! Of a file the sensor reads and nothing else: Suricata needs no change, and nothing listens.

mod follow;
mod intake;
mod place;
mod seen;
mod syslog;

pub(super) use syslog::{Address, Setup, listen};

use super::pulse::Pulse;
use anyhow::Context;
use follow::{Follower, Read};
use intake::{Intake, Source};
use phitak_engine::suricata::{Line, read};
use phitak_model::LossCause;
use phitak_uplink::spool::{Cursor, Desk};
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
    let mut intake = Intake::new(desk, pulse);
    pulse.rules(0, 0);
    tracing::info!(file = %eve.display(), "following Suricata's records; those that are no alerts stay there");
    let mut kept_at = Instant::now();
    let mut is_told = false;
    while !pulse.is_stopping() {
        let outcome = match follower.poll(&mut |read| take(&mut intake, read)) {
            Ok(outcome) => outcome,
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::error!(%error, file = %eve.display(), "Suricata's records cannot be read; tried again");
                }
                follow::Outcome::default()
            }
        };
        is_told &= outcome.lines == 0;
        note(&mut intake, &outcome);
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

/// Takes one line; says whether it was a record.
fn take(intake: &mut Intake<'_>, Read { line, end, replay }: Read<'_>) -> bool {
    match read(line) {
        Line::Alert(alert) => {
            let at = alert.at;
            // The file's own minutes: an hour that is read late is an hour.
            intake.alert(alert, Cursor { replay, packet: end, call: 0 }, at);
            true
        }
        Line::Stats(stats) => {
            intake.stats(Source::File, &stats);
            true
        }
        Line::Other => true,
        Line::Unreadable => false,
    }
}

fn note(intake: &mut Intake<'_>, outcome: &follow::Outcome) {
    let now = super::clock::now();
    if outcome.unreadable > 0 {
        intake.desk.note_loss(LossCause::RecordsUnreadable, outcome.unreadable, now, now);
    }
    intake.tell_held_back();
}

#[cfg(test)]
mod tests;
