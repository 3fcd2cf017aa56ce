//! The part of `cargo deny` that must always hold: licences, banned crates, where crates come from. Reads deny.toml.

use crate::process;
use anyhow::{Context, Result};
use std::{collections::BTreeSet, fs, path::Path};

/// Says whether every linked crate may be linked; prints those that may not.
///
/// # Errors
/// When deny.toml or cargo's metadata cannot be read.
pub fn check(root: &Path) -> Result<bool> {
    let rules = fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    let faults = faults(&rules, &process::metadata(root, true)?);
    for fault in &faults {
        eprintln!("  {fault}");
    }
    Ok(faults.is_empty())
}

fn faults(rules: &str, metadata: &serde_json::Value) -> Vec<String> {
    let allowed: BTreeSet<&str> = list(rules, "allow").into_iter().collect();
    let banned: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ crate = \""))
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| name)
        .collect();
    let mut faults = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(source) = package["source"].as_str() else { continue };
        if banned.contains(name) {
            faults.push(format!("{name} is banned in deny.toml"));
        }
        if !source.starts_with("registry+") && !source.starts_with("sparse+") {
            faults.push(format!("{name} comes from {source}, not from the registry"));
        }
        match package["license"].as_str() {
            Some(licence) if may_link(licence, &allowed) => {}
            Some(licence) => faults.push(format!("{name} has the licence {licence}, which deny.toml does not allow")),
            None => faults.push(format!("{name} names no licence")),
        }
    }
    faults
}

/// The strings of the array `key = [...]`.
fn list<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let start = format!("\n{key} = [");
    let Some(body) = text.split_once(&start).and_then(|(_, rest)| rest.split_once(']')).map(|(body, _)| body) else {
        return Vec::new();
    };
    body.split('"').skip(1).step_by(2).collect()
}

/// Evaluates an SPDX expression: of an OR one side is enough, of an AND both are needed. `/` is the old OR. What cannot be
/// read is not allowed.
fn may_link(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let good = any(&words, &mut at, allowed);
    good == Some(true) && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut good = all(words, at, allowed)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        good |= all(words, at, allowed)?;
    }
    Some(good)
}

fn all(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut good = one(words, at, allowed)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        good &= one(words, at, allowed)?;
    }
    Some(good)
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> Option<bool> {
    let word = words.get(*at)?;
    *at += 1;
    if *word == "(" {
        let good = any(words, at, allowed)?;
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(good);
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1)?;
        *at += 2;
        return Some(allowed.contains(format!("{word} WITH {exception}").as_str()));
    }
    Some(allowed.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "[licenses]\nallow = [\n  \"MIT\",\n  \"Apache-2.0\",\n  \"ISC\",\n  \"Apache-2.0 WITH LLVM-exception\",\n]\n[bans]\ndeny = [\n    { crate = \"openssl\", reason = \"x\" },\n]\n";

    fn package(name: &str, licence: &str) -> serde_json::Value {
        serde_json::json!({ "name": name, "license": licence, "source": "registry+https://example" })
    }

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        let allowed = BTreeSet::from(["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"]);
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "MIT OR LGPL-2.1-or-later",
            "Apache-2.0 AND ISC",
            "(MIT OR GPL-3.0-only) AND ISC",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(may_link(good, &allowed), "{good}");
        }
        for bad in [
            "GPL-2.0-only",
            "LGPL-3.0-or-later",
            "MIT AND GPL-3.0-only",
            "",
            "MIT OR",
            "(MIT",
            "MIT MIT",
            "MIT WITH exotic-exception",
        ] {
            assert!(!may_link(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_gpl_crate_a_banned_crate_and_a_git_source_are_refused() {
        let mut from_git = package("fork", "MIT");
        from_git["source"] = "git+https://example".into();
        let metadata = serde_json::json!({ "packages": [
            package("good", "MIT OR Apache-2.0"), package("bad", "GPL-3.0-only"), package("openssl", "Apache-2.0"), from_git,
            { "name": "own", "license": null, "source": null },
        ] });
        let faults = faults(RULES, &metadata);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("bad has the licence GPL-3.0-only"));
        assert!(faults[1].starts_with("openssl is banned"));
        assert!(faults[2].starts_with("fork comes from git+"));
    }
}
