//! EVE JSON records, field for field as Suricata 8 writes them.

mod alert;
mod app;
mod flow;
mod head;
mod stats;

pub(crate) use alert::AlertParts;
pub(crate) use head::protocol_name;

use phitak_model::{Timestamp, json::Writer};

/// Writes records into one buffer that is used again and again.
#[derive(Default)]
pub(crate) struct Records {
    out: Writer,
    stamp: Stamp,
    text: Vec<u8>,
}

/// EVE timestamps (`2026-11-24T02:14:00.000000+0000`); the calendar is worked out once a day.
#[derive(Default)]
struct Stamp {
    day: Option<i64>,
    /// The date with its `T`, then the time.
    text: Vec<u8>,
}

const DATE_BYTES: usize = "2026-11-24T".len();
const SECONDS_PER_DAY: i64 = 86_400;

impl Stamp {
    fn write(&mut self, at: Timestamp, out: &mut Writer) {
        let seconds = at.secs();
        let day = seconds.div_euclid(SECONDS_PER_DAY);
        if self.day != Some(day) {
            self.text.clear();
            self.text.extend_from_slice(at.eve().as_bytes());
            self.day = Some(day);
        }
        let second = seconds.rem_euclid(SECONDS_PER_DAY).unsigned_abs();
        let micros = at.micros().rem_euclid(1_000_000).unsigned_abs();
        let pairs = [second / 3600, second / 60 % 60, second % 60, micros / 10_000, micros / 100 % 100, micros % 100];
        let mut time = *b"00:00:00.000000+0000";
        for (at, pair) in [0, 3, 6, 9, 11, 13].into_iter().zip(pairs) {
            if let Some([tens, ones]) = time.get_mut(at..at + 2) {
                *tens = b'0' + (pair / 10) as u8;
                *ones = b'0' + (pair % 10) as u8;
            }
        }
        self.text.truncate(DATE_BYTES);
        self.text.extend_from_slice(&time);
        out.plain(&self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_the_moments_own_form() {
        let mut stamp = Stamp::default();
        let moments =
            [0, -1, 1_764_000_000_123_456, 1_764_000_000_000_000, 1_764_086_399_999_999, -62_167_219_200_000_000];
        for at in moments.into_iter().map(Timestamp::from_micros) {
            let mut out = Writer::new();
            stamp.write(at, &mut out);
            assert_eq!(out.as_bytes(), format!("\"{}\"", at.eve()).as_bytes());
        }
    }
}
