//! The live stream: what a page may know of, and nothing else.

use crate::sector::{ALPHA, BRAVO, CHARLIE, Hospital, Person, Sector, shared_alert};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt;
use phitak_centre::{announce::WAITING_MAX, silence::SilenceWatch};
use phitak_uplink::Item;
use serde_json::json;
use tower::ServiceExt;

struct Stream(Body);

impl Stream {
    async fn open(sector: &Sector, secret: &str) -> Self {
        let request = Request::builder()
            .uri("/api/v1/live")
            .header(header::COOKIE, format!("phitak_session=secret of {secret}"))
            .body(Body::empty())
            .expect("a request");
        let response = sector.router.clone().oneshot(request).await.expect("answers");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut stream = Self(response.into_body());
        assert_eq!(stream.next().await.as_deref(), Some(": ping\n\n"));
        stream
    }

    /// The next event as it crosses; none when the stream ends.
    async fn next(&mut self) -> Option<String> {
        let frame = self.0.frame().await?.expect("whole");
        frame.into_data().ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

async fn send_alert(sector: &Sector, hospital: Hospital, seq: u64) {
    sector.send(hospital, 1, seq, vec![Item::Alert(Box::new(shared_alert(hospital)))]).await;
}

#[tokio::test]
async fn a_page_hears_of_its_own_hospitals_only() {
    let sector = Sector::lived_in().await;
    let mut alpha = Stream::open(&sector, "at-alpha").await;
    let mut officer = Stream::open(&sector, "officer").await;
    let mut analyst = Stream::open(&sector, "analyst").await;
    for hospital in [CHARLIE, BRAVO, ALPHA] {
        send_alert(&sector, hospital, 7).await;
    }
    let told = alpha.next().await.expect("an event");
    assert!(told.starts_with("event: story\n") && ALPHA.is_told_in(&told), "{told}");
    for hospital in [BRAVO, ALPHA] {
        assert!(hospital.is_told_in(&officer.next().await.expect("an event")));
    }
    for hospital in [CHARLIE, BRAVO, ALPHA] {
        assert!(hospital.is_told_in(&analyst.next().await.expect("an event")));
    }
    let finding = sector.finding_id(ALPHA).await;
    let path = format!("/api/v1/findings/{finding}/response");
    sector.post(Person::AtAlpha, &path, json!({"response": "done"})).await;
    let told = alpha.next().await.expect("an event");
    assert_eq!(
        told,
        format!("event: finding\ndata: {{\"id\":{finding},\"facility\":\"66101\",\"state\":\"claimed\"}}\n\n")
    );
}

#[tokio::test]
async fn a_slow_page_is_told_to_reload() {
    let sector = Sector::lived_in().await;
    let mut alpha = Stream::open(&sector, "at-alpha").await;
    let story = sector.story_id("shared").await;
    let path = format!("/api/v1/stories/{story}/triage");
    for _ in 0..WAITING_MAX / 3 + 2 {
        let triage = json!({"action": "acknowledge", "up_to": sector.now().iso()});
        assert_eq!(sector.post(Person::Analyst, &path, triage).await.status, StatusCode::OK);
    }
    assert_eq!(alpha.next().await.as_deref(), Some("event: resync\ndata: {}\n\n"));
}

#[tokio::test]
async fn silence_and_speech_are_told_once_each() {
    let sector = Sector::lived_in().await;
    let mut watch = SilenceWatch::default();
    watch.look(&sector.centre).await.expect("looks");
    let mut charlie = Stream::open(&sector, "at-charlie").await;
    watch.look(&sector.centre).await.expect("looks");
    sector.advance_secs(91);
    watch.look(&sector.centre).await.expect("looks");
    watch.look(&sector.centre).await.expect("looks");
    let silent = "event: sensor\ndata: {\"id\":\"ZZ0066103-1\",\"facility\":\"ZZ0066103\",\"status\":\"silent\"}\n\n";
    assert_eq!(charlie.next().await.as_deref(), Some(silent));
    assert_eq!(sector.care_state(CHARLIE).await, "call", "a story outranks silence");
    let overview = sector.get(Person::AtCharlie, "/api/v1/overview").await.json();
    assert_eq!((&overview["watching"], &overview["silent"][0]["code"]), (&json!(0), &json!(CHARLIE.code)));
    send_alert(&sector, CHARLIE, 7).await;
    assert!(charlie.next().await.expect("an event").starts_with("event: story\n"));
    watch.look(&sector.centre).await.expect("looks");
    let speaks = silent.replace("silent", "watching");
    assert_eq!(charlie.next().await, Some(speaks));
    let care = sector.get(Person::AtCharlie, &format!("/api/v1/facilities/{}/care", CHARLIE.code)).await.json();
    assert_eq!(care["sensor"]["watching_since_at"], json!(sector.now().iso()), "a silence begins a new watch");
}

#[tokio::test]
async fn the_streams_end_when_the_centre_stops() {
    let sector = Sector::lived_in().await;
    let mut alpha = Stream::open(&sector, "at-alpha").await;
    sector.centre.stopping.send_replace(true);
    assert_eq!(alpha.next().await, None);
}

#[tokio::test]
async fn a_warning_and_its_chase_are_told_to_the_hospital_its_region_and_the_sector_alone() {
    let sector = Sector::lived_in().await;
    let mut charlie = Stream::open(&sector, "at-charlie").await;
    let mut alpha = Stream::open(&sector, "at-alpha").await;
    let mut officer = Stream::open(&sector, "officer").await;
    let mut analyst = Stream::open(&sector, "analyst").await;
    let id = sector.sent_only_to(ALPHA).await;
    let told = |level: u8, state: &str| {
        format!(
            "event: bulletin\ndata: {{\"id\":{id},\"facility\":\"66101\",\"state\":\"{state}\",\"level\":{level}}}\n\n"
        )
    };
    for stream in [&mut alpha, &mut officer, &mut analyst] {
        assert_eq!(stream.next().await, Some(told(0, "sent")));
    }
    sector.advance_secs(3_600);
    let mut watch = phitak_centre::bulletin_watch::BulletinWatch::default();
    watch.look(&sector.centre).await.expect("looks");
    watch.look(&sector.centre).await.expect("looks");
    let path = format!("/api/v1/bulletins/{id}/recipients/{}/answer", ALPHA.code);
    sector.post(Person::AtAlpha, &path, json!({"answer": "acknowledged"})).await;
    for stream in [&mut alpha, &mut officer, &mut analyst] {
        assert_eq!(stream.next().await, Some(told(1, "sent")), "once");
        assert_eq!(stream.next().await, Some(told(1, "acknowledged")));
    }
    send_alert(&sector, CHARLIE, 7).await;
    assert!(charlie.next().await.expect("an event").starts_with("event: story\n"), "nothing of Alpha's before it");
}

#[tokio::test]
async fn a_change_of_a_case_is_told_where_it_is_seen_and_the_teams_own_words_to_the_team_alone() {
    let sector = Sector::lived_in().await;
    let case = sector.case_at(&[ALPHA, CHARLIE]).await;
    let mut alpha = Stream::open(&sector, "at-alpha").await;
    let mut charlie = Stream::open(&sector, "at-charlie").await;
    let mut analyst = Stream::open(&sector, "analyst").await;
    let told = |hospital: Hospital| {
        Some(format!("event: case\ndata: {{\"id\":{case},\"facility\":\"{}\"}}\n\n", hospital.code))
    };
    let write = async |person, what: &str, body| {
        let answer = sector.post(person, &format!("/api/v1/cases/{case}/{what}"), body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    };
    write(Person::Analyst, "comments", json!({"text": "between us"})).await;
    assert_eq!([analyst.next().await, analyst.next().await], [told(ALPHA), told(CHARLIE)]);
    write(Person::AtAlpha, "notes", json!({"facility": ALPHA.code, "text": "we turned it off"})).await;
    assert_eq!((alpha.next().await, analyst.next().await), (told(ALPHA), told(ALPHA)));
    write(Person::Analyst, "status", json!({"status": "contained"})).await;
    for (stream, hospital) in [(&mut alpha, ALPHA), (&mut charlie, CHARLIE)] {
        assert_eq!(stream.next().await, told(hospital), "the first thing after what was not for it");
    }
}
