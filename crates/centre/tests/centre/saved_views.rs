//! Saved views: a person's own, shared ones, and nobody else's.

use crate::sector::{ALPHA, Person, Sector};
use axum::http::{Method, StatusCode};
use phitak_store::saved_views::SAVED_VIEWS_PER_PERSON_MAX;
use serde_json::{Value, json};

pub fn sample() -> Value {
    json!({"name": "urgent", "filter": {"severity": "high,critical", "since": "7d", "q": "ก"}})
}

impl Sector {
    pub async fn saved_view_of(&self, person: Person) -> i64 {
        let saved = self.post(person, "/api/v1/story-views", sample()).await;
        saved.json()["id"].as_i64().unwrap_or_else(|| panic!("{}", saved.text))
    }
}

/// Name, whether it is shared, whether it is the reader's own.
async fn seen(sector: &Sector, person: Person) -> Vec<(String, bool, bool)> {
    let answer = sector.get(person, "/api/v1/story-views").await;
    let items = answer.json()["items"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone();
    items
        .iter()
        .map(|view| (view["name"].as_str().expect("a name").to_owned(), view["shared"] == true, view["own"] == true))
        .collect()
}

#[tokio::test]
async fn a_view_is_kept_for_its_maker_and_a_shared_one_for_the_team() {
    let sector = Sector::empty().await;
    let own = sector.saved_view_of(Person::Analyst).await;
    let shared = json!({"name": "Alpha", "shared": true, "filter": {"facility": ALPHA.code}});
    let refused = sector.post(Person::Analyst, "/api/v1/story-views", shared.clone()).await;
    assert_eq!(refused.code(), "invalid", "{}", refused.text);
    let kept = sector.post(Person::Administrator, "/api/v1/story-views", shared).await;
    assert_eq!(kept.json()["filter"]["facility"], ALPHA.code, "{}", kept.text);
    let shared = kept.json()["id"].as_i64().expect("a number");
    let name = |name: &str, shared, own| (name.to_owned(), shared, own);
    assert_eq!(seen(&sector, Person::Analyst).await, [name("Alpha", true, false), name("urgent", false, true)]);
    assert_eq!(seen(&sector, Person::Administrator).await, [name("Alpha", true, true)]);
    assert_eq!(seen(&sector, Person::Officer).await, [], "a filter may name a hospital");
    // Another's own view is not there for anybody, an administrator too; a shared one is the administrators'.
    let change = async |person: Person, id: i64| {
        let path = format!("/api/v1/story-views/{id}");
        let renamed = sector.post(person, &format!("{path}/name"), json!({"name": "mine"})).await.status;
        (renamed, sector.call(person, Method::DELETE, &path, None).await.status)
    };
    let missing = (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND);
    assert_eq!(change(Person::Administrator, own).await, missing);
    assert_eq!(change(Person::Analyst, shared).await, missing);
    assert_eq!(change(Person::Analyst, own).await, (StatusCode::OK, StatusCode::NO_CONTENT));
    assert_eq!(change(Person::Administrator, shared).await, (StatusCode::OK, StatusCode::NO_CONTENT));
    assert_eq!(seen(&sector, Person::Analyst).await, []);
}

#[tokio::test]
async fn a_view_has_a_name_and_a_filter_that_the_queue_knows_and_a_person_so_many() {
    let sector = Sector::empty().await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("ก".repeat(61))),
        ("name", json!("two\nlines")),
        ("filter", json!({"status": "open"})),
        ("filter", json!({"region": 14})),
        ("filter", json!({"q": "x".repeat(2_100)})),
        ("filter", json!({"cursor": "1"})),
    ] {
        let mut body = sample();
        body[field] = value;
        let refused = sector.post(Person::Officer, "/api/v1/story-views", body).await;
        assert_eq!(refused.code(), "invalid", "{field}: {}", refused.text);
    }
    for _ in 0..SAVED_VIEWS_PER_PERSON_MAX {
        sector.saved_view_of(Person::Officer).await;
    }
    let full = sector.post(Person::Officer, "/api/v1/story-views", sample()).await;
    assert_eq!(full.code(), "conflict", "{}", full.text);
    sector.saved_view_of(Person::Analyst).await;
}
