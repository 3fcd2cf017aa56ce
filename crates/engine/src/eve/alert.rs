//! `alert` and packet `anomaly` records.

use super::{
    Records,
    head::{Ends, Head},
};
use crate::{Sink, conversation::Conversation, recognition::Candidates};
use phitak_detect::{Detail, Match, RuleInfo, Ruleset, Source};
use phitak_model::{
    Direction::{self, ToServer},
    json::Writer,
};
use phitak_packet::{Packet, flow::Flow, tcp::TcpSettings};
use phitak_rules::{Action, pattern::CaptureScope};

/// All that an alert is told from.
pub(crate) struct AlertParts<'a> {
    pub packet: &'a Packet<'a>,
    pub flow: Option<(&'a Flow<Conversation>, Direction)>,
    pub rule: &'a RuleInfo,
    pub found: &'a Match,
    /// What the rule kept of its match.
    pub details: &'a [&'a Detail],
    pub rules: &'a Ruleset,
    pub candidates: &'a Candidates,
    pub tcp: &'a TcpSettings,
}

impl AlertParts<'_> {
    /// Suricata's word for what was done: nothing is ever blocked by watching, but rejecting is an act of its own.
    pub(crate) fn action(&self) -> &'static str {
        match self.found.action {
            Action::Reject => "blocked",
            Action::Alert | Action::Pass | Action::Drop | Action::Config => "allowed",
        }
    }
}

impl Records {
    /// Writes the record, and gives back the JSON object of the transaction's own fields.
    pub(crate) fn alert(&mut self, parts: &AlertParts<'_>, sink: &mut dyn Sink) -> Vec<u8> {
        let AlertParts { packet, flow, rule, found, details, rules, candidates, .. } = parts;
        let head = Head {
            kind: "alert",
            at: packet.at,
            packet: Some(packet),
            flow: flow.map(|(flow, _)| flow),
            ends: Ends::Packet,
        };
        self.begin(&head);
        let out = &mut self.out;
        if let Some((flow, _)) = flow {
            metadata(out, flow, rules, details);
        }
        if let Some(id) = found.transaction {
            out.member_number("tx_id", id);
        }
        out.key("alert");
        out.begin_object();
        out.member_str("action", parts.action());
        out.member_number("gid", rule.gid.into());
        out.member_number("signature_id", rule.sid.into());
        out.member_number("rev", rule.rev.into());
        out.member_str("signature", &rule.message);
        out.member_str("category", &rule.category);
        out.member_number("severity", rule.priority.into());
        rule_metadata(out, rule);
        context(out, details);
        out.end_object();
        let mut fields = Vec::new();
        if let Some((flow, direction)) = flow {
            if let Some(id) = found.transaction {
                fields = own_fields(flow, id);
                self.transaction_fields(flow, id);
                self.files_of(flow, id, *direction);
                frame(&mut self.out, parts, flow, id);
            }
            self.app_protocol(flow, candidates);
            let way = if *direction == ToServer { "to_server" } else { "to_client" };
            self.out.member_str("direction", way);
            self.flow_summary(flow);
        }
        self.out.end_object();
        sink.record("alert", self.out.as_bytes());
        fields
    }

    pub(crate) fn packet_anomaly(
        &mut self,
        packet: &Packet<'_>,
        flow: Option<(&Flow<Conversation>, Direction)>,
        kind: &str,
        prefix: &str,
        name: &str,
        sink: &mut dyn Sink,
    ) {
        let head = Head {
            kind: "anomaly",
            at: packet.at,
            packet: Some(packet),
            flow: flow.map(|(flow, _)| flow),
            ends: Ends::Packet,
        };
        self.begin(&head);
        let Self { out, text, .. } = self;
        text.clear();
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(name.as_bytes());
        out.key("anomaly");
        out.begin_object();
        out.member_str("type", kind);
        out.member_bytes("event", text);
        out.end_object();
        out.end_object();
        sink.record("anomaly", out.as_bytes());
    }
}

/// `frame` of an alert: the frame in which its rule looked.
fn frame(out: &mut Writer, parts: &AlertParts<'_>, flow: &Flow<Conversation>, id: u64) {
    let Some(Source::Buffer { protocol, buffer, instance, direction }) = parts.found.place.map(|place| place.source)
    else {
        return;
    };
    let name = parts.rules.buffer_name(protocol, buffer).and_then(|name| name.strip_prefix("frame:"));
    let session = flow.state.app.as_deref().and_then(|app| app.session());
    let transaction = session.and_then(|session| session.transaction(id));
    let (Some(name), Some(transaction)) = (name, transaction) else { return };
    let mut scratch = Vec::new();
    let Some(view) = transaction.buffer(buffer, direction, instance, &mut scratch) else { return };
    out.key("frame");
    out.begin_object();
    out.member_str("type", name);
    out.member_number("id", u64::from(instance).saturating_add(1));
    out.member_str("direction", if direction == ToServer { "toserver" } else { "toclient" });
    out.member_number("length", view.bytes.len() as u64);
    out.member_bool("complete", view.complete);
    out.member_number("tx_id", id);
    out.end_object();
}

/// The transaction's members as one object.
fn own_fields(flow: &Flow<Conversation>, id: u64) -> Vec<u8> {
    let session = flow.state.app.as_deref().and_then(|app| app.session());
    let Some(transaction) = session.and_then(|session| session.transaction(id)) else { return Vec::new() };
    let mut out = Writer::new();
    out.begin_object();
    transaction.write_eve(&mut out);
    out.end_object();
    out.as_bytes().to_vec()
}

/// `alert.metadata`: each name once, with all its values.
fn rule_metadata(out: &mut Writer, rule: &RuleInfo) {
    if rule.metadata.is_empty() {
        return;
    }
    out.key("metadata");
    out.begin_object();
    for (at, (name, _)) in rule.metadata.iter().enumerate() {
        let first = rule.metadata.iter().position(|(other, _)| other == name) == Some(at);
        if !first {
            continue;
        }
        out.key(name);
        out.begin_array();
        for (_, value) in rule.metadata.iter().filter(|(other, _)| *other == name) {
            out.string(value);
        }
        out.end_array();
    }
    out.end_object();
}

/// `metadata` with flow bits and numbers, and `traffic` with the bits that label traffic.
pub(super) fn metadata(out: &mut Writer, flow: &Flow<Conversation>, rules: &Ruleset, details: &[&Detail]) {
    let detect = &flow.state.detect;
    let (mut ids, mut labels, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for name in detect.flowbits(rules) {
        if let Some(id) = name.strip_prefix("traffic/id/") {
            ids.push(id);
        } else if let Some(label) = name.strip_prefix("traffic/label/") {
            labels.push(label);
        } else {
            plain.push(name);
        }
    }
    if !ids.is_empty() || !labels.is_empty() {
        out.key("traffic");
        out.begin_object();
        list(out, "id", &ids);
        list(out, "label", &labels);
        out.end_object();
    }
    let numbers: Vec<(&str, u32)> = detect.flowints(rules).collect();
    let of_flow: Vec<(&str, &[u8])> = detect.flowvars().collect();
    let of_packet: Vec<(&str, &[u8])> = captured(details, CaptureScope::Packet).collect();
    if plain.is_empty() && numbers.is_empty() && of_flow.is_empty() && of_packet.is_empty() {
        return;
    }
    out.key("metadata");
    out.begin_object();
    list(out, "flowbits", &plain);
    variables(out, "flowvars", &of_flow);
    variables(out, "pktvars", &of_packet);
    if !numbers.is_empty() {
        out.key("flowints");
        out.begin_object();
        for (name, value) in numbers {
            out.member_number(name, value.into());
        }
        out.end_object();
    }
    out.end_object();
}

/// Groups that the rule's expressions captured.
fn captured<'a>(details: &'a [&'a Detail], wanted: CaptureScope) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    details.iter().filter_map(move |detail| match detail {
        Detail::Captured { scope, name, bytes } if *scope == wanted => Some((&**name, &**bytes)),
        _ => None,
    })
}

/// `alert.context`: members of data sets, and groups captured for the alert.
fn context(out: &mut Writer, details: &[&Detail]) {
    let members = details.iter().filter_map(|detail| match detail {
        Detail::Context { key, json } => Some((key, json)),
        Detail::Captured { .. } => None,
    });
    let mut open = false;
    for (key, json) in members {
        if !std::mem::replace(&mut open, true) {
            out.key("context");
            out.begin_object();
        }
        out.key(key);
        out.raw(json.as_bytes());
    }
    for (name, bytes) in captured(details, CaptureScope::Alert) {
        if !std::mem::replace(&mut open, true) {
            out.key("context");
            out.begin_object();
        }
        out.member_bytes(name, bytes);
    }
    if open {
        out.end_object();
    }
}

fn variables(out: &mut Writer, name: &str, values: &[(&str, &[u8])]) {
    if values.is_empty() {
        return;
    }
    out.key(name);
    out.begin_array();
    for (name, bytes) in values {
        out.begin_object();
        out.member_bytes(name, bytes);
        out.end_object();
    }
    out.end_array();
}

fn list(out: &mut Writer, name: &str, values: &[&str]) {
    if values.is_empty() {
        return;
    }
    out.key(name);
    out.begin_array();
    for value in values {
        out.string(value);
    }
    out.end_array();
}
