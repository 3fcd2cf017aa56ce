//! A session's state, and what each segment does to it.

mod established;
mod handshake;

use super::{
    assembly::{Chunk, Memory, Overlap},
    segment::{ACK, FIN, RST, SYN, Segment},
    settings::TcpSettings,
    side::Side,
};
use crate::events::StreamEvent;
use phitak_model::Direction;

/// Most events of one packet that are kept.
pub const STREAM_EVENTS_MAX: usize = 8;

/// Stream events of one packet, by their numbers in [`crate::STREAM_EVENTS`].
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamEvents {
    numbers: [u8; STREAM_EVENTS_MAX],
    count: usize,
}

impl StreamEvents {
    pub fn raise(&mut self, event: StreamEvent) {
        if self.as_slice().contains(&event.number()) {
            return;
        }
        if let Some(slot) = self.numbers.get_mut(self.count) {
            *slot = event.number();
            self.count += 1;
        }
    }

    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.numbers.get(..self.count).unwrap_or_default()
    }
}

/// RFC 9293's states, seen from the server where the two sides differ (as EVE's `tcp.state` is).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TcpState {
    #[default]
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait1,
    FinWait2,
    TimeWait,
    LastAck,
    CloseWait,
    Closing,
    Closed,
}

impl TcpState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SynSent => "syn_sent",
            Self::SynRecv => "syn_recv",
            Self::Established => "established",
            Self::FinWait1 => "fin_wait1",
            Self::FinWait2 => "fin_wait2",
            Self::TimeWait => "time_wait",
            Self::LastAck => "last_ack",
            Self::CloseWait => "close_wait",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// What a segment came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// It fits the session; a segment that does not is no part of the stream.
    pub accepted: bool,
    /// Its payload is part of the stream.
    pub in_stream: bool,
}

/// A session's beginning.
#[derive(Debug)]
pub struct Opened {
    pub session: TcpSession,
    /// The packet came from the server: the flow has to be turned round.
    pub turned: bool,
    pub handled: Handled,
}

/// A handshake answer that differs from the first one.
#[derive(Clone, Copy, Debug)]
struct SynAck {
    seq: u32,
    ack: u32,
    window: u16,
    window_scale: Option<u8>,
    timestamp: Option<(u32, u32)>,
}

#[derive(Debug, Default)]
pub struct TcpSession {
    state: TcpState,
    /// What the client has sent, then what the server has sent.
    sides: [Side; 2],
    midstream: bool,
    /// Only one side has been seen.
    asynchronous: bool,
    /// Both sides opened (simultaneous or split handshake).
    four_way: bool,
    /// The SYN asked for fast open and carried data.
    fast_open: bool,
    reset: Option<Direction>,
    syn_acks: Vec<SynAck>,
    overlap: Overlap,
}

impl TcpSession {
    /// Begins a session with its first segment. `None` when this segment begins none.
    pub fn open(
        segment: &Segment<'_>,
        direction: Direction,
        ipv6: bool,
        settings: &TcpSettings,
        memory: &mut Memory,
        events: &mut StreamEvents,
    ) -> Option<Opened> {
        let overlap = if ipv6 { settings.overlap_ipv6 } else { settings.overlap_ipv4 };
        let mut session = Self { overlap, ..Self::default() };
        let turned = session.pick_up(segment, direction, settings, events)?;
        let direction = if turned { direction.opposite() } else { direction };
        let mut handled = Handled { accepted: true, ..Handled::default() };
        if session.state == TcpState::Established {
            handled = session.handle(segment, direction, settings, memory, events);
        } else if session.fast_open {
            // Data in a SYN stands behind it in sequence space.
            let data = Segment { seq: segment.seq.wrapping_add(1), ..*segment };
            let side = session.side_mut(direction);
            handled.in_stream = side.receive(&data, settings, overlap, memory, |event| events.raise(event));
        }
        Some(Opened { session, turned, handled })
    }

    #[must_use]
    pub fn state(&self) -> TcpState {
        self.state
    }

    /// The handshake is complete, or the session was picked up midstream.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.state >= TcpState::Established
    }

    #[must_use]
    pub fn is_midstream(&self) -> bool {
        self.midstream
    }

    /// Who reset the session.
    #[must_use]
    pub fn reset_by(&self) -> Option<Direction> {
        self.reset
    }

    /// This side has sent its FIN.
    #[must_use]
    pub fn has_finished(&self, direction: Direction) -> bool {
        self.side(direction).fin.is_some()
    }

    /// TCP flags seen from this side.
    #[must_use]
    pub fn flags(&self, direction: Direction) -> u8 {
        self.side(direction).flags
    }

    /// Bytes sent in this direction by sequence numbers.
    #[must_use]
    pub fn sequence_bytes(&self, direction: Direction) -> u64 {
        let side = self.side(direction);
        if side.seen { side.sequence_bytes() } else { 0 }
    }

    /// This direction has ended: its FIN was acknowledged, the session was reset, or its depth is reached; and nothing
    /// is left to hand on.
    #[must_use]
    pub fn has_ended(&self, direction: Direction) -> bool {
        let side = self.side(direction);
        let over = side.fin_acknowledged() || self.reset.is_some() || side.last_call;
        (over && !side.assembly.has_next(side.limit(false))) || self.is_beyond_depth(direction)
    }

    /// Everything up to the depth was handed on.
    #[must_use]
    pub fn is_beyond_depth(&self, direction: Direction) -> bool {
        let side = self.side(direction);
        side.depth_reached.is_some() && !side.assembly.has_next(side.assembly.highest())
    }

    /// Whether bytes wait in this direction that were not handed on.
    #[must_use]
    pub fn has_pending(&self, direction: Direction) -> bool {
        let side = self.side(direction);
        side.assembly.has_next(side.assembly.highest())
    }

    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.sides.iter().map(|side| side.assembly.held_bytes()).sum()
    }

    fn side(&self, direction: Direction) -> &Side {
        let [client, server] = &self.sides;
        match direction {
            Direction::ToServer => client,
            Direction::ToClient => server,
        }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side {
        let [client, server] = &mut self.sides;
        match direction {
            Direction::ToServer => client,
            Direction::ToClient => server,
        }
    }

    /// The flow was turned round: what was the client is the server.
    pub fn turn(&mut self) {
        let [client, server] = &mut self.sides;
        std::mem::swap(client, server);
        self.reset = self.reset.map(Direction::opposite);
        self.state = match self.state {
            TcpState::CloseWait => TcpState::FinWait1,
            TcpState::FinWait1 => TcpState::CloseWait,
            other => other,
        };
    }

    /// Whether this segment begins a new session on the same ports: a SYN (not the one that began this session) once the
    /// client has ended, or all is over.
    #[must_use]
    pub fn is_reused_by(&self, segment: &Segment<'_>, direction: Direction) -> bool {
        let again = direction == Direction::ToServer && segment.seq == self.side(Direction::ToServer).isn;
        let over = matches!(
            self.state,
            TcpState::None | TcpState::LastAck | TcpState::CloseWait | TcpState::Closing | TcpState::Closed
        );
        segment.opens() && over && !again
    }

    /// Follows one segment.
    pub fn handle(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        settings: &TcpSettings,
        memory: &mut Memory,
        events: &mut StreamEvents,
    ) -> Handled {
        if segment.ack != 0 && !segment.has(ACK) {
            events.raise(StreamEvent::PktBrokenAck);
        }
        if segment.has(FIN | SYN) {
            events.raise(StreamEvent::FinSyn);
        }
        let side = self.side_mut(direction);
        side.flags |= segment.flags;
        let accepted = match self.state {
            TcpState::None => false,
            TcpState::SynSent => self.in_syn_sent(segment, direction, settings, events),
            TcpState::SynRecv => self.in_syn_recv(segment, direction, settings, events),
            _ => self.in_synchronized(segment, direction, events),
        };
        let mut handled = Handled { accepted, ..Handled::default() };
        if !accepted {
            return handled;
        }
        let overlap = self.overlap;
        let side = self.side_mut(direction);
        side.seen = true;
        // What comes with a reset is a note about it and no part of the stream (RFC 9293 §3.5.3).
        if !segment.payload.is_empty() && !side.stopped && !segment.has(RST) {
            handled.in_stream = side.receive(segment, settings, overlap, memory, |event| events.raise(event));
        }
        if segment.has(RST) && self.reset.is_some() {
            for side in &mut self.sides {
                side.last_call = true;
            }
        }
        handled
    }

    /// The directions whose bytes may be handed on after a segment of `direction`, in order: an acknowledgement releases
    /// what the other side has sent; its own side's bytes wait for theirs, unless they need none.
    #[must_use]
    pub fn deliverable(&self, direction: Direction, settings: &TcpSettings) -> [Option<Direction>; 2] {
        let released = self.is_established().then(|| direction.opposite());
        let at_once = settings.inline || self.asynchronous || self.reset.is_some();
        [released, at_once.then_some(direction)]
    }

    /// The handshake's answer was not seen, and the client goes on as after one: the session is picked up on its way.
    fn goes_on_unanswered(&mut self, segment: &Segment<'_>, direction: Direction, settings: &TcpSettings) -> bool {
        let goes_on = segment.seq == self.side(direction).isn.wrapping_add(1);
        if goes_on {
            self.from_middle(segment, direction, settings);
        }
        goes_on
    }

    /// How far this direction may be read.
    fn limit(&self, direction: Direction, settings: &TcpSettings) -> u64 {
        self.side(direction).limit(settings.inline)
    }

    /// The next bytes, or the next gap, for the parser of this direction.
    pub fn next_chunk(&mut self, direction: Direction, settings: &TcpSettings) -> Option<Chunk<'_>> {
        let limit = self.limit(direction, settings);
        self.side_mut(direction).assembly.next(limit)
    }

    /// At the flow's end everything that stands in one piece is handed on, acknowledged or not.
    pub fn last_call(&mut self) {
        for side in &mut self.sides {
            side.last_call = true;
            side.closing = true;
        }
    }

    /// The raw stream of a direction from an offset on, as far as it may be inspected: where it begins, and its bytes up
    /// to the next hole. After the last call also what stands behind holes.
    #[must_use]
    pub fn window(&self, direction: Direction, from: u64, settings: &TcpSettings) -> (u64, &[u8]) {
        let side = self.side(direction);
        let assembly = &side.assembly;
        let limit =
            if side.closing { assembly.highest() } else { self.limit(direction, settings).min(assembly.delivered()) };
        assembly.window(from, limit)
    }

    /// Whether the raw stream behind `shown_to` is due for inspection: enough of it is acknowledged, or no more will come
    /// soon.
    #[must_use]
    pub fn is_raw_due(&self, direction: Direction, shown_to: u64, settings: &TcpSettings) -> bool {
        let ending =
            matches!(self.state, TcpState::LastAck | TcpState::CloseWait | TcpState::Closing | TcpState::Closed);
        let side = self.side(direction);
        if ending || settings.inline || side.closing || side.depth_reached.is_some() {
            return true;
        }
        let chunk = settings.chunk_bytes.get(direction.index()).copied().unwrap_or(0);
        side.offset(side.last_ack).saturating_sub(shown_to) >= chunk
    }

    /// How much of this direction was handed on.
    #[must_use]
    pub fn delivered(&self, direction: Direction) -> u64 {
        self.side(direction).assembly.delivered()
    }

    /// Bytes of this direction before the offset are needed no longer.
    pub fn release(&mut self, direction: Direction, upto: u64, memory: &mut Memory) {
        self.side_mut(direction).assembly.release(upto, memory);
    }

    /// This direction is followed no longer: its bytes are dropped, only its sequence numbers count.
    pub fn stop(&mut self, direction: Direction, memory: &mut Memory) {
        let side = self.side_mut(direction);
        side.stopped = true;
        side.assembly.clear(memory);
    }

    /// Gives its memory back.
    pub fn close(&mut self, memory: &mut Memory) {
        for side in &mut self.sides {
            side.assembly.clear(memory);
        }
    }

    fn set_state(&mut self, state: TcpState) {
        self.state = state;
    }
}
