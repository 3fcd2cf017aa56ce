//! Rules about packets and streams.

mod harness;

use harness::{Bench, check, to_client, to_server};

#[test]
fn contents_are_found_in_payloads_with_all_their_modifiers() {
    let rules = r#"
alert udp any any -> any any (content:"abc"; sid:1;)
alert udp any any -> any any (content:"ABC"; nocase; sid:2;)
alert udp any any -> any any (content:"ABC"; sid:3;)
alert udp any any -> any any (content:"abc"; offset:2; depth:3; sid:4;)
alert udp any any -> any any (content:"abc"; offset:3; sid:5;)
alert udp any any -> any any (content:"xx"; startswith; content:"yy"; endswith; sid:6;)
alert udp any any -> any any (content:"xx"; content:"abc"; distance:0; within:3; sid:7;)
alert udp any any -> any any (content:"abc"; content:!"zz"; distance:0; sid:8;)
alert udp any any -> any any (content:"abc"; content:!"yy"; distance:0; sid:9;)
alert udp any any -> any any (content:!"abc"; sid:10;)
alert udp any any -> any any (content:"|61 62|c"; fast_pattern:0,2; sid:11;)
alert udp any any -> any any (content:"yy"; content:"abc"; distance:-5; sid:12;)
"#;
    check(rules, &[(to_server().udp().payload("xxabcyy"), &[1, 2, 4, 6, 7, 8, 11, 12])]);
}

#[test]
fn a_failed_rest_tries_earlier_places_again() {
    let rules = r#"
alert udp any any -> any any (content:"a"; content:"b"; distance:0; within:1; content:"c"; distance:0; within:1; sid:1;)
alert udp any any -> any any (content:"ab"; pcre:"/^c/R"; sid:2;)
alert udp any any -> any any (content:"ab"; isdataat:!1,relative; sid:3;)
alert udp any any -> any any (content:"|01|"; byte_test:1,=,5,0,relative; sid:4;)
"#;
    check(
        rules,
        &[
            (to_server().udp().payload("aab ab abx abc"), &[1, 2]),
            (to_server().udp().payload("abc ab"), &[1, 2, 3]),
            (to_server().udp().payload(b"\x01\x04\x01\x05"), &[4]),
        ],
    );
}

#[test]
fn numbers_are_read_out_of_bytes() {
    let rules = r#"
alert udp any any -> any any (byte_test:2,=,0x0102,0; sid:1;)
alert udp any any -> any any (byte_test:2,=,0x0201,0,little; sid:2;)
alert udp any any -> any any (content:"len="; byte_test:0,>,40,0,relative,string,dec; sid:3;)
alert udp any any -> any any (byte_extract:1,2,n; content:"X"; offset:n; depth:1; sid:4;)
alert udp any any -> any any (byte_jump:1,2,from_beginning; content:"X"; distance:0; within:1; sid:5;)
alert udp any any -> any any (byte_extract:1,2,n; byte_math:bytes 1, offset 1, oper *, rvalue n, result m; byte_test:1,=,m,3; sid:6;)
alert udp any any -> any any (byte_test:2,&,0x0100,0; byte_test:1,!=,9,0; sid:7;)
alert udp any any -> any any (byte_test:1,=,0x0f,0,bitmask 0xF0; sid:8;)
alert udp any any -> any any (byte_test:4,=,0,60000; sid:9;)
"#;
    check(
        rules,
        &[
            (to_server().udp().payload(b"\x01\x02\x06\x0clen=42X"), &[1, 2, 3, 6, 7]),
            (to_server().udp().payload(b"\x01\x02\x04\x08X"), &[1, 2, 4, 5, 6, 7]),
            (to_server().udp().payload(b"\xf0\x02\x04\x00Y"), &[8]),
        ],
    );
}

#[test]
fn heads_choose_protocol_addresses_ports_and_direction() {
    let rules = r#"
alert tcp $HOME_NET any -> $EXTERNAL_NET 80 (content:"x"; flow:no_stream; sid:1;)
alert udp any any -> any any (content:"x"; sid:2;)
alert ip any any -> any any (content:"x"; flow:to_client,no_stream; sid:3;)
alert tcp any 80 <> any any (content:"x"; flow:no_stream; sid:4;)
alert tcp any any -> any !80 (content:"x"; flow:no_stream; sid:5;)
alert ipv6 any any -> any any (content:"x"; sid:6;)
alert icmp any any -> any any (itype:8; icode:0; icmp_id:7; icmp_seq:9; sid:7;)
alert icmpv6 any any -> any any (itype:8; sid:8;)
"#;
    check(
        rules,
        &[
            (to_server().payload("x"), &[1, 4]),
            (to_client().payload("x"), &[3, 4, 5]),
            (to_server().udp().payload("x"), &[2]),
            (to_server().icmp(8, 0), &[7]),
            (to_server().payload("x").with(|t| t.addresses = ("2001:db8::1", "2001:db8::2")), &[4, 6]),
        ],
    );
}

#[test]
fn conditions_of_headers_are_asked() {
    let rules = r#"
alert tcp any any -> any any (flags:S; sid:1;)
alert tcp any any -> any any (flags:S,12; sid:2;)
alert tcp any any -> any any (flags:+S; sid:3;)
alert tcp any any -> any any (flags:!R; dsize:>2; ttl:64; tos:0; id:99; fragbits:D; seq:1; ack:1; window:1024; tcp.mss:>1400; sid:4;)
alert tcp any any -> any any (dsize:!3; sid:5;)
alert ip any any -> any any (ip_proto:tcp; sameip; sid:6;)
alert tcp any any -> any any (vlan.id:200,-1; vlan.layers:2; sid:7;)
alert tcp any any -> any any (ipv4.hdr; content:"|45|"; startswith; sid:8;)
"#;
    check(
        rules,
        &[
            (to_server().with(|t| t.flags = 2), &[1, 2, 3, 5, 8]),
            (to_server().with(|t| t.flags = 0xc2), &[2, 3, 5, 8]),
            (to_server().payload("abc"), &[4, 8]),
            (to_server().payload("abc").with(|t| t.addresses = ("10.0.0.1", "10.0.0.1")), &[4, 6, 8]),
            (to_server().payload("abc").with(|t| t.vlans = vec![100, 200]), &[4, 7, 8]),
        ],
    );
}

#[test]
fn a_flow_has_state_age_and_counts() {
    let rules = r#"
alert tcp any any -> any any (flow:established,to_server; dsize:1; sid:1;)
alert tcp any any -> any any (flow:not_established; dsize:1; sid:2;)
alert tcp any any -> any any (flow.age:>10; dsize:1; sid:3;)
alert tcp any any -> any any (flow.pkts:toserver,5; dsize:1; sid:4;)
alert tcp any any -> any any (stream_size:client,>,100; dsize:1; sid:5;)
alert tcp any any -> any any (stream_size:both,>,100; dsize:1; sid:6;)
"#;
    check(
        rules,
        &[
            (to_server().payload("x"), &[1]),
            (to_server().payload("x").with(|t| t.established = false), &[2]),
            (to_server().payload("x").with(|t| t.started_secs -= 11), &[1, 3]),
            (to_server().payload("x").with(|t| t.packets = [5, 1]), &[1, 4]),
            (to_server().payload("x").with(|t| t.stream_bytes = [101, 3]), &[1, 5]),
        ],
    );
}

#[test]
fn raw_contents_are_looked_for_in_the_stream_once() {
    let rules = r#"alert tcp any any -> any any (content:"evil"; sid:1;)"#;
    check(
        rules,
        &[
            (to_server().payload("an evil").with(|t| t.in_stream = true), &[]),
            (to_server().stream("an evil"), &[1]),
            (to_server().stream("an evil thing"), &[]),
            (to_server().stream("an evil thing, evil again"), &[1]),
        ],
    );
}

#[test]
fn a_match_across_chunks_is_not_lost() {
    let rules = r#"
alert tcp any any -> any any (content:"evil"; sid:1;)
alert tcp any any -> any any (content:"first"; content:"second"; distance:0; within:20; sid:2;)
"#;
    check(
        rules,
        &[
            (to_server().stream("an ev"), &[]),
            (to_server().stream("an evil thing first"), &[1]),
            (to_server().stream("an evil thing first and sec"), &[]),
            (to_server().stream("an evil thing first and second"), &[2]),
        ],
    );
}

#[test]
fn an_anchored_content_is_looked_for_in_packets_and_in_what_is_new_of_the_stream() {
    let rules = r#"alert tcp any any -> any any (content:"GET"; depth:3; sid:1;)"#;
    check(
        rules,
        &[
            (to_server().payload("GET /").with(|t| t.in_stream = true), &[1]),
            (to_server().stream("GET /"), &[1]),
            (to_server().stream("GET /a b"), &[]),
            (to_server().stream("GET /a bGET /c"), &[1]),
        ],
    );
}

#[test]
fn depth_counts_from_the_beginning_of_what_is_new() {
    let rules = r#"alert tcp any any -> any any (content:"late"; offset:5; depth:4; sid:1;)"#;
    let stream = |offset| to_server().with(|t| t.stream = Some((b"xxxx late".to_vec(), offset)));
    check(rules, &[(stream(0), &[1])]);
    check(rules, &[(stream(100), &[1])]);
    check(rules, &[(to_server().stream("xx"), &[]), (to_server().stream("xxxxxx late"), &[1])]);
}

#[test]
fn flow_options_choose_packets_or_the_stream() {
    let rules = r#"
alert tcp any any -> any any (content:"x"; flow:only_stream; sid:1;)
alert tcp any any -> any any (content:"x"; flow:no_stream; sid:2;)
alert tcp-pkt any any -> any any (content:"x"; sid:3;)
alert tcp-stream any any -> any any (content:"x"; sid:4;)
"#;
    check(
        rules,
        &[(to_server().payload("x").with(|t| t.in_stream = true), &[2, 3]), (to_server().stream("x"), &[1, 4])],
    );
}

#[test]
fn address_rules_fire_once_for_each_direction_and_negated_ones_for_each_packet() {
    let rules = r#"
alert ip 10.0.0.0/8 any -> any any (sid:1;)
alert ip any any -> 10.0.0.1 any (sid:2;)
alert tcp !192.168.0.0/16 any -> any any (sid:3;)
alert ip [1.1.1.1,2.2.2.2] any -> any any (sid:4;)
"#;
    check(rules, &[(to_server(), &[1, 3]), (to_server(), &[3]), (to_client(), &[2, 3]), (to_client(), &[3])]);
}

#[test]
fn protocol_rules_fire_once_when_detection_has_ended() {
    let rules = r#"
alert tcp any any -> any any (app-layer-protocol:made; sid:1;)
alert tcp any any -> any any (app-layer-protocol:!other; flow:to_server; sid:2;)
alert tcp any any -> any any (app-layer-protocol:failed; sid:3;)
"#;
    let known = |t: harness::Turn| t.with(|t| (t.protocol, t.detection_done) = (Some(0), true));
    check(
        rules,
        &[(to_server(), &[]), (known(to_server()), &[1, 2]), (known(to_server()), &[]), (known(to_client()), &[1])],
    );
    check(rules, &[(to_server().with(|t| t.detection_done = true), &[2, 3])]);
}

#[test]
fn a_rule_for_a_protocol_alone_fires_for_its_packets() {
    let known = |t: harness::Turn| t.with(|t| t.protocol = Some(0));
    check(
        "alert made any any -> any any (flow:to_server; sid:1;)",
        &[(to_server(), &[]), (known(to_server()), &[1]), (known(to_client()), &[])],
    );
}

#[test]
fn events_bring_their_rules_up() {
    let rules = r#"
alert pkthdr any any -> any any (decode-event:tcp.pkt_too_small; sid:1;)
alert tcp any any -> any any (stream-event:reassembly_overlap_different_data; sid:2;)
alert tcp any any -> any any (app-layer-event:applayer_proto_detection_skipped; sid:3;)
"#;
    check(
        rules,
        &[
            (to_server().with(|t| t.decoder_events = vec![1]), &[1]),
            (to_server().with(|t| t.stream_events = vec![1]), &[2]),
            (to_server().with(|t| t.flow_events = vec![0]), &[3]),
            (to_server().with(|t| t.stream_events = vec![0]), &[]),
        ],
    );
}

#[test]
fn bits_and_counters_of_a_flow_are_kept_and_setters_come_first() {
    let rules = r#"
alert udp any any -> any any (content:"b"; flowbits:isset,seen; sid:2;)
alert udp any any -> any any (content:"a"; flowbits:set,seen; flowbits:noalert; sid:1;)
alert udp any any -> any any (content:"b"; flowbits:isnotset,other|another; sid:3;)
alert udp any any -> any any (content:"c"; flowbits:unset,seen; noalert; sid:4;)
alert udp any any -> any any (content:"n"; flowint:n,+,1; noalert; sid:5;)
alert udp any any -> any any (content:"n"; flowint:n,>,1; sid:6;)
"#;
    let udp = |text: &str| to_server().udp().payload(text);
    check(
        rules,
        &[
            (udp("b"), &[3]),
            (udp("ab"), &[2, 3]),
            (udp("b"), &[2, 3]),
            (udp("c"), &[]),
            (udp("b"), &[3]),
            (udp("n"), &[]),
            (udp("n"), &[6]),
        ],
    );
}

#[test]
fn bits_of_hosts_end() {
    let rules = r#"
alert udp any any -> any any (content:"a"; xbits:set,x,track ip_src,expire 10; noalert; sid:1;)
alert udp any any -> any any (content:"b"; xbits:isset,x,track ip_src; sid:2;)
alert udp any any -> any any (content:"b"; xbits:isset,x,track ip_dst; sid:3;)
alert udp any any -> any any (content:"p"; xbits:set,p,track ip_pair,expire 100; noalert; sid:4;)
alert udp any any -> any any (content:"q"; xbits:isset,p,track ip_pair; sid:5;)
"#;
    let udp = |turn: harness::Turn, text: &str, after: i64| turn.udp().payload(text).with(|t| t.at_secs += after);
    check(
        rules,
        &[
            (udp(to_server(), "a", 0), &[]),
            (udp(to_server(), "b", 5), &[2]),
            (udp(to_client(), "b", 5), &[3]),
            (udp(to_server(), "b", 11), &[]),
            (udp(to_server(), "p", 11), &[]),
            (udp(to_client(), "q", 12), &[5]),
        ],
    );
}

#[test]
fn thresholds_count_on_packet_time() {
    let rules = r#"
alert udp any any -> any any (content:"a"; threshold:type limit,track by_src,count 1,seconds 60; sid:1;)
alert udp any any -> any any (content:"a"; threshold:type threshold,track by_rule,count 2,seconds 60; sid:2;)
alert udp any any -> any any (content:"a"; threshold:type both,track by_dst,count 2,seconds 60; sid:3;)
alert udp any any -> any any (content:"a"; detection_filter:track by_src,count 2,seconds 60; sid:4;)
alert udp any any -> any any (content:"a"; threshold:type backoff,track by_flow,count 1,multiplier 2; sid:5;)
"#;
    let at = |secs: i64| to_server().udp().payload("a").with(|t| t.at_secs += secs);
    check(rules, &[(at(0), &[1, 5]), (at(1), &[2, 3, 5]), (at(2), &[4]), (at(3), &[2, 4, 5]), (at(100), &[1])]);
}

fn thresholds(text: &str) -> phitak_detect::RuleFile {
    phitak_detect::RuleFile { name: "my.config".into(), text: text.into() }
}

#[test]
fn a_line_about_every_rule_gives_way_and_one_about_no_rule_is_told() {
    let text = "threshold gen_id 0, sig_id 0, type limit, track by_src, count 1, seconds 60\n\
                threshold gen_id 1, sig_id 3, type limit, track by_src, count 3, seconds 60\n\
                suppress gen_id 1, sig_id 99\n";
    let settings = phitak_detect::Settings { thresholds: Some(thresholds(text)), ..Default::default() };
    let rules = r#"
alert udp any any -> any any (content:"a"; sid:1;)
alert udp any any -> any any (content:"a"; threshold:type limit,track by_src,count 2,seconds 60; sid:2;)
alert udp any any -> any any (content:"a"; sid:3;)
"#;
    let mut bench = Bench::with(rules, &settings);
    let mut said = || bench.inspect(&to_server().udp().payload("a"));
    assert_eq!([said(), said(), said(), said()], [vec![1, 2, 3], vec![2, 3], vec![3], vec![]]);
    let (compiled, _) = harness::load_with(rules, &settings);
    let idle: Vec<String> = compiled.idle_lines.iter().map(ToString::to_string).collect();
    assert_eq!(idle, ["my.config:3:1: sid 99: no rule that is loaded has this gid and sid"]);
}

#[test]
fn a_threshold_config_suppresses_and_limits() {
    let settings = phitak_detect::Settings {
        thresholds: Some(thresholds(
            "suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.0/8\nthreshold gen_id 1, sig_id 2, type limit, track by_src, count 1, seconds 60\n",
        )),
        ..Default::default()
    };
    let rules =
        "alert udp any any -> any any (content:\"a\"; sid:1;)\nalert udp any any -> any any (content:\"a\"; sid:2;)";
    let mut bench = Bench::with(rules, &settings);
    assert_eq!(bench.inspect(&to_server().udp().payload("a")), [2]);
    assert_eq!(bench.inspect(&to_server().udp().payload("a")), [0u32; 0]);
    assert_eq!(bench.inspect(&to_client().udp().payload("a")), [1, 2]);
}

#[test]
fn pass_comes_first_and_lets_flows_or_packets_go() {
    let rules = r#"
alert udp any any -> any any (content:"a"; sid:1;)
pass udp any any -> any any (content:"ok"; sid:2;)
"#;
    check(rules, &[(to_server().udp().payload("a ok"), &[]), (to_server().udp().payload("a"), &[1])]);
    let rules = r#"
alert tcp any any -> any any (content:"a"; sid:1;)
pass tcp any any -> any any (content:"ok"; sid:2;)
"#;
    check(rules, &[(to_server().stream("a ok"), &[]), (to_server().payload("a"), &[])]);
}

#[test]
fn expressions_regular_or_not_are_matched_relative_too() {
    let rules = r#"
alert udp any any -> any any (pcre:"/u[a-z]+=\d{2,}$/i"; sid:1;)
alert udp any any -> any any (pcre:"/(ab)\1/"; sid:2;)
alert udp any any -> any any (content:"U"; pcre:"/^ser/R"; pcre:"/^=4/R"; sid:3;)
alert udp any any -> any any (content:"U"; pcre:!"/nothing/"; sid:4;)
"#;
    check(rules, &[(to_server().udp().payload("User=42"), &[1, 3, 4]), (to_server().udp().payload("abab"), &[2])]);
}

#[test]
fn base64_is_decoded_and_looked_into() {
    let rules = r#"alert udp any any -> any any (content:"Basic "; base64_decode:bytes 12, relative; base64_data; content:"root:"; startswith; sid:1;)"#;
    check(
        rules,
        &[
            (to_server().udp().payload("Basic cm9vdDp0b29y"), &[1]),
            (to_server().udp().payload("Basic bm9ib2R5OngK"), &[]),
        ],
    );
}

#[test]
fn at_most_so_many_alerts_are_told_for_one_packet() {
    let rules: String =
        (1..=20).map(|sid| format!("alert udp any any -> any any (content:\"a\"; sid:{sid};)\n")).collect();
    let mut bench = Bench::new(&rules);
    assert_eq!(bench.inspect(&to_server().udp().payload("a")).len(), 15);
    assert_eq!(bench.outcome.overflow, 5);
}

#[test]
fn the_place_of_a_match_is_told() {
    let mut bench = Bench::new(r#"alert udp any any -> any any (content:"ab"; content:"long"; sid:1;)"#);
    bench.inspect(&to_server().udp().payload("xx ab long"));
    let place = bench.outcome.matches.first().and_then(|m| m.place).expect("a place");
    assert_eq!((place.source, place.offset, place.length), (phitak_detect::Source::Payload, 6, 4));
}
