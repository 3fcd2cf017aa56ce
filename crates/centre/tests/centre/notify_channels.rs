//! Each channel against a server on this machine: what it sends, whose fault a refusal is, and that nothing secret leaves.

use crate::{
    loopback::{HttpServer, MailServer, Manner, Postman, Security},
    sector::{ALPHA, Person, Sector},
    telling::tell_due,
};
use axum::http::StatusCode;
use phitak_centre::{centre::Settings, notify::outward::OutwardSettings};
use phitak_model::Severity;
use phitak_store::DeliveryState;
use serde_json::{Value, json};

const LINE_ID: &str = "U0123456789abcdef0123456789abcdef";

async fn test(sector: &Sector, kind: &str, address: &str) -> Value {
    let path = format!("/api/v1/notification-channels/{kind}/test");
    let answer = sector.post(Person::Administrator, &path, json!({"address": address})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

async fn trusting(server: &MailServer) -> Sector {
    let outward = OutwardSettings { loopback: true, extra_roots: vec![server.root.clone()] };
    Sector::with(Settings { outward, ..Settings::default() }).await
}

#[tokio::test]
async fn mail_goes_by_starttls_or_tls_with_a_login_and_by_nothing_that_cannot_be_trusted() {
    for (security, word) in [(Security::StartTls, "starttls"), (Security::Tls, "tls")] {
        let server = MailServer::start(security, Postman::Takes).await;
        let sector = trusting(&server).await;
        sector.set_mail(&server, word).await;
        assert_eq!(test(&sector, "mail", "anan@hospital.example").await["taken"], true, "{word}");
        let letters = server.at_least(1).await;
        assert!(letters[0].was_encrypted, "{word}");
        assert!(letters[0].login.as_deref().is_some_and(|login| !login.is_empty()), "{word}");
        // Another authority than the one that signed: nothing is sent.
        let strict = Sector::telling().await;
        strict.set_mail(&server, word).await;
        let refused = test(&strict, "mail", "anan@hospital.example").await;
        assert_eq!(refused["taken"], false, "{word}: {refused}");
        assert_eq!(server.letters().len(), 1, "{word}");
    }
    // A server without STARTTLS gets nothing in the clear.
    let plain = MailServer::start(Security::Plain, Postman::Takes).await;
    let sector = trusting(&plain).await;
    sector.set_mail(&plain, "starttls").await;
    assert_eq!(test(&sector, "mail", "anan@hospital.example").await["taken"], false);
    assert_eq!(plain.letters().len(), 0);
}

#[tokio::test]
async fn a_refused_receiver_is_the_addresss_fault_and_everything_else_the_channels() {
    let server = MailServer::start(Security::Plain, Postman::RefusesReceivers).await;
    let sector = Sector::telling().await;
    sector.set_mail(&server, "plain").await;
    sector.reach(Person::AtAlpha, &[("mail", "nobody@hospital.example")]).await;
    sector.enrol(ALPHA).await;
    let failures = async || {
        let channel = sector.centre.store.channel("mail").await.expect("is set up");
        (channel.failures, channel.last_error.unwrap_or_default())
    };
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    assert_eq!(sector.told().await[0].delivery.state, DeliveryState::Failed);
    assert_eq!(failures().await, (0, String::new()));
    for (signature, postman, error) in [
        (2, Postman::Busy, "the mail server answered 451"),
        (3, Postman::BreaksOff, "the mail server cannot be reached, or broke off"),
    ] {
        server.behave(postman);
        sector.urgent(ALPHA, signature, Severity::High).await;
        sector.tell().await;
        let told = sector.told().await;
        let delivery = &told.last().expect("one").delivery;
        assert_eq!((delivery.state, delivery.last_error.as_deref()), (DeliveryState::Waiting, Some(error)));
    }
    server.behave(Postman::Takes);
    sector.advance_secs(3_600);
    tell_due(&sector.centre).await;
    assert_eq!(server.letters().len(), 2, "both came later");
    assert_eq!(failures().await, (0, String::new()));
    server.behave(Postman::RefusesLogins);
    let secure = MailServer::start(Security::Tls, Postman::RefusesLogins).await;
    let sector = trusting(&secure).await;
    sector.set_mail(&secure, "tls").await;
    let refused = test(&sector, "mail", "anan@hospital.example").await;
    assert_eq!(refused["detail"], "the mail server answered 535");
}

#[tokio::test]
async fn a_mail_server_that_never_greets_is_a_failure_in_time() {
    let server = MailServer::start(Security::Plain, Postman::Hangs).await;
    let sector = Sector::telling().await;
    sector.set_mail(&server, "plain").await;
    let refused = test(&sector, "mail", "anan@hospital.example").await;
    assert!(refused["detail"].as_str().expect("why").contains("in time"), "{refused}");
}

#[tokio::test]
async fn line_telegram_and_sms_get_what_their_services_want_and_only_that_somebody_should_look() {
    let server = HttpServer::start(Manner::Answer(200)).await;
    let sector = Sector::telling().await;
    let base = json!({"base": server.url("")});
    sector.set_channel("line", base.clone(), "token of the channel").await;
    sector.set_channel("telegram", base, "123456:ABC-def").await;
    let sms = json!({
        "url": server.url("/sms?sender=phitak&key={secret}"),
        "body": "{\"msisdn\":\"{to}\",\"text\":\"{text}\"}",
        "header": "Authorization: Bearer {secret}",
        "numbers": "66",
    });
    sector.set_channel("sms", sms, "secret & more").await;
    sector.reach(Person::AtAlpha, &[("line", LINE_ID), ("telegram", "-100200300"), ("sms", "0812345678")]).await;
    sector.enrol(ALPHA).await;
    sector.urgent(ALPHA, 1, Severity::Critical).await;
    sector.tell().await;
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let of = |part: &str| requests.iter().find(|request| request.path.contains(part)).expect("came");
    let told = sector.told().await;
    let link_of = |kind: &str| {
        let record = told.iter().find(|record| record.delivery.channel == kind).expect("told");
        format!("มีเรื่องด่วนในระบบพิทักษ์ กรุณาเปิดดู http://127.0.0.1:8080/acknowledge/{}", sector.token_of(&record.delivery))
    };
    let line = of("/v2/bot/message/push");
    let body: Value = serde_json::from_str(&line.body).expect("JSON");
    assert_eq!(body, json!({"to": LINE_ID, "messages": [{"type": "text", "text": link_of("line")}]}));
    assert_eq!(line.header("authorization"), "Bearer token of the channel");
    let retry = line.header("x-line-retry-key");
    assert_eq!((retry.len(), retry.matches('-').count()), (36, 4), "{retry}");
    let telegram = of("/bot123456:ABC-def/sendMessage");
    let body: Value = serde_json::from_str(&telegram.body).expect("JSON");
    assert_eq!((&body["chat_id"], &body["text"]), (&json!("-100200300"), &json!(link_of("telegram"))));
    let sms = of("/sms");
    assert_eq!(sms.path, "/sms?sender=phitak&key=secret%20%26%20more");
    assert_eq!(sms.header("authorization"), "Bearer secret & more");
    let body: Value = serde_json::from_str(&sms.body).expect("JSON");
    assert_eq!(body, json!({"msisdn": "66812345678", "text": link_of("sms")}));
    for request in &requests {
        assert!(!ALPHA.is_told_in(&request.body) && !request.body.contains("urgent 1"), "{}", request.body);
    }
}

#[tokio::test]
async fn what_a_service_says_of_an_address_ends_that_message_alone() {
    let server = HttpServer::start(Manner::Answer(400)).await;
    let sector = Sector::telling().await;
    sector.set_channel("line", json!({"base": server.url("")}), "token").await;
    sector.reach(Person::AtAlpha, &[("line", LINE_ID)]).await;
    sector.enrol(ALPHA).await;
    sector.urgent(ALPHA, 1, Severity::High).await;
    sector.tell().await;
    assert_eq!(sector.told().await[0].delivery.state, DeliveryState::Failed);
    // Taken before, says the service: that is a success.
    server.behave(Manner::Answer(409));
    sector.urgent(ALPHA, 2, Severity::High).await;
    sector.tell().await;
    assert_eq!(sector.told().await[1].delivery.state, DeliveryState::Sent);
}

#[tokio::test]
async fn a_secret_is_never_shown_again_and_stands_nowhere_in_the_clear() {
    let sector = Sector::in_sqlite().await;
    let secret = "MARKSECRET of the gateway";
    sector.set_channel("sms", json!({"url": "https://gateway.example/?to={to}"}), secret).await;
    // A change without a secret keeps it.
    let values = json!({"url": "https://gateway.example/send?to={to}"});
    let setting = json!({"enabled": true, "values": values});
    let changed = sector.post(Person::Administrator, "/api/v1/notification-channels/sms", setting).await;
    assert_eq!((changed.status, &changed.json()["has_secret"]), (StatusCode::OK, &json!(true)), "{}", changed.text);
    let listed = sector.get(Person::Administrator, "/api/v1/notification-channels").await;
    let audit = sector.get(Person::Administrator, "/api/v1/audit?limit=200").await;
    for answer in [&changed, &listed, &audit] {
        assert!(!answer.text.contains("MARKSECRET"), "{}", answer.text);
    }
    for name in ["centre.db", "centre.db-wal"] {
        let bytes = std::fs::read(sector.folder().join(name)).expect("reads");
        assert!(!bytes.windows(10).any(|part| part == b"MARKSECRET"), "{name}");
    }
    let kept = sector.centre.store.channel("sms").await.expect("is set up").secret.expect("a secret");
    let opened = sector.centre.telling.seal.open("channel sms", &kept).expect("opens");
    assert_eq!(opened, secret.as_bytes());
}

#[tokio::test]
async fn only_administrators_set_channels_and_a_wrong_setting_is_refused_with_words() {
    let sector = Sector::empty().await;
    for (kind, setting) in [
        ("mail", json!({"enabled": true, "values": {}})),
        ("mail", json!({"enabled": true, "values": {"host": "a\r\nb", "from": "a@b.example"}})),
        ("mail", json!({"enabled": true, "values": {"host": "a.example", "from": "a@b.example\r\nBcc: c@d.example"}})),
        ("mail", json!({"enabled": true, "values": {"host": "a.example", "from": "a@b.example", "port": "70000"}})),
        ("mail", json!({"enabled": true, "values": {"host": "a.example", "from": "a@b.example", "security": "none"}})),
        ("mail", json!({"enabled": true, "values": {"host": "a.example", "from": "a@b.example", "surplus": "x"}})),
        ("webhook", json!({"enabled": true, "values": {"url": "https://a.example"}, "secret": "short"})),
        ("telegram", json!({"enabled": true, "values": {}, "secret": "1/../../x"})),
        ("sms", json!({"enabled": true, "values": {"url": "https://a.example", "body": "{"}})),
        ("line", json!({"enabled": true, "values": {"base": "https://api.line.me"}})),
    ] {
        let path = format!("/api/v1/notification-channels/{kind}");
        let refused = sector.post(Person::Administrator, &path, setting.clone()).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            "{setting}"
        );
        assert!(!refused.json()["error"]["detail"].as_str().unwrap_or_default().is_empty());
    }
    let unknown =
        sector.post(Person::Administrator, "/api/v1/notification-channels/fax", json!({"enabled": false})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let address = json!({"contacts": [{"channel": "mail", "address": "a@b.example\r\nBcc: c@d.example"}]});
    assert_eq!(sector.post(Person::AtAlpha, "/api/v1/session/contacts", address).await.code(), "invalid");
    assert_eq!(sector.centre.store.telling_since().await.expect("reads"), None);
}
