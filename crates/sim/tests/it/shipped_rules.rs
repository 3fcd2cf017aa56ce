//! The shipped rules load without a word, and each has its plain words for people.

use phitak_rules::{Context, parse};
use phitak_sim::attack::ATTACKS;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Words that a nurse's colleague should not have to know.
const JARGON: [&str; 12] =
    ["SMB", "TCP", "UDP", "DNS", "HTTP", "payload", "malware", "C2", "CVE", "exploit", "beacon", "SID"];

pub fn rules_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/rules");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("content/rules")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "rules"))
        .collect();
    files.sort();
    files
}

fn loaded(path: &Path) -> Vec<phitak_rules::Rule> {
    let text = fs::read_to_string(path).expect("a rules file");
    let parsed = parse(&path.display().to_string(), &text, &Context::default());
    let words: Vec<String> = parsed.diagnostics.iter().chain(&parsed.left_out).map(ToString::to_string).collect();
    assert!(words.is_empty(), "{}", words.join("\n"));
    parsed.rules
}

#[test]
fn every_shipped_rule_loads_with_its_own_sid_a_class_and_a_technique() {
    let mut sids = BTreeSet::new();
    for rule in rules_files().iter().flat_map(|path| loaded(path)) {
        assert!((8_000_001..8_010_000).contains(&rule.meta.sid), "{}", rule.meta.sid);
        assert!(sids.insert(rule.meta.sid), "{} twice", rule.meta.sid);
        assert!(rule.meta.class.is_some(), "{}", rule.meta.sid);
        for key in ["mitre_technique_id", "mitre_tactic_id", "signature_severity", "created_at"] {
            assert!(rule.meta.metadata.iter().any(|(name, _)| name == key), "{} has no {key}", rule.meta.sid);
        }
    }
    let expected: BTreeSet<u32> = ATTACKS.iter().flat_map(|attack| attack.sids.iter().copied()).collect();
    assert!(expected.is_subset(&sids), "attacks expect rules that do not exist: {:?}", expected.difference(&sids));
}

#[test]
fn every_rule_that_alerts_has_plain_words_in_both_languages() {
    for path in rules_files() {
        let texts = fs::read_to_string(path.with_extension("toml")).expect("plain words beside the rules");
        let texts: toml::Table = texts.parse().expect("TOML");
        let mut by_sid = BTreeMap::new();
        for entry in texts["rule"].as_array().expect("[[rule]]") {
            by_sid.insert(entry["sid"].as_integer().expect("sid") as u32, entry);
        }
        for rule in loaded(&path).iter().filter(|rule| !rule.no_alert) {
            let entry = by_sid.remove(&rule.meta.sid).unwrap_or_else(|| panic!("{} has no plain words", rule.meta.sid));
            let severity = entry["severity"].as_str().expect("severity");
            assert!(["low", "medium", "high", "critical"].contains(&severity), "{severity}");
            for part in ["title", "what", "why", "step"] {
                check_words(rule.meta.sid, part, &entry[part]);
            }
        }
        assert!(by_sid.is_empty(), "words without rules: {:?}", by_sid.keys());
    }
}

fn check_words(sid: u32, part: &str, words: &toml::Value) {
    let (th, en) = (words["th"].as_str().expect("th"), words["en"].as_str().expect("en"));
    assert!(th.chars().any(|c| ('ก'..='๛').contains(&c)), "{sid} {part}: not Thai");
    assert!(en.is_ascii() || !en.chars().any(|c| ('ก'..='๛').contains(&c)), "{sid} {part}: not English");
    for text in [th, en] {
        assert!(text.chars().count() <= 220, "{sid} {part}: too long for one look");
        let found: Vec<&&str> = JARGON.iter().filter(|word| text.contains(**word)).collect();
        assert!(found.is_empty(), "{sid} {part}: {found:?}");
    }
}
