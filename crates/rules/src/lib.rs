//! The Suricata 8 rule language: text in, typed and checked rules and diagnostics with places out.

pub mod diagnostic;
pub mod rule;

pub use diagnostic::Diagnostic;
pub use rule::{Action, Context, Parsed, Rule, Target, parse};
