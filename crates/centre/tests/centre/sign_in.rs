//! Signing in: the one-time link, the password, refusals and waits.

use crate::sector::{Answer, PASSWORD as SECTOR_PASSWORD, Person, Sector};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use phitak_centre::centre::Settings;
use phitak_centre::turnstile::{FAILURES_PER_ADDRESS_MAX, FAILURES_PER_LOGIN_AT_ADDRESS_MAX, FAILURES_WINDOW_SECS};
use phitak_store::{AuditFilter, AuditLine, people::secret_digest};
use serde_json::{Value, json};

const PASSWORD: &str = "ช้างน้ำ-correct-horse";

async fn sign_in(sector: &Sector, login: &str, password: &str) -> Answer {
    let body = json!({"login": login, "password": password});
    sector.post(Person::Stranger, "/api/v1/session", body).await
}

/// The cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    let text = answer.headers[header::SET_COOKIE].to_str().expect("text").to_owned();
    assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict") && text.contains("Path=/"), "{text}");
    text.split(';').next().expect("a pair").to_owned()
}

async fn with_cookie(sector: &Sector, method: Method, cookie: &str, csrf: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri("/api/v1/session").header(header::COOKIE, cookie);
    if let Some(csrf) = csrf {
        request = request.header("x-csrf-token", csrf);
    }
    sector.send_request(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn a_new_account_signs_in_by_its_link_once_and_by_its_password_after() {
    let sector = Sector::empty().await;
    let new =
        json!({"login": "suda", "name": "สุดา", "role": "region_officer", "scope": {"kind": "region", "region": 4}});
    let made = sector.post(Person::Administrator, "/api/v1/users", new.clone()).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let url = made.json()["first_sign_in_url"].as_str().expect("a link").to_owned();
    let token = url.rsplit('/').next().expect("a token").to_owned();
    assert!(url.starts_with("http://127.0.0.1:8080/first-sign-in/") && token.len() == 64, "{url}");
    let path = format!("/api/v1/first-sign-in/{token}");
    for _ in 0..2 {
        let owner = sector.get(Person::Stranger, &path).await.json();
        assert_eq!((&owner["login"], &owner["role"]), (&json!("suda"), &json!("region_officer")));
    }
    for weak in ["short", "aaaaaaaaaaaaaaaa", "my name is suda ok"] {
        let refused = sector.post(Person::Stranger, &path, json!({"password": weak})).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{weak}");
    }
    assert_eq!(sign_in(&sector, "suda", PASSWORD).await.code(), "wrong_credentials", "no password yet");
    let chosen = sector.post(Person::Stranger, &path, json!({"password": PASSWORD})).await;
    assert_eq!(chosen.status, StatusCode::OK, "{}", chosen.text);
    assert_eq!(chosen.json()["scope"], json!({"kind": "region", "region": 4}));
    assert_eq!(with_cookie(&sector, Method::GET, &cookie(&chosen), None).await.json()["user"]["login"], "suda");
    for method in [Method::GET, Method::POST] {
        let body = (method == Method::POST).then(|| json!({"password": PASSWORD}));
        let again = sector.call(Person::Stranger, method, &path, body).await;
        assert_eq!((again.status, again.code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
    }
    let signed_in = sign_in(&sector, "suda", PASSWORD).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
    assert!(
        !signed_in.text.contains(&cookie(&signed_in)["phitak_session=".len()..]),
        "the secret is in the cookie alone"
    );
    let twice = sector.post(Person::Administrator, "/api/v1/users", new).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let sector = Sector::empty().await;
    let path = "/api/v1/first-sign-in/analyst";
    let chosen = sector.post(Person::Stranger, path, json!({"password": PASSWORD})).await;
    assert_eq!(
        sector.get(Person::Analyst, "/api/v1/session").await.status,
        StatusCode::UNAUTHORIZED,
        "a new password ends earlier sessions"
    );
    let cookie = cookie(&chosen);
    let csrf = chosen.json()["csrf"].as_str().expect("a token").to_owned();
    assert_eq!(with_cookie(&sector, Method::DELETE, &cookie, None).await.status, StatusCode::FORBIDDEN);
    let out = with_cookie(&sector, Method::DELETE, &cookie, Some(&csrf)).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers[header::SET_COOKIE].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(with_cookie(&sector, Method::GET, &cookie, None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_login_waits_after_too_many_refusals_even_with_the_right_password() {
    let sector = Sector::empty().await;
    sector.post(Person::Stranger, "/api/v1/first-sign-in/analyst", json!({"password": PASSWORD})).await;
    for _ in 0..FAILURES_PER_LOGIN_AT_ADDRESS_MAX {
        let refused = sign_in(&sector, "analyst", "wrong").await;
        assert_eq!((refused.status, refused.code().as_str()), (StatusCode::UNAUTHORIZED, "wrong_credentials"));
    }
    let waits = sign_in(&sector, "analyst", PASSWORD).await;
    assert_eq!((waits.status, waits.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
    assert_eq!(waits.headers[header::RETRY_AFTER], FAILURES_WINDOW_SECS.to_string().as_str());
    sector.advance_secs(FAILURES_WINDOW_SECS);
    assert_eq!(sign_in(&sector, "analyst", PASSWORD).await.status, StatusCode::OK);
    let refusals = sector.centre.store.audit(AuditFilter::All, &phitak_store::PageAsk::default()).await.expect("reads");
    let told = refusals.items.iter().filter(|line| line.action == "session.refused").count();
    assert_eq!(told, FAILURES_PER_LOGIN_AT_ADDRESS_MAX as usize);
    assert!(refusals.items.iter().all(|line| !line.detail.contains("wrong") && !line.object.contains("wrong")));
}

#[tokio::test]
async fn unknown_logins_look_like_known_ones_and_an_address_waits_too() {
    let sector = Sector::empty().await;
    let unknown = sign_in(&sector, "nobody", "wrong").await;
    let known = sign_in(&sector, "analyst", "wrong").await;
    assert_eq!((unknown.status, &unknown.text), (known.status, &known.text));
    let long = sign_in(&sector, "analyst", &"x".repeat(10_000)).await;
    assert_eq!((long.status, &long.text), (known.status, &known.text));
    for n in 3..FAILURES_PER_ADDRESS_MAX {
        let answer = sector.get(Person::Stranger, &format!("/api/v1/first-sign-in/guess{n}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        sector.get(Person::Stranger, "/api/v1/first-sign-in/analyst").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(sign_in(&sector, "other", "wrong").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_a_new_link_brings_it_back() {
    let sector = Sector::empty().await;
    let (store, audit) = (&sector.centre.store, AuditLine::of_operator(sector.now(), "user.disable"));
    store.disable_user("at-alpha", audit.clone()).await.expect("disables");
    assert_eq!(sector.get(Person::AtAlpha, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    let link = "/api/v1/first-sign-in/at-alpha";
    assert_eq!(sector.get(Person::Stranger, link).await.status, StatusCode::NOT_FOUND);
    let until = sector.now().plus_secs(60);
    store.renew_link("at-alpha", &secret_digest("again"), until, audit).await.expect("renews");
    let chosen = sector.post(Person::Stranger, "/api/v1/first-sign-in/again", json!({"password": PASSWORD})).await;
    assert_eq!(chosen.status, StatusCode::OK, "{}", chosen.text);
}

#[tokio::test]
async fn an_account_with_an_impossible_scope_is_refused() {
    let sector = Sector::empty().await;
    for (role, scope) in [
        ("hospital", json!({"kind": "sector"})),
        ("hospital", json!({"kind": "facility", "facility": "00000"})),
        ("hospital", json!({"kind": "facility", "facility": "x"})),
        ("region_officer", json!({"kind": "region", "region": 14})),
        ("region_officer", json!({"kind": "region"})),
        ("analyst", json!({"kind": "region", "region": 4})),
        ("administrator", json!({"kind": "sector", "region": 4})),
    ] {
        let new = json!({"login": "somchai", "name": "Somchai", "role": role, "scope": scope});
        let refused = sector.post(Person::Administrator, "/api/v1/users", new.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}: {}", refused.text);
    }
    for login in ["", "a", "Somchai", "สมชาย", "a b", "a/b"] {
        let new: Value = json!({"login": login, "name": "x", "role": "analyst", "scope": {"kind": "sector"}});
        let refused = sector.post(Person::Administrator, "/api/v1/users", new).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{login}");
    }
}

#[tokio::test]
async fn people_change_their_own_password_with_the_present_one_and_other_sessions_end() {
    let sector = Sector::empty().await;
    let change = async |password: &str, new: &str| {
        let body = json!({"password": password, "new_password": new});
        sector.post(Person::AtAlpha, "/api/v1/session/password", body).await
    };
    let elsewhere = cookie(&sign_in(&sector, "at-alpha", SECTOR_PASSWORD).await);
    assert_eq!(change("not the present one", PASSWORD).await.code(), "wrong_proof");
    assert_eq!(change(SECTOR_PASSWORD, "short").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(with_cookie(&sector, Method::GET, &elsewhere, None).await.status, StatusCode::OK);
    assert_eq!(change(SECTOR_PASSWORD, PASSWORD).await.status, StatusCode::NO_CONTENT);
    assert_eq!(with_cookie(&sector, Method::GET, &elsewhere, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(sector.get(Person::AtAlpha, "/api/v1/session").await.status, StatusCode::OK, "this one stays");
    let link = sector.get(Person::Stranger, "/api/v1/first-sign-in/at-alpha").await;
    assert_eq!(link.status, StatusCode::NOT_FOUND, "an unused link is no way back");
    assert_eq!(sign_in(&sector, "at-alpha", SECTOR_PASSWORD).await.code(), "wrong_credentials");
    assert_eq!(sign_in(&sector, "at-alpha", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_for_this_host_alone_and_browsers_are_told_to_stay_with_tls() {
    const HSTS: &str = "strict-transport-security";
    let settings = Settings { public_url: "https://phitak.example.org".to_owned(), ..Settings::default() };
    let sector = Sector::with(settings).await;
    let signed_in = sign_in(&sector, "analyst", SECTOR_PASSWORD).await;
    let given = signed_in.headers[header::SET_COOKIE].to_str().expect("text").to_owned();
    assert!(given.starts_with("__Host-phitak_session=") && given.contains("; Secure"), "{given}");
    let cookie = cookie(&signed_in);
    assert_eq!(with_cookie(&sector, Method::GET, &cookie, None).await.status, StatusCode::OK);
    let plain = cookie.replacen("__Host-", "", 1);
    assert_eq!(with_cookie(&sector, Method::GET, &plain, None).await.status, StatusCode::UNAUTHORIZED);
    for path in ["/", "/api/v1/session", "/api/v1/nothing", "/healthz"] {
        let answer = sector.get(Person::Stranger, path).await;
        assert_eq!(answer.headers[HSTS], "max-age=31536000; includeSubDomains", "{path}");
        let plain = Sector::empty().await.get(Person::Stranger, path).await;
        assert!(!plain.headers.contains_key(HSTS), "{path}");
    }
}
