//! Application protocols: stream bytes in, transactions with inspectable buffers, EVE records and facts out.
//!
//! One protocol is one file or folder: its declaration, a guess, a session. [`registry`] lists them all, one line each;
//! law tests, the rule catalogue, documentation and fuzz targets walk that list.

mod bytes;
mod content;
mod dcerpc;
mod dhcp;
mod dns;
mod file;
mod frames;
mod ftp;
mod http1;
mod krb5;
mod lines;
mod magic;
mod mime;
mod mssql;
mod mysql;
mod nbns;
mod nfs;
mod pgsql;
mod pop3;
mod queue;
mod quiet;
pub mod registry;
pub mod session;
mod smb;
mod smtp;
mod ssh;
mod telnet;
mod tls;
mod window;

pub use registry::REGISTRY;
pub use session::{Context, Digests, Expectation, FileEnd, FileState, Guess, Outcome, Protocol, Session, Settings};
