//! The vocabulary of Phitak: the nouns that every other crate speaks in.
//!
//! Nothing here does I/O, reads a clock or draws a random number; a type whose value has rules has a checked
//! constructor and private fields.

pub mod alert;
pub mod decimal;
pub mod direction;
pub mod fact;
pub mod finding;
pub mod health;
pub mod ids;
pub mod indicator;
pub mod inspect;
pub mod json;
pub mod listed_rule;
pub mod network;
pub mod severity;
pub mod thai;
pub mod time;

pub use alert::{Alert, Evidence};
pub use direction::{Direction, Transport};
pub use fact::{Database, Fact, Mac, Observation, TlsVersion};
pub use finding::{Confidence, FindingState, Response};
pub use health::{ActiveIndicators, ActiveRules, Health, Loss, LossCause, RefusedRule};
pub use ids::{FacilityCode, HealthRegion, IdError, SensorId};
pub use indicator::{Indicator, IndicatorKind, IndicatorValue};
pub use listed_rule::ListedRule;
pub use network::Network;
pub use severity::Severity;
pub use time::{TimeError, Timestamp};
