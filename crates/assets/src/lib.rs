//! From observations to hosts, weaknesses and findings, with evidence and confidence.
//!
//! The sensor uses [`Digest`] to merge what it sees many times into a few records a minute. The centre folds those
//! records into [`Host`]s and [`Finding`]s. Both look at the same registry, [`WEAKNESSES`]: one file per kind of
//! weakness, with how it is judged, what proves that it is mended, and the advice in Thai and English.
//!
//! Nothing here does I/O or reads a clock: time is the time of the packets, handed in with each observation.

pub mod digest;
pub mod finding;
pub mod host;
pub mod inventory;
pub mod label;
pub mod pace;
pub mod text;
pub mod weakness;
pub mod weaknesses;

pub use digest::{Digest, DigestSettings};
pub use finding::{Change, Finding, Proven, RespondError, Trace};
pub use host::{Host, Name, Role, Spoken};
pub use inventory::Inventory;
pub use label::Label;
pub use pace::Pace;
pub use text::Text;
pub use weakness::{Judgement, Proof, Samples, Weakness};
pub use weaknesses::{WEAKNESSES, weakness};
