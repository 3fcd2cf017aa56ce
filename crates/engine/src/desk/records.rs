//! When records are written; how they look is [`crate::eve`]'s business.

use super::{Desk, hits::Sighting};
use crate::{
    Sink,
    conversation::{Conversation, EndReason, Verdict},
    eve::AlertParts,
    stages::Stage,
};
use phitak_detect::{Detail, Match};
use phitak_model::Direction::{self, ToClient, ToServer};
use phitak_packet::{DECODER_EVENTS, Packet, STREAM_EVENTS, decode::DecoderCounters, flow::Flow};
use std::sync::Arc;

/// Alerts of one flow that are open at once.
const OPEN_ALERTS_MAX: usize = 64;

impl Desk {
    /// Records the rules that fired on this packet.
    pub(crate) fn alert(
        &mut self,
        packet: &Packet<'_>,
        mut flow: Option<(&mut Flow<Conversation>, Direction)>,
        sink: &mut dyn Sink,
    ) {
        if self.outcome.matches.is_empty() {
            return;
        }
        let matches: Vec<Match> = self.outcome.matches.clone();
        if let Some((flow, _)) = &mut flow {
            self.note_alerts(&mut flow.state);
        }
        let flow = flow.as_ref().map(|(flow, direction)| (&**flow, *direction));
        for (index, found) in (0_u32..).zip(matches) {
            let Some(rule) = self.rules.rule(found.rule) else { continue };
            match self.outcome.open.iter().find(|(open, _)| *open == index) {
                // It is counted when it is settled.
                Some((_, alert)) => sink.open(Arc::clone(alert)),
                None => self.counters.alerts += 1,
            }
            let details = self.outcome.details.iter().filter(|detail| detail.match_index == index);
            let details: Vec<&Detail> = details.map(|detail| &detail.detail).collect();
            let parts = AlertParts {
                packet,
                flow,
                rule,
                found: &found,
                details: &details,
                rules: &self.rules,
                candidates: &self.candidates,
                tcp: &self.config.tcp,
            };
            let fields = self.records.alert(&parts, sink);
            sink.alert(crate::alert::summary(&parts, fields, &mut self.scratch));
        }
    }

    /// Whether the flow has an alert, or may have one.
    fn note_alerts(&mut self, conversation: &mut Conversation) {
        let open = &self.outcome.open;
        conversation.alerted |= open.len() < self.outcome.matches.len();
        if conversation.alerted {
            conversation.open_alerts = Vec::new();
            return;
        }
        conversation.open_alerts.extend(open.iter().map(|(_, alert)| Arc::clone(alert)));
        if conversation.open_alerts.len() > OPEN_ALERTS_MAX {
            self.settle_alerts(conversation);
        }
    }

    /// Waits until it is known whether the flow has an alert.
    pub(crate) fn settle_alerts(&mut self, conversation: &mut Conversation) {
        if conversation.open_alerts.iter().any(|alert| alert.is_alert().is_none()) {
            self.detector.settle();
        }
        let open = std::mem::take(&mut conversation.open_alerts);
        conversation.alerted |= open.iter().any(|alert| alert.is_alert() == Some(true));
    }

    /// Decoder and stream events as anomalies.
    pub(crate) fn packet_anomalies(
        &mut self,
        packet: &Packet<'_>,
        flow: Option<(&mut Flow<Conversation>, Direction)>,
        stream_events: &[u8],
        sink: &mut dyn Sink,
    ) {
        let flow = flow.as_ref().map(|(flow, direction)| (&**flow, *direction));
        if self.config.eve.anomaly_decode {
            for name in packet.events.as_slice().iter().filter_map(|n| DECODER_EVENTS.get(usize::from(*n))) {
                self.records.packet_anomaly(packet, flow, "decode", "decoder.", name, sink);
            }
        }
        if self.config.eve.anomaly_stream {
            for name in stream_events.iter().filter_map(|n| STREAM_EVENTS.get(usize::from(*n))) {
                self.records.packet_anomaly(packet, flow, "stream", "stream.", name, sink);
            }
        }
        let Some((flow, _)) = flow.filter(|_| self.config.eve.anomaly_applayer) else { return };
        let Some(app) = flow.state.app.as_deref() else { return };
        for name in app.events.iter().filter_map(|n| crate::app::FLOW_EVENTS.get(usize::from(*n))) {
            self.records.app_anomaly(packet, flow, &self.candidates, "proto_detect", None, name, sink);
        }
    }

    /// Records what transactions and files have come to, and lets go of those that are through.
    pub(crate) fn conclude(&mut self, packet: &Packet<'_>, flow: &mut Flow<Conversation>, sink: &mut dyn Sink) {
        let Some(app) = flow.state.app.as_deref_mut().filter(|app| app.session().is_some()) else { return };
        if std::mem::take(&mut app.stirred) {
            let before = self.enter(Stage::Records);
            self.record_files(packet, flow, sink);
            self.record_transactions(packet, flow, sink);
            self.enter(before);
        }
        self.release_transactions(flow);
    }

    fn record_files(&mut self, packet: &Packet<'_>, flow: &mut Flow<Conversation>, sink: &mut dyn Sink) {
        let Some(app) = &mut flow.state.app else { return };
        app.collect_files();
        let mut files = std::mem::take(&mut app.files);
        for file in files.iter_mut().filter(|file| !file.recorded) {
            file.recorded = true;
            self.records.file(packet, flow, &self.candidates, &file.end, sink);
            if let Some(hit) = self.watch.file(&file.end, packet.at) {
                let transaction = Some(file.end.transaction);
                self.tell_hit(packet, flow, &hit, Sighting { transaction, place: None, file: Some(&file.end) }, sink);
            }
        }
        if let Some(app) = &mut flow.state.app {
            app.files = files;
        }
    }

    fn record_transactions(&mut self, packet: &Packet<'_>, flow: &mut Flow<Conversation>, sink: &mut dyn Sink) {
        // The ledger is taken out while records read the flow.
        let Some(app) = &mut flow.state.app else { return };
        let mut ledger = std::mem::take(&mut app.ledger);
        let Some(app) = flow.state.app.as_deref() else { return };
        let Some(session) = app.session() else { return };
        let Some(declaration) = app.protocol().and_then(|number| self.candidates.get(number)).map(|p| p.decl) else {
            return;
        };
        let live = session.live();
        ledger.forget_before(live.start);
        for id in live {
            let (Some(transaction), Some(entry)) = (session.transaction(id), ledger.entry(id)) else { continue };
            if self.config.eve.anomaly_applayer {
                let raised = transaction.events();
                for number in raised.get(entry.events..).unwrap_or_default() {
                    let Some(name) = declaration.events.get(usize::from(*number)) else { continue };
                    self.records.app_anomaly(
                        packet,
                        flow,
                        &self.candidates,
                        "proto_parser",
                        Some((id, transaction, *number)),
                        name,
                        sink,
                    );
                }
                entry.events = raised.len().max(entry.events);
            }
            if !entry.recorded && !flow.state.unrecorded && transaction.loggable() {
                entry.recorded = true;
                let name = app.name(&self.candidates).unwrap_or(declaration.name);
                *self.counters.app_transactions.entry(name).or_insert(0) += 1;
                self.records.transaction(packet, flow, name, id, transaction, sink);
                let protocol = app.protocol().unwrap_or(u16::MAX);
                if let Some((hit, place)) = self.watch.transaction(protocol, transaction, packet.at, &mut self.scratch)
                {
                    self.tell_hit(packet, flow, &hit, Sighting { transaction: Some(id), place, file: None }, sink);
                }
            }
        }
        if let Some(app) = &mut flow.state.app {
            app.ledger = ledger;
        }
    }

    /// Transactions that are complete, inspected and recorded can go, in order.
    fn release_transactions(&mut self, flow: &mut Flow<Conversation>) {
        let Conversation { app: Some(app), detect, verdict, unrecorded, .. } = &mut flow.state else { return };
        let Some(live) = app.session().map(|session| session.live()).filter(|live| !live.is_empty()) else { return };
        let Some(declaration) = app.protocol().and_then(|number| self.candidates.get(number)).map(|p| p.decl) else {
            return;
        };
        let last_of = |stages: &[&str]| u8::try_from(stages.len().saturating_sub(1)).unwrap_or(u8::MAX);
        let last = [last_of(declaration.stages_to_server), last_of(declaration.stages_to_client)];
        let over = [app.is_ended(ToServer), app.is_ended(ToClient)];
        let uninspected = *verdict == Verdict::None && !self.rules.is_empty();
        let Some(session) = app.session() else { return };
        let mut upto = live.start;
        for id in live.clone() {
            let Some(transaction) = session.transaction(id) else { break };
            let through = [ToServer, ToClient].into_iter().zip(last).zip(over).all(|((way, last), over)| {
                (over || transaction.progress(way) >= last) && (!uninspected || detect.is_inspected(id, way))
            });
            if !through {
                break;
            }
            upto = id + 1;
        }
        for id in live.start..upto {
            let recorded = app.ledger.entry(id).is_some_and(|entry| entry.recorded);
            let Some(session) = app.session_mut() else { return };
            if !recorded && !*unrecorded && session.transaction(id).is_some_and(|t| t.loggable()) {
                break;
            }
            session.release(id);
        }
    }

    pub(crate) fn flow_record(&mut self, flow: &Flow<Conversation>, reason: EndReason, sink: &mut dyn Sink) {
        if let Some(name) = flow.state.app.as_deref().and_then(|app| app.name(&self.candidates)) {
            *self.counters.app_flows.entry(name).or_insert(0) += 1;
        }
        let before = self.enter(Stage::Records);
        self.records.flow(flow, reason, self.now, &self.candidates, &self.rules, sink);
        self.enter(before);
    }

    pub(crate) fn stats(&mut self, decoder: &DecoderCounters, flows: u64, sink: &mut dyn Sink) {
        if self.config.eve.stats {
            let alerts = self.counters.alerts.saturating_add(self.detector.alerts_settled());
            let counters = crate::Counters { alerts, ..self.counters.clone() };
            self.records.stats(self.now, decoder, &counters, self.detector.turned_away(), flows, sink);
        }
    }
}
