//! The life of a weakness at one host: the words; the rules stand in the inventory.

use serde::{Deserialize, Serialize};

/// Where a finding stands between "seen" and "seen to be gone".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Seen, and nobody has said that it is mended.
    Open,
    /// The hospital said ทำแล้ว; traffic has not shown it yet ("cannot tell").
    Claimed,
    /// Later traffic shows the host alive and no longer weak.
    Verified,
    /// Was claimed or verified, and traffic shows it weak again.
    Reopened,
}

/// What the hospital answered to a finding, each one a button on its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// ทำแล้ว
    Done,
    /// ต้องการความช่วยเหลือ
    NeedHelp,
    /// ไม่ใช่ของเรา
    NotOurs,
    /// ทำไม่ได้ เพราะ…
    Cannot,
}

/// How sure an observation makes us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    Low,
    Medium,
    High,
}
