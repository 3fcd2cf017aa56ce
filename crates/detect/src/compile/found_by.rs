//! How a rule comes to be looked at: what a person who writes rules needs to know of their cost.

use super::literals;
use phitak_rules::{Ports, Rule, Test, condition::Condition};

/// Literals of fewer bytes stand in much of all traffic.
pub const SHORT_BYTES: usize = 4;

/// What brings a rule up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// One of its contents, which is searched for together with those of all other rules.
    Literal {
        /// The index of its buffer in [`Rule::sections`].
        section: usize,
        bytes: Vec<u8>,
    },
    /// Its addresses, once for each direction of a flow.
    Addresses,
    Event,
    /// Nothing: it is looked at for each packet or transaction that its head admits.
    Everything,
}

/// What brings a rule up.
#[must_use]
pub fn found_by(rule: &Rule) -> FoundBy {
    let is_absent = |test: &Test| matches!(test, Test::Absent { .. });
    let sections = rule.sections.iter().enumerate();
    let chosen = literals::choose(sections.filter(|(_, s)| !s.tests.iter().any(|placed| is_absent(&placed.value))));
    if let Some((section, literal)) = chosen {
        return FoundBy::Literal { section, bytes: literal.bytes };
    }
    if rule.conditions.iter().any(|placed| matches!(placed.value, Condition::Event { .. })) {
        return FoundBy::Event;
    }
    let any_ports = rule.source_ports.is_any() && rule.destination_ports.is_any();
    let by_address = !rule.source.is_any() || !rule.destination.is_any();
    let plain = rule.sections.is_empty() && rule.conditions.is_empty() && any_ports && by_address;
    if plain { FoundBy::Addresses } else { FoundBy::Everything }
}

/// Whether a rule's literal is looked for in the traffic of all ports.
#[must_use]
pub fn is_on_any_port(rule: &Rule) -> bool {
    let count = |ports: &Ports| ports.ranges().map(|(first, last)| usize::from(last - first) + 1).sum::<usize>();
    count(&rule.source_ports).min(count(&rule.destination_ports)) > super::groups::PORTS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &str, expected: FoundBy) {
        let parsed = phitak_rules::parse("x", &format!("alert {rule} sid:1;)"), &phitak_rules::Context::default());
        let rule = parsed.rules.first().expect("a good rule");
        assert_eq!(found_by(rule), expected);
    }

    #[test]
    fn each_way_of_finding_is_told() {
        check(
            r#"tcp any any -> any any (content:"ab"; content:"longer";"#,
            FoundBy::Literal { section: 0, bytes: b"longer".to_vec() },
        );
        check("ip 10.0.0.1 any -> any any (", FoundBy::Addresses);
        check("ip any any -> any any (decode-event:ipv4.pkt_too_small;", FoundBy::Event);
        check(r#"tcp any any -> any 80 (content:!"ab";"#, FoundBy::Everything);
        check("tcp 10.0.0.1 any -> any 80 (flags:S;", FoundBy::Everything);
    }
}
