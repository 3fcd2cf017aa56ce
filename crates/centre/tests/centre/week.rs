//! A week of a sector from one seed: three hundred hospitals and their noise, a campaign among it. It is found, warned of,
//! answered, chased and proved; at the end the centre tells what the generator knows.

use crate::sector::{INTRUDER, Person, Sector};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use phitak_centre::{
    bulletin_watch::{BulletinWatch, CHASE_SECS},
    centre::Settings,
};
use phitak_model::{Alert, FacilityCode, Fact, Observation, SensorId, Severity, Timestamp};
use phitak_store::{
    AuditLine, BulletinId, NewFacility, NewUser, Role, Scope, ScopeReach, people::secret_digest, provinces::PROVINCES,
    sensors::Redeemed,
};
use phitak_uplink::{Batch, Intake, Item, Record, SpoolId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const HOSPITALS: usize = 300;
const HOURS: usize = 7 * 24;
/// Where remote desktop is served; the first [`VICTIMS`] of them are attacked.
const SERVING: usize = 40;
const VICTIMS: usize = 9;
const ATTACK_BEGINS: usize = 50;
const NOISE_SIGNATURES: usize = 60;
/// High, but at one or two hospitals each: no campaign.
const LOCAL_SIGNATURES: usize = 5;
const CAMPAIGN: u32 = 9_400_000;
const NOISE: u32 = 9_500_000;
const LOCAL: u32 = 9_600_000;
const HOUR_SECS: i64 = 3_600;

/// What a hospital does about the warning, in hours after it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conduct {
    /// Reads it, then mends.
    Mends {
        read: usize,
        done: usize,
    },
    /// Says that it is done, and it is not.
    Boasts {
        done: usize,
    },
    NotOurs {
        read: usize,
    },
    NeedsHelp {
        read: usize,
    },
    Silent,
}

impl Conduct {
    fn of(place: usize, dice: &mut Dice) -> Self {
        match place % 8 {
            0..=3 => {
                let read = 1 + dice.below(20);
                Self::Mends { read, done: read + 1 + dice.below(20) }
            }
            4 => Self::Boasts { done: 2 + dice.below(4) },
            5 => Self::NotOurs { read: 1 + dice.below(30) },
            6 => Self::NeedsHelp { read: 1 + dice.below(5) },
            _ => Self::Silent,
        }
    }

    /// The answer of this hour.
    fn answer(self, hour: usize) -> Option<&'static str> {
        match self {
            Self::Mends { read, .. } if hour == read => Some("acknowledged"),
            Self::Mends { done, .. } | Self::Boasts { done } if hour == done => Some("done"),
            Self::NotOurs { read } if hour == read => Some("not_ours"),
            Self::NeedsHelp { read } if hour == read => Some("need_help"),
            _ => None,
        }
    }

    /// Hours until the first answer.
    fn answered(self) -> Option<usize> {
        match self {
            Self::Mends { read, .. } | Self::NotOurs { read } | Self::NeedsHelp { read } => Some(read),
            Self::Boasts { done } => Some(done),
            Self::Silent => None,
        }
    }

    fn mended(self) -> Option<usize> {
        if let Self::Mends { done, .. } = self { Some(done) } else { None }
    }

    /// Levels of the chase that are reached before an answer.
    fn levels(self) -> Vec<u8> {
        let before = |secs: &&i64| self.answered().is_none_or(|hours| hours as i64 * HOUR_SECS > **secs);
        (1..).zip(CHASE_SECS.iter().filter(before)).map(|(level, _)| level).collect()
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end as u64) as usize
    }
}

struct Week {
    sector: Sector,
    dice: Dice,
    sensors: Vec<SensorId>,
    seqs: Vec<u64>,
    conducts: Vec<Conduct>,
    hour: usize,
    /// The warning and its hour.
    sent: Option<(i64, usize)>,
    /// That were begun.
    sessions: BTreeSet<String>,
    // What the centre must tell.
    arrived: BTreeMap<i64, u64>,
    signatures: BTreeSet<u32>,
    closed: BTreeSet<u32>,
}

fn code(place: usize) -> FacilityCode {
    FacilityCode::new(&format!("{:05}", 20_000 + place)).expect("a code")
}

fn login(place: usize) -> String {
    format!("hospital-{place}")
}

impl Week {
    async fn new() -> Self {
        let settings = Settings { silent_after_secs: HOUR_SECS + 100, ..Settings::default() };
        let sector = Sector::with(settings).await;
        let mut dice = Dice(20_691_130);
        let conducts = (0..SERVING).map(|place| Conduct::of(place, &mut dice)).collect();
        let mut week = Self {
            sector,
            dice,
            sensors: Vec::new(),
            seqs: vec![0; HOSPITALS],
            conducts,
            hour: 0,
            sent: None,
            sessions: BTreeSet::new(),
            arrived: BTreeMap::new(),
            signatures: BTreeSet::new(),
            closed: BTreeSet::new(),
        };
        week.found_hospitals().await;
        week
    }

    async fn found_hospitals(&mut self) {
        let (store, now, scope) = (&self.sector.centre.store, self.sector.now(), Scope::of_the_centre_itself());
        let audit = AuditLine::of_operator(now, "facilities.import");
        let facility = |place: usize| NewFacility {
            code: code(place),
            name_th: format!("โรงพยาบาลสมมติ {place}"),
            name_en: format!("Invented Hospital {place}"),
            province_code: PROVINCES[place % PROVINCES.len()].code.to_owned(),
        };
        let all: Vec<NewFacility> = (0..HOSPITALS).map(facility).collect();
        store.import_facilities(&all, audit.clone()).await.expect("imports");
        for place in 0..HOSPITALS {
            let digest = format!("code of {place}");
            store
                .add_enrolment_code(&scope, &code(place), &digest, now.plus_secs(60), audit.clone())
                .await
                .expect("a code");
            match store.redeem(&digest, "key", now).await.expect("redeems") {
                Redeemed::Sensor(sensor) => self.sensors.push(sensor),
                other => panic!("{other:?}"),
            }
        }
        for place in 0..SERVING {
            let reach = ScopeReach::Facility(code(place));
            let new = NewUser { login: login(place), name: login(place), role: Role::Hospital, reach };
            let link = secret_digest(&format!("link of {place}"));
            store.add_user(&scope, &new, &link, now.plus_secs(60), audit.clone()).await.expect("an account");
        }
    }

    /// A call with this hour's session: they do not live for days.
    async fn call(&mut self, login: &str, method: Method, path: &str, body: Option<Value>) -> Value {
        let secret = format!("{login}-{}", self.hour);
        if self.sessions.insert(secret.clone()) {
            let store = &self.sector.centre.store;
            let user = store.user_by_login(login).await.expect("reads").expect("an account");
            let audit = AuditLine::of_operator(self.sector.now(), "session.begin");
            store.begin_session(&user, &secret_digest(&secret), "csrf", audit).await.expect("a session");
        }
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, format!("phitak_session={secret}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-csrf-token", "csrf");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = self.sector.send_request(request.body(body).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::OK, "{login} {path}: {}", answer.text);
        answer.json()
    }

    async fn read(&mut self, path: &str) -> Value {
        self.call(Person::Analyst.login(), Method::GET, path, None).await
    }

    async fn write(&mut self, path: &str, body: Value) -> Value {
        self.call(Person::Analyst.login(), Method::POST, path, Some(body)).await
    }

    /// Hours since the warning was sent.
    fn since_sent(&self) -> Option<usize> {
        self.sent.map(|(_, at)| self.hour - at)
    }

    fn is_mended(&self, place: usize) -> bool {
        self.since_sent().zip(self.conducts[place].mended()).is_some_and(|(hour, mended)| hour >= mended)
    }

    /// Whether a signature of the noise is about on this day: each rests for some days.
    fn is_about(signature: usize, day: usize) -> bool {
        (day + signature) % 7 < 4
    }

    fn alert(&mut self, place: usize, signature: u32, severity: Severity, from: &str, port: u16) -> Item {
        self.signatures.insert(signature);
        self.closed.remove(&signature);
        let now = self.sector.now();
        *self.arrived.entry(now.micros().div_euclid(HOUR_SECS * 1_000_000)).or_default() += 1;
        Item::Alert(Box::new(Alert {
            at: now.plus_secs(-(self.dice.below(600) as i64)),
            gid: 1,
            signature_id: signature,
            rev: 1,
            signature: format!("invented signature {signature}"),
            category: "Test".to_owned(),
            severity,
            action: "allowed".to_owned(),
            proto: "TCP".to_owned(),
            src_ip: from.parse().expect("an address"),
            src_port: Some(50_000),
            dest_ip: format!("10.{}.{}.20", place / 250, place % 250).parse().expect("an address"),
            dest_port: Some(port),
            app_proto: Some(if port == 3_389 { "rdp" } else { "http" }.to_owned()),
            flow_id: 1,
            packet: 1,
            attack: Vec::new(),
            evidence: None,
            fields: Vec::new(),
        }))
    }

    /// What one hospital sends in an hour.
    fn hour_of(&mut self, place: usize) -> Vec<Item> {
        let now = self.sector.now();
        let seen = |host: u8, fact: Fact| {
            let host = format!("10.{}.{}.{host}", place / 250, place % 250).parse().expect("an address");
            Item::Observation(Observation { first_at: now, last_at: now, count: 1, host, mac: None, fact })
        };
        let mut items = vec![seen(20, Fact::Alive)];
        if place < SERVING && !self.is_mended(place) {
            items.push(seen(20, Fact::Serves { port: 3_389, protocol: "rdp".to_owned() }));
        }
        let attacked = place < VICTIMS && self.hour >= ATTACK_BEGINS + place / 2 && !self.is_mended(place);
        if attacked {
            // Each time from elsewhere: no address is shared.
            let from = format!("198.51.{}.{}", place, self.dice.below(250) + 1);
            items.push(self.alert(place, CAMPAIGN, Severity::High, &from, 3_389));
        }
        for _ in 0..self.dice.below(3) {
            let signature = self.dice.below(NOISE_SIGNATURES);
            if Self::is_about(signature, self.hour / 24) {
                let severity = if signature.is_multiple_of(3) { Severity::Medium } else { Severity::Low };
                items.push(self.alert(place, NOISE + signature as u32, severity, INTRUDER, 80));
            }
        }
        let local = place.checked_sub(100).filter(|local| *local < 2 * LOCAL_SIGNATURES);
        if let Some(local) = local.filter(|_| self.dice.below(12) == 0) {
            items.push(self.alert(place, LOCAL + (local / 2) as u32, Severity::High, INTRUDER, 80));
        }
        items
    }

    /// All hospitals at once, as they would.
    async fn send(&mut self) {
        let mut batches = Vec::with_capacity(HOSPITALS);
        for place in 0..HOSPITALS {
            let items = self.hour_of(place);
            let first = self.seqs[place] + 1;
            self.seqs[place] += items.len() as u64;
            let records = items.into_iter().zip(first..).map(|(item, seq)| Record { seq, item }).collect();
            batches.push((self.sensors[place].clone(), Batch { spool: SpoolId([1; 16]), acknowledged: 0, records }));
        }
        let intake = &self.sector.intake;
        let sending = batches.into_iter().map(async |(sensor, batch)| intake.accept(&sensor, batch).await);
        for sent in futures_util::future::join_all(sending).await {
            sent.expect("is taken");
        }
    }

    /// The analyst's hour: what looks like a campaign is warned of.
    async fn watch_for_campaigns(&mut self) {
        let queue = self.read("/api/v1/stories?severity=high,critical&since=24h&limit=200").await;
        for story in queue["items"].as_array().expect("a list") {
            if story["facilities"].as_u64().expect("a number") < 3 {
                continue;
            }
            let id = story["id"].as_i64().expect("an id");
            let warning = self.read(&format!("/api/v1/stories/{id}/warning")).await;
            if warning["draft"].is_null() || !warning["bulletin_id"].is_null() {
                continue;
            }
            assert_eq!(story["signature_id"], CAMPAIGN, "the only campaign of the week");
            assert_eq!(warning["draft"]["check"]["kind"], "service");
            let bulletin =
                self.write("/api/v1/bulletins", warning["draft"].clone()).await["id"].as_i64().expect("an id");
            let concerned = self.read("/api/v1/concerned?kind=service&protocol=rdp&port=3389").await;
            assert_eq!(concerned["total"], SERVING, "whom the inventory shows, attacked or not");
            self.write(&format!("/api/v1/bulletins/{bulletin}/publish"), json!({"expected": SERVING})).await;
            self.sent = Some((bulletin, self.hour));
        }
    }

    async fn answer(&mut self) {
        let Some(((id, _), hours)) = self.sent.zip(self.since_sent()) else { return };
        for place in 0..SERVING {
            let Some(word) = self.conducts[place].answer(hours) else { continue };
            let path = format!("/api/v1/bulletins/{id}/recipients/{}/answer", code(place));
            let reason = (word == "not_ours").then_some("เครื่องนี้ไม่ใช่ของเรา");
            self.call(&login(place), Method::POST, &path, Some(json!({"answer": word, "reason": reason}))).await;
        }
    }

    /// At the end of a day, noise that rests since yesterday is closed.
    async fn close_the_day(&mut self) {
        let day = self.hour / 24;
        for signature in 0..NOISE_SIGNATURES {
            let number = NOISE + signature as u32;
            let rests = !Self::is_about(signature, day) && self.signatures.contains(&number);
            if !rests || self.closed.contains(&number) {
                continue;
            }
            let path = format!("/api/v1/stories?since=all&q=signature%20{number}");
            let story = self.read(&path).await["items"][0].clone();
            let closing =
                json!({"action": "close", "verdict": "benign", "reason": "noise", "up_to": story["arrived_at"]});
            self.write(&format!("/api/v1/stories/{}/triage", story["id"]), closing).await;
            self.closed.insert(number);
        }
    }

    async fn live(&mut self) {
        let mut watch = BulletinWatch::default();
        while self.hour < HOURS {
            self.sector.advance_secs(HOUR_SECS);
            self.send().await;
            self.answer().await;
            if self.sent.is_none() {
                self.watch_for_campaigns().await;
            }
            watch.look(&self.sector.centre).await.expect("looks");
            if self.hour % 24 == 23 {
                self.close_the_day().await;
            }
            self.hour += 1;
        }
        self.hour -= 1;
    }

    fn at(&self, test: impl Fn(Conduct) -> bool) -> usize {
        self.conducts.iter().filter(|conduct| test(**conduct)).count()
    }
}

fn median(mut hours: Vec<usize>) -> f64 {
    hours.sort_unstable();
    let (low, high) = (hours[(hours.len() - 1) / 2], hours[hours.len() / 2]);
    (low + high) as f64 / 2.0
}

#[tokio::test]
async fn a_week_of_three_hundred_hospitals_ends_as_it_was_made() {
    let mut week = Week::new().await;
    week.live().await;
    let (id, sent_at) = week.sent.expect("the campaign was found");
    assert_eq!(sent_at, ATTACK_BEGINS + 1, "in the hour of its third victim");

    let counts = week.read(&format!("/api/v1/bulletins/{id}")).await["counts"].clone();
    let of = |name: &str| counts[name].as_u64().expect("a number") as usize;
    let silent = week.at(|conduct| conduct == Conduct::Silent);
    assert_eq!(of("recipients"), SERVING);
    assert_eq!(of("sent"), silent);
    assert_eq!(of("not_ours"), week.at(|conduct| matches!(conduct, Conduct::NotOurs { .. })));
    assert_eq!(of("need_help"), week.at(|conduct| matches!(conduct, Conduct::NeedsHelp { .. })));
    assert_eq!(of("verified"), week.at(|conduct| matches!(conduct, Conduct::Mends { .. })), "mended, and seen to be");
    assert_eq!(
        of("reopened"),
        week.at(|conduct| matches!(conduct, Conduct::Boasts { .. })),
        "said, and seen not to be"
    );
    assert_eq!(of("done") + of("acknowledged") + of("cannot"), 0);

    let scope = Scope::of_the_centre_itself();
    let events = week.sector.centre.store.bulletin_events(&scope, BulletinId(id)).await.expect("reads");
    for (place, conduct) in week.conducts.iter().enumerate() {
        let own = events.iter().filter(|event| event.facility.as_deref() == Some(code(place).as_str()));
        let levels: Vec<u8> = own.filter(|event| event.action == "chased").filter_map(|event| event.level).collect();
        assert_eq!(levels, conduct.levels(), "{place}: {conduct:?}");
    }

    let overview = week.read("/api/v1/overview").await;
    let now: Timestamp = week.sector.now();
    let this_hour = now.micros().div_euclid(HOUR_SECS * 1_000_000);
    let of_a_day: u64 = week.arrived.range(this_hour - 23..).map(|(_, alerts)| alerts).sum();
    assert_eq!(overview["alerts_24h"], of_a_day);
    assert_eq!(overview["stories_open"], week.signatures.len() - week.closed.len());
    assert!(!week.closed.is_empty(), "some noise was closed and stayed so");
    assert_eq!(overview["watching"], HOSPITALS);
    let warnings = &overview["warnings"];
    assert_eq!((&warnings["open"], &warnings["unanswered_total"]), (&json!(1), &json!(silent)));
    assert_eq!(warnings["need_help"], of("need_help"));
    let answered: Vec<usize> = week.conducts.iter().filter_map(|conduct| conduct.answered()).collect();
    assert_eq!(warnings["median_hours_to_acknowledged"], median(answered));
    let whole: u64 = week.arrived.values().sum();
    assert_eq!(week.sector.centre.store.alerts_kept(&scope).await.expect("reads"), whole);
}
