//! From the bytes of a capture to packets, flows and ordered stream bytes.
//!
//! Pure: bytes come in from the caller, time is packet time, and nothing here fails whole: damaged input gives what was
//! understood and says why not the rest.

pub mod packet;

pub use packet::{Icmp, Layer4, Packet, Tcp, Udp};
