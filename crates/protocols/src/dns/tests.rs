//! What is said of messages that are damaged.

use super::*;

#[test]
fn the_anomaly_of_a_damaged_message_names_the_host_that_it_asks_for() {
    let remains = |wire: &[u8]| {
        let message = DnsMessage::new(0, Flavour::Unicast, Direction::ToServer, wire);
        assert!(!message.loggable());
        let mut out = Writer::new();
        out.begin_object();
        message.write_remains(MALFORMED, &mut out);
        message.write_remains(NOT_REQUEST, &mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("JSON")
    };
    // One question, and an answer that is not there.
    let damaged = b"\x12\x34\x01\0\0\x01\0\x01\0\0\0\0\x03his\x07example\0\0\x01\0\x01";
    assert!(remains(damaged).contains("his.example"), "{}", remains(damaged));
    assert_eq!(remains(&damaged[..20]), "{}", "no name");
}
