//! The second factor: set up, asked for, lost, reset.

use crate::sector::{Answer, PASSWORD, Person, Sector};
use axum::http::{Method, StatusCode, header};
use phitak_centre::{
    centre::Settings, factor_policy::FactorPolicy, totp, turnstile::FAILURES_PER_LOGIN_AT_ADDRESS_MAX,
};
use phitak_store::second_factors::RECOVERY_CODES;
use serde_json::{Value, json};
use std::process::Command;

const FACTOR: &str = "/api/v1/session/second-factor";
const CONFIRM: &str = "/api/v1/session/second-factor/confirm";

async fn sign_in(sector: &Sector, person: Person, code: Option<&str>) -> Answer {
    let mut body = json!({"login": person.login(), "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    sector.post(Person::Stranger, "/api/v1/session", body).await
}

fn is_in(answer: &Answer) -> bool {
    answer.status == StatusCode::OK && answer.headers.contains_key(header::SET_COOKIE)
}

#[tokio::test]
async fn an_app_is_set_up_with_the_password_and_a_code_and_then_asked_for() {
    let sector = Sector::empty().await;
    let person = Person::Analyst;
    let wrong = sector.post(person, FACTOR, json!({"password": "not it at all"})).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (StatusCode::FORBIDDEN, "wrong_proof"));
    let unbegun = sector.post(person, CONFIRM, json!({"code": "123456"})).await;
    assert_eq!(unbegun.status, StatusCode::UNPROCESSABLE_ENTITY);
    let code = sector.begin_factor(person).await;
    assert!(is_in(&sign_in(&sector, person, None).await), "not in use before its proof");
    let bad = if code == "000000" { "000001" } else { "000000" };
    let wrong = sector.post(person, CONFIRM, json!({"code": bad})).await;
    assert_eq!(wrong.code(), "wrong_proof", "{}", wrong.text);
    let done = sector.post(person, CONFIRM, json!({"code": code})).await;
    let codes: Vec<String> = serde_json::from_value(done.json()["codes"].clone()).expect("codes");
    assert_eq!(codes.len(), RECOVERY_CODES);
    let again = sector.post(person, CONFIRM, json!({"code": code})).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "a proof is given once");
    let me = sector.get(person, "/api/v1/session").await.json();
    assert!(me["second_factor"]["since_at"].is_string() && me["second_factor"]["wanted"] == true, "{me}");

    let asked = sign_in(&sector, person, None).await;
    assert_eq!((asked.status, asked.code().as_str()), (StatusCode::UNAUTHORIZED, "second_factor_needed"));
    assert!(!asked.headers.contains_key(header::SET_COOKIE));
    assert_eq!(sign_in(&sector, person, Some(bad)).await.code(), "wrong_code");
    assert_eq!(sign_in(&sector, person, Some(&code)).await.code(), "wrong_code", "used up by the proof");
    sector.advance_secs(totp::STEP_SECS);
    let next = sector.code(person);
    assert!(is_in(&sign_in(&sector, person, Some(&format!(" {} {} ", &next[..3], &next[3..]))).await));
    assert_eq!(sign_in(&sector, person, Some(&next)).await.code(), "wrong_code", "used up by a sign-in");
    assert_eq!(sign_in(&sector, person, Some(&code)).await.code(), "wrong_code", "an earlier one");
    let lines = sector.audit_lines("changes").await;
    let detail = |action: &str| lines.iter().find(|line| line["action"] == action).map(|line| line["detail"].clone());
    assert!(
        detail("session.start").is_some_and(|said| said.as_str().is_some_and(|said| said.ends_with(", with a code")))
    );
    assert!(detail("session.code_refused").is_some() && detail("factor.confirm").is_some());
}

#[tokio::test]
async fn a_recovery_code_opens_once_however_it_is_typed() {
    let sector = Sector::empty().await;
    let person = Person::AtAlpha;
    let codes = sector.add_factor(person).await;
    let typed = codes[3].to_lowercase().replace('-', " ");
    assert!(is_in(&sign_in(&sector, person, Some(&typed)).await));
    assert_eq!(sign_in(&sector, person, Some(&codes[3])).await.code(), "wrong_code");
    let left = sector.get(person, FACTOR).await.json()["recovery_codes_left"].clone();
    assert_eq!(left, RECOVERY_CODES - 1);
    // Another's code is none of mine.
    let others = sector.add_factor(Person::AtCharlie).await;
    assert_eq!(sign_in(&sector, person, Some(&others[0])).await.code(), "wrong_code");
    let proof = sector.proof(person).await;
    let renewed = sector.post(person, "/api/v1/session/recovery-codes", proof).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text);
    assert_eq!(sign_in(&sector, person, Some(&codes[4])).await.code(), "wrong_code", "replaced");
    let fresh = renewed.json()["codes"][0].as_str().expect("a code").to_owned();
    assert!(is_in(&sign_in(&sector, person, Some(&fresh)).await));
}

#[tokio::test]
async fn of_two_sign_ins_with_one_code_at_once_one_gets_in() {
    let sector = Sector::empty().await;
    sector.add_factor(Person::Analyst).await;
    sector.advance_secs(totp::STEP_SECS);
    let code = sector.code(Person::Analyst);
    let (one, two) =
        tokio::join!(sign_in(&sector, Person::Analyst, Some(&code)), sign_in(&sector, Person::Analyst, Some(&code)));
    assert_eq!([&one, &two].iter().filter(|answer| is_in(answer)).count(), 1, "{} {}", one.text, two.text);
}

#[tokio::test]
async fn wrong_codes_make_wait_and_the_password_alone_forgives_none() {
    let sector = Sector::empty().await;
    let person = Person::Analyst;
    sector.add_factor(person).await;
    for _ in 0..FAILURES_PER_LOGIN_AT_ADDRESS_MAX {
        assert_eq!(sign_in(&sector, person, None).await.code(), "second_factor_needed");
        assert_eq!(sign_in(&sector, person, Some("x")).await.code(), "wrong_code");
    }
    assert_eq!(sign_in(&sector, person, None).await.status, StatusCode::TOO_MANY_REQUESTS);
    sector.advance_secs(totp::STEP_SECS);
    let code = sector.code(person);
    assert_eq!(sign_in(&sector, person, Some(&code)).await.status, StatusCode::TOO_MANY_REQUESTS);
    // Asking again while signed in counts as well.
    let begin = sector.post(person, FACTOR, json!({"password": PASSWORD, "code": code})).await;
    assert_eq!(begin.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_one_time_link_stands_for_the_password_and_not_for_the_code() {
    let sector = Sector::empty().await;
    sector.add_factor(Person::Analyst).await;
    let link = "/api/v1/first-sign-in/analyst";
    assert_eq!(sector.get(Person::Stranger, link).await.json()["second_factor"], true);
    let choose = async |code: Value| {
        sector.post(Person::Stranger, link, json!({"password": "another long one", "code": code})).await
    };
    assert_eq!(choose(Value::Null).await.code(), "second_factor_needed");
    assert_eq!(choose(json!("000")).await.code(), "wrong_code");
    assert!(sector.get(Person::Analyst, "/api/v1/session").await.status.is_success(), "nothing was changed");
    sector.advance_secs(totp::STEP_SECS);
    assert!(is_in(&choose(json!(sector.code(Person::Analyst))).await));
}

#[tokio::test]
async fn another_phone_needs_the_earlier_one_and_ends_the_other_sessions() {
    let sector = Sector::empty().await;
    let person = Person::Analyst;
    sector.add_factor(person).await;
    let refused = sector.post(person, FACTOR, json!({"password": PASSWORD})).await;
    assert_eq!(refused.code(), "wrong_proof");
    sector.advance_secs(totp::STEP_SECS);
    let elsewhere = sign_in(&sector, person, Some(&sector.code(person))).await;
    let cookie =
        elsewhere.headers[header::SET_COOKIE].to_str().expect("text").split(';').next().expect("a pair").to_owned();
    let alive = async || {
        let request = axum::http::Request::builder().uri("/api/v1/session").header(header::COOKIE, &cookie);
        sector.send_request(request.body(axum::body::Body::empty()).expect("a request")).await.status
    };
    assert_eq!(alive().await, StatusCode::OK);
    let code = sector.begin_factor(person).await;
    assert_eq!(sector.post(person, CONFIRM, json!({"code": code})).await.status, StatusCode::OK);
    assert_eq!(alive().await, StatusCode::UNAUTHORIZED);
    assert_eq!(sector.get(person, "/api/v1/session").await.status, StatusCode::OK, "this one stays");
}

#[tokio::test]
async fn a_lost_factor_is_reset_by_another_administrator_or_at_the_command_line() {
    let sector = Sector::in_sqlite().await;
    let reset = async |person: Person| {
        let path = format!("/api/v1/users/{}/second-factor", sector.user_id(person).await);
        sector.call(Person::Administrator, Method::DELETE, &path, None).await
    };
    assert_eq!(reset(Person::Analyst).await.status, StatusCode::NOT_FOUND, "there is none");
    sector.add_factor(Person::Analyst).await;
    assert_eq!(reset(Person::Analyst).await.status, StatusCode::NO_CONTENT);
    assert_eq!(sector.get(Person::Analyst, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert!(is_in(&sign_in(&sector, Person::Analyst, None).await));
    sector.add_factor(Person::Administrator).await;
    assert_eq!(reset(Person::Administrator).await.status, StatusCode::UNPROCESSABLE_ENTITY, "not one's own");
    let command = |login: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phitak-centre"));
        command
            .args(["reset-second-factor", login, "--data"])
            .arg(sector.folder())
            .output()
            .expect("runs")
            .status
            .code()
    };
    assert_eq!((command("administrator"), command("administrator"), command("nobody")), (Some(0), Some(1), Some(1)));
    assert_eq!(sector.get(Person::Administrator, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert!(is_in(&sign_in(&sector, Person::Administrator, None).await));
}

#[tokio::test]
async fn where_it_is_required_the_team_reaches_nothing_without_and_hospitals_are_left_alone() {
    let required = Settings { second_factor: FactorPolicy::Required, ..Settings::default() };
    let sector = Sector::with(required).await;
    for route in phitak_centre::registry::routes().into_iter().filter(|route| !route.path.contains('{')) {
        if route.writes() || route.who == phitak_centre::route::Who::Anyone || route.path.ends_with("/live") {
            continue;
        }
        let own = route.reach == phitak_centre::route::Reach::OwnSession;
        let answer = sector.get(Person::Administrator, route.path).await;
        let expected = if own { "" } else { "second_factor_missing" };
        assert_eq!(answer.code(), expected, "{}: {}", route.path, answer.text);
    }
    for person in [Person::Officer, Person::AtAlpha] {
        assert_eq!(sector.get(person, "/api/v1/stories").await.status, StatusCode::OK);
    }
    sector.add_factor(Person::Administrator).await;
    assert_eq!(sector.get(Person::Administrator, "/api/v1/stories").await.status, StatusCode::OK);
}

#[tokio::test]
async fn neither_the_tables_nor_any_list_holds_a_secret_or_a_recovery_code_in_the_clear() {
    let sector = Sector::in_sqlite().await;
    let codes = sector.add_factor(Person::Analyst).await;
    let begun = sector.post(Person::Analyst, FACTOR, sector.proof(Person::Analyst).await).await.json();
    let secret = begun["secret"].as_str().expect("a secret").to_owned();
    let bare: Vec<String> = codes.iter().flat_map(|code| [code.clone(), code.replace('-', "")]).collect();
    let mut texts = Vec::new();
    for name in ["centre.db", "centre.db-wal"] {
        texts.push(String::from_utf8_lossy(&std::fs::read(sector.folder().join(name)).expect("reads")).into_owned());
    }
    for path in ["/api/v1/users?limit=200", "/api/v1/audit?limit=200", FACTOR, "/api/v1/session"] {
        texts.push(sector.get(Person::Administrator, path).await.text);
        texts.push(sector.get(Person::Analyst, path).await.text);
    }
    for text in texts {
        assert!(!text.contains(&secret) && bare.iter().all(|code| !text.contains(code)));
    }
}
