//! A digest merges, keeps its limits, and loses nothing but what it counts.

use super::*;
use proptest::prelude::*;

fn seen(at_secs: i64, last: u8, fact: Fact) -> Observation {
    let at = Timestamp::from_secs(at_secs);
    Observation { first_at: at, last_at: at, count: 1, host: IpAddr::from([10, 0, 0, last]), mac: None, fact }
}

fn digested(settings: DigestSettings, observations: impl IntoIterator<Item = Observation>) -> (Vec<Observation>, u64) {
    let mut digest = Digest::new(settings);
    let mut records = Vec::new();
    for observation in observations {
        digest.add(observation, &mut |record| records.push(record));
        assert!(digest.open() <= settings.open_max.max(1));
    }
    digest.flush(&mut |record| records.push(record));
    assert_eq!(digest.open(), 0);
    assert!(digest.places.is_empty() && digest.load.is_empty());
    (records, digest.left_out())
}

fn short(record: &Observation) -> (i64, i64, u32) {
    (record.first_at.secs(), record.last_at.secs(), record.count)
}

#[test]
fn a_busy_host_costs_one_record_a_span() {
    let packets = (0..100_000).map(|n| seen(1_000_000 + n / 1_000, 1, Fact::Alive));
    let (records, left_out) = digested(DigestSettings::default(), packets);
    let spans: Vec<_> = records.iter().map(short).collect();
    assert_eq!(spans, [(1_000_000, 1_000_059, 60_000), (1_000_060, 1_000_099, 40_000)]);
    assert_eq!(left_out, 0);
}

#[test]
fn records_leave_in_the_order_in_which_they_began() {
    let packets = [seen(0, 9, Fact::Alive), seen(1, 2, Fact::Alive), seen(2, 9, Fact::Alive), seen(3, 5, Fact::Alive)];
    let (records, _) = digested(DigestSettings::default(), packets);
    let order: Vec<_> = records.iter().map(|record| (record.host.to_string(), record.count)).collect();
    assert_eq!(order, [("10.0.0.9".to_owned(), 2), ("10.0.0.2".to_owned(), 1), ("10.0.0.5".to_owned(), 1)]);
}

#[test]
fn a_port_scan_does_not_become_a_flood_and_never_hides_where_a_mend_shows() {
    let scan = (1..=60_000_u16).map(|port| seen(5, 1, Fact::Refused { port }));
    let weak = std::iter::once(seen(5, 1, Fact::TelnetLogin { port: 23 }));
    let settings = DigestSettings::default();
    let (records, left_out) = digested(settings, scan.chain(weak));
    assert_eq!(records.len(), usize::from(settings.refusals_per_host_max) + PORTS_TOLD.len() + 1);
    assert_eq!(left_out, 60_000 - u64::from(settings.refusals_per_host_max) - PORTS_TOLD.len() as u64);
    for port in PORTS_TOLD {
        assert!(records.iter().any(|record| record.fact == Fact::Refused { port }), "{port}");
    }
}

#[test]
fn a_full_table_lets_the_oldest_go_early_and_loses_nothing() {
    let settings = DigestSettings { open_max: 16, ..DigestSettings::default() };
    let packets = (0..200_u8).map(|host| seen(7, host, Fact::Alive));
    let (records, left_out) = digested(settings, packets);
    assert_eq!((records.len(), left_out), (200, 0));
}

#[test]
fn when_time_jumps_back_no_record_spans_the_jump() {
    let packets = [seen(10_000, 1, Fact::Alive), seen(10, 1, Fact::Alive), seen(20, 1, Fact::Alive)];
    let (records, _) = digested(DigestSettings::default(), packets);
    assert_eq!(records.iter().map(short).collect::<Vec<_>>(), [(10_000, 10_000, 1), (10, 20, 2)]);
}

proptest! {
    #[test]
    fn counts_are_kept_spans_are_bounded_and_the_same_packets_give_the_same_records(
        packets in prop::collection::vec((0_i64..600, 0_u8..5, 0_u16..4), 0..300),
        open_max in 1_usize..20,
    ) {
        let settings = DigestSettings { open_max, ..DigestSettings::default() };
        let mut ordered = packets;
        ordered.sort_by_key(|(at, ..)| *at);
        let stream = || ordered.iter().map(|(at, host, port)| seen(*at, *host, Fact::Serves { port: *port, protocol: "http".to_owned() }));
        let (records, left_out) = digested(settings, stream());
        prop_assert_eq!(left_out, 0);
        prop_assert_eq!(records.iter().map(|record| u64::from(record.count)).sum::<u64>(), ordered.len() as u64);
        for record in &records {
            prop_assert!(record.last_at.micros_since(record.first_at) < 60_000_000);
        }
        prop_assert_eq!(digested(settings, stream()).0, records);
    }
}
