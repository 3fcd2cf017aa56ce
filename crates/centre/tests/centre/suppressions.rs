//! Suppressions: what is hidden from the queue, what becomes of it, and how it ends.

use crate::{
    loopback::{HttpServer, Manner},
    sector::{ALPHA, BRAVO, CHARLIE, Hospital, Person, Sector, alert, shared_alert},
};
use axum::http::StatusCode;
use phitak_model::Severity;
use phitak_store::MatterKind;
use phitak_uplink::Item;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const DAY_SECS: i64 = 86_400;

/// What an analyst hides, each time something else.
pub fn sample() -> Value {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, third, fourth] = NEXT.fetch_add(1, Relaxed).to_be_bytes();
    json!({"source": format!("198.18.{third}.{fourth}"), "reason": "our own scanner", "days": 30})
}

impl Sector {
    /// A suppression of this hospital's own signature.
    pub async fn suppression_at(&self, hospital: Hospital) -> i64 {
        let story = self.story_id(&format!("own%20{}", hospital.mark)).await;
        let set = self.post(Person::Analyst, &format!("/api/v1/stories/{story}/suppression"), sample()).await;
        set.json()["id"].as_i64().unwrap_or_else(|| panic!("{}", set.text))
    }

    async fn hide(&self, story: i64, body: Value) -> i64 {
        let set = self.post(Person::Analyst, &format!("/api/v1/stories/{story}/suppression"), body).await;
        assert_eq!(set.status, StatusCode::OK, "{}", set.text);
        set.json()["id"].as_i64().expect("a number")
    }

    async fn shared_again(&self, hospital: Hospital, seq: u64) {
        self.send(hospital, 9, seq, vec![Item::Alert(Box::new(shared_alert(hospital)))]).await;
    }

    /// From the tables: sessions do not live for days.
    async fn kept(&self, id: i64) -> phitak_store::Suppression {
        let scope = phitak_store::Scope::of_the_centre_itself();
        self.centre.store.suppression(&scope, phitak_store::SuppressionId(id), self.now()).await.expect("is there")
    }
}

async fn listed(sector: &Sector, query: &str) -> Vec<Value> {
    let answer = sector.get(Person::Analyst, &format!("/api/v1/{query}")).await;
    answer.json()["items"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone()
}

#[tokio::test]
async fn what_is_hidden_is_stored_and_counted_but_open_nowhere_and_told_to_nobody() {
    let sector = Sector::telling().await;
    sector.live().await;
    let server = HttpServer::start(Manner::Answer(200)).await;
    sector.set_webhook(&server).await;
    sector.advance_secs(60);
    let shared = sector.story_id("shared").await;
    let before = sector.get(Person::Analyst, "/api/v1/overview").await.json();
    sector.hide(shared, json!({"facility": ALPHA.code, "reason": "a scanner of ours", "days": 7})).await;
    let mut news = sector.centre.announcer.listen();
    sector.shared_again(ALPHA, 1).await;
    assert!(news.try_recv().is_err(), "nobody's page hears of it");
    // A signature that is quiet elsewhere is loud at the next hospital.
    let now = sector.get(Person::Analyst, "/api/v1/overview").await.json();
    assert_eq!(now["stories_open"], before["stories_open"]);
    assert_eq!(now["alerts_24h"].as_u64(), before["alerts_24h"].as_u64().map(|n| n + 1), "it is counted");
    sector.shared_again(BRAVO, 1).await;
    assert!(news.try_recv().is_ok());
    let open = listed(&sector, "stories?q=shared").await;
    assert_eq!((open.len(), &open[0]["alerts"], &open[0]["suppression_id"]), (1, &json!(4), &Value::Null));
    let hidden = listed(&sector, "stories?q=shared&status=suppressed").await;
    assert_eq!((hidden.len(), &hidden[0]["alerts"], &hidden[0]["status"]), (1, &json!(1), &json!("suppressed")));
    let at_alpha = format!("/api/v1/stories?q=shared&status=suppressed&facility={}", ALPHA.code);
    assert_eq!(sector.get(Person::AtAlpha, &at_alpha).await.json()["total"], 1, "its own people may look");
    assert_eq!(sector.get(Person::AtCharlie, "/api/v1/stories?status=suppressed").await.json()["total"], 0);
    let detail = sector.get(Person::Analyst, &format!("/api/v1/stories/{}", hidden[0]["id"])).await.json();
    let alert = detail["alerts_latest"][0]["id"].as_i64().expect("the alert itself");
    let whole = sector.get(Person::Analyst, &format!("/api/v1/alerts/{alert}")).await.json();
    assert_eq!((&whole["facility"]["code"], &whole["severity"]), (&json!(ALPHA.code), &json!("high")));
    // Told: the one at Bravo, and not the one at Alpha.
    let now = sector.now();
    let found = sector.centre.store.untold(sector.centre.silent_before(now), now).await.expect("looks");
    let told: Vec<String> = found
        .matters
        .iter()
        .filter(|matter| matter.kind == MatterKind::Story)
        .map(|matter| matter.subject.clone())
        .collect();
    assert_eq!(told, [format!("story/{shared}/{}/0", BRAVO.code)]);
}

#[tokio::test]
async fn a_suppression_says_what_it_hid_until_it_is_lifted_or_over() {
    let sector = Sector::lived_in().await;
    let shared = sector.story_id("shared").await;
    let net = format!("{}0/24", CHARLIE.net);
    let by_net = sector.hide(shared, json!({"source": net, "reason": "their scanner", "days": 2})).await;
    let elsewhere = sector.hide(shared, json!({"destination": "203.0.113.0/24", "reason": "mail", "days": 180})).await;
    for hospital in [ALPHA, BRAVO, CHARLIE] {
        sector.shared_again(hospital, 1).await;
    }
    let all = listed(&sector, "suppressions").await;
    let one = |id: i64| all.iter().find(|one| one["id"] == id).expect("listed");
    let by_net_now = one(by_net);
    assert_eq!(
        (&by_net_now["hidden_alerts"], &by_net_now["hidden_facilities"], &by_net_now["standing"]),
        (&json!(1), &json!(1), &json!("active"))
    );
    assert_eq!((&by_net_now["source"], &by_net_now["created_by"]), (&json!(net), &json!("analyst")));
    let never = one(elsewhere);
    assert_eq!((&never["hidden_alerts"], &never["hidden_at"]), (&json!(0), &Value::Null), "hid nothing, and says so");
    let open = listed(&sector, "stories?q=shared").await;
    assert_eq!(open[0]["alerts"], 5);
    let path = format!("/api/v1/suppressions/{by_net}/lift");
    assert_eq!(sector.post(Person::Analyst, &path, json!({"reason": " "})).await.code(), "invalid");
    let lifted = sector.post(Person::Analyst, &path, json!({"reason": "it is an attack"})).await;
    assert_eq!(lifted.json()["standing"], "lifted", "{}", lifted.text);
    assert_eq!(sector.post(Person::Analyst, &path, json!({"reason": "again"})).await.code(), "conflict");
    sector.shared_again(CHARLIE, 2).await;
    assert_eq!(listed(&sector, "stories?q=shared").await[0]["alerts"], 6, "what comes then is shown");
    assert_eq!(sector.kept(by_net).await.hidden.alerts, 1, "what was hidden is still told");
    let over = listed(&sector, "suppressions?standing=lifted").await;
    assert_eq!((over.len(), &over[0]["end_reason"]), (1, &json!("it is an attack")));
    let actions = sector.audit_actions().await;
    for (action, times) in [("suppression.add", 2), ("suppression.lift", 1)] {
        assert_eq!(actions.iter().filter(|known| *known == action).count(), times, "{action}");
    }
}

#[tokio::test]
async fn when_its_time_is_over_what_comes_is_shown_again() {
    let sector = Sector::lived_in().await;
    let id = sector.hide(sector.story_id("shared").await, json!({"reason": "a test of the line", "days": 1})).await;
    sector.advance_secs(DAY_SECS - 1);
    sector.shared_again(ALPHA, 1).await;
    let kept = sector.kept(id).await;
    assert_eq!((kept.hidden.alerts, kept.standing.as_str()), (1, "active"));
    sector.advance_secs(1);
    sector.shared_again(ALPHA, 2).await;
    let kept = sector.kept(id).await;
    assert_eq!((kept.hidden.alerts, kept.standing.as_str()), (1, "expired"));
}

#[tokio::test]
async fn a_centre_that_starts_again_still_hides() {
    let sector = Sector::lived_in().await;
    let id = sector.hide(sector.story_id("shared").await, json!({"reason": "a scanner", "days": 3})).await;
    let store = sector.open_again().await;
    let now = sector.now();
    let mut ingest = store.begin_ingest(now, now).await.expect("begins");
    let sources = ingest.open(&[(&ALPHA.sensor(), "again".to_owned())]).await.expect("opens");
    let source = sources[0].as_ref().expect("may send");
    let alert = shared_alert(ALPHA);
    let arrived = phitak_store::ArrivedAlert { source: 0, seq: 1, alert: &alert };
    let touched = ingest.add_alerts(&[source], &[arrived]).await.expect("stores");
    assert!(touched.is_empty(), "{touched:?}");
    ingest.commit(&[(source, 1)]).await.expect("commits");
    assert_eq!(sector.kept(id).await.hidden.alerts, 1);
}

#[tokio::test]
async fn a_preview_tells_what_would_have_been_hidden() {
    let sector = Sector::lived_in().await;
    let shared = sector.story_id("shared").await;
    // The same number with another severity is a story of its own, and meant too.
    let other = alert(BRAVO, 9_100_000, "shared by all", Severity::Low);
    sector.send(BRAVO, 9, 1, vec![Item::Alert(Box::new(other))]).await;
    let ask =
        async |query: &str| sector.get(Person::Analyst, &format!("/api/v1/stories/{shared}/suppression{query}")).await;
    let counts = |told: &Value| {
        let names: Vec<String> = told["facility_names"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|name| name["code"].as_str().expect("a code").to_owned())
            .collect();
        (told["alerts"].as_u64(), told["stories"].as_u64(), told["facilities"].as_u64(), told["exact"] == true, names)
    };
    let codes = |all: &[Hospital]| all.iter().map(|hospital| hospital.code.to_owned()).collect::<Vec<_>>();
    let everywhere = codes(&[BRAVO, ALPHA, CHARLIE]);
    assert_eq!(counts(&ask("").await.json()), (Some(4), Some(2), Some(3), true, everywhere));
    let at_bravo = format!("?facility={}", BRAVO.code);
    assert_eq!(counts(&ask(&at_bravo).await.json()), (Some(2), Some(2), Some(1), true, codes(&[BRAVO])));
    let from_alpha = format!("?source={}0/24&destination={}", ALPHA.net, ALPHA.host(30));
    assert_eq!(counts(&ask(&from_alpha).await.json()), (Some(1), Some(1), Some(1), true, codes(&[ALPHA])));
    let nothing = ask("?destination=203.0.113.9").await.json();
    assert_eq!(counts(&nothing), (Some(0), Some(0), Some(0), true, Vec::new()));
    assert_eq!(ask("?facility=99999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask("?source=nowhere").await.code(), "invalid");
    // What is hidden already would not be hidden by another.
    sector.hide(shared, json!({"facility": ALPHA.code, "reason": "a scanner", "days": 7})).await;
    sector.shared_again(ALPHA, 1).await;
    assert_eq!(counts(&ask("").await.json()).0, Some(4));
}

#[tokio::test]
async fn what_has_no_reason_no_end_or_no_place_is_refused() {
    let sector = Sector::lived_in().await;
    let shared = sector.story_id("shared").await;
    let path = format!("/api/v1/stories/{shared}/suppression");
    let good = json!({"facility": ALPHA.code, "source": "10.0.0.0/8", "reason": "a scanner", "days": 180});
    for (field, value) in [
        ("reason", json!("")),
        ("reason", json!(" \n")),
        ("reason", json!("ก".repeat(1_001))),
        ("days", json!(0)),
        ("days", json!(181)),
        ("source", json!("10.0.0.0/33")),
        ("destination", json!("a host")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let refused = sector.post(Person::Analyst, &path, body).await;
        assert_eq!((refused.status, refused.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{field}");
    }
    let mut nowhere = good.clone();
    nowhere["facility"] = json!("99999");
    assert_eq!(sector.post(Person::Analyst, &path, nowhere).await.status, StatusCode::NOT_FOUND);
    for person in [Person::Officer, Person::AtAlpha] {
        assert_eq!(sector.post(person, &path, good.clone()).await.status, StatusCode::FORBIDDEN, "{person:?}");
    }
    sector.hide(shared, good.clone()).await;
    let again = sector.post(Person::Analyst, &path, good).await;
    assert_eq!(again.code(), "conflict", "the same twice: {}", again.text);
    sector.shared_again(ALPHA, 1).await;
    let hidden = listed(&sector, "stories?status=suppressed").await[0]["id"].as_i64().expect("a story");
    let closing = json!({"action": "close", "verdict": "benign", "up_to": sector.now().iso()});
    let refused = sector.post(Person::Analyst, &format!("/api/v1/stories/{hidden}/triage"), closing).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text);
    let refused = sector.post(Person::Analyst, &format!("/api/v1/stories/{hidden}/suppression"), sample()).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text);
    let history = sector.get(Person::Analyst, &format!("/api/v1/stories/{shared}")).await.json()["history"].clone();
    assert_eq!((&history[0]["action"], &history[0]["reason"]), (&json!("suppress"), &json!("a scanner")));
}

#[tokio::test]
async fn what_is_more_severe_than_the_story_is_not_hidden() {
    let sector = Sector::lived_in().await;
    let shared = sector.story_id("shared").await;
    let ask = format!("/api/v1/stories/{shared}/suppression");
    let told = async |seq: u64, severity: Severity| {
        let item = Item::Alert(Box::new(alert(BRAVO, 9_100_000, "shared by all", severity)));
        sector.send(BRAVO, 9, seq, vec![item]).await;
        sector.get(Person::Analyst, &ask).await.json()["alerts"].as_u64()
    };
    assert_eq!(told(1, Severity::Critical).await, Some(3), "the preview does not promise it either");
    let id = sector.hide(shared, json!({"reason": "a scanner of ours", "days": 7})).await;
    assert_eq!(sector.kept(id).await.severity, Severity::High);
    told(2, Severity::Critical).await;
    told(3, Severity::Low).await;
    sector.shared_again(ALPHA, 1).await;
    assert_eq!(sector.kept(id).await.hidden.alerts, 2);
    let open = listed(&sector, "stories?q=shared&severity=critical").await;
    assert_eq!((open.len(), &open[0]["alerts"], &open[0]["status"]), (1, &json!(2), &json!("new")));
    // From the more severe story it can be hidden too: that is not the same twice.
    let worse = open[0]["id"].as_i64().expect("a number");
    sector.hide(worse, json!({"reason": "a scanner of ours", "days": 7})).await;
}

#[tokio::test]
async fn one_hospital_does_not_read_what_is_hidden_at_another() {
    let sector = Sector::lived_in().await;
    let shared = sector.story_id("shared").await;
    let id = sector.hide(shared, json!({"facility": ALPHA.code, "reason": "a scanner", "days": 7})).await;
    let history =
        async |person: Person| sector.get(person, &format!("/api/v1/stories/{shared}")).await.json()["history"].clone();
    assert_eq!(history(Person::Analyst).await[0]["action"], "suppress");
    for person in [Person::AtCharlie, Person::Officer] {
        assert_eq!(history(person).await, json!([]), "{person:?}");
    }
    // Both ends of it name the hospital in the audit.
    sector.post(Person::Analyst, &format!("/api/v1/suppressions/{id}/lift"), json!({"reason": "over"})).await;
    let lines = sector.audit_lines("changes").await;
    for action in ["suppression.add", "suppression.lift"] {
        let line = lines.iter().find(|line| line["action"] == action).unwrap_or_else(|| panic!("{action}"));
        assert!(line.to_string().contains(ALPHA.code), "{action}: {line}");
        assert_ne!(line["facility"], Value::Null, "{action}: {line}");
    }
}

#[tokio::test]
async fn a_preview_between_addresses_counts_over_days_and_hospitals() {
    let sector = Sector::lived_in().await;
    let story = phitak_store::StoryId(sector.story_id("shared").await);
    let scope = phitak_store::Scope::of_the_centre_itself();
    let told = async |source: &str| {
        let source = Some(source.parse().expect("a network"));
        let reach = phitak_store::SuppressionReach { source, ..Default::default() };
        let told = sector.centre.store.preview_suppression(&scope, story, &reach, sector.now()).await.expect("tells");
        (told.alerts, told.facilities, told.exact)
    };
    let at = |hospital: Hospital, alerts: u64| (hospital.code.to_owned(), alerts);
    let mut seq = 1;
    let mut come = async |hospital: Hospital, number: u64| {
        let items = (0..number).map(|_| Item::Alert(Box::new(shared_alert(hospital)))).collect();
        sector.send(hospital, 9, seq, items).await;
        seq += number;
    };
    // More than one step takes, at one hospital between two.
    come(BRAVO, 2_500).await;
    sector.advance_secs(3 * DAY_SECS);
    come(BRAVO, 1).await;
    assert_eq!(told(&format!("{}0/24", BRAVO.net)).await, (2_502, vec![at(BRAVO, 2_502)], true));
    assert_eq!(told(&format!("{}0/24", CHARLIE.net)).await, (1, vec![at(CHARLIE, 1)], true));
    assert_eq!(told("10.0.0.0/8").await, (2_504, vec![at(BRAVO, 2_502), at(ALPHA, 1), at(CHARLIE, 1)], true));
    sector.advance_secs(6 * DAY_SECS);
    assert_eq!(told("10.0.0.0/8").await, (1, vec![at(BRAVO, 1)], true), "a week is a week");
}
