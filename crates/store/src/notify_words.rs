//! The words of notification that stand in the tables.

use crate::words::words;
use serde::{Deserialize, Serialize};

words!(
    /// What has to be told.
    MatterKind {
        /// Something that calls for people at once, or soon, stands on a hospital's page.
        Story = "story",
        /// An early warning was sent to a hospital.
        Bulletin = "bulletin",
        /// An early warning that a hospital has not answered.
        Chase = "chase",
        /// A sensor is not heard any more.
        Silence = "silence",
    }
);

words!(
    /// How far the telling of something has come.
    MatterState {
        /// Nobody has answered; the next one is told in time.
        Open = "open",
        /// Somebody has.
        Answered = "answered",
        /// It is over by itself: an analyst has it, the sensor speaks again, the warning is closed.
        Over = "over",
        /// Everybody was told as often as may be, and nobody answered.
        Unanswered = "unanswered",
    }
);

words!(
    /// How far one message has come.
    DeliveryState {
        Waiting = "waiting",
        /// Being sent; one that was being sent when the centre died is sent again.
        Sending = "sending",
        /// The channel has taken it.
        Sent = "sent",
        /// Another channel has taken it meanwhile.
        Replaced = "replaced",
        /// What it tells was answered or over before it was sent.
        Withdrawn = "withdrawn",
        /// Refused for good, or given up after a day of attempts.
        Failed = "failed",
    }
);
