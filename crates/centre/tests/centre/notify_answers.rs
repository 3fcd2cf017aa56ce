//! Who is told when, until somebody answers; and answering by a link.

use crate::{
    loopback::{HttpServer, Manner},
    sector::{ALPHA, CHARLIE, INTRUDER, Person, Sector, addresses, intrusion},
    telling::tell_due,
};
use axum::http::StatusCode;
use phitak_centre::bulletin_watch::{BulletinWatch, CHASE_SECS};
use phitak_model::Severity;
use phitak_store::{DeliveryState, MatterKind, MatterState, RecipientState, answering_links::LINK_SECS};
use serde_json::{Value, json};

const AT_ALPHA: &str = "/api/v1/facilities/66101/duty";

/// Everybody is reached by a webhook under their own name.
async fn on_duty() -> (Sector, HttpServer) {
    on_duty_in(Sector::telling().await).await
}

async fn on_duty_in(sector: Sector) -> (Sector, HttpServer) {
    let webhook = HttpServer::start(Manner::Answer(200)).await;
    sector.set_webhook(&webhook).await;
    for person in [Person::AtAlpha, Person::AtCharlie, Person::Officer, Person::Analyst] {
        sector.reach(person, &[("webhook", person.login())]).await;
    }
    sector.put_on_duty(AT_ALPHA, &[(Person::AtAlpha, 10)]).await;
    sector.put_on_duty("/api/v1/duty", &[(Person::Analyst, 30)]).await;
    for hospital in [ALPHA, CHARLIE] {
        sector.enrol(hospital).await;
    }
    (sector, webhook)
}

/// Whom the webhook was told for, in order.
fn told(webhook: &HttpServer) -> Vec<String> {
    let to = |request: &crate::loopback::Request| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        body["to"].as_str().expect("a name").to_owned()
    };
    webhook.requests().iter().map(to).collect()
}

#[tokio::test]
async fn the_next_on_duty_is_told_until_somebody_answers_by_the_link() {
    let (sector, webhook) = on_duty().await;
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    assert_eq!(told(&webhook), ["at-alpha"]);
    sector.advance_secs(599);
    sector.tell().await;
    assert_eq!(told(&webhook), ["at-alpha"]);
    sector.advance_secs(1);
    sector.tell().await;
    sector.tell().await;
    assert_eq!(told(&webhook), ["at-alpha", "analyst"]);
    sector.advance_secs(1_800);
    sector.tell().await;
    assert_eq!(told(&webhook), ["at-alpha", "analyst", "at-alpha"], "and again from the first");
    let first = sector.told().await.remove(0).delivery;
    let path = format!("/api/v1/acknowledgements/{}", sector.token_of(&first));
    // Looking answers nothing, however often a mail scanner does it.
    for _ in 0..3 {
        let seen = sector.get(Person::Stranger, &path).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
        assert_eq!(seen.json(), json!({"told_at": first.created_at.iso()}));
    }
    assert!(sector.told().await.iter().all(|record| record.matter.state == MatterState::Open));
    let answered = sector.post(Person::Stranger, &path, json!({})).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    sector.advance_secs(86_400);
    sector.tell().await;
    assert_eq!(told(&webhook).len(), 3, "nobody further is told");
    let record = sector.told().await.remove(0);
    assert_eq!((record.matter.state, record.matter.answered_by.as_deref()), (MatterState::Answered, Some("at-alpha")));
}

#[tokio::test]
async fn a_link_that_is_wrong_used_too_old_or_of_somebody_gone_gives_one_answer() {
    let (sector, _) = on_duty().await;
    let path_of = |token: &str| format!("/api/v1/acknowledgements/{token}");
    let used = sector.answering_token(ALPHA).await;
    assert_eq!(sector.post(Person::Stranger, &path_of(&used), json!({})).await.status, StatusCode::OK);
    let gone = sector.answering_token(CHARLIE).await;
    let audit = phitak_store::AuditLine::of_operator(sector.now(), "user.disable");
    sector.centre.store.disable_user(Person::AtCharlie.login(), audit).await.expect("is disabled");
    let old = sector.answering_token(ALPHA).await;
    let digit = if old.ends_with('0') { "1" } else { "0" };
    let forged = format!("{}{digit}", &old[..old.len() - 1]);
    let mut answers = Vec::new();
    for token in [used.as_str(), gone.as_str(), forged.as_str(), "nobody", "1-2-3"] {
        answers.push(sector.get(Person::Stranger, &path_of(token)).await);
        answers.push(sector.post(Person::Stranger, &path_of(token), json!({})).await);
    }
    assert_eq!(sector.get(Person::Stranger, &path_of(&old)).await.status, StatusCode::OK, "until its time is over");
    sector.advance_secs(LINK_SECS);
    answers.push(sector.get(Person::Stranger, &path_of(&old)).await);
    answers.push(sector.post(Person::Stranger, &path_of(&old), json!({})).await);
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (StatusCode::NOT_FOUND, &answers[0].text));
    }
    assert!(answers[0].json()["error"]["hint"].as_str().expect("words").contains("once"));
    // Who guesses waits.
    let mut refused = 0;
    for n in 0..40 {
        let answer = sector.get(Person::Stranger, &path_of(&format!("{n}-1-2"))).await;
        refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused > 0, "guessing is slowed down");
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_answers() {
    let (sector, _) = on_duty().await;
    let path = format!("/api/v1/acknowledgements/{}", sector.answering_token(ALPHA).await);
    let answer = || sector.post(Person::Stranger, &path, json!({}));
    let (one, two) = tokio::join!(answer(), answer());
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::NOT_FOUND]);
}

#[tokio::test]
async fn a_warning_is_told_at_each_level_of_its_chase_and_a_link_acknowledges_it() {
    let (sector, webhook) = on_duty().await;
    for hospital in [ALPHA, CHARLIE] {
        sector.send(hospital, 1, 1, vec![intrusion(&sector, hospital)]).await;
    }
    sector.put_on_duty("/api/v1/regions/4/duty", &[(Person::Officer, 60)]).await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let of_warning = async || {
        let mut all: Vec<(u8, String)> = Vec::new();
        for record in sector.told().await {
            if matches!(record.matter.kind, MatterKind::Bulletin | MatterKind::Chase) {
                all.push((u8::from(record.matter.kind == MatterKind::Chase), record.name));
            }
        }
        all
    };
    sector.tell().await;
    let names = |person: Person| format!("Person {}", person.login());
    let at_once = [(0, names(Person::AtAlpha)), (0, names(Person::AtCharlie))];
    assert_eq!(of_warning().await, at_once);
    // Charlie answers by the link: it counts as acknowledged, and is not chased.
    let charlie = sector
        .told()
        .await
        .into_iter()
        .find(|record| record.matter.kind == MatterKind::Bulletin && record.name == names(Person::AtCharlie));
    let token = sector.token_of(&charlie.expect("was told").delivery);
    let path = format!("/api/v1/acknowledgements/{token}");
    assert_eq!(sector.post(Person::Stranger, &path, json!({})).await.status, StatusCode::OK);
    assert_eq!(sector.part(id, CHARLIE).await.state, RecipientState::Acknowledged);
    let mut elapsed = 0;
    for (level, secs) in CHASE_SECS.into_iter().enumerate() {
        sector.advance_secs(secs - elapsed);
        elapsed = secs;
        BulletinWatch::default().look(&sector.centre).await.expect("looks");
        sector.tell().await;
        let chased: Vec<String> =
            of_warning().await.into_iter().filter(|(chase, _)| *chase == 1).map(|(_, name)| name).collect();
        let expected = [Person::AtAlpha, Person::Officer, Person::Analyst][level];
        assert!(chased.contains(&names(expected)), "level {level}: {chased:?}");
        assert!(!chased.contains(&names(Person::AtCharlie)), "level {level}: {chased:?}");
    }
    // An answer on the hospital's own page ends all of it.
    let audit = phitak_store::AuditLine::of_operator(sector.now(), "bulletin.answer");
    let answer = phitak_store::BulletinAnswer::Acknowledged;
    let scope = phitak_store::Scope::of_the_centre_itself();
    let bulletin = phitak_store::BulletinId(id);
    sector
        .centre
        .store
        .answer_bulletin(&scope, bulletin, &ALPHA.facility(), answer, None, audit)
        .await
        .expect("answers");
    let before = told(&webhook).len();
    sector.advance_secs(86_400);
    sector.tell().await;
    let warnings = sector.told().await.into_iter().filter(|record| record.matter.kind != MatterKind::Story);
    let open =
        warnings.filter(|record| record.matter.kind != MatterKind::Silence && record.matter.state == MatterState::Open);
    assert_eq!(open.count(), 0);
    let after: Vec<String> = told(&webhook).split_off(before);
    assert!(after.iter().all(|name| name != "officer"), "{after:?}");
}

#[tokio::test]
async fn a_region_officers_link_does_not_answer_in_a_hospitals_place() {
    let (sector, _) = on_duty().await;
    sector.send(ALPHA, 1, 1, vec![intrusion(&sector, ALPHA)]).await;
    sector.put_on_duty("/api/v1/regions/4/duty", &[(Person::Officer, 60)]).await;
    let id = sector.sent(addresses(&[INTRUDER]), 1).await;
    sector.advance_secs(CHASE_SECS[1]);
    BulletinWatch::default().look(&sector.centre).await.expect("looks");
    sector.tell().await;
    let officer = sector.told().await.into_iter().find(|record| record.name == "Person officer").expect("was told");
    let path = format!("/api/v1/acknowledgements/{}", sector.token_of(&officer.delivery));
    assert_eq!(sector.post(Person::Stranger, &path, json!({})).await.status, StatusCode::OK);
    assert_eq!(sector.part(id, ALPHA).await.state, RecipientState::Sent);
}

#[tokio::test]
async fn a_silent_sensor_is_told_once_a_silence_and_not_when_it_speaks_again() {
    let (sector, webhook) = on_duty_in(Sector::telling_silence_after(90).await).await;
    sector.send(ALPHA, 1, 1, Vec::new()).await;
    sector.tell().await;
    assert_eq!(told(&webhook).len(), 0);
    sector.advance_secs(91);
    sector.tell().await;
    sector.tell().await;
    assert_eq!(told(&webhook), ["at-alpha"]);
    sector.send(ALPHA, 1, 1, Vec::new()).await;
    sector.advance_secs(60);
    sector.tell().await;
    let record = sector.told().await.remove(0);
    assert_eq!((record.matter.kind, record.matter.state), (MatterKind::Silence, MatterState::Over));
    sector.advance_secs(3_600);
    sector.tell().await;
    assert_eq!(told(&webhook)[..2], ["at-alpha", "at-alpha"], "another silence");
}

#[tokio::test]
async fn what_an_analyst_takes_on_is_told_to_nobody_further() {
    let (sector, webhook) = on_duty().await;
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    let story = sector.story_id("urgent%201").await;
    let triage = json!({"action": "acknowledge", "up_to": sector.now().iso()});
    let path = format!("/api/v1/stories/{story}/triage");
    assert_eq!(sector.post(Person::Analyst, &path, triage).await.status, StatusCode::OK);
    sector.advance_secs(3_600);
    sector.tell().await;
    assert_eq!(told(&webhook).iter().filter(|name| *name == "analyst").count(), 0);
    assert_eq!(sector.told().await[0].matter.state, MatterState::Over);
    // At another hospital it is another matter.
    sector.urgent(CHARLIE, 1, Severity::High).await;
    sector.tell().await;
    assert!(told(&webhook).contains(&"at-charlie".to_owned()));
}

#[tokio::test]
async fn quiet_hours_hold_back_what_is_not_critical_and_the_next_one_is_told_meanwhile() {
    let (sector, webhook) = on_duty().await;
    // Now it is 09:14 in Thailand.
    let quiet = json!({"from_minute": 9 * 60, "until_minute": 10 * 60, "passes": "critical"});
    let setting = json!({"contacts": [{"channel": "webhook", "address": "at-alpha"}], "quiet": quiet});
    assert_eq!(sector.post(Person::AtAlpha, "/api/v1/session/contacts", setting).await.status, StatusCode::OK);
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    assert_eq!(told(&webhook), [] as [&str; 0]);
    sector.urgent(ALPHA, 2, Severity::Critical).await;
    sector.tell().await;
    assert_eq!(told(&webhook), ["at-alpha"], "the critical one passes");
    sector.advance_secs(600);
    sector.tell().await;
    assert!(told(&webhook).contains(&"analyst".to_owned()), "the next one is told");
    sector.advance_secs(36 * 60);
    tell_due(&sector.centre).await;
    assert_eq!(told(&webhook).iter().filter(|name| *name == "at-alpha").count(), 2, "at ten o'clock");
}

#[tokio::test]
async fn a_flood_and_what_is_low_are_told_together_and_one_link_answers_all() {
    let (sector, webhook) = on_duty().await;
    for signature in 1..=20 {
        sector.urgent(ALPHA, signature, Severity::High).await;
        sector.tell().await;
    }
    assert_eq!(told(&webhook).len(), 12);
    sector.advance_secs(900);
    tell_due(&sector.centre).await;
    let last: Value = serde_json::from_str(&webhook.requests().last().expect("one").body).expect("JSON");
    assert_eq!((told(&webhook).len(), &last["kind"]), (13, &json!("several")));
    assert_eq!(last["text"]["th"], "มี 8 เรื่องในระบบพิทักษ์ กรุณาเปิดดู");
    let token = last["link"].as_str().expect("a link").rsplit('/').next().expect("a token").to_owned();
    let path = format!("/api/v1/acknowledgements/{token}");
    assert_eq!(sector.post(Person::Stranger, &path, json!({})).await.status, StatusCode::OK);
    let told = sector.told().await;
    let answered = told.iter().filter(|record| record.matter.state == MatterState::Answered).count();
    assert_eq!(answered, 8);
    assert!(told.iter().all(|record| record.delivery.state == DeliveryState::Sent));
}

#[tokio::test]
async fn everybody_is_told_three_times_and_then_it_stands_as_unanswered() {
    let (sector, webhook) = on_duty().await;
    sector.urgent(ALPHA, 1, Severity::Critical).await;
    for _ in 0..20 {
        sector.tell().await;
        sector.advance_secs(1_800);
    }
    let of_story: Vec<_> =
        sector.told().await.into_iter().filter(|record| record.matter.kind == MatterKind::Story).collect();
    assert_eq!((of_story.len(), of_story[0].matter.state), (6, MatterState::Unanswered));
    assert!(told(&webhook).len() >= 6);
}

#[tokio::test]
async fn a_hospital_reads_the_log_of_its_own_people_and_of_nobody_else() {
    let (sector, _) = on_duty().await;
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.urgent(CHARLIE, 1, Severity::High).await;
    sector.tell().await;
    sector.advance_secs(600);
    sector.tell().await;
    let names = async |person: Person| {
        let log = sector.get(person, "/api/v1/deliveries").await;
        let items = log.json()["items"].as_array().unwrap_or_else(|| panic!("{}", log.text)).clone();
        let mut names: Vec<String> =
            items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    assert_eq!(names(Person::AtAlpha).await, ["Person at-alpha"]);
    assert_eq!(names(Person::AtCharlie).await, ["Person at-charlie"]);
    let all = names(Person::Administrator).await;
    assert!(
        ["Person analyst", "Person at-alpha", "Person at-charlie"].iter().all(|name| all.contains(&(*name).to_owned()))
    );
    let log = sector.get(Person::Administrator, "/api/v1/deliveries?limit=200").await;
    assert!(!log.text.contains("\"address\":\"at-alpha\""), "addresses are masked: {}", log.text);
}

#[tokio::test]
async fn a_roster_holds_a_places_own_people_each_once_with_a_fitting_wait() {
    let sector = Sector::empty().await;
    for (person, path, duties) in [
        (Person::AtAlpha, AT_ALPHA, json!([{"login": "at-charlie", "wait_minutes": 10}])),
        (Person::AtAlpha, AT_ALPHA, json!([{"login": "analyst", "wait_minutes": 10}])),
        (Person::AtAlpha, AT_ALPHA, json!([{"login": "at-alpha", "wait_minutes": 0}])),
        (
            Person::AtAlpha,
            AT_ALPHA,
            json!([{"login": "at-alpha", "wait_minutes": 5}, {"login": "at-alpha", "wait_minutes": 5}]),
        ),
        (Person::Analyst, "/api/v1/duty", json!([{"login": "officer", "wait_minutes": 10}])),
        (Person::Analyst, "/api/v1/regions/8/duty", json!([{"login": "officer", "wait_minutes": 10}])),
    ] {
        let refused = sector.post(person, path, json!({"duties": duties})).await;
        assert_eq!(refused.code(), "invalid", "{path} {duties}: {}", refused.text);
    }
    let kept = json!({"duties": [{"login": "at-alpha", "wait_minutes": 10}]});
    let answer = sector.post(Person::AtAlpha, AT_ALPHA, kept).await.json();
    assert_eq!(answer["duties"][0]["login"], "at-alpha");
    assert_eq!(answer["duties"][0]["channels"], json!([]), "nowhere to tell them yet");
    assert_eq!(answer["candidates"].as_array().map(Vec::len), Some(1));
}
