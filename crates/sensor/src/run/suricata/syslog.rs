//! `phitak-sensor run --syslog ADDRESS`: EVE records that other devices send by syslog, over UDP and TCP.
//!
//! One thread receives and frames, and puts what devices on the list have sent into a bounded queue; the main thread reads the
//! records and gives alerts to the same [`Intake`] as a followed file does. Raw messages are never kept. What is not used is
//! counted by its kind, and told to the centre among the losses.

mod address;
mod door;
mod drops;
mod listeners;
mod senders;

pub(in crate::run) use address::{Address, Setup};

use super::{
    KEEP_EVERY,
    intake::{Intake, Source},
    seen::{Seen, event},
};
use crate::run::{clock, pulse::Pulse};
use anyhow::Context;
use door::Received;
use listeners::Listeners;
use phitak_engine::syslog::{Told, read};
use phitak_model::{Alert, LossCause, Timestamp};
use phitak_uplink::spool::{Cursor, Desk, ReplayId};
use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::Path,
    time::{Duration, Instant},
};

/// Between two looks at a queue in which nothing is new.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Messages that are read before anything else is done.
const TURN_MESSAGES_MAX: usize = 1_000;
/// An alert that is later than this counts as if it were not: a sensor or a relay is to last a week without its line.
const LATE_SECS_MAX: i64 = 7 * 86_400;
/// An alert from farther in the future has a wrong clock behind it, and happened now. The centre allows as much.
const AHEAD_SECS_MAX: i64 = 3_600;
/// Devices whose records come cut or damaged, and are told of, each once.
const DAMAGED_TOLD_MAX: usize = 32;
/// The file of what came before, in the data folder.
const SEEN_FILE: &str = "syslog-seen";

/// Listens until the sensor is told to stop; what has been received by then is read to its end.
///
/// # Errors
/// When an address cannot be listened at or the data folder cannot be written.
pub(in crate::run) fn listen(setup: &Setup, data: &Path, desk: &Desk, pulse: &Pulse) -> anyhow::Result<()> {
    let mut station = Station::open(data, desk, pulse)?;
    let mut listeners = Listeners::start(setup)?;
    pulse.rules(0, 0);
    for address in listeners.addresses() {
        tracing::info!(%address, "listening for EVE by syslog; from devices that are not on the list nothing is read");
    }
    let mut told_at = Instant::now();
    loop {
        let is_stopping = pulse.is_stopping();
        if is_stopping {
            listeners.stop();
        }
        let count = station.turn(&mut listeners);
        if told_at.elapsed() >= KEEP_EVERY {
            station.tell(&mut listeners);
            told_at = Instant::now();
        }
        if count > 0 {
            continue;
        }
        if is_stopping {
            break;
        }
        pulse.pause(LOOK_EVERY);
    }
    station.tell(&mut listeners);
    Ok(())
}

/// Where received messages become alerts.
struct Station<'a> {
    intake: Intake<'a>,
    seen: Seen,
    unused: Unused,
    damaged_told: BTreeSet<IpAddr>,
    /// Until here everything has been told.
    told_until: Timestamp,
}

/// What came and gave no alert, or not as it came, since it was told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unused {
    /// The same event, sent again.
    again: u64,
    damaged: u64,
    not_eve: u64,
    other_records: u64,
    /// Alerts that were taken, with another moment than they claimed.
    ahead: u64,
}

impl<'a> Station<'a> {
    fn open(data: &Path, desk: &'a Desk, pulse: &'a Pulse) -> anyhow::Result<Self> {
        let seen = Seen::open(&data.join(SEEN_FILE), desk.next_seq(), desk.cursor())
            .context("the data folder cannot be written")?;
        Ok(Self {
            intake: Intake::new(desk, pulse),
            seen,
            unused: Unused::default(),
            damaged_told: BTreeSet::new(),
            told_until: clock::now(),
        })
    }

    /// Reads what waits, up to a limit; gives how many messages that were.
    fn turn(&mut self, listeners: &mut Listeners) -> usize {
        let mut count = 0;
        while count < TURN_MESSAGES_MAX
            && let Some(received) = listeners.receive()
        {
            self.take(&received);
            count += 1;
        }
        count
    }

    fn take(&mut self, Received { bytes, from, .. }: &Received) {
        match read(bytes) {
            Told::Alert(alert) => self.alert(alert),
            Told::Stats(stats) => self.intake.stats(Source::Sender(*from), &stats),
            Told::OtherRecord => self.unused.other_records = self.unused.other_records.saturating_add(1),
            Told::Damaged => {
                self.unused.damaged = self.unused.damaged.saturating_add(1);
                if self.damaged_told.len() < DAMAGED_TOLD_MAX && self.damaged_told.insert(*from) {
                    tracing::warn!(%from, bytes = bytes.len(), "an EVE record came cut or damaged: a relay on its way may cut what is long");
                }
            }
            Told::NotEve => self.unused.not_eve = self.unused.not_eve.saturating_add(1),
        }
    }

    fn alert(&mut self, mut alert: Box<Alert>) {
        let event = event(&alert);
        if self.seen.has(&event) {
            self.unused.again = self.unused.again.saturating_add(1);
            return;
        }
        let now = clock::now();
        if alert.at > now.plus_secs(AHEAD_SECS_MAX) {
            self.unused.ahead = self.unused.ahead.saturating_add(1);
            alert.at = now;
        }
        let counted_at = counted_at(alert.at, now);
        let cursor = Cursor { replay: ReplayId(event), packet: 0, call: 0 };
        if let Some(seq) = self.intake.alert(alert, cursor, counted_at) {
            self.seen.add(event, seq);
        }
    }

    /// Tells what was not used and what was lost since the last time, and keeps what came.
    fn tell(&mut self, listeners: &mut Listeners) {
        let refused = listeners.take_refused();
        let unused = std::mem::take(&mut self.unused);
        if unused.again > 0 {
            tracing::info!(count = unused.again, "alerts came again by syslog and were taken once");
        }
        let (from, until) = (self.told_until, clock::now().max(self.told_until));
        for (cause, count) in [
            (LossCause::MessagesDropped, refused.dropped),
            (LossCause::SendersRefused, refused.strangers),
            (LossCause::RecordsUnreadable, refused.unreadable.saturating_add(unused.damaged)),
            (LossCause::MessagesNotEve, unused.not_eve),
            (LossCause::RecordsNotAlerts, unused.other_records),
            (LossCause::MomentsAhead, unused.ahead),
        ] {
            if count > 0 {
                self.intake.desk.note_loss(cause, count, from, until);
            }
        }
        self.told_until = until;
        self.intake.tell_held_back();
        self.seen.sync();
    }
}

/// Late ones count to their own minute, so that a relay may catch up; a future that somebody claims is now, and a past that is
/// too far is the farthest.
fn counted_at(claimed: Timestamp, now: Timestamp) -> Timestamp {
    claimed.clamp(now.plus_secs(-LATE_SECS_MAX), now)
}

#[cfg(test)]
mod tests;
