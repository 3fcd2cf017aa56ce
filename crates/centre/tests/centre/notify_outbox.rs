//! The outbox: nothing that has to be told is lost, whatever dies, hangs or breaks off.

use crate::{
    loopback::{HttpServer, MailServer, Manner, PATIENCE, Postman, Security},
    sector::{ALPHA, BRAVO, Person, Sector},
    telling::{KEY, tell_due},
};
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    notify::{
        channel::by_kind,
        dispatch::{LEASE_SECS, PAUSES_SECS, dispatch, send_due},
        outward::OutwardSettings,
        watch,
    },
};
use phitak_model::Severity;
use phitak_store::{DeliveryState, MatterState, deliveries::GIVEN_UP_AFTER_SECS};
use phitak_uplink::Authority;
use ring::hmac;
use std::{
    process::{Child, Command, Stdio},
    time::Instant,
};
use tokio::{net::TcpListener, time::timeout};

fn states(told: &[phitak_store::delivery_log::DeliveryRecord]) -> Vec<(String, DeliveryState)> {
    told.iter().map(|record| (record.delivery.channel.clone(), record.delivery.state)).collect()
}

#[tokio::test]
async fn what_a_sensor_sees_leaves_the_centre_as_mail_and_as_a_signed_webhook() {
    let (mail, webhook) =
        (MailServer::start(Security::Plain, Postman::Takes).await, HttpServer::start(Manner::Answer(200)).await);
    let sector = Sector::telling().await;
    sector.set_mail(&mail, "plain").await;
    sector.set_webhook(&webhook).await;
    sector.reach(Person::AtAlpha, &[("mail", "anan@hospital.example"), ("webhook", "at alpha")]).await;
    sector.enrol(ALPHA).await;
    let tasks = [tokio::spawn(watch::watch(sector.centre.clone())), tokio::spawn(dispatch(sector.centre.clone()))];
    let begun = Instant::now();
    // Critical: by every channel at once.
    sector.urgent(ALPHA, 1, Severity::Critical).await;
    let letters = mail.at_least(1).await;
    let requests = webhook.at_least(1).await;
    println!("from the sensor's batch to the second message: {} ms", begun.elapsed().as_millis());
    sector.centre.stopping.send_replace(true);
    for task in tasks {
        timeout(PATIENCE, task).await.expect("ends with the centre").expect("does not fail");
    }
    let letter = letters.first().expect("one");
    assert_eq!(letter.from, "MAIL FROM:<phitak@example.go.th>");
    assert_eq!(letter.to, "RCPT TO:<anan@hospital.example>");
    let request = requests.first().expect("one");
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/told"));
    let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(
        (&body["severity"], &body["kind"], &body["to"]),
        (&"critical".into(), &"story".into(), &"at alpha".into())
    );
    assert_eq!(body["text"]["th"], "มีเรื่องด่วนในระบบพิทักษ์ กรุณาเปิดดู");
    assert!(body["link"].as_str().expect("a link").starts_with("http://127.0.0.1:8080/acknowledge/"));
    let (seconds, given) = request.header("x-phitak-signature").split_once(",v1=").expect("a signature");
    let signed = format!("{}.{}", seconds.strip_prefix("t=").expect("a time"), request.body);
    let tag: Vec<u8> =
        (0..given.len()).step_by(2).map(|at| u8::from_str_radix(&given[at..at + 2], 16).expect("hex")).collect();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), signed.as_bytes(), &tag).expect("is signed");
    // Neither what happened nor where.
    for text in [&request.body, &letter.data] {
        assert!(!ALPHA.is_told_in(text) && !text.contains("urgent 1") && !text.contains("T1486"), "{text}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_down_gets_everything_once_it_is_back() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let sector = Sector::telling().await;
    sector.set_channel("webhook", serde_json::json!({"url": format!("http://{address}/told")}), KEY).await;
    sector.reach(Person::AtAlpha, &[("webhook", "at alpha")]).await;
    sector.enrol(ALPHA).await;
    for signature in 1..=3 {
        sector.urgent(ALPHA, signature, Severity::High).await;
    }
    sector.tell().await;
    for pause in PAUSES_SECS {
        sector.advance_secs(pause);
        tell_due(&sector.centre).await;
    }
    let channels = sector.get(Person::Administrator, "/api/v1/notification-channels").await.json();
    let webhook = channels["items"].as_array().expect("a list").iter().find(|channel| channel["kind"] == "webhook");
    let webhook = webhook.expect("declared");
    assert_eq!((&webhook["failing"], &webhook["waiting"]), (&true.into(), &3.into()), "{webhook}");
    assert!(webhook["last_error"].as_str().expect("an error").contains("cannot connect"), "{webhook}");
    let log = sector.get(Person::AtAlpha, "/api/v1/deliveries").await.json();
    assert_eq!(log["failing"][0]["kind"], "webhook", "the hospital sees it too");
    let back = HttpServer::on(TcpListener::bind(address).await.expect("the same port"), Manner::Answer(204));
    sector.advance_secs(PAUSES_SECS[PAUSES_SECS.len() - 1]);
    tell_due(&sector.centre).await;
    sector.advance_secs(PAUSES_SECS[PAUSES_SECS.len() - 1]);
    tell_due(&sector.centre).await;
    let mut keys: Vec<String> =
        back.requests().iter().map(|request| request.header("idempotency-key").to_owned()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((keys.len(), back.requests().len()), (3, 3), "each once");
    assert!(states(&sector.told().await).iter().all(|(_, state)| *state == DeliveryState::Sent));
}

#[tokio::test]
async fn another_channel_of_the_person_stands_in_at_once_and_the_first_is_not_sent_again() {
    let (mail, webhook) =
        (MailServer::start(Security::Plain, Postman::Takes).await, HttpServer::start(Manner::Answer(500)).await);
    let sector = Sector::telling().await;
    sector.set_mail(&mail, "plain").await;
    sector.set_webhook(&webhook).await;
    sector.reach(Person::AtAlpha, &[("webhook", "at alpha"), ("mail", "anan@hospital.example")]).await;
    sector.enrol(ALPHA).await;
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    assert_eq!((webhook.requests().len(), mail.letters().len()), (1, 1));
    webhook.behave(Manner::Answer(200));
    sector.advance_secs(60);
    tell_due(&sector.centre).await;
    let both = [("webhook".to_owned(), DeliveryState::Replaced), ("mail".to_owned(), DeliveryState::Sent)];
    assert_eq!(states(&sector.told().await), both);
    assert_eq!(webhook.requests().len(), 1);
    // Once it counts as failing it is not even asked first.
    webhook.behave(Manner::Answer(500));
    for signature in 2..=4 {
        sector.urgent(ALPHA, signature, Severity::High).await;
        sector.tell().await;
    }
    let asked = webhook.requests().len();
    sector.urgent(ALPHA, 5, Severity::High).await;
    sector.tell().await;
    assert_eq!((webhook.requests().len(), mail.letters().len()), (asked, 5));
}

#[tokio::test]
async fn what_hangs_breaks_off_redirects_or_never_ends_is_a_failure_and_no_way_into_this_machine() {
    let inside = HttpServer::start(Manner::Answer(200)).await;
    let webhook = HttpServer::start(Manner::BreakOff).await;
    let sector = Sector::telling().await;
    sector.set_webhook(&webhook).await;
    let test = async || {
        let path = "/api/v1/notification-channels/webhook/test";
        let answer = sector.post(Person::Administrator, path, serde_json::json!({"address": "x"})).await.json();
        assert_eq!(answer["taken"], false, "{answer}");
        answer["detail"].as_str().expect("says why").to_owned()
    };
    assert!(test().await.contains("broke off"));
    webhook.behave(Manner::Redirect(inside.url("/secret")));
    assert!(test().await.contains("307"));
    webhook.behave(Manner::Endless);
    assert!(test().await.contains("too long"));
    webhook.behave(Manner::Hang);
    assert!(test().await.contains("in time"));
    webhook.behave(Manner::Answer(401));
    assert!(test().await.contains("401"));
    assert_eq!(inside.requests().len(), 0, "nobody was led there");
}

#[tokio::test]
async fn without_the_start_option_no_channel_leads_to_this_machine() {
    let sector = Sector::empty().await;
    for (kind, values, secret) in [
        ("webhook", serde_json::json!({"url": "http://127.0.0.1:8080/"}), KEY),
        ("webhook", serde_json::json!({"url": "https://127.0.0.1/"}), KEY),
        ("webhook", serde_json::json!({"url": "https://169.254.169.254/latest/meta-data"}), KEY),
        ("line", serde_json::json!({"base": "http://localhost:1"}), "token"),
        ("sms", serde_json::json!({"url": "https://[::1]/?to={to}"}), ""),
        ("telegram", serde_json::json!({"base": "https://10.0.0.1"}), "1:a"),
    ] {
        let path = format!("/api/v1/notification-channels/{kind}");
        let setting = serde_json::json!({"enabled": true, "values": values, "secret": secret});
        let refused = sector.post(Person::Administrator, &path, setting).await;
        assert_eq!(refused.code(), "invalid", "{kind} {values}: {}", refused.text);
    }
    // A name is judged when it is connected to.
    let values = serde_json::json!({"url": "https://localhost:9/told"});
    sector.set_channel("webhook", values, KEY).await;
    let path = "/api/v1/notification-channels/webhook/test";
    let answer = sector.post(Person::Administrator, path, serde_json::json!({"address": "x"})).await.json();
    assert!(answer["detail"].as_str().expect("why").contains("no address that may be reached"), "{answer}");
}

#[tokio::test]
async fn two_that_empty_the_outbox_at_once_send_each_message_once() {
    let webhook = HttpServer::start(Manner::Answer(200)).await;
    let sector = Sector::telling().await;
    sector.set_webhook(&webhook).await;
    sector.reach(Person::AtAlpha, &[("webhook", "at alpha")]).await;
    sector.enrol(ALPHA).await;
    for signature in 1..=10 {
        sector.urgent(ALPHA, signature, Severity::High).await;
    }
    watch::look(&sector.centre).await.expect("looks");
    watch::look(&sector.centre).await.expect("looks again");
    let channel = by_kind("webhook").expect("declared");
    let send = || send_due(&sector.centre, channel);
    let (one, two, three) = tokio::join!(send(), send(), send());
    let sent = one.expect("sends") + two.expect("sends") + three.expect("sends");
    assert_eq!((sent, webhook.requests().len()), (10, 10));
}

#[tokio::test]
async fn a_message_that_was_claimed_by_a_centre_that_died_is_sent_when_its_lease_ends() {
    let webhook = HttpServer::start(Manner::Answer(200)).await;
    let sector = Sector::telling().await;
    sector.set_webhook(&webhook).await;
    sector.reach(Person::AtAlpha, &[("webhook", "at alpha")]).await;
    sector.enrol(ALPHA).await;
    sector.urgent(ALPHA, 1, Severity::High).await;
    watch::look(&sector.centre).await.expect("looks");
    let now = sector.now();
    let claimed = sector.centre.store.claim("webhook", 8, now, now.plus_secs(LEASE_SECS)).await.expect("claims");
    assert_eq!(claimed.len(), 1);
    tell_due(&sector.centre).await;
    assert_eq!(webhook.requests().len(), 0, "it is another's");
    sector.advance_secs(LEASE_SECS);
    tell_due(&sector.centre).await;
    assert_eq!(webhook.requests().len(), 1);
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day_and_stands_in_the_log_as_failed() {
    let webhook = HttpServer::start(Manner::Answer(503)).await;
    let sector = Sector::telling().await;
    sector.set_webhook(&webhook).await;
    sector.reach(Person::AtAlpha, &[("webhook", "at alpha")]).await;
    sector.enrol(ALPHA).await;
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    sector.advance_secs(GIVEN_UP_AFTER_SECS - 1);
    tell_due(&sector.centre).await;
    let told = sector.told().await;
    let delivery = &told.first().expect("one").delivery;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 2));
    assert_eq!(delivery.last_error.as_deref(), Some("the receiver answered 503"));
    sector.advance_secs(GIVEN_UP_AFTER_SECS);
    tell_due(&sector.centre).await;
    assert_eq!(webhook.requests().len(), 2);
}

#[tokio::test]
async fn what_happens_before_the_first_channel_is_on_is_not_told_and_what_comes_after_is_told_once() {
    let webhook = HttpServer::start(Manner::Answer(200)).await;
    let sector = Sector::telling().await;
    for hospital in [ALPHA, BRAVO] {
        sector.enrol(hospital).await;
    }
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    sector.advance_secs(1);
    sector.set_webhook(&webhook).await;
    sector.reach(Person::AtAlpha, &[("webhook", "at alpha")]).await;
    sector.tell().await;
    assert_eq!(webhook.requests().len(), 0);
    sector.advance_secs(1);
    for _ in 0..3 {
        sector.urgent(ALPHA, 2, Severity::High).await;
        sector.urgent(ALPHA, 3, Severity::Medium).await;
        sector.tell().await;
    }
    assert_eq!(webhook.requests().len(), 1, "once, and nothing that is only medium");
    // Bravo has nobody with an address: that stands on the page.
    sector.urgent(BRAVO, 4, Severity::High).await;
    sector.tell().await;
    assert_eq!(webhook.requests().len(), 1);
    assert!(sector.told().await.iter().all(|record| record.matter.state == MatterState::Open));
}

/// A centre's program on the sector's folder.
struct Program(Child);

impl Program {
    fn start(sector: &Sector) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phitak-centre"));
        command.arg("serve").arg("--data").arg(sector.folder());
        command.args(["--listen", "127.0.0.1:0", "--uplink", "127.0.0.1:0", "--loopback-channels"]);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts"))
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().expect("dies");
        self.0.wait().expect("is dead");
    }
}

/// The sector's tables under a clock that goes, as its program has.
async fn at_this_hour(sector: &Sector) -> Centre {
    let clock = Clock::of_the_machine();
    let authority = Authority::load_or_create(sector.folder(), clock.now()).expect("a CA");
    let outward = OutwardSettings { loopback: true, ..OutwardSettings::default() };
    let settings = Settings { outward, ..Settings::default() };
    Centre::new(sector.open_again().await, clock, settings, authority).expect("a centre")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_commit_and_the_end_of_sending_loses_nothing() {
    let webhook = HttpServer::start(Manner::Hang).await;
    let sector = Sector::in_sqlite().await;
    let centre = at_this_hour(&sector).await;
    let sealed = centre.telling.seal.seal("channel webhook", KEY.as_bytes());
    let audit = phitak_store::AuditLine::of_operator(centre.clock.now(), "test");
    let setup = phitak_store::ChannelSetup {
        enabled: true,
        settings: [("url".to_owned(), webhook.url("/told"))].into(),
        secret: Some(sealed),
    };
    centre.store.set_channel("webhook", setup, audit).await.expect("is set up");
    sector.reach(Person::AtAlpha, &[("webhook", "at alpha")]).await;
    sector.enrol(ALPHA).await;
    // The sector's own clock stands in the past: what arrives must arrive after the channel was switched on.
    let ahead = centre.clock.now().micros_since(sector.now()) / 1_000_000 + 1;
    sector.advance_secs(ahead);
    // Committed, and nobody has looked yet: the first program finds it, and dies while it sends.
    sector.urgent(ALPHA, 1, Severity::High).await;
    let program = Program::start(&sector);
    let first = webhook.at_least(1).await;
    program.kill();
    webhook.behave(Manner::Answer(200));
    let program = Program::start(&sector);
    let both = webhook.at_least(2).await;
    program.kill();
    let key = |at: usize| both.get(at).expect("is there").header("idempotency-key").to_owned();
    assert_eq!((first.len(), key(0)), (1, key(1)), "the same message again, under the same key");
}
