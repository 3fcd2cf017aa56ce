//! One weakness at one host, from first sight to verified mend.
//!
//! ```text
//!            weak                  ทำแล้ว                proof after the claim
//!   (none) ───────▶ Open ─────────────────▶ Claimed ───────────────────────▶ Verified
//!                    │  ◀── other answer ──  │                                  │
//!                    │                       └──── weak after the claim ──┐     │ weak after claim or proof
//!                    └── proof that lasted (mended quietly) ─▶ Verified   ▼     ▼
//!                                                                        Reopened ── ทำแล้ว ─▶ Claimed
//! ```
//!
//! - **Key: host address and weakness.** The address is what the hospital's people know a machine by, what alerts name,
//!   and all that is visible behind a router, where the MAC is the router's. The MAC stays as an attribute, and guards
//!   against a borrowed address: a machine with another MAC never mends a finding quietly, only after somebody said
//!   ทำแล้ว (a replaced machine is a way to mend).
//! - **Time is the observation's.** What was seen up to the claim neither verifies nor reopens, however late it arrives.
//! - **Every service counts.** A host that is weak on two ports is mended when both are.
//! - **Open and nobody said anything:** lasting proof verifies it too, with `claimed_at` empty: mended quietly. It must last
//!   [`Proof::quiet_factor`](crate::Proof) times longer, and silence alone is not enough.
//! - **Duplicates change nothing,** whenever they come: the state is made of earliest and latest moments and sets, never of counts.
//! - **Disorder only delays:** a weak sign that comes late can lengthen the wait for proof; nothing is verified that order
//!   would not have verified.

mod observe;
mod respond;
mod trail;

pub use observe::{Change, observe, observe_all};
pub use respond::{REASON_CHARS_MAX, RespondError, respond};

use crate::label::Label;
use phitak_model::{Confidence, FindingState, Mac, Response, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use trail::{Lifeline, Trail};

/// Most traces that a finding keeps; the ones seen longest ago go first.
pub const TRACES_MAX: usize = 12;

/// Most weak ports of one host that are followed one by one.
pub const SERVICES_MAX: usize = 16;

/// The centre stores it whole (JSON) beside the columns that it searches. Only [`observe`] and [`respond`] change it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub host: IpAddr,
    /// The weakness's id in [`crate::WEAKNESSES`].
    pub weakness: String,
    /// The link address of the latest weak sighting.
    pub mac: Option<Mac>,
    pub state: FindingState,
    /// Of the surest weak sighting.
    pub confidence: Confidence,
    /// First weak sighting.
    pub first_seen: Timestamp,
    /// Latest weak sighting.
    pub last_seen: Timestamp,
    /// Port of the latest weak sighting.
    pub port: u16,
    pub traces: Vec<Trace>,
    /// The hospital's latest answer; emptied when the finding is reopened, so that it is asked again.
    pub response: Option<Response>,
    pub response_reason: Option<String>,
    pub responded_at: Option<Timestamp>,
    /// When the hospital last said ทำแล้ว; empty when it was mended quietly.
    pub claimed_at: Option<Timestamp>,
    /// The moment of the observation that completed the proof; empty unless verified.
    pub verified_at: Option<Timestamp>,
    /// What proved it; empty unless verified.
    pub proven: Option<Proven>,
    /// Since when good signs are seen on every weak service without a weak one between; empty when not so.
    pub healthy_since: Option<Timestamp>,
    /// Good signs count only after this moment: the latest answer that moved the finding.
    pub(crate) counts_from: Option<Timestamp>,
    pub(crate) trails: Vec<Trail>,
    /// A weak service beyond [`SERVICES_MAX`] is not followed, so its mend cannot be seen.
    pub(crate) untracked: bool,
    pub(crate) lifeline: Lifeline,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub label: Label,
    /// From the wire, made fit to show.
    pub value: String,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// What proved a mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proven {
    /// Every weak service was seen in safe use.
    SafeUse,
    /// At least one weak service refused connections, the others were seen in safe use.
    Refused,
    /// The host lived and worked, and nobody used the weak service.
    Unused,
}

#[cfg(test)]
mod tests;
