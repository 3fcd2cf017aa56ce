//! Sensor and centre over a real connection, and over a bad one.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod world;

use phitak_model::{Health, SensorId, Timestamp};
use phitak_uplink::{
    EnrolmentCode, Item,
    client::{EnrolFailure, enrol},
    refusal::RefusalCode,
    wire::BODY_BYTES_MAX,
};
use world::{Centre, Hospital, Trouble, item, proxy};

#[tokio::test]
async fn everything_arrives_once_and_in_order() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    (1..=3000).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    assert_eq!(centre.numbers(), (1..=3000).collect::<Vec<_>>());
    assert_eq!(centre.sensors(), [SensorId::new("10665-1").expect("a sensor")]);
}

#[tokio::test]
async fn a_cutting_and_garbling_connection_loses_and_doubles_nothing() {
    let seed = world::seed();
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    let proxy = proxy(centre.address(), Trouble { seed, bytes_min: 1500, bytes_max: 60_000 }).await;
    (1..=4000).for_each(|number| hospital.append(number));
    hospital.send_all(&proxy.address).await;
    assert_eq!(centre.numbers(), (1..=4000).collect::<Vec<_>>(), "seed {seed}");
    assert!(proxy.troubles() > 10, "the connection was bad: {} troubles, seed {seed}", proxy.troubles());
}

#[tokio::test]
async fn an_acknowledgement_that_is_lost_or_garbage_changes_nothing() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    centre.intake.answer_garbage(5);
    (1..=300).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    assert_eq!(centre.numbers(), (1..=300).collect::<Vec<_>>());
    assert_eq!(centre.intake.garbage_left(), 0, "garbage was answered");
}

#[tokio::test]
async fn a_restarted_sensor_sends_again_what_was_not_acknowledged_and_the_centre_takes_it_once() {
    let centre = Centre::start().await;
    let mut hospital = Hospital::enrolled(&centre).await;
    (1..=100).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    std::fs::remove_file(hospital.folder().join("spool/acknowledged.json")).expect("there was one");
    hospital.restart();
    (101..=150).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    assert_eq!(centre.numbers(), (1..=150).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_folder_that_is_restored_from_an_older_copy_goes_on_under_a_new_name_and_loses_nothing() {
    let centre = Centre::start().await;
    let mut hospital = Hospital::enrolled(&centre).await;
    (1..=30).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    let (spool, copy) = (hospital.folder().join("spool"), hospital.folder().join("copy"));
    world::copy_folder(&spool, &copy);
    (31..=70).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    hospital.replace_spool(&copy);
    (1031..=1040).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    hospital.restart();
    (1041..=1050).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    assert_eq!(centre.numbers(), (1..=70).chain(1031..=1050).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_centre_that_cannot_take_it_now_gets_it_later() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    centre.intake.be_unavailable(4);
    (1..=10).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    assert_eq!(centre.numbers(), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_revoked_sensor_is_turned_away_and_keeps_its_records() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    centre.intake.revoke(&hospital.keys().serial);
    hospital.append(1);
    let (status, refusal) = hospital.post_raw(centre.address(), "/v1/batch", b"{}".to_vec()).await;
    assert_eq!((status, refusal.map(|refusal| refusal.code)), (403, Some(RefusalCode::UnknownSensor)));
    assert!(centre.numbers().is_empty());
    assert!(!hospital.desk().is_drained());
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_at_the_door() {
    let (centre, other) = (Centre::start().await, Centre::start().await);
    let stranger = Hospital::enrolled(&other).await;
    let error = stranger.try_post(centre.address()).await.expect_err("no connection");
    assert!(
        error.contains("UnknownIssuer") || error.contains("BadSignature"),
        "the sensor refuses this centre: {error}"
    );
    let error = stranger.try_post_trusting(&centre).await.expect_err("no connection");
    assert!(error.to_lowercase().contains("alert"), "the centre refuses this sensor: {error}");
}

#[tokio::test]
async fn without_a_certificate_there_is_only_enrolment() {
    let centre = Centre::start().await;
    for path in ["/v1/batch", "/v1/renew"] {
        let (status, refusal) = centre.post_as_stranger(path, b"{}".to_vec()).await;
        assert_eq!((status, refusal.map(|refusal| refusal.code)), (401, Some(RefusalCode::NoCertificate)), "{path}");
    }
    let (status, refusal) = centre.post_as_stranger("/v1/everything", Vec::new()).await;
    assert_eq!((status, refusal.map(|refusal| refusal.code)), (404, Some(RefusalCode::NotFound)));
}

#[tokio::test]
async fn oversized_and_damaged_bodies_are_refused_with_their_reason() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    let cases = [
        (vec![b'x'; BODY_BYTES_MAX + 1], 413, RefusalCode::TooLarge),
        (b"garbage".to_vec(), 400, RefusalCode::Damaged),
        (b"{\"phitak\":2}\n".to_vec(), 426, RefusalCode::Version),
    ];
    for (body, status, code) in cases {
        let (found, refusal) = hospital.post_raw(centre.address(), "/v1/batch", body).await;
        assert_eq!((found, refusal.map(|refusal| refusal.code)), (status, Some(code)));
    }
    let (status, _) = centre.post_as_stranger("/v1/enrol", vec![b'x'; 1 << 20]).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_record_that_the_centre_cannot_understand_does_not_stop_the_others() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    (1..=5).for_each(|number| hospital.append(number));
    hospital.spoil_record(3);
    (6..=10).for_each(|number| hospital.append(number));
    hospital.send_all(centre.address()).await;
    assert_eq!(centre.numbers(), [1, 2, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(hospital.desk().losses().iter().map(|loss| loss.count).sum::<u64>(), 1);
}

#[tokio::test]
async fn a_certificate_is_renewed_before_it_ends() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    let before = hospital.keys();
    hospital.age_keys();
    hospital.append(1);
    hospital.send_all(centre.address()).await;
    let after = hospital.keys();
    assert_ne!(before.serial, after.serial);
    assert_ne!(before.key, after.key, "the key is new too");
    assert_eq!(before.sensor, after.sensor);
    hospital.append(2);
    hospital.send_all(centre.address()).await;
    assert_eq!(centre.numbers(), [1, 2]);
}

async fn check_refused(centre: &Centre, code: &str, expected: RefusalCode) {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = phitak_uplink::keys::KeyFolder::new(folder.path());
    match enrol(centre.address(), code, &keys).await {
        Err(EnrolFailure::Refused(refusal)) => assert_eq!(refusal.code, expected),
        other => panic!("{:?}", other.map(|keys| keys.sensor)),
    }
}

#[tokio::test]
async fn wrong_used_and_expired_codes_are_told_apart() {
    let centre = Centre::start().await;
    let code = centre.draw_code();
    let unknown = EnrolmentCode::draw(&mut rand::rng(), centre.authority.certificate()).to_string();
    check_refused(&centre, &unknown, RefusalCode::CodeWrong).await;
    let _first = Hospital::enrol_with(&centre, &code).await;
    check_refused(&centre, &code, RefusalCode::CodeUsed).await;
    let old = centre.draw_code();
    centre.intake.expire_codes();
    check_refused(&centre, &old, RefusalCode::CodeExpired).await;
}

#[tokio::test]
async fn a_mistyped_code_is_noticed_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = phitak_uplink::keys::KeyFolder::new(folder.path());
    let failure = enrol("nowhere.invalid:1", "PHK-1234", &keys).await.expect_err("no code");
    assert!(matches!(failure, EnrolFailure::Code(_)), "{failure}");
}

#[tokio::test]
async fn a_code_of_one_centre_is_never_shown_to_another() {
    let (centre, other) = (Centre::start().await, Centre::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let keys = phitak_uplink::keys::KeyFolder::new(folder.path());
    let failure = enrol(other.address(), &centre.draw_code(), &keys).await.expect_err("another centre");
    assert!(failure.to_string().contains("not the centre that gave out the code"), "{failure}");
    assert_eq!(other.intake.enrolments_asked(), 0);
}

fn check_unavailable(failed: Result<phitak_uplink::keys::SensorKeys, EnrolFailure>) {
    match failed {
        Err(EnrolFailure::Refused(refusal)) => assert_eq!(refusal.code, RefusalCode::Unavailable),
        other => panic!("{:?}", other.map(|keys| keys.sensor)),
    }
}

#[tokio::test]
async fn a_lost_answer_to_an_enrolment_can_be_asked_for_again_with_the_same_code() {
    let centre = Centre::start().await;
    let code = centre.draw_code();
    let folder = tempfile::tempdir().expect("a folder");
    let keys = phitak_uplink::keys::KeyFolder::new(folder.path());
    centre.intake.be_unavailable(1);
    check_unavailable(enrol(centre.address(), &code, &keys).await);
    let enrolled = enrol(centre.address(), &code, &keys).await.expect("enrolled");
    assert_eq!(enrolled.sensor.as_str(), "10665-1");
}

#[tokio::test]
async fn trying_codes_is_slowed_down() {
    let centre = Centre::start().await;
    for _ in 0..5 {
        let unknown = EnrolmentCode::draw(&mut rand::rng(), centre.authority.certificate()).to_string();
        check_refused(&centre, &unknown, RefusalCode::CodeWrong).await;
    }
    check_refused(&centre, &centre.draw_code(), RefusalCode::SlowDown).await;
}

#[test]
fn a_world_item_is_a_health_report_with_its_number() {
    let at = Timestamp::from_secs(7);
    assert_eq!(item(7), Item::Health(Health { at, packets: 7, ..Health::default() }));
}
