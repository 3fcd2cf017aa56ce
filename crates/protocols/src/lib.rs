//! Application protocols: stream bytes in, transactions with inspectable buffers, EVE records and facts out.
//!
//! One protocol is one file or folder: its declaration, a guess, a session. [`registry`] lists them all, one line each;
//! law tests, the rule catalogue, documentation and fuzz targets walk that list.

mod bytes;
mod dns;
mod file;
mod http1;
mod queue;
pub mod registry;
pub mod session;
mod tls;

pub use registry::REGISTRY;
pub use session::{Context, Digests, FileEnd, FileState, Guess, Outcome, Protocol, Session, Settings};
