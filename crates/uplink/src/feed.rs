//! What comes down to a sensor: a list of indicators and of rules, and nothing else. It is data: no command, no path, no code.
//!
//! The list is a row of *parts*, each a few lines that add or remove ([`line`]). A part carries the hash of everything up to its
//! end and the signature of the centre's own key over it, so that any beginning of the row proves itself. Parts are numbered
//! from 1 and never change; now and then the centre begins a new *generation* with what is still needed, from part 1 again.
//! A sensor takes only what follows the part that it has, or a later generation: an old list cannot be played to it again.
//!
//! ```text
//! POST /v1/indicators      {"generation":1,"part":6,"hash":"…","signature":"…"}     what the sensor has
//! 200                      {"generation":1,"part":7,"bytes":83,"at":"…","hash":"…","signature":"…"}
//!                          w⇥0⇥words…
//!                          +⇥12⇥address⇥high⇥1795000000⇥0⇥203.0.113.9
//! ```
//!
//! The sensor asks after an acknowledgement has told it that there is more ([`crate::wire::Ack::feed`]).

pub mod keeper;
pub mod line;
pub mod part;

pub use keeper::Keeper;
pub use line::Change;
pub use part::{FeedKey, Part};

use phitak_model::Timestamp;
use serde::{Deserialize, Serialize};

/// Most bytes of one part's lines.
pub const PART_BYTES_MAX: usize = 192 << 10;
/// Most bytes of one answer: some parts, one at least.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of all parts of a generation: a sensor keeps no more.
pub const LIST_BYTES_MAX: u64 = 512 << 20;
/// Most bytes of a question.
pub const ASK_BYTES_MAX: usize = 1_024;

/// How far a list goes. The default is before the first part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeedPosition {
    pub generation: u64,
    pub part: u64,
}

/// What a sensor has, with the centre's own word for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAsk {
    #[serde(flatten)]
    pub position: FeedPosition,
    /// Hexadecimal, of the last part; empty without one.
    #[serde(default)]
    pub hash: String,
    #[serde(default)]
    pub signature: String,
    /// Most bytes that the answer is to have, but for its first part: a slow line asks for less. 0 for no wish.
    #[serde(default)]
    pub bytes_max: usize,
}

/// Why a part is not taken.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("the list does not have the form of one: {0}")]
    Form(String),
    #[error("part {0:?} of the list is not signed by the centre, or was changed on its way")]
    Signature(FeedPosition),
    #[error("part {found:?} of the list does not follow {have:?}: an old list is not taken again")]
    Order { have: FeedPosition, found: FeedPosition },
    #[error("the list is larger than {LIST_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the list cannot be kept: {0}; check this disk")]
    Disk(#[from] std::io::Error),
}

impl FeedPosition {
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The part after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self { part: self.part.saturating_add(1), ..self }
    }
}

/// What a part's hash is made of, beside its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    pub position: FeedPosition,
    pub at: Timestamp,
    /// The hash of the part before; zeros before the first.
    pub before: [u8; 32],
}
