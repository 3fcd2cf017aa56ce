//! Which alerts came by syslog before: a device that has lost its connection sends again what it had sent, and syslog has no places
//! from which to go on.
//!
//! An alert is known by its event: when, in which flow, which signature, between whom, and what its transaction says. The last
//! [`EVENTS_MAX`] are remembered in a file of slots, each written when the spool has its alert, with the alert's number there.
//! Killed between the two, the spool's own cursor tells the one event that is missing; after a power cut, numbers that the
//! spool does not have tell which events it lost. So a kill makes neither a double nor a hole. What a damaged disk took from the
//! spool is counted there as a loss, and stays lost when it is sent again.

use phitak_model::Alert;
use phitak_uplink::{
    private_file,
    spool::{Cursor, ReplayId},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashSet, VecDeque},
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
};

/// Events that are remembered; the oldest go first.
pub(super) const EVENTS_MAX: usize = 65_536;
/// `event 16 | number u64 | crc32 u32 | zero u32`, little endian; the checksum covers what stands before it.
const SLOT_BYTES: usize = 32;
const CHECKED_BYTES: usize = 24;

/// An event, digested.
pub(super) type Event = [u8; 16];

pub(super) struct Seen {
    file: File,
    events: HashSet<Event>,
    /// Oldest first.
    order: VecDeque<Event>,
    /// The slot that is written next.
    slot: usize,
    /// The disk has refused, and it was told.
    is_told: bool,
}

/// The event that an alert tells of.
pub(super) fn event(alert: &Alert) -> Event {
    let mut hash = Sha256::new();
    hash.update(b"eve event 1");
    hash.update(alert.at.micros().to_le_bytes());
    for number in [alert.flow_id, alert.packet, alert.gid.into(), alert.signature_id.into()] {
        hash.update(number.to_le_bytes());
    }
    let ends = [(alert.src_ip, alert.src_port), (alert.dest_ip, alert.dest_port)].map(|end| format!("{end:?}"));
    let fields = alert.fields.iter().flat_map(|(name, value)| [name, value]);
    for text in [&alert.proto, &ends[0], &ends[1]].into_iter().chain(fields) {
        // Lengths go in too, so that no two lists of texts look the same.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let mut event = [0; 16];
    event.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    event
}

impl Seen {
    /// Reads what was remembered. `next_seq` is the number that the spool gives next: what has it, or a higher one, the spool has
    /// lost. `last` is the cursor of its last alert.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub(super) fn open(path: &Path, next_seq: u64, last: Option<Cursor>) -> io::Result<Self> {
        let mut slots: Vec<(u64, Event)> = read(path)?.chunks_exact(SLOT_BYTES).filter_map(slot).collect();
        slots.retain(|(seq, _)| *seq < next_seq);
        slots.sort_unstable();
        if let Some(Cursor { replay: ReplayId(event), .. }) = last
            && !slots.iter().any(|(_, known)| *known == event)
        {
            slots.push((next_seq.saturating_sub(1), event));
        }
        let surplus = slots.len().saturating_sub(EVENTS_MAX);
        slots.drain(..surplus);
        // Written anew, in their order: numbers that the spool has lost are given again.
        let content: Vec<u8> = slots.iter().flat_map(|(seq, event)| encode(*seq, event)).collect();
        private_file::write(path, &content)?;
        let file = OpenOptions::new().write(true).open(path)?;
        let order: VecDeque<Event> = slots.iter().map(|(_, event)| *event).collect();
        let events = order.iter().copied().collect();
        Ok(Self { file, events, slot: order.len() % EVENTS_MAX, order, is_told: false })
    }

    pub(super) fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    /// Remembers an event whose alert the spool has under this number.
    pub(super) fn add(&mut self, event: Event, seq: u64) {
        if !self.events.insert(event) {
            return;
        }
        if self.order.len() >= EVENTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.events.remove(&oldest);
        }
        self.order.push_back(event);
        let offset = (self.slot * SLOT_BYTES) as u64;
        self.slot = (self.slot + 1) % EVENTS_MAX;
        let written = self.file.write_all_at(&encode(seq, &event), offset);
        self.tell(written);
    }

    /// Makes what is remembered durable.
    pub(super) fn sync(&mut self) {
        let synced = self.file.sync_data();
        self.tell(synced);
    }

    fn tell(&mut self, outcome: io::Result<()>) {
        let Err(error) = outcome else {
            self.is_told = false;
            return;
        };
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::error!(%error, "which alerts came by syslog cannot be kept: those that a device sends again after a restart come twice");
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take((EVENTS_MAX * SLOT_BYTES) as u64).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(bytes)
}

fn encode(seq: u64, event: &Event) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    let parts = event.iter().copied().chain(seq.to_le_bytes());
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    let sum = crc32fast::hash(bytes.get(..CHECKED_BYTES).unwrap_or_default()).to_le_bytes();
    bytes.iter_mut().skip(CHECKED_BYTES).zip(sum).for_each(|(to, from)| *to = from);
    bytes
}

/// A damaged slot is none: its event may come twice.
fn slot(bytes: &[u8]) -> Option<(u64, Event)> {
    let event: Event = bytes.get(..16)?.try_into().ok()?;
    let seq = u64::from_le_bytes(bytes.get(16..CHECKED_BYTES)?.try_into().ok()?);
    (encode(seq, &event) == bytes).then_some((seq, event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn numbered(number: usize) -> Event {
        let mut event = [0; 16];
        event.iter_mut().zip((number as u64).to_le_bytes()).for_each(|(to, from)| *to = from);
        event
    }

    fn known(seen: &Seen, numbers: std::ops::Range<usize>) -> usize {
        numbers.filter(|number| seen.has(&numbered(*number))).count()
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("syslog-seen");
        (folder, path)
    }

    #[test]
    fn events_are_remembered_over_a_kill_up_to_the_limit() {
        let (_folder, path) = place();
        let mut seen = Seen::open(&path, 1, None).expect("opens");
        let total = EVENTS_MAX + 100;
        (0..total).for_each(|number| seen.add(numbered(number), number as u64 + 1));
        for seen in [seen, Seen::open(&path, total as u64 + 1, None).expect("opens")] {
            assert_eq!((known(&seen, 0..100), known(&seen, 100..total)), (0, EVENTS_MAX));
            assert_eq!((seen.order.len(), seen.events.len()), (EVENTS_MAX, EVENTS_MAX));
        }
        assert_eq!(std::fs::metadata(&path).expect("there").len() as usize, EVENTS_MAX * SLOT_BYTES);
    }

    #[test]
    fn the_one_event_that_a_kill_left_out_is_in_the_spools_cursor() {
        let (_folder, path) = place();
        let mut seen = Seen::open(&path, 1, None).expect("opens");
        seen.add(numbered(1), 1);
        let last = Cursor { replay: ReplayId(numbered(2)), packet: 0, call: 0 };
        for _ in 0..2 {
            let seen = Seen::open(&path, 3, Some(last)).expect("opens");
            assert_eq!(known(&seen, 0..9), 2);
        }
    }

    #[test]
    fn what_the_spool_lost_may_come_again_also_after_its_number_was_given_again() {
        let (_folder, path) = place();
        let mut seen = Seen::open(&path, 1, None).expect("opens");
        (1..=5).for_each(|number| seen.add(numbered(number), number as u64));
        let mut seen = Seen::open(&path, 4, None).expect("opens");
        assert_eq!(known(&seen, 1..6), 3);
        seen.add(numbered(9), 4);
        let seen = Seen::open(&path, 7, None).expect("opens");
        assert_eq!((known(&seen, 4..6), known(&seen, 0..10)), (0, 4));
    }

    #[test]
    fn damage_forgets_what_is_damaged_and_no_more() {
        let (_folder, path) = place();
        let mut seen = Seen::open(&path, 1, None).expect("opens");
        (1..=5).for_each(|number| seen.add(numbered(number), number as u64));
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[SLOT_BYTES + 3] ^= 1;
        bytes.truncate(5 * SLOT_BYTES - 1);
        std::fs::write(&path, &bytes).expect("written");
        let seen = Seen::open(&path, 9, None).expect("opens");
        assert_eq!((known(&seen, 1..6), known(&seen, 2..3), known(&seen, 5..6)), (3, 0, 0));
    }
}
