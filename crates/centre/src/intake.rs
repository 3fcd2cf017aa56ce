//! What sensors send, into the tables: the centre's side of the uplink.

use crate::{
    announce::{Announcement, News},
    centre::Centre,
    inventory,
};
use phitak_model::{Alert, Health, Observation, SensorId, Timestamp, alert::EVIDENCE_BYTES_MAX};
use phitak_store::{Ingest, StoreError, TouchedStory, sensors::Redeemed};
use phitak_uplink::{
    Ack, Batch, EnrolError, Enrolled, EnrolmentCode, Intake, IntakeError, Item, Record, SigningRequest,
};

/// How far a sensor's clock may be ahead of the centre's. A moment further on would outlive everything that is seen
/// later, so it counts as of now.
const AHEAD_SECS_MAX: i64 = 3_600;

/// The centre behind the uplink's server.
#[derive(Clone)]
pub struct CentreIntake {
    centre: Centre,
}

impl CentreIntake {
    #[must_use]
    pub fn new(centre: Centre) -> Self {
        Self { centre }
    }

    async fn take(&self, sensor: &SensorId, batch: Batch) -> Result<Ack, IntakeError> {
        let now = self.centre.clock.now();
        let silent_before = self.centre.silent_before(now);
        let (spool, last_seq) = (batch.spool, batch.last_seq());
        let begun = self.centre.store.begin_ingest(sensor, &spool.to_string(), now, silent_before).await;
        let mut ingest = begun.map_err(|error| match error {
            StoreError::NotFound => IntakeError::Unknown(sensor.clone()),
            other => unavailable(&other),
        })?;
        let (facility, region) = (ingest.facility().clone(), ingest.region());
        let up_to = ingest.committed().max(last_seq);
        let news = self.fill(&mut ingest, batch, now).await.map_err(|error| unavailable(&error))?;
        let Some(news) = news else {
            tracing::warn!(%sensor, %spool, "numbers came with other records than before: it goes on under a new name");
            return Err(IntakeError::Forked);
        };
        ingest.commit(up_to).await.map_err(|error| unavailable(&error))?;
        for news in news {
            self.centre.announcer.tell(Announcement { facility: facility.clone(), region, news });
        }
        Ok(Ack { spool, up_to })
    }

    /// Stores what is fresh; `None` when what is said to be stored is not what is stored.
    async fn fill(&self, ingest: &mut Ingest, batch: Batch, now: Timestamp) -> Result<Option<Vec<News>>, StoreError> {
        // What a spool leaves out by itself stands among the sensor's losses; only what this centre has forgotten is news.
        let forgotten = batch.acknowledged.saturating_sub(ingest.committed());
        let sorted = Sorted::of(batch, ingest.committed(), now);
        if !ingest.holds(&sorted.repeated).await? {
            return Ok(None);
        }
        if forgotten > 0 {
            tracing::warn!(facility = %ingest.facility(), forgotten, "this centre acknowledged records that it does not have any more");
            ingest.note_gap(forgotten).await?;
        }
        if sorted.ahead > 0 {
            ingest.note_clock_ahead(sorted.ahead).await?;
        }
        store(ingest, &sorted, &self.centre).await.map(Some)
    }
}

async fn store(ingest: &mut Ingest, sorted: &Sorted, centre: &Centre) -> Result<Vec<News>, StoreError> {
    let mut news: Vec<News> = Vec::new();
    for TouchedStory { id, severity, last_at } in ingest.add_alerts(&sorted.alerts).await? {
        news.push(News::Story { id, severity, last_at });
    }
    let outcome = inventory::take(ingest, &sorted.observations, centre.settings.pace).await?;
    news.extend(outcome.moved.into_iter().map(|(id, state)| News::Finding { id, state }));
    if outcome.turned_away > 0 {
        tracing::warn!(facility = %ingest.facility(), turned_away = outcome.turned_away, "no room for more hosts");
    }
    for health in &sorted.health {
        ingest.note_health(health).await?;
    }
    Ok(news)
}

/// The records of a batch, by kind, in their order.
#[derive(Default)]
struct Sorted {
    alerts: Vec<(u64, Alert)>,
    observations: Vec<Observation>,
    health: Vec<Health>,
    /// Alerts whose numbers were stored before.
    repeated: Vec<(u64, Alert)>,
    /// Fresh records whose moment lay too far ahead.
    ahead: u64,
}

impl Sorted {
    fn of(batch: Batch, committed: u64, now: Timestamp) -> Self {
        let mut sorted = Self::default();
        for Record { seq, item } in batch.records {
            match item {
                Item::Alert(alert) if seq <= committed => sorted.repeated.push((seq, *alert)),
                _ if seq <= committed => {}
                mut fresh => {
                    sorted.ahead += u64::from(hold_back(&mut fresh, now));
                    match fresh {
                        Item::Alert(alert) => sorted.alerts.push((seq, *alert)),
                        Item::Observation(observation) => sorted.observations.push(observation),
                        Item::Health(health) => sorted.health.push(health),
                    }
                }
            }
        }
        sorted
    }
}

/// Moments too far ahead become now, and evidence keeps to its length, whatever its sender thought; says whether a moment
/// was changed.
fn hold_back(item: &mut Item, now: Timestamp) -> bool {
    let latest = now.plus_secs(AHEAD_SECS_MAX);
    let mut is_changed = false;
    let mut hold = |at: &mut Timestamp| {
        if *at > latest {
            *at = now;
            is_changed = true;
        }
    };
    match item {
        Item::Alert(alert) => {
            hold(&mut alert.at);
            if let Some(evidence) = &mut alert.evidence {
                evidence.bytes.truncate(EVIDENCE_BYTES_MAX);
            }
        }
        Item::Observation(observation) => {
            hold(&mut observation.first_at);
            hold(&mut observation.last_at);
        }
        Item::Health(health) => {
            hold(&mut health.at);
            for loss in &mut health.losses {
                hold(&mut loss.from);
                hold(&mut loss.until);
            }
        }
    }
    is_changed
}

impl Intake for CentreIntake {
    async fn welcome(&self, sensor: &SensorId, serial: &str) -> Result<(), IntakeError> {
        match self.centre.store.is_welcome(sensor, serial).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(IntakeError::Unknown(sensor.clone())),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn accept(&self, sensor: &SensorId, batch: Batch) -> Result<Ack, IntakeError> {
        self.take(sensor, batch).await
    }

    async fn enrol(&self, code: &EnrolmentCode, request: &SigningRequest) -> Result<Enrolled, EnrolError> {
        let refused = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "an enrolment failed");
            EnrolError::Unavailable("the cause stands in the centre's log".to_owned())
        };
        let now = self.centre.clock.now();
        let redeemed = self.centre.store.redeem(&code.digest(), &request.key_digest(), now).await;
        let sensor = match redeemed.map_err(|error| refused(&error))? {
            Redeemed::Sensor(sensor) => sensor,
            Redeemed::Wrong => return Err(EnrolError::Wrong),
            Redeemed::Used => return Err(EnrolError::Used),
            Redeemed::Expired => return Err(EnrolError::Expired),
        };
        self.issue(&sensor, request).await.map_err(|error| refused(&error))
    }

    async fn renew(&self, sensor: &SensorId, request: &SigningRequest) -> Result<Enrolled, IntakeError> {
        self.issue(sensor, request).await.map_err(|error| {
            tracing::error!(%sensor, error, "a certificate could not be renewed");
            IntakeError::Unavailable("the cause stands in the centre's log".to_owned())
        })
    }
}

impl CentreIntake {
    /// A certificate, remembered before it is given out.
    async fn issue(&self, sensor: &SensorId, request: &SigningRequest) -> Result<Enrolled, String> {
        let now = self.centre.clock.now();
        let enrolled = self.centre.authority.issue(sensor, request, now).map_err(|error| error.to_string())?;
        self.centre
            .store
            .remember_certificate(sensor, &enrolled.serial, now, enrolled.not_after)
            .await
            .map_err(|error| error.to_string())?;
        Ok(enrolled)
    }
}

fn unavailable(error: &StoreError) -> IntakeError {
    tracing::error!(error = %chain(error), "a batch could not be stored");
    IntakeError::Unavailable("the cause stands in the centre's log".to_owned())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
