//! How often rules alert: thresholds, detection filters, suppress lists and rate filters, on packet time.

use crate::input::Input;
use phitak_model::Timestamp;
use phitak_rules::{
    Action,
    address::Addresses,
    threshold::{SuppressTrack, Threshold, ThresholdKind, ThresholdTrack, UniquePort},
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

/// Tracked keys of one worker.
const TRACKED_MAX: usize = 1 << 18;
/// Distinct ports that one key remembers.
const PORTS_MAX: usize = 4096;

/// What may be said about a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Alert,
    /// No alert; the rule's action stands.
    Quiet,
    /// Neither alert nor action: the count is not reached.
    Nothing,
}

/// A count within a period.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter {
    started_at: Timestamp,
    count: u64,
    /// For backoff: the count that alerts next; 0 before the first.
    next: u64,
    ports: Vec<u16>,
    used: bool,
}

/// A rate filter: another action for a while once the rate is reached.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    pub track: ThresholdTrack,
    pub count: u32,
    pub seconds: u32,
    pub action: Action,
    pub timeout_secs: u32,
}

/// All that `threshold.config` adds to one rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    pub suppress: Vec<(SuppressTrack, Addresses)>,
    pub rates: Vec<Rate>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    rule: u32,
    /// Which of the rule's thresholds.
    which: u8,
    a: IpAddr,
    b: IpAddr,
}

#[derive(Default)]
pub(crate) struct Thresholds {
    counters: HashMap<Key, Counter>,
    /// Rate filters that are on, until a moment.
    changed: HashMap<Key, Timestamp>,
}

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What thresholds look at of a packet whose rule fired.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fired {
    pub at: Timestamp,
    src: (IpAddr, u16),
    dst: (IpAddr, u16),
}

impl Fired {
    pub fn new(input: &Input<'_>) -> Self {
        let packet = input.packet;
        let (src, dst) = packet.ip.as_ref().map_or((NOBODY, NOBODY), |ip| (ip.src, ip.dst));
        Self { at: packet.at, src: (src, packet.src_port()), dst: (dst, packet.dst_port()) }
    }
}

fn key(rule: u32, which: u8, track: ThresholdTrack, fired: &Fired) -> Key {
    let ((src, _), (dst, _)) = (fired.src, fired.dst);
    let (a, b) = match track {
        ThresholdTrack::Source => (src, NOBODY),
        ThresholdTrack::Destination => (dst, NOBODY),
        ThresholdTrack::Both => (src, dst),
        ThresholdTrack::Rule | ThresholdTrack::Flow => (NOBODY, NOBODY),
    };
    Key { rule, which, a, b }
}

/// Counts one match and says whether it alerts.
pub(crate) fn count(counter: &mut Counter, threshold: &Threshold, fired: &Fired) -> Verdict {
    let now = fired.at;
    let period = i64::from(threshold.seconds).saturating_mul(1_000_000);
    let expired = now.micros_since(counter.started_at) > period;
    if !counter.used || (expired && threshold.seconds != u32::MAX) {
        *counter = Counter { started_at: now, used: true, next: counter.next, ..Counter::default() };
    }
    let limit = u64::from(threshold.count);
    counter.count += 1;
    match threshold.kind {
        ThresholdKind::Limit if counter.count <= limit => Verdict::Alert,
        ThresholdKind::Limit => Verdict::Quiet,
        ThresholdKind::Threshold if counter.count >= limit => {
            *counter = Counter::default();
            Verdict::Alert
        }
        ThresholdKind::Threshold => Verdict::Nothing,
        ThresholdKind::Both => match counter.count.cmp(&limit) {
            std::cmp::Ordering::Less => Verdict::Nothing,
            std::cmp::Ordering::Equal => Verdict::Alert,
            std::cmp::Ordering::Greater => Verdict::Quiet,
        },
        ThresholdKind::Backoff { multiplier } => {
            let next = if counter.next == 0 { limit } else { counter.next };
            counter.next = next;
            if counter.count < next {
                return Verdict::Quiet;
            }
            counter.next = next.saturating_mul(u64::from(multiplier)).max(next.saturating_add(1));
            Verdict::Alert
        }
        ThresholdKind::DetectionFilter { unique } => {
            let reached = match unique {
                None => counter.count > limit,
                Some(port) => distinct(counter, port, fired) > limit,
            };
            if reached { Verdict::Alert } else { Verdict::Nothing }
        }
    }
}

fn distinct(counter: &mut Counter, which: UniquePort, fired: &Fired) -> u64 {
    let (_, port) = match which {
        UniquePort::Source => fired.src,
        UniquePort::Destination => fired.dst,
    };
    if let Err(at) = counter.ports.binary_search(&port)
        && counter.ports.len() < PORTS_MAX
    {
        counter.ports.insert(at, port);
    }
    counter.ports.len() as u64
}

impl Thresholds {
    /// Counts one match of a rule and says whether it alerts.
    pub fn verdict(&mut self, rule: u32, threshold: &Threshold, fired: &Fired) -> Verdict {
        // Without a place to count, the alert is not lost.
        self.counter(rule, threshold, fired).map_or(Verdict::Alert, |counter| count(counter, threshold, fired))
    }

    /// The counter of a rule for a packet's key; `None` when the table is full.
    fn counter(&mut self, rule: u32, threshold: &Threshold, fired: &Fired) -> Option<&mut Counter> {
        let key = key(rule, 0, threshold.track, fired);
        self.make_room(fired.at, threshold.seconds);
        if self.counters.len() >= TRACKED_MAX && !self.counters.contains_key(&key) {
            return None;
        }
        Some(self.counters.entry(key).or_default())
    }

    /// When the table is full, what is older than the period at hand goes.
    fn make_room(&mut self, now: Timestamp, seconds: u32) {
        if self.counters.len() >= TRACKED_MAX {
            let period = i64::from(seconds).saturating_mul(1_000_000);
            self.counters.retain(|_, c| now.micros_since(c.started_at) <= period);
        }
    }

    /// Whether a suppress list silences the alert.
    pub fn is_suppressed(extra: &Extra, input: &Input<'_>) -> bool {
        let Some(ip) = input.packet.ip.as_ref() else { return false };
        extra.suppress.iter().any(|(track, addresses)| match track {
            SuppressTrack::Source => addresses.contains(ip.src),
            SuppressTrack::Destination => addresses.contains(ip.dst),
            SuppressTrack::Either => addresses.contains(ip.src) || addresses.contains(ip.dst),
        })
    }

    /// The action after rate filters.
    pub fn rated(&mut self, rule: u32, action: Action, extra: &Extra, fired: &Fired) -> Action {
        let now = fired.at;
        for (which, rate) in (1u8..).zip(&extra.rates) {
            let key = key(rule, which, rate.track, fired);
            if let Some(until) = self.changed.get(&key) {
                if now <= *until {
                    return rate.action;
                }
                self.changed.remove(&key);
            }
            if self.counters.len() >= TRACKED_MAX {
                continue;
            }
            let counter = self.counters.entry(key).or_default();
            let period = i64::from(rate.seconds).saturating_mul(1_000_000);
            if !counter.used || now.micros_since(counter.started_at) > period {
                *counter = Counter { started_at: now, used: true, ..Counter::default() };
            }
            counter.count += 1;
            if counter.count > u64::from(rate.count) && self.changed.len() < TRACKED_MAX {
                self.changed.insert(key, now.plus_secs(i64::from(rate.timeout_secs)));
                return rate.action;
            }
        }
        action
    }
}
