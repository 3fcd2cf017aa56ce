//! Whatever a rules file holds, reading it ends with rules and diagnostics.

use phitak_rules::{Context, parse};
use proptest::prelude::*;

const SEEDS: &[&str] = &[
    r#"alert tcp $HOME_NET any -> [10.0.0.0/8,!10.1.1.1] [80,8000:8100] (msg:"a\; b"; flow:established,to_server; content:"|00 ff|abc"; offset:2; depth:20; content:!"x"; distance:-3; within:9; pcre:"/^a[^b]+$/Ri"; sid:1; rev:2;)"#,
    r#"alert http any any => any any (http.uri; dotprefix; content:".php?"; endswith; bsize:>4; urilen:5<>10; http.stat_code; content:"200"; filesize:to_client,<100kb; sid:2;)"#,
    r#"alert udp any any <> any 53 (byte_extract:2,0,len,relative,little; byte_test:4,!&,0x80,len,string,hex; byte_jump:2,4,relative,multiplier 4,align,post_offset -2; byte_math:bytes 2, offset 0, oper *, rvalue len, result r; isdataat:!r,relative; sid:3;)"#,
    r#"alert tls any any -> any any (tls.sni; pcrexform:"([a-z]+)$"; dataset:isset,d,type string,load f; threshold:type both,track by_src,count 5,seconds 60; flowbits:isset,a|b; xbits:set,x,track ip_pair,expire 5; flowint:n,+,1; metadata:a b, c d; reference:cve,1; classtype:trojan-activity; sid:4;)"#,
];

/// Cuts, doubles and exchanges pieces of the seeds.
fn mutated() -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0u8..5, any::<char>()), 0..12);
    (0..SEEDS.len(), edits).prop_map(|(seed, edits)| {
        let mut text: Vec<char> = SEEDS[seed].chars().collect();
        for (place, kind, c) in edits {
            let at = place.index(text.len().max(1));
            match kind {
                0 if at < text.len() => drop(text.remove(at)),
                1 => text.insert(at.min(text.len()), c),
                2 => text.truncate(at.max(20)),
                3 if at < text.len() => text[at] = [';', '"', '|', '\\', '(', ')', ',', ':', '!', '['][c as usize % 10],
                _ => text.extend_from_within(..at.min(8)),
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn mutated_rules_are_read_or_told(text in mutated()) {
        let parsed = parse("x", &text, &Context::default());
        prop_assert!(parsed.rules.len() + parsed.diagnostics.len() + parsed.left_out.len() <= text.lines().count());
    }

    #[test]
    fn any_text_is_read_or_told(text in "\\PC{0,200}") {
        drop(parse("x", &text, &Context::default()));
    }
}
