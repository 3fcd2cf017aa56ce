//! Rules of the centre's list: what a rule has to be to go to every hospital, and a list of them to a compiled set.
//!
//! The centre asks when an analyst writes one, the sensor once more when it comes: a list is not trusted because it is signed.

use crate::rules::{Loaded, Loader};
use phitak_detect::{FoundBy, Ruleset, found_by, slowness};
use phitak_model::{
    ListedRule,
    listed_rule::{self, LISTED_RULE_GID, LISTED_RULE_SIDS},
};
use phitak_rules::{
    Action, Diagnostic, Parsed, Rule, Test,
    condition::{Condition, Effect},
    pieces,
};
use std::{collections::BTreeMap, sync::Arc};

/// The name of the list in diagnostics and in records.
const FILE: &str = "centre's list";

/// A compiled list.
pub struct LoadedList {
    pub rules: Arc<Ruleset>,
    /// Rules that are not taken, by their numbers, with the reason.
    pub refused: Vec<Diagnostic>,
}

/// Reads one rule and judges whether it may go to sensors. Its text stands on one line.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(loader: &Loader, text: &str) -> Result<Rule, Diagnostic> {
    let text = listed_rule::text(text).map_err(|error| told(1, 1, None, error.to_string()))?;
    let rule = parsed(loader, &text)?;
    fitness(&rule)?;
    Ok(rule)
}

/// Reads one rule as [`read`], and compiles it.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check(loader: &Loader, text: &str) -> Result<Rule, Diagnostic> {
    let rule = read(loader, text)?;
    let Loaded { failed, .. } = loader.compile(of_list(vec![rule.clone()]), BTreeMap::new());
    match failed.into_iter().find(|fault| fault.file == FILE) {
        Some(fault) => Err(fault),
        None => Ok(rule),
    }
}

/// Judges and compiles a list. What is not fit is left out and told; the others stand.
#[must_use]
pub fn load_list<'a>(loader: &Loader, list: impl IntoIterator<Item = &'a ListedRule>) -> LoadedList {
    let (mut rules, mut refused) = (Vec::new(), Vec::new());
    for listed in list {
        match read(loader, &listed.text) {
            Ok(rule) if rule.meta.sid == listed.sid => rules.push(rule),
            Ok(rule) => {
                let reason = format!("its number in the list is {}, and in its text {}", listed.sid, rule.meta.sid);
                refused.push(told(1, 1, Some(listed.sid), reason));
            }
            Err(fault) => refused.push(Diagnostic { sid: Some(listed.sid), ..fault }),
        }
    }
    let Loaded { rules, failed, .. } = loader.compile(of_list(rules), BTreeMap::new());
    refused.extend(failed.into_iter().filter(|fault| fault.file == FILE));
    refused.sort_by_key(|fault| fault.sid);
    LoadedList { rules, refused }
}

/// What a list's rules are compiled from: they alert under a group of their own.
fn of_list(mut rules: Vec<Rule>) -> Parsed {
    rules.iter_mut().for_each(|rule| rule.meta.gid = LISTED_RULE_GID);
    Parsed { rules, ..Parsed::default() }
}

fn parsed(loader: &Loader, text: &str) -> Result<Rule, Diagnostic> {
    let mut parsed = Parsed::default();
    for piece in pieces(text, 1) {
        parsed.append(loader.parse(FILE, piece));
    }
    if let Some(fault) = parsed.diagnostics.into_iter().chain(parsed.left_out).next() {
        return Err(fault);
    }
    let mut rules = parsed.rules.into_iter();
    match (rules.next(), rules.next()) {
        (Some(rule), None) => Ok(rule),
        (None, _) => Err(told(1, 1, None, "there is no rule".to_owned())),
        (Some(_), Some(_)) => Err(told(1, 1, None, "there is more than one rule".to_owned())),
    }
}

/// Whether a rule may go to hospitals: it alerts and does nothing else, it is found by a pattern, and it needs and touches
/// nothing of anybody else's rules.
fn fitness(rule: &Rule) -> Result<(), Diagnostic> {
    let refuse = |line, column, reason: &str| Err(told(line, column, Some(rule.meta.sid), reason.to_owned()));
    let whole = |reason: &str| refuse(rule.line, rule.column, reason);
    if rule.action != Action::Alert || rule.no_alert {
        return whole("a rule of the list alerts, and does nothing else");
    }
    if rule.meta.gid != 1 {
        return whole("a rule of the list has no gid");
    }
    if !listed_rule::is_listed_sid(rule.meta.sid) {
        let (first, last) = (*LISTED_RULE_SIDS.start(), *LISTED_RULE_SIDS.end());
        return whole(&format!("its sid is not one of {first} to {last}, which are those of the list"));
    }
    if rule.meta.message.trim().is_empty() {
        return whole("it has no msg");
    }
    if let Some(effect) = rule.effects.first() {
        return refuse(effect.line, effect.column, effect_refused(&effect.value));
    }
    for condition in &rule.conditions {
        if let Some(why) = condition_refused(&condition.value) {
            return refuse(condition.line, condition.column, why);
        }
    }
    for test in rule.sections.iter().flat_map(|section| &section.tests) {
        if matches!(test.value, Test::Dataset(_) | Test::DataReputation(_)) {
            return refuse(test.line, test.column, "sensors hold no data sets for the list: use indicators");
        }
    }
    if let Some(why) = slowness(rule) {
        return whole(&why);
    }
    match found_by(rule) {
        FoundBy::Literal { .. } => Ok(()),
        FoundBy::Addresses => whole("it looks at addresses alone: use an indicator"),
        FoundBy::Event | FoundBy::Everything => whole("it has no content that must be found"),
    }
}

fn effect_refused(effect: &Effect) -> &'static str {
    match effect {
        Effect::FlowBits { .. } | Effect::FlowInt { .. } | Effect::HostBits { .. } => {
            "it changes bits or numbers that other rules may use"
        }
        Effect::Bypass => "bypass would blind the sensor to the rest of a connection",
        Effect::StoreFile { .. } => "it would have hospitals keep files",
        Effect::Tag { .. } => "it would have hospitals keep packets",
        Effect::NoLogging { .. } => "it would turn hospitals' records off",
    }
}

fn condition_refused(condition: &Condition) -> Option<&'static str> {
    match condition {
        Condition::FlowBits { .. } | Condition::FlowInt { .. } | Condition::HostBits { .. } => {
            Some("it asks for bits or numbers that other rules may use")
        }
        Condition::Reputation { .. } => Some("it asks for a reputation, of which each sensor has its own"),
        _ => None,
    }
}

fn told(line: u32, column: u32, sid: Option<u32>, reason: String) -> Diagnostic {
    Diagnostic { file: FILE.to_owned(), line, column, sid, reason, hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Companions, Config};
    use phitak_model::Timestamp;

    fn loader() -> Loader {
        Loader::new(&Config::default(), Companions::default())
    }

    fn refusal(text: &str) -> Diagnostic {
        check(&loader(), text).map(|rule| rule.meta.sid).expect_err(text)
    }

    const GOOD: &str = r#"alert http any any -> any any (msg:"a drop"; http.uri; content:"/drop/"; threshold:type limit, track by_src, count 1, seconds 60; sid:9700001;)"#;

    #[test]
    fn a_rule_that_alerts_on_a_pattern_is_fit() {
        assert_eq!(check(&loader(), GOOD).expect("fit").meta.sid, 9_700_001);
    }

    #[test]
    fn what_is_unsafe_to_ship_is_refused_with_its_reason() {
        let head = "any any -> any any";
        let cases = [
            (
                format!(r#"pass http {head} (msg:"m"; http.uri; content:"/drop/"; sid:9700001;)"#),
                "alerts, and does nothing",
            ),
            (
                format!(r#"drop http {head} (msg:"m"; http.uri; content:"/drop/"; sid:9700001;)"#),
                "alerts, and does nothing",
            ),
            (
                format!(r#"reject http {head} (msg:"m"; http.uri; content:"/drop/"; sid:9700001;)"#),
                "alerts, and does nothing",
            ),
            (
                format!(r#"alert http {head} (msg:"m"; http.uri; content:"/drop/"; noalert; sid:9700001;)"#),
                "alerts, and does nothing",
            ),
            (format!(r#"alert http {head} (msg:"m"; http.uri; content:"/drop/"; sid:8000001;)"#), "9700000 to 9799999"),
            (format!(r#"alert http {head} (msg:"m"; http.uri; content:"/drop/"; gid:2; sid:9700001;)"#), "gid"),
            (format!(r#"alert http {head} (http.uri; content:"/drop/"; sid:9700001;)"#), "no msg"),
            (format!(r#"alert tcp {head} (msg:"m"; content:"ab"; sid:9700001;)"#), "only 2 byte(s)"),
            (format!(r#"alert tcp {head} (msg:"m"; flags:S; sid:9700001;)"#), "no content"),
            (r#"alert ip any any -> 203.0.113.9 any (msg:"m"; sid:9700001;)"#.to_owned(), "use an indicator"),
            (format!(r#"alert tcp {head} (msg:"m"; content:"abcdef"; flowbits:set,x; sid:9700001;)"#), "changes bits"),
            (
                format!(r#"alert tcp {head} (msg:"m"; content:"abcdef"; flowbits:isset,x; sid:9700001;)"#),
                "asks for bits",
            ),
            (
                format!(r#"alert tcp {head} (msg:"m"; content:"abcdef"; xbits:isset,x,track ip_src; sid:9700001;)"#),
                "asks for bits",
            ),
            (
                format!(
                    r#"alert dns {head} (msg:"m"; dns.query; content:"abcdef"; dataset:isset,x,type string,load x.lst; sid:9700001;)"#
                ),
                "use indicators",
            ),
            (format!(r#"alert http {head} (msg:"m"; dns.query; content:"abcdef"; sid:9700001;)"#), ""),
            ("# nothing".to_owned(), "no rule"),
            (String::new(), "is empty"),
            (format!("{GOOD}\n{GOOD}"), "one line"),
        ];
        for (text, why) in cases {
            let fault = refusal(&text);
            assert!(fault.reason.contains(why), "{text}: {fault}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_column() {
        let text = r#"alert http any any -> any any (msg:"m"; contant:"/drop/"; sid:9700001;)"#;
        let fault = refusal(text);
        assert_eq!((fault.line, fault.column as usize), (1, text.find("contant").expect("stands there") + 1));
        assert!(fault.reason.contains("contant"), "{fault}");
    }

    #[test]
    fn a_bad_rule_of_a_list_is_left_out_and_the_others_stand() {
        let rule = |sid: u32, text: &str| ListedRule { sid, expires_at: Timestamp::default(), text: text.to_owned() };
        let list = [
            rule(9_700_001, GOOD),
            rule(9_700_002, GOOD),
            rule(9_700_003, r#"pass tcp any any -> any any (msg:"m"; content:"abcdef"; sid:9700003;)"#),
            rule(9_700_004, r#"alert http any any -> any any (msg:"m"; dns.query; content:"abcdef"; sid:9700004;)"#),
        ];
        let loaded = load_list(&loader(), &list);
        assert_eq!(loaded.rules.len(), 1);
        let info = loaded.rules.rule(0).expect("one");
        assert_eq!((info.gid, info.sid), (LISTED_RULE_GID, 9_700_001));
        let sids: Vec<_> = loaded.refused.iter().filter_map(|fault| fault.sid).collect();
        assert_eq!(sids, [9_700_002, 9_700_003, 9_700_004]);
    }
}
