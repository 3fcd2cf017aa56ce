//! The wall clock's one door in the sensor.

use phitak_model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
