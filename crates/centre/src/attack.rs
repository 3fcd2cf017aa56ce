//! MITRE ATT&CK as the centre knows it: the dated list of `content/attack`, and which of it the shipped rules look for.

use crate::{rule_texts, wire::Text};
use phitak_store::techniques::technique_of;
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

#[derive(RustEmbed)]
#[folder = "../../content/attack"]
struct AttackFiles;

/// Tactics with their techniques.
#[derive(Clone, Debug, Deserialize)]
pub struct Attack {
    /// The date as of which the list is.
    pub version: String,
    pub source: String,
    pub copyright: String,
    #[serde(rename = "tactic")]
    pub tactics: Vec<Tactic>,
    #[serde(rename = "technique")]
    pub techniques: Vec<Technique>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Tactic {
    pub id: String,
    pub name: Text,
}

/// A technique with all its sub-techniques.
#[derive(Clone, Debug, Deserialize)]
pub struct Technique {
    pub id: String,
    pub name: String,
    pub tactics: Vec<String>,
}

/// The list that is built into the program.
#[must_use]
pub fn shipped() -> Option<&'static Attack> {
    static SHIPPED: LazyLock<Option<Attack>> = LazyLock::new(|| {
        let file = AttackFiles::get("enterprise.toml")?;
        toml::from_str(std::str::from_utf8(&file.data).ok()?).ok()
    });
    SHIPPED.as_ref()
}

/// The shipped rules by technique, sub-techniques with it: numbers of signatures.
#[must_use]
pub fn rules_by_technique() -> &'static BTreeMap<String, BTreeSet<u32>> {
    static RULES: LazyLock<BTreeMap<String, BTreeSet<u32>>> = LazyLock::new(|| {
        let mut all: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for line in rule_texts::shipped_rules().lines() {
            if let Some((sid, techniques)) = techniques_of(line) {
                techniques.into_iter().for_each(|id| {
                    all.entry(technique_of(id).to_owned()).or_default().insert(sid);
                });
            }
        }
        all
    });
    &RULES
}

/// The signature's number and the techniques of a rule on one line, as the shipped rules are written.
fn techniques_of(line: &str) -> Option<(u32, Vec<&str>)> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let option = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        rest.split_once(';').map(|(value, _)| value)
    };
    let sid = option(" sid:")?.trim().parse().ok()?;
    let pairs = option(" metadata:")?.split(',').filter_map(|pair| pair.trim().split_once(' '));
    Some((sid, pairs.filter(|(key, _)| *key == "mitre_technique_id").map(|(_, id)| id.trim()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_every_technique_has_a_tactic_that_is_there() {
        let attack = shipped().expect("reads");
        let tactics: BTreeSet<&str> = attack.tactics.iter().map(|tactic| tactic.id.as_str()).collect();
        assert_eq!(tactics.len(), attack.tactics.len());
        let ids: BTreeSet<&str> = attack.techniques.iter().map(|technique| technique.id.as_str()).collect();
        assert!(ids.len() == attack.techniques.len() && ids.len() > 150, "{}", ids.len());
        for technique in &attack.techniques {
            assert!(phitak_store::techniques::is_technique(&technique.id), "{}", technique.id);
            assert!(!technique.tactics.is_empty() && !technique.name.is_empty(), "{}", technique.id);
            assert!(technique.tactics.iter().all(|id| tactics.contains(id.as_str())), "{}", technique.id);
        }
        for tactic in &attack.tactics {
            let of_it = |technique: &&Technique| technique.tactics.contains(&tactic.id);
            assert!(attack.techniques.iter().any(|technique| of_it(&technique)), "{}", tactic.id);
        }
    }

    #[test]
    fn every_technique_of_a_shipped_rule_is_in_the_list() {
        let known: BTreeSet<&str> =
            shipped().expect("reads").techniques.iter().map(|technique| technique.id.as_str()).collect();
        let rules = rules_by_technique();
        assert!(rules.len() >= 10, "{rules:?}");
        for id in rules.keys() {
            assert!(known.contains(id.as_str()), "{id}");
        }
        // Each rule with a technique is found: one for each line that mentions some.
        let shipped = rule_texts::shipped_rules();
        let lines = shipped.lines().filter(|line| !line.trim_start().starts_with('#'));
        let mentions = lines.filter(|line| line.contains("mitre_technique_id ")).count();
        let sids: BTreeSet<&u32> = rules.values().flatten().collect();
        assert_eq!(sids.len(), mentions);
    }

    #[test]
    fn a_rules_line_is_read() {
        let rule = "alert tcp any any -> any 445 (msg:\"a\"; content:\"x\"; metadata:mitre_tactic_id TA0040, \
                    mitre_technique_id T1486, mitre_technique_id T1490; sid:7; rev:1;)";
        assert_eq!(techniques_of(rule), Some((7, vec!["T1486", "T1490"])));
        for nothing in
            [format!("# {rule}"), "alert tcp any any -> any any (msg:\"a\"; sid:8;)".to_owned(), String::new()]
        {
            assert_eq!(techniques_of(&nothing), None, "{nothing}");
        }
    }
}
