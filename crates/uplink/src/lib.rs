//! All that crosses between a sensor and the centre: what may leave a hospital, how it waits on disk, how it travels,
//! and who may speak to whom.
//!
//! The sensor only dials out. Delivery is at-least-once on the wire and exactly-once in effect.

pub mod authority;
pub mod client;
mod clock;
pub mod code;
pub mod feed;
pub mod intake;
pub mod keys;
pub mod policy;
pub mod private_file;
pub mod refusal;
pub mod server;
pub mod spool;
pub mod wire;

pub use authority::{Authority, Enrolled, SigningRequest};
pub use code::EnrolmentCode;
pub use feed::FeedPosition;
pub use intake::{EnrolError, Intake, IntakeError};
pub use server::{BATCHES_KIB_MAX, Server, batch_kib};
pub use wire::{Ack, Batch, Item, Record, SpoolId};
