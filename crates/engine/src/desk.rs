//! What a worker works with beside its flows: settings, detector, writer, memory account.

mod end;
mod facts;
mod hits;
mod inspect;
pub(crate) mod listed;
mod records;

use crate::{
    config::Config,
    counters::Counters,
    engine::Costs,
    eve::Records,
    expectations::Expectations,
    recognition::Candidates,
    stages::{Stage, Stages},
    watch::Watch,
};
use listed::Listed;
use phitak_detect::{Common, Detector, Outcome, Ruleset, profile::Clock};
use phitak_model::Timestamp;
use phitak_packet::{Packet, flow::FlowKey, tcp::Memory};
use phitak_protocols::{Context, REGISTRY};
use std::sync::Arc;

pub(crate) struct Desk {
    pub config: Config,
    pub candidates: Candidates,
    pub rules: Arc<Ruleset>,
    pub detector: Detector,
    pub outcome: Outcome,
    /// Rules of the centre's list, where there are any.
    pub listed: Option<Box<Listed>>,
    listed_turn: u32,
    pub watch: Watch,
    pub records: Records,
    pub memory: Memory,
    /// TCP sessions that are followed at the moment.
    pub sessions: usize,
    pub context: Context,
    pub expectations: Expectations,
    pub counters: Counters,
    /// Time of the latest packet.
    pub now: Timestamp,
    scratch: Vec<u8>,
    stages: Option<Box<Stages>>,
}

impl Desk {
    pub(crate) fn new(mut config: Config, rules: Arc<Ruleset>, common: Common) -> Self {
        // What costs much is computed when a rule asks for it.
        config.protocols.digests.magic |= rules.looks_at("file.magic");
        config.protocols.mail_body_md5 |= rules.looks_at("email.body_md5");
        let candidates = Candidates::new(REGISTRY, |name| config.protocols_off.contains(name));
        let memory = Memory { used: 0, max: config.tcp.memory_bytes_max };
        Self {
            candidates,
            detector: Detector::beside(Arc::clone(&rules), common),
            rules,
            outcome: Outcome::default(),
            listed: None,
            listed_turn: 0,
            watch: Watch::new(REGISTRY, config.protocols.digests),
            records: Records::default(),
            memory,
            sessions: 0,
            context: Context::default(),
            expectations: Expectations::default(),
            counters: Counters::default(),
            now: Timestamp::default(),
            scratch: Vec::new(),
            stages: None,
            config,
        }
    }

    /// Keeps account of what stages and rules cost from now on.
    pub(crate) fn keep_profile(&mut self, clock: Clock) {
        self.stages = Some(Box::new(Stages::new(clock)));
        self.detector.keep_profile(clock);
    }

    pub(crate) fn costs(&self) -> Option<Costs> {
        let (stages, profile) = (self.stages.as_ref()?, self.detector.profile()?);
        Some(Costs { stages: stages.nanos(), search_nanos: profile.search_nanos(), rules: profile.costliest() })
    }

    /// Another stage begins; gives the one before, to return to.
    #[inline]
    pub(crate) fn enter(&mut self, stage: Stage) -> Stage {
        self.stages.as_mut().map_or(Stage::Outside, |stages| stages.enter(stage))
    }

    /// A flow's number in records: no two flows of a sensor's life are likely to share one, and it is the same whichever
    /// worker the flow belongs to.
    pub(crate) fn flow_id(&self, key: &FlowKey, packet: &Packet<'_>) -> u64 {
        let moment = (packet.at.micros() as u64) ^ packet.number.rotate_left(40);
        let mut id = key.hash(self.config.flow.seed) ^ moment;
        id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // JSON readers keep 53 bits of a number; EVE's own ids stay below 2^51.
        (id ^ (id >> 31)) & ((1 << 51) - 1)
    }
}
