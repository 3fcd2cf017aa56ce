//! API tokens: what they reach, and that they end.

use crate::sector::{ALPHA, Answer, BRAVO, CHARLIE, Person, Sector};
use axum::http::{Method, StatusCode};
use phitak_centre::{registry, route::Who};
use phitak_store::{
    AuditLine, Role,
    tokens::{TOKEN_DAYS_MAX, TOKENS_PER_USER_MAX},
};
use serde_json::{Value, json};

const TOKENS: &str = "/api/v1/tokens";
const STORIES: &str = "/api/v1/stories?since=all";

async fn make(sector: &Sector, person: Person, role: &str, scope: Value, days: i64) -> Answer {
    sector.post(person, TOKENS, json!({"name": "nightly report", "role": role, "scope": scope, "days": days})).await
}

fn secret(answer: &Answer) -> String {
    answer.json()["secret"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

async fn get(sector: &Sector, token: &str, path: &str) -> Answer {
    sector.call_by_token(token, Method::GET, path, None).await
}

#[tokio::test]
async fn a_token_is_shown_once_reaches_what_it_was_given_and_is_named_in_the_audit() {
    let sector = Sector::in_sqlite().await;
    sector.live().await;
    let at_alpha = json!({"kind": "facility", "facility": ALPHA.code});
    let made = make(&sector, Person::Administrator, "hospital", at_alpha, 30).await;
    let token = secret(&made);
    assert!(token.starts_with("phitak_") && token.len() == 71, "{token}");
    let listed = sector.get(Person::Administrator, TOKENS).await;
    assert!(!listed.text.contains(&token) && listed.json()["items"][0]["last_used_at"].is_null());
    let stories = get(&sector, &token, STORIES).await;
    assert_eq!(stories.status, StatusCode::OK, "{}", stories.text);
    assert!(ALPHA.is_told_in(&stories.text) && !BRAVO.is_told_in(&stories.text) && !CHARLIE.is_told_in(&stories.text));
    assert_eq!(get(&sector, &token, "/api/v1/users").await.code(), "forbidden");
    // No page's token is needed, and a cookie beside it changes nothing.
    let finding = format!("/api/v1/findings/{}/response", sector.finding_id(ALPHA).await);
    let answered = sector.call_by_token(&token, Method::POST, &finding, Some(json!({"response": "done"}))).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    let lines = sector.audit_lines("changes").await;
    assert_eq!(
        (&lines[0]["action"], &lines[0]["who"]),
        (&json!("finding.response"), &json!("administrator by token nightly report"))
    );
    assert!(sector.get(Person::Administrator, TOKENS).await.json()["items"][0]["last_used_at"].is_string());
    let file = std::fs::read(sector.folder().join("centre.db-wal")).expect("reads");
    assert!(!String::from_utf8_lossy(&file).contains(&token), "kept as its digest");
}

#[tokio::test]
async fn a_token_never_has_more_than_its_maker() {
    let sector = Sector::empty().await;
    let region = |number: u8| json!({"kind": "region", "region": number});
    let at = |code: &str| json!({"kind": "facility", "facility": code});
    let whole = || json!({"kind": "sector"});
    for (person, role, scope, may) in [
        (Person::Administrator, "administrator", whole(), true),
        (Person::Administrator, "region_officer", region(8), true),
        (Person::Analyst, "administrator", whole(), false),
        (Person::Analyst, "hospital", at(CHARLIE.code), true),
        (Person::Officer, "region_officer", region(4), true),
        (Person::Officer, "region_officer", region(8), false),
        (Person::Officer, "analyst", whole(), false),
        // It would answer findings, which the officer may not.
        (Person::Officer, "hospital", at(ALPHA.code), false),
        (Person::AtAlpha, "hospital", at(ALPHA.code), true),
        (Person::AtAlpha, "hospital", at(CHARLIE.code), false),
        (Person::AtAlpha, "analyst", whole(), false),
        (Person::Administrator, "hospital", at("99999"), false),
        (Person::Administrator, "analyst", region(4), false),
    ] {
        let made = make(&sector, person, role, scope.clone(), 1).await;
        let expected = if may { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(made.status, expected, "{person:?} {role} {scope}: {}", made.text);
    }
    for days in [0, TOKEN_DAYS_MAX + 1] {
        let made = make(&sector, Person::AtAlpha, "hospital", at(ALPHA.code), days).await;
        assert_eq!(made.status, StatusCode::UNPROCESSABLE_ENTITY, "{days} days");
    }
}

#[test]
fn a_role_that_covers_another_may_call_whatever_the_other_may() {
    for role in Role::ALL {
        for other in Role::ALL.iter().filter(|other| role.covers(**other)) {
            for route in registry::routes() {
                if let Who::Roles(roles) = route.who {
                    assert!(!roles.contains(other) || roles.contains(role), "{role:?} {other:?} {}", route.path);
                }
            }
        }
        assert!(role.covers(*role));
    }
}

#[tokio::test]
async fn a_token_ends_by_itself_by_revocation_and_with_its_makers_account() {
    let sector = Sector::empty().await;
    let region = json!({"kind": "region", "region": 4});
    let new = async || secret(&make(&sector, Person::Officer, "region_officer", region.clone(), 1).await);
    let status = async |token: &str| get(&sector, token, STORIES).await.status;
    let (first, second) = (new().await, new().await);
    assert_eq!((status(&first).await, status(&second).await), (StatusCode::OK, StatusCode::OK));
    let id = sector.get(Person::Officer, TOKENS).await.json()["items"][1]["id"].as_i64().expect("a number");
    let revoke = async |person: Person| sector.call(person, Method::DELETE, &format!("{TOKENS}/{id}"), None).await;
    let foreign = revoke(Person::AtAlpha).await;
    let unknown = sector.call(Person::AtAlpha, Method::DELETE, "/api/v1/tokens/999999999", None).await;
    assert_eq!((foreign.status, &foreign.text), (StatusCode::NOT_FOUND, &unknown.text));
    assert_eq!(revoke(Person::Administrator).await.status, StatusCode::NO_CONTENT, "administrators see to all");
    assert_eq!(revoke(Person::Administrator).await.status, StatusCode::NOT_FOUND, "once");
    assert_eq!((status(&first).await, status(&second).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    sector.advance_secs(86_400);
    assert_eq!(status(&second).await, StatusCode::UNAUTHORIZED, "after its day");
    let sector = Sector::empty().await;
    let made = secret(&make(&sector, Person::Officer, "region_officer", region.clone(), 1).await);
    assert_eq!(get(&sector, &made, STORIES).await.status, StatusCode::OK);
    let audit = AuditLine::of_operator(sector.now(), "user.disable");
    sector.centre.store.disable_user("officer", audit.clone()).await.expect("disables");
    assert_eq!(get(&sector, &made, STORIES).await.status, StatusCode::UNAUTHORIZED);
    sector.centre.store.renew_link("officer", "a link", sector.now(), audit).await.expect("brings it back");
    assert_eq!(get(&sector, &made, STORIES).await.status, StatusCode::UNAUTHORIZED, "the account, not its tokens");
}

#[tokio::test]
async fn an_account_has_so_many_live_tokens_and_sees_only_its_own() {
    let sector = Sector::empty().await;
    let at_alpha = || json!({"kind": "facility", "facility": ALPHA.code});
    for _ in 0..TOKENS_PER_USER_MAX {
        assert_eq!(make(&sector, Person::AtAlpha, "hospital", at_alpha(), 1).await.status, StatusCode::OK);
    }
    assert_eq!(make(&sector, Person::AtAlpha, "hospital", at_alpha(), 1).await.code(), "invalid");
    sector.advance_secs(3_600);
    let makers = async |person: Person, query: &str| {
        let list = sector.get(person, &format!("{TOKENS}?limit=200{query}")).await.json();
        let items = list["items"].as_array().expect("a list").clone();
        let mut makers: Vec<String> =
            items.iter().map(|token| token["maker"].as_str().expect("text").to_owned()).collect();
        makers.dedup();
        (items.len(), makers)
    };
    assert_eq!(makers(Person::AtAlpha, "").await, (TOKENS_PER_USER_MAX as usize, vec!["at-alpha".to_owned()]));
    assert_eq!(makers(Person::AtCharlie, "").await.0, 0);
    assert_eq!(makers(Person::Administrator, "").await.1, ["at-alpha", "administrator"]);
    assert_eq!(makers(Person::Administrator, "&mine=true").await.1, ["administrator"]);
}

#[tokio::test]
async fn what_is_no_live_token_is_signed_out_whatever_cookie_comes_with_it() {
    let sector = Sector::empty().await;
    for token in ["", "phitak_", "x", "phitak_' OR 1=1 --", &"9".repeat(5_000)] {
        assert_eq!(get(&sector, token, STORIES).await.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    let ask = async |authorization: &str| {
        let request = axum::http::Request::builder()
            .uri(STORIES)
            .header("cookie", "phitak_session=secret of analyst")
            .header("authorization", authorization);
        sector.send_request(request.body(axum::body::Body::empty()).expect("a request")).await.status
    };
    assert_eq!(ask("Bearer wrong").await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("Basic cHJveHk6cHJveHk=").await, StatusCode::OK, "a proxy's own");
    assert_eq!(ask(&format!("bearer {}", Person::Analyst.token())).await, StatusCode::OK);
}
