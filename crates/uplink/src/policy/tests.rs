use super::*;
use phitak_model::{
    ActiveRules, Alert, Database, Evidence, Fact, Health, Loss, LossCause, Observation, RefusedRule, Severity,
    TlsVersion, alert::EVIDENCE_BYTES_MAX, thai::is_national_id,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn national_id(twelve: u64) -> String {
    let first = format!("{:012}", twelve % 1_000_000_000_000);
    (0..10).map(|last| format!("{first}{last}")).find(|id| is_national_id(id.as_bytes())).expect("one digit checks")
}

/// The number as people write it.
fn written(id: &str, style: u8) -> String {
    let groups = |mark: &str| [&id[..1], &id[1..5], &id[5..10], &id[10..12], &id[12..]].join(mark);
    match style % 7 {
        0 => id.to_owned(),
        1 => groups("-"),
        2 => groups(" "),
        3 => groups("."),
        4 => format!("00{id}99"),
        5 => groups("%2D"),
        _ => id.chars().map(|digit| char::from_u32(0x0e50 + u32::from(digit) - 0x30).expect("a Thai digit")).collect(),
    }
}

/// Reads digits the naive way: every separator dropped, every window looked at.
fn holds_national_id(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).replace("%2D", "-");
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, '-' | ' ' | '.'))
        .map(|c| match c {
            '0'..='9' => c as u8,
            '๐'..='๙' => b'0' + (u32::from(c) - 0x0e50) as u8,
            _ => b'|',
        })
        .collect();
    digits.windows(13).any(is_national_id)
}

fn dirty() -> impl Strategy<Value = String> {
    ("[a-zก-ฮ =&?/]{0,12}", any::<u64>(), any::<u8>(), "[a-zก-ฮ =&?/]{0,12}")
        .prop_map(|(before, id, style, after)| format!("{before}|{}|{after}", written(&national_id(id), style)))
}

fn alert() -> impl Strategy<Value = Alert> {
    let texts = prop::collection::vec(dirty(), 6);
    let names = prop::sample::select(vec![
        "http.hostname",
        "http.url",
        "http.cookie",
        "dns.rrname",
        "smtp.rcpt_to",
        "tls.fingerprint",
    ]);
    let fields = prop::collection::vec((names, dirty()), 0..6);
    let bytes = (prop::collection::vec(any::<u8>(), 0..80), dirty(), 0..1000u64);
    (texts, fields, bytes, any::<u64>(), any::<[u8; 16]>()).prop_map(
        |(texts, fields, (mut bytes, more, offset), number, address)| {
            bytes.extend_from_slice(more.as_bytes());
            let mut texts = texts.into_iter();
            let mut text = || texts.next().expect("six texts");
            Alert {
                at: Timestamp::from_secs(1_790_000_000),
                gid: 1,
                signature_id: 9_000_001,
                rev: 2,
                signature: text(),
                category: text(),
                severity: Severity::High,
                action: text(),
                proto: "TCP".into(),
                src_ip: address.into(),
                src_port: Some(number as u16),
                dest_ip: address.into(),
                dest_port: None,
                app_proto: Some(text()),
                flow_id: number,
                packet: number / 2,
                attack: vec![text()],
                evidence: Some(Evidence { buffer: text(), bytes, offset, marks: vec![(0, 1)] }),
                fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            }
        },
    )
}

fn every_fact() -> Vec<Fact> {
    let text = String::new;
    let at = Timestamp::from_secs(1);
    vec![
        Fact::Alive,
        Fact::Named { name: text(), source: text() },
        Fact::Serves { port: 1, protocol: text() },
        Fact::Uses { protocol: text() },
        Fact::Refused { port: 1 },
        Fact::SmbDialect { port: 1, dialect: text() },
        Fact::TelnetLogin { port: 1 },
        Fact::FtpLogin { port: 1, tls: false },
        Fact::TlsServed { port: 1, version: TlsVersion::Tls10 },
        Fact::Certificate { port: 1, subject: text(), issuer: text(), not_after: at, fingerprint_sha256: text() },
        Fact::DatabaseLogin { port: 1, database: Database::Mysql, tls: false },
    ]
}

fn observation(fact: Fact) -> Observation {
    let at = Timestamp::from_secs(1_790_000_000);
    Observation { first_at: at, last_at: at, count: 2, host: [10, 0, 0, 7].into(), mac: None, fact }
}

/// Every leaf's path, as the list names it.
fn leaves(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, below)| {
            leaves(below, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, out);
        }),
        Value::Array(list) if path == NAMED_FIELDS => list.iter().for_each(|pair| {
            out.insert(format!("{path}.{}", pair[0].as_str().expect("a name")));
        }),
        Value::Array(list) if list.iter().any(Value::is_object) => {
            list.iter().for_each(|below| leaves(below, path, out))
        }
        _ => {
            out.insert(path.to_owned());
        }
    }
}

fn check_cleared(item: &Item) -> Item {
    let cleared = clear(item).expect("clears");
    let value: Value = serde_json::from_slice(cleared.json()).expect("JSON");
    let mut found = BTreeSet::new();
    leaves(&value, "", &mut found);
    let containers = ["alert.evidence", "alert.fields", "health.losses", "health.rule_list.refused"];
    for path in found {
        let listed = field(&path).is_some() || containers.contains(&path.as_str());
        assert!(listed, "{path} leaves and is not listed");
    }
    serde_json::from_value(value).expect("still an item")
}

fn check_no_ids(item: &Item) {
    let Item::Alert(alert) = item else { panic!("an alert") };
    let mut texts = vec![&alert.signature, &alert.category, &alert.action];
    texts.extend(&alert.app_proto);
    texts.extend(&alert.attack);
    texts.extend(alert.fields.iter().map(|(_, value)| value));
    let evidence = alert.evidence.as_ref().expect("evidence stays");
    texts.push(&evidence.buffer);
    for text in texts {
        assert!(!holds_national_id(text.as_bytes()), "{text}");
    }
    assert!(!holds_national_id(&evidence.bytes));
}

proptest! {
    #[test]
    fn no_valid_national_id_and_nothing_unlisted_leaves_in_an_alert(alert in alert()) {
        let cleared = check_cleared(&Item::Alert(Box::new(alert)));
        check_no_ids(&cleared);
        let Item::Alert(alert) = cleared else { panic!("an alert") };
        for (name, value) in &alert.fields {
            prop_assert!(!matches!(name.as_str(), "http.cookie" | "smtp.rcpt_to"), "{}", name);
            prop_assert!(name != "tls.fingerprint" || value.is_empty(), "no fingerprint: {}", value);
        }
    }

    #[test]
    fn no_valid_national_id_leaves_in_an_observation(text in dirty()) {
        let names = Fact::Certificate {
            port: 443, subject: text.clone(), issuer: text.clone(), not_after: Timestamp::from_secs(1), fingerprint_sha256: text.clone(),
        };
        for fact in [names, Fact::Named { name: text.clone(), source: text }] {
            let cleared = clear(&Item::Observation(observation(fact))).expect("clears");
            prop_assert!(!holds_national_id(cleared.json()), "{}", String::from_utf8_lossy(cleared.json()));
        }
    }
}

#[test]
fn the_list_is_sorted_and_each_field_has_its_reason_in_both_languages() {
    assert!(FIELDS.is_sorted_by(|a, b| a.path < b.path));
    for field in FIELDS {
        assert!(field.th.chars().any(|c| ('ก'..='๙').contains(&c)), "{}", field.path);
        assert!(field.en.is_ascii() && !field.en.is_empty(), "{}", field.path);
    }
}

#[test]
fn every_fact_and_a_full_health_report_leave_whole() {
    for fact in every_fact() {
        let item = Item::Observation(observation(fact));
        assert_eq!(check_cleared(&item), item);
    }
    let at = Timestamp::from_secs(1_790_000_000);
    let loss = Loss { cause: LossCause::SpoolFull, count: 3, from: at, until: at };
    let refused = vec![RefusedRule { sid: 9_700_001, why: "its pattern is too short".into() }];
    let rule_list = Some(ActiveRules { entries: 3, refused_count: 1, refused });
    let (version, losses) = ("0.1.0".into(), vec![loss]);
    let item = Item::Health(Health { at, version, packets: 9, losses, rule_list, ..Health::default() });
    assert_eq!(check_cleared(&item), item);
}

#[test]
fn a_field_that_nobody_listed_stays() {
    let mut value = serde_json::json!({
        "alert": {"at": "2026-11-24T02:14:00Z", "patient": "x", "evidence": {"bytes": [1], "offset": 0, "payload_printable": "x"}, "http": {"cookie": "x"}},
        "secret": 1,
    });
    keep_listed(value.as_object_mut().expect("a map"), "");
    assert_eq!(
        value,
        serde_json::json!({"alert": {"at": "2026-11-24T02:14:00Z", "evidence": {"bytes": [1], "offset": 0}}})
    );
}

#[test]
fn what_was_typed_into_a_page_stays() {
    let check = |url: &str, left: &str| {
        let mut text = url.to_owned();
        cut_hidden_values(&mut text);
        cut_query_values(&mut text);
        assert_eq!(text, left);
    };
    check("/find?name=somchai&page=2#top", "/find?name=&page=");
    check("/find?somchai", "/find?");
    check("/a/b#somchai", "/a/b");
    check("/a/b", "/a/b");
    check("http://user:geheim@his/x?a=1", "http://his/x?a=");
    check("/p;password=geheim;hn=1/q;x?a=1", "/p/q?a=");
    check("/find%3Fname=somchai&x=1", "/find");
    check("/find%253fname=somchai", "/find");
    check("/a@b", "/a@b");
}

#[test]
fn an_alert_of_any_size_leaves_within_the_limit() {
    let long = "\u{1}".repeat(100_000);
    let fields = vec![("http.hostname".to_owned(), long.clone()); 500];
    let item = Item::Alert(Box::new(Alert {
        at: Timestamp::from_secs(1),
        gid: 1,
        signature_id: 1,
        rev: 1,
        signature: long.clone(),
        category: long.clone(),
        severity: Severity::Low,
        action: long.clone(),
        proto: long.clone(),
        src_ip: [10, 0, 0, 1].into(),
        src_port: None,
        dest_ip: [10, 0, 0, 2].into(),
        dest_port: None,
        app_proto: Some(long.clone()),
        flow_id: u64::MAX,
        packet: 1,
        attack: vec!["T1486".into(); 500],
        evidence: Some(Evidence { buffer: long, bytes: vec![7; 4 * EVIDENCE_BYTES_MAX], offset: 0, marks: vec![] }),
        fields,
    }));
    let cleared = clear(&item).expect("clears");
    assert!(cleared.json().len() <= RECORD_BYTES_MAX);
    assert!(matches!(serde_json::from_slice(cleared.json()), Ok(Item::Alert(_))));
}
