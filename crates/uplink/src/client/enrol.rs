//! Turns a one-time code into a sensor's certificate.

use super::line::{Line, LineError};
use crate::{
    authority::{Enrolled, certificate_pem},
    clock,
    code::{CodeError, EnrolmentCode, hex},
    keys::{KeyFolder, KeysError, SensorKeys},
    refusal::Refusal,
    server::{ENROL_PATH, EnrolRequest},
};
use std::time::Duration;

const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Why a sensor was not enrolled, in words for the person at the keyboard.
#[derive(Debug, thiserror::Error)]
pub enum EnrolFailure {
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("the centre refused: {}", .0.what)]
    Refused(Refusal),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("this data folder belongs to sensor {0} already: use another folder, or remove {1} to enrol it anew")]
    Already(String, String),
}

/// Enrols with the centre at `host:port` and keeps the keys. If the answer is lost on its way, the same call may be
/// made again with the same code.
///
/// # Errors
/// [`EnrolFailure`] says what to do.
pub async fn enrol(centre: &str, code: &str, folder: &KeyFolder) -> Result<SensorKeys, EnrolFailure> {
    let code = EnrolmentCode::parse(code)?;
    match folder.load() {
        Err(KeysError::NotEnrolled(_) | KeysError::Unreadable { .. }) => {}
        Ok(keys) if keys.is_expired(clock::now()) => {}
        Ok(keys) => return Err(EnrolFailure::Already(keys.sensor.to_string(), folder.shown())),
        Err(error) => return Err(error.into()),
    }
    let key = folder.pending()?;
    let asked = EnrolRequest { code: code.to_string(), request: hex(&key.request()?) };
    let body = serde_json::to_vec(&asked).unwrap_or_default();
    let (mut line, authority) = Line::dial_with_code(centre, &code).await?;
    let answer = line.post(ENROL_PATH, body, ANSWER_TIME_MAX).await?.map_err(EnrolFailure::Refused)?;
    let enrolled: Enrolled = serde_json::from_slice(&answer).map_err(|e| LineError::Answer(e.to_string()))?;
    let keys = key.into_keys(centre, certificate_pem(&authority), enrolled, clock::now());
    keys.parts().map_err(LineError::Answer)?;
    folder.save(&keys)?;
    Ok(keys)
}
