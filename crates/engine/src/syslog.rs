//! Messages of syslog that carry EVE records: where one ends in a stream ([`Frames`]), where its text begins, and what it tells.
//!
//! RFC 3164 and RFC 5424 for the messages, RFC 6587 for streams. Works on bytes alone; nothing of a message is trusted. Of the
//! header only its end is looked for: time, host and name of the sender are not used, for the record has its own.

mod frames;
mod message;

pub use frames::{Framed, Frames};
pub use message::{Form, Message, message};

use crate::suricata::{self, Line, Stats};
use phitak_model::Alert;

/// Longest message that is taken. A datagram is at most a quarter of it; RFC 5425, section 4.3.1, asks for 8 KiB.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// What each of EVE's records has, near its beginning.
const MARK: &[u8] = b"\"event_type\"";

/// What a message tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Alert(Box<Alert>),
    Stats(Stats),
    /// A record of EVE of another kind.
    OtherRecord,
    /// A record of EVE that was cut on its way or is damaged.
    Damaged,
    /// Something else than EVE.
    NotEve,
}

/// Reads one message as it came: a datagram, or what [`Frames`] gave.
#[must_use]
pub fn read(bytes: &[u8]) -> Told {
    let Some(record) = record(message(bytes).text) else { return Told::NotEve };
    match suricata::read(record) {
        Line::Alert(alert) => Told::Alert(alert),
        Line::Stats(stats) => Told::Stats(stats),
        Line::Other => Told::OtherRecord,
        Line::Unreadable if record.windows(MARK.len()).any(|window| window == MARK) => Told::Damaged,
        Line::Unreadable => Told::NotEve,
    }
}

/// The record in a message's text: after the identity of RFC 3164 (`suricata[812]: `) and whatever `prefix` Suricata was told to
/// write (`@cee: `), none of which has a brace.
fn record(text: &[u8]) -> Option<&[u8]> {
    let begin = text.iter().position(|byte| *byte == b'{')?;
    let record = text.get(begin..)?;
    let end = record.iter().rposition(|byte| !byte.is_ascii_whitespace() && *byte != 0)?;
    record.get(..=end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALERT: &str = r#"{"timestamp":"2026-11-24T09:14:00.123456+0700","flow_id":12,"event_type":"alert","src_ip":"10.1.2.3","dest_ip":"203.0.113.9","proto":"TCP","alert":{"signature_id":7,"signature":"s {x}"}}"#;

    fn check(head: &str, tail: &str) {
        let told = read(format!("{head}{ALERT}{tail}").as_bytes());
        assert!(matches!(&told, Told::Alert(alert) if alert.signature_id == 7), "{head:?} {tail:?}: {told:?}");
    }

    #[test]
    fn an_alert_is_read_behind_every_form_of_header() {
        check("<133>Nov 24 09:14:00 fw suricata[812]: ", "");
        check("<133>Nov  4 09:14:00 fw suricata: @cee: ", "\n");
        check("<133>suricata[812]: ", "\r\n\0");
        check("<133>1 2026-11-24T09:14:00.123456+07:00 fw suricata 812 - - ", "");
        check("<133>1 - - - - - [a@1 b=\"{\\\"\\]\\\\\"][c@1] \u{feff}", "");
        check("", "");
        check("<999>", "");
        check("<133>1 broken ", "");
    }

    #[test]
    fn a_record_that_is_cut_anywhere_is_told_and_never_half_taken() {
        let long = ALERT.replace("s {x}", &"y".repeat(70_000));
        let message = format!("<133>Nov 24 09:14:00 fw suricata[812]: {long}");
        for length in [1_024, 2_048, 65_507, message.len() - 1] {
            assert_eq!(read(message.as_bytes().get(..length).expect("a part")), Told::Damaged, "{length}");
        }
        let message = format!("<133>Nov 24 09:14:00 fw suricata[812]: {ALERT}");
        for length in 0..message.len() {
            let told = read(message.as_bytes().get(..length).expect("a part"));
            assert!(matches!(told, Told::Damaged | Told::NotEve), "{length}: {told:?}");
        }
    }

    #[test]
    fn a_nul_within_a_record_damages_it_and_one_that_is_escaped_is_left_out() {
        assert_eq!(read(ALERT.replace("s {x}", "s\0{x}").as_bytes()), Told::Damaged);
        let Told::Alert(alert) = read(ALERT.replace("s {x}", "s\\u0000{x}").as_bytes()) else { panic!("an alert") };
        assert_eq!(alert.signature, "s{x}");
    }

    #[test]
    fn nesting_without_end_is_no_record() {
        let nested = ALERT.replace("\"s {x}\"", &"[".repeat(100_000));
        assert_eq!(read(nested.as_bytes()), Told::Damaged);
    }

    #[test]
    fn odd_moments_are_moments_or_the_record_is_damaged() {
        let at = |moment: &str| match read(ALERT.replace("2026-11-24T09:14:00.123456+0700", moment).as_bytes()) {
            Told::Alert(alert) => alert.at.iso(),
            other => format!("{other:?}"),
        };
        assert_eq!(at("2016-12-31T23:59:60.5+0000"), "2017-01-01T00:00:00.500000Z", "a leap second");
        assert_eq!(at("2028-02-29T00:00:00+0000"), "2028-02-29T00:00:00.000000Z", "a leap day");
        assert_eq!(at("0000-01-01T00:00:00+2359"), "0000-01-01T00:00:00.000000Z", "the nearest that can be written");
        assert_eq!(at("9999-12-31T23:59:59-2359"), "9999-12-31T23:59:59.999999Z", "the nearest that can be written");
        for bad in ["2027-02-29T00:00:00+0000", "2016-12-31T23:59:61+0000", "", "now", "2026-11-24T09:14:00"] {
            assert_eq!(at(bad), "Damaged", "{bad}");
        }
    }

    #[test]
    fn what_is_no_alert_is_told_by_its_kind() {
        let told = |text: &str| read(format!("<133>Nov 24 09:14:00 fw suricata[812]: {text}").as_bytes());
        assert_eq!(told(r#"{"timestamp":"2026-11-24T09:14:00.000000+0700","event_type":"flow"}"#), Told::OtherRecord);
        assert_eq!(told(ALERT.get(..ALERT.len() - 9).expect("a part")), Told::Damaged);
        assert_eq!(told(&format!("{ALERT} and more")), Told::Damaged);
        assert_eq!(told(&ALERT.replace("10.1.2.3", "10.1.2")), Told::Damaged);
        for text in ["session opened for user root", r#"{"level":"info"}"#, "{", "", "a {b} c"] {
            assert_eq!(told(text), Told::NotEve, "{text}");
        }
        let stats = r#"{"timestamp":"2026-11-24T09:14:00.0+0700","event_type":"stats","stats":{"decoder":{"pkts":9}}}"#;
        assert!(matches!(told(stats), Told::Stats(Stats { packets: 9, .. })));
    }
}
