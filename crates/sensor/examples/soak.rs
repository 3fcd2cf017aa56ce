//! Reads one capture over and over, each round from other hosts and later, and tells the memory that the engine has then.
//!
//! usage: soak CAPTURE [ROUNDS] [RULES] [FLOWS]
//!
//! Each round changes the second and third byte of every IPv4 address (Ethernet only), so that its flows are new, and moves
//! time to behind the round before; checksums are not looked at. One line a round: packets, flows, evictions, and resident
//! memory. Once the tables are full, memory must not grow any more: FLOWS makes the table of flows so small that it fills.

use anyhow::{Context, Result};
use phitak_engine::{Capture, Config, Engine, Frame, RuleFile, Sink, load};
use phitak_model::{Alert, Observation, Timestamp};
use std::{collections::BTreeMap, fs};

/// The sensor's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Counts what it is told and keeps nothing.
#[derive(Default)]
struct Count {
    records: u64,
    bytes: u64,
}

impl Sink for Count {
    fn record(&mut self, _: &'static str, line: &[u8]) {
        self.records += 1;
        self.bytes += line.len() as u64;
    }

    fn alert(&mut self, _: Alert) {}

    fn observation(&mut self, _: Observation) {}
}

fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

/// The frame with other IPv4 addresses for each round but the first.
fn moved(bytes: &mut [u8], round: u16) {
    let mut at = 12;
    while matches!(bytes.get(at..at + 2), Some([0x81, 0x00] | [0x88, 0xa8])) {
        at += 4;
    }
    if bytes.get(at..at + 2) != Some(&[8, 0]) {
        return;
    }
    let [high, low] = round.to_be_bytes();
    for (place, change) in [(13, low), (14, high), (17, low), (18, high)] {
        if let Some(byte) = bytes.get_mut(at + 2 + place) {
            *byte ^= change;
        }
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let path = args.next().context("usage: soak CAPTURE [ROUNDS] [RULES] [FLOWS]")?;
    let rounds: u16 = args.next().map_or(Ok(10), |rounds| rounds.parse()).context("ROUNDS is a number")?;
    let file = fs::read(&path).with_context(|| path.clone())?;
    let mut rules = Vec::new();
    if let Some(name) = args.next() {
        let text = fs::read_to_string(&name).with_context(|| name.clone())?;
        rules.push(RuleFile { name, text });
    }
    let mut config = Config::default();
    config.decoder.checksums = false;
    if let Some(flows) = args.next() {
        config.flow.flows_max = flows.parse().context("FLOWS is a number")?;
    }
    let loaded = load(&rules, &config, BTreeMap::new(), None);
    drop(rules);
    let mut engine = Engine::new(config, loaded.rules);
    let (mut count, mut packets, mut bytes) = (Count::default(), 0_u64, Vec::new());
    let (mut first, mut last) = (None, Timestamp::default());
    for round in 0..rounds {
        let mut capture = Capture::new(&file[..])?;
        let shift_secs = first.map_or(0, |first| last.micros_since(first) / 1_000_000 + 1);
        while let Some(frame) = capture.next_frame()? {
            first.get_or_insert(frame.at);
            let at = frame.at.plus_secs(shift_secs);
            bytes.clear();
            bytes.extend_from_slice(frame.bytes);
            moved(&mut bytes, round);
            engine.frame(&Frame { at, bytes: &bytes, ..frame }, &mut count);
            packets += 1;
            last = last.max(at);
        }
        println!(
            "round {round}: {packets} packets, {} flows, {} evicted, {} records, {} MiB resident",
            engine.flows(),
            engine.counters().flows_evicted,
            count.records,
            resident_mib()
        );
    }
    engine.finish(&mut count);
    println!("end: {} records of {} bytes, {} MiB resident", count.records, count.bytes, resident_mib());
    Ok(())
}
