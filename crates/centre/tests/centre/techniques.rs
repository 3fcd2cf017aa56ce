//! ATT&CK: covered, seen, blind; as far as the caller may know of it.

use crate::sector::{ALPHA, CHARLIE, Person, Sector, alert};
use phitak_model::Severity;
use phitak_uplink::Item;
use serde_json::{Value, json};

async fn matrix(sector: &Sector, person: Person, query: &str) -> Value {
    let answer = sector.get(person, &format!("/api/v1/attack{query}")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.json()
}

/// Rules, alerts, stories, hospitals.
fn cell(matrix: &Value, tactic: &str, id: &str) -> [u64; 4] {
    let tactics = matrix["tactics"].as_array().expect("a list");
    let tactic = tactics.iter().find(|known| known["id"] == tactic).expect("a tactic");
    let techniques = tactic["techniques"].as_array().expect("a list");
    let own = techniques.iter().find(|known| known["id"] == id).expect("a technique");
    ["rules", "alerts", "stories", "facilities"].map(|name| own[name].as_u64().expect("a number"))
}

#[tokio::test]
async fn techniques_are_covered_seen_or_blind() {
    let sector = Sector::lived_in().await;
    let mut moved = alert(ALPHA, 9_600_000, "to another machine", Severity::High);
    moved.attack = ["T1021.002", "T1021.001", "T1047", "T9999", "T1021.99", "no technique"].map(str::to_owned).to_vec();
    sector.send(ALPHA, 9, 1, vec![Item::Alert(Box::new(moved))]).await;
    let whole = matrix(&sector, Person::Analyst, "").await;
    let [rules, alerts, stories, hospitals] = cell(&whole, "TA0040", "T1486");
    assert_eq!([alerts, stories, hospitals], [6, 4, 3], "two alerts each at three hospitals, one story of them shared");
    assert!(rules >= 1, "ransomware rules are shipped");
    // Two sub-techniques of a story count once for their technique; one without a shipped rule is seen all the same.
    assert_eq!(cell(&whole, "TA0008", "T1021")[1..], [1, 1, 1]);
    assert_eq!(cell(&whole, "TA0002", "T1047"), [0, 1, 1, 1]);
    assert_eq!((&whole["unknown"][0]["id"], &whole["unknown"][1]), (&json!("T9999"), &Value::Null));
    assert_eq!(cell(&whole, "TA0043", "T1595")[1..], [0, 0, 0]);
    let number = |name: &str| whole[name].as_u64().expect("a number");
    assert_eq!(number("seen"), 3);
    assert!(number("blind") > 100 && number("covered") >= 10 && number("techniques") > number("blind"));
    assert!(whole["copyright"].as_str().expect("words").contains("MITRE"));
    let of_region = matrix(&sector, Person::Officer, "?since=all").await;
    assert_eq!(cell(&of_region, "TA0040", "T1486")[1..], [4, 3, 2]);
    // The queue shows what a cell counts.
    for (technique, expected) in [("T1021", 1), ("T1021.002", 1), ("T1021.003", 0), ("T1486", 4)] {
        let list = sector.get(Person::Analyst, &format!("/api/v1/stories?since=all&technique={technique}")).await;
        assert_eq!(list.json()["total"], expected, "{technique}: {}", list.text);
    }
    let at_charlie = sector.get(Person::AtCharlie, "/api/v1/stories?since=all&technique=T1021").await;
    assert_eq!(at_charlie.json()["total"], 0, "{}", CHARLIE.code);
    let strange = sector.get(Person::Analyst, "/api/v1/stories?technique=T10%25").await;
    assert_eq!(strange.code(), "invalid", "{}", strange.text);
    // A week later nothing of it was seen lately.
    let window = Some(phitak_store::stories::ArrivedWithin {
        since: sector.now().plus_secs(8 * 86_400),
        now: sector.now().plus_secs(9 * 86_400),
    });
    let scope = phitak_store::Scope::of_the_centre_itself();
    let seen = sector.centre.store.techniques_seen(&scope, window).await.expect("reads");
    assert_eq!(json!(seen.by_id.len()), 0);
}
