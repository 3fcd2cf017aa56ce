//! Rules of the centre's list beside a sensor's own: what they tell, what a swap in the middle of a capture does, and that the
//! sensor's own rules notice nothing of it.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod wire;

use phitak_engine::{Capture, Companions, Config, Engine, Loader, RuleFile, Ruleset, Sink, load, rule_list::load_list};
use phitak_model::{Alert, ListedRule, Observation, Timestamp, listed_rule::LISTED_RULE_GID};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use wire::{Talk, pcap};

#[derive(Default)]
struct Told {
    records: Vec<Value>,
    alerts: Vec<Alert>,
}

impl Sink for Told {
    fn record(&mut self, _: &'static str, line: &[u8]) {
        self.records.push(serde_json::from_slice(line).expect("a record is JSON"));
    }

    fn alert(&mut self, alert: Alert) {
        self.alerts.push(alert);
    }

    fn observation(&mut self, _: Observation) {}
}

impl Told {
    /// Group and number of each alert.
    fn signatures(&self) -> Vec<(u32, u32)> {
        self.alerts.iter().map(|alert| (alert.gid, alert.signature_id)).collect()
    }

    /// Everything but the alerts of the list.
    fn own(&self) -> Vec<String> {
        let is_own = |record: &&Value| record["alert"]["gid"] != LISTED_RULE_GID && record["event_type"] != "stats";
        self.records.iter().filter(is_own).map(Value::to_string).collect()
    }
}

const IN_URI: &str =
    r#"alert http any any -> any any (msg:"in the address"; http.uri; content:"/drop/"; sid:9700001;)"#;
const IN_STREAM: &str = r#"alert tcp any any -> any any (msg:"in the stream"; content:"needle"; sid:9700002;)"#;

fn listed(texts: &[&str]) -> Arc<Ruleset> {
    let loader = Loader::new(&Config::default(), Companions::default());
    let rules: Vec<ListedRule> = texts
        .iter()
        .map(|text| {
            let number = text.split("sid:").nth(1).and_then(|rest| rest.split(';').next()).expect("a sid");
            ListedRule {
                sid: number.parse().expect("a number"),
                expires_at: Timestamp::default(),
                text: (*text).to_owned(),
            }
        })
        .collect();
    let loaded = load_list(&loader, &rules);
    assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
    loaded.rules
}

fn engine(own: &str) -> Engine {
    let config = Config::default();
    let file = RuleFile { name: "own.rules".to_owned(), text: own.to_owned() };
    let loaded = load(&[file], &config, BTreeMap::new(), None);
    assert!(loaded.failed.is_empty(), "{:?}", loaded.failed);
    Engine::new(config, loaded.rules)
}

/// Plays frames, with lists that come before frames of these numbers.
fn played(own: &str, frames: &[Vec<u8>], lists: &[(u64, Arc<Ruleset>)]) -> Told {
    let mut engine = engine(own);
    let (mut told, file) = (Told::default(), pcap(frames));
    let mut capture = Capture::new(&file[..]).expect("a capture");
    while let Some(frame) = capture.next_frame().expect("no damage") {
        for (_, list) in lists.iter().filter(|(number, _)| *number == frame.number) {
            engine.set_listed_rules(Arc::clone(list));
        }
        engine.frame(&frame, &mut told);
    }
    engine.finish(&mut told);
    told
}

fn get() -> Vec<Vec<u8>> {
    let mut talk = Talk::open(40_000, 80);
    talk.client(b"GET /drop/a.exe HTTP/1.1\r\nHost: files.evil.example\r\n\r\n");
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nneedle");
    talk.close();
    talk.frames
}

#[test]
fn a_listed_rule_tells_an_ordinary_alert_under_its_own_group() {
    let told = played("", &get(), &[(1, listed(&[IN_URI, IN_STREAM]))]);
    let mut signatures = told.signatures();
    signatures.sort_unstable();
    assert_eq!(signatures, [(LISTED_RULE_GID, 9_700_001), (LISTED_RULE_GID, 9_700_002)]);
    let alert = told.alerts.iter().find(|alert| alert.signature_id == 9_700_001).expect("is there");
    assert_eq!((alert.signature.as_str(), alert.app_proto.as_deref()), ("in the address", Some("http")));
    assert_eq!(alert.evidence.as_ref().map(|evidence| evidence.buffer.as_str()), Some("http.uri"));
}

const OWN: &str = r#"alert http any any -> any any (msg:"own"; http.uri; content:"/drop/"; flowbits:set,seen; sid:1;)
alert tcp any any -> any any (msg:"then"; flow:to_client; content:"needle"; flowbits:isset,seen; sid:2;)
"#;

#[test]
fn a_swap_before_any_frame_changes_nothing_of_what_own_rules_find() {
    let frames = get();
    let without = played(OWN, &frames, &[]);
    assert_eq!(without.signatures(), [(1, 1), (1, 2)]);
    for from in 1..=frames.len() as u64 {
        let lists = [(1, listed(&[IN_URI])), (from, listed(&[IN_URI, IN_STREAM]))];
        assert_eq!(played(OWN, &frames, &lists).own(), without.own(), "swapped before frame {from}");
    }
}

#[test]
fn what_was_told_of_a_transaction_is_not_told_again_by_the_next_list() {
    let frames = get();
    let every: Vec<_> = (1..=frames.len() as u64).map(|number| (number, listed(&[IN_URI]))).collect();
    assert_eq!(played("", &frames, &every).signatures(), [(LISTED_RULE_GID, 9_700_001)]);
}

#[test]
fn an_open_flow_is_looked_at_by_a_new_list_and_let_go_by_one_without_the_rule() {
    let mut talk = Talk::open(40_000, 80);
    let get = b"GET /drop/a HTTP/1.1\r\nHost: h\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let mut ends = Vec::new();
    for _ in 0..3 {
        talk.client(get);
        talk.server(answer);
        ends.push(talk.frames.len() as u64 + 1);
    }
    talk.close();
    let (with, without) = (listed(&[IN_URI]), listed(&[]));
    let told = played("", &talk.frames, &[(ends[0], with), (ends[1], without)]);
    assert_eq!(told.signatures(), [(LISTED_RULE_GID, 9_700_001)], "the second request alone");
}

#[test]
fn a_new_list_looks_at_an_open_stream_from_its_next_bytes_on() {
    let mut talk = Talk::open(40_000, 4_000);
    talk.client(b"hello\r\n");
    talk.server(b"hello\r\n");
    let from = talk.frames.len() as u64 + 1;
    talk.client(b"and a needle\r\n");
    talk.server(b"good bye\r\n");
    talk.close();
    for own in ["", OWN] {
        let told = played(own, &talk.frames, &[(from, listed(&[IN_STREAM]))]);
        assert_eq!(told.signatures(), [(LISTED_RULE_GID, 9_700_002)], "what came after the list");
    }
}

#[test]
fn what_the_sensors_own_rules_let_go_is_not_shown_to_the_list() {
    let own = r#"pass http any any -> any any (msg:"ours"; http.uri; content:"/drop/"; sid:1;)"#;
    let told = played(own, &get(), &[(1, listed(&[IN_URI]))]);
    assert!(told.alerts.is_empty(), "{:?}", told.signatures());
}
