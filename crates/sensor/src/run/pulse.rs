//! What the threads of the sensor tell each other: how much was seen, and whether to stop.

use super::{offered::Offered, rule_list::RuleList};
use phitak_engine::Indicators;
use phitak_model::{ActiveIndicators, Health, Loss, Timestamp};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    thread::Thread,
    time::Duration,
};

#[derive(Default)]
pub(super) struct Pulse {
    /// Rules are loaded and packets flow: reports make sense.
    is_watching: AtomicBool,
    is_stopping: AtomicBool,
    packets: AtomicU64,
    bytes: AtomicU64,
    /// Flows of captures that have ended, and of the current one.
    flows_before: AtomicU64,
    flows_now: AtomicU64,
    rules_loaded: AtomicU32,
    rules_failed: AtomicU32,
    /// The indicators that the next packet meets.
    indicators: Offered<Indicators, ActiveIndicators>,
    /// The centre's rules that the next packet meets.
    pub(super) rule_list: RuleList,
    /// Who sleeps in [`Pulse::pause`].
    sleeper: Mutex<Option<Thread>>,
}

impl Pulse {
    pub(super) fn rules(&self, loaded: usize, failed: usize) {
        self.rules_loaded.store(u32::try_from(loaded).unwrap_or(u32::MAX), Relaxed);
        self.rules_failed.store(u32::try_from(failed).unwrap_or(u32::MAX), Relaxed);
        self.is_watching.store(true, Relaxed);
    }

    pub(super) fn frame(&self, bytes: usize) {
        self.packets.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn flows(&self, now: u64) {
        self.flows_now.store(now, Relaxed);
    }

    /// What another program has counted since it began.
    pub(super) fn counted(&self, packets: u64, bytes: u64, flows: u64, rules: (u32, u32)) {
        self.packets.store(packets, Relaxed);
        self.bytes.store(bytes, Relaxed);
        self.flows_now.store(flows, Relaxed);
        self.rules_loaded.store(rules.0, Relaxed);
        self.rules_failed.store(rules.1, Relaxed);
    }

    pub(super) fn capture_ended(&self) {
        self.flows_before.fetch_add(self.flows_now.swap(0, Relaxed), Relaxed);
    }

    /// From the next packet on these are looked for.
    pub(super) fn offer(&self, set: Arc<Indicators>, about: ActiveIndicators) {
        self.indicators.offer(set, about);
    }

    /// The indicators, when they are others than at this turn; brings the turn up to date.
    #[inline]
    pub(super) fn fresh_indicators(&self, turn: &mut u64) -> Option<Arc<Indicators>> {
        self.indicators.fresh(turn)
    }

    pub(super) fn is_watching(&self) -> bool {
        self.is_watching.load(Relaxed)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Relaxed)
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Relaxed);
        if let Some(sleeper) = self.sleeper.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            sleeper.unpark();
        }
    }

    /// Sleeps, but not past [`Pulse::stop`].
    pub(super) fn pause(&self, time: Duration) {
        *self.sleeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
        if !self.is_stopping() {
            std::thread::park_timeout(time);
        }
    }

    pub(super) fn health(&self, at: Timestamp, spool_bytes: u64, losses: Vec<Loss>) -> Health {
        Health {
            at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            packets: self.packets.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            flows: self.flows_before.load(Relaxed).saturating_add(self.flows_now.load(Relaxed)),
            rules_loaded: self.rules_loaded.load(Relaxed),
            rules_failed: self.rules_failed.load(Relaxed),
            spool_bytes,
            losses,
            indicators: self.indicators.about(),
            rule_list: self.rule_list.active(),
        }
    }
}
