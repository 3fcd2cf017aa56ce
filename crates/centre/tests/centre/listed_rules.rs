//! Rules of the sector's team: checked, into the signed list, to sensors, and back as alerts with the team's words.

use crate::{
    indicators::Fetcher,
    sector::{ALPHA, BRAVO, CHARLIE, HOSPITALS, Hospital, Person, Sector, alert},
};
use axum::http::StatusCode;
use phitak_centre::indicator_feed::{parts_for, publish};
use phitak_engine::{Capture, Companions, Config, Engine, Loader, Sink, load, rule_list::load_list};
use phitak_model::{
    ActiveIndicators, ActiveRules, Alert, Health, Observation, RefusedRule, Severity,
    listed_rule::{LISTED_RULE_GID, LISTED_RULES_MAX},
};
use phitak_uplink::{FeedPosition, Item};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

fn text(sid: u32) -> String {
    format!("alert udp any any -> any 9999 (msg:\"PHITAK TEAM a call home\"; content:\"call home\"; sid:{sid};)")
}

fn draft(rule: &str) -> Value {
    let words = |th: &str, en: &str| json!({"th": th, "en": en});
    json!({
        "rule": rule,
        "title": words("เครื่องติดต่อคนร้าย", "A machine calls home"),
        "what": words("เครื่องนี้ส่งข้อมูลออกไปหาคนร้าย", "This machine sends data to attackers."),
        "why": words("ข้อมูลอาจรั่วไหล", "Data may leak."),
    })
}

fn of(rules: &[Value]) -> Value {
    json!({"rules": rules, "tlp": "green", "reason": "seen in a report of ThaiCERT", "days": 30})
}

/// What an analyst adds, each time another rule.
pub fn sample() -> Value {
    of(&[draft(&text(next_sid()))])
}

fn next_sid() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(9_700_001);
    NEXT.fetch_add(1, Relaxed)
}

impl Sector {
    /// The number of a new rule that is in force.
    pub async fn listed_rule(&self) -> u32 {
        let sid = next_sid();
        let added = self.post(Person::Analyst, "/api/v1/rules", of(&[draft(&text(sid))])).await;
        assert_eq!(added.status, StatusCode::NO_CONTENT, "{}", added.text);
        sid
    }
}

async fn listed(sector: &Sector, person: Person, query: &str) -> Vec<Value> {
    let answer = sector.get(person, &format!("/api/v1/rules{query}")).await;
    answer.json()["items"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone()
}

#[tokio::test]
async fn what_an_analyst_adds_is_in_force_until_it_is_withdrawn() {
    let sector = Sector::empty().await;
    let (first, second) = (sector.listed_rule().await, sector.listed_rule().await);
    publish(&sector.centre).await.expect("made");
    let fetcher = Fetcher::new(&sector.centre);
    assert!(fetcher.fetch(&sector.centre).await.is_empty(), "they are no indicators");
    let sids = |fetcher: &Fetcher| fetcher.rules().into_iter().map(|rule| rule.sid).collect::<Vec<_>>();
    assert_eq!(sids(&fetcher), [first, second]);
    assert_eq!(fetcher.rules()[0].text, text(first));
    let path = format!("/api/v1/rules/{first}/withdraw");
    let ended = sector.post(Person::Analyst, &path, json!({"reason": "it hit a vendor"})).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.text);
    assert_eq!(sector.post(Person::Analyst, &path, json!({"reason": "again"})).await.code(), "conflict");
    publish(&sector.centre).await.expect("made");
    fetcher.fetch(&sector.centre).await;
    assert_eq!(sids(&fetcher), [second]);
    let over = listed(&sector, Person::Analyst, "?standing=over").await;
    assert_eq!((&over[0]["sid"], &over[0]["team"]["end_reason"]), (&json!(first), &json!("it hit a vendor")));
    let again = sector.post(Person::Analyst, "/api/v1/rules", of(&[draft(&text(first))])).await;
    assert_eq!(again.code(), "conflict", "a number is given once: {}", again.text);
    let actions = sector.audit_actions().await;
    for (action, times) in [("rule.add", 2), ("rule.withdraw", 1)] {
        assert_eq!(actions.iter().filter(|done| *done == action).count(), times, "{action}");
    }
}

#[tokio::test]
async fn an_expired_rule_leaves_the_list_by_itself_and_a_new_generation_holds_the_others() {
    let sector = Sector::empty().await;
    let mut short = sample();
    short["days"] = json!(1);
    assert_eq!(sector.post(Person::Analyst, "/api/v1/rules", short).await.status, StatusCode::NO_CONTENT);
    let stays = sector.listed_rule().await;
    publish(&sector.centre).await.expect("made");
    let fetcher = Fetcher::new(&sector.centre);
    fetcher.fetch(&sector.centre).await;
    assert_eq!(fetcher.rules().len(), 2);
    sector.advance_secs(86_400);
    publish(&sector.centre).await.expect("made");
    fetcher.fetch(&sector.centre).await;
    assert_eq!(fetcher.rules().into_iter().map(|rule| rule.sid).collect::<Vec<_>>(), [stays]);
}

#[tokio::test]
async fn what_is_unsafe_to_ship_is_refused_with_line_column_and_reason() {
    let sector = Sector::empty().await;
    let good = text(next_sid());
    for (rule, why) in [
        (good.replacen("alert", "drop", 1), "alerts, and does nothing else"),
        (good.replace("content:\"call home\"", "content:\"ab\""), "only 2 byte(s)"),
        (good.replace("sid:97", "sid:80"), "9700000 to 9799999"),
        (good.replace("sid:", "flowbits:set,x; sid:"), "changes bits"),
        (good.replace("content", "contant"), "contant"),
        ("x".repeat(4_097), "4096"),
        (format!("{good} \n{good}"), "one line"),
    ] {
        let answer = sector.post(Person::Analyst, "/api/v1/rules", of(&[draft(&good), draft(&rule)])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{rule}: {}", answer.text);
        assert!(answer.text.contains("line 2, column ") && answer.text.contains(why), "{rule}: {}", answer.text);
    }
    for (field, value) in [
        ("tlp", json!("red")),
        ("tlp", json!("amber_strict")),
        ("reason", json!(" ")),
        ("days", json!(0)),
        ("days", json!(731)),
        ("rules", json!([])),
        ("bulletin_id", json!(999_999)),
    ] {
        let mut body = of(&[draft(&good)]);
        body[field] = value;
        let answer = sector.post(Person::Analyst, "/api/v1/rules", body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
    }
    let twice = sector.post(Person::Analyst, "/api/v1/rules", of(&[draft(&good), draft(&good)])).await;
    assert!(twice.text.contains("the same sid"), "{}", twice.text);
    publish(&sector.centre).await.expect("nothing");
    assert_eq!(sector.centre.feed.head(), FeedPosition::default(), "all of a request, or none");
}

#[tokio::test]
async fn nothing_that_sensors_get_names_a_hospital() {
    let sector = Sector::lived_in().await;
    let sid = next_sid();
    let named = text(sid).replace("a call home", &format!("at {}", ALPHA.code));
    let mut in_words = draft(&text(sid));
    in_words["what"]["th"] = json!(format!("พบที่ {}", ALPHA.code));
    for rule in [draft(&named), in_words] {
        let answer = sector.post(Person::Analyst, "/api/v1/rules", of(&[rule])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        assert!(answer.text.contains("not named to each other"), "{}", answer.text);
    }
    sector.listed_rule().await;
    publish(&sector.centre).await.expect("made");
    let page = parts_for(&sector.centre, &Default::default()).await.expect("reads");
    let text = String::from_utf8(page).expect("text");
    assert!(text.contains("r+\t97") && HOSPITALS.iter().all(|hospital| !hospital.is_told_in(&text)), "{text}");
}

#[tokio::test]
async fn a_check_tells_each_line_by_itself() {
    let sector = Sector::empty().await;
    let good = text(9_700_001);
    let block = format!("# two\n{good}\n\n{}\n", good.replace("content", "contant"));
    let query: String = block.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let checked = sector.get(Person::Analyst, &format!("/api/v1/rules/check?text={query}")).await.json();
    assert_eq!((&checked["fit"][0]["line"], &checked["fit"][0]["sid"]), (&json!(2), &json!(9_700_001)));
    assert_eq!(checked["fit"][0]["message"], "PHITAK TEAM a call home");
    let fault = &checked["faults"][0];
    assert_eq!(
        (fault["line"].as_u64(), fault["column"].as_u64()),
        (Some(4), good.find("content").map(|at| at as u64 + 1))
    );
    assert!(fault["reason"].as_str().is_some_and(|reason| reason.contains("contant")), "{fault}");
    let officer = sector.get(Person::Officer, &format!("/api/v1/rules/check?text={query}")).await;
    assert_eq!(officer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn no_more_rules_are_in_force_than_sensors_take() {
    let sector = Sector::empty().await;
    let many = |count: usize| of(&(0..count).map(|_| draft(&text(next_sid()))).collect::<Vec<_>>());
    for _ in 0..LISTED_RULES_MAX / 50 {
        assert_eq!(sector.post(Person::Analyst, "/api/v1/rules", many(50)).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(sector.post(Person::Analyst, "/api/v1/rules", many(1)).await.code(), "conflict");
    assert_eq!(sector.post(Person::Analyst, "/api/v1/rules", many(51)).await.code(), "invalid");
    publish(&sector.centre).await.expect("made");
    let fetcher = Fetcher::new(&sector.centre);
    fetcher.fetch(&sector.centre).await;
    assert_eq!(fetcher.rules().len(), LISTED_RULES_MAX);
}

#[tokio::test]
async fn the_centre_shows_which_sensors_refuse_a_rule_and_why() {
    let sector = Sector::lived_in().await;
    let sid = sector.listed_rule().await;
    let tell = async |hospital: Hospital, seq: u64, refused: Vec<RefusedRule>| {
        let rule_list = Some(ActiveRules { entries: 4, refused_count: refused.len() as u64, refused });
        let health = Health { at: sector.now(), rule_list, ..Health::default() };
        sector.send(hospital, 1, seq, vec![Item::Health(health)]).await;
    };
    let refused = || vec![RefusedRule { sid, why: "the variable $LAB is not set".to_owned() }];
    tell(ALPHA, 200, refused()).await;
    tell(CHARLIE, 200, refused()).await;
    tell(BRAVO, 200, Vec::new()).await;
    let of = async |person: Person| {
        let one = listed(&sector, person, "").await.into_iter().find(|one| one["sid"] == sid).expect("is there");
        (one["refused_by"].as_u64(), one["team"]["refused_why"].clone())
    };
    assert_eq!(of(Person::Analyst).await, (Some(2), json!("the variable $LAB is not set")));
    assert_eq!(of(Person::Officer).await, (Some(1), Value::Null), "of the officer's own region alone");
    let detail = sector.get(Person::AtAlpha, &format!("/api/v1/facilities/{}", ALPHA.code)).await.json();
    let sensor = &detail["sensors"][0];
    assert_eq!((&sensor["listed_rules"], &sensor["listed_rules_refused"]), (&json!(4), &json!(1)));
    assert_eq!(sensor["refusals"][0]["sid"], sid);
    tell(ALPHA, 201, Vec::new()).await;
    assert_eq!(of(Person::Analyst).await.0, Some(1), "what a sensor takes by now is no refusal");
}

#[tokio::test]
async fn the_centre_counts_the_sensors_that_have_a_rule_and_those_that_have_let_it_go() {
    let sector = Sector::lived_in().await;
    let (first, second) = (sector.listed_rule().await, sector.listed_rule().await);
    let followed = async |person: Person, sid: u32| {
        let one = listed(&sector, person, "").await.into_iter().find(|one| one["sid"] == sid).expect("is there");
        one["sensors_followed"].as_u64()
    };
    assert_eq!(followed(Person::Analyst, first).await, None, "it waits for the list");
    publish(&sector.centre).await.expect("made");
    assert_eq!(followed(Person::Analyst, first).await, Some(0));
    let tell = async |hospital: Hospital, seq: u64, part: u64, refused: Option<u32>| {
        let refused: Vec<_> = refused.into_iter().map(|sid| RefusedRule { sid, why: "no".to_owned() }).collect();
        let rule_list = Some(ActiveRules { entries: 2, refused_count: refused.len() as u64, refused });
        let indicators = Some(ActiveIndicators { generation: 1, part, entries: 0 });
        let health = Health { at: sector.now(), indicators, rule_list, ..Health::default() };
        sector.send(hospital, 1, seq, vec![Item::Health(health)]).await;
    };
    tell(ALPHA, 200, 1, None).await;
    tell(BRAVO, 200, 1, Some(second)).await;
    // An older program, which has the list and knows of no rules.
    let indicators = Some(ActiveIndicators { generation: 1, part: 1, entries: 0 });
    let health = Health { at: sector.now(), indicators, ..Health::default() };
    sector.send(CHARLIE, 1, 200, vec![Item::Health(health)]).await;
    assert_eq!((followed(Person::Analyst, first).await, followed(Person::Analyst, second).await), (Some(2), Some(1)));
    let of_region = [ALPHA, BRAVO].into_iter().filter(|hospital| Person::Officer.sees(*hospital)).count();
    assert_eq!(followed(Person::Officer, first).await, Some(of_region as u64));
    let path = format!("/api/v1/rules/{first}/withdraw");
    sector.post(Person::Analyst, &path, json!({"reason": "it hit a vendor"})).await;
    assert_eq!(followed(Person::Analyst, first).await, None, "the list does not say so yet");
    publish(&sector.centre).await.expect("made");
    assert_eq!(followed(Person::Analyst, first).await, Some(0), "they use it still");
    tell(ALPHA, 201, 2, None).await;
    assert_eq!(followed(Person::Analyst, first).await, Some(1));
    assert_eq!(followed(Person::Analyst, second).await, Some(1), "a later list holds it too");
    sector.advance_secs(sector.centre.settings.silent_after_secs + 1);
    assert_eq!(followed(Person::Analyst, second).await, Some(0), "of sensors that were heard lately");
}

#[derive(Default)]
struct Alerts(Vec<Alert>);

impl Sink for Alerts {
    fn record(&mut self, _: &'static str, _: &[u8]) {}

    fn alert(&mut self, alert: Alert) {
        self.0.push(alert);
    }

    fn observation(&mut self, _: Observation) {}
}

/// A capture of one datagram to port 9999.
fn capture(payload: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    let udp = 8 + payload.len() as u16;
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend((20 + udp).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 7, 203, 0, 113, 9]);
    frame.extend(1_234u16.to_be_bytes());
    frame.extend(9_999u16.to_be_bytes());
    frame.extend(udp.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    for word in [1_790_000_000u32, 0, frame.len() as u32, frame.len() as u32] {
        file.extend(word.to_le_bytes());
    }
    file.extend(&frame);
    file
}

#[tokio::test]
async fn from_the_analysts_rule_to_the_hospitals_story_in_the_analysts_words() {
    let sector = Sector::lived_in().await;
    let sid = sector.listed_rule().await;
    publish(&sector.centre).await.expect("made");
    let fetcher = Fetcher::new(&sector.centre);
    fetcher.fetch(&sector.centre).await;
    // As a sensor does it: with its own settings, beside its own rules.
    let mut config = Config::default();
    config.decoder.checksums = false;
    let loaded = load_list(&Loader::new(&config, Companions::default()), &fetcher.rules());
    assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
    let mut engine = Engine::new(config.clone(), load(&[], &config, BTreeMap::new(), None).rules);
    engine.set_listed_rules(Arc::clone(&loaded.rules));
    let (mut told, file) = (Alerts::default(), capture(b"please call home now"));
    let mut frames = Capture::new(&file[..]).expect("a capture");
    while let Some(frame) = frames.next_frame().expect("no damage") {
        engine.frame(&frame, &mut told);
    }
    engine.finish(&mut told);
    let found = told.0.first().expect("an alert");
    assert_eq!((found.gid, found.signature_id, told.0.len()), (LISTED_RULE_GID, sid, 1));
    // Sent as this moment's, which the capture's is not.
    let now = alert(ALPHA, sid, &found.signature, Severity::High);
    let sent = Alert { gid: found.gid, ..now };
    sector.send(ALPHA, 1, 300, vec![Item::Alert(Box::new(sent))]).await;
    let stories = sector.get(Person::AtAlpha, "/api/v1/stories?since=all").await.json();
    let all = stories["items"].as_array().expect("a list");
    let story = all.iter().find(|story| story["signature_id"] == sid).expect("a story");
    assert_eq!(story["title"], json!({"th": "เครื่องติดต่อคนร้าย", "en": "A machine calls home"}));
    let of = listed(&sector, Person::Analyst, "").await.into_iter().find(|one| one["sid"] == sid).expect("is there");
    assert_eq!((of["hits"].as_u64(), of["hospitals"].as_u64()), (Some(1), Some(1)));
    assert!(!of["story_id"].is_null());
}
