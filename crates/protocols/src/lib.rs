//! Application protocols: stream bytes in, transactions with inspectable buffers, EVE records and facts out.
//!
//! One protocol is one file or folder: its declaration, a guess, a session. [`registry`] lists them all, one line each;
//! law tests, the rule catalogue, documentation and fuzz targets walk that list.

mod ber;
mod bittorrent;
mod bytes;
mod content;
mod dcerpc;
mod dhcp;
mod dialog;
mod dnp3;
mod dns;
mod file;
mod frames;
mod ftp;
mod http1;
mod http2;
mod imap;
mod irc;
mod krb5;
mod ldap;
mod lines;
mod magic;
mod mime;
mod modbus;
mod mqtt;
mod mssql;
mod mysql;
mod nbns;
mod nfs;
mod ntp;
mod pgsql;
mod pop3;
mod queue;
mod quic;
mod quiet;
pub mod registry;
mod rfb;
pub mod session;
mod sip;
mod smb;
mod smtp;
mod snmp;
mod ssh;
mod telnet;
mod tls;
mod websocket;
mod window;
mod xmpp;

pub use registry::REGISTRY;
pub use session::{Context, Digests, Expectation, FileEnd, FileState, Guess, Outcome, Protocol, Session, Settings};
