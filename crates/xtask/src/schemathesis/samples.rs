//! Paths and bodies with which operations succeed: the first requests of each, and what the generated ones begin from.

use serde_json::{Value, json};

fn words(text: &str) -> Value {
    json!({"th": text, "en": text})
}

/// A case of this hospital after a call, noticed at this moment.
pub fn case(facility: &str, at: &str) -> Value {
    json!({
        "title": "A case", "told": words("ศูนย์กำลังดูแลเหตุนี้"), "source": "phone", "facilities": [facility],
        "caller": "A nurse", "called_at": at, "noticed_at": at,
    })
}

pub fn task(facility: &str) -> Value {
    json!({"facility": facility, "title": words("ทำสิ่งนี้")})
}

pub fn warning() -> Value {
    json!({
        "title": words("เตือน"), "what": words("เกิดเหตุ"), "why": words("สำคัญ"), "steps": [words("ทำสิ่งนี้")],
        "undo": words(""), "who": words(""), "tlp": "amber", "severity": "high", "due_hours": 24,
        "check": {"kind": "indicators", "addresses": ["198.51.100.99"]},
    })
}

fn listed_rule() -> Value {
    let rule = "alert http any any -> any any (msg:\"a drop\"; http.uri; content:\"/drop/\"; sid:9700001;)";
    let draft = json!({"rule": rule, "title": words("เตือน"), "what": words("เกิดเหตุ"), "why": words("สำคัญ")});
    json!({"rules": [draft], "tlp": "green", "reason": "seen", "days": 30})
}

/// Bodies by the ids of their operations.
fn bodies(facility: &str, at: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("post_cases", case(facility, at)),
        ("post_cases_id_assessment", json!({"level": "serious", "categories": [1], "reason": "seen"})),
        ("post_cases_id_comments", json!({"text": "between us"})),
        ("post_cases_id_notes", json!({"facility": facility, "text": "ทำแล้ว"})),
        ("post_cases_id_tasks", task(facility)),
        ("post_cases_id_words", json!({"title": "Another title"})),
        ("post_cases_id_hold", json!({"hold": true, "reason": "the police asked"})),
        ("post_cases_id_observables", json!({"kind": "address", "value": "198.51.100.99"})),
        ("post_case_tasks_id_settle", json!({"state": "done"})),
        ("post_case_clocks_id_settle", json!({"state": "not_applicable", "reason": "category 1"})),
        ("post_bulletins", warning()),
        ("post_bulletins_id_draft", warning()),
        ("post_rules", listed_rule()),
        ("post_rules_id_withdraw", json!({"reason": "it was a mistake"})),
        ("post_users", json!({"login": "somchai", "name": "Somchai", "role": "analyst", "scope": {"kind": "sector"}})),
    ]
}

/// Puts them into a description.
pub fn add(document: &mut Value, facility: &str, at: &str) {
    let known = [("code", Value::from(facility)), ("id", 1.into()), ("region", "4".into()), ("kind", "mail".into())];
    let bodies = bodies(facility, at);
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths.filter_map(|(_, path)| path.as_object_mut()).flat_map(|path| path.values_mut()) {
        let sample = bodies.iter().find(|(id, _)| operation["operationId"] == *id);
        if let (Some((_, body)), Some(json)) =
            (sample, operation.pointer_mut("/requestBody/content/application~1json").and_then(Value::as_object_mut))
        {
            json.insert("example".to_owned(), body.clone());
        }
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "path") {
            let example = known.iter().find(|(name, _)| parameter["name"] == *name);
            if let (Some((_, example)), Some(parameter)) = (example, parameter.as_object_mut()) {
                parameter.insert("example".to_owned(), example.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_bodies_get_examples_that_exist() {
        let mut document = json!({"paths": {"/a/{code}/{other}": {"post": {
            "operationId": "post_bulletins",
            "parameters": [
                {"name": "code", "in": "path"}, {"name": "other", "in": "path"}, {"name": "code", "in": "query"},
            ],
            "requestBody": {"content": {"application/json": {}}},
        }}, "/b": {"get": {}}}});
        add(&mut document, "10665", "2026-11-30T00:00:00Z");
        let operation = &document["paths"]["/a/{code}/{other}"]["post"];
        assert_eq!(operation["parameters"][0]["example"], "10665");
        assert!(operation["parameters"][1]["example"].is_null() && operation["parameters"][2]["example"].is_null());
        assert_eq!(operation["requestBody"]["content"]["application/json"]["example"], warning());
    }
}
