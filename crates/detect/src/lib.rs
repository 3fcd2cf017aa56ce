//! Rules against traffic: compiled rule groups, matchers, and what a worker and a flow remember between packets.
//!
//! [`compile`] turns parsed rules into an immutable [`Ruleset`] that workers share; each worker has a [`Detector`], each
//! flow a [`FlowState`]; [`Detector::inspect`] is called once for each packet and adds to an [`Outcome`].
//! Nothing here names a protocol: buffers and fields come from the declarations in [`Catalogue`].

mod address_index;
mod asn1;
mod base64;
mod check;
mod compile;
mod compiled;
mod dataset;
pub mod detector;
mod expiring;
mod expression;
pub mod flow_state;
mod host_bits;
mod host_memory;
pub mod indicators;
pub mod input;
mod names;
pub mod outcome;
mod prefilter;
pub mod profile;
mod program;
mod reputation;
pub mod ruleset;
mod scene;
mod threshold;
mod transform;
mod value_set;
mod zones;

pub use compile::found_by::{FoundBy, SHORT_BYTES, found_by, is_on_any_port};
pub use detector::Detector;
pub use flow_state::FlowState;
pub use host_memory::{Common, Moment, OpenAlert, Turn, TurnedAway};
pub use indicators::{FileDigests, IndicatorHit, Indicators, IndicatorsBuilder};
pub use input::{AppView, FlowView, Input, StreamView};
pub use outcome::{Detail, Effect, Match, MatchDetail, Outcome, Place, Source, StoredFile, Unlogged};
pub use reputation::Reputations;
pub use ruleset::{Catalogue, Compiled, RuleFile, RuleInfo, Ruleset, Settings, compile, vet};
