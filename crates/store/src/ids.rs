//! Numbers that name rows, each of its own type.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! row_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub i64);

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }
        )+
    };
}

row_id!(
    /// An alert.
    AlertId,
    /// One signature with all its alerts.
    StoryId,
    /// A weakness at a host.
    FindingId,
    /// An account.
    UserId,
    /// An API token.
    TokenId,
    /// A one-time code for a sensor.
    EnrolmentId,
    /// An early warning.
    BulletinId,
    /// Something that has to be told to people.
    MatterId,
    /// One message of it to one person.
    DeliveryId,
    /// An incident that is handled as one.
    CaseId,
    /// A deadline of the law in a case.
    ClockId,
    /// Something to do in a case.
    TaskId,
    /// A file kept as evidence.
    EvidenceId,
    /// An indicator.
    IndicatorId,
    /// Alerts that are not shown for a time.
    SuppressionId,
    /// Stories that are handled as one.
    SelectionId,
    /// A filter of the queue with a name.
    SavedViewId,
);
