//! A no from the centre, in words that a person can act on, with what the sensor is to do about it.

use crate::{
    intake::{EnrolError, IntakeError},
    wire::WireError,
};
use serde::{Deserialize, Serialize};

/// Most bytes of a refusal's body.
pub const REFUSAL_BYTES_MAX: usize = 4096;

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: RefusalCode,
    pub what: String,
    /// The record at fault, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

/// Each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Damaged on its way: send the same again.
    Damaged,
    /// Send less at a time.
    TooLarge,
    /// One side is too old.
    Version,
    /// One record will never be understood: set it aside.
    NotUnderstood,
    NoCertificate,
    UnknownSensor,
    /// Other records have these numbers already: the sensor's folder is an older copy, or has been copied. Send what
    /// waits under another spool's name.
    Forked,
    /// Try again later.
    Unavailable,
    CodeWrong,
    CodeUsed,
    CodeExpired,
    /// Too many wrong codes from this address.
    SlowDown,
    NotFound,
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), seq: None }
    }
}

impl RefusalCode {
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Damaged => 400,
            Self::NoCertificate => 401,
            Self::UnknownSensor | Self::CodeWrong => 403,
            Self::NotFound => 404,
            Self::CodeUsed | Self::Forked => 409,
            Self::CodeExpired => 410,
            Self::TooLarge => 413,
            Self::NotUnderstood => 422,
            Self::Version => 426,
            Self::SlowDown => 429,
            Self::Unavailable => 503,
        }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        let code = match &error {
            WireError::BodyTooLarge | WireError::TooManyRecords => RefusalCode::TooLarge,
            WireError::Version(_) => RefusalCode::Version,
            error if error.seq().is_some() => RefusalCode::NotUnderstood,
            _ => RefusalCode::Damaged,
        };
        Self { code, seq: error.seq(), what: error.to_string() }
    }
}

impl From<IntakeError> for Refusal {
    fn from(error: IntakeError) -> Self {
        let code = match &error {
            IntakeError::Unavailable(_) => RefusalCode::Unavailable,
            IntakeError::Unknown(_) => RefusalCode::UnknownSensor,
            IntakeError::Forked => RefusalCode::Forked,
        };
        Self::new(code, error.to_string())
    }
}

impl From<EnrolError> for Refusal {
    fn from(error: EnrolError) -> Self {
        let code = match &error {
            EnrolError::Wrong => RefusalCode::CodeWrong,
            EnrolError::Used => RefusalCode::CodeUsed,
            EnrolError::Expired => RefusalCode::CodeExpired,
            EnrolError::Unavailable(_) => RefusalCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}
