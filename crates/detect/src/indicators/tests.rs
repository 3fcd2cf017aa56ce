use super::*;
use phitak_model::{Indicator, IndicatorValue};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn indicator(id: u32, kind: IndicatorKind, value: &str) -> Indicator {
    Indicator {
        id,
        value: IndicatorValue::parse(kind, value).expect("a value"),
        severity: Severity::High,
        expires_at: NOW.plus_secs(100),
        text: format!("words {}", id % 2),
    }
}

fn set(all: &[(IndicatorKind, &str)]) -> Indicators {
    let mut builder = IndicatorsBuilder::default();
    for (id, (kind, value)) in (1..).zip(all) {
        builder.add(&indicator(id, *kind, value));
    }
    builder.build(7)
}

fn id(hit: Option<IndicatorHit>) -> u32 {
    hit.map_or(0, |hit| hit.id)
}

#[test]
fn addresses_hit_by_the_narrowest_network() {
    let set = set(&[
        (IndicatorKind::Address, "198.51.0.0/16"),
        (IndicatorKind::Address, "198.51.100.0/24"),
        (IndicatorKind::Address, "198.51.100.7"),
        (IndicatorKind::Address, "2001:db8::/32"),
        (IndicatorKind::Address, "2001:db8::5"),
    ]);
    for (address, expected) in [
        ("198.51.100.7", 3),
        ("198.51.100.8", 2),
        ("198.51.99.8", 1),
        ("198.52.99.8", 0),
        ("::ffff:198.51.100.7", 3),
        ("2001:db8::5", 5),
        ("2001:db8::6", 4),
        ("2001:db9::6", 0),
    ] {
        assert_eq!(id(set.address(address.parse().expect("an address"), NOW)), expected, "{address}");
    }
}

#[test]
fn a_domain_hits_with_all_below_it_and_nothing_beside_it() {
    let set = set(&[(IndicatorKind::Domain, "evil.example"), (IndicatorKind::Domain, "deep.good.example")]);
    for (name, expected) in [
        ("evil.example", 1),
        ("EVIL.example.", 1),
        ("a.b.evil.example", 1),
        ("notevil.example", 0),
        ("evil.example.org", 0),
        ("good.example", 0),
        ("x.deep.good.example", 2),
        ("", 0),
        (".", 0),
    ] {
        assert_eq!(id(set.domain(name.as_bytes(), NOW)), expected, "{name}");
    }
    assert_eq!(id(set.domain(&[b'a'; 300], NOW)), 0, "longer than any name");
    assert_eq!(id(set.domain(&[b'.'; 250], NOW)), 0);
}

#[test]
fn a_url_hits_by_host_and_path_whatever_is_asked_of_it() {
    let set = set(&[(IndicatorKind::Url, "http://evil.example/Drop/x.php")]);
    for (host, target, expected) in [
        ("Evil.example", "/Drop/x.php?id=1", 1),
        ("evil.example.", "/Drop/x.php", 1),
        ("evil.example", "/drop/x.php", 0),
        ("evil.example", "/", 0),
        ("www.evil.example", "/Drop/x.php", 0),
    ] {
        assert_eq!(id(set.url(host.as_bytes(), target.as_bytes(), NOW)), expected, "{host}{target}");
    }
}

#[test]
fn digests_and_fingerprints_hit_whole() {
    let digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let set = set(&[
        (IndicatorKind::Sha256, digits),
        (IndicatorKind::Sha1, &digits[..40]),
        (IndicatorKind::Md5, &digits[..32]),
        (IndicatorKind::Ja3, &digits[..32]),
        (IndicatorKind::Ja4, "t13d1516h2_8daaf6152771_b186095e22b6"),
    ]);
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect();
    let sha256: &[u8; 32] = bytes[..].try_into().expect("32");
    let sha1: &[u8; 20] = bytes[..20].try_into().expect("20");
    let md5: &[u8; 16] = bytes[..16].try_into().expect("16");
    let none = FileDigests::default();
    assert_eq!(id(set.file(FileDigests { sha256: Some(sha256), ..none }, NOW)), 1);
    assert_eq!(id(set.file(FileDigests { sha1: Some(sha1), ..none }, NOW)), 2);
    assert_eq!(id(set.file(FileDigests { md5: Some(md5), ..none }, NOW)), 3);
    assert_eq!(id(set.file(FileDigests { md5: Some(&[9; 16]), ..none }, NOW)), 0);
    assert_eq!(id(set.file(none, NOW)), 0);
    assert_eq!(id(set.ja3(&digits.as_bytes()[..32], NOW)), 4);
    assert_eq!(id(set.ja3(b"no digits", NOW)), 0);
    assert_eq!(id(set.ja4(b"t13d1516h2_8daaf6152771_b186095e22b6", NOW)), 5);
    assert_eq!(id(set.ja4(b"t13d1516h2_8daaf6152771_b186095e22b7", NOW)), 0);
}

#[test]
fn what_has_expired_does_not_hit() {
    let set = set(&[(IndicatorKind::Address, "203.0.113.9")]);
    let address = "203.0.113.9".parse().expect("an address");
    assert_eq!(id(set.address(address, NOW.plus_secs(99))), 1);
    assert_eq!(id(set.address(address, NOW.plus_secs(100))), 0);
}

#[test]
fn of_two_with_the_same_value_the_later_hits() {
    for (kind, value) in [(IndicatorKind::Address, "203.0.113.9"), (IndicatorKind::Domain, "evil.example")] {
        let mut builder = IndicatorsBuilder::default();
        builder.add(&Indicator { expires_at: NOW, ..indicator(1, kind, value) });
        builder.add(&indicator(2, kind, value));
        let set = builder.build(1);
        let hit = set.address("203.0.113.9".parse().expect("an address"), NOW).or(set.domain(b"evil.example", NOW));
        assert_eq!(id(hit), 2, "{value}");
    }
}

#[test]
fn a_set_knows_its_kinds_and_shares_words() {
    let set = set(&[
        (IndicatorKind::Domain, "a.example"),
        (IndicatorKind::Domain, "b.example"),
        (IndicatorKind::Domain, "c.example"),
    ]);
    let kinds: Vec<_> = IndicatorKind::ALL.iter().filter(|kind| set.has(**kind)).collect();
    assert_eq!(kinds, [&IndicatorKind::Domain]);
    assert_eq!((set.len(), set.words.len(), set.version), (3, 2, 7));
    let hit = set.domain(b"b.example", NOW).expect("hits");
    assert_eq!((&*hit.text, hit.severity, hit.kind), ("words 0", Severity::High, IndicatorKind::Domain));
}

#[test]
fn what_is_one_too_many_is_counted_and_left_out() {
    let mut builder = IndicatorsBuilder::default();
    let mut each = indicator(1, IndicatorKind::Address, "203.0.113.9");
    for number in 0..=phitak_model::indicator::INDICATORS_MAX as u32 {
        each.value = IndicatorValue::Address(IpAddr::from((0x2d00_0000 + number).to_be_bytes()), 32);
        builder.add(&each);
    }
    assert_eq!(builder.refused(), 1);
    assert_eq!(builder.build(1).len(), phitak_model::indicator::INDICATORS_MAX);
}
