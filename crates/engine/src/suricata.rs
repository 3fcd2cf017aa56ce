//! EVE JSON as Suricata writes it, read back: alerts in the form that may leave the hospital, and what `stats` tell of health.
//!
//! Works on one line at a time. Nothing of a line is trusted; what a field cannot be is left out, and a line without time,
//! addresses or signature is no alert.

use crate::alert::{FIELDS_MAX, leaves};
use phitak_model::{Alert, Evidence, Severity, Timestamp, alert::EVIDENCE_BYTES_MAX};
use serde_json::{Map, Value};

/// Longest line that is read. Suricata's own limit for what it puts into an alert is far below.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// Longest name that is kept of a signature, its class or a protocol, in characters.
const NAME_CHARS_MAX: usize = 512;
/// Most techniques of one alert.
const ATTACK_MAX: usize = 16;
/// Objects of the transaction that an alert's fields come from.
const TRANSACTIONS: &[&str] = &["dns", "fileinfo", "ftp", "http", "smb", "ssh", "tls"];

/// What a line tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Alert(Box<Alert>),
    Stats(Stats),
    /// Any other record: it stays where it is.
    Other,
    /// No record at all.
    Unreadable,
}

/// Counters since Suricata began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub at: Timestamp,
    pub packets: u64,
    pub bytes: u64,
    pub flows: u64,
    /// Packets that the capture let go.
    pub dropped: u64,
    pub rules_loaded: u32,
    pub rules_failed: u32,
}

/// Reads one line, without its line feed.
#[must_use]
pub fn read(line: &[u8]) -> Line {
    if line.len() > LINE_BYTES_MAX {
        return Line::Unreadable;
    }
    let Ok(Value::Object(record)) = serde_json::from_slice(line) else { return Line::Unreadable };
    match text(&record, "event_type") {
        Some("alert") => alert(&record).map_or(Line::Unreadable, |alert| Line::Alert(Box::new(alert))),
        Some("stats") => stats(&record).map_or(Line::Unreadable, Line::Stats),
        Some(_) => Line::Other,
        None => Line::Unreadable,
    }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn name(object: &Map<String, Value>, key: &str) -> Option<String> {
    let text = text(object, key)?;
    Some(text.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect())
}

fn number<T: TryFrom<u64>>(object: &Map<String, Value>, name: &str) -> Option<T> {
    T::try_from(object.get(name)?.as_u64()?).ok()
}

fn moment(record: &Map<String, Value>) -> Option<Timestamp> {
    Timestamp::parse(text(record, "timestamp")?).ok()
}

fn alert(record: &Map<String, Value>) -> Option<Alert> {
    let about = record.get("alert")?.as_object()?;
    let metadata = about.get("metadata").and_then(Value::as_object);
    let words = |name: &str| -> Vec<String> {
        let values = metadata.and_then(|metadata| metadata.get(name)).and_then(Value::as_array);
        let texts = values.into_iter().flatten().filter_map(Value::as_str);
        texts.take(ATTACK_MAX).map(|text| text.chars().take(NAME_CHARS_MAX).collect()).collect()
    };
    let is_critical = words("signature_severity").iter().any(|word| Severity::parse(word) == Some(Severity::Critical));
    let severity = Severity::from_priority(number(about, "severity").unwrap_or(3));
    Some(Alert {
        at: moment(record)?,
        gid: number(about, "gid").unwrap_or(1),
        signature_id: number(about, "signature_id")?,
        rev: number(about, "rev").unwrap_or(0),
        signature: name(about, "signature")?,
        category: name(about, "category").unwrap_or_default(),
        severity: if is_critical { Severity::Critical } else { severity },
        action: name(about, "action").unwrap_or_else(|| "allowed".to_owned()),
        proto: name(record, "proto").unwrap_or_default(),
        src_ip: text(record, "src_ip")?.parse().ok()?,
        src_port: number(record, "src_port"),
        dest_ip: text(record, "dest_ip")?.parse().ok()?,
        dest_port: number(record, "dest_port"),
        app_proto: name(record, "app_proto").filter(|name| name != "failed"),
        flow_id: number(record, "flow_id").unwrap_or(0),
        packet: number(record, "pcap_cnt").unwrap_or(0),
        attack: words("mitre_technique_id"),
        evidence: evidence(record),
        fields: fields(record),
    })
}

fn fields(record: &Map<String, Value>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for name in TRANSACTIONS {
        if let Some(value) = record.get(*name) {
            leaves("", name, value, 1, &mut fields);
        }
    }
    // An alert's files stand in a list of their own.
    if let Some(file) = record.get("files").and_then(Value::as_array).and_then(|files| files.first()) {
        leaves("", "fileinfo", file, 1, &mut fields);
    }
    fields.truncate(FIELDS_MAX);
    fields
}

/// The beginning of the payload that the alert's packet or stream had, where Suricata was told to write it.
fn evidence(record: &Map<String, Value>) -> Option<Evidence> {
    let bytes = base64(text(record, "payload")?, EVIDENCE_BYTES_MAX)?;
    // Without a mark: EVE does not tell where the rule matched.
    Some(Evidence { buffer: "payload".to_owned(), bytes, offset: 0, marks: Vec::new() })
}

/// At most so many bytes of base 64 (RFC 4648, section 4).
fn base64(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0u32, 0u32);
    for letter in text.bytes().take(bytes_max.saturating_mul(2)) {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        held = (held << 6 | u32::from(six)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
        if bytes.len() == bytes_max {
            break;
        }
    }
    Some(bytes)
}

fn stats(record: &Map<String, Value>) -> Option<Stats> {
    let stats = record.get("stats")?.as_object()?;
    let part = |name: &str| stats.get(name).and_then(Value::as_object);
    let count = |of: &str, name: &str| part(of).and_then(|part| number::<u64>(part, name)).unwrap_or(0);
    let engines = part("detect").and_then(|detect| detect.get("engines")).and_then(Value::as_array);
    let engine = engines.and_then(|engines| engines.first()).and_then(Value::as_object);
    let rules = |name: &str| engine.and_then(|engine| number::<u32>(engine, name)).unwrap_or(0);
    Some(Stats {
        at: moment(record)?,
        packets: count("decoder", "pkts"),
        bytes: count("decoder", "bytes"),
        flows: count("flow", "total").max(count("tcp", "sessions")),
        dropped: count("capture", "kernel_drops"),
        rules_loaded: rules("rules_loaded"),
        rules_failed: rules("rules_failed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Suricata 7 writes it, with an answer of DNS in the form of version 2.
    const ALERT: &str = r#"{"timestamp":"2026-11-24T09:14:00.123456+0700","flow_id":1234567890123,"in_iface":"eth0",
        "event_type":"alert","src_ip":"10.1.2.3","src_port":50123,"dest_ip":"203.0.113.9","dest_port":443,"proto":"TCP",
        "tx_id":0,"alert":{"action":"allowed","gid":1,"signature_id":2024792,"rev":4,"signature":"ET EXAMPLE something",
        "category":"A Network Trojan was detected","severity":1,"metadata":{"signature_severity":["Critical"],
        "mitre_technique_id":["T1071"]}},"app_proto":"tls","tls":{"sni":"evil.example","ja3":{"hash":"aa"}},
        "files":[{"filename":"/a","sha256":"bb","size":7}],"dns":{"query":[{"type":"query","rrname":"x.example"}]},
        "payload":"R0VUIC8=","packet":"AAAA","direction":"to_server"}"#;

    fn one_line(text: &str) -> Vec<u8> {
        text.replace('\n', " ").into_bytes()
    }

    #[test]
    fn an_alert_becomes_what_our_own_would_be() {
        let Line::Alert(alert) = read(&one_line(ALERT)) else { panic!("an alert") };
        assert_eq!(alert.at, Timestamp::parse("2026-11-24T02:14:00.123456Z").expect("a moment"));
        assert_eq!((alert.signature_id, alert.rev, alert.severity), (2_024_792, 4, Severity::Critical));
        assert_eq!((alert.src_ip.to_string(), alert.src_port), ("10.1.2.3".to_owned(), Some(50_123)));
        assert_eq!((alert.flow_id, alert.app_proto.as_deref()), (1_234_567_890_123, Some("tls")));
        assert_eq!(alert.attack, ["T1071"]);
        assert_eq!(alert.evidence.as_ref().map(|evidence| evidence.bytes.as_slice()), Some(b"GET /".as_slice()));
        let field = |name: &str| alert.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(field("tls.sni"), Some("evil.example"));
        assert_eq!(field("tls.ja3.hash"), Some("aa"));
        assert_eq!(field("dns.rrname"), Some("x.example"));
        assert_eq!((field("fileinfo.sha256"), field("fileinfo.size")), (Some("bb"), Some("7")));
    }

    #[test]
    fn stats_give_health_and_all_else_stays() {
        let line = r#"{"timestamp":"2026-11-24T02:14:00.000000+0000","event_type":"stats","stats":{"uptime":5,
            "capture":{"kernel_packets":110,"kernel_drops":10},"decoder":{"pkts":100,"bytes":9000},"flow":{"total":7},
            "detect":{"engines":[{"id":0,"rules_loaded":37000,"rules_failed":3}]}}}"#;
        let Line::Stats(stats) = read(&one_line(line)) else { panic!("stats") };
        assert_eq!((stats.packets, stats.bytes, stats.flows, stats.dropped), (100, 9_000, 7, 10));
        assert_eq!((stats.rules_loaded, stats.rules_failed), (37_000, 3));
        let flow = r#"{"timestamp":"2026-11-24T02:14:00.000000+0000","event_type":"flow","src_ip":"10.0.0.1"}"#;
        assert_eq!(read(flow.as_bytes()), Line::Other);
    }

    #[test]
    fn what_is_no_record_is_unreadable_and_odd_values_are_left_out() {
        for bad in ["", "{", "[]", "7", "null", "{}", r#"{"event_type":"alert"}"#, r#"{"event_type":"stats"}"#, "\u{0}"]
        {
            assert_eq!(read(bad.as_bytes()), Line::Unreadable, "{bad:?}");
        }
        let odd = ALERT
            .replace("50123", "-1")
            .replace("\"rev\":4", "\"rev\":\"four\"")
            .replace("R0VUIC8=", "not base 64!")
            .replace("1234567890123", "1e99");
        let Line::Alert(alert) = read(&one_line(&odd)) else { panic!("an alert") };
        assert_eq!((alert.src_port, alert.rev, alert.flow_id, alert.evidence.is_none()), (None, 0, 0, true));
        for (from, to) in [("10.1.2.3", "10.1.2"), ("2024792", "-5"), ("2026-11-24T09", "2026-13-24T09")] {
            assert_eq!(read(&one_line(&ALERT.replace(from, to))), Line::Unreadable, "{to}");
        }
        assert_eq!(read(&vec![b'{'; LINE_BYTES_MAX + 1]), Line::Unreadable);
    }

    #[test]
    fn a_large_alert_is_held_to_its_limits() {
        let many: Vec<String> = (0..500).map(|n| format!("\"k{n}\":\"{}\"", "v".repeat(2_000))).collect();
        let long = ALERT
            .replace("\"sni\":\"evil.example\"", &many.join(","))
            .replace("R0VUIC8=", &"QUFB".repeat(5_000))
            .replace("ET EXAMPLE something", &"ก".repeat(5_000));
        let Line::Alert(alert) = read(&one_line(&long)) else { panic!("an alert") };
        assert!(alert.fields.len() <= FIELDS_MAX && alert.fields.iter().all(|(_, value)| value.len() <= 512));
        assert_eq!(alert.evidence.expect("evidence").bytes, vec![b'A'; EVIDENCE_BYTES_MAX]);
        assert_eq!(alert.signature.chars().count(), NAME_CHARS_MAX);
    }
}
