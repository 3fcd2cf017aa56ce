//! The database goes away while sensors and people write: what the centre has acknowledged is there afterwards, what it has
//! not is sent again, and it says plainly how it stands.

use crate::{
    postgres::{Ending, OwnServer},
    program::{Person, Place, Program, Sensor, now},
};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write,
    time::Duration,
};
use tokio::{sync::watch, task::block_in_place, time::sleep};

/// Alerts of one stretch of a test, and between two of them.
const ALERTS: u32 = 30;
const GAP: Duration = Duration::from_millis(15);
/// Between two writes of a person.
const BREATH: Duration = Duration::from_millis(20);
/// So many small writes at most find room in the log of a full disk.
const SMALL_WRITES_MAX: u32 = 2_000;
/// A disk with room for the tables and little more.
const DISK_BYTES: u64 = 48 << 20;

async fn sees_some(sensor: &mut Sensor) {
    for _ in 0..ALERTS {
        sensor.sees();
        sleep(GAP).await;
    }
}

/// What a person wrote and what came of it, by number.
#[derive(Default)]
struct Written {
    acknowledged: BTreeSet<u32>,
    refused: BTreeMap<u32, String>,
}

impl Written {
    /// Each acknowledged text is there once, and nothing that nobody wrote; what was refused may have come through just
    /// before the database went.
    fn check(&self, kind: &str, found: &[String]) {
        let mut times: BTreeMap<u32, u32> = BTreeMap::new();
        for text in found {
            let number = text.strip_prefix(kind).and_then(|number| number.trim().parse().ok());
            *times.entry(number.unwrap_or_else(|| panic!("nobody wrote {text}"))).or_default() += 1;
        }
        for number in &self.acknowledged {
            assert_eq!(times.get(number), Some(&1), "{kind} {number} was acknowledged");
        }
        for (number, times) in times {
            let known = self.acknowledged.contains(&number) || self.refused.contains_key(&number);
            assert!(known && times == 1, "{kind} {number}: {times} times");
        }
        let codes: BTreeSet<&str> = self.refused.values().map(String::as_str).collect();
        assert!(codes.is_subset(&BTreeSet::from(["database_away", "unavailable"])), "{codes:?}");
        assert!(self.acknowledged.len() > 10, "{} of {kind} were acknowledged", self.acknowledged.len());
        assert!(codes.contains("database_away"), "somebody was told of it while it was away");
    }
}

/// Writes the same kind of thing again and again, as a page does, until it is told to stop.
async fn writes(
    person: Person,
    path: String,
    body: impl Fn(u32) -> Value + Send + 'static,
    mut stop: watch::Receiver<bool>,
) -> Written {
    let mut written = Written::default();
    for number in 1.. {
        let answer = person.ask(Method::POST, &path, Some(body(number))).await.expect("the centre itself never goes");
        if answer.status == StatusCode::OK {
            written.acknowledged.insert(number);
        } else {
            written.refused.insert(number, answer.code());
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            () = sleep(BREATH) => {}
        }
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_postgresql_stops_under_writes_and_the_centre_goes_on_by_itself() {
    let mut server = block_in_place(OwnServer::start);
    let mut program = Program::start(Place::Postgres(server.new_database("centre"))).await;
    let mut sensor = program.sensor().await;
    sees_some(&mut sensor).await;
    sensor.until_sent(&program).await;
    let person = program.person.clone();
    let (story, case) = (person.a_story().await, person.a_case().await);
    let (stop, stopped) = watch::channel(false);
    let triage = |number| json!({"action": "acknowledge", "reason": format!("triage {number}"), "up_to": now().iso()});
    let comment = |number| json!({"text": format!("comment {number}")});
    let triages =
        tokio::spawn(writes(person.clone(), format!("/api/v1/stories/{story}/triage"), triage, stopped.clone()));
    let comments = tokio::spawn(writes(person.clone(), format!("/api/v1/cases/{case}/comments"), comment, stopped));
    for ending in [Ending::Orderly, Ending::AtOnce, Ending::Orderly] {
        sees_some(&mut sensor).await;
        sensor.sees();
        block_in_place(|| server.stop(ending));
        program.until_it_says("database_away").await;
        for path in ["/api/v1/overview", "/api/v1/session", "/healthz"] {
            let answer = person.get(path).await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "database_away"));
            let said = answer.text.to_lowercase();
            assert!(["sql", "socket", "panic", ".rs"].iter().all(|word| !said.contains(word)), "{said}");
        }
        sees_some(&mut sensor).await;
        assert!(!sensor.desk.is_drained(), "what nobody stored waits in the spool");
        block_in_place(|| server.start_again());
        program.until_it_says("ok").await;
    }
    sees_some(&mut sensor).await;
    stop.send_replace(true);
    let (triages, comments) = (triages.await.expect("ends"), comments.await.expect("ends"));
    sensor.until_sent(&program).await;
    assert_eq!(person.alerts().await, sensor.all_once());
    let case = person.get(&format!("/api/v1/cases/{case}")).await.json();
    // A story shows its latest events only; each write has its line of the audit.
    let audited: Vec<String> = person.audited("story.triage").await;
    let reasons: Vec<String> = audited.iter().filter_map(|line| Some(line.split_once(": ")?.1.to_owned())).collect();
    triages.check("triage", &reasons);
    let lines = case["timeline"].as_array().unwrap_or_else(|| panic!("{case}"));
    let said = lines.iter().filter_map(|line| line["text"].as_str()).filter(|text| text.starts_with("comment"));
    comments.check("comment", &said.map(str::to_owned).collect::<Vec<_>>());
    assert!(!program.whole_log().contains("panicked"), "{}", program.log());
    sensor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_what_was_acknowledged_is_read_and_the_rest_waits_until_there_is_room() {
    let mut program = Program::start(Place::SmallDisk(DISK_BYTES)).await;
    let mut sensor = program.sensor().await;
    sees_some(&mut sensor).await;
    sensor.until_sent(&program).await;
    let (person, acknowledged) = (program.person.clone(), sensor.all_once());
    let story = person.a_story().await;
    let ballast = program.on_its_disk("ballast");
    fill(&ballast);
    sees_some(&mut sensor).await;
    program.until_it_says("no_space").await;
    assert!(!sensor.desk.is_drained(), "what nobody stored waits in the spool");
    let triage = |number| json!({"action": "acknowledge", "reason": format!("triage {number}"), "up_to": now().iso()});
    let path = format!("/api/v1/stories/{story}/triage");
    // What was begun and taken back has left some room in the log, which a small write may still find.
    let mut refused = person.post(&path, triage(0)).await;
    for number in 1..SMALL_WRITES_MAX {
        if refused.status != StatusCode::OK {
            break;
        }
        refused = person.post(&path, triage(number)).await;
    }
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::INSUFFICIENT_STORAGE, "no_space"));
    let kept = person.alerts().await;
    assert!(acknowledged.iter().all(|(number, times)| kept.get(number) == Some(times)), "people still read: {kept:?}");
    assert!(kept.len() < sensor.all_once().len(), "something waits");
    let overview = person.get("/api/v1/overview").await;
    assert_eq!(overview.status, StatusCode::OK, "{}", overview.text);
    std::fs::remove_file(&ballast).expect("removed");
    sensor.until_sent(&program).await;
    program.until_it_says("ok").await;
    assert_eq!(person.alerts().await, sensor.all_once());
    assert_eq!(person.post(&path, triage(SMALL_WRITES_MAX)).await.status, StatusCode::OK);
    assert!(!program.whole_log().contains("panicked"), "{}", program.log());
    sensor.stop().await;
}

/// Takes all the room that is left.
fn fill(path: &std::path::Path) {
    let mut file = File::create(path).expect("a file");
    for size in [1 << 16, 1] {
        let block = vec![b'x'; size];
        while file.write_all(&block).is_ok() {}
    }
}
