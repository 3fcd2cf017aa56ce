use super::*;
use crate::run::plan;
use phitak_model::{ListedRule, listed_rule::LISTED_RULE_GID};
use phitak_uplink::{
    Batch, Item,
    spool::{SPOOL_BYTES_DEFAULT, Spool},
};
use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
};

const RULE: &str = r#"alert udp any any -> any 9999 (msg:"an attack"; content:"attack"; sid:9000001; rev:1;)"#;

/// A classic pcap of datagrams a second apart; every third one is an attack.
fn capture(packets: u32) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(&0xa1b2_c3d4u32.to_le_bytes());
    file.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    for number in 0..packets {
        let word = if number % 3 == 0 { "attack" } else { "peace " };
        let payload = format!("{word} {number:06}");
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        let udp = 8 + payload.len() as u16;
        frame.extend_from_slice(&[0x45, 0]);
        frame.extend_from_slice(&(20 + udp).to_be_bytes());
        frame.extend_from_slice(&[
            0,
            0,
            0,
            0,
            64,
            17,
            0,
            0,
            10,
            0,
            (number / 200) as u8,
            (number % 200) as u8,
            10,
            9,
            9,
            9,
        ]);
        frame.extend_from_slice(&(1024 + number as u16).to_be_bytes());
        frame.extend_from_slice(&9999u16.to_be_bytes());
        frame.extend_from_slice(&udp.to_be_bytes());
        frame.extend_from_slice(&[0, 0]);
        frame.extend_from_slice(payload.as_bytes());
        for word in [1_790_000_000 + number, 0, frame.len() as u32, frame.len() as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&frame);
    }
    file
}

struct Hospital {
    folder: tempfile::TempDir,
    run: Run,
}

impl Hospital {
    fn new(captures: &[Vec<u8>]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = folder.path().join("test.rules");
        fs::write(&rules, RULE).expect("written");
        let replay: Vec<PathBuf> =
            (0..captures.len()).map(|number| folder.path().join(format!("{number}.pcap"))).collect();
        replay.iter().zip(captures).for_each(|(path, bytes)| fs::write(path, bytes).expect("written"));
        let run = Run {
            data: folder.path().join("data"),
            rules: vec![rules],
            rule_settings: crate::rules::RuleSettings { no_rules_cache: true, ..Default::default() },
            home_net: None,
            checksums: crate::checksums::Checksums::None,
            settings: Vec::new(),
            replay,
            eve: None,
            syslog: Vec::new(),
            syslog_from: Vec::new(),
            pace: Pace::Max,
            retime: Retime::Captured,
            loop_last: false,
            spool_mib: SPOOL_BYTES_DEFAULT / MIB,
            records_mib: 64,
            until_sent: false,
        };
        Self { folder, run }
    }

    fn desk(&self) -> Desk {
        Desk::new(Spool::open(&self.run.data.join("spool"), SPOOL_BYTES_DEFAULT).expect("a spool"))
    }

    /// Plays, then acknowledges up to `batches` batches before the process ends; gives what they held.
    fn play(&self, batches: usize) -> Vec<Item> {
        let (desk, pulse) = (self.desk(), Pulse::default());
        let config = plan::config(&self.run).expect("a configuration");
        let plan = plan::plan(&self.run, &config, &pulse).expect("a plan");
        let mut player = Player::new(&self.run, config, plan.rules, &desk, &pulse).expect("a player");
        player.play(&plan.captures).expect("played");
        let mut spool = desk.into_spool();
        let mut items = Vec::new();
        for _ in 0..batches {
            let (_, up_to) = spool.begin_sync().expect("synced");
            let Some(outgoing) = spool.next_batch(up_to, 40).expect("read") else { break };
            items.extend(Batch::decode(&outgoing.body).expect("a batch").records.into_iter().map(|record| record.item));
            spool.acknowledge(&outgoing).expect("acknowledged");
        }
        items
    }

    fn state(&self) -> Option<Vec<u8>> {
        fs::read(self.run.data.join("replays.json")).ok()
    }

    /// As a kill in the last replay leaves it: its files end somewhere, and it is not known as done.
    fn kill(&self, share: f64, state_before: Option<&[u8]>) {
        let path = self.run.data.join("replays.json");
        match state_before {
            Some(state) => fs::write(path, state).expect("written"),
            None => fs::remove_file(path).expect("removed"),
        }
        let position = fs::read_to_string(self.run.data.join("eve/position.json")).expect("kept");
        let position: serde_json::Value = serde_json::from_str(&position).expect("JSON");
        cut_newest(&self.run.data.join("eve"), "jsonl", position["offset"].as_u64().expect("a number"), share);
        cut_newest(&self.run.data.join("spool"), "seg", 65, share);
    }

    fn eve(&self) -> String {
        let mut paths: Vec<_> = fs::read_dir(self.run.data.join("eve"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).expect("read")).collect()
    }
}

/// Cuts the newest file that has more than its beginning.
fn cut_newest(folder: &Path, extension: &str, beginning: u64, share: f64) {
    let length = |path: &PathBuf| fs::metadata(path).expect("a file").len();
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension) && length(path) > beginning);
    paths.sort();
    let Some(path) = paths.last() else { return };
    let kept = beginning + ((length(path) - beginning) as f64 * share) as u64;
    OpenOptions::new().write(true).open(path).expect("opens").set_len(kept).expect("cut");
}

fn alerts(items: &[Item]) -> usize {
    items.iter().filter(|item| matches!(item, Item::Alert(_))).count()
}

const SHARES: [f64; 6] = [0.0, 0.1, 0.37, 0.5, 0.81, 0.99];

#[test]
fn a_killed_replay_goes_on_and_gives_the_same_as_one_that_was_not() {
    let captures = [capture(390)];
    let undisturbed = Hospital::new(&captures);
    let expected = undisturbed.play(usize::MAX);
    assert_eq!(alerts(&expected), 130, "every third datagram");
    assert!(expected.len() > 400, "observations as well: {}", expected.len());
    for share in SHARES {
        let hospital = Hospital::new(&captures);
        let mut items = hospital.play(2);
        hospital.kill(share, None);
        items.extend(hospital.play(3));
        hospital.kill(share, None);
        items.extend(hospital.play(usize::MAX));
        assert!(
            items == expected,
            "killed at {share}: {} of {} items, {} alerts",
            items.len(),
            expected.len(),
            alerts(&items)
        );
        assert!(hospital.eve() == undisturbed.eve(), "the records at the hospital, killed at {share}");
    }
}

#[test]
fn a_kill_in_the_second_capture_leaves_the_first_alone() {
    let captures = [capture(60), capture(90)];
    let undisturbed = Hospital::new(&captures);
    let expected = undisturbed.play(usize::MAX);
    for share in SHARES {
        let mut hospital = Hospital::new(&captures);
        let second = hospital.run.replay.pop().expect("two");
        hospital.play(0);
        let state = hospital.state();
        hospital.run.replay.push(second);
        hospital.play(0);
        hospital.kill(share, state.as_deref());
        let items = hospital.play(usize::MAX);
        assert!(
            items == expected,
            "killed at {share}: {} of {} items, {} alerts",
            items.len(),
            expected.len(),
            alerts(&items)
        );
        assert!(hospital.eve() == undisturbed.eve(), "the records at the hospital, killed at {share}");
    }
}

#[test]
fn what_was_played_to_its_end_is_not_played_again() {
    let hospital = Hospital::new(&[capture(30)]);
    assert_eq!(alerts(&hospital.play(usize::MAX)), 10);
    assert!(hospital.play(usize::MAX).is_empty());
}

#[test]
fn the_same_capture_named_twice_is_played_twice() {
    let hospital = Hospital::new(&[capture(30), capture(30)]);
    assert_eq!(alerts(&hospital.play(usize::MAX)), 20);
}

#[test]
fn a_damaged_capture_gives_what_was_read_and_a_loss() {
    let mut bytes = capture(30);
    bytes.truncate(bytes.len() - 5);
    let hospital = Hospital::new(&[bytes, b"no capture at all".to_vec(), capture(3)]);
    assert_eq!(alerts(&hospital.play(usize::MAX)), 11);
    let losses = hospital.desk().losses();
    assert!(losses.iter().all(|loss| loss.cause == LossCause::CaptureDamaged), "{losses:?}");
    assert_eq!(losses.iter().map(|loss| loss.count).sum::<u64>(), 2);
}

#[test]
fn retimed_packets_begin_now_and_a_restart_keeps_their_times() {
    let mut hospital = Hospital::new(&[capture(30)]);
    hospital.run.retime = Retime::Now;
    let before = clock::now();
    let first = hospital.play(usize::MAX);
    let state = hospital.state().expect("kept");
    let undone = String::from_utf8_lossy(&state).replace("true", "false");
    fs::write(hospital.run.data.join("replays.json"), undone).expect("written");
    fs::remove_dir_all(hospital.run.data.join("spool")).expect("removed");
    assert!(first == hospital.play(usize::MAX), "the same times again");
    let Some(Item::Alert(alert)) = first.iter().find(|item| matches!(item, Item::Alert(_))) else { panic!("an alert") };
    assert!(alert.at >= before && alert.at <= clock::now(), "{}", alert.at.iso());
    assert!(hospital.folder.path().exists());
}

#[test]
fn a_rule_of_the_centres_list_alerts_beside_the_sensors_own() {
    let hospital = Hospital::new(&[capture(9)]);
    let (desk, pulse) = (hospital.desk(), Pulse::default());
    let config = plan::config(&hospital.run).expect("a configuration");
    let plan = plan::plan(&hospital.run, &config, &pulse).expect("a plan");
    let text = r#"alert udp any any -> any 9999 (msg:"peace"; content:"peace"; sid:9700001;)"#;
    let rule = ListedRule { sid: 9_700_001, expires_at: clock::now().plus_secs(3_600), text: text.to_owned() };
    pulse.rule_list.take(vec![rule], clock::now());
    pulse.rule_list.ready(plan.loader, clock::now());
    let mut player = Player::new(&hospital.run, config, plan.rules, &desk, &pulse).expect("a player");
    player.play(&plan.captures).expect("played");
    let mut spool = desk.into_spool();
    let (_, up_to) = spool.begin_sync().expect("synced");
    let outgoing = spool.next_batch(up_to, 100).expect("read").expect("something waits");
    let records = Batch::decode(&outgoing.body).expect("a batch").records;
    let of = |gid: u32, sid: u32| {
        let is_it = |item: &Item| matches!(item, Item::Alert(a) if (a.gid, a.signature_id) == (gid, sid));
        records.iter().filter(|record| is_it(&record.item)).count()
    };
    assert_eq!((of(1, 9_000_001), of(LISTED_RULE_GID, 9_700_001)), (3, 6));
    assert!(hospital.eve().lines().any(|line| line.contains("\"gid\":28777,")), "the hospital keeps its record");
}
