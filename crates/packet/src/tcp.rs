//! TCP sessions followed from both sides: handshake, sequence space, end; and the streams that they carry.

pub mod assembly;
mod segment;
mod session;
mod settings;
mod side;

pub use assembly::{Assembly, Chunk, Memory};
pub use segment::Segment;
pub use session::{Handled, Opened, StreamEvents, TcpSession, TcpState};
pub use settings::{SESSION_BYTES, TcpSettings, UrgentPolicy};
