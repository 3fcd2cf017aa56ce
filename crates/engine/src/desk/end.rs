//! The ends: of a session that another protocol replaces, and of a flow.

use super::Desk;
use crate::{
    Sink,
    conversation::{Conversation, EndReason, Phase, Verdict},
};
use phitak_model::Direction::{self, ToClient, ToServer};
use phitak_packet::{
    Checksums, Ip, Layer4, Packet, PacketSource, Tcp, Udp,
    flow::Flow,
    packet::{DecoderEvents, ip_proto},
    tcp::StreamEvents,
};

/// Stretches of a stream between holes that are inspected at its end.
const STRETCHES_MAX: usize = 64;

impl Desk {
    /// Inspects and records all that the flow's session holds.
    pub(crate) fn flush_session(&mut self, flow: &mut Flow<Conversation>, packet: &Packet<'_>, sink: &mut dyn Sink) {
        if let Some(app) = &mut flow.state.app {
            app.end(ToServer, &mut self.context);
            app.end(ToClient, &mut self.context);
        }
        for direction in [ToServer, ToClient] {
            let mut pseudo = pseudo_packet(flow, direction, PacketSource::StreamFlush, packet.at);
            pseudo.number = packet.number;
            self.inspect(&pseudo, flow, direction, &[], false, sink);
        }
        self.conclude(packet, flow, sink);
    }

    /// Ends a flow that is out of the table: what is left is handed on, inspected and recorded.
    pub(crate) fn end_flow(&mut self, mut flow: Flow<Conversation>, reason: EndReason, sink: &mut dyn Sink) {
        if flow.state.phase == Phase::Bypassed {
            self.finish_bypassed(&mut flow, sink);
        } else {
            self.finish_flow(&mut flow, sink);
        }
        self.settle_alerts(&mut flow.state);
        self.flow_record(&flow, reason, sink);
        if let Some(tcp) = &mut flow.state.tcp {
            tcp.close(&mut self.memory);
            self.sessions = self.sessions.saturating_sub(1);
        }
    }

    /// What a flow had told before it was let go is recorded.
    fn finish_bypassed(&mut self, flow: &mut Flow<Conversation>, sink: &mut dyn Sink) {
        if let Some(app) = &mut flow.state.app {
            app.end(ToServer, &mut self.context);
            app.end(ToClient, &mut self.context);
        }
        let pseudo = pseudo_packet(flow, ToServer, PacketSource::FlowEnd, self.now);
        self.conclude(&pseudo, flow, sink);
    }

    fn finish_flow(&mut self, flow: &mut Flow<Conversation>, sink: &mut dyn Sink) {
        self.context.now = self.now;
        let mut events = StreamEvents::default();
        if let Some(tcp) = &mut flow.state.tcp {
            tcp.last_call();
        }
        let is_tcp = flow.state.tcp.is_some();
        for direction in [ToServer, ToClient] {
            let pseudo = pseudo_packet(flow, direction, PacketSource::FlowEnd, self.now);
            if is_tcp {
                self.deliver(flow, &pseudo, direction, &mut events, sink);
            }
            if let Some(app) = &mut flow.state.app {
                app.end(direction, &mut self.context);
            }
        }
        if self.has_uninspected(flow) {
            for direction in [ToServer, ToClient] {
                let pseudo = pseudo_packet(flow, direction, PacketSource::FlowEnd, self.now);
                self.inspect(&pseudo, flow, direction, events.as_slice(), false, sink);
                // Then what stands behind holes, stretch by stretch.
                for _ in 0..STRETCHES_MAX {
                    if !self.has_unseen(flow, direction) {
                        break;
                    }
                    self.inspect(&pseudo, flow, direction, &[], false, sink);
                }
            }
        }
        let pseudo = pseudo_packet(flow, ToServer, PacketSource::FlowEnd, self.now);
        self.conclude(&pseudo, flow, sink);
        self.facts(&pseudo, flow, ToServer, sink);
    }

    /// Whether a flow's end leaves something for the detector.
    fn has_uninspected(&self, flow: &Flow<Conversation>) -> bool {
        let conversation = &flow.state;
        let transactions = conversation.app.as_deref().and_then(|app| app.session()).is_some_and(|session| {
            let live = session.live();
            live.start < live.end
        });
        transactions || [ToServer, ToClient].into_iter().any(|way| self.has_unseen(flow, way))
    }

    /// Whether stream bytes of a direction were never shown to the detector.
    fn has_unseen(&self, flow: &Flow<Conversation>, direction: Direction) -> bool {
        let conversation = &flow.state;
        if !self.wants_stream() || conversation.verdict != Verdict::None {
            return false;
        }
        let shown_to = conversation.shown_to.get(direction.index()).copied().unwrap_or(0);
        let tcp = conversation.tcp.as_deref();
        tcp.is_some_and(|tcp| !tcp.window(direction, shown_to, &self.config.tcp).1.is_empty())
    }
}

/// A packet without bytes that stands for what is left of a flow's direction.
pub(crate) fn pseudo_packet(
    flow: &Flow<Conversation>,
    direction: Direction,
    source: PacketSource,
    at: phitak_model::Timestamp,
) -> Packet<'static> {
    let ((src, src_port), (dst, dst_port)) =
        if direction == ToServer { (flow.client(), flow.server()) } else { (flow.server(), flow.client()) };
    let vlan = flow.key.vlan();
    let protocol = flow.key.protocol();
    let layer4 = match protocol {
        ip_proto::TCP => Layer4::Tcp(Tcp {
            src_port,
            dst_port,
            seq: 0,
            ack: 0,
            flags: 0,
            window: 0,
            urgent: 0,
            timestamp: None,
            window_scale: None,
            mss: None,
            sack_permitted: false,
            fast_open: None,
            header: &[],
        }),
        ip_proto::UDP => Layer4::Udp(Udp { src_port, dst_port, header: &[] }),
        _ => Layer4::Other,
    };
    Packet {
        at,
        number: 0,
        wire_length: 0,
        frame: &[],
        src_mac: None,
        dst_mac: None,
        ether_type: 0,
        vlan,
        vlan_count: vlan.iter().take_while(|id| **id != 0).count() as u8,
        source,
        ip: Some(Ip {
            src,
            dst,
            protocol,
            ttl: 0,
            tos: 0,
            id: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            header: &[],
            payload: &[],
        }),
        layer4,
        payload: &[],
        events: DecoderEvents::default(),
        invalid: false,
        checksums: Checksums::default(),
    }
}
