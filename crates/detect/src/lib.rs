//! Rules against traffic: compiled rule groups, matchers, and what a worker and a flow remember between packets.
//!
//! [`compile`] turns parsed rules into an immutable [`Ruleset`] that workers share; each worker has a [`Detector`], each
//! flow a [`FlowState`]; [`Detector::inspect`] is called once for each packet and adds to an [`Outcome`].
//! Nothing here names a protocol: buffers and fields come from the declarations in [`Catalogue`].

pub mod detector;
pub mod flow_state;
pub mod input;
pub mod outcome;
pub mod ruleset;

pub use detector::Detector;
pub use flow_state::FlowState;
pub use input::{AppView, FlowView, Input, StreamView};
pub use outcome::{Effect, Match, Outcome, Place, Source, StoredFile};
pub use ruleset::{Catalogue, Compiled, RuleInfo, Ruleset, Settings, compile};
