//! Frames in, results out: what `inspect`, `run`, benches and tests call.

use crate::{Sink, config::Config, counters::Counters, stages::Stage, worker::Worker};
use phitak_detect::{
    Catalogue, Common, Indicators, Ruleset,
    profile::{Clock, Cost},
};
use phitak_model::{Timestamp, inspect::ProtocolDecl};
use phitak_packet::{DECODER_EVENTS, Decoder, Frame, STREAM_EVENTS};
use phitak_protocols::REGISTRY;
use std::sync::Arc;

/// One worker's engine. The same frames give the same calls of the sink.
pub struct Engine {
    decoder: Decoder,
    worker: Worker,
}

/// Where the time went.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Stages with their nanoseconds, in the order of a packet's way.
    pub stages: Vec<(&'static str, u64)>,
    /// The part of detection that searches for literals of all rules together.
    pub search_nanos: u64,
    /// Rules that were looked at, by their numbers for [`Ruleset::rule`], the costliest first.
    pub rules: Vec<(u32, Cost)>,
}

/// The declarations of all protocols, in the order of their numbers in rules and flows.
#[must_use]
pub fn declarations() -> Vec<&'static ProtocolDecl> {
    REGISTRY.iter().map(|protocol| protocol.decl).collect()
}

/// What rules are compiled against. `declarations` are those of [`declarations`].
#[must_use]
pub fn catalogue<'a>(declarations: &'a [&'static ProtocolDecl]) -> Catalogue<'a> {
    Catalogue {
        protocols: declarations,
        decoder_events: DECODER_EVENTS,
        stream_events: STREAM_EVENTS,
        flow_events: crate::app::FLOW_EVENTS,
    }
}

impl Engine {
    /// The rules must have been compiled against [`catalogue`].
    #[must_use]
    pub fn new(config: Config, rules: Arc<Ruleset>) -> Self {
        let common = Common::new(&rules);
        Self::beside(config, rules, common)
    }

    /// One of several engines that share the traffic by pairs of hosts ([`phitak_packet::lane`]). Limits of flows and
    /// memory are those of one engine. Each must see the time of all frames ([`Engine::advance`]).
    #[must_use]
    pub fn beside(config: Config, rules: Arc<Ruleset>, common: Common) -> Self {
        Self { decoder: Decoder::new(config.decoder.clone()), worker: Worker::new(config, rules, common) }
    }

    /// Moves time forward to that of the frame with this number, which may be another engine's: flows that were idle for too
    /// long end. Frames in a row that are far behind move it back.
    #[inline]
    pub fn advance(&mut self, frame: u64, at: Timestamp, sink: &mut dyn Sink) {
        self.worker.advance(frame, at, sink);
    }

    /// Whether [`Engine::advance`] would do more than note the time.
    #[inline]
    #[must_use]
    pub fn is_due(&self, at: Timestamp) -> bool {
        self.worker.is_due(at)
    }

    /// From the next frame on these indicators are looked for, in place of those before. No flow is forgotten for it, and one
    /// that is open already is looked at with its next packet.
    pub fn set_indicators(&mut self, set: Arc<Indicators>) {
        self.worker.set_indicators(set);
    }

    /// From the next frame on these rules ([`crate::rule_list`]) are looked at beside the engine's own, in place of those that
    /// were set before. No flow is forgotten for it, and the engine's own rules keep all that they remember. An open flow is
    /// looked at from its next bytes on, and in its transactions that are not through yet. For an engine that works alone:
    /// what these rules count of hosts is not shared with others.
    pub fn set_listed_rules(&mut self, rules: Arc<Ruleset>) {
        self.worker.set_listed(rules);
    }

    /// Takes the next frame.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut dyn Sink) {
        let Self { decoder, worker } = self;
        worker.enter(Stage::Flows);
        worker.advance(frame.number, frame.at, sink);
        worker.enter(Stage::Decoding);
        decoder.decode(frame, &mut |packet| {
            let before = worker.enter(Stage::Flows);
            worker.packet(packet, sink);
            worker.enter(before);
        });
        worker.enter(Stage::Outside);
    }

    /// Ends all flows; the last records come now.
    pub fn finish(&mut self, sink: &mut dyn Sink) {
        self.end_flows(sink);
        self.tell_counters(sink);
    }

    /// The first half of [`Engine::finish`]: all but the counters.
    pub fn end_flows(&mut self, sink: &mut dyn Sink) {
        self.worker.end_flows(sink);
    }

    /// The second half.
    pub fn tell_counters(&mut self, sink: &mut dyn Sink) {
        self.worker.tell_counters(&self.decoder.counters, sink);
    }

    /// Adds what another engine has counted to this one's counters.
    pub fn absorb(&mut self, other: &Self) {
        self.decoder.counters.add(&other.decoder.counters);
        self.worker.absorb(&other.worker);
    }

    /// Keeps account of what stages and rules cost from now on. `clock` gives nanoseconds from any moment on.
    pub fn keep_profile(&mut self, clock: Clock) {
        self.worker.keep_profile(clock);
    }

    /// What was spent, when an account is kept.
    #[must_use]
    pub fn costs(&self) -> Option<Costs> {
        self.worker.costs()
    }

    /// Flows that began so far.
    #[must_use]
    pub fn flows(&self) -> u64 {
        self.worker.flows_made()
    }

    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.worker.counters()
    }
}
