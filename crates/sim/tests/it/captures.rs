//! What is written is the same every time, and other people's tools read it.

use crate::world::{HOSPITALS, World, json};
use phitak_model::{FacilityCode, HealthRegion, thai};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

const CAPTURES: [&str; 3] = ["quiet.pcap", "before.pcap", "after.pcap"];

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (one, again, other) = (World::generated(3), World::generated(3), World::generated(4));
    let files = contents(one.folder.path());
    assert_eq!(files.len(), 1 + HOSPITALS * 4);
    assert!(files == contents(again.folder.path()), "seed 3 gave other bytes the second time");
    let changed = contents(other.folder.path());
    assert!(
        files.iter().filter(|(name, _)| name.ends_with(".pcap")).all(|(name, bytes)| changed.get(name) != Some(bytes))
    );
}

#[test]
fn a_sector_lists_facilities_that_the_vocabulary_accepts() {
    let world = World::generated(3);
    let sector = json(&world.folder.path().join("sector.json"));
    let facilities = sector["facilities"].as_array().expect("a list");
    assert_eq!(facilities.len(), HOSPITALS);
    for facility in facilities {
        FacilityCode::new(facility["code"].as_str().expect("a code")).expect("a valid code");
        HealthRegion::new(facility["region"].as_u64().expect("a number") as u8).expect("a region");
        assert!(facility["name"]["th"].as_str().expect("a name").contains("ตัวอย่าง"));
    }
    let codes: Vec<String> = world.places().into_iter().map(|p| p.code).collect();
    assert!(facilities.iter().all(|f| codes.iter().any(|code| f["code"] == code.as_str())));
}

#[test]
fn tshark_finds_no_malformed_packet_no_error_and_no_wrong_checksum() {
    let world = World::generated(3);
    let wrong = "_ws.malformed || _ws.expert.severity==error || ip.checksum.status==0 || tcp.checksum.status==0 || udp.checksum.status==0";
    for place in world.places() {
        for name in CAPTURES {
            let path = place.capture(name);
            let mut tshark = Command::new("tshark");
            tshark.args([
                "-n",
                "-o",
                "ip.check_checksum:TRUE",
                "-o",
                "tcp.check_checksum:TRUE",
                "-o",
                "udp.check_checksum:TRUE",
            ]);
            let found = output(tshark.args(["-Y", wrong, "-r"]).arg(&path));
            assert_eq!(found, "", "{} {name}", place.code);
        }
    }
}

#[test]
fn tcpdump_reads_every_packet_and_tshark_knows_every_protocol() {
    let world = World::generated(3);
    let place = world.places().into_iter().next().expect("a hospital");
    for name in CAPTURES {
        let lines = output(Command::new("tcpdump").args(["-nn", "-r"]).arg(place.capture(name)));
        assert!(lines.lines().count() > 2_000, "{name}");
        assert!(!lines.contains("bad-len") && !lines.contains("truncated-ip"), "{name}");
    }
    let hierarchy =
        output(Command::new("tshark").args(["-n", "-q", "-z", "io,phs", "-r"]).arg(place.capture("before.pcap")));
    let seen: Vec<&str> = hierarchy.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let wanted = [
        "arp", "icmp", "dns", "mdns", "nbns", "dhcp", "ntp", "snmp", "http", "tls", "mysql", "pgsql", "tds", "smb",
        "smb2", "ssh", "telnet", "ftp", "ftp-data", "dicom", "hl7", "ipp", "lpd", "tpkt",
    ];
    let missing: Vec<&&str> = wanted.iter().filter(|protocol| !seen.contains(protocol)).collect();
    assert!(missing.is_empty(), "tshark does not see {missing:?} in\n{hierarchy}");
}

#[test]
fn every_mended_service_is_used_again_and_a_silent_host_sends_nothing() {
    let world = World::generated(3);
    for place in world.places() {
        let [before, after] = ["before.pcap", "after.pcap"].map(|name| senders(&place.capture(name)));
        for weak in place.truth["weak_hosts"].as_array().expect("a list") {
            let host = weak["address"].as_str().expect("an address").to_owned();
            let service = (host.clone(), weak["port"].to_string());
            assert!(before.contains(&service), "{weak}");
            match weak["fate"].as_str() {
                Some("silent") => assert!(!after.iter().any(|(address, _)| *address == host), "{weak}"),
                _ => assert!(after.contains(&service), "{weak}"),
            }
        }
    }
}

/// Who sends: address and TCP port, or an empty text where there is none.
fn senders(capture: &Path) -> BTreeSet<(String, String)> {
    let fields = ["-T", "fields", "-e", "ip.src", "-e", "arp.src.proto_ipv4", "-e", "tcp.srcport"];
    let lines = output(Command::new("tshark").arg("-n").args(fields).arg("-r").arg(capture));
    let sender = |line: &str| {
        let mut parts = line.split('\t');
        let (ip, arp, port) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        (format!("{ip}{arp}"), port.to_owned())
    };
    lines.lines().map(sender).collect()
}

#[test]
fn national_ids_fail_their_check_digit_unless_the_truth_lists_them() {
    let world = World::generated(3);
    for place in world.places() {
        let listed = place.truth["valid_national_ids"].as_array().expect("a list");
        assert!(
            listed
                .iter()
                .all(|id| id.as_str().is_some_and(|id| id.starts_with('9') && thai::is_national_id(id.as_bytes())))
        );
        for name in CAPTURES {
            let bytes = fs::read(place.capture(name)).expect("a capture");
            for digits in bytes.windows(15).filter(|w| isolated(w)).filter_map(|w| w.get(1..14)) {
                let text = std::str::from_utf8(digits).expect("digits");
                let known = listed.iter().any(|id| id == text);
                assert!(
                    known || !text.starts_with('9') || !thai::is_national_id(digits),
                    "{} {name} {text}",
                    place.code
                );
            }
        }
    }
}

/// Thirteen digits with something else before and behind.
fn isolated(window: &[u8]) -> bool {
    match window {
        [before, digits @ .., after] => {
            !before.is_ascii_digit() && !after.is_ascii_digit() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("inside").to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

/// The words of a tool that must be there: without it nothing is proved.
fn output(command: &mut Command) -> String {
    let result = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; install tshark and tcpdump"));
    assert!(result.status.success(), "{command:?}: {}", String::from_utf8_lossy(&result.stderr));
    String::from_utf8_lossy(&result.stdout).into_owned()
}
