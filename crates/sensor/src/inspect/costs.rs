//! `inspect --profile`: where the time went, and which rules took the most of it.

use phitak_engine::{Costs, Ruleset};
use std::{
    fmt::Write as _,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Rules that are shown.
const RULES_SHOWN: usize = 20;

/// Nanoseconds since the first call.
pub(super) fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The account as a table. Reading the clock is part of what is measured: shares mean more than seconds.
pub(super) fn shown(costs: &Costs, rules: &Ruleset) -> String {
    let secs = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64();
    let all: u64 = costs.stages.iter().map(|(_, nanos)| nanos).sum();
    let share = |nanos: u64| if all == 0 { 0.0 } else { 100.0 * nanos as f64 / all as f64 };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:>9} {:>7}  stage", "seconds", "share");
    for (name, nanos) in &costs.stages {
        let _ = writeln!(text, "{:>9.3} {:>6.1}%  {name}", secs(*nanos), share(*nanos));
    }
    let _ = writeln!(
        text,
        "{:>9.3} {:>6.1}%  (of detection: the search for literals)",
        secs(costs.search_nanos),
        share(costs.search_nanos)
    );
    let _ = writeln!(text, "{:>9} {:>7} {:>9} {:>9}  rule", "seconds", "share", "looked", "fired");
    for (number, cost) in costs.rules.iter().take(RULES_SHOWN) {
        let Some(rule) = rules.rule(*number) else { continue };
        let (seconds, share) = (secs(cost.nanos), share(cost.nanos));
        let _ = writeln!(
            text,
            "{seconds:>9.3} {share:>6.1}% {:>9} {:>9}  [{}:{}] {}",
            cost.looked, cost.fired, rule.gid, rule.sid, rule.message
        );
    }
    let hidden = costs.rules.len().saturating_sub(RULES_SHOWN);
    if hidden > 0 {
        let _ = writeln!(text, "{:>37}  and {hidden} more that were looked at", "");
    }
    text
}
