//! One worker of the sensor: frames in; records, alerts and observations out, on packet time.

mod alert;
mod app;
pub mod config;
mod conversation;
mod counters;
mod desk;
pub mod engine;
mod eve;
mod expectations;
mod recognition;
pub mod rule_list;
pub mod rules;
pub mod sink;
mod stages;
pub mod suricata;
pub mod syslog;
mod watch;
mod worker;

pub use config::{Config, SetOutcome};
pub use counters::Counters;
pub use engine::{Costs, Engine, catalogue, declarations};
pub use rules::{Companions, Loaded, Loader, load};
pub use sink::Sink;

// What programs need of the layers below, so that they need not know them.
pub use phitak_detect::{
    Common, FileDigests, IndicatorHit, Indicators, IndicatorsBuilder, Moment, OpenAlert, RuleFile, Ruleset, Turn,
    profile::Cost,
};
pub use phitak_packet::{Capture, CaptureError, CaptureFault, Frame, LinkType, filter::Filter, lane::lane};
pub use phitak_rules::{Diagnostic, Parsed};
