//! The `stats` record at the end of a run.

use super::{
    Records,
    head::{Ends, Head},
};
use crate::{Sink, counters::Counters};
use phitak_detect::TurnedAway;
use phitak_model::{Timestamp, json::Writer};
use phitak_packet::decode::DecoderCounters;
use std::collections::BTreeMap;

impl Records {
    pub(crate) fn stats(
        &mut self,
        now: Timestamp,
        decoder: &DecoderCounters,
        counters: &Counters,
        turned_away: TurnedAway,
        flows: u64,
        sink: &mut dyn Sink,
    ) {
        self.begin(&Head { kind: "stats", at: now, packet: None, flow: None, ends: Ends::Packet });
        let out = &mut self.out;
        out.key("stats");
        out.begin_object();
        group(
            out,
            "decoder",
            &[
                ("pkts", decoder.packets),
                ("bytes", decoder.bytes),
                ("invalid", decoder.invalid),
                ("ipv4", decoder.ipv4),
                ("ipv6", decoder.ipv6),
                ("ethernet", decoder.ethernet),
                ("arp", decoder.arp),
                ("tcp", decoder.tcp),
                ("udp", decoder.udp),
                ("sctp", decoder.sctp),
                ("icmpv4", decoder.icmpv4),
                ("icmpv6", decoder.icmpv6),
                ("vlan", decoder.vlan),
                ("tunnels", decoder.tunnels),
            ],
        );
        group(out, "defrag", &[("fragments", decoder.fragments), ("reassembled", decoder.reassembled)]);
        group(
            out,
            "flow",
            &[
                ("total", flows),
                ("evicted", counters.flows_evicted),
                ("expectations_dropped", counters.expectations_dropped),
            ],
        );
        group(
            out,
            "tcp",
            &[
                ("sessions", counters.tcp_sessions),
                ("ssn_memcap_drop", counters.tcp_sessions_refused),
                ("midstream_pickups", counters.tcp_midstream),
                ("reassembly_gap", counters.tcp_gaps),
                ("overlap", counters.tcp_overlaps),
                ("invalid", counters.tcp_refused),
            ],
        );
        detect(out, counters.alerts, turned_away);
        out.key("app_layer");
        out.begin_object();
        by_name(out, "flow", &counters.app_flows);
        by_name(out, "tx", &counters.app_transactions);
        out.end_object();
        out.end_object();
        out.end_object();
        sink.record("stats", out.as_bytes());
    }
}

fn detect(out: &mut Writer, alerts: u64, turned_away: TurnedAway) {
    let TurnedAway { counts, host_bits, values } = turned_away;
    group(
        out,
        "detect",
        &[
            ("alert", alerts),
            ("thresholds_dropped", counts),
            ("host_bits_dropped", host_bits),
            ("dataset_values_dropped", values),
        ],
    );
}

fn group(out: &mut Writer, name: &str, values: &[(&str, u64)]) {
    out.key(name);
    out.begin_object();
    for (name, value) in values {
        out.member_number(name, *value);
    }
    out.end_object();
}

fn by_name(out: &mut Writer, name: &str, values: &BTreeMap<&'static str, u64>) {
    out.key(name);
    out.begin_object();
    for (name, value) in values {
        out.member_number(name, *value);
    }
    out.end_object();
}
