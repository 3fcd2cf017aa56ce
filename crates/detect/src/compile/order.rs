//! The order in which rules are looked at (user guide, "Rule Processing"): action, setters of bits before those who ask
//! for them, priority, then the order of the files.

use phitak_rules::{
    Action, Rule,
    condition::{Condition, Effect},
};
use std::collections::HashMap;

/// How far chains of bits (one rule sets what another needs to set the next) are followed.
const CHAIN_MAX: u8 = 16;

pub(super) fn sort(rules: Vec<Rule>) -> Vec<Rule> {
    let levels = bit_levels(&rules);
    let mut keyed: Vec<(Key, usize)> =
        rules.iter().enumerate().map(|(i, rule)| (key(rule, levels.get(i).copied().unwrap_or(0)), i)).collect();
    keyed.sort();
    let mut slots: Vec<Option<Rule>> = rules.into_iter().map(Some).collect();
    keyed.into_iter().filter_map(|(_, i)| slots.get_mut(i).and_then(Option::take)).collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    action: u8,
    flow_bits: u8,
    flow_ints: u8,
    host_bits: u8,
    priority: u32,
}

fn key(rule: &Rule, level: u8) -> Key {
    let reads = |wanted: fn(&Condition) -> bool| rule.conditions.iter().any(|c| wanted(&c.value));
    let writes = |wanted: fn(&Effect) -> bool| rule.effects.iter().any(|e| wanted(&e.value));
    Key {
        action: match rule.action {
            Action::Config => 0,
            Action::Pass => 1,
            Action::Drop => 2,
            Action::Reject => 3,
            Action::Alert => 4,
        },
        flow_bits: level,
        flow_ints: rank(
            reads(|c| matches!(c, Condition::FlowInt { .. })),
            writes(|e| matches!(e, Effect::FlowInt { .. })),
        ),
        host_bits: rank(
            reads(|c| matches!(c, Condition::HostBits { .. })),
            writes(|e| matches!(e, Effect::HostBits { .. })),
        ),
        priority: rule.meta.priority,
    }
}

/// Setters first, then those who do both, then those who ask, then the rest.
fn rank(reads: bool, writes: bool) -> u8 {
    match (reads, writes) {
        (false, true) => 0,
        (true, true) => 1,
        (true, false) => 2,
        (false, false) => 3,
    }
}

/// 0 for plain setters; a rule that asks and sets comes behind all who set what it asks for; those who only ask come
/// behind all setters; the rest come last.
fn bit_levels(rules: &[Rule]) -> Vec<u8> {
    let asked = |rule: &Rule| -> Vec<String> {
        let names = rule.conditions.iter().filter_map(|c| match &c.value {
            Condition::FlowBits { names, .. } => Some(names.clone()),
            _ => None,
        });
        names.flatten().collect()
    };
    let set = |rule: &Rule| -> Vec<String> {
        let names = rule.effects.iter().filter_map(|e| match &e.value {
            Effect::FlowBits { names, .. } => Some(names.clone()),
            _ => None,
        });
        names.flatten().collect()
    };
    let uses: Vec<(Vec<String>, Vec<String>)> = rules.iter().map(|r| (asked(r), set(r))).collect();
    let mut levels: Vec<u8> = uses
        .iter()
        .map(|(asked, set)| match (asked.is_empty(), set.is_empty()) {
            (true, false) => 0,
            (false, false) => 1,
            (false, true) => CHAIN_MAX + 1,
            (true, true) => CHAIN_MAX + 2,
        })
        .collect();
    for _ in 0..CHAIN_MAX {
        let mut highest: HashMap<&str, u8> = HashMap::new();
        for ((_, set), level) in uses.iter().zip(&levels) {
            for name in set {
                let slot = highest.entry(name.as_str()).or_default();
                *slot = (*slot).max(*level);
            }
        }
        let mut changed = false;
        for ((asked, set), level) in uses.iter().zip(&mut levels) {
            if asked.is_empty() || set.is_empty() {
                continue;
            }
            // A rule that asks for the bit that it sets does not wait for itself.
            let others = asked.iter().filter(|name| !set.contains(name));
            let needed = others.filter_map(|name| highest.get(name.as_str())).max().map_or(1, |l| l.saturating_add(1));
            if needed > *level && needed <= CHAIN_MAX {
                *level = needed;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[u32]) {
        let rules = sort(phitak_rules::parse("x", text, &phitak_rules::Context::default()).rules);
        let sids: Vec<u32> = rules.iter().map(|r| r.meta.sid).collect();
        assert_eq!(sids, expected);
    }

    #[test]
    fn actions_then_bits_then_priority_then_the_file() {
        check(
            r#"alert ip any any -> any any (priority:2; sid:1;)
alert ip any any -> any any (priority:1; sid:2;)
alert tcp any any -> any any (flowbits:isset,a; content:"x"; sid:3;)
alert tcp any any -> any any (flowbits:set,a; content:"x"; sid:4;)
drop ip any any -> any any (sid:5;)
pass ip any any -> any any (sid:6;)
alert ip any any -> any any (priority:1; sid:7;)"#,
            &[6, 5, 4, 3, 2, 7, 1],
        );
    }

    #[test]
    fn chains_of_bits_run_in_their_order() {
        check(
            r#"alert tcp any any -> any any (flowbits:isset,c; sid:4;)
alert tcp any any -> any any (flowbits:isset,b; flowbits:set,c; sid:3;)
alert tcp any any -> any any (flowbits:isset,a; flowbits:set,b; sid:2;)
alert tcp any any -> any any (flowbits:set,a; sid:1;)"#,
            &[1, 2, 3, 4],
        );
    }
}
