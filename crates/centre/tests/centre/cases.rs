//! Cases from the first call to the closing: numbers, clocks, tasks, the timeline, the hospitals' own part, merging, forgetting.

use crate::sector::{ALPHA, BRAVO, CHARLIE, HOSPITALS, INTRUDER, Person, Sector};
use axum::http::StatusCode;
use phitak_centre::{centre::Settings, housekeeping::tidy};
use serde_json::{Value, json};

const DAY_SECS: i64 = 86_400;

async fn case(sector: &Sector, id: i64) -> Value {
    let answer = sector.get(Person::Analyst, &format!("/api/v1/cases/{id}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// A write that succeeds; gives the case as it is then.
async fn act(sector: &Sector, path: &str, body: Value) -> Value {
    let answer = sector.post(Person::Analyst, &format!("/api/v1/{path}"), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.json()
}

async fn refused(sector: &Sector, path: &str, body: Value) -> (StatusCode, String) {
    let answer = sector.post(Person::Analyst, &format!("/api/v1/{path}"), body).await;
    assert!(!answer.status.is_success(), "{path}: {}", answer.text);
    (answer.status, answer.json()["error"]["detail"].as_str().unwrap_or_default().to_owned())
}

fn clock<'a>(case: &'a Value, rule: &str) -> &'a Value {
    let clocks = case["clocks"].as_array().expect("a list");
    let found = clocks.iter().find(|clock| clock["rule"].as_str().is_some_and(|known| known.starts_with(rule)));
    found.unwrap_or_else(|| panic!("no clock {rule} in {}", case["clocks"]))
}

fn actions(case: &Value) -> Vec<String> {
    let lines = case["timeline"].as_array().expect("a list");
    lines.iter().map(|line| line["action"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Numbers of the cases that a person's list shows, in its order.
async fn listed(sector: &Sector, person: Person, query: &str) -> Vec<i64> {
    let answer = sector.get(person, &format!("/api/v1/cases?limit=200{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["items"].as_array().expect("a list").iter().map(|row| row["id"].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn a_case_from_a_story_is_numbered_in_its_buddhist_year_and_drafts_its_timeline() {
    let sector = Sector::lived_in().await;
    let first = sector.case_of_story_at(ALPHA).await;
    let second = sector.case_of_story_at(ALPHA).await;
    let one = case(&sector, first).await;
    assert_eq!((one["number"].as_str(), one["status"].as_str()), (Some("2569-0001"), Some("open")));
    assert_eq!(one["level"], "undetermined", "a level is a person's decision");
    assert_eq!(one["assignee"]["name"], "Person analyst");
    assert_eq!(case(&sector, second).await["number"], "2569-0002");
    let story = one["stories"][0]["id"].as_i64().expect("a story");
    let key = format!("story-{story}-first");
    assert!(
        one["timeline"].as_array().expect("a list").iter().any(|line| line["key"] == key && line["kind"] == "alert")
    );
    let triage = json!({"action": "acknowledge", "reason": "mine", "up_to": sector.now().iso()});
    let path = format!("/api/v1/stories/{story}/triage");
    assert_eq!(sector.post(Person::Analyst, &path, triage).await.status, StatusCode::OK);
    assert!(actions(&case(&sector, first).await).contains(&"acknowledge".to_owned()));
    // The year turns at midnight in Bangkok: 31 December, 17:00 UTC.
    let turn = phitak_model::Timestamp::parse("2026-12-31T17:00:00Z").expect("a moment");
    sector.advance_secs(turn.micros_since(sector.now()) / 1_000_000 + 1);
    assert_eq!(phitak_model::thai::date(sector.now()), "1 ม.ค. 2570");
    let next = case_by_store(&sector).await;
    assert_eq!(next, "2570-0001");
}

/// Sessions do not live until the next year.
async fn case_by_store(sector: &Sector) -> String {
    use phitak_store::{AuditLine, BulletinText, CaseSource, NewCase, Scope};
    let new = NewCase {
        title: "t".to_owned(),
        told: BulletinText::new("ก", ""),
        source: CaseSource::Phone,
        caller: Some("c".to_owned()),
        called_at: Some(sector.now()),
        facilities: vec![ALPHA.facility()],
        stories: Vec::new(),
        moments: Vec::new(),
        assignee: None,
    };
    let audit = AuditLine::of_operator(sector.now(), "case.open");
    sector.centre.store.open_case(&Scope::of_the_centre_itself(), new, audit).await.expect("opens").number
}

#[tokio::test]
async fn opening_needs_a_hospital_a_cause_and_words_that_name_nobody() {
    let sector = Sector::lived_in().await;
    let now = sector.now().iso();
    let whole = json!({
        "title": "t", "told": {"th": "ก", "en": ""}, "source": "phone", "facilities": [ALPHA.code], "caller": "c", "called_at": now,
    });
    let with = |field: &str, value: Value| {
        let mut body = whole.clone();
        body[field] = value;
        body
    };
    for (field, value) in [
        ("title", json!(" ")),
        ("title", json!("x".repeat(201))),
        ("told", json!({"th": "", "en": "only English"})),
        ("facilities", json!([])),
        ("facilities", json!(["99999"])),
        ("caller", Value::Null),
        ("called_at", Value::Null),
        ("called_at", json!("2030-01-01T00:00:00Z")),
        ("noticed_at", json!("2030-01-01T00:00:00Z")),
        ("source", json!("story")),
    ] {
        let (status, detail) = refused(&sector, "cases", with(field, value.clone())).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}: {detail}");
    }
    let mut both = with("facilities", json!([ALPHA.code, BRAVO.code]));
    both["told"] = json!({"th": format!("เหตุที่ โรงพยาบาล {}", BRAVO.mark), "en": ""});
    assert!(refused(&sector, "cases", both.clone()).await.1.contains("named"));
    both["facilities"] = json!([BRAVO.code]);
    assert_eq!(sector.post(Person::Analyst, "/api/v1/cases", both).await.status, StatusCode::OK, "its own name");
    let mut story = with("source", json!("story"));
    story["stories"] = json!([999_999]);
    assert_eq!(refused(&sector, "cases", story).await.0, StatusCode::NOT_FOUND);
    assert_eq!(listed(&sector, Person::Analyst, "").await.len(), 1, "nothing else was opened");
}

#[tokio::test]
async fn clocks_run_from_their_own_events_and_are_settled_with_who_when_and_reference() {
    let sector = Sector::lived_in().await;
    let id = sector.case_at(&[ALPHA]).await;
    let begun = sector.now();
    let now = case(&sector, id).await;
    assert_eq!(now["clocks"].as_array().map(Vec::len), Some(2), "personal data has its own event");
    assert_eq!(clock(&now, "ncsa-24h")["due_at"], begun.plus_secs(DAY_SECS).iso());
    assert_eq!(clock(&now, "ncsa-at-once")["at_once"], true);
    assert!(clock(&now, "ncsa-24h")["source"]["th"].as_str().is_some_and(|source| source.contains("ข้อ 5")));

    sector.advance_secs(3_600);
    let known = sector.now();
    let moments = format!("cases/{id}/moments");
    let noting = |at: String, reason: Option<&str>| json!({"facility": ALPHA.code, "event": "personal_data_known", "at": at, "reason": reason});
    let now = act(&sector, &moments, noting(known.iso(), None)).await;
    assert_eq!(clock(&now, "pdpa-72h")["due_at"], known.plus_secs(3 * DAY_SECS).iso());
    assert_eq!(clock(&now, "pdpa-late-15d")["due_at"], known.plus_secs(15 * DAY_SECS).iso());
    assert!(refused(&sector, &moments, noting(known.iso(), None)).await.1.contains("reason"), "a correction says why");
    let earlier = known.plus_secs(-600);
    let now = act(&sector, &moments, noting(earlier.iso(), Some("the nurse knew first"))).await;
    assert_eq!(clock(&now, "pdpa-72h")["due_at"], earlier.plus_secs(3 * DAY_SECS).iso());
    assert_eq!(now["moments"].as_array().map(Vec::len), Some(3), "both are kept");

    let close = json!({"status": "closed", "reason": "over"});
    assert_eq!(refused(&sector, &format!("cases/{id}/status"), close.clone()).await.0, StatusCode::CONFLICT);

    let settle = |rule: &str| format!("case-clocks/{}/settle", clock(&now, rule)["id"]);
    assert!(refused(&sector, &settle("pdpa-72h"), json!({"state": "done"})).await.1.contains("reference"));
    let late = json!({"state": "done", "reference": "สคส. 12/2569", "at": earlier.plus_secs(3 * DAY_SECS + 1).iso()});
    sector.advance_secs(3_600);
    assert!(refused(&sector, &settle("pdpa-72h"), late).await.1.contains("still to come"));
    let kept = act(&sector, &settle("pdpa-72h"), json!({"state": "done", "reference": "สคส. 12/2569"})).await;
    let done = clock(&kept, "pdpa-72h");
    assert_eq!((done["settled_by"].as_str(), done["reference"].as_str()), (Some("analyst"), Some("สคส. 12/2569")));
    assert_eq!(done["settled_at"], sector.now().iso());
    assert_eq!(clock(&kept, "pdpa-late-15d")["state"], "not_applicable", "kept in time: nothing is to be explained");
    let again = act(&sector, &settle("pdpa-72h"), json!({"state": "running", "reason": "it was another report"})).await;
    assert_eq!(clock(&again, "pdpa-late-15d")["state"], "running");
    for rule in ["ncsa-at-once", "ncsa-24h", "pdpa-72h", "pdpa-late-15d"] {
        act(&sector, &settle(rule), json!({"state": "not_applicable", "reason": "category 1"})).await;
    }
    let closed = act(&sector, &format!("cases/{id}/status"), close).await;
    assert_eq!((closed["status"].as_str(), closed["close_reason"].as_str()), (Some("closed"), Some("over")));
}

#[tokio::test]
async fn a_report_that_came_late_leaves_its_explanation_due() {
    use phitak_store::{AuditLine, CaseId, ClockState, Scope, Settling};
    let sector = Sector::lived_in().await;
    let id = sector.case_at(&[ALPHA]).await;
    let known = json!({"facility": ALPHA.code, "event": "personal_data_known", "at": sector.now().iso()});
    act(&sector, &format!("cases/{id}/moments"), known).await;
    sector.advance_secs(3 * DAY_SECS + 1);
    let (store, scope) = (&sector.centre.store, Scope::of_the_centre_itself());
    let clocks = store.case_clocks(&scope, CaseId(id)).await.expect("reads");
    let of = |rule: &str| clocks.iter().find(|clock| clock.rule.starts_with(rule)).expect("is there").id;
    let settling = Settling { state: ClockState::Done, at: None, reference: Some("1".to_owned()), reason: None };
    let audit = AuditLine::of_operator(sector.now(), "case.clock");
    store.settle_clock(&scope, of("pdpa-72h"), &settling, audit).await.expect("settles");
    let clocks = store.case_clocks(&scope, CaseId(id)).await.expect("reads");
    let explanation = clocks.iter().find(|clock| clock.id == of("pdpa-late-15d")).expect("is there");
    assert_eq!(explanation.state, ClockState::Running);
}

#[tokio::test]
async fn the_list_is_in_the_order_of_what_is_due_next_for_each_reader() {
    let sector = Sector::lived_in().await;
    let later = sector.settled_case_at(ALPHA).await;
    let sooner = sector.settled_case_at(ALPHA).await;
    let nothing = sector.settled_case_at(BRAVO).await;
    let due = |hours: i64| sector.now().plus_secs(hours * 3_600).iso();
    let task = |facility: Option<&str>, hours: i64| json!({"facility": facility, "title": {"th": "ทำ", "en": ""}, "due_at": due(hours)});
    act(&sector, &format!("cases/{later}/tasks"), task(Some(ALPHA.code), 10)).await;
    act(&sector, &format!("cases/{sooner}/tasks"), task(Some(ALPHA.code), 5)).await;
    assert_eq!(listed(&sector, Person::Analyst, "").await, [sooner, later, nothing]);
    // The centre's own task moves the case for the centre and not for the region.
    act(&sector, &format!("cases/{later}/tasks"), task(None, 1)).await;
    assert_eq!(listed(&sector, Person::Analyst, "").await, [later, sooner, nothing]);
    assert_eq!(listed(&sector, Person::Officer, "").await, [sooner, later, nothing]);
    let pages = async |cursor: String| {
        let answer = sector.get(Person::Analyst, &format!("/api/v1/cases?limit=1{cursor}")).await.json();
        (answer["items"][0]["id"].as_i64(), answer["next_cursor"].as_str().map(|next| format!("&cursor={next}")))
    };
    let (mut seen, mut cursor) = (Vec::new(), Some(String::new()));
    while let Some(at) = cursor {
        let (id, next) = pages(at).await;
        seen.extend(id);
        cursor = next;
    }
    assert_eq!(seen, [later, sooner, nothing]);
    sector.advance_secs(2 * 3_600 - 60);
    assert_eq!(listed(&sector, Person::Analyst, "&overdue=true").await, [later]);
    assert_eq!(listed(&sector, Person::Officer, "&overdue=true").await, Vec::<i64>::new());
    assert_eq!(listed(&sector, Person::Analyst, &format!("&facility={}", BRAVO.code)).await, [nothing]);
    assert_eq!(listed(&sector, Person::Analyst, "&q=2569-0002").await, [sooner]);
    // What a title says cannot be found out by whoever may not read it.
    assert_eq!(listed(&sector, Person::Analyst, &format!("&q={}", BRAVO.mark)).await, [nothing]);
    assert_eq!(listed(&sector, Person::Officer, &format!("&q={}", BRAVO.mark)).await, Vec::<i64>::new());
}

#[tokio::test]
async fn each_person_sees_exactly_the_cases_of_its_hospitals() {
    let sector = Sector::lived_in().await;
    // Every set of hospitals that a case can have.
    for set in 1_usize..8 {
        let places: Vec<_> =
            HOSPITALS.into_iter().enumerate().filter(|(n, _)| set & (1 << n) != 0).map(|(_, h)| h).collect();
        let id = sector.case_at(&places).await;
        for hospital in &places {
            let note = json!({"facility": hospital.code, "text": format!("said by {}", hospital.mark)});
            act(&sector, &format!("cases/{id}/notes"), note).await;
            let task = json!({"facility": hospital.code, "title": {"th": format!("ของ {}", hospital.mark), "en": ""}});
            act(&sector, &format!("cases/{id}/tasks"), task).await;
            let path = format!("/api/v1/cases/{id}/evidence?name={}&facility={}", hospital.mark, hospital.code);
            let stored = sector.upload(Person::Analyst, &path, hospital.mark.into()).await;
            assert_eq!(stored.status, StatusCode::OK, "{}", stored.text);
        }
        act(&sector, &format!("cases/{id}/comments"), json!({"text": "SECRET comment of the team"})).await;
        for person in Person::SIGNED_IN {
            let sees = places.iter().any(|hospital| person.sees(*hospital));
            let shared = sector.get(person, &format!("/api/v1/cases/{id}/shared")).await;
            assert_eq!(shared.status == StatusCode::OK, sees, "{person:?} {set}: {}", shared.text);
            assert!(
                !shared.text.contains("SECRET") && !shared.text.contains("somebody of"),
                "{person:?}: {}",
                shared.text
            );
            assert!(!shared.text.contains("analyst"), "{person:?}: {}", shared.text);
            for hospital in HOSPITALS {
                let there = person.sees(hospital) && places.iter().any(|place| place.code == hospital.code);
                assert_eq!(
                    hospital.is_told_in(&shared.text),
                    there,
                    "{person:?} {set} {}: {}",
                    hospital.mark,
                    shared.text
                );
            }
            let whole = sector.get(person, &format!("/api/v1/cases/{id}")).await.status;
            let team = matches!(person, Person::Administrator | Person::Analyst);
            assert_eq!(whole, if team { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{person:?}");
        }
    }
    for (person, number) in [(Person::Analyst, 7), (Person::Officer, 6)] {
        assert_eq!(listed(&sector, person, "").await.len(), number, "{person:?}");
    }
    for (person, hospital) in [(Person::AtAlpha, ALPHA), (Person::AtCharlie, CHARLIE)] {
        let own = sector.get(person, &format!("/api/v1/facilities/{}/cases", hospital.code)).await;
        assert_eq!(own.json()["total"], 4, "{}", own.text);
        for other in HOSPITALS.into_iter().filter(|other| other.code != hospital.code) {
            assert!(!other.is_told_in(&own.text), "{}", own.text);
        }
    }
    let officers = sector.get(Person::Officer, "/api/v1/cases?limit=200").await;
    assert!(!CHARLIE.is_told_in(&officers.text) && officers.text.contains(ALPHA.code), "{}", officers.text);
}

#[tokio::test]
async fn a_hospital_writes_notes_and_does_its_own_tasks_and_nothing_else() {
    let sector = Sector::lived_in().await;
    let id = sector.case_at(&[ALPHA, CHARLIE]).await;
    act(&sector, &format!("cases/{id}/playbook"), json!({"playbook": "malware-beacon"})).await;
    let whole = case(&sector, id).await;
    let tasks = whole["tasks"].as_array().expect("a list");
    let of = |code: &str| tasks.iter().find(|task| task["facility"]["code"] == code).expect("a task")["id"].clone();
    assert!(tasks.iter().all(|task| task["playbook"] == "malware-beacon@2026-11-30"));
    let settle = |task: &Value| format!("/api/v1/case-tasks/{task}/settle");
    let done = json!({"state": "done", "note": "ถอดแล้ว"});
    let own = sector.post(Person::AtAlpha, &settle(&of(ALPHA.code)), done.clone()).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    let centres = tasks.iter().find(|task| task["facility"].is_null()).expect("a task of the centre")["id"].clone();
    for foreign in [of(CHARLIE.code), centres] {
        let answer = sector.post(Person::AtAlpha, &settle(&foreign), done.clone()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    }
    let notes = format!("/api/v1/cases/{id}/notes");
    let note = |code: &str, text: &str| json!({"facility": code, "text": text});
    let own = sector.post(Person::AtAlpha, &notes, note(ALPHA.code, "เห็นหน้าจอแปลก")).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    let lines = own.json()["notes"].as_array().expect("a list").clone();
    let said = lines.iter().find(|line| line["action"] == "note").expect("is there");
    assert_eq!((said["who"].as_str(), said["text"].as_str()), (Some("Person at-alpha"), Some("เห็นหน้าจอแปลก")));
    let foreign = sector.post(Person::AtAlpha, &notes, note(CHARLIE.code, "x")).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(
        refused(&sector, &format!("cases/{id}/notes"), note(ALPHA.code, CHARLIE.code)).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        refused(&sector, &format!("cases/{id}/playbook"), json!({"playbook": "malware-beacon"})).await.0,
        StatusCode::CONFLICT
    );
    let seen = case(&sector, id).await;
    assert!(actions(&seen).contains(&"note".to_owned()) && actions(&seen).contains(&"task_done".to_owned()));
}

#[tokio::test]
async fn judgements_are_kept_with_their_reasons_and_lines_are_hidden_but_never_lost() {
    let sector = Sector::lived_in().await;
    let id = sector.case_of_story_at(ALPHA).await;
    let assess = format!("cases/{id}/assessment");
    act(&sector, &assess, json!({"level": "serious", "categories": [6, 4, 4], "reason": "servers stand still"})).await;
    let now = act(&sector, &assess, json!({"level": "not_serious", "reason": "only one PC"})).await;
    assert_eq!((now["level"].as_str(), &now["categories"]), (Some("not_serious"), &json!([4, 6])));
    let levels: Vec<Value> =
        now["timeline"].as_array().expect("a list").iter().filter(|line| line["action"] == "level").cloned().collect();
    let said: Vec<(Option<&str>, Option<&str>)> =
        levels.iter().map(|line| (line["source"].as_str(), line["text"].as_str())).collect();
    assert_eq!(
        said,
        [
            (Some("undetermined → serious"), Some("servers stand still")),
            (Some("serious → not_serious"), Some("only one PC"))
        ]
    );
    for body in
        [json!({"reason": "x"}), json!({"level": "serious", "reason": " "}), json!({"categories": [10], "reason": "x"})]
    {
        assert_eq!(refused(&sector, &assess, body).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let key = now["timeline"][0]["key"].as_str().expect("a key").to_owned();
    let hide = |hide: bool| json!({"line": key, "hide": hide, "reason": "another machine's clock"});
    let path = format!("cases/{id}/timeline");
    let hidden = act(&sector, &path, hide(true)).await;
    let line =
        hidden["timeline"].as_array().expect("a list").iter().find(|line| line["key"] == *key).expect("is there still");
    assert_eq!(line["hidden"]["reason"], "another machine's clock");
    assert_eq!(refused(&sector, &path, hide(true)).await.0, StatusCode::CONFLICT);
    let shown = act(&sector, &path, hide(false)).await;
    assert!(actions(&shown).contains(&"line_hidden".to_owned()) && actions(&shown).contains(&"line_shown".to_owned()));
    let strange = json!({"line": "entry-999999", "hide": true, "reason": "x"});
    assert_eq!(refused(&sector, &path, strange).await.0, StatusCode::NOT_FOUND);
    let added = json!({"text": "ไฟดับ", "at": sector.now().plus_secs(-7_200).iso(), "source": "ช่างไฟฟ้า"});
    let now = act(&sector, &format!("cases/{id}/comments"), added).await;
    let line =
        now["timeline"].as_array().expect("a list").iter().find(|line| line["kind"] == "added").expect("is there");
    assert_eq!((line["source"].as_str(), line["text"].as_str()), (Some("ช่างไฟฟ้า"), Some("ไฟดับ")));
    let sourceless = json!({"text": "x", "at": sector.now().iso()});
    assert_eq!(refused(&sector, &format!("cases/{id}/comments"), sourceless).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let observing = json!({"kind": "address", "value": INTRUDER, "note": "calls home"});
    let now = act(&sector, &format!("cases/{id}/observables"), observing.clone()).await;
    assert_eq!(now["observables"][0]["value"], INTRUDER);
    assert_eq!(refused(&sector, &format!("cases/{id}/observables"), observing).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_merged_case_is_read_only_its_clocks_go_on_and_it_can_be_taken_out() {
    let sector = Sector::lived_in().await;
    let (one, two) = (sector.case_at(&[ALPHA]).await, sector.settled_case_at(BRAVO).await);
    let clocks = case(&sector, one).await["clocks"].as_array().map(Vec::len);
    let merged = act(&sector, &format!("cases/{one}/merge"), json!({"into": two, "reason": "one intruder"})).await;
    assert_eq!((merged["merged_into"]["id"].as_i64(), merged["status"].as_str()), (Some(two), Some("closed")));
    let target = case(&sector, two).await;
    assert_eq!(target["merged_from"][0]["id"], one);
    assert_eq!(target["facilities"].as_array().map(Vec::len), Some(2));
    let running =
        target["clocks"].as_array().expect("a list").iter().filter(|clock| clock["state"] == "running").count();
    assert_eq!(Some(running), clocks, "a duty does not end because cases become one");
    assert_eq!(listed(&sector, Person::Analyst, "").await, [two]);
    for (path, body) in [
        (format!("cases/{one}/comments"), json!({"text": "x"})),
        (format!("cases/{one}/merge"), json!({"into": two, "reason": "x"})),
        (format!("cases/{two}/merge"), json!({"into": one, "reason": "x"})),
    ] {
        assert_eq!(refused(&sector, &path, body).await.0, StatusCode::CONFLICT, "{path}");
    }
    assert_eq!(
        refused(&sector, &format!("cases/{two}/merge"), json!({"into": two, "reason": "x"})).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let out = act(&sector, &format!("cases/{one}/take-out"), json!({"reason": "two intruders"})).await;
    assert_eq!((out["merged_into"].is_null(), out["status"].as_str()), (true, Some("open")));
    assert!(actions(&out).contains(&"merged_into".to_owned()) && actions(&out).contains(&"taken_out".to_owned()));
    let linked = act(&sector, &format!("cases/{one}/links"), json!({"other": two, "reason": "same region"})).await;
    assert_eq!(linked["links"][0]["id"], two);
    assert_eq!(case(&sector, two).await["links"][0]["id"], one);
}

#[tokio::test]
async fn a_closed_case_is_forgotten_in_its_time_with_its_files_but_not_under_a_hold() {
    let sector = Sector::with(Settings { case_days: 100, ..Settings::default() }).await;
    sector.live().await;
    let (goes, held, open) =
        (sector.settled_case_at(ALPHA).await, sector.settled_case_at(ALPHA).await, sector.settled_case_at(ALPHA).await);
    for (id, bytes) in [(goes, "goes"), (held, "stays"), (open, "stays too")] {
        let stored = sector.upload(Person::Analyst, &format!("/api/v1/cases/{id}/evidence?name=a"), bytes.into()).await;
        assert_eq!(stored.status, StatusCode::OK, "{}", stored.text);
    }
    act(&sector, &format!("cases/{held}/hold"), json!({"hold": true, "reason": "a court asks"})).await;
    assert_eq!(
        refused(&sector, &format!("cases/{held}/hold"), json!({"hold": true, "reason": "again"})).await.0,
        StatusCode::CONFLICT
    );
    for id in [goes, held] {
        act(&sector, &format!("cases/{id}/status"), json!({"status": "closed", "reason": "over"})).await;
    }
    let (store, scope) = (&sector.centre.store, phitak_store::Scope::of_the_centre_itself());
    let there = async || {
        let page = store.cases(&scope, &Default::default(), &Default::default()).await.expect("reads");
        page.items.iter().map(|line| line.case.id.0).collect::<Vec<_>>()
    };
    sector.advance_secs(100 * DAY_SECS - 60);
    tidy(&sector.centre).await.expect("tidies");
    assert_eq!(there().await.len(), 3);
    sector.advance_secs(120);
    tidy(&sector.centre).await.expect("tidies");
    assert_eq!(there().await, [open, held]);
    assert_eq!(store.evidence_after(phitak_store::EvidenceId(0)).await.expect("reads").len(), 2);
    let custody = store.verify_custody().await.expect("reads");
    assert!(
        matches!(custody, phitak_store::CustodyChain::Whole { lines: 5, .. }),
        "{custody:?}: it outlives the files"
    );
}
