//! Small captures built here, and what the engine makes of them: EVE records, alerts, facts.

mod wire;

use phitak_engine::{Capture, Config, Engine, Frame, RuleFile, Sink, load};
use phitak_model::{Alert, Observation, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use wire::{CLIENT, SERVER, Talk, arp, pcap, udp_frame};

/// Everything the sink was told, in order.
#[derive(Default)]
struct Told {
    records: Vec<Value>,
    alerts: Vec<Alert>,
    observations: Vec<Observation>,
    calls: Vec<String>,
}

impl Sink for Told {
    fn record(&mut self, kind: &'static str, line: &[u8]) {
        let value: Value = serde_json::from_slice(line).expect("a record is JSON");
        assert_eq!(value["event_type"], kind);
        self.calls.push(String::from_utf8_lossy(line).into_owned());
        self.records.push(value);
    }

    fn alert(&mut self, alert: Alert) {
        self.calls.push(format!("{alert:?}"));
        self.alerts.push(alert);
    }

    fn observation(&mut self, observation: Observation) {
        self.calls.push(format!("{observation:?}"));
        self.observations.push(observation);
    }
}

impl Told {
    fn of(&self, kind: &str) -> Vec<&Value> {
        self.records.iter().filter(|record| record["event_type"] == kind).collect()
    }

    fn facts(&self) -> Vec<String> {
        self.observations.iter().map(|o| format!("{} {:?}", o.host, o.fact)).collect()
    }
}

fn inspect(frames: &[Vec<u8>], rules: &str, config: Config) -> Told {
    let file = RuleFile { name: "test.rules".to_owned(), text: rules.to_owned() };
    let loaded = load(&[file], &config, BTreeMap::new(), None);
    assert!(loaded.failed.is_empty(), "{:?}", loaded.failed);
    let mut engine = Engine::new(config, loaded.rules);
    let mut told = Told::default();
    let file = pcap(frames);
    let mut capture = Capture::new(&file[..]).expect("a capture");
    while let Some(frame) = capture.next_frame().expect("no damage") {
        engine.frame(&frame, &mut told);
    }
    engine.finish(&mut told);
    told
}

fn get() -> Vec<Vec<u8>> {
    let mut talk = Talk::open(40_000, 80);
    talk.client(b"GET /secret.txt HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    talk.close();
    talk.frames
}

const RULE: &str = "alert http any any -> any any (msg:\"secret asked for\"; flow:established,to_server; http.uri; \
    content:\"/secret\"; classtype:trojan-activity; metadata:signature_severity Critical, mitre_technique_id T1083; \
    sid:7; rev:3;)\n";

#[test]
fn an_alert_has_eves_layout() {
    let told = inspect(&get(), RULE, Config::default());
    let alerts = told.of("alert");
    assert_eq!(alerts.len(), 1, "{:#?}", told.calls);
    let alert = alerts[0];
    assert_eq!(alert["alert"]["signature_id"], 7);
    assert_eq!(alert["alert"]["rev"], 3);
    assert_eq!(alert["alert"]["gid"], 1);
    assert_eq!(alert["alert"]["action"], "allowed");
    assert_eq!(alert["alert"]["severity"], 1);
    assert_eq!(alert["alert"]["metadata"]["mitre_technique_id"], serde_json::json!(["T1083"]));
    for (name, value) in [
        ("src_ip", "10.0.0.1"),
        ("dest_ip", "192.0.2.80"),
        ("proto", "TCP"),
        ("app_proto", "http"),
        ("direction", "to_server"),
        ("pkt_src", "wire/pcap"),
    ] {
        assert_eq!(alert[name], value, "{name}");
    }
    assert_eq!((&alert["src_port"], &alert["dest_port"], &alert["ip_v"]), (&40_000.into(), &80.into(), &4.into()));
    assert_eq!((&alert["tx_id"], &alert["http"]["url"]), (&0.into(), &"/secret.txt".into()));
    assert_eq!(alert["flow"]["src_ip"], "10.0.0.1");
    // The request is acknowledged by packet 5 and inspected with the client's next packet.
    assert_eq!(alert["pcap_cnt"], 7);
}

#[test]
fn an_alert_that_may_leave_carries_evidence_techniques_and_fields() {
    let told = inspect(&get(), RULE, Config::default());
    let alert = &told.alerts[0];
    assert_eq!((alert.signature_id, alert.packet, alert.attack.as_slice()), (7, 7, &["T1083".to_owned()][..]));
    assert_eq!(alert.severity, phitak_model::Severity::Critical);
    let evidence = alert.evidence.as_ref().expect("evidence");
    assert_eq!((evidence.buffer.as_str(), evidence.bytes.as_slice()), ("http.uri", &b"/secret.txt"[..]));
    assert_eq!(evidence.marks, [(0, 7)]);
    assert!(alert.fields.contains(&("http.hostname".to_owned(), "www.example.org".to_owned())), "{:?}", alert.fields);
}

#[test]
fn a_flow_record_counts_both_directions_and_names_its_end() {
    let told = inspect(&get(), RULE, Config::default());
    let flow = told.of("flow")[0];
    assert_eq!(flow["flow"]["state"], "closed");
    assert_eq!(flow["flow"]["reason"], "shutdown");
    assert_eq!(flow["flow"]["alerted"], true);
    assert_eq!((&flow["flow"]["pkts_toserver"], &flow["flow"]["pkts_toclient"]), (&6.into(), &4.into()));
    assert_eq!(flow["tcp"]["tcp_flags"], "13");
    assert_eq!(flow["tcp"]["state"], "closed");
    assert_eq!(flow["app_proto"], "http");
    assert!(flow.get("pcap_cnt").is_none());
    let ids: Vec<&Value> = told.records.iter().filter_map(|record| record.get("flow_id")).collect();
    assert!(ids.len() >= 4 && ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn the_same_capture_gives_the_same_calls() {
    let once = inspect(&get(), RULE, Config::default());
    let again = inspect(&get(), RULE, Config::default());
    assert_eq!(once.calls, again.calls);
}

#[test]
fn hosts_are_observed_with_what_they_speak() {
    let mut frames = vec![arp([2, 0, 0, 0, 0, 9], [10, 0, 0, 9])];
    frames.extend(get());
    frames.extend(Talk::refused(40_001, 3389));
    let facts = inspect(&frames, "", Config::default()).facts();
    for wanted in [
        "10.0.0.9 Alive".to_owned(),
        format!("{CLIENT} Alive"),
        format!("{SERVER} Alive"),
        format!("{CLIENT} Uses {{ protocol: \"http\" }}"),
        format!("{SERVER} Serves {{ port: 80, protocol: \"http\" }}"),
        format!("{SERVER} Refused {{ port: 3389 }}"),
    ] {
        assert!(facts.contains(&wanted), "{wanted}: {facts:#?}");
    }
}

#[test]
fn a_flow_that_was_idle_for_too_long_is_another_flow() {
    let mut config = Config::default();
    config.flow.udp.new_secs = 1;
    let frame = udp_frame(5_000, 6_000, b"ping");
    let told = inspect(&vec![frame; 3], "", config.clone());
    assert_eq!(told.of("flow").len(), 1);
    // Frames are a millisecond apart; 2,500 of them are more than two seconds of silence in between.
    let mut frames = vec![udp_frame(5_000, 6_000, b"ping")];
    frames.extend(vec![udp_frame(7_000, 8_000, b"other"); 2_500]);
    frames.push(udp_frame(5_000, 6_000, b"ping"));
    let told = inspect(&frames, "", config);
    let flows = told.of("flow");
    let of_first: Vec<_> = flows.iter().filter(|flow| flow["src_port"] == 5_000).collect();
    assert_eq!(of_first.len(), 2);
    assert_eq!(of_first[0]["flow"]["reason"], "timeout");
}

#[test]
fn a_clock_that_was_wrong_does_not_stop_time_and_two_that_are_apart_do_not_end_flows() {
    let mut config = Config::default();
    config.flow.udp.new_secs = 1;
    let frames = |at: &dyn Fn(u64) -> i64, ports: &dyn Fn(u64) -> u16| -> Told {
        let mut engine = Engine::new(config.clone(), load(&[], &config, BTreeMap::new(), None).rules);
        let mut told = Told::default();
        let file = pcap(&(1..=6_000).map(|number| udp_frame(ports(number), 6_000, b"ping")).collect::<Vec<_>>());
        let mut capture = Capture::new(&file[..]).expect("a capture");
        while let Some(frame) = capture.next_frame().expect("no damage") {
            let at = Timestamp::from_secs(1_700_000_000 + at(frame.number));
            engine.frame(&Frame { at, ..frame }, &mut told);
        }
        engine.finish(&mut told);
        told
    };
    let behind = |told: &Told| told.of("stats")[0]["stats"]["flow"]["frames_behind"].as_u64().expect("a number");
    // The first frame is a year ahead; one flow is silent from the 4,500th second to the last.
    let told = frames(&|n| if n == 1 { 31_536_000 } else { n as i64 }, &|n| {
        if n == 4_500 || n == 6_000 { 5_000 } else { 7_000 }
    });
    let of_port = |port: u16| told.of("flow").into_iter().filter(|flow| flow["src_port"] == port).count();
    assert_eq!((of_port(5_000), behind(&told)), (2, 4_096));
    // Each second frame is an hour ahead: both clocks' flows live.
    let told = frames(&|n| if n % 2 == 0 { 3_600 } else { 0 }, &|n| if n % 2 == 0 { 5_000 } else { 7_000 });
    assert_eq!((told.of("flow").len(), behind(&told)), (3, 2_999));
}

#[test]
fn a_full_flow_table_keeps_its_bound_and_records_what_it_lets_go() {
    let mut config = Config::default();
    config.flow.flows_max = 16;
    let frames: Vec<Vec<u8>> = (0..200).map(|port| udp_frame(10_000 + port, 53_000, b"x")).collect();
    let told = inspect(&frames, "", config);
    let flows = told.of("flow");
    assert_eq!(flows.len(), 200);
    assert_eq!(flows.iter().filter(|flow| flow["flow"]["reason"] == "forced").count(), 184);
}

/// A frame whose TCP checksum is wrong.
fn spoilt(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[14 + 20 + 16] ^= 0x55;
    frame
}

fn is_from_client(frame: &[u8]) -> bool {
    frame[26..30] == CLIENT.octets()
}

/// What was asked for, as far as the records tell.
fn urls(frames: &[Vec<u8>], believing: bool) -> Vec<String> {
    let mut config = Config::default();
    config.tcp.offloading_believed = believing;
    inspect(frames, "", config).of("http").iter().map(|record| record["http"]["url"].to_string()).collect()
}

#[test]
fn a_sender_whose_checksums_are_wrong_each_time_leaves_them_to_its_network_card() {
    let frames: Vec<Vec<u8>> = get().iter().map(|f| if is_from_client(f) { spoilt(f) } else { f.clone() }).collect();
    assert_eq!(urls(&frames, true), ["\"/secret.txt\""]);
    assert_eq!(urls(&frames, false), [""; 0]);
    let frames: Vec<Vec<u8>> = get().iter().map(|frame| spoilt(frame)).collect();
    assert_eq!(urls(&frames, true), ["\"/secret.txt\""]);
}

#[test]
fn a_wrong_checksum_among_right_ones_is_left_out() {
    let mut frames = get();
    // A request that the server throws away comes before the one that it answers.
    let mut decoy = frames[3].clone();
    let at = decoy.windows(6).position(|six| six == b"secret").expect("the request");
    decoy[at..at + 6].copy_from_slice(b"public");
    frames.insert(3, decoy);
    assert_eq!(urls(&frames, true), ["\"/secret.txt\""]);
}

#[test]
fn what_came_with_wrong_checksums_and_was_not_answered_is_forgotten() {
    let mut frames = get();
    // The same opening with another sequence number.
    let mut decoy = frames[0].clone();
    decoy[14 + 20 + 4] ^= 0x40;
    frames.insert(0, decoy);
    assert_eq!(urls(&frames, true), ["\"/secret.txt\""]);
    assert_eq!(inspect(&frames, "", Config::default()).of("flow").len(), 2);
}

#[test]
fn a_client_that_is_answered_unseen_is_understood_midstream() {
    let frames: Vec<Vec<u8>> = get().into_iter().filter(|frame| is_from_client(frame)).collect();
    let mut config = Config::default();
    assert!(inspect(&frames, "", config.clone()).of("http").is_empty());
    config.tcp.midstream = true;
    let told = inspect(&frames, "", config);
    assert_eq!(told.of("http")[0]["http"]["url"], "/secret.txt");
}

#[test]
fn garbled_traffic_never_panics() {
    let mut dice = wire::Dice(5);
    for round in 0..300 {
        let mut frames = get();
        for frame in &mut frames {
            for _ in 0..dice.below(4) {
                let at = dice.below(frame.len());
                frame[at] = dice.next() as u8;
            }
            if dice.below(6) == 0 {
                let length = dice.below(frame.len());
                frame.truncate(length);
            }
        }
        let mut config = Config::default();
        config.decoder.checksums = false;
        config.tcp.midstream = round % 2 == 0;
        config.tcp.inline = round % 3 == 0;
        inspect(&frames, RULE, config);
    }
}

#[test]
fn the_file_of_an_announced_ftp_connection_is_told() {
    let mut control = Talk::open(40_000, 21);
    control.server(b"220 FTP ready\r\n");
    control.client(b"PASV\r\n");
    control.server(b"227 Entering Passive Mode (192,0,2,80,8,1).\r\n");
    control.client(b"RETR lab/result.txt\r\n");
    let mut data = Talk::open(40_001, 2049);
    data.server(b"potassium 7.1");
    data.close();
    control.server(b"150 here it comes\r\n226 done\r\n");
    control.close();
    // The data connection lies between the command and its reply.
    let at = control.frames.len() - 5;
    let tail = control.frames.split_off(at);
    let frames = [control.frames, data.frames, tail].concat();
    let rules = "alert ftp-data any any -> any any (ftpdata_command:retr; file.data; content:\"potassium\"; sid:1;)\n\
        alert ftp-data any any -> any any (ftpdata_command:stor; sid:2;)\n\
        alert ftp any any -> any any (ftpbounce; sid:3;)\n";
    let told = inspect(&frames, rules, Config::default());
    let alerts: Vec<u64> =
        told.of("alert").iter().filter_map(|alert| alert["alert"]["signature_id"].as_u64()).collect();
    assert_eq!(alerts, [1], "{:#?}", told.calls);
    let record = told.of("ftp_data")[0];
    assert_eq!(record["ftp_data"]["command"], "RETR");
    assert_eq!(record["ftp_data"]["filename"], "lab/result.txt");
    let file = told.of("fileinfo")[0];
    assert_eq!((file["app_proto"].as_str(), file["src_ip"].as_str()), (Some("ftp-data"), Some("192.0.2.80")));
    assert_eq!((file["fileinfo"]["size"].as_u64(), file["fileinfo"]["state"].as_str()), (Some(13), Some("CLOSED")));
}

#[test]
fn an_alert_lists_the_files_that_have_not_ended_too() {
    let mut talk = Talk::open(40_000, 25);
    talk.server(b"220 mail ESMTP\r\n");
    talk.client(b"EHLO a\r\nMAIL FROM:<a@b.example>\r\nDATA\r\n");
    talk.server(b"250 ok\r\n250 ok\r\n354 go\r\n");
    talk.client(b"Subject: lab\r\nContent-Disposition: attachment; filename=\"a.exe\"\r\n\r\nMZ\r\n");
    talk.client(b"more\r\n.\r\n");
    talk.close();
    let rules = "alert smtp any any -> any any (email.subject; content:\"lab\"; sid:1;)\n\
        alert smtp any any -> any any (fileext:\"exe\"; filemagic:\"MS-DOS\"; sid:2;)\n";
    let told = inspect(&talk.frames, rules, Config::default());
    let files: Vec<String> = told.of("alert").iter().map(|alert| alert["files"][0]["state"].to_string()).collect();
    assert_eq!(files, ["\"UNKNOWN\"", "\"CLOSED\""], "{:#?}", told.calls);
    assert_eq!(told.of("fileinfo")[0]["fileinfo"]["magic"], "MS-DOS executable");
    assert_eq!(told.of("smtp")[0]["email"]["attachment"][0], "a.exe");
}
