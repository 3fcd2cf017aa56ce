//! One worker of the sensor: frames in; records, alerts and observations out, on packet time.

mod alert;
mod app;
pub mod config;
mod conversation;
mod counters;
mod desk;
pub mod engine;
mod eve;
mod recognition;
pub mod sink;
mod worker;

pub use config::{Config, SetOutcome};
pub use counters::Counters;
pub use engine::{Engine, catalogue, declarations};
pub use sink::Sink;
