//! Bulk over all that match: frozen, handled as one, taken back as one.

use crate::sector::{ALPHA, BRAVO, CHARLIE, HOSPITALS, Hospital, Person, Sector, alert, own_alert, shared_alert};
use axum::http::StatusCode;
use phitak_model::Severity;
use phitak_store::selections::{SELECTION_STORIES_MAX, SELECTIONS_PER_PERSON_MAX};
use phitak_uplink::Item;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Sector {
    pub async fn selection_of(&self, person: Person, filter: Value) -> i64 {
        let frozen = self.post(person, "/api/v1/story-selections", filter).await;
        frozen.json()["id"].as_i64().unwrap_or_else(|| panic!("{}", frozen.text))
    }

    pub async fn judge_selection(&self, person: Person, id: i64, judgement: Value) -> Value {
        let answer = self.post(person, &format!("/api/v1/story-selections/{id}/triage"), judgement).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    async fn undo(&self, id: i64) -> Value {
        let answer = self.post(Person::Analyst, &format!("/api/v1/story-selections/{id}/undo"), json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    async fn comes(&self, hospital: Hospital, seq: u64, alert: phitak_model::Alert) {
        self.send(hospital, 9, seq, vec![Item::Alert(Box::new(alert))]).await;
    }
}

/// Status, verdict and assignee of every story, by signature.
async fn stand(sector: &Sector) -> BTreeMap<String, (String, Value, Value)> {
    let all = sector.get(Person::Analyst, "/api/v1/stories?since=all&status=new,acknowledged,closed&limit=200").await;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let stories = all.json()["items"].as_array().unwrap_or_else(|| panic!("{}", all.text)).clone();
    stories
        .iter()
        .map(|story| {
            let stands = (word(&story["status"]), story["verdict"].clone(), story["assignee"]["name"].clone());
            (word(&story["signature"]), stands)
        })
        .collect()
}

async fn open_at(sector: &Sector) -> Vec<Value> {
    let mut all = Vec::new();
    for hospital in HOSPITALS {
        all.push(
            sector.get(Person::Analyst, &format!("/api/v1/facilities/{}", hospital.code)).await.json()["state"].clone(),
        );
    }
    all
}

#[tokio::test]
async fn all_that_match_are_closed_at_once_and_taken_back_at_once() {
    let sector = Sector::lived_in().await;
    let shared = sector.story_id("shared").await;
    let acknowledge = json!({"action": "acknowledge", "up_to": sector.now().iso()});
    let path = format!("/api/v1/stories/{shared}/triage");
    assert_eq!(sector.post(Person::Administrator, &path, acknowledge).await.status, StatusCode::OK);
    let (before, states) = (stand(&sector).await, open_at(&sector).await);
    sector.advance_secs(5);
    let frozen = sector.post(Person::Analyst, "/api/v1/story-selections", json!({"since": "7d"})).await.json();
    assert_eq!((&frozen["stories"], &frozen["total"], &frozen["total_exact"]), (&json!(4), &json!(4), &json!(true)));
    let id = frozen["id"].as_i64().expect("a number");
    // What arrives after the freeze: a story of its own, and more of one that was frozen.
    sector.advance_secs(5);
    sector.comes(ALPHA, 1, alert(ALPHA, 9_400_000, "later", Severity::High)).await;
    sector.comes(CHARLIE, 1, own_alert(CHARLIE)).await;
    let close = json!({"action": "close", "verdict": "benign", "reason": "a test of the line"});
    assert_eq!(sector.judge_selection(Person::Analyst, id, close).await, json!({"changed": 4, "left": 0}));
    let now = stand(&sector).await;
    let status = |of: &str| now.get(of).map(|(status, ..)| status.as_str());
    assert_eq!(status("later"), Some("new"), "what came later is not hit");
    assert_eq!(status(&format!("own {}", CHARLIE.mark)), Some("new"), "more came of it since");
    assert_eq!((status("shared by all"), status(&format!("own {}", ALPHA.mark))), (Some("closed"), Some("closed")));
    let history = sector.get(Person::Analyst, &format!("/api/v1/stories/{shared}")).await.json()["history"].clone();
    assert_eq!((&history[1]["action"], &history[1]["reason"]), (&json!("close"), &json!("a test of the line")));
    let again = json!({"action": "reopen"});
    let again = sector.post(Person::Analyst, &format!("/api/v1/story-selections/{id}/triage"), again).await;
    assert_eq!(again.code(), "conflict", "{}", again.text);
    assert_eq!(sector.undo(id).await, json!({"changed": 4, "left": 0}));
    let mut then = stand(&sector).await;
    then.remove("later");
    assert_eq!(then, before);
    assert_eq!(
        open_at(&sector).await,
        states
            .iter()
            .enumerate()
            .map(|(n, state)| if n == 0 { json!("call") } else { state.clone() })
            .collect::<Vec<_>>()
    );
    let twice = sector.post(Person::Analyst, &format!("/api/v1/story-selections/{id}/undo"), json!({})).await;
    assert_eq!(twice.code(), "conflict", "{}", twice.text);
    let lines = sector.audit_lines("changes").await;
    let told = |action: &str| {
        let own: Vec<&str> = lines
            .iter()
            .filter(|line| line["action"] == action)
            .map(|line| line["detail"].as_str().expect("words"))
            .collect();
        own.join("|")
    };
    assert_eq!(told("story.triage_many"), "close as benign: 4 stories, 0 left as they were: a test of the line");
    assert_eq!(told("story.undo_many"), "close taken back: 4 stories, 0 left as they were");
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_left_as_it_is() {
    let sector = Sector::lived_in().await;
    let id = sector.selection_of(Person::Analyst, json!({"since": "all"})).await;
    let own = sector.story_id(&format!("own%20{}", BRAVO.mark)).await;
    let closing = json!({"action": "close", "verdict": "true", "up_to": sector.now().iso()});
    let path = format!("/api/v1/stories/{own}/triage");
    assert_eq!(sector.post(Person::Administrator, &path, closing).await.status, StatusCode::OK);
    let assign = json!({"action": "acknowledge", "assignee": "administrator"});
    assert_eq!(sector.judge_selection(Person::Analyst, id, assign).await, json!({"changed": 3, "left": 1}));
    let given = sector.story_id("shared").await;
    let history = sector.get(Person::Analyst, &format!("/api/v1/stories/{given}")).await.json()["history"].clone();
    let told = (&history[0]["action"], &history[0]["assignee"]);
    assert_eq!(told, (&json!("acknowledge"), &json!("Person administrator")), "{history}");
    let now = stand(&sector).await;
    let at_bravo = format!("own {}", BRAVO.mark);
    assert_eq!(now[&at_bravo].1, json!("true"), "a colleague's verdict stands");
    let taken = ("acknowledged".to_owned(), Value::Null, json!("Person administrator"));
    assert!(now.iter().filter(|(name, _)| **name != at_bravo).all(|(_, stands)| *stands == taken), "{now:?}");
    // The undo too leaves what somebody judged since.
    let shared = sector.story_id("shared").await;
    let closing = json!({"action": "close", "verdict": "false", "up_to": sector.now().iso()});
    let path = format!("/api/v1/stories/{shared}/triage");
    assert_eq!(sector.post(Person::Administrator, &path, closing).await.status, StatusCode::OK);
    assert_eq!(sector.undo(id).await, json!({"changed": 2, "left": 1}));
    let now = stand(&sector).await;
    assert_eq!(now["shared by all"].1, json!("false"));
    assert_eq!(now[&format!("own {}", ALPHA.mark)].0, "new");
}

#[tokio::test]
async fn taking_back_closes_nothing_that_came_since() {
    let sector = Sector::lived_in().await;
    let close = json!({"action": "close", "verdict": "benign", "reason": "a test of the line"});
    sector.advance_secs(5);
    let all = sector.selection_of(Person::Analyst, json!({"since": "all"})).await;
    assert_eq!(sector.judge_selection(Person::Analyst, all, close).await["changed"], 4);
    for (action, hospital, closed) in [("reopen", ALPHA, 4), ("acknowledge", BRAVO, 3)] {
        sector.advance_secs(5);
        let id = sector.selection_of(Person::Analyst, json!({"since": "all", "status": "closed"})).await;
        let judged = sector.judge_selection(Person::Analyst, id, json!({"action": action})).await;
        assert_eq!(judged, json!({"changed": closed, "left": 0}), "{action}");
        sector.advance_secs(5);
        sector.comes(hospital, 1, own_alert(hospital)).await;
        assert_eq!(sector.undo(id).await, json!({"changed": closed, "left": 0}), "{action}");
        let now = stand(&sector).await;
        let came = &now[&format!("own {}", hospital.mark)];
        assert_eq!((came.0.as_str(), &came.1), ("new", &json!("benign")), "{action}: more came of it since");
        assert_eq!(now[&format!("own {}", CHARLIE.mark)].0, "closed", "{action}");
        let open = sector.get(Person::Analyst, &format!("/api/v1/facilities/{}", hospital.code)).await.json();
        assert_eq!(open["stories_open"], 1, "{action}: counted where it came");
    }
}

#[tokio::test]
async fn taking_a_closing_back_leaves_what_came_back_and_a_colleague_took() {
    let sector = Sector::lived_in().await;
    sector.advance_secs(5);
    let id = sector.selection_of(Person::Analyst, json!({"since": "all"})).await;
    let close = json!({"action": "close", "verdict": "benign", "reason": "a test of the line"});
    assert_eq!(sector.judge_selection(Person::Analyst, id, close).await["changed"], 4);
    sector.advance_secs(5);
    sector.comes(ALPHA, 1, own_alert(ALPHA)).await;
    let story = sector.story_id(&format!("own%20{}", ALPHA.mark)).await;
    let take = json!({"action": "acknowledge", "up_to": sector.now().iso()});
    let path = format!("/api/v1/stories/{story}/triage");
    assert_eq!(sector.post(Person::Administrator, &path, take).await.status, StatusCode::OK);
    assert_eq!(sector.undo(id).await, json!({"changed": 3, "left": 1}));
    let now = stand(&sector).await;
    let (status, _, assignee) = &now[&format!("own {}", ALPHA.mark)];
    assert_eq!((status.as_str(), assignee), ("acknowledged", &json!("Person administrator")));
}

#[tokio::test]
async fn a_selection_is_its_makers_for_a_day_and_needs_words_to_close() {
    let sector = Sector::lived_in().await;
    let filter = || json!({"since": "all", "facility": ALPHA.code});
    let id = sector.selection_of(Person::Analyst, filter()).await;
    let path = format!("/api/v1/story-selections/{id}/triage");
    for (body, code) in [
        (json!({"action": "close", "verdict": "benign"}), "invalid"),
        (json!({"action": "close", "reason": "why"}), "invalid"),
        (json!({"action": "close", "verdict": "benign", "reason": "ก".repeat(1_001)}), "invalid"),
        (json!({"action": "acknowledge", "assignee": "nobody"}), "invalid"),
        (json!({"action": "acknowledge", "assignee": "at-alpha"}), "invalid"),
    ] {
        assert_eq!(sector.post(Person::Analyst, &path, body.clone()).await.code(), code, "{body}");
    }
    let acknowledge = json!({"action": "acknowledge"});
    let foreign = sector.post(Person::Administrator, &path, acknowledge.clone()).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let none = sector.post(Person::Analyst, "/api/v1/story-selections", json!({"q": "nothing like it"})).await;
    assert_eq!(none.code(), "conflict", "{}", none.text);
    let strange = sector.post(Person::Analyst, "/api/v1/story-selections", json!({"status": "open"})).await;
    assert_eq!(strange.code(), "invalid", "{}", strange.text);
    for _ in 1..SELECTIONS_PER_PERSON_MAX {
        sector.selection_of(Person::Analyst, filter()).await;
    }
    assert_eq!(sector.judge_selection(Person::Analyst, id, acknowledge.clone()).await["changed"], 2, "kept so far");
    sector.selection_of(Person::Analyst, filter()).await;
    let gone = sector.post(Person::Analyst, &format!("/api/v1/story-selections/{id}/undo"), json!({})).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "the oldest makes room");
}

#[tokio::test]
async fn more_than_there_is_room_for_is_cut_and_said() {
    let sector = Sector::lived_in().await;
    let many = SELECTION_STORIES_MAX + 3;
    let items = (0..many)
        .map(|n| {
            let number = 9_500_000 + u32::try_from(n).expect("few");
            Item::Alert(Box::new(alert(ALPHA, number, "one of many", Severity::Low)))
        })
        .collect();
    sector.send(ALPHA, 9, 1, items).await;
    sector.comes(BRAVO, 1, shared_alert(BRAVO)).await;
    let frozen = sector.post(Person::Analyst, "/api/v1/story-selections", json!({"q": "one of many"})).await.json();
    assert_eq!(
        (frozen["stories"].as_u64(), frozen["total"].as_u64()),
        (Some(SELECTION_STORIES_MAX), Some(many)),
        "{frozen}"
    );
    let close = json!({"action": "close", "verdict": "false", "reason": "a broken rule"});
    let id = frozen["id"].as_i64().expect("a number");
    let done = sector.judge_selection(Person::Analyst, id, close).await;
    assert_eq!(done["changed"].as_u64(), Some(SELECTION_STORIES_MAX));
    let left = sector.get(Person::Analyst, "/api/v1/stories?q=one%20of%20many").await.json();
    assert_eq!(left["total"], 3);
    // What is hidden is never among them.
    let hidden =
        sector.get(Person::Analyst, "/api/v1/stories?q=one%20of%20many").await.json()["items"][0]["id"].clone();
    let path = format!("/api/v1/stories/{hidden}/suppression");
    let set = sector.post(Person::Analyst, &path, json!({"reason": "a broken rule", "days": 1})).await;
    let number = u32::try_from(set.json()["signature_id"].as_u64().expect("a number")).expect("small");
    sector
        .send(ALPHA, 9, many + 1, vec![Item::Alert(Box::new(alert(ALPHA, number, "one of many", Severity::Low)))])
        .await;
    let all = json!({"q": number.to_string(), "status": "new,acknowledged,closed,suppressed"});
    let frozen = sector.post(Person::Analyst, "/api/v1/story-selections", all).await.json();
    assert_eq!(frozen["stories"], 1, "{frozen}");
}
