//! Streams and datagrams of syslog, as the sensor takes them.

use crate::{mutate::mutated, random::Random};
use phitak_engine::syslog::{Framed, Frames, MESSAGE_BYTES_MAX, Told, read};
use phitak_uplink::{Item, policy};

const ALERT: &str = r#"{"timestamp":"2026-11-24T09:14:00.123456+0700","flow_id":12,"event_type":"alert","src_ip":"10.1.2.3","dest_ip":"203.0.113.9","proto":"TCP","alert":{"signature_id":7,"signature":"s"},"http":{"url":"/a?b=c"}}"#;

/// However a damaged stream is cut, its messages are the same, and none is longer than it may be; each is read, or said not to be,
/// and what is read as an alert passes the policy.
pub fn run(random: &mut Random) {
    let old = format!("<133>Nov 24 09:14:00 fw suricata[812]: {ALERT}");
    let new = format!("<133>1 2026-11-24T09:14:00.1+07:00 fw suricata 812 - [a@1 b=\"\\\"{{]\"] \u{feff}@cee: {ALERT}");
    let counted = format!("{} {new}", new.len());
    let stream = format!("{old}\n{counted}{}{new}\r\n9 <13>hello\u{0}", "7 <13>abc".repeat(random.below(4)));
    let damaged = mutated(stream.as_bytes(), &[counted.as_bytes(), b"9999999 <", b"262145 <1>"], random);
    let whole = frames(&damaged, damaged.len().max(1));
    assert_eq!(frames(&damaged, 1), whole, "one byte at a time");
    assert_eq!(frames(&damaged, 1 + random.below(200)), whole, "in pieces");
    let _ = read(&damaged);
    for framed in &whole {
        let Framed::Message(message) = framed else { continue };
        assert!(message.len() <= MESSAGE_BYTES_MAX);
        if let Told::Alert(alert) = read(message) {
            policy::clear(&Item::Alert(alert)).expect("an alert can leave");
        }
    }
}

fn frames(stream: &[u8], piece_bytes: usize) -> Vec<Framed> {
    let mut frames = Frames::default();
    let mut all = Vec::new();
    for mut piece in stream.chunks(piece_bytes) {
        while let Some(framed) = frames.next(&mut piece) {
            all.push(framed);
        }
        assert!(piece.is_empty(), "nothing is left behind");
    }
    all.extend(frames.end());
    all
}
