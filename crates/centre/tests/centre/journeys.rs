//! What people live through: a weakness from seen to mended, a story from new to closed and back.

use crate::sector::{ALPHA, BRAVO, CHARLIE, Hospital, Person, Sector, observation, own_alert, shared_alert, smb1};
use axum::http::StatusCode;
use phitak_model::{Fact, Observation};
use phitak_uplink::Item;
use serde_json::{Value, json};

const DAY_SECS: i64 = 86_400;

fn smb3() -> Fact {
    Fact::SmbDialect { port: 445, dialect: "3.1.1".to_owned() }
}

/// Seen now.
fn seen(sector: &Sector, hospital: Hospital, fact: Fact) -> Item {
    let now = sector.now();
    Item::Observation(Observation { first_at: now, last_at: now, ..observation(hospital, 20, fact) })
}

async fn finding(sector: &Sector, person: Person) -> Value {
    sector.get(person, "/api/v1/findings?kind=smb1_spoken").await.json()["items"][0].clone()
}

async fn care(sector: &Sector, hospital: Hospital) -> Value {
    sector.get(Person::Analyst, &format!("/api/v1/facilities/{}/care", hospital.code)).await.json()
}

#[tokio::test]
async fn a_weakness_goes_from_seen_to_claimed_to_verified_and_back() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    assert_eq!(sector.care_state(ALPHA).await, "act", "a sensor that never spoke is something to do");
    sector.send(ALPHA, 1, 1, vec![seen(&sector, ALPHA, Fact::Alive)]).await;
    assert_eq!(sector.care_state(ALPHA).await, "calm");
    sector.send(ALPHA, 1, 2, vec![seen(&sector, ALPHA, smb1())]).await;
    let page = care(&sector, ALPHA).await;
    assert_eq!((&page["state"], page["items"].as_array().map(Vec::len)), (&json!("act"), Some(1)));
    let item = &page["items"][0];
    assert_eq!(
        (&item["type"], &item["kind"], &item["state"]),
        (&json!("finding"), &json!("smb1_spoken"), &json!("open"))
    );
    assert!(item["steps"].as_array().expect("steps").len() >= 2);
    assert!(item["due_at"].is_string() && item["proof"]["th"].is_string() && item["technical"][0]["value"].is_string());
    let path = format!("/api/v1/findings/{}/response", item["id"]);
    let help = sector.post(Person::AtAlpha, &path, json!({"response": "need_help", "reason": "ไม่มีรหัสผู้ดูแล"})).await;
    assert_eq!((&help.json()["state"], &help.json()["response_reason"]), (&json!("open"), &json!("ไม่มีรหัสผู้ดูแล")));
    sector.advance_secs(60);
    let done = sector.post(Person::AtAlpha, &path, json!({"response": "done"})).await;
    assert_eq!(done.json()["state"], "claimed", "{}", done.text);
    assert_eq!(sector.care_state(ALPHA).await, "calm", "a claim waits for proof");
    for (seq, hours) in [(3, 1), (4, 13), (5, 13)] {
        sector.advance_secs(hours * 3_600);
        // A session lasts twelve hours; people come back.
        sector.send(ALPHA, 1, seq, vec![seen(&sector, ALPHA, smb3())]).await;
    }
    let state = state_in_tables(&sector).await;
    assert_eq!(state, "verified");
    sector.advance_secs(DAY_SECS);
    sector.send(ALPHA, 1, 6, vec![seen(&sector, ALPHA, smb1())]).await;
    assert_eq!(state_in_tables(&sector).await, "reopened");
    let counts =
        sector.centre.store.finding_counts(&phitak_store::Scope::of_the_centre_itself()).await.expect("counts");
    assert_eq!((counts.open, counts.claimed, counts.verified, counts.reopened), (0, 0, 0, 1));
}

/// Read from the tables: by now every session is over.
async fn state_in_tables(sector: &Sector) -> String {
    let scope = phitak_store::Scope::of_the_centre_itself();
    let filter = phitak_store::FindingFilter { kind: Some("smb1_spoken".to_owned()), ..Default::default() };
    let found = sector.centre.store.findings(&scope, &filter, &phitak_store::PageAsk::default()).await.expect("reads");
    let state = serde_json::to_value(found.items[0].state).expect("a word");
    state.as_str().expect("a word").to_owned()
}

#[tokio::test]
async fn observations_that_come_twice_or_in_another_batch_change_nothing() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    let weak = seen(&sector, ALPHA, smb1());
    for seq in 1..5 {
        sector.send(ALPHA, 1, seq, vec![weak.clone()]).await;
    }
    let found = sector.get(Person::AtAlpha, "/api/v1/findings").await.json();
    assert_eq!((&found["total"], &found["items"][0]["state"]), (&json!(1), &json!("open")));
    let assets = sector.get(Person::AtAlpha, &format!("/api/v1/facilities/{}/assets", ALPHA.code)).await.json();
    assert_eq!((&assets["total"], &assets["items"][0]["findings_open"]), (&json!(1), &json!(1)));
    assert_eq!(assets["items"][0]["speaks"], json!([{"protocol": "smb", "port": 445, "role": "server"}]));
}

#[tokio::test]
async fn an_answer_without_its_reason_or_after_the_proof_is_refused_with_words() {
    let sector = Sector::lived_in().await;
    let path = format!("/api/v1/findings/{}/response", sector.finding_id(ALPHA).await);
    for body in [
        json!({"response": "cannot"}),
        json!({"response": "cannot", "reason": "  "}),
        json!({"response": "cannot", "reason": "ก".repeat(1_001)}),
    ] {
        let refused = sector.post(Person::AtAlpha, &path, body).await;
        assert_eq!((refused.status, refused.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"));
        assert!(refused.json()["error"]["detail"].as_str().expect("words").contains("reason"));
    }
    let cannot = sector.post(Person::AtAlpha, &path, json!({"response": "cannot", "reason": "ผู้ขายห้าม"})).await;
    assert_eq!((cannot.status, &cannot.json()["response"]), (StatusCode::OK, &json!("cannot")));
    assert_eq!(finding(&sector, Person::AtAlpha).await["response"], "cannot");
}

#[tokio::test]
async fn a_story_calls_until_the_centre_looks_and_ends_when_it_is_closed() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.enrol(BRAVO).await;
    sector.send(BRAVO, 1, 1, vec![seen(&sector, BRAVO, Fact::Alive)]).await;
    sector.send(ALPHA, 1, 1, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    let states = async |sector: &Sector| (sector.care_state(ALPHA).await, sector.care_state(BRAVO).await);
    let both = |alpha: &str, bravo: &str| (alpha.to_owned(), bravo.to_owned());
    assert_eq!(states(&sector).await, both("call", "calm"));
    let story = sector.story_id("shared").await;
    let path = format!("/api/v1/stories/{story}/triage");
    let triage = async |action: &str, more: Value| {
        let mut body = json!({"action": action, "up_to": sector.now().iso()});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        sector.post(Person::Analyst, &path, body).await
    };
    sector.advance_secs(1);
    let acknowledged = triage("acknowledge", json!({})).await;
    assert_eq!(
        (&acknowledged.json()["status"], &acknowledged.json()["assignee"]["name"]),
        (&json!("acknowledged"), &json!("Person analyst"))
    );
    // Who of the team it is, is the team's own affair.
    let seen_by_hospital = sector.get(Person::AtAlpha, &format!("/api/v1/stories/{story}")).await;
    assert_eq!((seen_by_hospital.status, &seen_by_hospital.json()["assignee"]), (StatusCode::OK, &Value::Null));
    assert_eq!(states(&sector).await, both("act", "calm"));
    // It spreads after the centre looked: the new hospital must call.
    sector.advance_secs(1);
    sector.send(BRAVO, 1, 2, vec![Item::Alert(Box::new(shared_alert(BRAVO)))]).await;
    sector.send(ALPHA, 1, 2, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    assert_eq!(states(&sector).await, both("act", "call"));
    sector.advance_secs(1);
    assert_eq!(triage("close", json!({})).await.status, StatusCode::UNPROCESSABLE_ENTITY, "a verdict is needed");
    let closed = triage("close", json!({"verdict": "true", "reason": "contained"})).await;
    assert_eq!((&closed.json()["status"], &closed.json()["verdict"]), (&json!("closed"), &json!("true")));
    assert_eq!(states(&sector).await, both("calm", "calm"));
    // New alerts open it again, where they arrive.
    sector.advance_secs(1);
    sector.send(BRAVO, 1, 3, vec![Item::Alert(Box::new(shared_alert(BRAVO)))]).await;
    assert_eq!(states(&sector).await, both("calm", "call"));
    let detail = sector.get(Person::Analyst, &format!("/api/v1/stories/{story}")).await.json();
    let actions: Vec<&str> =
        detail["history"].as_array().expect("a list").iter().filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions, ["acknowledge", "close", "returned"]);
    assert_eq!((&detail["status"], &detail["alerts"]), (&json!("new"), &json!(4)));
    let seen_by_hospital = sector.get(Person::AtAlpha, &format!("/api/v1/stories/{story}")).await.json();
    assert_eq!(seen_by_hospital["history"][1]["reason"], Value::Null, "reasons are the sector's own");
    let reopened = triage("reopen", json!({})).await;
    assert_eq!(reopened.json()["status"], "new");
    assert_eq!(states(&sector).await, both("call", "call"));
}

#[tokio::test]
async fn closing_leaves_new_what_arrived_after_the_page_was_drawn() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.send(ALPHA, 1, 1, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    let page = sector.get(Person::Analyst, "/api/v1/stories").await.json();
    sector.advance_secs(5);
    sector.send(ALPHA, 1, 2, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    let path = format!("/api/v1/stories/{}/triage", page["items"][0]["id"]);
    let close = json!({"action": "close", "verdict": "benign", "up_to": page["latest_at"]});
    let answer = sector.post(Person::Analyst, &path, close).await.json();
    assert_eq!(answer["status"], "new");
    let future = json!({"action": "close", "verdict": "benign", "up_to": "2099-01-01T00:00:00Z"});
    assert_eq!(sector.post(Person::Analyst, &path, future).await.json()["status"], "closed");
    sector.send(ALPHA, 1, 3, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    assert_eq!(sector.care_state(ALPHA).await, "call", "nobody can close the future");
}

#[tokio::test]
async fn a_story_shows_its_neighbours_at_the_same_hosts() {
    let sector = Sector::lived_in().await;
    let mut earlier = own_alert(ALPHA);
    earlier.at = earlier.at.plus_secs(-3 * 3_600);
    earlier.signature_id = 9_400_000;
    earlier.signature = "three hours earlier".to_owned();
    sector.send(ALPHA, 1, 7, vec![Item::Alert(Box::new(earlier))]).await;
    let story = sector.story_id("own%20MARKALPHA").await;
    let detail = sector.get(Person::AtAlpha, &format!("/api/v1/stories/{story}")).await.json();
    let related: Vec<&str> =
        detail["related"].as_array().expect("a list").iter().filter_map(|r| r["title"]["en"].as_str()).collect();
    assert_eq!(related, ["shared by all"], "within two hours only");
}

#[tokio::test]
async fn lists_page_through_everything_once() {
    let sector = Sector::empty().await;
    sector.enrol(CHARLIE).await;
    for n in 0..23_u32 {
        let mut one = own_alert(CHARLIE);
        one.signature_id = 9_500_000 + n;
        sector.send(CHARLIE, 1, u64::from(n) + 1, vec![Item::Alert(Box::new(one))]).await;
        sector.advance_secs(i64::from(n % 3));
    }
    for person in [Person::Analyst, Person::AtCharlie] {
        let mut seen: Vec<i64> = Vec::new();
        let mut cursor = String::new();
        for _ in 0..10 {
            let path = format!("/api/v1/stories?limit=5&cursor={cursor}");
            let page = sector.get(person, &path).await.json();
            assert_eq!((&page["total"], &page["total_exact"]), (&json!(23), &json!(true)));
            seen.extend(page["items"].as_array().expect("a list").iter().filter_map(|item| item["id"].as_i64()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 23);
        let mut unique = seen.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 23);
    }
}

#[tokio::test]
async fn the_overview_names_what_is_where() {
    let sector = Sector::lived_in().await;
    let overview = sector.get(Person::Analyst, "/api/v1/overview").await.json();
    assert_eq!(overview["states"], json!({"calm": 0, "act": 0, "call": 3, "blind": 0}));
    assert_eq!(overview["stories_open"], 4);
    assert_eq!(overview["provinces"].as_array().map(Vec::len), Some(77));
    let regions: Vec<(Option<u64>, Option<u64>)> = overview["regions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| (r["region"].as_u64(), r["stories_open"].as_u64()))
        .collect();
    assert_eq!(regions, [(Some(4), Some(3)), (Some(8), Some(2))]);
    let top = &overview["top_weaknesses"][0];
    assert_eq!((&top["hosts"], &top["facilities"]), (&json!(3), &json!(3)));
    let tile = overview["provinces"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|p| p["province_code"] == "41")
        .expect("Udon Thani");
    assert_eq!((&tile["state"], &tile["facilities"]), (&json!("call"), &json!(1)));
    let listed = sector.get(Person::Analyst, "/api/v1/facilities?state=call&region=4").await.json();
    assert_eq!(listed["total"], 2);
    assert_eq!(sector.get(Person::Analyst, "/api/v1/facilities?state=calm").await.json()["total"], 0);
    sector.advance_secs(3_600);
    let blind = sector.get(Person::Analyst, "/api/v1/facilities?state=blind").await.json();
    assert_eq!(blind["total"], 0, "a call outranks silence");
}
