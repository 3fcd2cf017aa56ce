//! Exactly once in effect: batches that come twice, by halves, with gaps, or not to their end.

use crate::sector::{ALPHA, BRAVO, Hospital, Person, Sector, alert, observation, own_alert, shared_alert, smb1};
use axum::http::StatusCode;
use phitak_model::{Fact, Health, Loss, LossCause, Severity, Timestamp};
use phitak_store::{ArrivedAlert, AuditLine, Scope};
use phitak_uplink::{Batch, EnrolmentCode, Intake, IntakeError, Item, Record, SpoolId};
use serde_json::json;

fn alerts(hospital: Hospital, seqs: &[u64]) -> Batch {
    let record = |seq: &u64| Record { seq: *seq, item: Item::Alert(Box::new(own_alert(hospital))) };
    Batch { spool: SpoolId([1; 16]), acknowledged: 0, records: seqs.iter().map(record).collect() }
}

async fn counted(sector: &Sector, hospital: Hospital) -> u64 {
    let path = format!("/api/v1/stories?since=all&facility={}", hospital.code);
    let answer = sector.get(Person::Analyst, &path).await.json();
    let sum: u64 = answer["items"].as_array().expect("a list").iter().filter_map(|s| s["alerts"].as_u64()).sum();
    let kept = sector.centre.store.alerts_kept(&Scope::of_the_centre_itself()).await.expect("counts");
    assert_eq!(sum, kept, "stories and hours count the same");
    sum
}

#[tokio::test]
async fn a_batch_twice_has_its_effect_once() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    for _ in 0..3 {
        assert_eq!(sector.send_batch(ALPHA, alerts(ALPHA, &[1, 2, 3])).await, 3);
        assert_eq!(counted(&sector, ALPHA).await, 3);
    }
}

#[tokio::test]
async fn of_a_batch_that_is_half_known_only_the_rest_counts() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    assert_eq!(sector.send_batch(ALPHA, alerts(ALPHA, &[1, 2, 3])).await, 3);
    assert_eq!(sector.send_batch(ALPHA, alerts(ALPHA, &[2, 3, 4, 5])).await, 5);
    assert_eq!(counted(&sector, ALPHA).await, 5);
    // An older batch that comes late acknowledges what is known already.
    assert_eq!(sector.send_batch(ALPHA, alerts(ALPHA, &[1])).await, 5);
    assert_eq!(counted(&sector, ALPHA).await, 5);
    assert_eq!(sector.send_batch(ALPHA, alerts(ALPHA, &[])).await, 5);
}

#[tokio::test]
async fn a_spool_that_begins_anew_is_not_taken_for_a_repetition() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.send_batch(ALPHA, alerts(ALPHA, &[1, 2])).await;
    let anew = Batch { spool: SpoolId([2; 16]), ..alerts(ALPHA, &[1, 2]) };
    assert_eq!(sector.send_batch(ALPHA, anew).await, 2);
    assert_eq!(counted(&sector, ALPHA).await, 4);
}

#[tokio::test]
async fn other_alerts_under_known_numbers_are_told_from_a_repetition_and_nothing_is_acknowledged() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.send_batch(ALPHA, alerts(ALPHA, &[1, 2, 3])).await;
    let mut other = own_alert(ALPHA);
    other.src_port = Some(4_321);
    let mut batch = alerts(ALPHA, &[2]);
    batch.records.extend([3, 4].map(|seq| Record { seq, item: Item::Alert(Box::new(other.clone())) }));
    let refused = sector.intake.accept(&ALPHA.sensor(), batch.clone()).await;
    assert!(matches!(refused, Err(IntakeError::Forked)), "{refused:?}");
    assert_eq!(counted(&sector, ALPHA).await, 3);
    assert_eq!(sector.send_batch(ALPHA, Batch { spool: SpoolId([9; 16]), ..batch }).await, 4);
    assert_eq!(counted(&sector, ALPHA).await, 6);
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_freezes_nothing() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    let far = Timestamp::parse("2099-01-01T00:00:00Z").expect("a moment");
    let mut weak = observation(ALPHA, 20, smb1());
    (weak.first_at, weak.last_at) = (far, far);
    let mut alert = own_alert(ALPHA);
    alert.at = far;
    let health = Health { at: far, version: "ahead".to_owned(), ..Health::default() };
    sector.send(ALPHA, 1, 1, vec![Item::Observation(weak), Item::Alert(Box::new(alert)), Item::Health(health)]).await;
    let finding = &sector.get(Person::AtAlpha, "/api/v1/findings").await.json()["items"][0];
    assert_eq!(finding["last_seen_at"], sector.now().iso().as_str());
    sector.advance_secs(60);
    let health = Health { at: sector.now(), version: "later".to_owned(), ..Health::default() };
    sector.send(ALPHA, 1, 4, vec![Item::Health(health)]).await;
    let detail = sector.get(Person::AtAlpha, &format!("/api/v1/facilities/{}", ALPHA.code)).await.json();
    assert_eq!(detail["sensors"][0]["version"], "later");
    assert_eq!(detail["sensors"][0]["losses"][0]["cause"], "clock_ahead");
}

#[tokio::test]
async fn one_sensor_does_not_change_what_another_hospitals_alerts_are_called() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.enrol(BRAVO).await;
    sector.send(ALPHA, 1, 1, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    let mut hostile = shared_alert(BRAVO);
    (hostile.signature, hostile.severity, hostile.rev) = ("all is well".to_owned(), Severity::Low, u32::MAX);
    let genuine = shared_alert(BRAVO);
    sector.send(BRAVO, 1, 1, vec![Item::Alert(Box::new(hostile)), Item::Alert(Box::new(genuine))]).await;
    let seen = sector.get(Person::AtAlpha, "/api/v1/stories?since=all").await.json();
    let names: Vec<&str> =
        seen["items"].as_array().expect("a list").iter().filter_map(|s| s["signature"].as_str()).collect();
    assert_eq!(names, [shared_alert(ALPHA).signature]);
    assert_eq!(sector.care_state(ALPHA).await, "call");
    let all = sector.get(Person::Analyst, "/api/v1/stories?since=all").await.json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_the_centre_forgot_and_what_the_sensor_lost_is_shown_once() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    // What the spool left out is the sensor's to tell; that this centre once had up to 7 is not.
    sector.send_batch(ALPHA, alerts(ALPHA, &[1, 2])).await;
    sector.send_batch(ALPHA, Batch { acknowledged: 7, ..alerts(ALPHA, &[8, 9]) }).await;
    let loss = |count| Loss {
        cause: LossCause::SpoolFull,
        count,
        from: Timestamp::from_secs(100),
        until: Timestamp::from_secs(100 + count as i64),
    };
    for (seq, count) in [(10, 3), (11, 5), (12, 4)] {
        let health = Health { at: sector.now(), losses: vec![loss(count)], ..Health::default() };
        sector.send(ALPHA, 1, seq, vec![Item::Health(health)]).await;
    }
    let detail = sector.get(Person::AtAlpha, &format!("/api/v1/facilities/{}", ALPHA.code)).await.json();
    let losses = detail["sensors"][0]["losses"].as_array().expect("a list").clone();
    let count = |cause: &str| -> Vec<u64> {
        losses.iter().filter(|loss| loss["cause"] == cause).filter_map(|loss| loss["count"].as_u64()).collect()
    };
    assert_eq!(count("sequence_gap"), [5]);
    assert_eq!(count("spool_full"), [5], "the same loss told again is one loss, at its largest");
}

#[tokio::test]
async fn what_is_not_committed_leaves_nothing_behind() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    let (store, now) = (&sector.centre.store, sector.now());
    let (sensor, alert) = (ALPHA.sensor(), own_alert(ALPHA));
    let spool = [(&sensor, "spool".to_owned())];
    let mut half = store.begin_ingest(now, now).await.expect("begins");
    let source = half.open(&spool).await.expect("opens").pop().flatten().expect("is known");
    let arrived = ArrivedAlert { source: 0, seq: 1, alert: &alert };
    half.add_alerts(&[&source], &[arrived]).await.expect("stores");
    drop(half);
    assert_eq!(counted(&sector, ALPHA).await, 0);
    let mut again = store.begin_ingest(now, now).await.expect("begins");
    let source = again.open(&spool).await.expect("opens").pop().flatten().expect("is known");
    assert_eq!(source.committed(), 0);
}

#[tokio::test]
async fn a_centre_that_starts_again_knows_what_it_acknowledged() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    sector.send_batch(ALPHA, alerts(ALPHA, &[1, 2, 3])).await;
    let again = sector.open_again().await;
    let spool = SpoolId([1; 16]).to_string();
    let mut ingest = again.begin_ingest(sector.now(), sector.now()).await.expect("begins");
    let source = ingest.open(&[(&ALPHA.sensor(), spool)]).await.expect("opens").pop().flatten().expect("is known");
    assert_eq!(source.committed(), 3);
}

#[tokio::test]
async fn an_unknown_or_revoked_sensor_is_told_so() {
    let sector = Sector::empty().await;
    let refused = sector.intake.accept(&BRAVO.sensor(), alerts(BRAVO, &[1])).await;
    assert!(matches!(refused, Err(IntakeError::Unknown(_))));
    sector.enrol(ALPHA).await;
    let (store, now) = (&sector.centre.store, sector.now());
    store.remember_certificate(&ALPHA.sensor(), "abc", now, now.plus_secs(100)).await.expect("remembers");
    sector.intake.welcome(&ALPHA.sensor(), "abc").await.expect("is welcome");
    assert!(sector.intake.welcome(&ALPHA.sensor(), "abd").await.is_err(), "another certificate");
    assert!(sector.intake.welcome(&BRAVO.sensor(), "abc").await.is_err(), "another sensor's certificate");
    let audit = AuditLine::of_operator(now, "sensor.revoke");
    store.revoke_sensor(&Scope::of_the_centre_itself(), &ALPHA.sensor(), audit).await.expect("revokes");
    assert!(sector.intake.welcome(&ALPHA.sensor(), "abc").await.is_err());
    assert!(sector.intake.accept(&ALPHA.sensor(), alerts(ALPHA, &[1])).await.is_err());
}

#[tokio::test]
async fn a_code_enrols_one_sensor_until_it_expires() {
    use phitak_store::sensors::Redeemed;
    let sector = Sector::empty().await;
    let made = sector.post(Person::Administrator, "/api/v1/enrolment-codes", json!({"facility": ALPHA.code})).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let text = made.json()["code"].as_str().expect("a code").to_owned();
    let code = EnrolmentCode::parse(&text).expect("reads");
    assert!(code.is_of(sector.centre.authority.certificate()));
    let (store, now) = (&sector.centre.store, sector.now());
    let redeem = async |key: &str, now| store.redeem(&code.digest(), key, now).await.expect("redeems");
    assert_eq!(redeem("one", now).await, Redeemed::Sensor(ALPHA.sensor()));
    assert_eq!(redeem("one", now).await, Redeemed::Sensor(ALPHA.sensor()), "the first answer may have been lost");
    assert_eq!(redeem("two", now).await, Redeemed::Used);
    assert_eq!(redeem("one", now.plus_secs(8 * 86_400)).await, Redeemed::Expired);
    assert_eq!(store.redeem("nobody's", "one", now).await.expect("redeems"), Redeemed::Wrong);
    let listed = sector.get(Person::Administrator, "/api/v1/enrolment-codes").await;
    assert_eq!(listed.json()["items"][0]["sensor"], ALPHA.sensor().as_str());
    assert!(!listed.text.contains(&text), "a code is shown once");
    let unknown = sector.post(Person::Administrator, "/api/v1/enrolment-codes", json!({"facility": "00000"})).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_large_batch_is_stored_whole_and_its_order_does_not_matter_for_the_story() {
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    let begin = sector.now().plus_secs(-10_000);
    let items = (0..4_000_u32).map(|n| {
        let mut one = alert(ALPHA, 9_200_000 + n % 7, "many", Severity::Low);
        one.at = begin.plus_secs(i64::from(n * 7_919 % 4_000));
        Item::Alert(Box::new(one))
    });
    assert_eq!(sector.send(ALPHA, 1, 1, items.collect()).await, 4_000);
    assert_eq!(counted(&sector, ALPHA).await, 4_000);
    let story = sector.get(Person::Analyst, "/api/v1/stories?signature=9200000").await.json();
    assert_eq!(story["total"], 1);
    let id = &story["items"][0]["id"];
    let detail = sector.get(Person::Analyst, &format!("/api/v1/stories/{id}")).await.json();
    assert_eq!(detail["alerts_latest"].as_array().expect("a list").len(), 50);
    assert_eq!(detail["alerts"], 572);
}

#[tokio::test]
async fn hostile_words_from_the_wire_come_back_as_json_text() {
    let hostile = "\"><script>alert(1)</script>\u{202e}\u{0}\r\n'; DROP TABLE alerts; -- ${7*7} {{7*7}}";
    let sector = Sector::empty().await;
    sector.enrol(ALPHA).await;
    let mut bad = alert(ALPHA, 9_300_000, hostile, Severity::Medium);
    bad.category = hostile.to_owned();
    bad.fields = vec![(hostile.to_owned(), hostile.to_owned())];
    bad.app_proto = Some(hostile.to_owned());
    bad.attack = vec![hostile.to_owned()];
    let named = Fact::Named { name: hostile.to_owned(), source: hostile.to_owned() };
    let serves = Fact::Serves { port: 80, protocol: hostile.to_owned() };
    sector
        .send(
            ALPHA,
            1,
            1,
            vec![
                Item::Alert(Box::new(bad)),
                Item::Observation(observation(ALPHA, 20, named)),
                Item::Observation(observation(ALPHA, 20, serves)),
                Item::Observation(observation(ALPHA, 20, smb1())),
            ],
        )
        .await;
    let story = sector.story_id("9300000").await;
    let detail = sector.get(Person::AtAlpha, &format!("/api/v1/stories/{story}")).await;
    // Of the character 0 a place is kept: no text column of PostgreSQL takes it.
    let stored = hostile.replace('\0', "\u{fffd}");
    assert_eq!(detail.json()["signature"], stored);
    let alert = detail.json()["alerts_latest"][0]["id"].as_i64().expect("an alert");
    let paths = [
        format!("/api/v1/stories/{story}"),
        format!("/api/v1/alerts/{alert}"),
        "/api/v1/stories?since=all".to_owned(),
        "/api/v1/findings".to_owned(),
        format!("/api/v1/facilities/{}/assets", ALPHA.code),
        format!("/api/v1/facilities/{}/care", ALPHA.code),
    ];
    for path in paths {
        let answer = sector.get(Person::AtAlpha, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        assert!(answer.json().is_object(), "{path} is whole JSON");
        let raw: Vec<char> = answer.text.chars().filter(|letter| letter.is_control()).collect();
        assert!(raw.is_empty(), "{path} holds raw control characters");
    }
    let answer = sector.get(Person::AtAlpha, &format!("/api/v1/alerts/{alert}")).await.json();
    assert_eq!(answer["fields"][0]["value"], hostile);
    assert_eq!(counted(&sector, ALPHA).await, 1);
    sector.send(ALPHA, 1, 5, vec![Item::Alert(Box::new(shared_alert(ALPHA)))]).await;
    assert_eq!(counted(&sector, ALPHA).await, 2, "no table was dropped");
}
