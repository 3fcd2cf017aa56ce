//! From the bytes of a capture to packets, flows and ordered stream bytes.
//!
//! Pure: bytes come in from the caller, time is packet time, and nothing here fails whole: damaged input gives what was
//! understood and says why not the rest.

pub mod bytes;
pub mod capture;
pub mod checksum;
pub mod decode;
pub mod defrag;
pub mod events;
pub mod filter;
pub mod flow;
pub mod lane;
pub mod link;
pub mod packet;
pub mod tcp;

pub use capture::{Capture, CaptureError, CaptureFault, Frame};
pub use decode::{Decoder, DecoderSettings};
pub use events::{DECODER_EVENTS, DecoderEvent, STREAM_EVENTS, StreamEvent};
pub use link::LinkType;
pub use packet::{Checksum, Checksums, Icmp, Ip, Layer4, Packet, PacketSource, Quoted, Tcp, Udp};
