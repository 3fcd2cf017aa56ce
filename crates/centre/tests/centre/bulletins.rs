//! Early warnings lived through: whom they reach and why, what hospitals answer, what proves it, what is refused.

use crate::sector::{
    ALPHA, BRAVO, CHARLIE, HOSPITALS, Hospital, INTRUDER, Person, Sector, addresses, alert, bulletin, intrusion,
    observation, smb1,
};
use axum::http::StatusCode;
use phitak_assets::Pace;
use phitak_centre::bulletin_watch::BulletinWatch;
use phitak_model::{Fact, Observation, Severity};
use phitak_store::{CheckOutcome, RecipientState};
use phitak_uplink::Item;
use serde_json::{Value, json};

/// A day in these tests.
const DAY_SECS: i64 = 600;
/// How often a sensor speaks.
const BEAT_SECS: i64 = 60;

fn seen(sector: &Sector, hospital: Hospital, host: u8, fact: Fact) -> Item {
    let now = sector.now();
    Item::Observation(Observation { first_at: now, last_at: now, ..observation(hospital, host, fact) })
}

/// A sector whose hospitals were all visited by the intruder, but Bravo. Alpha's and Charlie's next number is 3.
async fn visited() -> Sector {
    let sector = Sector::paced(Pace::a_day_takes(DAY_SECS)).await;
    for hospital in HOSPITALS {
        sector.enrol(hospital).await;
        let mut items = vec![seen(&sector, hospital, 30, Fact::Alive)];
        if hospital.code != BRAVO.code {
            items.push(intrusion(&sector, hospital));
        }
        sector.send(hospital, 1, 1, items).await;
    }
    sector.advance_secs(1);
    sector
}

/// The sensor speaks for so long, with this beside its own life.
async fn live(sector: &Sector, hospital: Hospital, first_seq: u64, beats: u64, host: u8) {
    for beat in 0..beats {
        sector.advance_secs(BEAT_SECS);
        sector.send(hospital, 1, first_seq + beat, vec![seen(sector, hospital, host, Fact::Alive)]).await;
    }
}

async fn look(sector: &Sector) {
    BulletinWatch::default().look(&sector.centre).await.expect("looks");
}

async fn answer(sector: &Sector, id: i64, hospital: Hospital, body: Value) -> (StatusCode, Value) {
    let path = format!("/api/v1/bulletins/{id}/recipients/{}/answer", hospital.code);
    let person = if hospital.code == CHARLIE.code { Person::AtCharlie } else { Person::AtAlpha };
    let answer = sector.post(person, &path, body).await;
    (answer.status, answer.json())
}

async fn stands(sector: &Sector, id: i64, hospital: Hospital) -> (RecipientState, Option<CheckOutcome>) {
    let part = sector.part(id, hospital).await;
    (part.state, part.check_outcome)
}

#[tokio::test]
async fn a_warning_reaches_whom_the_data_shows_with_the_reason_and_nobody_else() {
    let sector = visited().await;
    let path = format!("/api/v1/concerned?kind=indicators&addresses={INTRUDER}");
    for (person, concerned, not_seen) in [(Person::Analyst, 2, 1), (Person::Officer, 1, 1)] {
        let preview = sector.get(person, &path).await.json();
        assert_eq!(
            (&preview["total"], &preview["not_seen"], &preview["blind"]),
            (&json!(concerned), &json!(not_seen), &json!(0))
        );
        let reason = &preview["items"][0]["reasons"]["shown"][0];
        assert_eq!(
            (&reason["kind"], &reason["address"], &reason["alerts"]),
            (&json!("sighting"), &json!(INTRUDER), &json!(1))
        );
        assert_eq!(reason["host"]["address"], ALPHA.host(30));
    }
    let id = sector.draft(addresses(&[INTRUDER])).await;
    let publish = format!("/api/v1/bulletins/{id}/publish");
    let surprised = sector.post(Person::Analyst, &publish, json!({"expected": 1})).await;
    assert_eq!((surprised.status, surprised.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    for person in [Person::Officer, Person::AtAlpha] {
        assert_eq!(
            sector.get(person, &format!("/api/v1/bulletins/{id}")).await.status,
            StatusCode::NOT_FOUND,
            "a draft"
        );
    }
    assert_eq!(sector.care_state(CHARLIE).await, "call");
    let sent = sector.post(Person::Analyst, &publish, json!({"expected": 2})).await;
    assert_eq!((sent.status, &sent.json()["counts"]["recipients"]), (StatusCode::OK, &json!(2)), "{}", sent.text);
    // What was frozen stays, whatever the data says later.
    sector.send(BRAVO, 1, 2, vec![intrusion(&sector, BRAVO)]).await;
    for (person, recipients) in [(Person::Analyst, 2), (Person::Officer, 1), (Person::AtCharlie, 1)] {
        let detail = sector.get(person, &format!("/api/v1/bulletins/{id}")).await.json();
        assert_eq!(detail["counts"]["recipients"], recipients, "{person:?}");
        assert_eq!(
            detail["created_by"].is_null(),
            person != Person::Analyst,
            "who of the team it was is the team's own"
        );
    }
    let care = sector.get(Person::AtAlpha, &format!("/api/v1/facilities/{}/care", ALPHA.code)).await.json();
    let items = care["items"].as_array().expect("a list");
    let card = items.iter().find(|item| item["type"] == "bulletin").expect("a card");
    assert_eq!((&card["id"], &card["state"], &card["title"]["th"]), (&json!(id), &json!("open"), &json!("เตือน")));
    assert_eq!(card["machines"][0]["address"], ALPHA.host(30));
    assert!(card["due_at"].is_string() && card["steps"][0]["th"] == "ทำสิ่งนี้");
    assert!(card["proof"]["th"].as_str().expect("words").contains("ยืนยันแล้ว"));
    assert_eq!(card["technical"][0]["value"], INTRUDER);
}

#[tokio::test]
async fn done_is_believed_after_a_quiet_day_under_a_watching_sensor_and_not_before() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let (status, card) = answer(&sector, id, ALPHA, json!({"answer": "acknowledged"})).await;
    assert_eq!(
        (status, &card["state"], &card["bulletin"]["state"]),
        (StatusCode::OK, &json!("acknowledged"), &json!("acknowledged"))
    );
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Acknowledged, None), "only ทำแล้ว is checked");
    answer(&sector, id, ALPHA, json!({"answer": "done"})).await;
    answer(&sector, id, CHARLIE, json!({"answer": "done"})).await;
    // Charlie's sensor says nothing more; Alpha's speaks on.
    live(&sector, ALPHA, 3, 9, 30).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Done, Some(CheckOutcome::TooSoon)));
    assert_eq!(stands(&sector, id, CHARLIE).await, (RecipientState::Done, Some(CheckOutcome::NotWatching)));
    live(&sector, ALPHA, 12, 2, 30).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Verified, Some(CheckOutcome::Clear)));
    assert_eq!(stands(&sector, id, CHARLIE).await.0, RecipientState::Done, "no data: cannot tell");
    let (status, refused) = answer(&sector, id, ALPHA, json!({"answer": "need_help"})).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    // A silence after the proof takes nothing back, a sighting does.
    sector.advance_secs(DAY_SECS);
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await.0, RecipientState::Verified);
    sector.send(ALPHA, 1, 14, vec![intrusion(&sector, ALPHA)]).await;
    look(&sector).await;
    let part = sector.part(id, ALPHA).await;
    assert_eq!((part.state, part.verified_at), (RecipientState::Reopened, None));
    assert_eq!(part.found_again.expect("what was found").shown.len(), 1);
}

#[tokio::test]
async fn only_what_was_seen_and_arrived_after_the_answer_reopens() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let before = intrusion(&sector, ALPHA);
    sector.advance_secs(5);
    answer(&sector, id, ALPHA, json!({"answer": "done"})).await;
    sector.advance_secs(5);
    sector.send(ALPHA, 1, 3, vec![before]).await;
    look(&sector).await;
    assert_eq!(
        stands(&sector, id, ALPHA).await.0,
        RecipientState::Done,
        "it arrived late, and is older than the answer"
    );
    sector.send(ALPHA, 1, 4, vec![intrusion(&sector, ALPHA)]).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Reopened, Some(CheckOutcome::Found)));
    assert_eq!(
        sector
            .centre
            .store
            .bulletin_events(&phitak_store::Scope::of_the_centre_itself(), phitak_store::BulletinId(id))
            .await
            .expect("reads")
            .last()
            .map(|event| event.action.clone())
            .as_deref(),
        Some("reopened")
    );
    // Done again: it counts from the new answer.
    answer(&sector, id, ALPHA, json!({"answer": "done"})).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Done, Some(CheckOutcome::TooSoon)));
}

#[tokio::test]
async fn a_silence_in_between_makes_the_quiet_day_begin_anew() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    answer(&sector, id, ALPHA, json!({"answer": "done"})).await;
    live(&sector, ALPHA, 3, 5, 30).await;
    sector.advance_secs(DAY_SECS);
    live(&sector, ALPHA, 8, 5, 30).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Done, Some(CheckOutcome::TooSoon)));
    live(&sector, ALPHA, 13, 6, 30).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await.0, RecipientState::Verified);
}

#[tokio::test]
async fn a_weakness_is_proved_by_its_own_proof_and_reopened_by_its_own_sign() {
    let sector = visited().await;
    sector.send(ALPHA, 1, 3, vec![seen(&sector, ALPHA, 20, smb1())]).await;
    sector.advance_secs(1);
    let id = sector.sent(json!({"kind": "weakness", "weakness": "smb1_spoken"}), 1).await;
    let (status, card) = answer(&sector, id, ALPHA, json!({"answer": "done"})).await;
    assert_eq!((status, &card["state"]), (StatusCode::OK, &json!("claimed")));
    let finding = sector.get(Person::AtAlpha, "/api/v1/findings?kind=smb1_spoken").await.json()["items"][0].clone();
    assert_eq!(finding["state"], "claimed", "the same word counts for the finding");
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Done, Some(CheckOutcome::NotSeen)));
    let healthy = Fact::SmbDialect { port: 445, dialect: "3.1.1".to_owned() };
    for seq in 4..17 {
        sector.advance_secs(BEAT_SECS);
        sector.send(ALPHA, 1, seq, vec![seen(&sector, ALPHA, 20, healthy.clone())]).await;
    }
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await, (RecipientState::Verified, Some(CheckOutcome::Clear)));
    sector.advance_secs(BEAT_SECS);
    sector.send(ALPHA, 1, 17, vec![seen(&sector, ALPHA, 20, smb1())]).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await.0, RecipientState::Reopened);
}

#[tokio::test]
async fn a_service_is_gone_only_while_its_machine_lives() {
    let sector = visited().await;
    let telnet = || Fact::TelnetLogin { port: 23 };
    sector.send(ALPHA, 1, 3, vec![seen(&sector, ALPHA, 20, telnet())]).await;
    sector.advance_secs(1);
    for (check, concerned) in [
        (json!({"kind": "service", "protocol": "telnet"}), 1),
        (json!({"kind": "service", "port": 23}), 1),
        (json!({"kind": "service", "protocol": "telnet", "port": 23}), 1),
        (json!({"kind": "service", "protocol": "telnet", "port": 24}), 0),
        (json!({"kind": "service", "protocol": "elnet"}), 0),
        (json!({"kind": "service", "port": 3}), 0),
    ] {
        let query: String = check
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, value)| format!("{name}={}&", value.to_string().trim_matches('"')))
            .collect();
        let preview = sector.get(Person::Analyst, &format!("/api/v1/concerned?{}", query.trim_end_matches('&'))).await;
        assert_eq!(preview.json()["total"], concerned, "{check}: {}", preview.text);
    }
    let id = sector.sent(json!({"kind": "service", "protocol": "telnet"}), 1).await;
    answer(&sector, id, ALPHA, json!({"answer": "done"})).await;
    live(&sector, ALPHA, 4, 12, 30).await;
    look(&sector).await;
    assert_eq!(
        stands(&sector, id, ALPHA).await,
        (RecipientState::Done, Some(CheckOutcome::NotSeen)),
        "it is off, perhaps"
    );
    live(&sector, ALPHA, 16, 1, 20).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await.0, RecipientState::Verified);
    sector.send(ALPHA, 1, 17, vec![seen(&sector, ALPHA, 20, telnet())]).await;
    look(&sector).await;
    assert_eq!(stands(&sector, id, ALPHA).await.0, RecipientState::Reopened);
}

#[tokio::test]
async fn what_a_warning_may_not_be_is_refused_with_words() {
    let sector = visited().await;
    let draft = async |change: &dyn Fn(&mut Value)| {
        let mut body = bulletin(addresses(&[INTRUDER]));
        change(&mut body);
        sector.post(Person::Analyst, "/api/v1/bulletins", body).await
    };
    let long = |chars: usize| json!({"th": "ก".repeat(chars), "en": ""});
    for (change, word) in [
        (&(|b: &mut Value| b["title"] = long(161)) as &dyn Fn(&mut Value), "title"),
        (&|b: &mut Value| b["title"] = json!({"th": " ", "en": ""}), "title"),
        (&|b: &mut Value| b["steps"] = json!(vec![long(3); 11]), "steps"),
        (&|b: &mut Value| b["due_hours"] = json!(0), "hours"),
        (&|b: &mut Value| b["check"] = addresses(&["192.168.1.1"]), "192.168.1.1"),
        (&|b: &mut Value| b["check"] = addresses(&[]), "address"),
        (&|b: &mut Value| b["check"] = json!({"kind": "weakness", "weakness": "of_will"}), "weakness"),
    ] {
        let refused = draft(change).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{word}: {}", refused.text);
        assert!(refused.json()["error"]["detail"].as_str().expect("words").contains(word), "{}", refused.text);
    }
    let publish = async |id: i64, body: Value| {
        sector.post(Person::Analyst, &format!("/api/v1/bulletins/{id}/publish"), body).await
    };
    let hasty = draft(&|b: &mut Value| b["what"] = json!({"th": "", "en": "only English"})).await.json()["id"].clone();
    let refused = publish(hasty.as_i64().expect("an id"), json!({"expected": 2})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    let naming = draft(&|b: &mut Value| b["why"]["th"] = json!(format!("อย่างที่เกิดที่ โรงพยาบาล {}", CHARLIE.mark)))
        .await
        .json()["id"]
        .clone();
    let refused = publish(naming.as_i64().expect("an id"), json!({"expected": 2})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "hospitals are not named to each other");
    let id = sector.draft(addresses(&[INTRUDER])).await;
    for (by_hand, expected, status) in [
        (json!([{"facility": BRAVO.code, "reason": " "}]), 3, StatusCode::UNPROCESSABLE_ENTITY),
        (json!([{"facility": "99999", "reason": "x"}]), 3, StatusCode::UNPROCESSABLE_ENTITY),
        (
            json!([{"facility": BRAVO.code, "reason": format!("as at {}", ALPHA.code)}]),
            3,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (json!([{"facility": ALPHA.code, "reason": "named twice"}]), 3, StatusCode::CONFLICT),
    ] {
        let refused = publish(id, json!({"by_hand": by_hand, "expected": expected})).await;
        assert_eq!(refused.status, status, "{}", refused.text);
    }
    let nobody = sector.draft(addresses(&["198.51.100.1"])).await;
    assert_eq!(publish(nobody, json!({"expected": 0})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let everyone = publish(nobody, json!({"everyone": true, "expected": 3})).await;
    assert_eq!((everyone.status, &everyone.json()["counts"]["sent"]), (StatusCode::OK, &json!(3)));
    let again = publish(nobody, json!({"everyone": true, "expected": 3})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let edit = sector
        .post(Person::Analyst, &format!("/api/v1/bulletins/{nobody}/draft"), bulletin(addresses(&[INTRUDER])))
        .await;
    assert_eq!(edit.status, StatusCode::CONFLICT, "what hospitals have read does not change");
}

#[tokio::test]
async fn answers_have_their_rules_and_closing_ends_them() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    for body in [json!({"answer": "cannot"}), json!({"answer": "cannot", "reason": "ก".repeat(1_001)})] {
        assert_eq!(answer(&sector, id, ALPHA, body).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for (word, state) in
        [("cannot", "cannot"), ("not_ours", "not_ours"), ("need_help", "need_help"), ("acknowledged", "need_help")]
    {
        let (status, card) = answer(&sector, id, ALPHA, json!({"answer": word, "reason": "เหตุผล"})).await;
        assert_eq!(
            (status, &card["bulletin"]["state"]),
            (StatusCode::OK, &json!(state)),
            "รับทราบ takes no answer back"
        );
    }
    let answered = sector.part(id, ALPHA).await;
    assert!(answered.acknowledged_at.is_some() && answered.done_at.is_none());
    let path = format!("/api/v1/bulletins/{id}/recipients/{}/rating", ALPHA.code);
    let rated = sector.post(Person::AtAlpha, &path, json!({"useful": true, "words": " ชัดเจน "})).await.json();
    assert_eq!((&rated["bulletin"]["useful"], &rated["bulletin"]["useful_words"]), (&json!(true), &json!("ชัดเจน")));
    let long = sector.post(Person::AtAlpha, &path, json!({"useful": true, "words": "ก".repeat(501)})).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
    let cards = async || {
        let care = sector.get(Person::AtAlpha, &format!("/api/v1/facilities/{}/care", ALPHA.code)).await.json();
        care["items"].as_array().expect("a list").iter().filter(|item| item["type"] == "bulletin").count()
    };
    assert_eq!(cards().await, 1);
    let close = format!("/api/v1/bulletins/{id}/close");
    assert_eq!(
        sector.post(Person::Analyst, &close, json!({"reason": ""})).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(sector.post(Person::Analyst, &close, json!({"reason": "จบแล้ว"})).await.status, StatusCode::OK);
    assert_eq!(sector.post(Person::Analyst, &close, json!({"reason": "จบแล้ว"})).await.status, StatusCode::CONFLICT);
    assert_eq!(
        (cards().await, answer(&sector, id, ALPHA, json!({"answer": "done"})).await.0),
        (0, StatusCode::CONFLICT)
    );
    assert_eq!(sector.care_state(ALPHA).await, "call", "its story is still there");
}

#[tokio::test]
async fn a_hospital_with_nothing_but_a_warning_has_something_to_do_until_it_answers() {
    let sector = visited().await;
    assert_eq!(sector.care_state(BRAVO).await, "calm");
    let id = sector.sent_only_to(BRAVO).await;
    let path = format!("/api/v1/bulletins/{id}/recipients/{}/answer", BRAVO.code);
    let mut states = vec![sector.care_state(BRAVO).await];
    for word in ["acknowledged", "done", "need_help", "done"] {
        assert_eq!(sector.post(Person::Analyst, &path, json!({"answer": word})).await.status, StatusCode::OK);
        states.push(sector.care_state(BRAVO).await);
    }
    assert_eq!(states, ["act", "act", "calm", "calm", "calm"]);
    assert_eq!(
        sector.post(Person::Analyst, &format!("/api/v1/bulletins/{id}/close"), json!({"reason": "over"})).await.status,
        StatusCode::OK
    );
    assert_eq!(sector.care_state(BRAVO).await, "calm");
}

#[tokio::test]
async fn a_campaign_gives_a_draft_that_names_no_hospital() {
    let sector = Sector::empty().await;
    let suggested = async |text: &str| {
        let story = sector.story_id(text).await;
        sector.get(Person::Analyst, &format!("/api/v1/stories/{story}/warning")).await.json()
    };
    for (number, hospital) in HOSPITALS.into_iter().enumerate() {
        sector.enrol(hospital).await;
        let quiet = alert(hospital, 9_300_000, "of little weight", Severity::Medium);
        let mut inside = alert(hospital, 9_300_001, &format!("inside {}", "MARKALPHA"), Severity::High);
        inside.at = sector.now();
        sector
            .send(
                hospital,
                1,
                1,
                vec![intrusion(&sector, hospital), Item::Alert(Box::new(quiet)), Item::Alert(Box::new(inside))],
            )
            .await;
        let draft = suggested("outside").await;
        assert_eq!((&draft["hospitals"], draft["draft"].is_null()), (&json!(number + 1), number < 2), "{draft}");
        // All within a day, then just so.
        sector.advance_secs(3_000);
    }
    let found = suggested("outside").await;
    assert_eq!(
        found["draft"]["check"],
        json!({"kind": "indicators", "addresses": [INTRUDER], "weakness": null, "protocol": null, "port": null})
    );
    assert!(HOSPITALS.iter().all(|hospital| !hospital.is_told_in(&found.to_string())));
    assert!(suggested("weight").await["draft"].is_null());
    let inside = suggested("inside").await;
    assert_eq!(
        (&inside["draft"]["check"]["kind"], &inside["draft"]["check"]["protocol"]),
        (&json!("service"), &json!("smb"))
    );
    assert!(!inside.to_string().contains("MARKALPHA"), "a rule's own text may name a place");
    // It is taken as it is, and the story knows it.
    let drafted = sector.post(Person::Analyst, "/api/v1/bulletins", found["draft"].clone()).await;
    assert_eq!(drafted.status, StatusCode::OK, "{}", drafted.text);
    assert_eq!(suggested("outside").await["bulletin_id"], drafted.json()["id"]);
}

#[tokio::test]
async fn generated_warnings_show_each_person_exactly_its_own_hospitals() {
    let sector = Sector::lived_in().await;
    let mut dice: u64 = 0x2545_F491_4F6C_DD1D;
    let mut draw = |below: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % below
    };
    let words = ["acknowledged", "done", "not_ours", "cannot", "need_help"];
    let mut truth: Vec<(i64, Vec<(Hospital, Option<&str>)>)> = Vec::new();
    for _ in 0..25 {
        let set = 1 + draw(7);
        let got: Vec<Hospital> = HOSPITALS
            .into_iter()
            .zip([1, 2, 4])
            .filter(|(_, bit)| set & bit != 0)
            .map(|(hospital, _)| hospital)
            .collect();
        let id = sector.draft(addresses(&["198.51.100.99"])).await;
        let by_hand: Vec<Value> = got
            .iter()
            .map(|hospital| json!({"facility": hospital.code, "reason": format!("for {}", hospital.mark)}))
            .collect();
        let publishing = json!({"by_hand": by_hand, "expected": got.len()});
        assert_eq!(
            sector.post(Person::Analyst, &format!("/api/v1/bulletins/{id}/publish"), publishing).await.status,
            StatusCode::OK
        );
        let mut parts = Vec::new();
        for hospital in got {
            let word = words.get(draw(7) as usize).copied();
            if let Some(word) = word {
                let path = format!("/api/v1/bulletins/{id}/recipients/{}/answer", hospital.code);
                let reply = json!({"answer": word, "reason": format!("from {}", hospital.mark)});
                assert_eq!(sector.post(Person::Administrator, &path, reply).await.status, StatusCode::OK);
            }
            parts.push((hospital, word));
        }
        truth.push((id, parts));
    }
    for person in [Person::Analyst, Person::Officer, Person::AtAlpha, Person::AtCharlie] {
        let list = sector.get(person, "/api/v1/bulletins?limit=200").await;
        let silent = sector.get(person, "/api/v1/bulletins?limit=200&unanswered=true").await.json();
        let overview = sector.get(person, "/api/v1/overview").await.json();
        let own = |parts: &[(Hospital, Option<&str>)]| -> Vec<Option<String>> {
            parts
                .iter()
                .filter(|(hospital, _)| person.sees(*hospital))
                .map(|(_, word)| word.map(str::to_owned))
                .collect()
        };
        let seen: Vec<_> =
            truth.iter().map(|(id, parts)| (*id, own(parts))).filter(|(_, own)| !own.is_empty()).collect();
        assert_eq!(list.json()["total"], seen.len(), "{person:?}");
        let waits = |own: &[Option<String>]| own.iter().filter(|word| word.is_none()).count();
        assert_eq!(silent["total"], seen.iter().filter(|(_, own)| waits(own) > 0).count(), "{person:?}");
        assert_eq!(
            overview["warnings"]["unanswered_total"],
            seen.iter().map(|(_, own)| waits(own)).sum::<usize>(),
            "{person:?}"
        );
        assert_eq!(overview["warnings"]["open"], seen.len(), "{person:?}");
        let mut texts = list.text.clone() + &overview["warnings"].to_string();
        for (id, parts) in &truth {
            let detail = sector.get(person, &format!("/api/v1/bulletins/{id}")).await;
            let recipients = sector.get(person, &format!("/api/v1/bulletins/{id}/recipients")).await;
            let own = own(parts);
            assert_eq!(detail.status == StatusCode::OK, !own.is_empty(), "{person:?} {id}");
            if !own.is_empty() {
                let counts = &detail.json()["counts"];
                assert_eq!(
                    (&counts["recipients"], &counts["sent"]),
                    (&json!(own.len()), &json!(waits(&own))),
                    "{person:?} {id}"
                );
                assert_eq!(recipients.json()["total"], own.len(), "{person:?} {id}");
            }
            texts += &detail.text;
            texts += &recipients.text;
        }
        for hospital in HOSPITALS {
            assert_eq!(hospital.is_told_in(&texts), person.sees(hospital), "{person:?} {}", hospital.mark);
        }
    }
}

#[tokio::test]
async fn so_many_warnings_may_be_open_and_no_more() {
    let sector = Sector::empty().await;
    let first = sector.draft(addresses(&[INTRUDER])).await;
    for _ in 1..phitak_store::bulletins::OPEN_MAX {
        sector.draft(addresses(&[INTRUDER])).await;
    }
    let one_more = async || sector.post(Person::Analyst, "/api/v1/bulletins", bulletin(addresses(&[INTRUDER]))).await;
    assert_eq!(one_more().await.status, StatusCode::CONFLICT);
    let close = format!("/api/v1/bulletins/{first}/close");
    sector.post(Person::Analyst, &close, json!({"reason": "not needed"})).await;
    assert_eq!(one_more().await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_reasons_of_one_hospital_are_kept_up_to_a_limit_and_the_rest_is_counted() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    let most = phitak_store::concern::REASONS_MAX as u8;
    let machines = most + 5;
    let items = (1..=machines).map(|host| seen(&sector, ALPHA, host, Fact::TelnetLogin { port: 23 })).collect();
    sector.send(ALPHA, 1, 1, items).await;
    let preview = sector.get(Person::Analyst, "/api/v1/concerned?kind=service&protocol=telnet").await.json();
    let reasons = &preview["items"][0]["reasons"];
    assert_eq!((reasons["shown"].as_array().map(Vec::len), &reasons["more"]), (Some(usize::from(most)), &json!(5)));
    let id = sector.sent(json!({"kind": "service", "protocol": "telnet"}), 1).await;
    let part = sector.part(id, ALPHA).await.reasons;
    assert_eq!((part.shown.len(), part.more), (usize::from(most), 5), "frozen as it was shown");
}
