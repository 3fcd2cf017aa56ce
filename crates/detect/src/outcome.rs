//! What inspecting a packet led to.

use phitak_model::Direction;
use phitak_rules::Action;

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
}

impl Outcome {
    pub fn clear(&mut self) {
        self.matches.clear();
        self.stored_files.clear();
        self.effect = Effect::Nothing;
        self.bypass = false;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFile {
    pub transaction: Option<u64>,
    pub direction: Direction,
}
