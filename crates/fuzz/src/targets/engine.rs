//! The whole engine with a few rules: conversations of every protocol with lost, repeated, swapped, overlapping and
//! damaged segments. This is where reassembly is met.

use super::Target;
use crate::{frames::conversation, mutate::mutated, random::Random};
use phitak_engine::{Config, Engine, Frame, LinkType, RuleFile, Sink, load};
use phitak_model::{Alert, Observation, Timestamp, Transport};
use phitak_protocols::registry::REGISTRY;
use std::{collections::BTreeMap, sync::Arc};

const RULES: &str = r#"
alert tcp any any -> any any (msg:"any"; content:"e"; sid:1;)
alert tcp any any -> any any (msg:"two"; flow:established; content:"HT"; nocase; content:"P"; distance:0; within:9; sid:2;)
alert tcp any any -> any any (msg:"expression"; pcre:"/[a-z]{3,9}\d/"; sid:3;)
alert ip any any -> any any (msg:"large"; dsize:>900; sid:4;)
alert http any any -> any any (msg:"uri"; http.uri; content:"/"; sid:5;)
alert dns any any -> any any (msg:"name"; dns.query; content:"."; sid:6;)
"#;

/// Counts, and reads what it is given.
#[derive(Default)]
struct Counting {
    records: u64,
}

impl Sink for Counting {
    fn record(&mut self, _kind: &'static str, line: &[u8]) {
        self.records += 1;
        let value: Result<serde_json::Value, _> = serde_json::from_slice(line);
        assert!(value.is_ok(), "a record is no JSON: {}", String::from_utf8_lossy(line));
    }

    fn alert(&mut self, _alert: Alert) {}

    fn observation(&mut self, _observation: Observation) {}
}

pub fn target() -> Target {
    let config = config();
    let rules = RuleFile { name: "fuzz.rules".to_owned(), text: RULES.to_owned() };
    let loaded = load(&[rules], &config, BTreeMap::new(), None);
    Target::new("engine", move |random| run(random, &config, &loaded.rules))
}

fn config() -> Config {
    let mut config = Config::default();
    config.decoder.checksums = false;
    config.tcp.checksum_validation = false;
    config
}

fn run(random: &mut Random, config: &Config, rules: &Arc<phitak_engine::Ruleset>) {
    let Some(protocol) = random.pick(REGISTRY) else { return };
    let transport = protocol.transports.first().copied().unwrap_or(Transport::Tcp);
    let port = protocol.ports.first().copied().unwrap_or(80);
    let frames = disturbed(conversation(protocol.sample, transport, port), random);
    let mut config = config.clone();
    config.tcp.midstream = random.once_in(3);
    config.tcp.async_oneside = random.once_in(3);
    config.tcp.inline = random.once_in(4);
    config.flow.flows_max = 1 + random.below(8);
    let mut engine = Engine::new(config, Arc::clone(rules));
    let mut sink = Counting::default();
    let mut micros = 1_790_000_000_000_000;
    for (number, bytes) in frames.iter().enumerate() {
        micros += if random.once_in(30) { 700_000_000 } else { random.below(20_000) as i64 };
        let frame = Frame {
            number: number as u64 + 1,
            at: Timestamp::from_micros(micros),
            link: LinkType::Ethernet,
            wire_length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes,
        };
        engine.frame(&frame, &mut sink);
    }
    engine.finish(&mut sink);
    assert!(sink.records <= 4_096 + 64 * frames.len() as u64, "{} records of {} frames", sink.records, frames.len());
}

/// Loses, repeats, swaps and damages frames; most stay as they are, so that conversations go deep.
fn disturbed(frames: Vec<Vec<u8>>, random: &mut Random) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let all = frames.clone();
    let others: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    for frame in frames {
        match random.below(12) {
            0 => {}
            1 => out.extend([frame.clone(), frame]),
            2 => {
                let place = random.below(out.len() + 1);
                out.insert(place, frame);
            }
            3 => out.push(mutated(&frame, &others, random)),
            4 => out.push(sequence_moved(frame, random)),
            _ => out.push(frame),
        }
    }
    out
}

/// Where the sequence number stands in a frame of ours: 14 bytes Ethernet, 20 IPv4, 4 ports.
const SEQUENCE_AT: std::ops::Range<usize> = 38..42;

/// The same bytes a little earlier or later in the stream: overlaps and gaps.
fn sequence_moved(mut frame: Vec<u8>, random: &mut Random) -> Vec<u8> {
    if let Some(place) = frame.get_mut(SEQUENCE_AT) {
        let mut number = [0; 4];
        number.copy_from_slice(place);
        let by = random.below(64) as u32;
        let moved = u32::from_be_bytes(number).wrapping_add(by).wrapping_sub(32);
        place.copy_from_slice(&moved.to_be_bytes());
    }
    frame
}
