//! A small sector in a temporary folder: three hospitals in two regions, each with its own marks in everything that it
//! sent, and an account of every kind.

use crate::postgres;
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use phitak_assets::Pace;
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    intake::CentreIntake,
    password::Passwords,
    router::router,
    totp,
    vault::{self, Vault},
};
use phitak_model::{
    Alert, Evidence, FacilityCode, Fact, HealthRegion, Mac, Observation, SensorId, Severity, Timestamp,
};
use phitak_store::{
    AuditLine, BulletinId, NewFacility, NewToken, NewUser, Recipient, Role, Scope, ScopeReach, Store,
    people::secret_digest, sensors::Redeemed,
};
use phitak_uplink::{Authority, Batch, Intake, Item, Record, SpoolId};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tower::ServiceExt;

/// When the tests' time begins.
pub const BEGIN: &str = "2026-11-24T02:14:00Z";
/// Of every account.
pub const PASSWORD: &str = "a long password";

/// Most bytes of a file of evidence in these tests, and of all files.
pub const EVIDENCE_FILE_BYTES: u64 = 1 << 20;
pub const EVIDENCE_BYTES: u64 = 8 << 20;

/// A hospital with what tells it from the others in any answer.
#[derive(Clone, Copy, Debug)]
pub struct Hospital {
    pub code: &'static str,
    pub region: u8,
    pub province: &'static str,
    pub mark: &'static str,
    pub net: &'static str,
}

pub const ALPHA: Hospital = Hospital { code: "66101", region: 4, province: "19", mark: "MARKALPHA", net: "10.101.0." };
pub const BRAVO: Hospital = Hospital { code: "66102", region: 4, province: "16", mark: "MARKBRAVO", net: "10.102.0." };
pub const CHARLIE: Hospital =
    Hospital { code: "ZZ0066103", region: 8, province: "41", mark: "MARKCHARLIE", net: "10.103.0." };
pub const HOSPITALS: [Hospital; 3] = [ALPHA, BRAVO, CHARLIE];

impl Hospital {
    pub fn facility(self) -> FacilityCode {
        FacilityCode::new(self.code).expect("a code")
    }

    pub fn sensor(self) -> SensorId {
        SensorId::new(&format!("{}-1", self.code)).expect("a sensor's id")
    }

    pub fn host(self, last: u8) -> String {
        format!("{}{last}", self.net)
    }

    /// Whether a text tells anything of this hospital.
    pub fn is_told_in(self, text: &str) -> bool {
        [self.code, self.mark, self.net].iter().any(|mark| text.contains(mark))
    }
}

/// Everybody who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    Stranger,
    Administrator,
    Analyst,
    /// Of region 4, where Alpha and Bravo lie.
    Officer,
    AtAlpha,
    AtCharlie,
}

impl Person {
    pub const SIGNED_IN: [Self; 5] =
        [Self::Administrator, Self::Analyst, Self::Officer, Self::AtAlpha, Self::AtCharlie];

    pub fn role(self) -> Option<Role> {
        Some(match self {
            Self::Stranger => return None,
            Self::Administrator => Role::Administrator,
            Self::Analyst => Role::Analyst,
            Self::Officer => Role::RegionOfficer,
            Self::AtAlpha | Self::AtCharlie => Role::Hospital,
        })
    }

    pub fn sees(self, hospital: Hospital) -> bool {
        match self {
            Self::Stranger => false,
            Self::Administrator | Self::Analyst => true,
            Self::Officer => hospital.region == 4,
            Self::AtAlpha => hospital.code == ALPHA.code,
            Self::AtCharlie => hospital.code == CHARLIE.code,
        }
    }

    pub fn login(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Administrator => "administrator",
            Self::Analyst => "analyst",
            Self::Officer => "officer",
            Self::AtAlpha => "at-alpha",
            Self::AtCharlie => "at-charlie",
        }
    }

    fn secret(self) -> String {
        format!("secret of {}", self.login())
    }

    /// A token with this person's role and scope.
    pub fn token(self) -> String {
        format!("phitak_token of {}", self.login())
    }

    pub fn csrf(self) -> String {
        format!("csrf of {}", self.login())
    }
}

/// Where a sector's tables are: SQLite, or PostgreSQL for a run with `PHITAK_TEST_DATABASE=postgres`.
enum Database {
    Sqlite,
    Postgres { name: String, made: AtomicBool },
}

impl Database {
    fn of_this_run() -> Self {
        match std::env::var("PHITAK_TEST_DATABASE").as_deref() {
            Ok("postgres") => Self::Postgres { name: postgres::new_name(), made: AtomicBool::new(false) },
            Ok("sqlite") | Err(_) => Self::Sqlite,
            Ok(other) => panic!("PHITAK_TEST_DATABASE is postgres or sqlite, not {other}"),
        }
    }

    async fn open(&self, folder: &std::path::Path) -> Store {
        match self {
            Self::Sqlite => Store::open(folder).await.expect("opens"),
            Self::Postgres { name, made } if made.swap(true, Ordering::SeqCst) => {
                Store::open_url(&postgres::url(name)).await.expect("opens")
            }
            Self::Postgres { name, .. } => postgres::store(name).await,
        }
    }
}

/// The centre with its time.
pub struct Sector {
    pub centre: Centre,
    pub intake: CentreIntake,
    pub router: Router,
    now: Arc<AtomicI64>,
    folder: TempDir,
    database: Database,
    /// What people's authenticator apps hold.
    apps: Mutex<BTreeMap<&'static str, Vec<u8>>>,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Sector {
    /// Hospitals and accounts; nothing was sent yet.
    pub async fn empty() -> Self {
        Self::with(Settings { pace: Pace::REAL, ..Settings::default() }).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::in_database(settings, Database::of_this_run()).await
    }

    /// The same, where a day takes as long as somebody likes.
    pub async fn paced(pace: Pace) -> Self {
        Self::with(Settings { pace, ..Settings::default() }).await
    }

    /// For tests that look into the file itself, or run the program on it.
    pub async fn in_sqlite() -> Self {
        Self::in_database(Settings { pace: Pace::REAL, ..Settings::default() }, Database::Sqlite).await
    }

    async fn in_database(settings: Settings, database: Database) -> Self {
        let folder = TempDir::new().expect("a folder");
        let now = Arc::new(AtomicI64::new(Timestamp::parse(BEGIN).expect("a moment").micros()));
        let store = database.open(folder.path()).await;
        let authority = Authority::create(Timestamp::parse(BEGIN).expect("a moment")).expect("a CA");
        let tell = now.clone();
        let clock = Clock::of(move || Timestamp::from_micros(tell.load(Ordering::SeqCst)));
        let vault = Vault::new(folder.path().join(vault::FOLDER), EVIDENCE_FILE_BYTES, EVIDENCE_BYTES);
        let settings = Settings { vault: settings.vault.or(Some(vault)), ..settings };
        let centre = Centre::new(store, clock, settings, authority).expect("a centre");
        let (intake, router, apps) = (CentreIntake::new(centre.clone()), router(&centre), Mutex::default());
        let sector = Self { intake, router, centre, now, folder, database, apps };
        sector.add_hospitals().await;
        for person in Person::SIGNED_IN {
            sector.add_person(person).await;
        }
        sector
    }

    /// All three hospitals have sent alerts of their own and of a shared signature, hosts, findings and a loss.
    pub async fn lived_in() -> Self {
        let sector = Self::empty().await;
        sector.live().await;
        sector
    }

    pub async fn live(&self) {
        for hospital in HOSPITALS {
            self.enrol(hospital).await;
            let records = vec![
                Item::Alert(Box::new(own_alert(hospital))),
                Item::Alert(Box::new(shared_alert(hospital))),
                Item::Observation(observation(hospital, 20, named(hospital))),
                Item::Observation(observation(hospital, 20, smb1())),
                Item::Observation(observation(hospital, 20, Fact::TelnetLogin { port: 23 })),
                Item::Health(health(hospital)),
            ];
            self.send(hospital, 1, 1, records).await;
            self.advance_secs(1);
        }
    }

    async fn add_hospitals(&self) {
        let facilities: Vec<NewFacility> = HOSPITALS
            .iter()
            .map(|hospital| NewFacility {
                code: hospital.facility(),
                name_th: format!("โรงพยาบาล {}", hospital.mark),
                name_en: format!("Hospital {}", hospital.mark),
                province_code: hospital.province.to_owned(),
            })
            .collect();
        let audit = AuditLine::of_operator(self.now(), "facilities.import");
        self.centre.store.import_facilities(&facilities, audit).await.expect("imports");
    }

    async fn add_person(&self, person: Person) {
        let reach = match person {
            Person::Officer => ScopeReach::Region(HealthRegion::new(4).expect("a region")),
            Person::AtAlpha => ScopeReach::Facility(ALPHA.facility()),
            Person::AtCharlie => ScopeReach::Facility(CHARLIE.facility()),
            _ => ScopeReach::Sector,
        };
        let new = NewUser {
            login: person.login().to_owned(),
            name: format!("Person {}", person.login()),
            role: person.role().expect("signed in"),
            reach,
        };
        let (store, now) = (&self.centre.store, self.now());
        let audit = AuditLine::of_operator(now, "user.create");
        let scope = Scope::of_the_centre_itself();
        static HASH: OnceCell<String> = OnceCell::const_new();
        let hash = async || Passwords::default().hash(PASSWORD.to_owned()).await.expect("hashes");
        let (first, soon) = (secret_digest(&format!("first {}", person.login())), now.plus_secs(60));
        store.add_user(&scope, &new, &first, soon, audit.clone()).await.expect("an account");
        store.use_link(&first, HASH.get_or_init(hash).await.clone(), audit.clone()).await.expect("a password");
        // Tests come in by a link too.
        let user = store.renew_link(person.login(), &secret_digest(person.login()), soon, audit.clone()).await;
        let user = user.expect("a link");
        // Made by the administrator, who was added first, with just this person's role and scope.
        let maker = store.user_by_login(Person::Administrator.login()).await.expect("reads").expect("an account");
        let token = NewToken { name: "for tests".to_owned(), role: new.role, reach: new.reach.clone(), days: 2 };
        let digest = secret_digest(&person.token());
        store.add_token(&scope, &maker, &token, &digest, audit.clone()).await.expect("a token");
        store.begin_session(&user, &secret_digest(&person.secret()), &person.csrf(), audit).await.expect("a session");
    }

    pub async fn enrol(&self, hospital: Hospital) {
        let (store, now, scope) = (&self.centre.store, self.now(), Scope::of_the_centre_itself());
        let audit = AuditLine::of_operator(now, "enrolment.create");
        let digest = format!("code of {}", hospital.code);
        store
            .add_enrolment_code(&scope, &hospital.facility(), &digest, now.plus_secs(60), audit)
            .await
            .expect("a code");
        let redeemed = store.redeem(&digest, "key", now).await.expect("redeems");
        assert_eq!(redeemed, Redeemed::Sensor(hospital.sensor()));
    }

    /// A batch with rising numbers from `first`; gives the acknowledged number.
    pub async fn send(&self, hospital: Hospital, spool: u8, first: u64, items: Vec<Item>) -> u64 {
        let records = items.into_iter().zip(first..).map(|(item, seq)| Record { seq, item }).collect();
        self.send_batch(hospital, Batch { spool: SpoolId([spool; 16]), acknowledged: 0, records }).await
    }

    pub async fn send_batch(&self, hospital: Hospital, batch: Batch) -> u64 {
        self.intake.accept(&hospital.sensor(), batch).await.expect("is taken").up_to
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::SeqCst))
    }

    pub fn advance_secs(&self, secs: i64) {
        self.now.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }

    /// Where the database of a run on SQLite is.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The same database, as a centre that starts again finds it.
    pub async fn open_again(&self) -> Store {
        self.database.open(self.folder.path()).await
    }

    /// Scans what the centre gives for an app; the code that proves it.
    pub async fn begin_factor(&self, person: Person) -> String {
        let proof = self.proof(person).await;
        let begun = self.post(person, "/api/v1/session/second-factor", proof).await;
        let secret = from_base32(begun.json()["secret"].as_str().unwrap_or_else(|| panic!("{}", begun.text)));
        self.apps.lock().expect("whole").insert(person.login(), secret);
        self.code(person)
    }

    /// Gives a person a second factor; its recovery codes.
    pub async fn add_factor(&self, person: Person) -> Vec<String> {
        let code = self.begin_factor(person).await;
        let done = self.post(person, "/api/v1/session/second-factor/confirm", json!({"code": code})).await;
        let codes = done.json()["codes"].as_array().unwrap_or_else(|| panic!("{}", done.text)).clone();
        codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
    }

    /// The code that the person's app shows now.
    pub fn code(&self, person: Person) -> String {
        totp::code(&self.apps.lock().expect("whole")[person.login()], totp::step_of(self.now()))
    }

    /// What proves again who the person is, with the app's next code where there is one.
    pub async fn proof(&self, person: Person) -> Value {
        if !self.has_factor(person).await {
            return json!({"password": PASSWORD});
        }
        self.advance_secs(totp::STEP_SECS);
        json!({"password": PASSWORD, "code": self.code(person)})
    }

    /// A new token of the person's own.
    pub async fn token_id(&self, person: Person) -> i64 {
        let me = self.get(person, "/api/v1/session").await.json();
        let new = json!({"name": "of my own", "role": me["role"], "scope": me["scope"], "days": 1});
        let made = self.post(person, "/api/v1/tokens", new).await;
        made.json()["token"]["id"].as_i64().unwrap_or_else(|| panic!("{}", made.text))
    }

    pub async fn has_factor(&self, person: Person) -> bool {
        !self.get(person, "/api/v1/session/second-factor").await.json()["since_at"].is_null()
    }

    pub async fn user_id(&self, person: Person) -> i64 {
        let users = self.get(Person::Administrator, "/api/v1/users?limit=200").await.json();
        let known = users["items"].as_array().expect("a list").iter().find(|user| user["login"] == person.login());
        known.expect("an account")["id"].as_i64().expect("a number")
    }

    pub async fn get(&self, person: Person, path: &str) -> Answer {
        self.call(person, Method::GET, path, None).await
    }

    pub async fn post(&self, person: Person, path: &str, body: Value) -> Answer {
        self.call(person, Method::POST, path, Some(body)).await
    }

    /// A call as the page makes it: with the session's cookie, and its token on writes.
    pub async fn call(&self, person: Person, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri(path);
        if person != Person::Stranger {
            request = request.header(header::COOKIE, format!("phitak_session={}", person.secret()));
            if method != Method::GET {
                request = request.header("x-csrf-token", person.csrf());
            }
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send_request(request.body(body).expect("a request")).await
    }

    /// A call as a program makes it: with a token and nothing else.
    pub async fn call_by_token(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send_request(request.body(body).expect("a request")).await
    }

    pub async fn send_request(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("always answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.expect("whole").to_bytes();
        Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// The story with this text in its signature.
    pub async fn story_id(&self, part: &str) -> i64 {
        let answer = self
            .get(Person::Analyst, &format!("/api/v1/stories?since=all&status=new,acknowledged,closed&q={part}"))
            .await;
        answer.json()["items"][0]["id"].as_i64().unwrap_or_else(|| panic!("no story {part}: {}", answer.text))
    }

    pub async fn finding_id(&self, hospital: Hospital) -> i64 {
        let path = format!("/api/v1/findings?facility={}&kind=smb1_spoken", hospital.code);
        self.get(Person::Analyst, &path).await.json()["items"][0]["id"].as_i64().expect("a finding")
    }

    pub async fn alert_id(&self, hospital: Hospital) -> i64 {
        let story = self.story_id(&format!("own%20{}", hospital.mark)).await;
        let answer = self.get(Person::Analyst, &format!("/api/v1/stories/{story}")).await;
        answer.json()["alerts_latest"][0]["id"].as_i64().expect("an alert")
    }

    /// Lines of the audit of this kind, latest first.
    pub async fn audit_lines(&self, kind: &str) -> Vec<Value> {
        let answer = self.get(Person::Administrator, &format!("/api/v1/audit?limit=200&kind={kind}")).await;
        answer.json()["items"].as_array().expect("a list").clone()
    }

    /// A draft of a warning; gives its id.
    pub async fn draft(&self, check: Value) -> i64 {
        let answer = self.post(Person::Analyst, "/api/v1/bulletins", bulletin(check)).await;
        answer.json()["id"].as_i64().unwrap_or_else(|| panic!("no draft: {}", answer.text))
    }

    /// A warning that was sent to whom its check concerns, `expected` hospitals.
    pub async fn sent(&self, check: Value, expected: u64) -> i64 {
        let id = self.draft(check).await;
        let answer =
            self.post(Person::Analyst, &format!("/api/v1/bulletins/{id}/publish"), json!({"expected": expected})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        id
    }

    /// A warning that one hospital alone got, by hand.
    pub async fn sent_only_to(&self, hospital: Hospital) -> i64 {
        let id = self.draft(addresses(&["198.51.100.99"])).await;
        let by_hand = json!([{"facility": hospital.code, "reason": format!("phoned {}", hospital.mark)}]);
        let publishing = json!({"expected": 1, "by_hand": by_hand});
        let answer = self.post(Person::Analyst, &format!("/api/v1/bulletins/{id}/publish"), publishing).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        id
    }

    /// One hospital's part in a warning, from the tables: sessions do not live for days.
    pub async fn part(&self, id: i64, hospital: Hospital) -> Recipient {
        let (scope, id) = (Scope::of_the_centre_itself(), BulletinId(id));
        self.centre.store.recipient(&scope, id, &hospital.facility()).await.expect("got it")
    }

    /// A case of these hospitals, opened after a call by an analyst, noticed now; gives its id.
    pub async fn case_at(&self, hospitals: &[Hospital]) -> i64 {
        let codes: Vec<&str> = hospitals.iter().map(|hospital| hospital.code).collect();
        let marks: Vec<&str> = hospitals.iter().map(|hospital| hospital.mark).collect();
        let now = self.now().iso();
        let opening = json!({
            "title": format!("at {}", marks.join(" ")),
            "told": {"th": "ศูนย์กำลังดูแลเหตุนี้", "en": "The centre looks after this"},
            "source": "phone",
            "facilities": codes,
            "caller": format!("somebody of {}", marks.join(" ")),
            "called_at": now,
            "noticed_at": now,
        });
        let answer = self.post(Person::Analyst, "/api/v1/cases", opening).await;
        answer.json()["id"].as_i64().unwrap_or_else(|| panic!("no case: {}", answer.text))
    }

    /// A case from the story that this hospital alone has.
    pub async fn case_of_story_at(&self, hospital: Hospital) -> i64 {
        let opening = json!({
            "title": "from a story", "told": {"th": "ศูนย์กำลังดูแลเหตุนี้", "en": ""}, "source": "story",
            "facilities": [hospital.code], "stories": [self.story_id(&format!("own%20{}", hospital.mark)).await],
        });
        let answer = self.post(Person::Analyst, "/api/v1/cases", opening).await;
        answer.json()["id"].as_i64().unwrap_or_else(|| panic!("no case: {}", answer.text))
    }

    /// A case that nothing is due in any more.
    pub async fn settled_case_at(&self, hospital: Hospital) -> i64 {
        let id = self.case_at(&[hospital]).await;
        let case = self.get(Person::Analyst, &format!("/api/v1/cases/{id}")).await.json();
        for clock in case["clocks"].as_array().expect("a list") {
            let settle = format!("/api/v1/case-clocks/{}/settle", clock["id"]);
            let answer =
                self.post(Person::Analyst, &settle, json!({"state": "not_applicable", "reason": "category 1"})).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        }
        id
    }

    /// A clock of a new case at this hospital.
    pub async fn clock_at(&self, hospital: Hospital) -> i64 {
        let id = self.case_at(&[hospital]).await;
        let case = self.get(Person::Analyst, &format!("/api/v1/cases/{id}")).await.json();
        case["clocks"][0]["id"].as_i64().unwrap_or_else(|| panic!("no clock: {case}"))
    }

    /// A task of this hospital in a new case.
    pub async fn task_at(&self, hospital: Hospital) -> i64 {
        let id = self.case_at(&[hospital]).await;
        let task = json!({"facility": hospital.code, "title": {"th": "ทำสิ่งนี้", "en": ""}});
        let answer = self.post(Person::Analyst, &format!("/api/v1/cases/{id}/tasks"), task).await;
        answer.json()["tasks"][0]["id"].as_i64().unwrap_or_else(|| panic!("no task: {}", answer.text))
    }

    /// Sends a file as evidence.
    pub async fn upload(&self, person: Person, path: &str, bytes: Vec<u8>) -> Answer {
        self.upload_body(person, path, Some(bytes.len() as u64), Body::from(bytes)).await
    }

    pub async fn upload_body(&self, person: Person, path: &str, length: Option<u64>, body: Body) -> Answer {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::COOKIE, format!("phitak_session={}", person.secret()))
            .header("x-csrf-token", person.csrf());
        if let Some(length) = length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        self.send_request(request.body(body).expect("a request")).await
    }

    /// A file of this hospital in a new case.
    pub async fn evidence_at(&self, hospital: Hospital) -> i64 {
        let id = self.case_at(&[hospital]).await;
        let path = format!("/api/v1/cases/{id}/evidence?name=log.txt&facility={}", hospital.code);
        let answer = self.upload(Person::Analyst, &path, format!("log of {}", hospital.mark).into_bytes()).await;
        answer.json()["files"][0]["id"].as_i64().unwrap_or_else(|| panic!("no file: {}", answer.text))
    }

    pub async fn audit_actions(&self) -> Vec<String> {
        let answer = self.get(Person::Administrator, "/api/v1/audit?limit=200").await;
        let items = answer.json()["items"].as_array().expect("a list").clone();
        items.iter().map(|item| item["action"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub async fn care_state(&self, hospital: Hospital) -> String {
        let path = format!("/api/v1/facilities/{}", hospital.code);
        let state = async |path: &str| {
            let answer = self.get(Person::Analyst, path).await.json();
            answer["state"].as_str().expect("a state").to_owned()
        };
        let (care, listed) = (state(&format!("{path}/care")).await, state(&path).await);
        // Both ways of telling agree; a silent sensor is something to do on the hospital's own page.
        assert_eq!(care, if listed == "blind" { "act" } else { &listed });
        care
    }
}

fn from_base32(text: &str) -> Vec<u8> {
    let bits: String = text
        .bytes()
        .map(|letter| if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' })
        .map(|five| format!("{five:05b}"))
        .collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).expect("digits"), 2).expect("a byte"))
        .collect()
}

/// Somebody outside.
pub const INTRUDER: &str = "203.0.113.66";

/// A check for addresses.
pub fn addresses(addresses: &[&str]) -> Value {
    json!({"kind": "indicators", "addresses": addresses})
}

/// What an analyst writes.
pub fn bulletin(check: Value) -> Value {
    json!({
        "title": {"th": "เตือน", "en": "A warning"},
        "what": {"th": "เกิดเหตุ", "en": ""},
        "why": {"th": "สำคัญ", "en": ""},
        "steps": [{"th": "ทำสิ่งนี้", "en": "Do this"}],
        "undo": {"th": "", "en": ""},
        "who": {"th": "", "en": ""},
        "tlp": "amber",
        "severity": "high",
        "due_hours": 24,
        "check": check,
    })
}

/// The intruder at a hospital, seen now.
pub fn intrusion(sector: &Sector, hospital: Hospital) -> Item {
    let mut alert = alert(hospital, 9_200_000, "from outside", Severity::High);
    alert.src_ip = INTRUDER.parse().expect("an address");
    alert.at = sector.now();
    Item::Alert(Box::new(alert))
}

/// An alert of one signature at a hospital.
pub fn alert(hospital: Hospital, signature_id: u32, signature: &str, severity: Severity) -> Alert {
    Alert {
        at: Timestamp::parse(BEGIN).expect("a moment").plus_secs(-60),
        gid: 1,
        signature_id,
        rev: 1,
        signature: signature.to_owned(),
        category: "Test".to_owned(),
        severity,
        action: "allowed".to_owned(),
        proto: "TCP".to_owned(),
        src_ip: hospital.host(20).parse().expect("an address"),
        src_port: Some(50_000),
        dest_ip: hospital.host(30).parse().expect("an address"),
        dest_port: Some(445),
        app_proto: Some("smb".to_owned()),
        flow_id: 7,
        packet: 3,
        attack: vec!["T1486".to_owned()],
        evidence: Some(Evidence {
            buffer: "payload".to_owned(),
            bytes: vec![0xff, b'S', b'M', b'B'],
            offset: 4,
            marks: vec![(0, 4)],
        }),
        fields: vec![("smb.dialect".to_owned(), format!("of {}", hospital.mark))],
    }
}

/// A signature that only this hospital sees.
pub fn own_alert(hospital: Hospital) -> Alert {
    let number = 9_000_000 + u32::from(hospital.region) * 10 + (hospital.code.len() as u32);
    let number = if hospital.code == BRAVO.code { number + 1 } else { number };
    alert(hospital, number, &format!("own {}", hospital.mark), Severity::Medium)
}

/// A signature that all see.
pub fn shared_alert(hospital: Hospital) -> Alert {
    alert(hospital, 9_100_000, "shared by all", Severity::High)
}

pub fn observation(hospital: Hospital, host: u8, fact: Fact) -> Observation {
    let at = Timestamp::parse(BEGIN).expect("a moment").plus_secs(-60);
    Observation {
        first_at: at,
        last_at: at,
        count: 1,
        host: hospital.host(host).parse().expect("an address"),
        mac: Some(Mac([2, 0, 0, 0, 0, host])),
        fact,
    }
}

pub fn smb1() -> Fact {
    Fact::SmbDialect { port: 445, dialect: "NT LM 0.12".to_owned() }
}

fn named(hospital: Hospital) -> Fact {
    Fact::Named { name: format!("HOST-{}", hospital.mark), source: "dhcp".to_owned() }
}

fn health(hospital: Hospital) -> phitak_model::Health {
    let at = Timestamp::parse(BEGIN).expect("a moment");
    phitak_model::Health {
        at,
        version: format!("0.1 {}", hospital.mark),
        packets: 1_000,
        rules_loaded: 22,
        losses: vec![phitak_model::Loss {
            cause: phitak_model::LossCause::SpoolFull,
            count: 5,
            from: at.plus_secs(-100),
            until: at,
        }],
        ..phitak_model::Health::default()
    }
}
