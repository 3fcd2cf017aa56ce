//! A law over every protocol: how a stream was cut into packets changes nothing of what it tells.

#[allow(dead_code, reason = "another test file uses the rest of it")]
mod wire;

use phitak_engine::{Capture, Config, Engine, RuleFile, Sink, load};
use phitak_model::{Alert, Direction, Observation, Transport};
use phitak_protocols::REGISTRY;
use serde_json::Value;
use std::collections::BTreeMap;
use wire::{Talk, pcap};

/// What was told of the session's contents; when, and by how many packets, is left out.
#[derive(Default)]
struct Contents {
    records: Vec<Value>,
    facts: Vec<String>,
}

impl Sink for Contents {
    fn record(&mut self, kind: &'static str, line: &[u8]) {
        let mut value: Value = serde_json::from_slice(line).expect("a record is JSON");
        if kind == "stats" {
            return;
        }
        let members = value.as_object_mut().expect("a record is an object");
        for name in ["timestamp", "pcap_cnt", "pkt_src"] {
            members.remove(name);
        }
        // What a file or an event came with, and by whose packet, is as far as the session had come by then.
        if kind == "fileinfo" || kind == "anomaly" {
            members.retain(|name, _| name == kind || name == "tx_id");
        }
        if let Some(flow) = members.get_mut("flow").and_then(Value::as_object_mut) {
            flow.retain(|name, _| ["alerted", "state", "tx_cnt"].contains(&name.as_str()));
        }
        self.records.push(value);
    }

    fn alert(&mut self, _: Alert) {}

    fn observation(&mut self, observation: Observation) {
        self.facts.push(format!("{} {:?}", observation.host, observation.fact));
    }
}

/// The turns of a conversation, cut after so many bytes each time; `sizes` are used in a circle.
fn told(turns: &[(Direction, &[u8])], port: u16, sizes: &[usize]) -> Contents {
    let mut talk = Talk::open(40_000, port);
    let mut sizes = sizes.iter().cycle();
    for (direction, bytes) in turns {
        let mut rest = *bytes;
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at((*sizes.next().expect("a size")).min(rest.len()));
            match direction {
                Direction::ToServer => talk.client(piece),
                Direction::ToClient => talk.server(piece),
            }
            rest = tail;
        }
    }
    talk.close();
    let config = Config::default();
    let file = RuleFile { name: "none.rules".to_owned(), text: String::new() };
    let loaded = load(&[file], &config, BTreeMap::new(), None);
    let mut engine = Engine::new(config, loaded.rules);
    let mut contents = Contents::default();
    let file = pcap(&talk.frames);
    let mut capture = Capture::new(&file[..]).expect("a capture");
    while let Some(frame) = capture.next_frame().expect("no damage") {
        engine.frame(&frame, &mut contents);
    }
    engine.finish(&mut contents);
    contents.records.sort_by_key(ToString::to_string);
    contents.facts.sort();
    contents
}

#[test]
fn any_cut_of_a_stream_tells_the_same() {
    // Samples of protocols that also go by datagrams are datagrams.
    for protocol in REGISTRY.iter().filter(|p| p.transports == [Transport::Tcp]) {
        let name = protocol.decl.name;
        let port = protocol.ports.first().copied().unwrap_or(4_000);
        let whole = told(protocol.sample, port, &[usize::MAX]);
        // One that is tried on no port at all is only believed when another flow or an upgrade has announced it.
        let is_announced_only = protocol.only_on_ports && protocol.ports.is_empty();
        let is_recognised = whole.records.iter().any(|r| r["app_proto"] == name);
        assert_eq!(is_recognised, !is_announced_only, "{name} in its sample, of which nothing was announced");
        for sizes in [&[1][..], &[2], &[3, 1, 7], &[16, 5], &[1, 100], &[1_000, 1]] {
            let cut = told(protocol.sample, port, sizes);
            assert_eq!(cut.records, whole.records, "{name} in pieces of {sizes:?}");
            assert_eq!(cut.facts, whole.facts, "{name} in pieces of {sizes:?}");
        }
    }
}
