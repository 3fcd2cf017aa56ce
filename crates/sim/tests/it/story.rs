//! The whole story through the real engine and inventory: attacks are alerted where they happen, a quiet day is quiet,
//! weaknesses are found where they are and verified where they were mended.

use crate::{
    shipped_rules::rules_files,
    world::{Place, World},
};
use phitak_assets::{Change, Finding, Pace};
use phitak_engine::{Capture, Config, Engine, Loaded, RuleFile, Sink, load};
use phitak_model::{Alert, FindingState, Observation, Response, Timestamp};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    net::IpAddr,
    path::Path,
};

/// A day of waiting for proof: shorter than the hour of traffic that a minute of `after.pcap` stands for.
const DAY_SECS: i64 = 20;
/// An alert may come this long after the last packet of its attack that the truth counts.
const LATE_MICROS: i64 = 10_000_000;

const SEEDS: [u64; 2] = [5, 6];

#[derive(Default)]
struct Taken {
    alerts: Vec<Alert>,
    observations: Vec<Observation>,
}

impl Sink for Taken {
    fn record(&mut self, _kind: &'static str, _line: &[u8]) {}

    fn alert(&mut self, alert: Alert) {
        self.alerts.push(alert);
    }

    fn observation(&mut self, observation: Observation) {
        self.observations.push(observation);
    }
}

fn shipped() -> Loaded {
    let files: Vec<RuleFile> = rules_files()
        .iter()
        .map(|path| RuleFile {
            name: path.display().to_string(),
            text: fs::read_to_string(path).expect("a rules file"),
        })
        .collect();
    let loaded = load(&files, &Config::default(), BTreeMap::new(), None);
    let words: Vec<String> = loaded.failed.iter().map(ToString::to_string).collect();
    assert!(words.is_empty(), "{}", words.join("\n"));
    loaded
}

/// What one engine makes of these captures, one after the other.
fn watch(rules: &Loaded, captures: &[&Path]) -> Taken {
    let mut engine = Engine::new(Config::default(), rules.rules.clone());
    let mut taken = Taken::default();
    for path in captures {
        let mut capture = Capture::new(File::open(path).expect("a capture")).expect("a pcap file");
        while let Some(frame) = capture.next_frame().expect("an undamaged file") {
            engine.frame(&frame, &mut taken);
        }
    }
    engine.finish(&mut taken);
    taken
}

/// Looks at every hospital of every seed.
fn everywhere(check: impl Fn(&Place, &Loaded)) {
    let rules = shipped();
    for seed in SEEDS {
        let world = World::generated(seed);
        for place in world.places() {
            check(&place, &rules);
        }
    }
}

#[test]
fn a_quiet_day_raises_nothing() {
    everywhere(|place, rules| {
        let taken = watch(rules, &[&place.capture("quiet.pcap")]);
        let alerts: Vec<String> = taken.alerts.iter().map(shown).collect();
        assert!(alerts.is_empty(), "{}: {alerts:#?}", place.code);
        let found = fold(Vec::new(), &taken.observations);
        assert!(found.is_empty(), "{}: {found:#?}", place.code);
    });
}

#[test]
fn every_attack_is_alerted_by_its_rules_at_its_hosts_and_nothing_else_is() {
    everywhere(|place, rules| {
        let taken = watch(rules, &[&place.capture("before.pcap"), &place.capture("after.pcap")]);
        let attacks: Vec<Attack> = list(&place.truth["attacks"]).iter().map(Attack::read).collect();
        for attack in &attacks {
            for sid in &attack.sids {
                let hit =
                    taken.alerts.iter().any(|a| a.signature_id == *sid && attack.made(a) && attack.names_source(a));
                assert!(hit, "{}: {} was not alerted by {sid}", place.code, attack.kind);
            }
        }
        let strays: Vec<String> =
            taken.alerts.iter().filter(|a| !attacks.iter().any(|attack| attack.made(a))).map(shown).collect();
        assert!(strays.is_empty(), "{}: alerts without an attack: {strays:#?}", place.code);
    });
}

#[test]
fn weaknesses_are_found_at_the_weak_hosts_and_verified_at_the_mended_ones() {
    everywhere(|place, rules| {
        let taken = watch(rules, &[&place.capture("before.pcap"), &place.capture("after.pcap")]);
        let half = moment(&place.truth["after"]["from"]);
        let (early, late): (Vec<Observation>, Vec<Observation>) =
            taken.observations.into_iter().partition(|o| o.last_at < half);
        let found = fold(Vec::new(), &early);
        let seen: BTreeSet<(String, String, u16)> = found.iter().map(key).collect();
        assert_eq!(seen, weak_hosts(place, |_| true), "{}: found", place.code);
        for finding in &found {
            let weak = weak_host(place, finding);
            assert_eq!(finding.mac.map(String::from).as_deref(), weak["mac"].as_str(), "{}: {weak}", place.code);
        }
        let claimed = found.into_iter().map(|f| done(f, half)).collect();
        let after = fold(claimed, &late);
        for (fate, state) in
            [("mended", FindingState::Verified), ("weak", FindingState::Reopened), ("silent", FindingState::Claimed)]
        {
            let reached: BTreeSet<_> = after.iter().filter(|f| f.state == state).map(key).collect();
            assert_eq!(reached, weak_hosts(place, |weak| weak["fate"] == fate), "{}: {state:?}", place.code);
        }
    });
}

/// The findings after these observations, in the order in which they came.
fn fold(mut findings: Vec<Finding>, observations: &[Observation]) -> Vec<Finding> {
    for observation in observations {
        for change in phitak_assets::finding::observe_all(&findings, observation, Pace::a_day_takes(DAY_SECS)) {
            if let Change::Opened(finding) = change {
                findings.push(finding);
            } else if let Some(new) = change.finding() {
                let old = findings.iter_mut().find(|f| f.host == new.host && f.weakness == new.weakness);
                *old.expect("a finding changes after it was opened") = new.clone();
            }
        }
    }
    findings
}

fn done(finding: Finding, at: Timestamp) -> Finding {
    phitak_assets::finding::respond(finding, Response::Done, None, at).expect("an open finding can be claimed")
}

/// Address, kind and port.
fn key(finding: &Finding) -> (String, String, u16) {
    (finding.host.to_string(), finding.weakness.clone(), finding.port)
}

fn weak_hosts(place: &Place, wanted: impl Fn(&Value) -> bool) -> BTreeSet<(String, String, u16)> {
    let text = |weak: &Value, name: &str| weak[name].as_str().expect("a text").to_owned();
    list(&place.truth["weak_hosts"])
        .iter()
        .filter(|weak| wanted(weak))
        .map(|weak| (text(weak, "address"), text(weak, "kind"), weak["port"].as_u64().expect("a port") as u16))
        .collect()
}

fn weak_host<'a>(place: &'a Place, finding: &Finding) -> &'a Value {
    let address = finding.host.to_string();
    let is = |weak: &&Value| weak["address"] == address.as_str() && weak["kind"] == finding.weakness.as_str();
    list(&place.truth["weak_hosts"]).iter().find(is).expect("found where the truth has a weakness")
}

struct Attack {
    kind: String,
    from: Timestamp,
    until: Timestamp,
    source: IpAddr,
    hosts: BTreeSet<IpAddr>,
    sids: Vec<u32>,
}

impl Attack {
    fn read(truth: &Value) -> Self {
        let address = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).expect("an address");
        let source: IpAddr = address(&truth["source"]);
        Self {
            kind: truth["kind"].as_str().expect("a kind").to_owned(),
            from: moment(&truth["from"]),
            until: moment(&truth["until"]),
            source,
            hosts: list(&truth["targets"]).iter().map(address).chain([source]).collect(),
            sids: list(&truth["sids"]).iter().map(|sid| sid.as_u64().expect("a sid") as u32).collect(),
        }
    }

    /// Whether the alert is of this attack: its rule, its hosts, its time.
    fn made(&self, alert: &Alert) -> bool {
        let in_time = alert.at >= self.from && alert.at <= self.until.plus_micros(LATE_MICROS);
        let at_home = self.hosts.contains(&alert.src_ip) && self.hosts.contains(&alert.dest_ip);
        in_time && at_home && self.sids.contains(&alert.signature_id)
    }

    fn names_source(&self, alert: &Alert) -> bool {
        alert.src_ip == self.source || alert.dest_ip == self.source
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).expect("a list")
}

fn moment(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().expect("a text")).expect("a moment")
}

fn shown(alert: &Alert) -> String {
    format!("{} {} {} {} → {}", alert.at.iso(), alert.signature_id, alert.signature, alert.src_ip, alert.dest_ip)
}
