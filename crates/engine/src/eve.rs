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
    text: String,
}

/// EVE timestamps; the calendar is worked out once a second.
#[derive(Default)]
struct Stamp {
    second: Option<i64>,
    text: String,
}

impl Stamp {
    fn write(&mut self, at: Timestamp, out: &mut Writer) {
        use std::fmt::Write as _;
        let second = at.secs();
        if self.second != Some(second) {
            let c = at.civil(0);
            self.text.clear();
            // Writing to a String cannot fail.
            let _ = write!(
                self.text,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000000+0000",
                c.year, c.month, c.day, c.hour, c.minute, c.second
            );
            self.second = Some(second);
        }
        let micros = at.micros().rem_euclid(1_000_000);
        let start = self.text.len().saturating_sub("000000+0000".len());
        self.text.truncate(start);
        let _ = write!(self.text, "{micros:06}+0000");
        out.string(&self.text);
    }
}
