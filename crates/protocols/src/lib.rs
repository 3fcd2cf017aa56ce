//! Application protocols: stream bytes in, transactions with inspectable buffers, EVE records and facts out.
//!
//! One protocol is one file or folder: its declaration, a guess, a session. [`registry`] lists them all, one line each;
//! law tests, the rule catalogue, documentation and fuzz targets walk that list.

mod ber;
mod bytes;
mod dhcp;
mod dns;
mod file;
mod frames;
mod ftp;
mod http1;
mod http2;
mod ldap;
mod lines;
mod mssql;
mod mysql;
mod nbns;
mod pgsql;
mod queue;
mod quic;
mod quiet;
pub mod registry;
pub mod session;
mod sip;
mod smb;
mod smtp;
mod ssh;
mod telnet;
mod tls;
mod websocket;
mod window;

pub use registry::REGISTRY;
pub use session::{Context, Digests, FileEnd, FileState, Guess, Outcome, Protocol, Session, Settings};
