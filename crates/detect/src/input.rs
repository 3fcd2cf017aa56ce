//! What the engine shows to the detector for one packet.

use phitak_model::{Direction, Timestamp, inspect::Transactions};
use phitak_packet::packet::Packet;
use std::net::IpAddr;

/// One packet with what is known about its flow at this moment. Counters include the packet itself.
pub struct Input<'a> {
    /// A real packet, or the pseudo packet of a flow's end ([`phitak_packet::packet::PacketSource::FlowEnd`]): the latter has no
    /// payload of its own and is only there so that what is left of streams and transactions is inspected.
    pub packet: &'a Packet<'a>,
    /// `None` for packets that belong to no flow (ICMP errors without one, fragments, frames without IP).
    pub flow: Option<FlowView<'a>>,
    /// Stream events that this packet raised, by number in [`crate::Catalogue::stream_events`].
    pub stream_events: &'a [u8],
    /// The packet's payload was also given to the reassembled stream (in order, in window): TCP only.
    pub payload_in_stream: bool,
}

/// The flow of a packet, in session orientation: the client is who opened it, as the engine decided (a protocol detector may
/// have turned it round).
pub struct FlowView<'a> {
    /// The way of this packet.
    pub direction: Direction,
    pub client: (IpAddr, u16),
    pub server: (IpAddr, u16),
    pub started_at: Timestamp,
    /// TCP: the handshake was seen in full (or midstream pick-up is on); UDP and others: both sides have sent.
    pub established: bool,
    /// Per direction (index 0 to server): packets and wire bytes so far.
    pub packets: [u64; 2],
    pub bytes: [u64; 2],
    /// Per direction: stream bytes that this side has sent by sequence numbers (`stream_size`). 0 but for TCP.
    pub stream_bytes: [u64; 2],
    /// The in-order stream of this packet's direction as far as it may be inspected; `None` but for TCP, and after depth or
    /// bypass.
    pub stream: Option<StreamView<'a>>,
    /// Per direction: the detected protocol, as an index into [`crate::Catalogue::protocols`].
    pub app_protocol: [Option<u16>; 2],
    /// The protocol that the flow was before it changed (STARTTLS, CONNECT), and the one that was expected but not found.
    pub app_protocol_before: Option<u16>,
    pub app_protocol_expected: Option<u16>,
    /// Per direction: protocol detection has ended, with or without success.
    pub detection_done: [bool; 2],
    /// The flow's transactions, when its protocol is parsed.
    pub app: Option<AppView<'a>>,
    /// Application events of the flow itself (such as `applayer_mismatch_protocol_both_directions`) that came with this
    /// packet, by number in [`crate::Catalogue::flow_events`].
    pub app_events: &'a [u8],
}

/// A window of one direction's in-order bytes. The engine keeps bytes from [`crate::FlowState::stream_keep_from`] on.
#[derive(Clone, Copy)]
pub struct StreamView<'a> {
    pub bytes: &'a [u8],
    /// Where `bytes` begins in the stream: bytes since the stream's start, gaps included.
    pub offset: u64,
    /// No more bytes will come in this direction.
    pub ended: bool,
}

/// The transactions of the flow's protocol. They are inspected in the packet's direction only; the other direction's turn
/// comes with its next packet, or at the flow's end, for which the engine gives one pseudo packet for each direction.
#[derive(Clone, Copy)]
pub struct AppView<'a> {
    /// Index into [`crate::Catalogue::protocols`].
    pub protocol: u16,
    pub transactions: &'a dyn Transactions,
    /// The session was fed, or ended, in the packet's direction since the last inspection of that direction.
    pub advanced: bool,
    /// No more bytes will come in the packet's direction.
    pub ended: bool,
}
