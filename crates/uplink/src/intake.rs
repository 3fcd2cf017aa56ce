//! What a centre must be able to do for [`crate::server`]: take batches, redeem enrolment codes, renew certificates,
//! and turn a revoked sensor away.
//!
//! The rules that make delivery exactly once in effect: [`Intake::accept`] stores a batch's fresh records and the last
//! number of its spool in one transaction, and answers only after the commit; records up to that last number are
//! ignored and acknowledged again, unless they are found to be other records ([`IntakeError::Forked`]).

use crate::{
    authority::{Enrolled, SigningRequest},
    code::EnrolmentCode,
    feed::{FeedAsk, FeedPosition},
    wire::{Ack, Batch},
};
use phitak_model::SensorId;
use std::future::Future;

/// The centre, as the uplink's server sees it.
pub trait Intake: Send + Sync + 'static {
    /// Whether this sensor, with the certificate of this serial number (hexadecimal), may speak at all. Asked before each
    /// request, so that a revocation holds at once, on open connections too.
    fn welcome(&self, sensor: &SensorId, serial: &str) -> impl Future<Output = Result<(), IntakeError>> + Send;

    /// Commits the batch's records after the spool's last committed number, and that number, in one transaction.
    fn accept(&self, sensor: &SensorId, batch: Batch) -> impl Future<Output = Result<Ack, IntakeError>> + Send;

    /// Redeems a one-time code. The same code with the same key ([`SigningRequest::key_digest`]) gives the same sensor
    /// again until the code expires: the first answer may have been lost on its way.
    fn enrol(
        &self,
        code: &EnrolmentCode,
        request: &SigningRequest,
    ) -> impl Future<Output = Result<Enrolled, EnrolError>> + Send;

    /// Gives a sensor that is still welcome its next certificate.
    fn renew(
        &self,
        sensor: &SensorId,
        request: &SigningRequest,
    ) -> impl Future<Output = Result<Enrolled, IntakeError>> + Send;

    /// How far the list of indicators goes: told with each acknowledgement, so it is to be at hand.
    fn feed_head(&self) -> FeedPosition {
        FeedPosition::default()
    }

    /// The encoded parts that follow what a sensor has, at most [`PAGE_BYTES_MAX`](crate::feed::PAGE_BYTES_MAX) bytes; none
    /// when there are none.
    fn feed_after(&self, sensor: &SensorId, ask: FeedAsk) -> impl Future<Output = Result<Vec<u8>, IntakeError>> + Send {
        let _ = (sensor, ask);
        std::future::ready(Ok(Vec::new()))
    }
}

/// Why the centre did not take something from a sensor.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The sensor keeps everything and asks again later.
    #[error("the centre cannot take it now: {0}")]
    Unavailable(String),
    /// The sensor's certificate was revoked or its facility removed.
    #[error("the centre no longer knows sensor {0}: ask the centre for a new enrolment code")]
    Unknown(SensorId),
    /// Numbers were used twice. The sensor then goes on under another spool's name, and nothing is lost.
    #[error("these numbers belong to other records: the sensor's folder is an older copy or has been copied")]
    Forked,
}

/// Why a code gave no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    #[error("the centre never gave out this code: check each group of letters, or ask the centre for a new one")]
    Wrong,
    #[error("this code has been used by another sensor: ask the centre for a new one")]
    Used,
    #[error("this code has expired: ask the centre for a new one")]
    Expired,
    #[error("the centre cannot enrol now: {0}")]
    Unavailable(String),
}
