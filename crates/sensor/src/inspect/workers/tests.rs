//! Any number of workers writes what one engine alone writes.

use super::*;
use crate::rules::{RuleSettings, load_rules};
use phitak_engine::{Capture, Config, Filter};
use std::{fs, path::Path};

const RULES: &str = "\
alert udp any any -> any any (content:\"probe\"; threshold:type limit,track by_src,seconds 5,count 2; sid:1;)
alert udp any any -> any any (content:\"probe\"; threshold:type threshold,track by_dst,seconds 10,count 4; sid:2;)
alert udp any any -> any any (content:\"sweep\"; threshold:type both,track by_src,seconds 8,count 3; sid:3;)
alert udp any any -> any any (content:\"sweep\"; detection_filter:track by_dst,count 5,seconds 20; sid:4;)
alert udp any any -> any any (content:\"noise\"; xbits:set,seen,track ip_dst; threshold:type limit,track by_rule,seconds 9,count 1; sid:5;)
alert udp any any -> any any (content:\"probe\"; xbits:isset,seen,track ip_src; xbits:unset,seen,track ip_src; sid:6;)
drop udp any any -> any any (content:\"sweep\"; threshold:type limit,track by_dst,seconds 30,count 1; sid:7;)
";

/// Datagrams between a few hosts, with pauses in which flows end.
fn capture(frames: u32) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0];
    let mut dice = 7_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut millis = 1_000_000_u32;
    for _ in 0..frames {
        millis += if roll(400) == 0 { 33_000 } else { roll(40) as u32 };
        let src = roll(8) as u8;
        let dst = (src + 1 + roll(7) as u8) % 8;
        let payload = [&b"probe"[..], b"sweep", b"noise", b"other"][roll(4) as usize];
        let ports = [[0x9c, 0x40 + roll(3) as u8], [0x1f, 0x90]].concat();
        let udp = [&ports[..], &[0, 13, 0, 0], payload].concat();
        let ip = [&[0x45, 0, 0, 33, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, src, 10, 0, 0, dst], &udp[..]].concat();
        let frame = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0], &ip[..]].concat();
        for value in [millis / 1_000, millis % 1_000 * 1_000, frame.len() as u32, frame.len() as u32] {
            file.extend(value.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn plan(capture: &Path) -> Plan {
    Plan {
        config: Config::default(),
        captures: vec![capture.to_owned()],
        filter: Filter::new("").expect("no filter"),
        rule_settings: RuleSettings { no_rules_cache: true, ..RuleSettings::default() },
        expression: String::new(),
        notes: Vec::new(),
    }
}

#[test]
fn any_number_of_workers_finds_what_one_finds() {
    let folder = tempfile::tempdir().expect("folder");
    let (input, rules) = (folder.path().join("a.pcap"), folder.path().join("a.rules"));
    fs::write(&input, capture(20_000)).expect("written");
    fs::write(&rules, RULES).expect("written");
    let plan = plan(&input);
    let loaded = load_rules(&[rules], &plan.rule_settings, &plan.config).expect("rules").loaded;
    assert!(loaded.failed.is_empty(), "{:?}", loaded.failed);
    let written = |name: &str, run: &mut dyn FnMut(&mut Results) -> Engine| {
        let eve = folder.path().join(name);
        let mut results = Results::open(Some(&eve), []).expect("open");
        run(&mut results).tell_counters(&mut results);
        results.close().expect("closed");
        fs::read_to_string(eve).expect("records")
    };
    let alone = written("alone", &mut |results| {
        let mut engine = Engine::new(plan.config.clone(), Arc::clone(&loaded.rules));
        let mut capture = Capture::new(fs::File::open(&input).expect("capture")).expect("capture");
        while let Some(frame) = capture.next_frame().expect("no damage") {
            engine.frame(&frame, results);
        }
        engine.end_flows(results);
        engine
    });
    for sid in 1..8 {
        let alerts = alone.matches(&format!("\"signature_id\":{sid},")).count();
        assert!(alerts > 20, "rule {sid} alerts {alerts} times");
    }
    assert!(alone.contains("\"alerted\":true") && alone.contains("\"alerted\":false"));
    for workers in [1, 2, 3, 5] {
        let shared = written("shared", &mut |results| read_captures(&plan, &loaded.rules, workers, results).1);
        let differs = alone.lines().zip(shared.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "{workers} workers");
        assert_eq!(alone.len(), shared.len(), "{workers} workers");
    }
}
