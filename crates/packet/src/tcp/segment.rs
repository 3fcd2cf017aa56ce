//! A TCP segment as the session sees it.

use crate::packet::{Packet, Tcp};
use phitak_model::Timestamp;

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;
pub(crate) const URG: u8 = 32;

#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub at: Timestamp,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    pub urgent: u16,
    pub timestamp: Option<(u32, u32)>,
    pub window_scale: Option<u8>,
    pub sack_permitted: bool,
    pub fast_open: bool,
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    #[must_use]
    pub fn new(packet: &Packet<'a>, tcp: &Tcp<'a>) -> Self {
        Self {
            at: packet.at,
            seq: tcp.seq,
            ack: tcp.ack,
            flags: tcp.flags,
            window: tcp.window,
            urgent: tcp.urgent,
            timestamp: tcp.timestamp,
            window_scale: tcp.window_scale,
            sack_permitted: tcp.sack_permitted,
            fast_open: tcp.fast_open.is_some(),
            payload: packet.payload,
        }
    }

    /// A SYN and nothing else that matters.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.flags & (SYN | ACK | RST | FIN) == SYN
    }

    pub(super) fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    pub(super) fn length(&self) -> u32 {
        // A payload never exceeds an IP datagram.
        self.payload.len() as u32
    }

    /// One past the last sequence number of its data.
    pub(super) fn data_end(&self) -> u32 {
        self.seq.wrapping_add(self.length())
    }
}

/// Sequence numbers in RFC 1982's order.
pub(super) fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

pub(super) fn at_or_before(a: u32, b: u32) -> bool {
    !before(b, a)
}
