//! Indicators before traffic: what hits, how it is told, and what a swap in the middle of a capture does.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod wire;

use phitak_engine::{Capture, Config, Engine, Indicators, IndicatorsBuilder, Sink, load};
use phitak_model::{
    Alert, Indicator, IndicatorKind, IndicatorValue, Observation, Severity, Timestamp, indicator::INDICATOR_GID,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use wire::{CLIENT, SERVER, Talk, pcap, udp_frame};

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

fn set(all: &[(IndicatorKind, &str)]) -> Arc<Indicators> {
    let mut builder = IndicatorsBuilder::default();
    for (id, (kind, value)) in (1..).zip(all) {
        builder.add(&Indicator {
            id,
            value: IndicatorValue::parse(*kind, value).expect("a value"),
            severity: Severity::Critical,
            expires_at: Timestamp::from_secs(2_000),
            text: "เว็บไซต์ปลอม".to_owned(),
        });
    }
    Arc::new(builder.build(1))
}

/// Plays frames, with the set in use from the frame of this number on.
fn played(frames: &[Vec<u8>], set: &Arc<Indicators>, from: u64) -> Told {
    let config = Config::default();
    let rules = load(&[], &config, BTreeMap::new(), None).rules;
    let mut engine = Engine::new(config, rules);
    let (mut told, file) = (Told::default(), pcap(frames));
    let mut capture = Capture::new(&file[..]).expect("a capture");
    while let Some(frame) = capture.next_frame().expect("no damage") {
        if frame.number == from {
            engine.set_indicators(Arc::clone(set));
        }
        engine.frame(&frame, &mut told);
    }
    engine.finish(&mut told);
    told
}

fn hits(frames: &[Vec<u8>], all: &[(IndicatorKind, &str)]) -> Vec<u32> {
    played(frames, &set(all), 1).alerts.iter().map(|alert| alert.signature_id).collect()
}

fn get() -> Vec<Vec<u8>> {
    let mut talk = Talk::open(40_000, 80);
    talk.client(b"GET /drop/a.exe?id=7 HTTP/1.1\r\nHost: Files.Evil.example:80\r\n\r\n");
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    talk.close();
    talk.frames
}

fn lookup(name: &str) -> Vec<Vec<u8>> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    vec![udp_frame(5_353, 53, &query)]
}

#[test]
fn a_hit_is_an_ordinary_alert_from_client_to_server() {
    let told = played(&get(), &set(&[(IndicatorKind::Domain, "evil.example")]), 1);
    assert_eq!(told.alerts.len(), 1);
    let alert = &told.alerts[0];
    assert_eq!((alert.gid, alert.signature_id, alert.severity), (INDICATOR_GID, 1, Severity::Critical));
    assert_eq!(alert.signature, "ร่องรอยคนร้าย 1: เว็บไซต์ปลอม");
    assert_eq!((alert.src_ip, alert.dest_ip), (CLIENT.into(), SERVER.into()));
    assert_eq!((alert.dest_port, alert.app_proto.as_deref()), (Some(80), Some("http")));
    let evidence = alert.evidence.as_ref().expect("where it stood");
    assert_eq!((evidence.buffer.as_str(), evidence.bytes.as_slice()), ("http.host", b"files.evil.example".as_slice()));
    assert!(alert.fields.iter().any(|(name, value)| name == "http.hostname" && value.contains("vil.example")));
    let record = told.records.iter().find(|record| record["event_type"] == "alert").expect("a record");
    assert_eq!((&record["alert"]["signature_id"], &record["src_ip"]), (&1.into(), &CLIENT.to_string().into()));
}

#[test]
fn every_kind_hits_where_its_value_passes() {
    let digests = [
        (IndicatorKind::Md5, "5d41402abc4b2a76b9719d911017c592"),
        (IndicatorKind::Sha1, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
        (IndicatorKind::Sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    ];
    for digest in digests {
        assert_eq!(hits(&get(), &[digest]), [1], "{digest:?}");
    }
    let address = SERVER.to_string();
    assert_eq!(hits(&get(), &[(IndicatorKind::Address, &address)]), [1], "one for the flow, not one a packet");
    assert_eq!(hits(&get(), &[(IndicatorKind::Url, "files.evil.example/drop/a.exe")]), [1]);
    assert_eq!(hits(&lookup("www.evil.example"), &[(IndicatorKind::Domain, "evil.example")]), [1]);
    assert!(hits(&get(), &[(IndicatorKind::Url, "files.evil.example/drop")]).is_empty());
    assert!(hits(&lookup("good.example"), &[(IndicatorKind::Domain, "evil.example")]).is_empty());
    let elsewhere =
        [(IndicatorKind::Address, "192.0.3.0/24"), (IndicatorKind::Md5, "00000000000000000000000000000000")];
    assert!(hits(&get(), &elsewhere).is_empty());
}

#[test]
fn a_client_hello_hits_by_name_and_by_its_fingerprints() {
    let hello = client_hello();
    let mut talk = Talk::open(40_000, 443);
    talk.client(&hello);
    let quiet = played(&talk.frames, &set(&[(IndicatorKind::Domain, "nobody.example")]), 1);
    assert!(quiet.alerts.is_empty());
    let record = quiet.records.iter().find(|record| record["event_type"] == "tls").expect("a record");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (name, ja3, ja4) =
        (text(&record["tls"]["sni"]), text(&record["tls"]["ja3"]["hash"]), text(&record["tls"]["ja4"]));
    for (kind, value) in [(IndicatorKind::Domain, name), (IndicatorKind::Ja3, ja3), (IndicatorKind::Ja4, ja4)] {
        assert_eq!(hits(&talk.frames, &[(kind, &value)]), [1], "{value}");
    }
}

/// A client's first message of TLS 1.2 with a name, built by its parts (RFC 5246, section 7.4.1.2).
fn client_hello() -> Vec<u8> {
    let name = b"www.bad.example";
    let mut sni = vec![0];
    sni.extend((name.len() as u16).to_be_bytes());
    sni.extend(name);
    let mut extension = vec![0, 0];
    extension.extend((sni.len() as u16 + 2).to_be_bytes());
    extension.extend((sni.len() as u16).to_be_bytes());
    extension.extend(&sni);
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xc0, 0x2f, 0x00, 0x9c, 1, 0]);
    body.extend((extension.len() as u16).to_be_bytes());
    body.extend(&extension);
    let mut handshake = vec![1, 0];
    handshake.extend((body.len() as u16).to_be_bytes());
    handshake.extend(&body);
    let mut record = vec![22, 3, 1];
    record.extend((handshake.len() as u16).to_be_bytes());
    record.extend(&handshake);
    record
}

#[test]
fn a_swap_reaches_open_flows_and_loses_none_of_their_packets() {
    let frames = get();
    let address = SERVER.to_string();
    let without = played(&frames, &set(&[]), u64::MAX);
    for from in 1..=frames.len() as u64 {
        let told = played(&frames, &set(&[(IndicatorKind::Address, &address)]), from);
        assert_eq!(told.alerts.len(), 1, "swapped in before frame {from}");
        let flow = |told: &Told| {
            let flow = told.records.iter().find(|record| record["event_type"] == "flow").expect("a flow").clone();
            (flow["flow"]["pkts_toserver"].clone(), flow["flow"]["bytes_toclient"].clone())
        };
        assert_eq!(flow(&told), flow(&without), "swapped in before frame {from}");
        let http = |told: &Told| told.records.iter().filter(|record| record["event_type"] == "http").count();
        assert_eq!(http(&told), 1);
    }
}

#[test]
fn a_flow_that_was_told_is_not_told_again_by_the_next_list() {
    let frames = get();
    let address = SERVER.to_string();
    let config = Config::default();
    let rules = load(&[], &config, BTreeMap::new(), None).rules;
    let mut engine = Engine::new(config, rules);
    let (mut told, file) = (Told::default(), pcap(&frames));
    let mut capture = Capture::new(&file[..]).expect("a capture");
    while let Some(frame) = capture.next_frame().expect("no damage") {
        engine.set_indicators(set(&[(IndicatorKind::Address, &address)]));
        engine.frame(&frame, &mut told);
    }
    assert_eq!(told.alerts.len(), 1);
}

#[test]
fn what_has_expired_is_quiet() {
    let address: IndicatorValue =
        IndicatorValue::parse(IndicatorKind::Address, &SERVER.to_string()).expect("an address");
    let mut builder = IndicatorsBuilder::default();
    // Packets of the capture come from second 1,000 on.
    builder.add(&Indicator {
        id: 1,
        value: address,
        severity: Severity::Low,
        expires_at: Timestamp::from_secs(999),
        text: "หมดอายุ".to_owned(),
    });
    assert!(played(&get(), &Arc::new(builder.build(1)), 1).alerts.is_empty());
}
