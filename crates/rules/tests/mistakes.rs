//! A rules file with one mistake in each rule: each is told with line, column and reason, and the good rules load.

use phitak_rules::{Context, parse};

const EXPECTED: &str = include_str!("mistakes.expected");

#[test]
fn each_mistake_is_told_where_it_stands_and_the_good_rules_load() {
    let parsed = parse("mistakes.rules", include_str!("mistakes.rules"), &Context::default());
    let told: String = parsed.diagnostics.iter().map(|d| format!("{d}\n")).collect();
    assert_eq!(told, EXPECTED);
    let loaded: Vec<u32> = parsed.rules.iter().map(|r| r.meta.sid).collect();
    assert_eq!(loaded, [1, 29]);
}
