//! One packet before the detector, and what its findings lead to.

use super::{Desk, listed::Listed};
use crate::{
    Sink,
    app::AppLayer,
    conversation::{Conversation, Phase, Verdict},
    stages::Stage,
};
use phitak_detect::{AppView, Effect, FlowView, Input, StreamView};
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    inspect::Transactions,
};
use phitak_packet::{
    Packet, PacketSource,
    flow::Flow,
    tcp::{TcpSession, TcpSettings},
};
use phitak_rules::condition::ConfigScope;

/// Bytes of a stream that are kept for the detector behind what it has seen.
const STREAM_KEPT_BYTES_MAX: u64 = 256 * 1024;

impl Desk {
    /// A packet that belongs to no flow.
    pub(crate) fn lone(&mut self, packet: &Packet<'_>, sink: &mut dyn Sink) {
        let input = Input { packet, flow: None, stream_events: &[], payload_in_stream: false };
        self.outcome.clear();
        if self.has_rules() {
            let before = self.enter(Stage::Detection);
            if !self.rules.is_empty() {
                self.detector.inspect(&input, None, &mut self.outcome);
            }
            if !is_passed(self.outcome.effect) {
                self.inspect_listed_alone(&input);
            }
            self.enter(before);
            self.alert(packet, None, sink);
        }
        self.packet_anomalies(packet, None, &[], sink);
        self.lone_facts(packet, sink);
    }

    pub(crate) fn inspect(
        &mut self,
        packet: &Packet<'_>,
        flow: &mut Flow<Conversation>,
        direction: Direction,
        stream_events: &[u8],
        payload_in_stream: bool,
        sink: &mut dyn Sink,
    ) {
        self.outcome.clear();
        if let Some(app) = flow.state.app.as_deref_mut().filter(|app| app.stirred) {
            app.collect_files();
        }
        if flow.state.verdict == Verdict::None && self.has_rules() {
            let before = self.enter(Stage::Detection);
            self.detect(packet, flow, direction, stream_events, payload_in_stream);
            self.enter(before);
        }
        self.alert(packet, Some((flow, direction)), sink);
        self.packet_anomalies(packet, Some((flow, direction)), stream_events, sink);
        self.silence(flow);
        match self.outcome.effect {
            Effect::PassFlow => flow.state.verdict = Verdict::Pass,
            Effect::DropFlow | Effect::RejectFlow => flow.state.verdict = Verdict::Drop,
            Effect::Nothing | Effect::PassPacket | Effect::DropPacket => {}
        }
        if let Some(app) = &mut flow.state.app {
            if let Some(advanced) = app.advanced.get_mut(direction.index()) {
                *advanced = false;
            }
            app.events.clear();
        }
        self.release_stream(flow, direction);
        if self.outcome.bypass && packet.source == PacketSource::Wire {
            self.bypass(flow);
        }
    }

    /// What is encrypted is not looked into any more, and let go in whole when the protocol's settings say so.
    pub(crate) fn let_go(&mut self, flow: &mut Flow<Conversation>) {
        let Conversation { app: Some(app), payload_done, .. } = &mut flow.state else { return };
        let done = [app.is_let_go(ToServer), app.is_let_go(ToClient)];
        if done == [false, false] || done == *payload_done {
            return;
        }
        let handling = app.protocol().and_then(|number| self.candidates.get(number)).and_then(|protocol| {
            let name = format!("app-layer.protocols.{}.encryption-handling", protocol.decl.name);
            self.config.protocols.get(&name).map(str::to_owned)
        });
        match handling.as_deref() {
            Some("full") => {}
            Some("bypass") if done == [true, true] => {
                *payload_done = done;
                self.bypass(flow);
            }
            _ => *payload_done = done,
        }
    }

    /// Shows the detector the packet and its flow.
    fn detect(
        &mut self,
        packet: &Packet<'_>,
        flow: &mut Flow<Conversation>,
        direction: Direction,
        stream_events: &[u8],
        payload_in_stream: bool,
    ) {
        let (client, server) = (flow.client(), flow.server());
        let is_tcp = flow.key.protocol() == phitak_packet::packet::ip_proto::TCP;
        let Flow { started_at, packets, bytes, state, .. } = flow;
        let seen_both = state.seen_both();
        let Conversation { detect, listed: listed_state, tcp, app, payload_done, shown_to, .. } = state;
        // The list looks at what it has not seen yet, which need not be what the sensor's own rules have not.
        let listed = Listed::beside(&mut self.listed, listed_state, *shown_to);
        let payload_done = payload_done.get(direction.index()).copied().unwrap_or(false);
        let Some(shown_to) = shown_to.get_mut(direction.index()) else { return };
        let is_pseudo = matches!(packet.source, PacketSource::StreamFlush | PacketSource::FlowEnd);
        let raw_due = app.as_deref_mut().and_then(|app| app.raw_due.get_mut(direction.index()));
        let asked_for = is_pseudo || raw_due.as_deref().is_some_and(|due| *due);
        let is_due = |tcp: &TcpSession| asked_for || tcp.is_raw_due(direction, *shown_to, &self.config.tcp);
        let tcp = tcp.as_deref();
        let is_shown = tcp.is_some_and(|tcp| !payload_done && is_due(tcp));
        if let Some(due) = raw_due.filter(|_| is_shown) {
            *due = false;
        }
        let app = app.as_deref();
        let stream = tcp
            .filter(|_| is_shown)
            .map(|tcp| stream_view(tcp, direction, detect.stream_keep_from(direction), *shown_to, &self.config.tcp));
        let listed_stream = listed.as_ref().zip(tcp.filter(|_| is_shown)).map(|((_, state), tcp)| {
            stream_view(tcp, direction, state.stream_keep_from(direction), *shown_to, &self.config.tcp)
        });
        for stream in stream.iter().chain(&listed_stream) {
            *shown_to = stream.offset.saturating_add(stream.bytes.len() as u64).max(*shown_to);
        }
        let view = FlowView {
            direction,
            client,
            server,
            started_at: *started_at,
            established: match tcp {
                Some(tcp) => tcp.is_established(),
                None => !is_tcp && seen_both,
            },
            packets: *packets,
            bytes: *bytes,
            stream_bytes: tcp.map_or([0; 2], |tcp| [tcp.sequence_bytes(ToServer), tcp.sequence_bytes(ToClient)]),
            stream,
            app_protocol: app.map_or([None; 2], |app| [app.protocol_of(ToServer), app.protocol_of(ToClient)]),
            app_protocol_before: app.and_then(|app| app.before),
            app_protocol_expected: app.and_then(|app| app.expected),
            detection_done: app.map_or([false; 2], |app| [app.is_settled(ToServer), app.is_settled(ToClient)]),
            app: app.and_then(|app| app_view(app, direction)),
            app_events: app.map_or(&[], |app| &app.events),
        };
        let mut input = Input { packet, flow: Some(view), stream_events, payload_in_stream };
        if !self.rules.is_empty() {
            self.detector.inspect(&input, Some(detect), &mut self.outcome);
        }
        if let Some((listed, state)) = listed.filter(|_| !is_passed(self.outcome.effect)) {
            if let Some(view) = &mut input.flow {
                view.stream = listed_stream;
            }
            listed.inspect(&input, Some(state));
        }
    }

    /// Takes note of records that `config` rules turned off.
    fn silence(&mut self, flow: &mut Flow<Conversation>) {
        for unlogged in &self.outcome.unlogged {
            match (unlogged.scope, unlogged.transaction) {
                (ConfigScope::Transaction, Some(id)) => {
                    let entry = flow.state.app.as_deref_mut().and_then(|app| app.ledger.entry(id));
                    if let Some(entry) = entry {
                        entry.recorded = true;
                    }
                }
                (ConfigScope::Flow, _) => flow.state.unrecorded = true,
                (ConfigScope::Transaction | ConfigScope::Packet, _) => {}
            }
        }
    }

    /// Lets go of stream bytes that nobody wants any more.
    fn release_stream(&mut self, flow: &mut Flow<Conversation>, direction: Direction) {
        let conversation = &mut flow.state;
        let Some(tcp) = &conversation.tcp else { return };
        let delivered = tcp.delivered(direction);
        let payload_done = conversation.payload_done.get(direction.index()).copied().unwrap_or(false);
        let wanted = self.wants_stream() && conversation.verdict == Verdict::None && !payload_done;
        let mut keep = delivered;
        if wanted {
            let shown_to = conversation.shown_to.get(direction.index()).copied().unwrap_or(0);
            // A detector that falls far behind does not hold a stream's memory.
            let needed = self.stream_keep_from(conversation, direction, shown_to);
            keep = needed.max(shown_to.saturating_sub(STREAM_KEPT_BYTES_MAX));
        }
        let Some(tcp) = &mut conversation.tcp else { return };
        tcp.release(direction, keep, &mut self.memory);
    }

    /// The flow is only counted from now on.
    pub(crate) fn bypass(&mut self, flow: &mut Flow<Conversation>) {
        flow.state.phase = Phase::Bypassed;
        if let Some(tcp) = &mut flow.state.tcp {
            tcp.close(&mut self.memory);
        }
    }
}

/// Whether the sensor's own rules let a packet, or its flow, go.
pub(super) fn is_passed(effect: Effect) -> bool {
    matches!(effect, Effect::PassPacket | Effect::PassFlow)
}

/// The stream from the first byte on that a match may still begin at.
fn stream_view<'t>(
    tcp: &'t TcpSession,
    direction: Direction,
    keep_from: u64,
    shown_to: u64,
    settings: &TcpSettings,
) -> StreamView<'t> {
    let (mut offset, mut bytes) = tcp.window(direction, keep_from, settings);
    // What stands before a hole was shown in whole: on to what stands behind it.
    if offset.saturating_add(bytes.len() as u64) <= shown_to {
        let (next, behind) = tcp.window(direction, shown_to, settings);
        if !behind.is_empty() {
            (offset, bytes) = (next, behind);
        }
    }
    StreamView { bytes, offset, ended: tcp.has_ended(direction) }
}

fn app_view(app: &AppLayer, direction: Direction) -> Option<AppView<'_>> {
    let session = app.session().filter(|_| app.is_inspected(direction))?;
    let transactions: &dyn Transactions = session;
    Some(AppView {
        protocol: app.protocol()?,
        transactions,
        advanced: app.advanced.get(direction.index()).copied().unwrap_or(false),
        ended: app.is_ended(direction),
    })
}
