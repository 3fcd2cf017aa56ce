//! What devices should not send, and do.

use super::*;

/// Longest datagram of UDP over IPv4.
const DATAGRAM_BYTES: usize = 65_507;

/// A whole message of so many bytes.
fn long(number: u32, bytes: usize) -> String {
    let short = old(&alert(number));
    let more = "y".repeat(bytes.saturating_sub(short.len()));
    old(&alert(number).replace("ET EXAMPLE", &format!("ET EXAMPLE{more}")))
}

#[test]
fn datagrams_that_a_relay_cut_are_counted_and_the_longest_whole_one_is_taken() {
    let world = World::new();
    let losses = world.run(|site| {
        let device = site.udp();
        for length in [1_024, 2_048, DATAGRAM_BYTES] {
            let message = long(1, DATAGRAM_BYTES + 100);
            device.send(message.get(..length).expect("a part"));
            site.take(1);
        }
        device.send(&long(2, DATAGRAM_BYTES));
        site.take(1);
        site.tell();
    });
    assert_eq!(world.sent(), [2]);
    assert_eq!((count(&losses, LossCause::RecordsUnreadable), losses.len()), (3, 1), "{losses:?}");
}

#[test]
fn a_nul_ends_a_message_and_whatever_it_cut_is_counted() {
    let world = World::new();
    let losses = world.run(|site| {
        let damaged = old(&alert(3)).replace("evil.example", "evil\0.example");
        let stream = format!("{}\0{}\0{damaged}\0{}\0", old(&alert(1)), new(&alert(2)), alert(4));
        site.tcp().write_all(stream.as_bytes()).expect("written");
        site.take(5);
        site.udp().send(&damaged);
        site.take(1);
        site.tell();
    });
    assert_eq!(world.sent(), [1, 2, 4]);
    assert_eq!(count(&losses, LossCause::RecordsUnreadable), 2, "the head of the line, and the datagram");
    assert_eq!(count(&losses, LossCause::MessagesNotEve), 1, "the rest of the line");
}

#[test]
fn a_record_that_a_broken_connection_cut_is_counted_and_comes_again_whole() {
    let world = World::new();
    let losses = world.run(|site| {
        let whole = counted(&new(&alert(1)));
        site.tcp().write_all(whole.get(..300).expect("a part").as_bytes()).expect("written");
        let line = format!("{}\n", old(&alert(2)));
        site.tcp().write_all(line.get(..300).expect("a part").as_bytes()).expect("written");
        site.take(1);
        let mut stream = site.tcp();
        stream.write_all(whole.as_bytes()).expect("written");
        stream.write_all(line.as_bytes()).expect("written");
        site.take(2);
        until(|| {
            site.tell();
            count(&site.station.intake.desk.losses(), LossCause::RecordsUnreadable) == 2
        });
    });
    assert_eq!(world.sent(), [1, 2]);
    assert_eq!(losses.len(), 1, "{losses:?}");
}

#[test]
fn a_count_of_a_million_millions_costs_one_line() {
    let world = World::new();
    let losses = world.run(|site| {
        let stream = format!("1000000000000 <133>Nov 24 09:14:00 fw \n{}", counted(&new(&alert(1))));
        site.tcp().write_all(stream.as_bytes()).expect("written");
        site.take(2);
        site.tell();
    });
    assert_eq!((world.sent(), count(&losses, LossCause::MessagesNotEve)), (vec![1], 1));
}

#[test]
fn a_past_that_is_claimed_stretches_no_loss_over_years() {
    let world = World::new();
    let begun = clock::now();
    let losses = world.run(|site| {
        let device = site.udp();
        for number in 1_000..1_700 {
            let other_flow = format!("\"flow_id\":{number}");
            device
                .send(&old(&alert(7).replace("2026-11-24T09", "0001-11-24T09").replace("\"flow_id\":9", &other_flow)));
            if number % 50 == 49 {
                site.take(50);
            }
        }
        for (moment, drops) in [("1970-01-01T00:00:00", 5), ("2199-01-01T00:00:00", 9)] {
            device.send(&old(&format!(
                "{{\"timestamp\":\"{moment}.000000+0700\",\"event_type\":\"stats\",\"stats\":{{\"capture\":\
                 {{\"kernel_drops\":{drops}}}}}}}"
            )));
            site.take(1);
        }
        site.tell();
    });
    assert!(world.sent().len() >= 600, "they are alerts nevertheless");
    assert_eq!(count(&losses, LossCause::PacketsDropped), 9);
    let dropped = losses.iter().find(|loss| loss.cause == LossCause::PacketsDropped).expect("counted");
    assert!(begun <= dropped.from && dropped.until <= clock::now(), "when it came: {dropped:?}");
    for loss in losses {
        assert!(loss.from >= begun.plus_secs(-LATE_SECS_MAX) && loss.until <= clock::now(), "{loss:?}");
    }
}

#[test]
fn an_alert_from_the_future_that_comes_again_comes_once() {
    let world = World::new();
    for _ in 0..2 {
        world.run(|site| {
            let message = old(&alert(1).replace("2026-11-24T09", "9999-11-24T09"));
            (0..3).for_each(|_| site.udp().send(&message));
            site.take(3);
        });
    }
    assert_eq!(world.sent(), [1]);
}

#[test]
fn a_moment_counts_between_a_week_ago_and_now() {
    let now = Timestamp::from_secs(1_795_000_000);
    let counted = |secs: i64| counted_at(now.plus_secs(secs), now).micros_since(now) / 1_000_000;
    assert_eq!((counted(-3_600), counted(0), counted(3_600)), (-3_600, 0, 0));
    assert_eq!((counted(-LATE_SECS_MAX), counted(-LATE_SECS_MAX - 1)), (-LATE_SECS_MAX, -LATE_SECS_MAX));
}
