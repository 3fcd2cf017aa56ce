//! How a sensor is, and what it could not see: every gap is counted, none is silent.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A sensor's report about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    pub at: Timestamp,
    pub version: String,
    pub packets: u64,
    pub bytes: u64,
    pub flows: u64,
    pub rules_loaded: u32,
    pub rules_failed: u32,
    /// Bytes waiting in the spool.
    pub spool_bytes: u64,
    pub losses: Vec<Loss>,
    /// The list of indicators in use; none before the first has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicators: Option<ActiveIndicators>,
    /// The rules of the same list that are in force; none before the list was looked through for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_list: Option<ActiveRules>,
}

/// Most refused rules that a report names; all are counted.
pub const REFUSED_RULES_MAX: usize = 32;

/// Rules of the centre's list that the next packet meets, and those that this sensor does not take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRules {
    pub entries: u64,
    pub refused_count: u64,
    /// The first of them, at most [`REFUSED_RULES_MAX`].
    pub refused: Vec<RefusedRule>,
}

/// A rule of the list that a sensor does not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRule {
    pub sid: u32,
    pub why: String,
}

/// The list of indicators that the next packet meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveIndicators {
    pub generation: u64,
    pub part: u64,
    pub entries: u64,
}

/// Something that was not seen or not kept, with its span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    pub cause: LossCause,
    pub count: u64,
    pub from: Timestamp,
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// A frame that the capture file held only in part or not at all.
    CaptureDamaged,
    /// The spool was full, and the oldest observations went.
    SpoolFull,
    /// A spool segment failed its checksum and was set aside.
    SpoolDamaged,
    /// The flow table was full.
    FlowTableFull,
    /// A host did more different things at once than a sensor describes (a scan), and the rest was left out.
    InventoryFull,
    /// The disk refused records of the hospital's own.
    RecordsLost,
    /// The centre could not understand a record, and it was set aside.
    Refused,
    /// The capture of another program, whose records this sensor reads, let packets go.
    PacketsDropped,
    /// Records of another program that could not be read, or were gone before they were.
    RecordsUnreadable,
    /// A rule fired so often that the rest of a minute's alerts was counted and stays at the hospital.
    AlertsHeldBack,
    /// Messages of another device came faster than this sensor takes them, or by more connections.
    MessagesDropped,
    /// Messages or connections of a device that is not on the list of those that may send.
    SendersRefused,
    /// Messages of another device that were no EVE: it was told to send too much.
    MessagesNotEve,
    /// EVE records of another device that are no alerts: they stay there, and were not needed here.
    RecordsNotAlerts,
    /// Alerts of another device whose moment lay in the future: its clock is fast, and they count as of when they came.
    MomentsAhead,
}
