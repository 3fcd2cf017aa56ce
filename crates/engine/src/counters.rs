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
    /// Flows by application protocol.
    pub app_flows: BTreeMap<&'static str, u64>,
    /// Recorded transactions by application protocol.
    pub app_transactions: BTreeMap<&'static str, u64>,
}
