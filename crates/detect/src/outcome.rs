//! What inspecting a packet led to.

use crate::host_memory::OpenAlert;
use phitak_model::Direction;
use phitak_rules::{
    Action,
    condition::{ConfigScope, FileScope},
    pattern::CaptureScope,
};
use std::sync::Arc;

/// Results of one packet, in order. Cleared and reused by the caller.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rules that fired and are to be recorded, in the order in which they take effect.
    pub matches: Vec<Match>,
    /// Files that rules want kept or marked (`filestore`).
    pub stored_files: Vec<StoredFile>,
    /// What becomes of the packet and its flow; [`Effect::Nothing`] unless a pass, drop or reject rule fired.
    pub effect: Effect,
    /// A `bypass` rule fired: the flow needs no more inspection.
    pub bypass: bool,
    /// What rules kept of their matches: captured groups, and members of data sets for the alert's `context`.
    pub details: Vec<MatchDetail>,
    /// Records that a `config` rule turned off.
    pub unlogged: Vec<Unlogged>,
    /// Matches of which is not known yet whether their thresholds let them through: all have the action `alert`.
    pub open: Vec<(u32, Arc<OpenAlert>)>,
    /// Alerts that were left out because the packet had too many.
    pub overflow: u32,
}

impl Outcome {
    pub fn clear(&mut self) {
        self.matches.clear();
        self.stored_files.clear();
        self.effect = Effect::Nothing;
        self.bypass = false;
        self.details.clear();
        self.unlogged.clear();
        self.open.clear();
        self.overflow = 0;
    }
}

/// A rule that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Index for [`crate::Ruleset::rule`].
    pub rule: u32,
    /// The rule's action, or another by `detection_filter`, `rate_filter` or a pass.
    pub action: Action,
    /// The application transaction whose contents fired it.
    pub transaction: Option<u64>,
    /// Where the rule's longest content or expression was found.
    pub place: Option<Place>,
}

/// A stretch of a named buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Source,
    /// From the buffer's beginning.
    pub offset: u64,
    pub length: u32,
}

/// Where a match stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The packet's own payload.
    Payload,
    /// The reassembled stream of the packet's direction.
    Stream,
    /// A buffer of the transaction: protocol and buffer number in the catalogue, and the value of a multi-buffer.
    Buffer { protocol: u16, buffer: u8, instance: u32, direction: Direction },
    /// A header or another part of the packet.
    Header,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    #[default]
    Nothing,
    /// No alert for this packet.
    PassPacket,
    /// No more alerts for this flow.
    PassFlow,
    DropPacket,
    DropFlow,
    RejectFlow,
}

/// A detail of the match with this index in [`Outcome::matches`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchDetail {
    pub match_index: u32,
    pub detail: Detail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A group that an expression captured: for `metadata.flowvars`, `metadata.pktvars` or `alert.context`.
    Captured { scope: CaptureScope, name: Box<str>, bytes: Box<[u8]> },
    /// A member of the alert's `context`: its name, and a JSON object.
    Context { key: Box<str>, json: Box<str> },
}

/// Bytes of one captured group that are kept.
const CAPTURED_BYTES_MAX: usize = 1024;

impl Detail {
    pub(crate) fn captured(capture: &crate::expression::Capture, bytes: &[u8]) -> Self {
        let bytes = bytes.get(..CAPTURED_BYTES_MAX).unwrap_or(bytes).into();
        Self::Captured { scope: capture.scope, name: capture.name.clone(), bytes }
    }

    pub(crate) fn context(key: &str, json: &str) -> Self {
        Self::Context { key: key.into(), json: json.into() }
    }
}

/// What shall not be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlogged {
    pub scope: ConfigScope,
    pub transaction: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The transaction whose files are meant, with [`FileScope::Flow`] all of the flow's.
    pub transaction: Option<u64>,
    /// `None` for both.
    pub direction: Option<Direction>,
    pub scope: FileScope,
}
