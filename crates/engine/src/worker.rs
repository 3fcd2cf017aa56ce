//! Packets to flows, streams and sessions, in the order in which they come.

mod deliver;
mod tcp;

use crate::{
    Sink,
    config::{Config, Timeouts},
    conversation::{Conversation, EndReason, Phase},
    counters::Counters,
    desk::Desk,
    engine::Costs,
    stages::Stage,
};
use phitak_detect::{Common, Indicators, Ruleset, profile::Clock};
use phitak_model::{Direction, Timestamp, Transport};
use phitak_packet::{
    Layer4, Packet,
    decode::DecoderCounters,
    flow::{Flow, FlowIndex, FlowKey, FlowTable},
    packet::ip_proto,
    tcp::{Segment, StreamEvents},
};
use std::sync::Arc;

/// A datagram of this many bytes at least is looked at by protocols.
const DATAGRAM_BYTES_MIN: usize = 1;

pub(crate) struct Worker {
    flows: FlowTable<Conversation>,
    /// Flows of workers whose counters were added.
    flows_elsewhere: u64,
    expired: Vec<Flow<Conversation>>,
    desk: Desk,
}

impl Worker {
    pub(crate) fn new(config: Config, rules: Arc<Ruleset>, common: Common) -> Self {
        let flows = FlowTable::new(config.flow.flows_max, config.flow.seed);
        Self { flows, flows_elsewhere: 0, expired: Vec::new(), desk: Desk::new(config, rules, common) }
    }

    pub(crate) fn flows_made(&self) -> u64 {
        self.flows.made().saturating_add(self.flows_elsewhere)
    }

    #[inline]
    pub(crate) fn enter(&mut self, stage: Stage) -> Stage {
        self.desk.enter(stage)
    }

    pub(crate) fn set_indicators(&mut self, set: Arc<Indicators>) {
        self.desk.set_indicators(set);
    }

    pub(crate) fn keep_profile(&mut self, clock: Clock) {
        self.desk.keep_profile(clock);
    }

    pub(crate) fn costs(&self) -> Option<Costs> {
        self.desk.costs()
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.flows_elsewhere = self.flows_elsewhere.saturating_add(other.flows_made());
        self.desk.counters.add(&other.desk.counters);
        self.desk.now = self.desk.now.max(other.desk.now);
    }

    #[inline]
    pub(crate) fn is_due(&self, at: Timestamp) -> bool {
        self.flows.is_due(at)
    }

    /// Moves time forward; flows that were idle for too long end, in the order in which they began.
    #[inline]
    pub(crate) fn advance(&mut self, at: Timestamp, sink: &mut dyn Sink) {
        self.desk.now = self.desk.now.max(at);
        if self.flows.is_due(at) {
            self.expire(at, sink);
        }
    }

    fn expire(&mut self, at: Timestamp, sink: &mut dyn Sink) {
        // It may be earlier than a moment that a wrong clock told.
        self.desk.now = at;
        self.flows.advance(at, &mut self.expired);
        self.expired.sort_by_key(|flow| flow.serial);
        for flow in self.expired.drain(..) {
            sink.ending(flow.state.born);
            self.desk.end_flow(flow, EndReason::TimedOut, sink);
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.desk.counters
    }

    pub(crate) fn packet(&mut self, packet: &Packet<'_>, sink: &mut dyn Sink) {
        self.advance(packet.at, sink);
        let found = if packet.invalid { None } else { self.flow_of(packet, sink) };
        let Some((index, src_is_high)) = found else {
            return self.desk.lone(packet, sink);
        };
        let Some(flow) = self.flows.get_mut(index) else { return };
        let mut direction = flow.direction(src_is_high);
        count(flow, packet, direction);
        self.desk.watch_ends(packet, flow, sink);
        let mut events = StreamEvents::default();
        let mut in_stream = false;
        if flow.state.phase == Phase::Bypassed {
            return;
        }
        // An ICMP error is counted with the flow that it is about, and is no part of it.
        match &packet.layer4 {
            Layer4::Tcp(tcp) => {
                let segment = Segment::new(packet, tcp);
                let taken = self.desk.segment(flow, packet, &segment, direction, &mut events, sink);
                direction = taken.direction;
                in_stream = taken.in_stream;
            }
            Layer4::Udp(_) if packet.payload.len() >= DATAGRAM_BYTES_MIN => {
                direction = self.desk.datagram(flow, packet, direction, sink);
            }
            Layer4::Icmp(icmp) if flow.key.protocol() == packet.ip.as_ref().map_or(0, |ip| ip.protocol) => {
                if let Some(slot) = flow.state.icmp.get_mut(direction.index()) {
                    slot.get_or_insert((icmp.kind, icmp.code));
                }
            }
            _ => {}
        }
        self.desk.settle_phase(flow);
        self.desk.inspect(packet, flow, direction, events.as_slice(), in_stream, sink);
        self.desk.conclude(packet, flow, sink);
        self.desk.facts(packet, flow, direction, sink);
        self.desk.let_go(flow);
        flow.timeout_secs = self.desk.timeout_secs(flow);
    }

    /// The packet's flow, made if need be, and whether its source is the key's higher end.
    fn flow_of(&mut self, packet: &Packet<'_>, sink: &mut dyn Sink) -> Option<(FlowIndex, bool)> {
        let use_vlan = self.desk.config.flow.use_vlan;
        if let Layer4::Icmp(icmp) = &packet.layer4 {
            let unreachable = icmp.kind == 3 && packet.ip.as_ref().is_some_and(|ip| ip.protocol == ip_proto::ICMP);
            if let Some(quoted) = icmp.about.as_ref().filter(|_| unreachable) {
                let (key, quoted_src_is_high) = FlowKey::quoted(quoted, packet, use_vlan);
                if let Some(index) = self.flows.find(&key) {
                    return Some((index, !quoted_src_is_high));
                }
            }
            // Errors make no flows of their own.
            if icmp.about.is_some() && packet.ip.as_ref().is_some_and(|ip| ip.protocol == ip_proto::ICMP) {
                return None;
            }
        }
        let (key, src_is_high) = FlowKey::of(packet, use_vlan)?;
        if let Some(index) = self.flows.find(&key) {
            match self.flows.get(index).map(|flow| self.ends_with(flow, packet, src_is_high)) {
                Some(None) => return Some((index, src_is_high)),
                Some(Some(reason)) => {
                    if let Some(flow) = self.flows.remove(index) {
                        self.desk.end_flow(flow, reason, sink);
                    }
                }
                None => {}
            }
        }
        if self.flows.is_full()
            && let Some(flow) = self.flows.evict()
        {
            self.desk.counters.flows_evicted += 1;
            self.desk.end_flow(flow, EndReason::Forced, sink);
        }
        let timeouts = self.desk.timeouts(key.protocol());
        let id = self.desk.flow_id(&key, packet);
        let conversation = Conversation { id, born: packet.number, ..Conversation::default() };
        let index = self.flows.insert(key, src_is_high, packet.at, timeouts.new_secs, conversation);
        Some((index, src_is_high))
    }

    /// Whether the packet belongs to a new flow, since the old one with its key is over.
    fn ends_with(&self, flow: &Flow<Conversation>, packet: &Packet<'_>, src_is_high: bool) -> Option<EndReason> {
        let idle_micros = packet.at.micros_since(flow.last_at);
        if idle_micros > i64::from(flow.timeout_secs) * 1_000_000 && flow.timeout_secs > 0 {
            return Some(EndReason::TimedOut);
        }
        let segment = Segment::new(packet, packet.tcp()?);
        let direction = flow.direction(src_is_high);
        if flow.state.begins_with_right_sum(direction, packet.checksums.layer4) {
            return Some(EndReason::Reused);
        }
        let reused = match &flow.state.tcp {
            Some(session) => session.is_reused_by(&segment, direction),
            // What came before belonged to no session that was followed.
            None => segment.opens(),
        };
        reused.then_some(EndReason::Reused)
    }

    pub(crate) fn end_flows(&mut self, sink: &mut dyn Sink) {
        for flow in self.flows.drain() {
            sink.ending(flow.state.born);
            self.desk.end_flow(flow, EndReason::Shutdown, sink);
        }
    }

    pub(crate) fn tell_counters(&mut self, decoder: &DecoderCounters, sink: &mut dyn Sink) {
        let flows = self.flows_made();
        self.desk.stats(decoder, flows, sink);
    }
}

fn count(flow: &mut Flow<Conversation>, packet: &Packet<'_>, direction: Direction) {
    flow.last_at = flow.last_at.max(packet.at);
    if let Some(packets) = flow.packets.get_mut(direction.index()) {
        *packets = packets.saturating_add(1);
    }
    if let Some(bytes) = flow.bytes.get_mut(direction.index()) {
        *bytes = bytes.saturating_add(u64::from(packet.wire_length));
    }
    let conversation = &mut flow.state;
    let (src, dst) = (packet.src_mac, packet.dst_mac);
    if conversation.macs == [None, None] {
        conversation.macs = if direction == Direction::ToServer { [src, dst] } else { [dst, src] };
    }
    conversation.saw(direction);
}

impl Desk {
    pub(crate) fn timeouts(&self, protocol: u8) -> Timeouts {
        let flow = &self.config.flow;
        match protocol {
            ip_proto::TCP => flow.tcp,
            ip_proto::UDP => flow.udp,
            ip_proto::ICMP | ip_proto::ICMPV6 => flow.icmp,
            _ => flow.other,
        }
    }

    fn timeout_secs(&self, flow: &Flow<Conversation>) -> u32 {
        let timeouts = self.timeouts(flow.key.protocol());
        match flow.state.phase {
            Phase::New => timeouts.new_secs,
            Phase::Established => timeouts.established_secs,
            Phase::Closed => timeouts.closed_secs,
            Phase::Bypassed => timeouts.bypassed_secs,
        }
    }

    /// The flow's state after a packet.
    fn settle_phase(&self, flow: &mut Flow<Conversation>) {
        let both = flow.state.seen_both();
        let phase = match &flow.state.tcp {
            Some(session) => crate::worker::tcp::phase(session.state()),
            None if flow.key.protocol() == ip_proto::TCP => Phase::New,
            None if both => Phase::Established,
            None => Phase::New,
        };
        if flow.state.phase != Phase::Bypassed {
            flow.state.phase = phase;
        }
    }

    /// One UDP payload to the flow's protocol; the packet's direction may turn out the other way round.
    fn datagram(
        &mut self,
        flow: &mut Flow<Conversation>,
        packet: &Packet<'_>,
        direction: Direction,
        sink: &mut dyn Sink,
    ) -> Direction {
        self.context.now = packet.at;
        self.take_bytes(flow, packet, direction, packet.payload, Transport::Udp, sink)
    }
}
