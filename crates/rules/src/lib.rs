//! The Suricata 8 rule language: text in, typed and checked rules and diagnostics with places out.
//!
//! [`parse`] reads a rules file. What the rules refer to outside themselves (variables, classes, declared buffers) is in
//! [`Context`]. Whether this engine can show a buffer or field to a rule is decided later, when rules are compiled.

pub mod address;
pub mod asn1;
pub mod buffer;
mod builder;
pub mod bytes;
pub mod class;
pub mod condition;
pub mod content;
pub mod context;
pub mod dataset;
mod date;
pub mod diagnostic;
pub mod entropy;
mod field;
mod field_test;
mod flow;
mod head;
mod keyword;
mod lines;
pub mod number;
mod option;
mod pack;
mod packet;
pub mod pairs;
pub mod parse;
pub mod pattern;
pub mod port;
pub mod ranges;
pub mod requires;
pub mod rule;
mod text;
pub mod threshold;
mod transform;
pub mod variables;

pub use address::Addresses;
pub use class::{Class, Classes, References};
pub use context::Context;
pub use diagnostic::Diagnostic;
pub use head::protocol_family;
pub use number::NumberTest;
pub use option::NOT_UTF8;
pub use pack::{PackError, pack, unpack};
pub use pairs::Pairs;
pub use parse::{Parsed, Piece, parse, parse_piece, pieces};
pub use port::Ports;
pub use requires::SURICATA_VERSION;
pub use rule::{Action, Arrow, Meta, Placed, Rule, RuleProtocol, Section, Target, Test};
pub use threshold::{ThresholdLine, ThresholdRule};
pub use variables::Variables;
