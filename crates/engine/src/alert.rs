//! Alerts in the form that may leave the hospital: with evidence, techniques and the transaction's own fields.

use crate::eve::AlertParts;
use phitak_detect::{Place, Source};
use phitak_model::{Alert, Evidence, Severity, alert::EVIDENCE_BYTES_MAX};
use phitak_packet::packet::ip_proto;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};

/// Bytes shown before a match.
const LEAD_BYTES: usize = 64;
/// Most fields, and the longest value, that an alert carries.
pub(crate) const FIELDS_MAX: usize = 64;
const FIELD_CHARS_MAX: usize = 512;
const DEPTH_MAX: usize = 6;

pub(crate) fn summary(parts: &AlertParts<'_>, fields: Vec<u8>, scratch: &mut Vec<u8>) -> Alert {
    let AlertParts { packet, flow, rule, found, candidates, .. } = parts;
    let ip = packet.ip.as_ref();
    let protocol = ip.map_or(0, |ip| ip.protocol);
    let ported = matches!(protocol, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP);
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let named = |name: &'static str| rule.metadata.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value);
    let severe = named("signature_severity").any(|value| Severity::parse(value) == Some(Severity::Critical));
    Alert {
        at: packet.at,
        gid: rule.gid,
        signature_id: rule.sid,
        rev: rule.rev,
        signature: rule.message.clone(),
        category: rule.category.to_string(),
        severity: if severe { Severity::Critical } else { Severity::from_priority(rule.priority) },
        action: parts.action().to_owned(),
        proto: crate::eve::protocol_name(protocol).map_or_else(|| protocol.to_string(), str::to_owned),
        src_ip: ip.map_or(nobody, |ip| ip.src),
        src_port: ported.then(|| packet.src_port()),
        dest_ip: ip.map_or(nobody, |ip| ip.dst),
        dest_port: ported.then(|| packet.dst_port()),
        app_proto: flow
            .and_then(|(flow, _)| flow.state.app.as_deref())
            .and_then(|app| app.name(candidates))
            .map(str::to_owned),
        flow_id: flow.map_or(0, |(flow, _)| flow.state.id),
        packet: packet.number,
        attack: named("mitre_technique_id").map(str::to_owned).collect(),
        evidence: found.place.and_then(|place| evidence(parts, &place, scratch)),
        fields: flatten(&fields),
    }
}

/// The bytes around a match.
fn evidence(parts: &AlertParts<'_>, place: &Place, scratch: &mut Vec<u8>) -> Option<Evidence> {
    let AlertParts { packet, flow, found, candidates, tcp, .. } = parts;
    match place.source {
        Source::Payload => cut("payload", packet.payload, 0, place),
        Source::Header => None,
        Source::Stream => {
            let (flow, direction) = (*flow)?;
            let session = flow.state.tcp.as_deref()?;
            let from = place.offset.saturating_sub(LEAD_BYTES as u64);
            let (offset, bytes) = session.window(direction, from, tcp);
            cut("payload", bytes, offset, place)
        }
        Source::Buffer { protocol, buffer, instance, direction } => {
            let (flow, _) = (*flow)?;
            let session = flow.state.app.as_deref()?.session()?;
            let transaction = session.transaction(found.transaction?)?;
            let name = candidates.get(protocol)?.decl.buffers.get(usize::from(buffer))?.name;
            scratch.clear();
            let view = transaction.buffer(buffer, direction, instance, scratch)?;
            cut(name, view.bytes, view.offset, place)
        }
    }
}

/// At most [`EVIDENCE_BYTES_MAX`] bytes with the match in them. `base` is where `bytes` begins in the buffer.
fn cut(buffer: &str, bytes: &[u8], base: u64, place: &Place) -> Option<Evidence> {
    let at = usize::try_from(place.offset.checked_sub(base)?).ok()?;
    let length = usize::try_from(place.length).ok()?;
    let start = at.saturating_sub(LEAD_BYTES).min(bytes.len());
    let end = start.saturating_add(EVIDENCE_BYTES_MAX).min(bytes.len());
    let shown = bytes.get(start..end)?;
    let mark_at = at - start;
    let mark_length = length.min(shown.len().checked_sub(mark_at)?);
    Some(Evidence {
        buffer: buffer.to_owned(),
        bytes: shown.to_vec(),
        offset: base.saturating_add(start as u64),
        marks: vec![(u32::try_from(mark_at).ok()?, u32::try_from(mark_length).ok()?)],
    })
}

/// The leaves of a record's object by their paths. Of a list only the first value stands for all; when that is an object,
/// its members stand under the list's own parent (`dns.queries[0].rrname` is `dns.rrname`).
fn flatten(json: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    if let Ok(value) = serde_json::from_slice::<Value>(json) {
        leaves("", "", &value, 0, &mut fields);
    }
    fields
}

pub(crate) fn leaves(parent: &str, path: &str, value: &Value, depth: usize, fields: &mut Vec<(String, String)>) {
    if depth > DEPTH_MAX || fields.len() >= FIELDS_MAX {
        return;
    }
    let text = match value {
        Value::Null => return,
        Value::Object(members) => {
            for (name, member) in members {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(path, &below, member, depth + 1, fields);
            }
            return;
        }
        Value::Array(values) => {
            match values.first() {
                Some(first @ Value::Object(_)) => leaves(parent, parent, first, depth + 1, fields),
                Some(first) => leaves(parent, path, first, depth + 1, fields),
                None => {}
            }
            return;
        }
        Value::String(text) => text.chars().take(FIELD_CHARS_MAX).collect(),
        other => other.to_string(),
    };
    if fields.iter().all(|(known, _)| known != path) {
        fields.push((path.to_owned(), text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_by_eves_names_and_lists_stand_under_their_parent() {
        let json = br#"{"dns":{"type":"request","queries":[{"rrname":"a.example","rrtype":"A"},{"rrname":"b.example"}]},"http":{"status":200,"x":["y"]}}"#;
        let fields = flatten(json);
        let text: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(text, ["dns.rrname=a.example", "dns.rrtype=A", "dns.type=request", "http.status=200", "http.x=y"]);
    }

    #[test]
    fn evidence_holds_the_match_and_at_most_256_bytes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let place = Place { source: Source::Payload, offset: 500, length: 900 };
        let evidence = cut("payload", &bytes, 0, &place).expect("evidence");
        assert_eq!((evidence.offset, evidence.bytes.len(), evidence.marks), (436, 256, vec![(64, 192)]));
        assert!(cut("payload", &bytes, 600, &place).is_none());
    }
}
