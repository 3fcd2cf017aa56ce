//! Laws that hold on every declared route, walked over all routes and all people. A new route is walked by itself; one
//! with a part that varies, or one that writes, must be given a sample here, or these tests fail.

use crate::sector::{
    ALPHA, BRAVO, CHARLIE, HOSPITALS, Hospital, INTRUDER, PASSWORD, Person, Sector, addresses, bulletin, own_alert,
};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use phitak_centre::{
    guard::BODY_BYTES_MAX,
    registry,
    route::{Reach, Route, Who},
};
use phitak_store::{AuditFilter, Role};
use serde_json::{Value, json};

/// What stands in the path for this hospital's own thing.
async fn sample_path(sector: &Sector, path: &str, hospital: Hospital) -> String {
    sample_path_for(sector, path, hospital, Person::Administrator).await
}

/// The same; where it is the caller's own thing, this person's.
async fn sample_path_for(sector: &Sector, path: &str, hospital: Hospital, person: Person) -> String {
    let fill = |name: &str, value: &str| path.replace(&format!("{{{name}}}"), value);
    match path {
        "/api/v1/facilities/{code}"
        | "/api/v1/facilities/{code}/assets"
        | "/api/v1/facilities/{code}/care"
        | "/api/v1/facilities/{code}/duty" => fill("code", hospital.code),
        "/api/v1/regions/{region}/duty" => fill("region", "4"),
        "/api/v1/notification-channels/{kind}" | "/api/v1/notification-channels/{kind}/test" => fill("kind", "mail"),
        "/api/v1/acknowledgements/{token}" => fill("token", &sector.answering_token(hospital).await),
        "/api/v1/findings/{id}/response" => fill("id", &sector.finding_id(hospital).await.to_string()),
        "/api/v1/stories/{id}"
        | "/api/v1/stories/{id}/triage"
        | "/api/v1/stories/{id}/warning"
        | "/api/v1/stories/{id}/suppression" => {
            fill("id", &sector.story_id(&format!("own%20{}", hospital.mark)).await.to_string())
        }
        "/api/v1/alerts/{id}" => fill("id", &sector.alert_id(hospital).await.to_string()),
        "/api/v1/addresses/{address}" => fill("address", &own_alert(hospital).src_ip.to_string()),
        "/api/v1/first-sign-in/{token}" => fill("token", "at-alpha"),
        "/api/v1/tokens/{id}" => fill("id", &sector.token_id(person).await.to_string()),
        "/api/v1/users/{id}/second-factor" => {
            if !sector.has_factor(Person::AtCharlie).await {
                sector.add_factor(Person::AtCharlie).await;
            }
            fill("id", &sector.user_id(Person::AtCharlie).await.to_string())
        }
        "/api/v1/bulletins/{id}/draft" | "/api/v1/bulletins/{id}/publish" => {
            fill("id", &sector.draft(json!({"kind": "service", "protocol": "telnet"})).await.to_string())
        }
        "/api/v1/bulletins/{id}" | "/api/v1/bulletins/{id}/recipients" | "/api/v1/bulletins/{id}/close" => {
            fill("id", &sector.sent_only_to(hospital).await.to_string())
        }
        "/api/v1/bulletins/{id}/recipients/{code}/answer" | "/api/v1/bulletins/{id}/recipients/{code}/rating" => {
            fill("id", &sector.sent_only_to(hospital).await.to_string()).replace("{code}", hospital.code)
        }
        "/api/v1/facilities/{code}/cases" => fill("code", hospital.code),
        "/api/v1/cases/{id}/status" => fill("id", &sector.settled_case_at(hospital).await.to_string()),
        "/api/v1/cases/{id}/take-out" => {
            let (id, into) = (sector.case_at(&[hospital]).await, sector.case_at(&[hospital]).await);
            let merging = json!({"into": into, "reason": "the same"});
            let answer = sector.post(Person::Analyst, &format!("/api/v1/cases/{id}/merge"), merging).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            fill("id", &id.to_string())
        }
        "/api/v1/cases/{id}/timeline" => fill("id", &sector.case_of_story_at(hospital).await.to_string()),
        "/api/v1/cases/{id}/evidence" => {
            let path = fill("id", &sector.case_at(&[hospital]).await.to_string());
            format!("{path}?name=log.txt&facility={}", hospital.code)
        }
        case if case.starts_with("/api/v1/cases/{id}") => fill("id", &sector.case_at(&[hospital]).await.to_string()),
        "/api/v1/case-clocks/{id}/settle" => fill("id", &sector.clock_at(hospital).await.to_string()),
        "/api/v1/case-tasks/{id}/settle" => fill("id", &sector.task_at(hospital).await.to_string()),
        "/api/v1/evidence/{id}" => fill("id", &sector.evidence_at(hospital).await.to_string()),
        "/api/v1/concerned" => format!("{path}?kind=service&protocol=telnet"),
        "/api/v1/story-selections/{id}/triage" | "/api/v1/story-selections/{id}/undo" => {
            let team = matches!(person, Person::Administrator | Person::Analyst);
            let by = if team { person } else { Person::Analyst };
            let id = sector.selection_of(by, json!({"since": "all", "status": "new,acknowledged,closed"})).await;
            if path.ends_with("/undo") {
                sector.judge_selection(by, id, json!({"action": "acknowledge"})).await;
            }
            fill("id", &id.to_string())
        }
        "/api/v1/story-views/{id}" | "/api/v1/story-views/{id}/name" => {
            let has_queue = !matches!(person, Person::AtAlpha | Person::AtCharlie);
            let id = sector.saved_view_of(if has_queue { person } else { Person::Analyst }).await;
            fill("id", &id.to_string())
        }
        "/api/v1/suppressions/{id}/lift" => fill("id", &sector.suppression_at(hospital).await.to_string()),
        "/api/v1/indicators/{id}/end" => fill("id", &sector.indicator_id().await.to_string()),
        "/api/v1/rules/{id}/withdraw" => fill("id", &sector.listed_rule().await.to_string()),
        plain => {
            assert!(!plain.contains('{'), "give {plain} a sample");
            plain.to_owned()
        }
    }
}

/// The same path with an id that nobody has.
fn unknown_path(path: &str) -> String {
    let path =
        if path.ends_with("/evidence") { format!("{path}?name=log.txt&facility=99999") } else { path.to_owned() };
    path.replace("{code}", "99999")
        .replace("{id}", "999999999")
        .replace("{token}", "nobody")
        .replace("{region}", "99")
        .replace("{kind}", "nothing")
        .replace("{address}", "192.0.2.77")
}

/// A body with which the write succeeds.
async fn sample_body(sector: &Sector, route: &Route, person: Person) -> Option<Value> {
    let up_to = sector.now().iso();
    Some(match (&route.method, route.path) {
        (&Method::DELETE, _) => return None,
        (_, "/api/v1/session") => json!({"login": "administrator", "password": PASSWORD}),
        (_, "/api/v1/session/password") => {
            let mut body = sector.proof(person).await;
            body["new_password"] = json!(PASSWORD);
            body
        }
        (_, "/api/v1/session/second-factor") => sector.proof(person).await,
        (_, "/api/v1/session/second-factor/confirm") => json!({"code": sector.begin_factor(person).await}),
        (_, "/api/v1/session/recovery-codes") => {
            if !sector.has_factor(person).await {
                sector.add_factor(person).await;
            }
            sector.proof(person).await
        }
        (_, "/api/v1/first-sign-in/{token}") => json!({"password": "a long password"}),
        (_, "/api/v1/users") => {
            json!({"login": "somchai", "name": "Somchai", "role": "analyst", "scope": {"kind": "sector"}})
        }
        (_, "/api/v1/findings/{id}/response") => json!({"response": "done"}),
        (_, "/api/v1/stories/{id}/triage") => json!({"action": "acknowledge", "up_to": up_to}),
        (_, "/api/v1/tokens") => {
            let me = sector.get(person, "/api/v1/session").await.json();
            json!({"name": "for a law", "role": me["role"], "scope": me["scope"], "days": 1})
        }
        (_, "/api/v1/bulletins" | "/api/v1/bulletins/{id}/draft") => bulletin(addresses(&[INTRUDER])),
        (_, "/api/v1/bulletins/{id}/publish") => json!({"expected": 3}),
        (_, "/api/v1/bulletins/{id}/recipients") => {
            json!({"by_hand": [{"facility": BRAVO.code, "reason": "they asked"}]})
        }
        (_, "/api/v1/bulletins/{id}/close") => json!({"reason": "over"}),
        (_, "/api/v1/bulletins/{id}/recipients/{code}/answer") => json!({"answer": "acknowledged"}),
        (_, "/api/v1/bulletins/{id}/recipients/{code}/rating") => json!({"useful": true, "words": "ดี"}),
        (_, "/api/v1/notification-channels/{kind}") => {
            // Nothing listens there: a test message comes back at once.
            let values = json!({"host": "127.0.0.1", "port": "9", "security": "plain", "from": "phitak@example.go.th"});
            json!({"enabled": true, "values": values})
        }
        (_, "/api/v1/notification-channels/{kind}/test") => json!({"address": "anan@hospital.example"}),
        (_, "/api/v1/session/contacts") => {
            let quiet = json!({"from_minute": 1320, "until_minute": 360, "passes": "high"});
            json!({"contacts": [{"channel": "mail", "address": "anan@hospital.example"}], "quiet": quiet})
        }
        (_, path) if path.ends_with("/duty") => json!({"duties": []}),
        (_, "/api/v1/acknowledgements/{token}") => json!({}),
        (_, path) if path.starts_with("/api/v1/case") => return Some(case_body(sector, path, person).await),
        (_, "/api/v1/stories/{id}/suppression") => crate::suppressions::sample(),
        (_, "/api/v1/story-selections") => json!({"since": "all", "status": "new,acknowledged,closed"}),
        (_, "/api/v1/story-selections/{id}/triage") => json!({"action": "acknowledge"}),
        (_, "/api/v1/story-selections/{id}/undo") => json!({}),
        (_, "/api/v1/story-views") => crate::saved_views::sample(),
        (_, "/api/v1/story-views/{id}/name") => json!({"name": "another"}),
        (_, "/api/v1/suppressions/{id}/lift") => json!({"reason": "it was a mistake"}),
        (_, "/api/v1/indicators") => crate::indicators::sample(),
        (_, "/api/v1/indicators/{id}/end") => json!({"reason": "it was a mistake"}),
        (_, "/api/v1/rules") => crate::listed_rules::sample(),
        (_, "/api/v1/rules/{id}/withdraw") => json!({"reason": "it was a mistake"}),
        (_, "/api/v1/enrolment-codes") => json!({"facility": ALPHA.code}),
        (method, path) => panic!("give {method} {path} a body"),
    })
}

/// A body with which a write to a case succeeds.
async fn case_body(sector: &Sector, path: &str, person: Person) -> Value {
    let now = sector.now().iso();
    let own = if person == Person::AtCharlie { CHARLIE } else { ALPHA };
    match path {
        "/api/v1/cases" => json!({
            "title": "t", "told": {"th": "ก", "en": ""}, "source": "phone", "facilities": [ALPHA.code],
            "caller": "c", "called_at": now, "noticed_at": now,
        }),
        "/api/v1/cases/{id}/status" => json!({"status": "closed", "reason": "over"}),
        "/api/v1/cases/{id}/assessment" => json!({"level": "serious", "categories": [4], "reason": "seen"}),
        "/api/v1/cases/{id}/words" => json!({"title": "another", "assignee": "analyst"}),
        "/api/v1/cases/{id}/parts" => json!({"facilities": [BRAVO.code]}),
        "/api/v1/cases/{id}/merge" => json!({"into": sector.case_at(&[ALPHA]).await, "reason": "the same"}),
        "/api/v1/cases/{id}/links" => json!({"other": sector.case_at(&[ALPHA]).await, "reason": "alike"}),
        "/api/v1/cases/{id}/take-out" => json!({"reason": "not the same"}),
        "/api/v1/cases/{id}/hold" => json!({"hold": true, "reason": "a court"}),
        "/api/v1/cases/{id}/moments" => json!({"facility": ALPHA.code, "event": "personal_data_known", "at": now}),
        "/api/v1/cases/{id}/tasks" => json!({"title": {"th": "ทำ", "en": ""}}),
        "/api/v1/cases/{id}/playbook" => json!({"playbook": "ransomware"}),
        "/api/v1/cases/{id}/comments" => json!({"text": "seen"}),
        "/api/v1/cases/{id}/timeline" => {
            let story = sector.story_id(&format!("own%20{}", own.mark)).await;
            json!({"line": format!("story-{story}-first"), "hide": true, "reason": "misleads"})
        }
        "/api/v1/cases/{id}/observables" => json!({"kind": "address", "value": INTRUDER}),
        "/api/v1/cases/{id}/notes" => json!({"facility": own.code, "text": "we saw it"}),
        "/api/v1/cases/{id}/evidence" => json!({"a file": "of any bytes"}),
        "/api/v1/case-clocks/{id}/settle" => json!({"state": "done", "reference": "no. 1"}),
        "/api/v1/case-tasks/{id}/settle" => json!({"state": "done"}),
        path => panic!("give {path} a body"),
    }
}

fn allowed(route: &Route, person: Person) -> bool {
    match (route.who, person.role()) {
        (Who::Anyone, _) => true,
        (Who::Roles(_), None) => false,
        (Who::Roles(roles), Some(role)) => roles.contains(&role),
    }
}

fn walked() -> impl Iterator<Item = Route> {
    // The stream does not end; its own test walks it.
    registry::routes().into_iter().filter(|route| route.path != "/api/v1/live")
}

#[test]
fn every_route_declares_who_may_and_every_write_its_audit_line() {
    let sector_team = [Role::Administrator, Role::Analyst];
    let mut seen = Vec::new();
    for route in registry::routes() {
        let name = format!("{} {}", route.method, route.path);
        assert!(!seen.contains(&name), "{name} is declared twice");
        assert_eq!(route.writes(), route.audit.is_some(), "{name}: a write has an audit line, a read has none");
        // A read that can show one facility's, one story's or one alert's data says so.
        let shows_one = route.reach == Reach::Tenant && (route.path.contains('{') || route.asks_for("facility"));
        assert_eq!(!route.writes() && shows_one, route.view.is_some(), "{name}: a view of another's data is declared");
        assert!(route.view.is_none_or(|view| view.starts_with("view.")), "{name}");
        match route.who {
            Who::Anyone => {
                let harmless = [Reach::Nothing, Reach::OwnSession].contains(&route.reach);
                assert!(harmless, "{name}: a stranger reaches tenants");
            }
            Who::Roles(roles) => {
                assert!(!roles.is_empty(), "{name}: nobody may");
                let team_only = roles.iter().all(|role| sector_team.contains(role));
                assert!(route.reach != Reach::Sector || team_only, "{name}: the sector is for its own team");
            }
        }
        seen.push(name);
    }
    assert!(seen.len() >= 20);
}

#[tokio::test]
async fn a_stranger_gets_401_everywhere_and_the_same_for_every_id() {
    let sector = Sector::lived_in().await;
    for route in registry::routes().into_iter().filter(|route| route.who != Who::Anyone) {
        let body = route.writes().then(|| json!({}));
        for path in [sample_path(&sector, route.path, ALPHA).await, unknown_path(route.path)] {
            let answer = sector.call(Person::Stranger, route.method.clone(), &path, body.clone()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {path}", route.method);
            assert_eq!(answer.code(), "signed_out");
            assert!(HOSPITALS.iter().all(|hospital| !hospital.is_told_in(&answer.text)));
        }
    }
}

#[tokio::test]
async fn each_role_gets_exactly_what_its_routes_declare() {
    for person in Person::SIGNED_IN {
        let sector = Sector::lived_in().await;
        let own = if person == Person::AtCharlie { CHARLIE } else { ALPHA };
        // Signing out comes last.
        let mut routes: Vec<Route> = walked().filter(|route| route.who != Who::Anyone).collect();
        routes.sort_by_key(|route| route.method == Method::DELETE && route.path == "/api/v1/session");
        for route in routes {
            let path = sample_path_for(&sector, route.path, own, person).await;
            let body = if route.writes() { sample_body(&sector, &route, person).await } else { None };
            // A token of the same role and scope first, so that what a session writes cannot help it.
            let by_token = sector.call_by_token(&person.token(), route.method.clone(), &path, body.clone()).await;
            // What the token did may be done only once.
            let path = sample_path_for(&sector, route.path, own, person).await;
            let body = if route.writes() { sample_body(&sector, &route, person).await } else { None };
            let answer = sector.call(person, route.method.clone(), &path, body).await;
            for (answer, may) in [(by_token, route.by_token), (answer, true)] {
                let name = format!("{person:?}: {} {path}: {}", route.method, answer.text);
                if allowed(&route, person) && may {
                    assert!(answer.status.is_success(), "{name}");
                } else {
                    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"), "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn another_tenants_id_and_an_unknown_id_give_the_same_answer() {
    let sector = Sector::lived_in().await;
    let mut walked_ids = 0;
    for route in walked().filter(|route| route.reach == Reach::Tenant && route.path.contains('{')) {
        for person in Person::SIGNED_IN.into_iter().filter(|person| allowed(&route, *person)) {
            for hospital in HOSPITALS.into_iter().filter(|hospital| !person.sees(*hospital)) {
                let body = async || if route.writes() { sample_body(&sector, &route, person).await } else { None };
                let foreign = sample_path(&sector, route.path, hospital).await;
                let answer = sector.call(person, route.method.clone(), &foreign, body().await).await;
                let unknown = sector.call(person, route.method.clone(), &unknown_path(route.path), body().await).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{person:?} {foreign}: {}", answer.text);
                assert_eq!((answer.status, &answer.text), (unknown.status, &unknown.text), "{person:?} {foreign}");
                let token = person.token();
                let by_token = sector.call_by_token(&token, route.method.clone(), &foreign, body().await).await;
                assert_eq!((by_token.status, &by_token.text), (unknown.status, &unknown.text), "token {foreign}");
                walked_ids += 1;
            }
        }
    }
    assert!(walked_ids >= 25, "{walked_ids}");
}

#[tokio::test]
async fn no_answer_tells_anything_of_another_tenant() {
    let sector = Sector::lived_in().await;
    // The shared story has a history with words about another hospital.
    let shared = sector.story_id("shared").await;
    let triage =
        json!({"action": "acknowledge", "reason": format!("as at {}", CHARLIE.mark), "up_to": sector.now().iso()});
    let path = format!("/api/v1/stories/{shared}/triage");
    assert_eq!(sector.post(Person::Analyst, &path, triage).await.status, StatusCode::OK);
    // A warning that all got for reasons of their own, with words of each.
    let warning = sector.sent(json!({"kind": "service", "protocol": "telnet"}), 3).await;
    for hospital in HOSPITALS {
        let part = format!("/api/v1/bulletins/{warning}/recipients/{}", hospital.code);
        let reply = json!({"answer": "cannot", "reason": format!("said by {}", hospital.mark)});
        assert_eq!(sector.post(Person::Analyst, &format!("{part}/answer"), reply).await.status, StatusCode::OK);
        let rating = json!({"useful": false, "words": format!("rated by {}", hospital.mark)});
        assert_eq!(sector.post(Person::Analyst, &format!("{part}/rating"), rating).await.status, StatusCode::OK);
    }
    let mut paths: Vec<String> =
        vec![format!("/api/v1/bulletins/{warning}"), format!("/api/v1/bulletins/{warning}/recipients")];
    for route in walked().filter(|route| route.method == Method::GET && route.reach != Reach::Sector) {
        for hospital in HOSPITALS {
            paths.push(sample_path(&sector, route.path, hospital).await);
        }
    }
    for query in [
        "stories?since=all&status=new,acknowledged,closed",
        "findings?limit=200",
        "facilities?q=MARK",
        "stories?q=own&since=all",
    ] {
        paths.push(format!("/api/v1/{query}"));
    }
    for hospital in HOSPITALS {
        paths.push(format!("/api/v1/stories?since=all&facility={}", hospital.code));
        paths.push(format!("/api/v1/stories?since=all&region={}", hospital.region));
        paths.push(format!("/api/v1/findings?facility={}", hospital.code));
        paths.push(format!("/api/v1/facilities?region={}&province={}", hospital.region, hospital.province));
    }
    paths.push(format!("/api/v1/stories/{shared}"));
    for person in [Person::Officer, Person::AtAlpha, Person::AtCharlie] {
        let mut told = 0;
        for path in &paths {
            let by_token = sector.call_by_token(&person.token(), Method::GET, path, None).await;
            for answer in [sector.get(person, path).await, by_token] {
                for hospital in HOSPITALS {
                    let telling = hospital.is_told_in(&answer.text);
                    assert!(
                        person.sees(hospital) || !telling,
                        "{person:?} {path} tells of {}: {}",
                        hospital.mark,
                        answer.text
                    );
                    told += usize::from(telling);
                }
            }
        }
        assert!(told >= 16, "{person:?} sees its own");
    }
}

#[tokio::test]
async fn a_shared_story_counts_only_the_callers_hospitals() {
    let sector = Sector::lived_in().await;
    let shared = sector.story_id("shared").await;
    let counted =
        |answer: &Value| (answer["facilities"].as_u64(), answer["alerts"].as_u64(), answer["regions"].as_u64());
    for (person, expected) in [
        (Person::Analyst, (Some(3), Some(3), Some(2))),
        (Person::Officer, (Some(2), Some(2), Some(1))),
        (Person::AtCharlie, (Some(1), Some(1), Some(1))),
    ] {
        let detail = sector.get(person, &format!("/api/v1/stories/{shared}")).await.json();
        assert_eq!(counted(&detail), expected, "{person:?}");
        let list = sector.get(person, "/api/v1/stories?q=shared").await.json();
        assert_eq!(counted(&list["items"][0]), expected, "{person:?}");
        let overview = sector.get(person, "/api/v1/overview").await.json();
        let facilities = HOSPITALS.iter().filter(|hospital| person.sees(**hospital)).count() as u64;
        assert_eq!(overview["facilities_total"], facilities, "{person:?}");
        assert_eq!(overview["alerts_24h"], 2 * facilities, "{person:?}");
        assert_eq!(overview["findings"]["open"], 2 * facilities, "{person:?}");
    }
    let alert = sector.alert_id(BRAVO).await;
    let answer = sector.get(Person::Officer, &format!("/api/v1/alerts/{alert}")).await.json();
    assert_eq!(answer["seen_elsewhere"]["facilities"], 0);
}

#[tokio::test]
async fn every_successful_write_leaves_its_audit_line() {
    for route in walked().filter(Route::writes) {
        let sector = Sector::lived_in().await;
        let person = if route.who == Who::Anyone { Person::Stranger } else { Person::Administrator };
        let path = sample_path(&sector, route.path, ALPHA).await;
        let action = route.audit.expect("declared");
        let lines = |actions: &[String]| actions.iter().filter(|known| *known == action).count();
        let body = sample_body(&sector, &route, person).await;
        let before = lines(&reader_of_the_audit(&sector).await);
        let answer = sector.call(person, route.method.clone(), &path, body).await;
        assert!(answer.status.is_success(), "{} {path}: {}", route.method, answer.text);
        let after = lines(&reader_of_the_audit(&sector).await);
        assert_eq!(after, before + 1, "{} {path} leaves one line {action}", route.method);
    }
}

#[tokio::test]
async fn every_view_of_anothers_data_leaves_one_line_an_hour_and_a_hospitals_own_none() {
    let mut walked_views = 0;
    for route in walked().filter(|route| route.view.is_some()) {
        let action = route.view.expect("declared");
        let sector = Sector::lived_in().await;
        let path_of = async |hospital: Hospital| {
            let path = sample_path(&sector, route.path, hospital).await;
            if route.path.contains('{') { path } else { format!("{path}?facility={}", hospital.code) }
        };
        let (path, other) = (path_of(ALPHA).await, path_of(BRAVO).await);
        let lines = async || {
            let views = sector.audit_lines("views").await;
            views.into_iter().filter(|line| line["action"] == action).collect::<Vec<_>>()
        };
        let look = async |person: Person, path: &str| {
            let answer = sector.get(person, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            lines().await.len()
        };
        // Finding the samples may have looked already; that is forgotten after an hour.
        sector.advance_secs(3_601);
        let before = lines().await.len();
        assert_eq!(look(Person::Analyst, &path).await, before + 1, "{path}");
        assert_eq!(look(Person::Analyst, &path).await, before + 1, "{path}: the same again within the hour");
        let line = lines().await.remove(0);
        assert_eq!(line["who"], "analyst", "{path}");
        // What shows several hospitals' data is noted as itself.
        let of_many = ["/api/v1/stories/", "/api/v1/addresses/", "/api/v1/bulletins/", "/api/v1/cases/"];
        let at_one = !of_many.iter().any(|many| route.path.starts_with(many));
        assert_eq!(line["facility"], if at_one { json!(ALPHA.code) } else { Value::Null }, "{path}");
        let mut told = before + 1;
        if allowed(&route, Person::Officer) {
            assert_eq!(look(Person::Officer, &path).await, told + 1, "{path}: another person");
            assert_eq!(look(Person::Officer, &other).await, told + 2, "{path}: another hospital");
            told += 2;
        }
        if allowed(&route, Person::AtAlpha) {
            assert_eq!(look(Person::AtAlpha, &path).await, told, "{path}: its own people");
        }
        sector.advance_secs(3_600);
        assert_eq!(look(Person::Analyst, &path).await, told + 1, "{path}: the next hour");
        // What is not shown leaves no line.
        let hidden = path_of(CHARLIE).await;
        sector.get(Person::Officer, &hidden).await;
        sector.get(Person::Officer, &unknown_path(route.path)).await;
        let foreign =
            lines().await.iter().filter(|line| line["facility"] == CHARLIE.code && line["who"] == "officer").count();
        assert_eq!(foreign, 0, "{path}");
        walked_views += 1;
    }
    assert!(walked_views >= 7, "{walked_views}");
}

/// From the table itself: signing out ends the session that would read it.
async fn reader_of_the_audit(sector: &Sector) -> Vec<String> {
    let ask = phitak_store::PageAsk { cursor: None, limit: Some(200) };
    let lines = sector.centre.store.audit(AuditFilter::All, &ask).await.expect("reads");
    lines.items.into_iter().map(|line| line.action).collect()
}

#[tokio::test]
async fn a_refused_write_leaves_no_audit_line_of_success() {
    let sector = Sector::lived_in().await;
    let before = sector.audit_lines("changes").await.len();
    let foreign = format!("/api/v1/findings/{}/response", sector.finding_id(CHARLIE).await);
    let refused = sector.post(Person::AtAlpha, &foreign, json!({"response": "done"})).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let own = format!("/api/v1/findings/{}/response", sector.finding_id(ALPHA).await);
    let refused = sector.post(Person::AtAlpha, &own, json!({"response": "cannot"})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(sector.audit_lines("changes").await.len(), before);
}

#[tokio::test]
async fn a_write_without_the_pages_token_is_refused() {
    let sector = Sector::lived_in().await;
    for route in walked().filter(|route| route.writes() && route.who != Who::Anyone) {
        let path = sample_path(&sector, route.path, ALPHA).await;
        let request = |token: Option<&str>, site: Option<&str>| {
            let mut request = Request::builder()
                .method(route.method.clone())
                .uri(&path)
                .header(header::COOKIE, "phitak_session=secret of administrator")
                .header(header::CONTENT_TYPE, "application/json");
            if let Some(token) = token {
                request = request.header("x-csrf-token", token);
            }
            if let Some(site) = site {
                request = request.header("sec-fetch-site", site);
            }
            request
        };
        let own = Person::Administrator.csrf();
        for (token, site) in [
            (None, None),
            (Some(""), None),
            (Some("csrf of analyst"), None),
            (Some(own.as_str()), Some("cross-site")),
            (Some(own.as_str()), Some("same-site")),
        ] {
            let request = request(token, site).body(Body::empty()).expect("a request");
            let answer = sector.send_request(request).await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "csrf"), "{path} {token:?}");
        }
    }
    let sign_in = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/session")
        .header(header::CONTENT_TYPE, "application/json")
        .header("sec-fetch-site", "cross-site")
        .body(Body::from(json!({"login": "a", "password": "b"}).to_string()))
        .expect("a request");
    assert_eq!(sector.send_request(sign_in).await.code(), "csrf");
}

#[tokio::test]
async fn an_oversized_body_is_refused_announced_or_not() {
    let sector = Sector::lived_in().await;
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(BODY_BYTES_MAX));
    // A file may be larger: the tests of evidence look at that.
    for route in walked().filter(|route| route.writes() && !route.takes_file) {
        let path = sample_path(&sector, route.path, ALPHA).await;
        for announced in [true, false] {
            if !announced && route.method == Method::DELETE {
                continue; // It never reads a body.
            }
            let mut request = Request::builder()
                .method(route.method.clone())
                .uri(&path)
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::COOKIE, "phitak_session=secret of administrator")
                .header("x-csrf-token", Person::Administrator.csrf());
            if announced {
                request = request.header(header::CONTENT_LENGTH, large.len());
            }
            let answer = sector.send_request(request.body(Body::from(large.clone())).expect("a request")).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
                "{path} announced {announced}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_words() {
    let sector = Sector::lived_in().await;
    for route in walked().filter(|route| route.method == Method::POST && !route.takes_file) {
        let path = sample_path(&sector, route.path, ALPHA).await;
        for (media_type, body, status) in [
            ("text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("application/x-www-form-urlencoded", "a=b", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("application/json", "{\"a\":", StatusCode::BAD_REQUEST),
            ("application/json", "\u{0}\u{1}", StatusCode::BAD_REQUEST),
            ("application/json", "{\"surplus\":1}", StatusCode::BAD_REQUEST),
        ] {
            let request = Request::builder()
                .method(Method::POST)
                .uri(&path)
                .header(header::CONTENT_TYPE, media_type)
                .header(header::COOKIE, "phitak_session=secret of administrator")
                .header("x-csrf-token", Person::Administrator.csrf())
                .body(Body::from(body))
                .expect("a request");
            let answer = sector.send_request(request).await;
            assert_eq!(answer.status, status, "{path} {media_type} {body}: {}", answer.text);
            assert!(!answer.json()["error"]["what"].as_str().unwrap_or_default().is_empty());
        }
    }
}

#[tokio::test]
async fn a_session_that_is_over_idle_or_made_up_gets_401() {
    let sector = Sector::lived_in().await;
    let status = async |sector: &Sector| sector.get(Person::Analyst, "/api/v1/session").await.status;
    assert_eq!(status(&sector).await, StatusCode::OK);
    // Used every hour it lives for twelve.
    for _ in 0..11 {
        sector.advance_secs(3_600);
        assert_eq!(status(&sector).await, StatusCode::OK);
    }
    sector.advance_secs(3_600);
    assert_eq!(status(&sector).await, StatusCode::UNAUTHORIZED);
    let idle = Sector::lived_in().await;
    idle.advance_secs(2 * 3_600 + 1);
    assert_eq!(status(&idle).await, StatusCode::UNAUTHORIZED);
    for cookie in ["phitak_session=", "phitak_session=x", "other=secret of analyst", "phitak_session=' OR 1=1 --"] {
        let request = Request::builder().uri("/api/v1/session").header(header::COOKIE, cookie);
        let answer = idle.send_request(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{cookie}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_a_page_safe() {
    let sector = Sector::lived_in().await;
    for path in ["/", "/queue", "/healthz", "/api/v1/session", "/api/v1/overview", "/api/v1/nothing", "/no.file"] {
        for person in [Person::Stranger, Person::Analyst] {
            let answer = sector.get(person, path).await;
            let value = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert!(value("content-security-policy").starts_with("default-src 'self';"), "{path}");
            assert!(!value("content-security-policy").contains("unsafe"), "{path}");
            assert_eq!(value("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(value("x-frame-options"), "DENY", "{path}");
            assert_eq!(value("referrer-policy"), "no-referrer", "{path}");
            if path.starts_with("/api/") {
                assert_eq!(value("cache-control"), "no-store", "{path}");
                assert_eq!(value("content-type"), "application/json", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_json_refusal_for_everybody() {
    let sector = Sector::empty().await;
    for person in [Person::Stranger, Person::Administrator] {
        for path in ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/session", "/api/v1/stories/1/2/3"] {
            let answer = sector.get(person, path).await;
            assert_eq!(answer.code(), "not_found", "{path}: {}", answer.text);
        }
        for id in ["x", "-1", "0", "1e3", "99999999999999999999", "%00", "1%27"] {
            let answer = sector.get(Person::Administrator, &format!("/api/v1/stories/{id}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{id}");
        }
        let answer = sector.call(person, Method::PUT, "/api/v1/session", None).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method"));
        for file in ["/assets/none.js", "/none.ico", "/.git"] {
            assert_eq!(sector.get(person, file).await.code(), "not_found", "{file}");
        }
    }
}

#[tokio::test]
async fn an_address_of_the_pages_opens_the_page_dots_or_not() {
    let sector = Sector::empty().await;
    for path in ["/", "/queue", "/stories/7", "/addresses/203.0.113.5", "/addresses/fe80::1", "/facilities/a.b"] {
        let answer = sector.get(Person::Stranger, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        assert!(answer.text.starts_with("<!doctype html>"), "{path}");
    }
}

#[tokio::test]
async fn a_list_in_place_of_an_object_is_refused() {
    let sector = Sector::lived_in().await;
    let path = format!("/api/v1/cases/{}/words", sector.case_at(&[ALPHA]).await);
    for body in [json!([null, null]), json!([]), json!("x"), json!(null)] {
        let answer = sector.post(Person::Analyst, &path, body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "invalid"), "{body}");
    }
}

#[tokio::test]
async fn a_strange_query_is_refused_with_words_and_never_a_failure() {
    let sector = Sector::lived_in().await;
    for query in [
        "stories?status=open",
        "stories?severity=worst",
        "stories?since=1y",
        "stories?cursor=x",
        "stories?cursor=1_2_3",
        "stories?region=14",
        "stories?region=x",
        "stories?nonsense=1",
        "stories?q=a&q=b",
        "suppressions?standing=gone",
        "suppressions?cursor=x",
        "findings?state=new",
        "findings?cursor=9",
        "facilities?state=red",
        "facilities?region=0",
        "facilities?limit=-1",
        "audit?cursor=x",
        "bulletins?state=sent",
        "bulletins?cursor=x",
        "bulletins?unanswered=perhaps",
        "deliveries?state=gone",
        "deliveries?cursor=x",
        "cases?status=new",
        "cases?level=worst",
        "cases?cursor=x",
        "cases?overdue=perhaps",
        "concerned",
        "concerned?kind=service",
        "concerned?kind=service&port=65536",
        "concerned?kind=indicators&addresses=10.0.0.1",
        "concerned?kind=indicators&addresses=no.address",
        "concerned?kind=weakness&weakness=of_will",
    ] {
        let answer = sector.get(Person::Administrator, &format!("/api/v1/{query}")).await;
        let refused = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&answer.status);
        assert!(refused, "{query}: {} {}", answer.status, answer.text);
        assert_eq!(answer.code(), "invalid", "{query}");
    }
    for query in [
        "stories?q=%25%27%3B--",
        "facilities?q=%27%20OR%201%3D1",
        "facilities?q=%5C",
        "stories?q=%E0%B8%81&limit=100000",
    ] {
        let answer = sector.get(Person::Administrator, &format!("/api/v1/{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        assert_eq!(answer.json()["total"], 0, "{query}");
    }
}
