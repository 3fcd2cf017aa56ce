//! Lines of another program's EVE, as the sensor reads them.

use crate::{mutate::mutated, random::Random};
use phitak_engine::suricata::{Line, read};
use phitak_model::alert::EVIDENCE_BYTES_MAX;
use phitak_uplink::{Item, policy};

const ALERT: &[u8] = br#"{"timestamp":"2026-11-24T09:14:00.123456+0700","flow_id":1234567890123,"event_type":"alert","src_ip":"10.1.2.3","src_port":50123,"dest_ip":"2001:db8::9","dest_port":443,"proto":"TCP","alert":{"action":"allowed","gid":1,"signature_id":2024792,"rev":4,"signature":"ET \u0e01 x","category":"c","severity":1,"metadata":{"signature_severity":["Critical"],"mitre_technique_id":["T1071"]}},"app_proto":"tls","tls":{"sni":"evil.example","ja3":{"hash":"aa"}},"http":{"url":"/a?b=c"},"files":[{"sha256":"bb","size":7}],"dns":{"query":[{"rrname":"x.example"}]},"payload":"R0VUIC8="}"#;
const STATS: &[u8] = br#"{"timestamp":"2026-11-24T02:14:00.000000+0000","event_type":"stats","stats":{"capture":{"kernel_drops":10},"decoder":{"pkts":100,"bytes":9000},"flow":{"total":7},"detect":{"engines":[{"rules_loaded":37000,"rules_failed":3}]}}}"#;

/// Damaged lines are read or not; what is read as an alert keeps its limits and passes the policy.
pub fn run(random: &mut Random) {
    let (seed, other) = if random.below(4) == 0 { (STATS, ALERT) } else { (ALERT, STATS) };
    let line = mutated(seed, &[other], random);
    let Line::Alert(alert) = read(&line) else { return };
    assert!(alert.fields.len() <= 64);
    assert!(alert.evidence.as_ref().is_none_or(|evidence| evidence.bytes.len() <= EVIDENCE_BYTES_MAX));
    policy::clear(&Item::Alert(alert)).expect("an alert can leave");
}
