//! A rule of the team on its whole way, with the programs that are shipped: written at the centre, taken by a sensor in the midst of
//! traffic, an alert at the centre, withdrawn; and what the sensor's own rules and flows notice of it: nothing.

use crate::{
    postgres,
    program::{ASK_AGAIN, PATIENCE, Place, Program},
    sector::ALPHA,
};
use axum::http::StatusCode;
use phitak_uplink::keys::KeyFolder;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Instant,
};
use tokio::time::sleep;

/// One conversation: fewer alerts of a rule than leave a sensor in a minute, for as long as the steps of the test take.
const PACKETS: u32 = 400;
const GAP_MICROS: u64 = 150_000;
/// Counts every packet, over all of them.
const OWN: &str = r#"alert udp any any -> any 9999 (msg:"own"; content:"attack"; threshold:type threshold, track by_src, count 2, seconds 3600; sid:9000001; rev:1;)"#;
const OWN_SID: u64 = 9_000_001;
const TAKEN: u64 = 9_700_001;
const NOT_TAKEN: u64 = 9_700_002;

fn capture() -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    for number in 0..PACKETS {
        let payload = format!("attack {number:06}");
        let udp = 8 + payload.len() as u16;
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        frame.extend((20 + udp).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 7, 10, 9, 9, 9]);
        frame.extend(1_234u16.to_be_bytes());
        frame.extend(9_999u16.to_be_bytes());
        frame.extend(udp.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload.as_bytes());
        let micros = u64::from(number) * GAP_MICROS;
        let length = frame.len() as u32;
        for word in [1_790_000_000 + (micros / 1_000_000) as u32, (micros % 1_000_000) as u32, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&frame);
    }
    file
}

/// The sensor's program, built if need be, beside the tests.
fn sensor_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("this test's path");
        let folder = test.parent().and_then(Path::parent).expect("target/release");
        let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned()));
        // What cargo tells this test about itself would wake build scripts that watch it, and all that stands on them.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                command.env_remove(name);
            }
        }
        command.args(["build", "--release", "--locked", "--workspace", "--bins"]);
        let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.is_ok_and(|status| status.success()), "the programs cannot be built");
        folder.join("phitak-sensor")
    })
}

/// A hospital's sensor that plays the capture once. Everything is its own network, so that nothing is outside of it.
struct Hospital {
    child: Child,
    folder: PathBuf,
}

impl Drop for Hospital {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Hospital {
    async fn start(program: &Program) -> Self {
        let folder = program.folder().join("hospital");
        fs::create_dir(&folder).expect("a folder");
        program.enrol(&KeyFolder::new(&folder.join("data"))).await;
        fs::write(folder.join("replay.pcap"), capture()).expect("written");
        fs::write(folder.join("own.rules"), OWN).expect("written");
        let path = |name: &str| folder.join(name).display().to_string();
        let log = File::create(folder.join("sensor.log")).expect("a log");
        let mut command = Command::new(sensor_program());
        command
            .args(["run", "--data", &path("data"), "--rules", &path("own.rules"), "-k", "none"])
            .args(["--home-net", "any", "--pace", "1", "--retime", "now", "--until-sent"])
            .args(["--replay", &path("replay.pcap")]);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        Self { child: command.spawn().expect("the sensor's program runs"), folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("sensor.log")).unwrap_or_default()
    }

    async fn until_it_ends(&mut self) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return assert!(status.success(), "{status}: {}", self.log());
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.log());
            sleep(ASK_AGAIN).await;
        }
    }

    /// Packets of each flow that it has recorded.
    fn packets_of_flows(&self) -> Vec<u64> {
        let mut packets = Vec::new();
        for file in fs::read_dir(self.folder.join("data/eve")).expect("a folder") {
            let text = fs::read_to_string(file.expect("an entry").path()).unwrap_or_default();
            let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            packets.extend(records.filter_map(|record| {
                record["flow"]["pkts_toserver"].as_u64().filter(|_| record["event_type"] == "flow")
            }));
        }
        packets
    }
}

fn rule(sid: u64, from: &str, option: &str) -> String {
    format!("alert udp {from} any -> any 9999 (msg:\"PHITAK TEAM call home\"; {option}:\"attack\"; sid:{sid}; rev:1;)")
}

fn asked(rule: &str) -> Value {
    let words = |th: &str| json!({"th": th, "en": ""});
    let draft = json!({
        "rule": rule, "title": words("เครื่องติดต่อคนร้าย"), "what": words("เครื่องส่งข้อมูลออกไป"), "why": words("ข้อมูลอาจรั่ว"),
    });
    json!({"rules": [draft], "tlp": "green", "reason": "an incident at another hospital", "days": 30})
}

/// The rule as the centre lists it, once it is as wanted.
async fn once(program: &Program, hospital: &Hospital, sid: u64, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let page = program.person.get("/api/v1/rules").await.json();
        let all = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
        let one = all.iter().find(|rule| rule["sid"] == sid).unwrap_or_else(|| panic!("{sid}: {page}"));
        if wanted(one) {
            return one.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {one}\n{}\n{}", hospital.log(), program.log());
        sleep(ASK_AGAIN).await;
    }
}

async fn story(program: &Program, sid: u64) -> Value {
    let page = program.person.get("/api/v1/stories?since=all&limit=200").await.json();
    let stories = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
    stories.iter().find(|story| story["signature_id"] == sid).cloned().unwrap_or(Value::Null)
}

fn place() -> Place {
    match std::env::var("PHITAK_TEST_DATABASE").as_deref() {
        Ok("postgres") => {
            let name = postgres::new_name();
            postgres::create(&name);
            Place::Postgres(postgres::url(&name))
        }
        _ => Place::Folder,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_goes_out_hits_and_is_withdrawn_while_the_sensor_watches_on() {
    // Before the clock of the capture runs.
    sensor_program();
    let program = Program::start(place()).await;
    let post = async |path: &str, body: Value| program.person.post(path, body).await;
    let bad = rule(TAKEN, "any", "contant");
    let refused = post("/api/v1/rules", asked(&bad)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    let place = format!("line 1, column {}", bad.find("contant").expect("is there") + 1);
    assert!(refused.text.contains(&place) && refused.text.contains("contant"), "{}", refused.text);

    let mut hospital = Hospital::start(&program).await;
    let begun = Instant::now();
    while story(&program, OWN_SID).await.is_null() {
        assert!(begun.elapsed() < PATIENCE, "no alert of its own: {}\n{}", hospital.log(), program.log());
        sleep(ASK_AGAIN).await;
    }
    let added = post("/api/v1/rules", asked(&rule(TAKEN, "any", "content"))).await;
    assert_eq!(added.status, StatusCode::NO_CONTENT, "{}", added.text);
    once(&program, &hospital, TAKEN, "the sensor has it", |rule| rule["sensors_followed"] == 1).await;
    once(&program, &hospital, TAKEN, "it hits", |rule| rule["hits"].as_u64() > Some(0)).await;
    assert_eq!(story(&program, TAKEN).await["title"]["th"], "เครื่องติดต่อคนร้าย");

    // Fit at the centre; but to this sensor nothing is outside.
    let added = post("/api/v1/rules", asked(&rule(NOT_TAKEN, "$EXTERNAL_NET", "content"))).await;
    assert_eq!(added.status, StatusCode::NO_CONTENT, "{}", added.text);
    let other = once(&program, &hospital, NOT_TAKEN, "the sensor says no", |rule| rule["refused_by"] == 1).await;
    let why = other["team"]["refused_why"].as_str().unwrap_or_default();
    assert!(why.contains("exclude each other"), "{why}");
    assert_eq!(other["sensors_followed"], 0);
    let detail = program.person.get(&format!("/api/v1/facilities/{}", ALPHA.code)).await.json();
    let sensor = &detail["sensors"][0];
    assert_eq!((&sensor["listed_rules"], &sensor["refusals"][0]["sid"]), (&json!(1), &json!(NOT_TAKEN)), "{sensor}");
    let stands = once(&program, &hospital, TAKEN, "the other stands", |rule| rule["refused_by"] == 0).await;
    assert_eq!(stands["sensors_followed"], 1);

    let withdrawn = post(&format!("/api/v1/rules/{TAKEN}/withdraw"), json!({"reason": "it hits a vendor"})).await;
    assert_eq!(withdrawn.status, StatusCode::NO_CONTENT, "{}", withdrawn.text);
    let over = once(&program, &hospital, TAKEN, "it lets go", |rule| {
        rule["standing"] == "over" && rule["sensors_followed"] == 1
    });
    let hits = over.await["hits"].as_u64().expect("a number");
    hospital.until_it_ends().await;
    let last = once(&program, &hospital, TAKEN, "is listed", |_| true).await["hits"].as_u64().expect("a number");
    // One packet may have been under way.
    assert!(last <= hits + 1 && last < u64::from(PACKETS), "{hits} hits when it was over, {last} at the end");

    assert_eq!(story(&program, OWN_SID).await["alerts"], PACKETS / 2, "own rules count on: {}", hospital.log());
    assert_eq!(hospital.packets_of_flows(), [u64::from(PACKETS)], "one flow with all packets");
    for (action, times) in [("rule.add", 2), ("rule.withdraw", 1)] {
        assert_eq!(program.person.audited(action).await.len(), times, "{action}");
    }
}
