//! The flow table: one entry for each conversation, found by its ends in either order.
//!
//! Time is packet time. Entries leave on their time-out, when the table is full (the least active of a few candidates
//! goes, short-lived ones first), or at the end. What a flow means to its owner is the type parameter's business.

mod key;
mod share;
mod table;
mod wheel;

pub use key::FlowKey;
pub use table::{FLOWS_MAX_DEFAULT, Flow, FlowIndex, FlowTable};
pub use wheel::is_wrong;
