//! From words to bytes on a wire: frames with right checksums, TCP conversations, capture files.

pub mod frame;
pub mod link;
pub mod put;
pub mod tape;
pub mod tcp;

pub use frame::End;
pub use link::Link;
pub use put::Put;
pub use tape::Tape;
pub use tcp::{Side, Tcp};
