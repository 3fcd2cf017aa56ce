//! What sensors send, into the tables: the centre's side of the uplink.

mod delivery;
mod round;

use crate::{centre::Centre, indicator_feed, refusal::chain};
use delivery::Delivery;
use phitak_model::SensorId;
use phitak_store::{StoreError, sensors::Redeemed};
use phitak_uplink::{
    Ack, Batch, EnrolError, Enrolled, EnrolmentCode, Intake, IntakeError, SigningRequest,
    feed::{FeedAsk, FeedPosition},
};
use round::{WAITING_MAX, Waiting};
use tokio::sync::{mpsc, oneshot};

/// The centre behind the uplink's server. What arrives while one round is being stored becomes the next round.
#[derive(Clone)]
pub struct CentreIntake {
    centre: Centre,
    queue: mpsc::Sender<Waiting>,
}

impl CentreIntake {
    /// Begins to store what will come; ends when the last clone is gone.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(centre: Centre) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(round::store_all(centre.clone(), waiting));
        Self { centre, queue }
    }
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
        let (answer, answered) = oneshot::channel();
        let delivery = Delivery::of(sensor.clone(), batch, self.centre.clock.now());
        let stopping = || IntakeError::Unavailable("the centre is stopping".to_owned());
        self.queue.send(Waiting { delivery, answer }).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
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

    fn feed_head(&self) -> FeedPosition {
        self.centre.feed.head()
    }

    async fn feed_after(&self, sensor: &SensorId, ask: FeedAsk) -> Result<Vec<u8>, IntakeError> {
        indicator_feed::parts_for(&self.centre, &ask).await.map_err(|error| {
            tracing::error!(%sensor, error = %chain(&error), "the list of indicators could not be given out");
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
