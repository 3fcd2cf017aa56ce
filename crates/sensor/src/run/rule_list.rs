//! The rules of the centre's list in use: judged once more by this sensor, compiled with its own addresses and classes, and
//! handed to the engine between two packets.
//!
//! A list may come before the sensor's own rules are loaded; it waits for what compiles it.

use super::offered::Offered;
use phitak_engine::{Diagnostic, Loader, Ruleset, rule_list::load_list};
use phitak_model::{ActiveRules, ListedRule, RefusedRule, Timestamp, health::REFUSED_RULES_MAX};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct RuleList {
    state: Mutex<State>,
    set: Offered<Ruleset, ActiveRules>,
}

#[derive(Default)]
struct State {
    loader: Option<Loader>,
    /// None before the first list.
    list: Option<Vec<ListedRule>>,
}

impl RuleList {
    /// The sensor's own rules are loaded, by this loader: what has come so far is used.
    pub(super) fn ready(&self, loader: Loader, now: Timestamp) {
        let mut state = self.lock();
        state.loader = Some(loader);
        self.renew(&state, now);
    }

    /// Uses these rules in place of those before.
    pub(super) fn take(&self, rules: Vec<ListedRule>, now: Timestamp) {
        let mut state = self.lock();
        state.list = Some(rules);
        self.renew(&state, now);
    }

    /// Lets go of rules whose time has come, whether the centre can be reached or not; says whether there were any.
    pub(super) fn expire(&self, now: Timestamp) -> bool {
        let mut state = self.lock();
        let Some(list) = &mut state.list else { return false };
        let before = list.len();
        list.retain(|rule| rule.expires_at > now);
        if list.len() == before {
            return false;
        }
        self.renew(&state, now);
        true
    }

    /// The set, when it is another than at this turn; brings the turn up to date.
    #[inline]
    pub(super) fn fresh(&self, turn: &mut u64) -> Option<Arc<Ruleset>> {
        self.set.fresh(turn)
    }

    /// What the centre is told of it.
    pub(super) fn active(&self) -> Option<ActiveRules> {
        self.set.about()
    }

    fn renew(&self, state: &State, now: Timestamp) {
        let (Some(loader), Some(list)) = (&state.loader, &state.list) else { return };
        let loaded = load_list(loader, list.iter().filter(|rule| rule.expires_at > now));
        for fault in &loaded.refused {
            tracing::warn!("a rule of the centre's list is not taken: {fault}");
        }
        let about = ActiveRules {
            entries: loaded.rules.len() as u64,
            refused_count: loaded.refused.len() as u64,
            refused: loaded.refused.iter().take(REFUSED_RULES_MAX).map(refused).collect(),
        };
        tracing::info!(rules = about.entries, refused = about.refused_count, "the centre's rules in use");
        self.set.offer(loaded.rules, about);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(fault: &Diagnostic) -> RefusedRule {
    RefusedRule { sid: fault.sid.unwrap_or(0), why: format!("{} (column {})", fault.reason, fault.column) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_engine::{Companions, Config};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn rule(sid: u32, secs: i64, text: &str) -> ListedRule {
        let text = format!("{text} any any -> any any (msg:\"m\"; content:\"abcdef\"; sid:{sid};)");
        ListedRule { sid, expires_at: NOW.plus_secs(secs), text }
    }

    fn loader() -> Loader {
        Loader::new(&Config::default(), Companions::default())
    }

    fn entries(list: &RuleList) -> Option<u64> {
        list.active().map(|active| active.entries)
    }

    #[test]
    fn a_list_waits_for_the_sensors_own_rules_and_then_is_used() {
        let (list, mut turn) = (RuleList::default(), 0);
        list.take(vec![rule(9_700_001, 60, "alert tcp")], NOW);
        assert!(list.fresh(&mut turn).is_none() && list.active().is_none());
        list.ready(loader(), NOW);
        assert_eq!(list.fresh(&mut turn).map(|set| set.len()), Some(1));
        assert!(list.fresh(&mut turn).is_none(), "once");
        list.take(Vec::new(), NOW);
        assert_eq!(list.fresh(&mut turn).map(|set| set.len()), Some(0), "what was withdrawn is gone");
    }

    #[test]
    fn a_rule_whose_time_has_come_goes_without_the_centre() {
        let list = RuleList::default();
        list.ready(loader(), NOW);
        list.take(vec![rule(9_700_001, 10, "alert tcp"), rule(9_700_002, 60, "alert tcp")], NOW);
        assert!(!list.expire(NOW.plus_secs(9)));
        assert_eq!(entries(&list), Some(2));
        assert!(list.expire(NOW.plus_secs(10)));
        assert_eq!(entries(&list), Some(1));
        list.take(vec![rule(9_700_001, -1, "alert tcp")], NOW);
        assert_eq!(entries(&list), Some(0), "one that came too late");
    }

    #[test]
    fn what_this_sensor_does_not_take_is_told_up_to_a_limit_and_counted() {
        let list = RuleList::default();
        list.ready(loader(), NOW);
        let count = u32::try_from(REFUSED_RULES_MAX).expect("small") + 1;
        let mut rules: Vec<_> = (0..count).map(|n| rule(9_700_100 + n, 60, "drop tcp")).collect();
        rules.push(rule(9_700_001, 60, "alert tcp"));
        list.take(rules, NOW);
        let active = list.active().expect("told");
        assert_eq!((active.entries, active.refused_count, active.refused.len()), (1, count.into(), REFUSED_RULES_MAX));
        assert!(active.refused[0].sid == 9_700_100 && active.refused[0].why.contains("alerts, and does nothing"));
    }
}
