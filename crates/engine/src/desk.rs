//! What a worker works with beside its flows: settings, detector, writer, memory account.

mod end;
mod facts;
mod inspect;
mod records;

use crate::{config::Config, counters::Counters, eve::Records, recognition::Candidates};
use phitak_detect::{Detector, Outcome, Ruleset};
use phitak_model::Timestamp;
use phitak_packet::tcp::Memory;
use phitak_protocols::{Context, REGISTRY};
use std::sync::Arc;

pub(crate) struct Desk {
    pub config: Config,
    pub candidates: Candidates,
    pub rules: Arc<Ruleset>,
    pub detector: Detector,
    pub outcome: Outcome,
    pub records: Records,
    pub memory: Memory,
    /// TCP sessions that are followed at the moment.
    pub sessions: usize,
    pub context: Context,
    pub counters: Counters,
    /// Time of the latest packet.
    pub now: Timestamp,
    scratch: Vec<u8>,
}

impl Desk {
    pub(crate) fn new(config: Config, rules: Arc<Ruleset>) -> Self {
        let candidates = Candidates::new(REGISTRY, |name| config.protocols_off.contains(name));
        let memory = Memory { used: 0, max: config.tcp.memory_bytes_max };
        Self {
            candidates,
            detector: Detector::new(Arc::clone(&rules)),
            rules,
            outcome: Outcome::default(),
            records: Records::default(),
            memory,
            sessions: 0,
            context: Context::default(),
            counters: Counters::default(),
            now: Timestamp::default(),
            scratch: Vec::new(),
            config,
        }
    }

    /// A flow's number in records: no two flows of a sensor's life are likely to share one.
    pub(crate) fn flow_id(&self, serial: u64, at: Timestamp) -> u64 {
        let mut id = (at.micros() as u64) ^ serial.rotate_left(40) ^ self.config.flow.seed;
        id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // JSON readers keep 53 bits of a number; EVE's own ids stay below 2^51.
        (id ^ (id >> 31)) & ((1 << 51) - 1)
    }
}
