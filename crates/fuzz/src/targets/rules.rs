//! Damaged rules files: every rule loads or is reported, and diagnostics point into the text.

use crate::{mutate::mutated, random::Random};
use phitak_engine::{Companions, Config, Loader, RuleFile, load};
use phitak_rules::{Context, pack, parse, unpack};
use std::collections::BTreeMap;

const RULES: [&str; 8] = [
    r#"alert tcp any any -> any any (msg:"a"; content:"abc|0d 0a|d"; nocase; offset:3; depth:20; sid:1; rev:2;)"#,
    r#"alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"b"; flow:established,to_server; http.uri; content:"/x"; pcre:"/^\/x[0-9]{1,3}$/R"; sid:2;)"#,
    r#"alert dns any any -> any 53 (msg:"c"; dns.query; dotprefix; content:".example.org"; endswith; threshold:type limit, track by_src, count 1, seconds 60; sid:3;)"#,
    r#"drop tls [10.0.0.0/8,!10.1.0.0/16] [1024:65535,!2000] <> any 443 (msg:"d \"quoted\" \; x"; tls.sni; bsize:>3; content:"e"; metadata:a b, c d; sid:4;)"#,
    r#"alert tcp any any -> any any (msg:"e"; byte_test:4,>,1000,0,relative,little; byte_jump:2,0,multiplier 2,post_offset -1; byte_extract:1,0,x; isdataat:x,relative; sid:5;)"#,
    r#"alert ip any any -> any any (msg:"f"; flowbits:set,a.b; flowint:n,+,1; xbits:set,c,track ip_src,expire 60; ttl:>5; dsize:3<>9; sid:6;)"#,
    "# a comment \\\nalert icmp any any -> any any (itype:8; icode:0; sid:7;)\n\n  bad line",
    r#"alert tcp any any -> any any (content:"x"; distance:-3; within:9; fast_pattern:1,2; detection_filter:track by_dst,count 3,seconds 9; classtype:misc-attack; priority:1; reference:url,example.org; sid:8;)"#,
];

pub fn run(random: &mut Random) {
    let text = damaged(random);
    let parsed = parse("fuzz.rules", &text, &Context::default());
    let lines = text.lines().count() + 1;
    assert!(parsed.rules.len() + parsed.diagnostics.len() <= 4 * lines + 16, "more answers than lines");
}

fn damaged(random: &mut Random) -> String {
    let others: Vec<&[u8]> = RULES.iter().map(|rule| rule.as_bytes()).collect();
    let mut bytes = Vec::new();
    for _ in 0..=random.below(3) {
        bytes.extend(mutated(random.pick(&others).copied().unwrap_or_default(), &others, random));
        bytes.push(b'\n');
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Damaged rules that parse are compiled or told.
pub fn compiled(random: &mut Random) {
    let file = RuleFile { name: "fuzz.rules".into(), text: damaged(random) };
    let loaded = load(&[file], &Config::default(), BTreeMap::new(), None);
    assert!(loaded.rules.len() <= 4 * RULES.len() + 16, "more rules than lines");
}

/// Damaged bytes of a cache are refused, or hold rules that compile.
pub fn packed(random: &mut Random) {
    let text = RULES.join("\n");
    let bytes = pack(&parse("fuzz.rules", &text, &Context::default()));
    let damaged = mutated(&bytes, &[&bytes], random);
    if let Ok(parsed) = unpack(&damaged) {
        let loader = Loader::new(&Config::default(), Companions::default());
        drop(loader.compile(parsed, BTreeMap::new()));
    }
}
