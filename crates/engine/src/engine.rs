//! Frames in, results out: what `inspect`, `run`, benches and tests call.

use crate::{Sink, config::Config, counters::Counters, worker::Worker};
use phitak_detect::{Catalogue, Ruleset};
use phitak_model::inspect::ProtocolDecl;
use phitak_packet::{DECODER_EVENTS, Decoder, Frame, STREAM_EVENTS};
use phitak_protocols::REGISTRY;
use std::sync::Arc;

/// One worker's engine. The same frames give the same calls of the sink.
pub struct Engine {
    decoder: Decoder,
    worker: Worker,
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
        Self { decoder: Decoder::new(config.decoder.clone()), worker: Worker::new(config, rules) }
    }

    /// Takes the next frame.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut dyn Sink) {
        let Self { decoder, worker } = self;
        decoder.decode(frame, &mut |packet| worker.packet(packet, sink));
    }

    /// Ends all flows; the last records come now.
    pub fn finish(&mut self, sink: &mut dyn Sink) {
        self.worker.finish(&self.decoder.counters, sink);
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
