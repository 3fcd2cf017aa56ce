//! How often rules alert: thresholds, detection filters, suppress lists and rate filters, on packet time.

use crate::{
    expiring::{Expiring, Lasting, Lease, is_over},
    flow_state::FlowState,
    input::Input,
};
use phitak_model::Timestamp;
use phitak_rules::{
    Action,
    address::Addresses,
    threshold::{SuppressTrack, Threshold, ThresholdKind, ThresholdTrack, UniquePort},
};
use std::{
    collections::hash_map::Entry,
    net::{IpAddr, Ipv4Addr},
};

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
    period_secs: u32,
    count: u32,
    /// For backoff: the count that alerts next; 0 before the first.
    next: u32,
    used: bool,
    /// Distinct ports, no more than decide.
    ports: Vec<u16>,
    /// For rate filters: the other action is on.
    on: Option<Lease>,
}

impl Counter {
    /// Begins anew when it was not used or its period has passed.
    fn begin(&mut self, now: Timestamp, period_secs: u32) {
        if self.is_period_over(now) {
            *self = Self { started_at: now, period_secs, used: true, next: self.next, ..Self::default() };
        }
        self.count = self.count.saturating_add(1);
    }

    fn is_period_over(&self, now: Timestamp) -> bool {
        !self.used || (self.period_secs != u32::MAX && is_over(self.started_at, self.period_secs, now))
    }

    /// Counts one match towards a rate and says whether the other action is on.
    fn is_above(&mut self, rate: &Rate, now: Timestamp) -> bool {
        if let Some(lease) = &self.on {
            let is_on = !lease.is_over(now);
            if !is_on {
                // The match that finds the time-out passed is not counted, as in Suricata.
                self.on = None;
            }
            return is_on;
        }
        self.begin(now, rate.seconds);
        if self.count > rate.count {
            self.on = Some(Lease { since: now, secs: rate.timeout_secs });
        }
        self.on.is_some()
    }
}

impl Lasting for Counter {
    fn is_over(&self, now: Timestamp) -> bool {
        self.is_period_over(now) && self.on.is_none_or(|lease| lease.is_over(now))
    }
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
    which: u32,
    a: IpAddr,
    b: IpAddr,
}

#[derive(Default)]
pub(crate) struct Thresholds {
    counters: Expiring<Key, Counter>,
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

fn key(rule: u32, which: u32, track: ThresholdTrack, fired: &Fired) -> Key {
    let ((src, _), (dst, _)) = (fired.src, fired.dst);
    let (a, b) = match track {
        ThresholdTrack::Source => (src, NOBODY),
        ThresholdTrack::Destination => (dst, NOBODY),
        // Either direction is the same pair.
        ThresholdTrack::Both => (src.min(dst), src.max(dst)),
        ThresholdTrack::Rule | ThresholdTrack::Flow => (NOBODY, NOBODY),
    };
    Key { rule, which, a, b }
}

/// Counts one match and says whether it alerts.
pub(crate) fn count(counter: &mut Counter, threshold: &Threshold, fired: &Fired) -> Verdict {
    counter.begin(fired.at, threshold.seconds);
    let limit = threshold.count;
    match threshold.kind {
        ThresholdKind::Limit if counter.count <= limit => Verdict::Alert,
        ThresholdKind::Limit => Verdict::Quiet,
        // The period goes on.
        ThresholdKind::Threshold if counter.count >= limit => {
            counter.count = 0;
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
            counter.next = next.saturating_mul(multiplier).max(next.saturating_add(1));
            Verdict::Alert
        }
        ThresholdKind::DetectionFilter { unique } => {
            let reached = match unique {
                None => counter.count > limit,
                Some(port) => is_distinct_above(counter, limit, port, fired),
            };
            if reached { Verdict::Alert } else { Verdict::Nothing }
        }
    }
}

/// Whether more than so many distinct ports were seen; no more of them are kept.
fn is_distinct_above(counter: &mut Counter, limit: u32, which: UniquePort, fired: &Fired) -> bool {
    let (_, port) = match which {
        UniquePort::Source => fired.src,
        UniquePort::Destination => fired.dst,
    };
    let ports = &mut counter.ports;
    let is_above = |ports: &Vec<u16>| ports.len() as u64 > u64::from(limit);
    if !is_above(ports)
        && let Err(at) = ports.binary_search(&port)
    {
        ports.insert(at, port);
    }
    is_above(ports)
}

impl Thresholds {
    /// Counts one match of a rule and says whether it alerts.
    pub fn verdict(&mut self, rule: u32, threshold: &Threshold, fired: &Fired) -> Verdict {
        let place = self.counters.place(key(rule, 0, threshold.track, fired), fired.at);
        // Without a place to count in, a match is taken for the first.
        count(place.map_or(&mut Counter::default(), Entry::or_default), threshold, fired)
    }

    /// Counts for which there was no place.
    pub fn turned_away(&self) -> u64 {
        self.counters.turned_away()
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

    /// The action after rate filters. A rate that is tracked by flow counts in the flow's own state.
    pub fn rated(
        &mut self,
        rule: u32,
        action: Action,
        rates: &[Rate],
        fired: &Fired,
        mut flow: Option<&mut FlowState>,
    ) -> Action {
        let mut is_above = |which: u32, rate: &Rate| match (rate.track, flow.as_deref_mut()) {
            (ThresholdTrack::Flow, Some(state)) => state.counter(rule, which).is_above(rate, fired.at),
            (ThresholdTrack::Flow, None) => false,
            _ => {
                let place = self.counters.place(key(rule, which, rate.track, fired), fired.at);
                place.is_some_and(|place| place.or_default().is_above(rate, fired.at))
            }
        };
        let first = (1..).zip(rates).find(|(which, rate)| is_above(*which, rate));
        first.map_or(action, |(_, rate)| rate.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(kind: ThresholdKind, number: u32, seconds: &[i64]) -> Vec<Verdict> {
        let threshold = Threshold { kind, track: ThresholdTrack::Source, count: number, seconds: 60 };
        let mut counter = Counter::default();
        seconds.iter().map(|at| count(&mut counter, &threshold, &fired(*at, 1))).collect()
    }

    #[test]
    fn a_threshold_that_alerted_counts_on_in_its_period() {
        let said = verdicts(ThresholdKind::Threshold, 3, &[0, 1, 2, 59, 60, 61]);
        assert_eq!(
            said.iter().map(|verdict| *verdict == Verdict::Alert).collect::<Vec<_>>(),
            [false, false, true, false, false, false]
        );
    }

    #[test]
    fn a_counter_that_a_wrong_clock_began_does_not_last() {
        assert_eq!(
            verdicts(ThresholdKind::Limit, 1, &[1_000_000, 5, 6, 70]),
            [Verdict::Alert, Verdict::Alert, Verdict::Quiet, Verdict::Alert]
        );
    }

    #[test]
    fn a_full_table_lets_no_filter_through_that_is_not_reached() {
        let mut thresholds = Thresholds::default();
        let rule = |kind, count| Threshold { kind, track: ThresholdTrack::Source, count, seconds: 60 };
        let filter = rule(ThresholdKind::DetectionFilter { unique: None }, 5);
        let mut said = |host: u32, threshold: &Threshold| {
            let host = IpAddr::V4(Ipv4Addr::from_bits(host));
            thresholds.verdict(1, threshold, &Fired { src: (host, 1), ..fired(0, 1) })
        };
        assert!((0..200_000).all(|host| said(host, &filter) == Verdict::Nothing));
        assert_eq!(said(300_000, &rule(ThresholdKind::Threshold, 3)), Verdict::Nothing);
        assert_eq!(said(300_001, &rule(ThresholdKind::Limit, 1)), Verdict::Alert);
    }

    fn rate(track: ThresholdTrack, timeout_secs: u32) -> Rate {
        Rate { track, count: 1, seconds: 5, action: Action::Drop, timeout_secs }
    }

    #[test]
    fn a_rate_is_on_for_its_timeout_and_the_match_that_finds_it_passed_does_not_count() {
        let mut thresholds = Thresholds::default();
        let rates = [rate(ThresholdTrack::Source, 10)];
        let mut said = |secs| thresholds.rated(1, Action::Alert, &rates, &fired(secs, 1), None) == Action::Drop;
        let at = [0, 1, 11, 12, 13, 14];
        assert_eq!(at.map(&mut said), [false, true, true, false, false, true]);
    }

    #[test]
    fn as_many_rates_as_a_rule_has_are_asked_each_and_none_lasts_for_another_flow() {
        let mut thresholds = Thresholds::default();
        let rates: Vec<Rate> = (0..1_000).map(|_| rate(ThresholdTrack::Flow, 10)).collect();
        let (mut one, mut other) = (FlowState::default(), FlowState::default());
        let mut said = |flow: &mut FlowState| thresholds.rated(1, Action::Alert, &rates, &fired(0, 1), Some(flow));
        assert_eq!([said(&mut one), said(&mut other)], [Action::Alert; 2]);
        assert_eq!(said(&mut one), Action::Drop);
    }

    fn fired(secs: i64, port: u16) -> Fired {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Fired { at: Timestamp::default().plus_secs(secs), src: (host, port), dst: (host, 80) }
    }

    #[test]
    fn of_distinct_ports_no_more_are_kept_than_decide() {
        let kind = ThresholdKind::DetectionFilter { unique: Some(UniquePort::Source) };
        let threshold = Threshold { kind, track: ThresholdTrack::Source, count: 3, seconds: 60 };
        let mut counter = Counter::default();
        let mut verdict = |secs, port| count(&mut counter, &threshold, &fired(secs, port));
        for (port, says) in [(5, Verdict::Nothing), (5, Verdict::Nothing), (2, Verdict::Nothing), (9, Verdict::Nothing)]
        {
            assert_eq!(verdict(0, port), says);
        }
        for port in 10..1_000 {
            assert_eq!(verdict(1, port), Verdict::Alert);
        }
        assert_eq!(verdict(62, 5), Verdict::Nothing, "a new period");
        for port in 0..1_000 {
            count(&mut counter, &threshold, &fired(62, port));
        }
        assert_eq!(counter.ports.len(), 4);
    }
}
