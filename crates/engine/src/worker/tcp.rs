//! A TCP segment's way through its session to the protocol parser.

use crate::{
    Sink,
    conversation::{Conversation, Phase},
    desk::Desk,
};
use phitak_model::Direction;
use phitak_packet::{
    Packet, StreamEvent,
    flow::Flow,
    tcp::{Segment, StreamEvents, TcpSession, TcpState},
};

/// What became of a segment.
pub(super) struct Taken {
    /// The packet's way, after the flow may have been turned round.
    pub direction: Direction,
    pub in_stream: bool,
}

/// EVE's `flow.state` for a session's state.
pub(super) fn phase(state: TcpState) -> Phase {
    match state {
        TcpState::None | TcpState::SynSent | TcpState::SynRecv => Phase::New,
        TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2 | TcpState::Closing | TcpState::CloseWait => {
            Phase::Established
        }
        TcpState::LastAck | TcpState::TimeWait | TcpState::Closed => Phase::Closed,
    }
}

impl Desk {
    pub(super) fn segment(
        &mut self,
        flow: &mut Flow<Conversation>,
        packet: &Packet<'_>,
        segment: &Segment<'_>,
        mut direction: Direction,
        events: &mut StreamEvents,
        sink: &mut dyn Sink,
    ) -> Taken {
        let settings = &self.config.tcp;
        if settings.checksum_validation
            && !flow.state.takes_sum(direction, packet.checksums.layer4, settings.offloading_believed)
        {
            return Taken { direction, in_stream: false };
        }
        let handled = if let Some(session) = &mut flow.state.tcp {
            session.handle(segment, direction, settings, &mut self.memory, events)
        } else {
            if self.sessions >= settings.sessions_max {
                self.counters.tcp_sessions_refused += 1;
                return Taken { direction, in_stream: false };
            }
            let ipv6 = flow.key.low().0.is_ipv6();
            let opened = TcpSession::open(segment, direction, ipv6, settings, &mut self.memory, events);
            let Some(opened) = opened else { return Taken { direction, in_stream: false } };
            if opened.turned {
                flow.turn();
                flow.state.turn();
                direction = direction.opposite();
            }
            self.counters.tcp_sessions += 1;
            self.sessions += 1;
            self.counters.tcp_midstream += u64::from(opened.session.is_midstream());
            flow.state.tcp = Some(Box::new(opened.session));
            opened.handled
        };
        self.counters.tcp_refused += u64::from(!handled.accepted);
        if !handled.accepted {
            return Taken { direction, in_stream: false };
        }
        self.context.now = packet.at;
        let ways = flow.state.tcp.as_deref().map_or([None; 2], |tcp| tcp.deliverable(direction, &self.config.tcp));
        for way in ways.into_iter().flatten() {
            if self.deliver(flow, packet, way, events, sink) {
                direction = direction.opposite();
            }
        }
        self.counters.tcp_gaps += u64::from(events.as_slice().contains(&StreamEvent::ReassemblySeqGap.number()));
        Taken { direction, in_stream: handled.in_stream }
    }
}
