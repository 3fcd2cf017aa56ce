//! What the steady state asks of the allocator: nothing for a packet, little for a transaction.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod wire;

use allocation_counter::measure;
use phitak_engine::{Capture, Config, Engine, RuleFile, Sink, load};
use phitak_model::{Alert, Observation};
use std::collections::BTreeMap;
use wire::{Talk, pcap};

/// Allocations of one HTTP request with its answer, parsed, inspected and recorded.
const PER_TRANSACTION_MAX: u64 = 60;

/// Content in streams, packets, buffers and a growing body; none of it stands in the traffic.
const RULES: &str = "alert tcp any any -> any any (msg:\"a\"; content:\"nowhere to be seen\"; sid:1;)\n\
    alert tcp any any -> any any (msg:\"b\"; content:\"neither\"; depth:20; sid:2;)\n\
    alert tcp any any -> any any (msg:\"c\"; dsize:>10; content:\"nor this\"; sid:3;)\n\
    alert tcp any any -> any any (msg:\"d\"; flags:U; sid:4;)\n\
    alert http any any -> any any (msg:\"e\"; file.data; content:\"absent\"; sid:5;)\n\
    alert http any any -> any any (msg:\"f\"; http.uri; content:\"/absent\"; sid:6;)\n\
    alert udp any any -> any any (msg:\"g\"; content:\"absent\"; sid:7;)\n";

#[derive(Default)]
struct Counted {
    records: u64,
}

impl Sink for Counted {
    fn record(&mut self, _kind: &'static str, _line: &[u8]) {
        self.records += 1;
    }

    fn alert(&mut self, _alert: Alert) {}

    fn observation(&mut self, _observation: Observation) {}
}

fn engine(rules: &str) -> Engine {
    let file = RuleFile { name: "test.rules".to_owned(), text: rules.to_owned() };
    let config = Config::default();
    let loaded = load(&[file], &config, BTreeMap::new(), None);
    assert!(loaded.failed.is_empty(), "{:?}", loaded.failed);
    Engine::new(config, loaded.rules)
}

/// Feeds all frames and gives the allocations of those behind the first `warm` ones, and their number.
fn allocations(engine: &mut Engine, frames: &[Vec<u8>], warm: usize) -> (u64, u64) {
    let file = pcap(frames);
    let mut capture = Capture::new(&file[..]).expect("a capture");
    let mut sink = Counted::default();
    let mut counted = (0, 0);
    while let Some(frame) = capture.next_frame().expect("no damage") {
        let info = measure(|| engine.frame(&frame, &mut sink));
        if frame.number > warm as u64 {
            counted = (counted.0 + info.count_total, counted.1 + 1);
        }
    }
    counted
}

/// The first `segments` segments of a longer download, all within one transaction.
fn download(segments: usize) -> Vec<Vec<u8>> {
    let mut talk = Talk::open(40_000, 80);
    talk.client(b"GET /file HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", (segments + 1) * 1_000).as_bytes());
    for n in 0..segments {
        talk.server(&[b'a' + (n % 26) as u8; 1_000]);
    }
    talk.frames
}

#[test]
fn packets_of_a_download_allocate_nothing() {
    for rules in ["", RULES] {
        let frames = download(900);
        let (allocations, packets) = allocations(&mut engine(rules), &frames, frames.len() / 2);
        assert_eq!(allocations, 0, "in {packets} packets, with rules of {} bytes", rules.len());
    }
}

#[test]
fn packets_of_an_unknown_protocol_allocate_nothing() {
    for rules in ["", RULES] {
        let mut talk = Talk::open(40_001, 40_002);
        for n in 0..600_u32 {
            talk.client(&[&n.to_be_bytes()[..], &[0x80; 500]].concat());
            talk.server(&[&n.to_be_bytes()[..], &[0x81; 700]].concat());
        }
        let warm = talk.frames.len() / 2;
        let (allocations, packets) = allocations(&mut engine(rules), &talk.frames, warm);
        assert_eq!(allocations, 0, "in {packets} packets, with rules of {} bytes", rules.len());
    }
}

#[test]
fn datagrams_of_an_unknown_protocol_allocate_nothing() {
    for rules in ["", RULES] {
        let frames: Vec<Vec<u8>> = (0..200).map(|n| wire::udp_frame(5_000, 5_001, &[n, 2, 3, 4, 0xff])).collect();
        let (allocations, packets) = allocations(&mut engine(rules), &frames, 100);
        assert_eq!(allocations, 0, "in {packets} packets, with rules of {} bytes", rules.len());
    }
}

#[test]
fn a_transaction_allocates_within_its_bound() {
    for rules in ["", RULES] {
        let mut talk = Talk::open(40_003, 80);
        let transactions = 200;
        for n in 0..transactions {
            talk.client(format!("GET /page/{n} HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: x\r\n\r\n").as_bytes());
            talk.server(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
        }
        let warm = talk.frames.len() / 2;
        let (allocations, _) = allocations(&mut engine(rules), &talk.frames, warm);
        let each = allocations / (transactions / 2);
        assert!(each <= PER_TRANSACTION_MAX, "{each} allocations for each transaction");
    }
}

#[test]
fn the_counter_counts() {
    let info = measure(|| drop(Vec::<u8>::with_capacity(100)));
    assert_eq!(info.count_total, 1);
}
