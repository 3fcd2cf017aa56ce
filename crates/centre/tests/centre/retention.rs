//! What is past its time goes; what is not stays, and sums and pages agree with what is left.

use crate::sector::{ALPHA, BRAVO, Hospital, Person, Sector, alert, own_alert, shared_alert};
use axum::http::StatusCode;
use phitak_model::Severity;
use phitak_store::{AuditLine, Retention, Scope};
use phitak_uplink::Item;

const DAY_SECS: i64 = 86_400;

fn keep() -> Retention {
    Retention { alert_days: 30, audit_days: 90, alerts_per_facility: 1_000 }
}

/// Forgets as it will be done so much later; sessions do not live as long.
async fn forget(sector: &Sector, keep: Retention, later_secs: i64) -> u64 {
    let mut alerts = 0;
    loop {
        let forgotten = sector.centre.store.forget(&keep, sector.now().plus_secs(later_secs)).await.expect("forgets");
        if !forgotten.is_anything() {
            return alerts;
        }
        alerts += forgotten.alerts;
    }
}

async fn stories(sector: &Sector) -> usize {
    let list = sector.get(Person::Analyst, "/api/v1/stories?since=all").await.json();
    list["items"].as_array().expect("a list").len()
}

#[tokio::test]
async fn old_alerts_and_stories_go_and_the_hospital_is_calm_again() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.enrol(BRAVO).await;
    let only_here = || Item::Alert(Box::new(alert(ALPHA, 4_000_777, "loud once", Severity::High)));
    sector.send(ALPHA, 1, 1, vec![only_here()]).await;
    sector.send(BRAVO, 1, 1, vec![Item::Alert(Box::new(shared_alert(BRAVO)))]).await;
    assert_eq!((forget(&sector, keep(), 30 * DAY_SECS - 1).await, stories(&sector).await), (0, 2));
    sector.advance_secs(3_600);
    let mut later = shared_alert(BRAVO);
    later.at = sector.now();
    sector.send(BRAVO, 1, 2, vec![Item::Alert(Box::new(later))]).await;
    let old_story = sector.story_id("loud").await;
    assert_eq!(sector.care_state(ALPHA).await, "call");
    let forgotten = forget(&sector, keep(), 30 * DAY_SECS - 60).await;
    assert_eq!((forgotten, stories(&sector).await), (2, 1), "a story with a newer alert stays");
    assert_eq!(sector.care_state(BRAVO).await, "call");
    assert_ne!(sector.care_state(ALPHA).await, "call");
    let gone = sector.get(Person::Analyst, &format!("/api/v1/stories/{old_story}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    // Its sensor sends on.
    assert_eq!(sector.send(ALPHA, 1, 2, vec![only_here()]).await, 2);
    assert_eq!(stories(&sector).await, 2);
}

#[tokio::test]
async fn a_flood_at_one_hospital_keeps_its_newest_alerts_and_leaves_others_alone() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.enrol(BRAVO).await;
    sector.send(BRAVO, 1, 1, vec![Item::Alert(Box::new(own_alert(BRAVO)))]).await;
    let flood = |from: u64| (0..40).map(move |n| (from + n, Item::Alert(Box::new(own_alert(ALPHA)))));
    for (seq, item) in flood(1) {
        sector.send(ALPHA, 1, seq, vec![item]).await;
    }
    let newest = sector.alert_id(ALPHA).await;
    assert_eq!(forget(&sector, Retention { alerts_per_facility: 15, ..keep() }, 0).await, 25);
    assert_eq!(sector.alert_id(ALPHA).await, newest, "the newest is still there");
    let kept = |hospital: Hospital| {
        let (store, scope) = (&sector.centre.store, Scope::of_the_centre_itself());
        async move { store.open_stories_at(&scope, &hospital.facility(), 9).await.expect("reads").len() }
    };
    assert_eq!((kept(ALPHA).await, kept(BRAVO).await), (1, 1));
    let sum = sector.get(Person::AtAlpha, "/api/v1/stories?since=all").await.json()["items"][0]["alerts"].clone();
    assert_eq!(sum, 40, "that it happened stays known");
}

#[tokio::test]
async fn the_audit_log_ends_where_its_time_does() {
    let sector = Sector::empty().await;
    let lines = async |sector: &Sector| sector.audit_actions().await.len();
    let add = async |sector: &Sector| {
        let audit = AuditLine::of_operator(sector.now(), "user.disable");
        sector.centre.store.disable_user(Person::AtCharlie.login(), audit).await.expect("an account");
    };
    sector.advance_secs(1_800);
    let before = lines(&sector).await;
    add(&sector).await;
    let before_now = async |secs: i64| {
        sector.centre.store.forget_audit(sector.now().plus_secs(-secs)).await.expect("forgets");
        // The rest is not the audit's.
        forget(&sector, keep(), 9_000 * DAY_SECS).await;
    };
    before_now(1_801).await;
    assert_eq!(lines(&sector).await, before + 1);
    before_now(1).await;
    assert_eq!(lines(&sector).await, 1, "only the line of half an hour later");
}

#[tokio::test]
async fn a_closed_warning_goes_with_the_time_of_the_audit_and_an_open_one_never() {
    let sector = Sector::empty().await;
    let (closed, open) = (sector.sent_only_to(ALPHA).await, sector.sent_only_to(ALPHA).await);
    let close = format!("/api/v1/bulletins/{closed}/close");
    sector.post(Person::Analyst, &close, serde_json::json!({"reason": "over"})).await;
    let forget = async |later_secs: i64| {
        sector.centre.store.forget_bulletins(&keep(), sector.now().plus_secs(later_secs)).await.expect("forgets")
    };
    assert_eq!(forget(90 * DAY_SECS - 1).await, 0);
    assert_eq!((forget(90 * DAY_SECS + 1).await, forget(9_000 * DAY_SECS).await), (1, 0));
    let status = async |id: i64| sector.get(Person::AtAlpha, &format!("/api/v1/bulletins/{id}")).await.status;
    assert_eq!((status(closed).await, status(open).await), (StatusCode::NOT_FOUND, StatusCode::OK));
}

#[tokio::test]
async fn a_suppression_that_is_over_goes_with_the_time_of_the_alerts_that_it_hid() {
    let sector = Sector::lived_in().await;
    let story = sector.story_id("shared").await;
    let body = serde_json::json!({"reason": "a scanner of ours", "days": 1});
    let set = sector.post(Person::Analyst, &format!("/api/v1/stories/{story}/suppression"), body).await;
    let id = phitak_store::SuppressionId(set.json()["id"].as_i64().unwrap_or_else(|| panic!("{}", set.text)));
    sector.send(ALPHA, 9, 1, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    let kept = async || {
        let scope = Scope::of_the_centre_itself();
        sector.centre.store.suppression(&scope, id, sector.now()).await.map(|kept| kept.hidden.alerts).ok()
    };
    forget(&sector, keep(), 31 * DAY_SECS - 1).await;
    assert_eq!(kept().await, Some(0), "its alerts and their story are gone, its end is not so long ago");
    forget(&sector, keep(), 31 * DAY_SECS + 1).await;
    assert_eq!(kept().await, None);
}
