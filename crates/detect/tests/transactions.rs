//! Rules about transactions of application protocols.

mod harness;

use harness::{
    BODY, Bench, CODE, HEADER, HOST, LINE, NAME, check, context, load_with, to_client, to_server, transaction,
};
use phitak_detect::{Detail, Settings};

#[test]
fn buffers_are_looked_at_when_they_can_be_read_and_a_transaction_fires_once() {
    let rules = r#"
alert made any any -> any any (made.line; content:"GET"; sid:1;)
alert made any any -> any any (made.line; content:"GET"; made.host; content:"example"; sid:2;)
alert made any any -> any any (made.host; content:"absent.example"; sid:3;)
"#;
    let started = transaction(1, 0).request(LINE, "GET /");
    let headers = transaction(2, 0).request(LINE, "GET /").request(HOST, "www.example.org");
    check(
        rules,
        &[
            (to_server().transactions(&[started]), &[1]),
            (to_server().transactions(std::slice::from_ref(&headers)), &[2]),
            (to_server().transactions(&[headers]), &[]),
        ],
    );
}

#[test]
fn each_transaction_fires_for_itself() {
    let rules = r#"alert made any any -> any any (made.line; content:"GET"; sid:1;)"#;
    let one = transaction(4, 4).request(LINE, "GET /");
    check(
        rules,
        &[
            (to_server().transactions(&[one.clone(), one.clone()]), &[1, 1]),
            (to_server().transactions(&[one.clone(), one.clone(), one]), &[1]),
        ],
    );
}

#[test]
fn whole_values_and_domain_suffixes_are_found() {
    let rules = r#"
alert made any any -> any any (made.host; content:"www.example.org"; bsize:15; sid:1;)
alert made any any -> any any (made.host; content:"example.org"; startswith; endswith; sid:2;)
alert made any any -> any any (made.host; dotprefix; content:".example.org"; endswith; sid:3;)
alert made any any -> any any (made.host; content:".org"; endswith; sid:4;)
alert made any any -> any any (made.host; content:"EXAMPLE"; nocase; sid:5;)
alert made any any -> any any (made.host; content:"ww"; bsize:<5; sid:6;)
"#;
    let host = |name: &str| to_server().transactions(&[transaction(4, 0).request(LINE, "x").request(HOST, name)]);
    check(rules, &[(host("www.example.org"), &[1, 3, 4, 5])]);
    check(rules, &[(host("example.org"), &[2, 3, 4, 5])]);
    check(rules, &[(host("notexample.org"), &[4, 5])]);
    check(rules, &[(host("www"), &[6])]);
}

#[test]
fn values_of_a_multi_buffer_are_matched_one_at_a_time() {
    let rules = r#"
alert made any any -> any any (made.name; content:"one"; content:"two"; sid:1;)
alert made any any -> any any (made.name; content:"one"; made.name; content:"two"; sid:2;)
"#;
    let two = transaction(4, 0).request(NAME, "one").request(NAME, "two");
    check(rules, &[(to_server().transactions(&[two]), &[2])]);
    let one = transaction(4, 0).request(NAME, "two one");
    check(rules, &[(to_server().transactions(&[one]), &[1, 2])]);
}

#[test]
fn a_buffer_of_both_sides_is_looked_at_in_the_packets_direction() {
    let rules = r#"
alert made any any -> any any (made.header; content:"x"; sid:1;)
alert made any any -> any any (flow:to_client; made.header; content:"x"; sid:2;)
"#;
    let both = transaction(4, 4).request(HEADER, "x").response(HEADER, "x");
    check(
        rules,
        &[(to_server().transactions(std::slice::from_ref(&both)), &[1]), (to_client().transactions(&[both]), &[1, 2])],
    );
}

#[test]
fn a_growing_body_is_looked_at_when_it_is_complete_or_large() {
    let rules = r#"alert made any any -> any any (made.body; content:"needle"; sid:1;)"#;
    let body = |text: Vec<u8>, complete| {
        let mut t = transaction(3, 0).request(BODY, text);
        t.body_complete = complete;
        to_server().transactions(&[t])
    };
    check(
        rules,
        &[
            (body(b"a nee".to_vec(), false), &[]),
            (body(b"a needle".to_vec(), false), &[]),
            (body(b"a needle".to_vec(), true), &[1]),
        ],
    );
    let mut large = vec![b'x'; 40_000];
    large.extend_from_slice(b"needle");
    check(rules, &[(body(large[..40_003].to_vec(), false), &[]), (body(large, false), &[1])]);
}

#[test]
fn a_window_that_moved_on_keeps_its_place_in_the_value() {
    let rules = r#"alert made any any -> any any (made.body; content:"needle"; offset:50000; sid:1;)"#;
    let mut t = transaction(3, 0).request(BODY, "..needle");
    (t.body_offset, t.body_complete) = (60_000, true);
    check(rules, &[(to_server().transactions(&[t.clone()]), &[1])]);
    t.body_offset = 0;
    check(rules, &[(to_server().transactions(&[t]), &[])]);
}

#[test]
fn what_is_absent_can_be_asked_for() {
    let rules = r#"
alert made any any -> any any (made.host; absent; sid:1;)
alert made any any -> any any (made.host; absent:or_else; content:!"good"; sid:2;)
"#;
    check(rules, &[(to_server().transactions(&[transaction(4, 0)]), &[1, 2])]);
    check(rules, &[(to_server().transactions(&[transaction(4, 0).request(HOST, "good")]), &[])]);
    check(rules, &[(to_server().transactions(&[transaction(4, 0).request(HOST, "bad")]), &[2])]);
    check(rules, &[(to_server().transactions(&[transaction(1, 0)]), &[])]);
}

#[test]
fn a_transactional_rule_needs_both_sides() {
    let rules = r#"
alert made any any => any any (made.line; content:"GET"; made.code; content:"200"; sid:1;)
alert made any any => any any (made.line; content:"GET"; made.code; content:"404"; sid:2;)
alert made any any => any any (made.header:to_client; content:"x"; made.line; content:"GET"; sid:3;)
"#;
    let request = transaction(4, 0).request(LINE, "GET /");
    let whole = transaction(4, 4).request(LINE, "GET /").response(CODE, "200").response(HEADER, "x");
    check(rules, &[(to_server().transactions(&[request]), &[]), (to_client().transactions(&[whole]), &[1, 3])]);
}

#[test]
fn fields_are_compared() {
    let rules = r#"
alert made any any -> any any (made.version:3; sid:1;)
alert made any any -> any any (made.version:>3; sid:2;)
alert made any any -> any any (made.numbers:5; sid:3;)
alert made any any -> any any (made.numbers:5,all; sid:4;)
alert made any any -> any any (made.numbers:7,-1; sid:5;)
alert made any any -> any any (made.numbers:count >1; sid:6;)
alert made any any -> any any (made.numbers:>4,nb>1; flow:to_server; sid:7;)
"#;
    let mut t = transaction(4, 0);
    (t.version, t.numbers) = (Some(3), vec![5, 7]);
    check(rules, &[(to_server().transactions(&[t]), &[1, 3, 5, 6, 7])]);
}

#[test]
fn events_of_transactions_bring_their_rules_up_once() {
    let rules = r#"
alert made any any -> any any (flow:to_server; app-layer-event:made.odd; sid:1;)
alert made any any -> any any (flow:to_server; app-layer-event:made.broken; sid:2;)
"#;
    let mut t = transaction(1, 0);
    t.events = vec![0];
    check(rules, &[(to_server().transactions(&[t.clone()]), &[1]), (to_server().transactions(&[t]), &[])]);
}

#[test]
fn a_hook_waits_for_its_stage() {
    let rules = "alert made:request_complete any any -> any any (sid:1;)";
    check(
        rules,
        &[
            (to_server().transactions(&[transaction(2, 0)]), &[]),
            (to_server().transactions(&[transaction(4, 0)]), &[1]),
        ],
    );
}

#[test]
fn transforms_come_before_contents() {
    let rules = r#"
alert made any any -> any any (made.host; to_uppercase; content:"WWW"; sid:1;)
alert made any any -> any any (made.line; url_decode; content:"../"; sid:2;)
alert made any any -> any any (made.host; content:"www"; to_md5; content:"|4e ae 35 f1|"; startswith; sid:3;)
alert made any any -> any any (made.line; from_base64:offset 4; content:"secret"; sid:4;)
alert made any any -> any any (made.line; pcrexform:"GET (\S+)"; content:"c2VjcmV0"; bsize:8; sid:5;)
"#;
    let line = |line: &str| to_server().transactions(&[transaction(4, 0).request(LINE, line).request(HOST, "www")]);
    check(rules, &[(line("GET %2e%2e%2f"), &[1, 2, 3])]);
    check(rules, &[(line("GET c2VjcmV0"), &[1, 3, 4, 5])]);
}

#[test]
fn data_sets_are_asked_and_changed() {
    let settings = Settings { files: [("hosts.lst".to_owned(), b"d3d3\n".to_vec())].into(), ..Settings::default() };
    let rules = r#"
alert made any any -> any any (made.host; dataset:isset,hosts,type string,load hosts.lst; sid:1;)
alert made any any -> any any (made.line; dataset:set,lines,type string; sid:2;)
alert made any any -> any any (made.host; dataset:isnotset,hosts; sid:3;)
"#;
    let turn = |host: &str| to_server().transactions(&[transaction(4, 0).request(LINE, "l").request(HOST, host)]);
    let mut bench = Bench::with(rules, &settings);
    assert_eq!(bench.inspect(&turn("www")), [1, 2]);
    bench.flow = Default::default();
    assert_eq!(bench.inspect(&turn("other")), [3]);
}

#[test]
fn captured_groups_go_with_their_alert() {
    let mut bench = Bench::new(r#"alert made any any -> any any (made.line; pcre:"/user=(\w+)/, alert:user"; sid:1;)"#);
    bench.inspect(&to_server().transactions(&[transaction(4, 0).request(LINE, "user=root&x")]));
    let detail = bench.outcome.details.first().map(|d| d.detail.clone());
    assert!(matches!(detail, Some(Detail::Captured { name, bytes, .. }) if &*name == "user" && &*bytes == b"root"));
}

#[test]
fn a_transaction_is_inspected_when_its_direction_is_complete() {
    let mut bench = Bench::new(r#"alert made any any -> any any (made.line; content:"GET"; sid:1;)"#);
    use phitak_model::Direction::{ToClient, ToServer};
    bench.inspect(&to_server().transactions(&[transaction(2, 0)]));
    assert!(!bench.flow.is_inspected(0, ToServer));
    bench.inspect(&to_server().transactions(&[transaction(4, 0)]));
    assert!(bench.flow.is_inspected(0, ToServer) && !bench.flow.is_inspected(0, ToClient));
    bench.inspect(&to_client().transactions(&[transaction(4, 4)]));
    assert!(bench.flow.is_inspected(0, ToClient));
}

#[test]
fn what_the_engine_cannot_show_is_told_with_its_place() {
    let rules = r#"
alert made any any -> any any (http.uri; content:"x"; sid:1;)
alert ntp any any -> any any (sid:2;)
alert made any any -> any any (made.line; content:"x"; made.code; content:"y"; sid:3;)
alert tcp any any -> any any (decode-event:nothing; sid:4;)
alert made any any -> any any (made.line; pcre:"/(/"; sid:5;)
alert made any any -> any any (made.line; dataset:isset,s,type string,load missing.lst; sid:6;)
alert tcp any any -> any any (content:"a"; sid:7;)
alert tcp any any -> any any (content:"a"; sid:7;)
"#;
    let (compiled, _) = load_with(rules, &Settings::default());
    let told: Vec<(Option<u32>, u32, u32)> = compiled.diagnostics.iter().map(|d| (d.sid, d.line, d.column)).collect();
    assert_eq!(
        told,
        [
            (Some(1), 2, 32),
            (Some(2), 3, 1),
            (Some(3), 4, 56),
            (Some(4), 5, 31),
            (Some(5), 6, 43),
            (Some(6), 7, 43),
            (Some(7), 9, 1)
        ]
    );
    assert_eq!(compiled.rules.len(), 1);
    let _ = context();
}
