//! Who has not answered a warning is asked again, level by level, each once, whatever the clock and the power do.

use crate::sector::{ALPHA, CHARLIE, Hospital, INTRUDER, Person, Sector, addresses, intrusion};
use axum::http::StatusCode;
use phitak_centre::{
    bulletin_watch::{BulletinWatch, CHASE_SECS},
    centre::{Centre, Settings},
    clock::Clock,
};
use phitak_store::{BulletinId, Scope, Store};
use phitak_uplink::Authority;
use serde_json::json;

async fn visited() -> Sector {
    let sector = Sector::empty().await;
    for hospital in [ALPHA, CHARLIE] {
        sector.enrol(hospital).await;
        sector.send(hospital, 1, 1, vec![intrusion(&sector, hospital)]).await;
    }
    sector.advance_secs(1);
    sector
}

async fn look(sector: &Sector) {
    BulletinWatch::default().look(&sector.centre).await.expect("looks");
}

/// The levels that stand in the history for a hospital, in order.
async fn levels(store: &Store, id: i64, hospital: Hospital) -> Vec<u8> {
    let events = store.bulletin_events(&Scope::of_the_centre_itself(), BulletinId(id)).await.expect("reads");
    let own =
        events.iter().filter(|event| event.facility.as_deref() == Some(hospital.code) && event.action == "chased");
    own.filter_map(|event| event.level).collect()
}

#[tokio::test]
async fn a_silent_hospital_is_asked_again_then_its_region_then_the_sector_and_each_once() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let path = format!("/api/v1/bulletins/{id}/recipients/{}/answer", CHARLIE.code);
    assert_eq!(sector.post(Person::AtCharlie, &path, json!({"answer": "acknowledged"})).await.status, StatusCode::OK);
    let mut reached = Vec::new();
    let mut elapsed = 0;
    for (at, expected) in [
        (CHASE_SECS[0] - 1, 0),
        (CHASE_SECS[0], 1),
        (CHASE_SECS[1] - 1, 1),
        (CHASE_SECS[1], 2),
        (CHASE_SECS[2] - 1, 2),
        (CHASE_SECS[2], 3),
        (CHASE_SECS[2] * 9, 3),
    ] {
        sector.advance_secs(at - elapsed);
        elapsed = at;
        for _ in 0..2 {
            look(&sector).await;
        }
        reached.push(levels(&sector.centre.store, id, ALPHA).await.len());
        assert_eq!(reached.last(), Some(&expected), "after {at} s");
    }
    assert_eq!(levels(&sector.centre.store, id, ALPHA).await, [1, 2, 3]);
    assert_eq!(levels(&sector.centre.store, id, CHARLIE).await, [] as [u8; 0], "it has answered");
}

#[tokio::test]
async fn a_clock_that_jumps_a_day_or_back_reaches_each_level_once() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    sector.advance_secs(86_400);
    look(&sector).await;
    for hospital in [ALPHA, CHARLIE] {
        assert_eq!(levels(&sector.centre.store, id, hospital).await, [1, 2, 3]);
    }
    sector.advance_secs(-86_000);
    look(&sector).await;
    sector.advance_secs(2 * 86_400);
    look(&sector).await;
    assert_eq!(levels(&sector.centre.store, id, ALPHA).await, [1, 2, 3]);
}

#[tokio::test]
async fn the_chase_goes_on_where_it_was_when_the_centre_dies() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let begun = sector.now();
    let mut reached = Vec::new();
    // Every look is another centre's, that opened the tables which the one before left without closing them.
    for hour in [0, 1, 1, 3, 6, 7, 23, 24, 24, 30] {
        let store = sector.open_again().await;
        let now = begun.plus_secs(hour * 3_600);
        let authority = Authority::create(now).expect("a CA");
        let centre = Centre::new(store, Clock::of(move || now), Settings::default(), authority).expect("a centre");
        BulletinWatch::default().look(&centre).await.expect("looks");
        reached.push(levels(&centre.store, id, ALPHA).await.len());
    }
    assert_eq!(reached, [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert_eq!(levels(&sector.centre.store, id, ALPHA).await, [1, 2, 3]);
}

#[tokio::test]
async fn two_centres_that_look_at_the_same_moment_reach_a_level_once() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let now = sector.now().plus_secs(CHASE_SECS[2]);
    let other = sector.open_again().await;
    let micros = CHASE_SECS.map(|secs| secs * 1_000_000);
    let (one, two) =
        tokio::join!(sector.centre.store.raise_unanswered(micros, now), other.raise_unanswered(micros, now));
    assert_eq!(one.expect("raises").len() + two.expect("raises").len(), 6, "two hospitals, three levels");
    assert_eq!(levels(&other, id, ALPHA).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_closed_warning_is_not_chased() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let close = format!("/api/v1/bulletins/{id}/close");
    assert_eq!(sector.post(Person::Analyst, &close, json!({"reason": "over"})).await.status, StatusCode::OK);
    sector.advance_secs(86_400);
    look(&sector).await;
    assert_eq!(levels(&sector.centre.store, id, ALPHA).await, [] as [u8; 0]);
}

#[tokio::test]
async fn the_overview_names_who_has_not_answered_and_how_long_the_others_took() {
    let sector = visited().await;
    let id = sector.sent(addresses(&[INTRUDER]), 2).await;
    let answer = async |person: Person, hospital: Hospital, word: &str| {
        let path = format!("/api/v1/bulletins/{id}/recipients/{}/answer", hospital.code);
        assert_eq!(sector.post(person, &path, json!({"answer": word})).await.status, StatusCode::OK);
    };
    sector.advance_secs(1_800);
    answer(Person::AtCharlie, CHARLIE, "acknowledged").await;
    // Pages that are looked at now and then keep their sessions.
    for _ in 0..2 {
        sector.advance_secs(2_700);
        for person in Person::SIGNED_IN {
            assert_eq!(sector.get(person, "/api/v1/session").await.status, StatusCode::OK);
        }
    }
    answer(Person::AtCharlie, CHARLIE, "done").await;
    look(&sector).await;
    let warnings = async |person: Person| sector.get(person, "/api/v1/overview").await.json()["warnings"].clone();
    let whole = warnings(Person::Analyst).await;
    assert_eq!((&whole["open"], &whole["unanswered_total"]), (&json!(1), &json!(1)));
    assert_eq!((&whole["median_hours_to_acknowledged"], &whole["median_hours_to_done"]), (&json!(0.5), &json!(2.0)));
    let silent = &whole["unanswered"][0];
    assert_eq!(
        (&silent["facility"]["code"], &silent["level"], &silent["bulletin_id"]),
        (&json!(ALPHA.code), &json!(1), &json!(id))
    );
    let region = warnings(Person::Officer).await;
    assert_eq!((&region["unanswered_total"], &region["median_hours_to_done"]), (&json!(1), &json!(null)));
    let charlie = warnings(Person::AtCharlie).await;
    assert_eq!((&charlie["unanswered_total"], &charlie["median_hours_to_acknowledged"]), (&json!(0), &json!(0.5)));
    let alpha = warnings(Person::AtAlpha).await;
    assert_eq!((&alpha["unanswered_total"], &alpha["open"]), (&json!(1), &json!(1)));
    answer(Person::AtAlpha, ALPHA, "acknowledged").await;
    let both = warnings(Person::Analyst).await;
    assert_eq!((&both["unanswered_total"], &both["median_hours_to_acknowledged"]), (&json!(0), &json!(1.25)));
}
