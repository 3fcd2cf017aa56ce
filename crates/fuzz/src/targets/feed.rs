//! The list of indicators, as a sensor gets it from the centre.

use crate::{mutate::mutated, random::Random};
use phitak_model::{Indicator, IndicatorKind, IndicatorValue, ListedRule, Severity, Timestamp, listed_rule};
use phitak_uplink::feed::{Change, FeedPosition, Part, line::Lines};

const VALUES: &[(IndicatorKind, &str)] = &[
    (IndicatorKind::Address, "203.0.113.0/24"),
    (IndicatorKind::Address, "2001:db8::1"),
    (IndicatorKind::Domain, "evil.example"),
    (IndicatorKind::Url, "evil.example/a.exe"),
    (IndicatorKind::Md5, "0123456789abcdef0123456789abcdef"),
    (IndicatorKind::Ja4, "t13d1516h2_8daaf6152771_b186095e22b6"),
];

/// Damaged parts are refused or read, and every value that is read is one that may be looked for.
pub fn run(random: &mut Random) {
    let mut lines = Lines::default();
    for (id, (kind, value)) in (1..).zip(VALUES) {
        let Ok(value) = IndicatorValue::parse(*kind, value) else { continue };
        let expires_at = Timestamp::from_secs(1_795_000_000);
        lines.push(&Change::Add(Indicator {
            id, value, severity: Severity::High, expires_at, text: "คำ".to_owned()
        }));
    }
    lines.push(&Change::Remove(3));
    lines.push(&Change::AddRule(ListedRule {
        sid: *listed_rule::LISTED_RULE_SIDS.start(),
        expires_at: Timestamp::from_secs(1_795_000_000),
        text: "alert http any any -> any any (http.uri; content:\"/drop/\"; sid:9700000;)".to_owned(),
    }));
    lines.push(&Change::RemoveRule(9_700_001));
    let text = lines.into_text();
    let damaged = String::from_utf8_lossy(&mutated(text.as_bytes(), &[], random)).into_owned();
    let part = Part {
        position: FeedPosition { generation: 1, part: 1 },
        at: Timestamp::from_secs(1_790_000_000),
        hash: [7; 32],
        signature: vec![9; 70],
        lines: damaged,
    };
    part.changes(&mut |change| match change {
        Change::Add(indicator) => {
            let shown = indicator.value.to_string();
            assert_eq!(IndicatorValue::parse(indicator.value.kind(), &shown), Ok(indicator.value));
        }
        Change::AddRule(rule) => {
            assert!(listed_rule::is_listed_sid(rule.sid));
            assert_eq!(listed_rule::text(&rule.text), Ok(rule.text));
        }
        Change::Remove(_) | Change::RemoveRule(_) => {}
    });
    let encoded = part.encode();
    if part.lines.len() <= phitak_uplink::feed::PART_BYTES_MAX {
        assert_eq!(Part::decode_all(&encoded).ok(), Some(vec![part]), "an undamaged part is not read back");
    }
    let _ = Part::decode_all(&mutated(&encoded, &[text.as_bytes()], random));
}
