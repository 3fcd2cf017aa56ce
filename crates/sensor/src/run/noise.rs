//! One rule that fires again and again does not fill spool, line and centre: what is beyond a rule's share of a minute is counted
//! and told as a loss, and stays in the hospital's own records.
//!
//! Minutes are those of the alerts themselves, so that a replay leaves out the same ones each time.

use phitak_model::{Alert, Timestamp};
use std::collections::BTreeMap;

/// Alerts of one rule within a minute that leave.
pub(super) const PER_MINUTE_MAX: u32 = 600;
/// Rules that are counted at a time; the ones that were quiet longest go first.
const RULES_MAX: usize = 4_096;

#[derive(Default)]
pub(super) struct Noise {
    rules: BTreeMap<(u32, u32), Minute>,
    held_back: Option<HeldBack>,
}

#[derive(Clone, Copy)]
struct Minute {
    number: i64,
    alerts: u32,
}

/// What was counted instead of sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldBack {
    pub count: u64,
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Noise {
    /// Whether this one leaves.
    pub(super) fn admits(&mut self, alert: &Alert) -> bool {
        self.admits_at(alert, alert.at)
    }

    /// Whether this one leaves when it counts to another moment than its own: who may say any time must not move a rule's minute
    /// into a future in which all others are late.
    pub(super) fn admits_at(&mut self, alert: &Alert, at: Timestamp) -> bool {
        let number = at.secs().div_euclid(60);
        let rule = (alert.gid, alert.signature_id);
        if self.rules.len() >= RULES_MAX && !self.rules.contains_key(&rule) {
            let oldest = self.rules.values().map(|minute| minute.number).min();
            self.rules.retain(|_, minute| Some(minute.number) != oldest);
        }
        let minute = self.rules.entry(rule).or_insert(Minute { number, alerts: 0 });
        // What comes late counts with the latest minute.
        if number > minute.number {
            *minute = Minute { number, alerts: 0 };
        }
        minute.alerts = minute.alerts.saturating_add(1);
        if minute.alerts <= PER_MINUTE_MAX {
            return true;
        }
        let held = self.held_back.get_or_insert(HeldBack { count: 0, from: at, until: at });
        held.count = held.count.saturating_add(1);
        (held.from, held.until) = (held.from.min(at), held.until.max(at));
        false
    }

    /// What was held back since the last call.
    pub(super) fn take_held_back(&mut self) -> Option<HeldBack> {
        self.held_back.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::Severity;

    fn alert(signature_id: u32, secs: i64) -> Alert {
        Alert {
            at: Timestamp::from_secs(secs),
            gid: 1,
            signature_id,
            rev: 1,
            signature: "a rule".to_owned(),
            category: String::new(),
            severity: Severity::Low,
            action: "allowed".to_owned(),
            proto: "TCP".to_owned(),
            src_ip: [10, 0, 0, 1].into(),
            src_port: None,
            dest_ip: [10, 0, 0, 2].into(),
            dest_port: None,
            app_proto: None,
            flow_id: 0,
            packet: 0,
            attack: Vec::new(),
            evidence: None,
            fields: Vec::new(),
        }
    }

    #[test]
    fn a_flood_of_one_rule_is_cut_and_counted_and_others_pass() {
        let mut noise = Noise::default();
        let flood = PER_MINUTE_MAX as usize + 50;
        let passed = (0..flood).filter(|n| noise.admits(&alert(7, 600 + (*n as i64) / 20))).count();
        assert_eq!(passed, PER_MINUTE_MAX as usize);
        assert!(noise.admits(&alert(8, 630)), "another rule");
        assert!(noise.admits(&alert(7, 660)), "the next minute");
        let held = noise.take_held_back().expect("counted");
        assert_eq!((held.count, held.until), (50, Timestamp::from_secs(632)));
        assert_eq!(noise.take_held_back(), None);
    }

    #[test]
    fn a_time_that_is_claimed_moves_no_minute() {
        let mut noise = Noise::default();
        let (far, now) = (alert(7, 9_000_000_000), Timestamp::from_secs(600));
        let passed = (0..2_000).filter(|_| noise.admits_at(&far, now)).count();
        assert_eq!(passed, PER_MINUTE_MAX as usize);
        assert!(noise.admits_at(&alert(7, 660), Timestamp::from_secs(660)), "the clock's next minute");
        let held = noise.take_held_back().expect("counted");
        assert_eq!((held.count, held.until), (1_400, now));
    }

    #[test]
    fn times_that_go_back_and_many_rules_open_no_way_around() {
        let mut noise = Noise::default();
        let passed = (0..2_000).filter(|n| noise.admits(&alert(7, if n % 2 == 0 { 600 } else { 30 }))).count();
        assert_eq!(passed, PER_MINUTE_MAX as usize);
        (0..3 * RULES_MAX as u32).for_each(|rule| assert!(noise.admits(&alert(100 + rule, 700))));
        assert!(noise.rules.len() <= RULES_MAX);
    }
}
