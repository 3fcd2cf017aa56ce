//! What a worker has done so far, for `stats` records and the sensor's health.

use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Counters {
    pub alerts: u64,
    /// Flows of which the table was rid because it was full.
    pub flows_evicted: u64,
    pub tcp_sessions: u64,
    /// Sessions that were not followed because `stream.memcap` was reached.
    pub tcp_sessions_refused: u64,
    pub tcp_midstream: u64,
    pub tcp_gaps: u64,
    pub tcp_overlaps: u64,
    pub tcp_refused: u64,
    /// Announced flows that were forgotten because too many were waited for.
    pub expectations_dropped: u64,
    /// Flows by application protocol.
    pub app_flows: BTreeMap<&'static str, u64>,
    /// Recorded transactions by application protocol.
    pub app_transactions: BTreeMap<&'static str, u64>,
}

impl Counters {
    /// Adds what another worker has done.
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.alerts, other.alerts),
            (&mut self.flows_evicted, other.flows_evicted),
            (&mut self.tcp_sessions, other.tcp_sessions),
            (&mut self.tcp_sessions_refused, other.tcp_sessions_refused),
            (&mut self.tcp_midstream, other.tcp_midstream),
            (&mut self.tcp_gaps, other.tcp_gaps),
            (&mut self.tcp_overlaps, other.tcp_overlaps),
            (&mut self.tcp_refused, other.tcp_refused),
            (&mut self.expectations_dropped, other.expectations_dropped),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        let maps = [(&mut self.app_flows, &other.app_flows), (&mut self.app_transactions, &other.app_transactions)];
        for (sums, more) in maps {
            for (name, count) in more {
                let sum = sums.entry(name).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
    }
}
