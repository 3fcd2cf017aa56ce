//! `flow` records, and the flow's part of alerts.

use super::{
    Records,
    alert::metadata,
    head::{Ends, Head},
};
use crate::{
    Sink,
    conversation::{Conversation, EndReason, Phase, Verdict},
    recognition::Candidates,
};
use phitak_detect::Ruleset;
use phitak_model::{
    Direction::{ToClient, ToServer},
    Timestamp, decimal,
    json::Writer,
};
use phitak_packet::{flow::Flow, packet::ip_proto, tcp::TcpSession};

impl Records {
    pub(crate) fn flow(
        &mut self,
        flow: &Flow<Conversation>,
        reason: EndReason,
        now: Timestamp,
        candidates: &Candidates,
        rules: &Ruleset,
        sink: &mut dyn Sink,
    ) {
        let head = Head { kind: "flow", at: now, packet: None, flow: Some(flow), ends: Ends::Flow };
        self.begin(&head);
        let [request, response] = flow.state.icmp;
        if let Some((kind, code)) = request {
            self.out.member_number("icmp_type", kind.into());
            self.out.member_number("icmp_code", code.into());
        }
        if let Some((kind, code)) = response {
            self.out.member_number("response_icmp_type", kind.into());
            self.out.member_number("response_icmp_code", code.into());
        }
        self.app_protocol(flow, candidates);
        self.out.key("flow");
        self.out.begin_object();
        self.counters(flow);
        self.times(flow);
        let out = &mut self.out;
        let age = flow.last_at.secs().saturating_sub(flow.started_at.secs()).max(0);
        out.member_number("age", age.unsigned_abs());
        if flow.state.phase == Phase::Bypassed {
            out.member_str("bypass", "local");
        }
        out.member_str("state", flow.state.phase.as_str());
        out.member_str("reason", reason.as_str());
        out.member_bool("alerted", flow.state.alerted);
        match flow.state.verdict {
            Verdict::None => {}
            Verdict::Pass => out.member_str("action", "pass"),
            Verdict::Drop => out.member_str("action", "drop"),
        }
        if let Some(app) = flow.state.app.as_deref() {
            let count = app.session().map_or(0, |session| session.live().end);
            if app.protocol().is_some() {
                out.member_number("tx_cnt", count);
            }
        }
        out.end_object();
        metadata(out, flow, rules, &[]);
        if flow.key.protocol() == ip_proto::TCP {
            tcp(out, flow.state.tcp.as_deref(), &mut self.text);
        }
        self.out.end_object();
        sink.record("flow", self.out.as_bytes());
    }

    fn counters(&mut self, flow: &Flow<Conversation>) {
        let ([to_server, to_client], [server_bytes, client_bytes]) = (flow.packets, flow.bytes);
        self.out.member_number("pkts_toserver", to_server);
        self.out.member_number("pkts_toclient", to_client);
        self.out.member_number("bytes_toserver", server_bytes);
        self.out.member_number("bytes_toclient", client_bytes);
    }

    fn times(&mut self, flow: &Flow<Conversation>) {
        let Self { out, stamp, .. } = self;
        out.key("start");
        stamp.write(flow.started_at, out);
        out.key("end");
        stamp.write(flow.last_at, out);
    }

    /// `flow` of an alert: the counters so far and the flow's own ends.
    pub(super) fn flow_summary(&mut self, flow: &Flow<Conversation>) {
        self.out.key("flow");
        self.out.begin_object();
        self.counters(flow);
        let Self { out, stamp, text } = self;
        out.key("start");
        stamp.write(flow.started_at, out);
        let ends = [("src_ip", "src_port", flow.client()), ("dest_ip", "dest_port", flow.server())];
        for (name, _, (host, _)) in ends {
            text.clear();
            decimal::push_address(text, host);
            out.member_plain(name, text);
        }
        if matches!(flow.key.protocol(), ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP) {
            for (_, name, (_, port)) in ends {
                out.member_number(name, port.into());
            }
        }
        out.end_object();
    }
}

fn tcp(out: &mut Writer, session: Option<&TcpSession>, text: &mut Vec<u8>) {
    out.key("tcp");
    out.begin_object();
    let (to_server, to_client) = session.map_or((0, 0), |s| (s.flags(ToServer), s.flags(ToClient)));
    let all = to_server | to_client;
    for (name, flags) in [("tcp_flags", all), ("tcp_flags_ts", to_server), ("tcp_flags_tc", to_client)] {
        text.clear();
        decimal::push_hex(text, &[flags]);
        out.member_plain(name, text);
    }
    let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"];
    for (bit, name) in names.into_iter().enumerate() {
        if all & (1 << bit) != 0 {
            out.member_bool(name, true);
        }
    }
    if let Some(session) = session {
        out.member_str("state", session.state().as_str());
    }
    out.end_object();
}
