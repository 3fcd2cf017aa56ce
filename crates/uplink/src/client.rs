//! The sensor's end of the uplink: dials out, sends what waits, forgets what the centre has committed, and tries again
//! for as long as it takes.

mod enrol;
mod line;

pub use enrol::{EnrolFailure, enrol};
pub use line::LineError;

use crate::{
    authority::Enrolled,
    clock,
    feed::{FeedAsk, FeedError, FeedPosition, Keeper, PAGE_BYTES_MAX, PART_BYTES_MAX},
    keys::{KeyFolder, KeysError, PendingKey, SensorKeys},
    refusal::{Refusal, RefusalCode},
    server::{BATCH_PATH, FEED_PATH, RENEW_PATH},
    spool::{BATCH_RECORDS_MAX, Desk, Outgoing},
    wire::Ack,
};
use line::Line;
use phitak_model::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};

/// How patient the uplink is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub back_off_min: Duration,
    pub back_off_max: Duration,
    /// For one answer.
    pub answer_time_max: Duration,
    /// Between looks at the spool when nothing arrives, and at the certificate's age.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            back_off_min: Duration::from_millis(500),
            back_off_max: Duration::from_secs(30),
            answer_time_max: Duration::from_secs(60),
            idle: Duration::from_secs(1),
        }
    }
}

/// A failed renewal is tried again after this long.
const RENEW_RETRY_SECS: i64 = 3600;
/// After a list that cannot be taken, the next one is asked for after this long: what it holds is not what waits to be sent.
const FEED_RETRY_SECS: i64 = 60;
/// A trouble that lasts is told again after this long.
const TELL_AGAIN_SECS: i64 = 600;

/// The uplink's loop and what it remembers between rounds.
pub struct Uplink<'a> {
    desk: &'a Desk,
    folder: KeyFolder,
    keys: SensorKeys,
    patience: Patience,
    line: Option<Line>,
    failures: u32,
    told_at: Option<Timestamp>,
    records_max: usize,
    renewal_tried_at: Option<Timestamp>,
    keeper: Option<Arc<Keeper>>,
    /// How far the centre's list goes, as it said last.
    feed_head: FeedPosition,
    feed_failed_at: Option<Timestamp>,
    /// What one page is to have: less on a line that breaks.
    feed_bytes_max: usize,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("the centre refused: {}", .0.what)]
    Refused(Refusal),
    #[error("the spool cannot be read: {0}; check this disk")]
    Spool(#[from] std::io::Error),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl<'a> Uplink<'a> {
    /// # Errors
    /// [`KeysError`] when the sensor is not enrolled.
    pub fn new(desk: &'a Desk, folder: KeyFolder, patience: Patience) -> Result<Self, KeysError> {
        let keys = folder.load()?;
        Ok(Self {
            desk,
            folder,
            keys,
            patience,
            line: None,
            failures: 0,
            told_at: None,
            records_max: BATCH_RECORDS_MAX,
            renewal_tried_at: None,
            keeper: None,
            feed_head: FeedPosition::default(),
            feed_failed_at: None,
            feed_bytes_max: PAGE_BYTES_MAX,
        })
    }

    /// Fetches the list of indicators as well.
    #[must_use]
    pub fn keeping(mut self, keeper: Arc<Keeper>) -> Self {
        self.keeper = Some(keeper);
        self
    }

    /// Runs until `stop` is true. What waits stays in the spool.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let pause = match self.round().await {
                Ok(true) => {
                    self.recovered();
                    None
                }
                Ok(false) => Some(self.patience.idle),
                Err(trouble) => Some(self.troubled(&trouble)),
            };
            let is_idle = self.failures == 0;
            let waiting = async {
                match pause {
                    None => {}
                    Some(pause) if is_idle => {
                        tokio::select! { () = self.desk.arrived() => {}, () = sleep(pause) => {} }
                    }
                    Some(pause) => sleep(pause).await,
                }
            };
            tokio::select! {
                biased;
                stopped = stop.wait_for(|stop| *stop) => { let _ = stopped; return; }
                () = waiting => {}
            }
        }
    }

    /// Sends one batch, then fetches a page of the list if one lacks; says whether there was either.
    async fn round(&mut self) -> Result<bool, Trouble> {
        self.renew_if_due().await?;
        // What waits goes first.
        let sent = self.send_next().await?;
        Ok(self.fetch_if_lacking().await? || sent)
    }

    async fn send_next(&mut self) -> Result<bool, Trouble> {
        let Some(outgoing) = self.desk.next_batch(self.records_max)? else { return Ok(false) };
        let sent = self.send(&outgoing).await;
        if sent.is_err() {
            self.desk.lock().release();
            // A line that breaks often lets less through at a time.
            self.records_max = (outgoing.records / 2).max(1);
        }
        match sent? {
            Ok(()) => {
                self.desk.lock().acknowledge(&outgoing)?;
                self.records_max = self.records_max.saturating_mul(2).min(BATCH_RECORDS_MAX);
                Ok(true)
            }
            Err(refusal) => self.obey(&outgoing, refusal),
        }
    }

    async fn send(&mut self, outgoing: &Outgoing) -> Result<Result<(), Refusal>, Trouble> {
        let time_max = self.patience.answer_time_max;
        let answer = self.line().await?.post(BATCH_PATH, outgoing.body.clone(), time_max).await?;
        let body = match answer {
            Ok(body) => body,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let ack = Ack::decode(&body).map_err(|e| LineError::Answer(e.to_string()))?;
        if ack.spool == outgoing.spool && ack.up_to > self.desk.lock().last_seq() {
            let what = format!("the centre has records up to {}, this spool has never had so many", ack.up_to);
            return Ok(Err(Refusal::new(RefusalCode::Forked, what)));
        }
        self.feed_head = ack.feed;
        if ack.spool != outgoing.spool || ack.up_to < outgoing.last_seq {
            let what = format!("it acknowledged {}/{}, sent was up to {}", ack.spool, ack.up_to, outgoing.last_seq);
            return Err(LineError::Answer(what).into());
        }
        Ok(Ok(()))
    }

    /// One page of the list. What is wrong with the list holds up nothing that waits to be sent.
    async fn fetch_if_lacking(&mut self) -> Result<bool, Trouble> {
        let Some(keeper) = self.keeper.clone() else { return Ok(false) };
        let now = clock::now();
        let waits = self.feed_failed_at.is_some_and(|at| now.micros_since(at) < FEED_RETRY_SECS * 1_000_000);
        if waits || !keeper.differs(self.feed_head) {
            return Ok(false);
        }
        // Until it has come about: then the line may break while the page comes, and what waits goes first again.
        self.feed_failed_at = Some(now);
        let page_bytes_max = self.feed_bytes_max;
        self.feed_bytes_max = (page_bytes_max / 2).max(PART_BYTES_MAX);
        let ask = serde_json::to_vec(&FeedAsk { bytes_max: page_bytes_max, ..keeper.ask() }).unwrap_or_default();
        let (time_max, head) = (self.patience.answer_time_max, self.feed_head);
        let answer = self.line().await?.ask(FEED_PATH, ask, time_max, PAGE_BYTES_MAX).await?;
        self.feed_bytes_max = page_bytes_max.saturating_mul(2).min(PAGE_BYTES_MAX);
        let taken = match answer {
            Err(refusal) => Err(refusal.what),
            // The centre has told of more than it has: it is an older copy of itself.
            Ok(page) if page.is_empty() => Err("the centre has no more of it".to_owned()),
            // Written to the disk: not on the thread that has the connection's heartbeat.
            Ok(page) => match tokio::task::spawn_blocking(move || keeper.take(&page, head)).await {
                Ok(taken) => taken.map_err(|error: FeedError| error.to_string()),
                Err(error) => Err(error.to_string()),
            },
        };
        if let Err(reason) = taken {
            tracing::warn!(
                reason,
                "the list of indicators could not be brought up to date; the one before stays in use"
            );
            return Ok(false);
        }
        self.feed_failed_at = None;
        Ok(true)
    }

    /// Does what a refusal asks for; says whether to go on at once.
    fn obey(&mut self, outgoing: &Outgoing, refusal: Refusal) -> Result<bool, Trouble> {
        let only = (outgoing.records == 1).then_some(outgoing.first_seq);
        let at_fault = match refusal.code {
            RefusalCode::NotUnderstood => refusal.seq.or(only),
            RefusalCode::TooLarge => only,
            _ => None,
        };
        if let Some(seq) = at_fault.filter(|seq| (outgoing.first_seq..=outgoing.last_seq).contains(seq)) {
            tracing::error!(
                seq,
                what = refusal.what,
                "the centre cannot understand a record; it is set aside and counted"
            );
            self.desk.lock().set_aside(seq)?;
            return Ok(true);
        }
        self.desk.lock().release();
        if refusal.code == RefusalCode::Forked {
            tracing::error!(
                what = refusal.what,
                "this folder is an older copy of itself, or a copy of another sensor's: what waits is sent under a new name"
            );
            self.desk.lock().rename()?;
            return Ok(true);
        }
        if refusal.code == RefusalCode::TooLarge || refusal.code == RefusalCode::NotUnderstood {
            self.records_max = (outgoing.records / 2).max(1);
            return Ok(true);
        }
        Err(Trouble::Refused(refusal))
    }

    async fn line(&mut self) -> Result<&mut Line, Trouble> {
        let line = match self.line.take() {
            Some(line) if !line.is_closed() => line,
            _ => Line::dial(&self.keys).await?,
        };
        Ok(self.line.insert(line))
    }

    async fn renew_if_due(&mut self) -> Result<(), Trouble> {
        let now = clock::now();
        let tried = self.renewal_tried_at.is_some_and(|at| now.micros_since(at) < RENEW_RETRY_SECS * 1_000_000);
        if tried || !self.keys.is_renewal_due(now) || self.keys.is_expired(now) {
            return Ok(());
        }
        self.renewal_tried_at = Some(now);
        let key = PendingKey::fresh()?;
        let time_max = self.patience.answer_time_max;
        let answer = self.line().await?.post(RENEW_PATH, key.request()?, time_max).await?.map_err(Trouble::Refused)?;
        let enrolled: Enrolled = serde_json::from_slice(&answer).map_err(|e| LineError::Answer(e.to_string()))?;
        let keys = key.into_keys(&self.keys.centre, self.keys.authority.clone(), enrolled, now);
        if keys.sensor != self.keys.sensor {
            return Err(LineError::Answer(format!("a certificate for {}", keys.sensor)).into());
        }
        keys.parts().map_err(LineError::Answer)?;
        self.folder.save(&keys)?;
        tracing::info!(until = keys.not_after.iso(), "the sensor's certificate has been renewed");
        self.keys = keys;
        // The next request shows the new certificate.
        self.line = None;
        Ok(())
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            tracing::info!(centre = self.keys.centre, "sending again");
        }
        self.failures = 0;
        self.told_at = None;
    }

    /// Tells about it, not too often, and says how long to wait.
    fn troubled(&mut self, trouble: &Trouble) -> Duration {
        self.line = None;
        // Somebody may have enrolled anew meanwhile.
        if let Ok(keys) = self.folder.load() {
            self.keys = keys;
        }
        self.failures = self.failures.saturating_add(1);
        let now = clock::now();
        if self.told_at.is_none_or(|at| now.micros_since(at) > TELL_AGAIN_SECS * 1_000_000) {
            self.told_at = Some(now);
            let waiting_bytes = self.desk.waiting_bytes();
            if self.keys.is_expired(now) {
                let until = self.keys.not_after.iso();
                tracing::error!(
                    until,
                    waiting_bytes,
                    "the sensor's certificate has expired: ask the centre for a new code and enrol again"
                );
            } else {
                tracing::warn!(%trouble, waiting_bytes, "nothing can be sent now; it is kept and tried again");
            }
        } else {
            tracing::debug!(%trouble, "still nothing can be sent");
        }
        let longer = self.patience.back_off_min.saturating_mul(1 << self.failures.min(16).saturating_sub(1));
        let full = longer.min(self.patience.back_off_max);
        // Between half and all of it, so that a thousand sensors do not come back at the same moment.
        full.mul_f64(0.5 + 0.5 * rand::random::<f64>())
    }
}
