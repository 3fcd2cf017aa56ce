//! One kind of weakness: how it is judged from the wire, what proves that it is mended, and the advice.
//!
//! Kinds stand in [`crate::weaknesses`], one file each, in the registry [`crate::WEAKNESSES`].

use crate::{label::Label, text::Text};
use phitak_model::{Confidence, Observation, Severity};

/// Everything about one kind of weakness. Texts are for a hospital IT officer without security training.
#[derive(Debug)]
pub struct Weakness {
    /// Stable, lower case with underscores; stored with findings and never reused.
    pub id: &'static str,
    pub severity: Severity,
    /// First screen: what it is, in one line.
    pub title: Text,
    /// First screen: what was seen.
    pub what: Text,
    /// First screen: why it matters to patients and work.
    pub why: Text,
    /// In order; the way that costs nothing comes first.
    pub steps: &'static [Text],
    /// What can go wrong when the steps are followed.
    pub risk: Text,
    /// How to go back.
    pub undo: Text,
    /// First screen: who does it, and whether anything must be switched off.
    pub who: Text,
    /// Working time for one host, without waiting.
    pub minutes: u32,
    /// Days over which that work is spread, because some steps wait for one to pass; 1 when it is done in one go.
    pub days: u32,
    /// First screen: how everybody will know that it is mended.
    pub proof: Text,
    pub safe_until_morning: bool,
    /// Days from first sight until it should be done.
    pub due_days: u32,
    /// What an observation says about this weakness; `None` when it says nothing.
    pub judge: fn(&Observation) -> Option<Judgement>,
    /// What counts as mended.
    pub mended: Proof,
    /// Facts that prove the judge, walked by the law tests.
    pub samples: Samples,
}

/// What one observation says about one weakness. `port` is the service's port on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The weakness was seen.
    Weak { port: u16, evidence: Vec<(Label, String)>, confidence: Confidence },
    /// The same service was used the safe way; without a port it speaks for every service of this kind on the host.
    Healthy { port: Option<u16>, evidence: Vec<(Label, String)> },
    /// The host itself refused this port.
    Gone { port: u16 },
}

/// How long the good signs must last, in real seconds between the first and the last of them, with no weak sign
/// between. A single good sign never proves much: the same host may be weak towards its next visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Safe use of the service, after somebody said that it is done.
    pub healthy_span_secs: i64,
    /// The port refused, after somebody said that it is done. Not zero: a host that restarts refuses for a while too.
    pub gone_span_secs: i64,
    /// The host alive and busy while nobody used the weak service, after somebody said that it is done.
    /// `None` where silence proves nothing.
    pub unused_span_secs: Option<i64>,
    /// Without anybody's word, healthy and gone must last this many times longer; silence alone is never enough.
    pub quiet_factor: i64,
}

/// Facts as JSON, in the words of [`phitak_model::Fact`], seen at [`SAMPLE_AT`].
#[derive(Clone, Copy, Debug)]
pub struct Samples {
    pub hits: &'static [&'static str],
    pub healthy: &'static [&'static str],
    pub gone: &'static [&'static str],
    pub quiet: &'static [&'static str],
}

/// When the samples are seen; certificates in them end before or after it.
pub const SAMPLE_AT: &str = "2026-11-24T02:14:00Z";

/// One hour, in seconds.
pub(crate) const HOUR_SECS: i64 = 3_600;
/// One day, in seconds.
pub(crate) const DAY_SECS: i64 = 86_400;
