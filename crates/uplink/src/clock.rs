//! The wall clock's one door in this crate.

use phitak_model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

#[must_use]
pub(crate) fn now() -> Timestamp {
    of(SystemTime::now())
}

#[must_use]
pub(crate) fn of(moment: SystemTime) -> Timestamp {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
