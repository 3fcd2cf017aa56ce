//! Indicators: from a sent warning or an analyst into the signed list, to sensors, and back as hits.

use crate::sector::{
    ALPHA, BRAVO, CHARLIE, HOSPITALS, Hospital, INTRUDER, Person, Sector, addresses, alert, intrusion,
};
use axum::http::StatusCode;
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    indicator_feed::{parts_for, publish},
};
use phitak_model::{ActiveIndicators, Health, Indicator, ListedRule, Severity, Timestamp, indicator::INDICATOR_GID};
use phitak_store::{Sent, ToList};
use phitak_uplink::{
    Authority, FeedPosition, Item,
    feed::{FeedKey, Keeper},
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tempfile::TempDir;

/// What an analyst adds, each time another address.
pub fn sample() -> Value {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, third, fourth] = NEXT.fetch_add(1, Relaxed).to_be_bytes();
    of("address", &format!("198.18.{third}.{fourth}"))
}

fn of(kind: &str, value: &str) -> Value {
    json!({
        "kind": kind, "values": [value], "severity": "high", "tlp": "green", "source": "ThaiCERT",
        "reason": "seen in their report", "words": "เว็บไซต์ปลอม", "days": 30,
    })
}

impl Sector {
    /// A new indicator that is looked for.
    pub async fn indicator_id(&self) -> i64 {
        let added = self.post(Person::Analyst, "/api/v1/indicators", sample()).await;
        assert_eq!(added.json()["added"], 1, "{}", added.text);
        self.get(Person::Analyst, "/api/v1/indicators?limit=1").await.json()["items"][0]["id"]
            .as_i64()
            .expect("a number")
    }
}

/// A sensor's list, fetched page by page.
pub struct Fetcher {
    _folder: TempDir,
    keeper: Keeper,
}

impl Fetcher {
    pub fn new(centre: &Centre) -> Self {
        let folder = TempDir::new().expect("a folder");
        let key = FeedKey::of(centre.authority.certificate()).expect("a key");
        let keeper = Keeper::open(folder.path(), key).expect("opens");
        Self { _folder: folder, keeper }
    }

    /// Asks until there is no more.
    pub async fn fetch(&self, centre: &Centre) -> Vec<Indicator> {
        let head = centre.feed.head();
        while self.keeper.position() != head {
            let page = parts_for(centre, &self.keeper.ask()).await.expect("reads");
            assert!(!page.is_empty(), "the way to {head:?} ends at {:?}", self.keeper.position());
            self.keeper.take(&page, head).expect("verifies");
        }
        let mut all = Vec::new();
        self.keeper.read(&mut |indicator| all.push(indicator)).expect("reads");
        all
    }
}

impl Fetcher {
    /// The rules of the list that was fetched.
    pub fn rules(&self) -> Vec<ListedRule> {
        self.keeper.read(&mut |_| ()).expect("reads").rules
    }
}

fn values(all: &[Indicator]) -> Vec<String> {
    all.iter().map(|indicator| indicator.value.to_string()).collect()
}

async fn add(sector: &Sector, kind: &str, value: &str) -> (StatusCode, String) {
    let answer = sector.post(Person::Analyst, "/api/v1/indicators", of(kind, value)).await;
    (answer.status, answer.text)
}

async fn listed(sector: &Sector, person: Person, query: &str) -> Vec<Value> {
    let answer = sector.get(person, &format!("/api/v1/indicators{query}")).await;
    answer.json()["items"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone()
}

#[tokio::test]
async fn a_sent_warnings_addresses_go_to_every_sensor_and_tell_of_nobody() {
    let sector = Sector::lived_in().await;
    sector.send(ALPHA, 1, 100, vec![intrusion(&sector, ALPHA)]).await;
    publish(&sector.centre).await.expect("nothing yet");
    assert_eq!(sector.centre.feed.head(), FeedPosition::default());
    sector.draft(addresses(&["198.51.100.1"])).await;
    publish(&sector.centre).await.expect("a draft is nobody's");
    assert_eq!(sector.centre.feed.head(), FeedPosition::default());
    let id = sector.sent(addresses(&[INTRUDER]), 1).await;
    for _ in 0..2 {
        publish(&sector.centre).await.expect("taken over once");
    }
    assert_eq!(sector.centre.feed.head(), FeedPosition { generation: 1, part: 1 });
    let fetcher = Fetcher::new(&sector.centre);
    let all = fetcher.fetch(&sector.centre).await;
    assert_eq!(values(&all), [INTRUDER]);
    assert_eq!((all[0].text.as_str(), all[0].severity), ("เตือน", Severity::High));
    let page = parts_for(&sector.centre, &Default::default()).await.expect("reads");
    let text = String::from_utf8(page).expect("text");
    assert!(HOSPITALS.iter().all(|hospital| !hospital.is_told_in(&text)), "{text}");
    let kept = listed(&sector, Person::Analyst, "").await;
    assert_eq!(
        (&kept[0]["bulletin_id"], &kept[0]["tlp"], &kept[0]["standing"]),
        (&json!(id), &json!("amber"), &json!("active"))
    );
    let actions = sector.audit_actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "indicator.add").count(), 1);
}

#[tokio::test]
async fn what_an_analyst_adds_is_looked_for_until_it_is_ended() {
    let sector = Sector::empty().await;
    let digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (kind, value) in [
        ("address", "198.51.100.0/24"),
        ("domain", "Evil.example"),
        ("url", "https://files.evil.example/a.exe?x=1"),
        ("sha256", digest),
        ("sha1", &digest[..40]),
        ("md5", &digest[..32]),
        ("ja3", &digest[..32]),
        ("ja4", "t13d1516h2_8daaf6152771_b186095e22b6"),
    ] {
        let (status, text) = add(&sector, kind, value).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let (_, again) = add(&sector, kind, value).await;
        assert!(again.contains("\"added\":0"), "the same again is nothing new: {again}");
    }
    publish(&sector.centre).await.expect("made");
    let fetcher = Fetcher::new(&sector.centre);
    assert_eq!(fetcher.fetch(&sector.centre).await.len(), 8);
    let domain = listed(&sector, Person::Analyst, "?q=evil.ex&kind=domain").await;
    let path = format!("/api/v1/indicators/{}/end", domain[0]["id"]);
    let ended = sector.post(Person::Analyst, &path, json!({"reason": "it is ours"})).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.text);
    assert_eq!(sector.post(Person::Analyst, &path, json!({"reason": "again"})).await.code(), "conflict");
    publish(&sector.centre).await.expect("made");
    let left = fetcher.fetch(&sector.centre).await;
    assert!(left.len() == 7 && !values(&left).contains(&"evil.example".to_owned()), "{:?}", values(&left));
    let over = listed(&sector, Person::Analyst, "?standing=over").await;
    assert_eq!((over.len(), &over[0]["team"]["end_reason"]), (1, &json!("it is ours")));
    let (_, anew) = add(&sector, "domain", "evil.example").await;
    assert!(anew.contains("\"added\":1"), "what was ended may be added again: {anew}");
    publish(&sector.centre).await.expect("made");
    assert_eq!(fetcher.fetch(&sector.centre).await.len(), 8);
}

#[tokio::test]
async fn what_would_hit_the_innocent_is_refused_with_its_reason() {
    let sector = Sector::empty().await;
    for (kind, value, why) in [
        ("address", "10.0.0.1", "private"),
        ("address", "203.0.0.0/8", "too wide"),
        ("address", "8.8.8.8", "protected"),
        ("domain", "moph.go.th", "protected"),
        ("domain", "go.th", "too short"),
        ("domain", "com", "too short"),
        ("url", "evil.example", "no path"),
        ("sha256", "abc", "64 hexadecimal"),
    ] {
        let (status, text) = add(&sector, kind, value).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        assert!(text.contains(why), "{value}: {text}");
    }
    for (field, value) in [
        ("tlp", json!("red")),
        ("tlp", json!("amber_strict")),
        ("words", json!(format!("พบที่ {}", ALPHA.code))),
        ("words", json!("")),
        ("words", json!("a\tb")),
        ("reason", json!(" ")),
        ("source", json!("")),
        ("days", json!(0)),
        ("days", json!(731)),
        ("values", json!([])),
        ("values", json!(vec!["198.51.100.7"; 501])),
    ] {
        let mut body = of("address", "198.51.100.7");
        body[field] = value;
        let answer = sector.post(Person::Analyst, "/api/v1/indicators", body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
    }
    publish(&sector.centre).await.expect("nothing");
    assert_eq!(sector.centre.feed.head(), FeedPosition::default());
    let warning = sector.draft(addresses(&["8.8.8.8"])).await;
    let sent =
        sector.post(Person::Analyst, &format!("/api/v1/bulletins/{warning}/publish"), json!({"expected": 0})).await;
    assert!(sent.text.contains("protected"), "{}", sent.text);
}

#[tokio::test]
async fn an_expired_indicator_leaves_the_list_by_itself() {
    let sector = Sector::empty().await;
    let mut short = of("address", "198.51.100.7");
    short["days"] = json!(1);
    sector.post(Person::Analyst, "/api/v1/indicators", short).await;
    add(&sector, "address", "198.51.100.8").await;
    publish(&sector.centre).await.expect("made");
    let fetcher = Fetcher::new(&sector.centre);
    assert_eq!(fetcher.fetch(&sector.centre).await.len(), 2);
    sector.advance_secs(86_400);
    publish(&sector.centre).await.expect("made");
    assert_eq!(values(&fetcher.fetch(&sector.centre).await), ["198.51.100.8"]);
}

fn hit(hospital: Hospital, id: u32) -> Item {
    let mut alert = alert(hospital, id, "ร่องรอยคนร้าย: เว็บไซต์ปลอม", Severity::High);
    alert.gid = INDICATOR_GID;
    Item::Alert(Box::new(alert))
}

#[tokio::test]
async fn hits_are_told_to_those_who_may_see_their_hospitals() {
    let sector = Sector::lived_in().await;
    let id = sector.indicator_id().await;
    let number = u32::try_from(id).expect("small");
    sector.send(ALPHA, 1, 100, vec![hit(ALPHA, number), hit(ALPHA, number)]).await;
    sector.send(CHARLIE, 1, 100, vec![hit(CHARLIE, number)]).await;
    let of = async |person: Person| {
        let all = listed(&sector, person, "").await;
        let one = all.iter().find(|one| one["id"] == id).expect("is there").clone();
        (one["hits"].as_u64(), one["hospitals"].as_u64(), !one["story_id"].is_null(), !one["team"].is_null())
    };
    assert_eq!(of(Person::Analyst).await, (Some(3), Some(2), true, true));
    assert_eq!(of(Person::Officer).await, (Some(2), Some(1), true, false));
    sector.send(BRAVO, 1, 100, vec![]).await;
    let refused = sector.get(Person::AtAlpha, "/api/v1/indicators").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let own = sector.get(Person::AtAlpha, "/api/v1/stories?since=all").await.json();
    assert!(
        own["items"].as_array().expect("a list").iter().any(|story| story["signature_id"] == id),
        "an ordinary story"
    );
}

#[tokio::test]
async fn the_centre_shows_which_sensors_have_the_newest_list() {
    let sector = Sector::lived_in().await;
    let state = async |hospital: Hospital| {
        let all = sector.get(Person::Analyst, "/api/v1/facilities").await.json();
        let items = all["items"].as_array().expect("a list").clone();
        let one = items.iter().find(|one| one["code"] == hospital.code).expect("is there");
        one["sensor"]["indicators"].clone()
    };
    assert_eq!(state(ALPHA).await, Value::Null, "there is no list yet");
    sector.indicator_id().await;
    publish(&sector.centre).await.expect("made");
    assert_eq!(state(ALPHA).await, "missing");
    let tell = async |hospital: Hospital, seq: u64, part: u64| {
        let indicators = Some(ActiveIndicators { generation: 1, part, entries: part });
        let health = Health { at: sector.now(), indicators, ..Health::default() };
        sector.send(hospital, 1, seq, vec![Item::Health(health)]).await;
    };
    tell(ALPHA, 200, 1).await;
    tell(BRAVO, 200, 1).await;
    assert_eq!(state(ALPHA).await, "current");
    sector.indicator_id().await;
    publish(&sector.centre).await.expect("made");
    tell(BRAVO, 201, 2).await;
    assert_eq!((state(ALPHA).await, state(BRAVO).await), (json!("behind"), json!("current")));
    let list = sector.get(Person::Analyst, "/api/v1/indicators").await.json()["list"].clone();
    assert_eq!(list, json!({"generation": 1, "part": 2, "sensors": 3, "sensors_current": 1}));
    let detail = sector.get(Person::AtAlpha, &format!("/api/v1/facilities/{}", ALPHA.code)).await.json();
    assert_eq!(detail["sensors"][0]["indicators_active"], 1);
}

/// The same tables under another running centre, with the same or another authority's key.
async fn again(sector: &Sector, authority: &str) -> Centre {
    let now = sector.now();
    let clock = Clock::of(move || now);
    let authority = Authority::from_pem(authority).expect("a CA");
    Centre::new(sector.open_again().await, clock, Settings::default(), authority).expect("a centre")
}

#[tokio::test]
async fn a_centre_that_starts_again_goes_on_with_its_list() {
    let sector = Sector::empty().await;
    sector.indicator_id().await;
    publish(&sector.centre).await.expect("made");
    let fetcher = Fetcher::new(&sector.centre);
    fetcher.fetch(&sector.centre).await;
    let restarted = again(&sector, &sector.centre.authority.to_pem()).await;
    publish(&restarted).await.expect("nothing new");
    assert_eq!(restarted.feed.head(), FeedPosition { generation: 1, part: 1 });
    sector.indicator_id().await;
    publish(&restarted).await.expect("made");
    assert_eq!(restarted.feed.head(), FeedPosition { generation: 1, part: 2 });
    assert_eq!(fetcher.fetch(&restarted).await.len(), 2);
}

#[tokio::test]
async fn a_restored_centre_learns_from_a_sensor_that_its_list_was_longer() {
    let (later, older) = (Sector::empty().await, Sector::empty().await);
    // The same authority, and one part more than the older copy has.
    let key = later.centre.authority.to_pem();
    for _ in 0..2 {
        later.indicator_id().await;
        publish(&later.centre).await.expect("made");
    }
    let fetcher = Fetcher::new(&later.centre);
    fetcher.fetch(&later.centre).await;
    let restored = again(&older, &key).await;
    older.indicator_id().await;
    publish(&restored).await.expect("made");
    assert_eq!(restored.feed.head(), FeedPosition { generation: 1, part: 1 });
    // What nobody signed moves nothing.
    let mut forged = fetcher.keeper.ask();
    forged.position.generation = 900;
    assert!(parts_for(&restored, &forged).await.expect("asks").is_empty());
    publish(&restored).await.expect("nothing");
    assert_eq!(restored.feed.head(), FeedPosition { generation: 1, part: 1 });
    assert!(parts_for(&restored, &fetcher.keeper.ask()).await.expect("asks").is_empty());
    publish(&restored).await.expect("a new generation");
    assert_eq!(restored.feed.head().generation, 2);
    assert_eq!(fetcher.fetch(&restored).await.len(), 1, "what the restored centre looks for, and nothing else");
    assert!(restored.clock.now() >= Timestamp::default());
}

#[tokio::test]
async fn thousands_come_in_pages_and_each_once() {
    let sector = Sector::empty().await;
    for block in 0..9_u32 {
        let mut body = of("address", "198.18.0.1");
        let values: Vec<String> = (0..500).map(|n| format!("198.19.{}.{}", block * 2 + n / 250, n % 250)).collect();
        body["values"] = json!(values);
        let answer = sector.post(Person::Analyst, "/api/v1/indicators", body).await;
        assert_eq!(answer.json()["added"], 500, "{}", answer.text);
    }
    publish(&sector.centre).await.expect("made");
    assert!(sector.centre.feed.head().part >= 3);
    let from_memory = Fetcher::new(&sector.centre).fetch(&sector.centre).await;
    assert_eq!(from_memory.len(), 4_500);
    let restarted = again(&sector, &sector.centre.authority.to_pem()).await;
    publish(&restarted).await.expect("loads");
    assert_eq!(Fetcher::new(&restarted).fetch(&restarted).await, from_memory, "and from the tables the same");
}

#[tokio::test]
async fn what_changes_while_a_new_list_is_made_waits_for_its_next_part() {
    let sector = Sector::empty().await;
    let (ends, stays) = (sector.indicator_id().await, sector.indicator_id().await);
    let (withdrawn, kept) = (sector.listed_rule().await, sector.listed_rule().await);
    publish(&sector.centre).await.expect("made");
    let (store, now) = (&sector.centre.store, sector.now());
    let indicators = store.active_after(0, now, 10).await.expect("reads");
    let indicators: Vec<u32> = indicators.into_iter().map(|indicator| indicator.id).collect();
    let rules = store.listed_rules_in_force(now).await.expect("reads");
    assert_eq!(indicators.iter().map(|id| i64::from(*id)).collect::<Vec<_>>(), [ends, stays]);
    assert_eq!(rules.iter().map(|rule| rule.sid).collect::<Vec<_>>(), [withdrawn, kept]);
    // Before the list is kept, some come and some go.
    let (comes, new_rule) = (sector.indicator_id().await, sector.listed_rule().await);
    for path in [format!("/api/v1/indicators/{ends}/end"), format!("/api/v1/rules/{withdrawn}/withdraw")] {
        let ended = sector.post(Person::Analyst, &path, json!({"reason": "it is ours"})).await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.text);
    }
    store.begin_generation(&[], &Sent { indicators: &indicators, rules: &rules }).await.expect("kept");
    let changes = store.changes_to_list(now, 10).await.expect("reads");
    let told: Vec<(char, i64)> = changes
        .iter()
        .map(|change| match change {
            ToList::Add(indicator) => ('+', indicator.id.into()),
            ToList::Remove(id) => ('-', (*id).into()),
            ToList::AddRule(rule) => ('+', rule.sid.into()),
            ToList::RemoveRule(sid) => ('-', (*sid).into()),
        })
        .collect();
    assert_eq!(told, [('-', withdrawn.into()), ('+', new_rule.into()), ('-', ends), ('+', comes)]);
}
