//! The golden copy of the API's description, from which the web pages take their types.

#[test]
fn the_golden_description_is_current() {
    let golden = include_str!("../../openapi.json");
    let current = phitak_centre::openapi::text().expect("writes");
    assert!(golden == current, "run: cargo run --release -p phitak-centre -- openapi > crates/centre/openapi.json");
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    let text = phitak_centre::openapi::text().expect("writes");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut references = 0;
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().expect("a name");
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
        references += 1;
    }
    assert!(references > 100);
}
