//! Where records wait for the centre: numbered, checksummed, bounded, on disk.
//!
//! Records lie in segment files ([`segment`]) in the order of their numbers, which never go back. A kill at any moment
//! leaves a prefix of what was appended; a cut tail is cut off, a damaged segment is set aside and its whole records go
//! on. When the spool is full the oldest observations go first, alerts last; each drop is in the [`Ledger`].
//!
//! What is handed out for sending has been synced to the disk before, so that no number is ever given twice.

mod desk;
mod frame;
mod ledger;
mod recovery;
mod room;
mod segment;
mod trouble;

pub use desk::Desk;
pub use frame::{Cursor, ReplayId};
pub use ledger::Ledger;

use crate::{
    policy::Cleared,
    wire::{self, SpoolId},
};
use frame::Frame;
use phitak_model::{LossCause, Timestamp};
use segment::{Header, Segment};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, VecDeque},
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};
use trouble::Trouble;

/// Size of a spool that nobody set.
pub const SPOOL_BYTES_DEFAULT: u64 = 256 << 20;
/// The smallest spool that works.
pub const SPOOL_BYTES_MIN: u64 = 512 << 10;
const SEGMENT_BYTES_MAX: u64 = 1 << 20;
/// A segment whose records have all been acknowledged is replaced from this size on.
const ROLL_BYTES_MIN: u64 = 64 << 10;
/// Most bytes of items in one batch. Less than the wire allows: a slow link repeats less after a cut.
pub const BATCH_BYTES_MAX: usize = 256 << 10;
/// Most records in one batch.
pub const BATCH_RECORDS_MAX: usize = 1000;
/// Refused records that are remembered until the spool is opened again.
const REFUSED_MAX: usize = 4096;
/// The refused records' own file stops growing here.
const REFUSED_FILE_BYTES_MAX: u64 = 1 << 20;

/// Why the spool cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool {0} is in use by another process: end it first")]
    InUse(String),
    #[error("a spool needs at least {SPOOL_BYTES_MIN} bytes")]
    TooSmall,
    #[error("the spool {path} cannot be read or written: {source}")]
    Io { path: String, source: io::Error },
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    Kept {
        seq: u64,
    },
    /// There was no room for its kind; the ledger has it.
    Dropped,
}

/// Records on their way.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub spool: SpoolId,
    /// As [`wire`] describes it.
    pub body: Vec<u8>,
    pub records: usize,
    pub first_seq: u64,
    pub last_seq: u64,
    /// As `last_seq`, with the refused records that follow it.
    passed_seq: u64,
    cursor: Option<Cursor>,
    next: Place,
}

/// Where the next record stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    first_seq: u64,
    rewrites: u32,
    offset: u64,
}

/// What has been acknowledged, and the replay cursor there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Acknowledged {
    /// Nothing up to here needs sending.
    seq: u64,
    cursor: Option<Cursor>,
    /// The last number that the centre itself has acknowledged: less than `seq` where records were set aside.
    #[serde(default)]
    by_centre: u64,
}

/// The open spool. One process at a time (a lock file says so).
pub struct Spool {
    folder: PathBuf,
    id: SpoolId,
    bytes_max: u64,
    segment_bytes_max: u64,
    /// Oldest first; the last is written to. Never empty.
    segments: VecDeque<Segment>,
    /// `None` after a failed write: the next append begins a new segment.
    active: Option<File>,
    next_seq: u64,
    synced_seq: u64,
    cursor: Option<Cursor>,
    acknowledged: Acknowledged,
    /// Records up to here are being sent: they are not dropped.
    in_flight: u64,
    refused: BTreeSet<u64>,
    ledger: Ledger,
    trouble: Trouble,
    _lock: File,
}

impl Spool {
    /// Opens or creates a spool and mends what a kill, a power cut or a failing disk left.
    ///
    /// # Errors
    /// [`SpoolError`] when the folder cannot be used.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, SpoolError> {
        if bytes_max < SPOOL_BYTES_MIN {
            return Err(SpoolError::TooSmall);
        }
        recovery::open(folder, bytes_max)
    }

    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// How far the replay that is being played has come.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The last number that the centre has committed.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.seq
    }

    /// Bytes that wait to be acknowledged.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::waiting_bytes).sum()
    }

    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Notes a loss that happened outside the spool, so that it is reported like those within.
    pub fn note_loss(&mut self, cause: LossCause, count: u64, from: Timestamp, until: Timestamp) {
        self.ledger.note(cause, count, from, until);
    }

    /// Keeps a record, and the replay cursor with it. A disk that does not take it costs the record, not the process.
    pub fn append(&mut self, cleared: &Cleared, cursor: Option<Cursor>) -> Appended {
        let frame = frame::encode(self.next_seq, cleared.at(), cleared.kind(), cursor.as_ref(), cleared.json());
        let kept = self.room_for(frame.len() as u64, cleared.kind()).and_then(|has_room| match has_room {
            true => self.write_or_free(&frame, cleared.kind()).map(|()| true),
            false => Ok(false),
        });
        if let Err(error) = &kept {
            self.trouble.tell(|times| {
                tracing::error!(%error, times, folder = %self.folder.display(), "the spool could not keep records: free space on this disk");
            });
        }
        if !matches!(kept, Ok(true)) {
            self.ledger.note(LossCause::SpoolFull, 1, cleared.at(), cleared.at());
            return Appended::Dropped;
        }
        let seq = self.next_seq;
        self.next_seq = seq.saturating_add(1);
        self.cursor = cursor.or(self.cursor);
        if let Some(segment) = self.segments.back_mut() {
            segment.last_seq = seq;
            segment.bytes += frame.len() as u64;
            segment.counts.add(cleared.kind());
        }
        Appended::Kept { seq }
    }

    /// The file to sync, if there is anything new in it, and the number up to which it will then be durable. Syncing
    /// happens outside, without a lock.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin_sync(&mut self) -> io::Result<(Option<File>, u64)> {
        self.ledger.persist()?;
        let up_to = self.next_seq.saturating_sub(1);
        let active = self.active.as_ref().filter(|_| self.synced_seq < up_to);
        Ok((active.map(File::try_clone).transpose()?, up_to))
    }

    /// Everything up to here is on the disk.
    pub(crate) fn synced(&mut self, up_to: u64) {
        self.synced_seq = self.synced_seq.max(up_to);
    }

    /// The next records to send, of those up to `durable_seq`; `None` when all is acknowledged.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn next_batch(&mut self, durable_seq: u64, records_max: usize) -> io::Result<Option<Outgoing>> {
        let records_max = records_max.clamp(1, BATCH_RECORDS_MAX);
        let mut at = 0;
        while let Some(segment) = self.segments.get(at).cloned() {
            if segment.waiting_bytes() == 0 || segment.last_seq <= self.acknowledged.seq {
                at += 1;
                continue;
            }
            let bytes = std::fs::read(&segment.path)?;
            let scan = segment::scan(&bytes, segment.head as usize);
            if !scan.is_whole(segment.last_seq) {
                self.heal(at)?;
                continue;
            }
            match self.batch_of(&segment, &scan.frames, durable_seq, records_max)? {
                Next::Batch(outgoing) => {
                    self.in_flight = outgoing.passed_seq;
                    return Ok(Some(*outgoing));
                }
                Next::Passed(acknowledged, next) => self.advance(acknowledged, next)?,
                Next::Nothing => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Forgets what the centre has committed.
    ///
    /// # Errors
    /// When the disk refuses; the records are then sent again, and the centre ignores them.
    pub fn acknowledge(&mut self, outgoing: &Outgoing) -> io::Result<()> {
        self.in_flight = 0;
        let cursor = outgoing.cursor.or(self.acknowledged.cursor);
        let by_centre = outgoing.last_seq.max(self.acknowledged.by_centre);
        let acknowledged = Acknowledged { seq: outgoing.passed_seq, cursor, by_centre };
        self.advance(acknowledged, outgoing.next)
    }

    /// The records that were handed out are not on their way any more.
    pub fn release(&mut self) {
        self.in_flight = 0;
    }

    /// The last number ever given.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// Never sends this record again; keeps it beside the spool for whoever looks into it.
    pub fn set_aside(&mut self, seq: u64) -> io::Result<()> {
        self.in_flight = 0;
        let holder =
            self.segments.iter().find(|segment| (segment.first_seq..=segment.last_seq).contains(&seq)).cloned();
        let Some(segment) = holder else { return Ok(()) };
        let bytes = std::fs::read(&segment.path)?;
        let scan = segment::scan(&bytes, segment.head as usize);
        let Some((_, frame)) = scan.frames.iter().find(|(_, frame)| frame.seq == seq) else { return Ok(()) };
        if self.refused.len() >= REFUSED_MAX {
            self.refused.pop_first();
        }
        self.refused.insert(seq);
        self.ledger.note(LossCause::Refused, 1, frame.at, frame.at);
        let mut file = OpenOptions::new().create(true).append(true).open(self.folder.join("refused.jsonl"))?;
        if file.metadata()?.len() < REFUSED_FILE_BYTES_MAX {
            file.write_all(frame.json)?;
            file.write_all(b"\n")?;
        }
        self.ledger.persist()
    }

    fn batch_of(
        &self,
        segment: &Segment,
        frames: &[(usize, Frame<'_>)],
        durable_seq: u64,
        records_max: usize,
    ) -> io::Result<Next> {
        let mut items: Vec<(u64, &[u8])> = Vec::new();
        let (mut bytes, mut cursor, mut passed) = (0, None, None);
        let mut next = Place { first_seq: segment.first_seq, rewrites: segment.rewrites, offset: segment.head };
        for (at, frame) in frames.iter().filter(|(_, frame)| frame.seq <= durable_seq) {
            let is_full = items.len() >= records_max || bytes + frame.json.len() > BATCH_BYTES_MAX;
            if is_full && !items.is_empty() {
                break;
            }
            if frame.seq > self.acknowledged.seq && !self.refused.contains(&frame.seq) {
                bytes += frame.json.len();
                items.push((frame.seq, frame.json));
            }
            cursor = frame.cursor.or(cursor);
            passed = Some(frame.seq);
            next.offset = (at + frame.length) as u64;
        }
        let ends = items.first().zip(items.last()).map(|(first, last)| (first.0, last.0));
        let (Some(passed_seq), Some((first_seq, last_seq))) = (passed, ends) else {
            let before = self.acknowledged;
            let seen = |seq: u64| Acknowledged { seq: seq.max(before.seq), cursor: cursor.or(before.cursor), ..before };
            return Ok(passed.map_or(Next::Nothing, |seq| Next::Passed(seen(seq), next)));
        };
        let records = items.len();
        let body =
            wire::encode_lines(self.id, self.acknowledged.by_centre, items.into_iter()).map_err(io::Error::other)?;
        Ok(Next::Batch(Box::new(Outgoing {
            spool: self.id,
            body,
            records,
            first_seq,
            last_seq,
            passed_seq,
            cursor,
            next,
        })))
    }

    fn advance(&mut self, acknowledged: Acknowledged, next: Place) -> io::Result<()> {
        if acknowledged.seq < self.acknowledged.seq {
            return Ok(());
        }
        self.acknowledged = acknowledged;
        self.refused = self.refused.split_off(&acknowledged.seq.saturating_add(1));
        let is_place =
            |segment: &&mut Segment| segment.first_seq == next.first_seq && segment.rewrites == next.rewrites;
        if let Some(segment) = self.segments.iter_mut().find(is_place) {
            segment.head = segment.head.max(next.offset).min(segment.bytes);
        }
        // Losing this file is harmless: the records are sent again, and the centre ignores them.
        recovery::write_acknowledged(&self.folder.join(recovery::ACKNOWLEDGED_FILE), &acknowledged)?;
        self.remove_acknowledged()
    }

    fn remove_acknowledged(&mut self) -> io::Result<()> {
        while self.segments.len() > 1
            && self.segments.front().is_some_and(|first| first.last_seq <= self.acknowledged.seq)
        {
            self.remove_segment(0)?;
        }
        let done = |last: &Segment| last.last_seq <= self.acknowledged.seq && last.bytes >= ROLL_BYTES_MIN;
        if self.segments.len() == 1 && self.segments.front().is_some_and(done) {
            self.roll()?;
            self.remove_segment(0)?;
        }
        Ok(())
    }

    fn remove_segment(&mut self, at: usize) -> io::Result<()> {
        if let Some(segment) = self.segments.get(at) {
            match std::fs::remove_file(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.segments.remove(at);
        }
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        let is_full = self.segments.back().is_none_or(|active| {
            active.bytes > segment::HEADER_BYTES as u64 && active.bytes + frame.len() as u64 > self.segment_bytes_max
        });
        if is_full || self.active.is_none() {
            self.roll()?;
        }
        let before = self.segments.back().map_or(0, |active| active.bytes);
        let Some(file) = self.active.as_mut() else { return Err(io::Error::other("no open segment")) };
        if let Err(error) = file.write_all(frame) {
            // A part of a frame in the middle of a file would cost a scan later.
            if file.set_len(before).is_err() {
                self.active = None;
            }
            return Err(error);
        }
        Ok(())
    }

    /// Begins a new segment.
    fn roll(&mut self) -> io::Result<()> {
        if let Some(active) = self.active.take() {
            active.sync_data()?;
        }
        let is_unused = |last: &Segment| last.first_seq == self.next_seq;
        if self.segments.back().is_some_and(is_unused) {
            self.segments.pop_back();
        }
        let header = Header { spool: self.id, first_seq: self.next_seq, cursor: self.cursor };
        let segment = Segment::create(&self.folder, &header, &[])?;
        self.active = Some(OpenOptions::new().append(true).open(&segment.path)?);
        self.segments.push_back(segment);
        Ok(())
    }
}

enum Next {
    Batch(Box<Outgoing>),
    /// Only records that need no sending stood there.
    Passed(Acknowledged, Place),
    Nothing,
}

#[cfg(test)]
mod tests;
