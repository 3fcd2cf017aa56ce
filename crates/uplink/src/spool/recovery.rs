//! Opens a spool after whatever happened to it.
//!
//! A cut write at the end of the last segment is cut off. Anything else that does not check is damage: the segment is
//! copied to `damaged/`, its whole records go on in a clean one, and the ledger counts what is missing. Whenever numbers
//! may have been given that are not known any more, counting goes on [`JUMP`] further: the centre takes gaps, but would
//! ignore a number that it has seen.

use super::{
    Acknowledged, SEGMENT_BYTES_MAX, Spool, SpoolError,
    ledger::Ledger,
    segment::{self, HEADER_BYTES, Header, Scan, Segment},
    trouble::Trouble,
};
use crate::{clock, private_file, wire::SpoolId};
use phitak_model::{LossCause, Timestamp};
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

pub(super) const ACKNOWLEDGED_FILE: &str = "acknowledged.json";
const IDENTITY_FILE: &str = "identity.txt";
const DAMAGED_FOLDER: &str = "damaged";
/// Damaged segments that are kept for whoever looks into them.
const DAMAGED_FILES_MAX: usize = 8;
/// How far counting jumps when the last number is not known for certain.
const JUMP: u64 = 1 << 32;
/// No record is shorter; bounds how many a damaged stretch can have held.
const RECORD_BYTES_MIN: u64 = 100;
/// No segment is longer, whatever wrote it.
const FILE_BYTES_MAX: u64 = 4 * SEGMENT_BYTES_MAX;

pub(super) fn open(folder: &Path, bytes_max: u64) -> Result<Spool, SpoolError> {
    let failed = |source| SpoolError::Io { path: folder.display().to_string(), source };
    private_file::make_folder(folder).map_err(failed)?;
    let lock = File::create(folder.join("lock")).map_err(failed)?;
    lock.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => SpoolError::InUse(folder.display().to_string()),
        fs::TryLockError::Error(source) => failed(source),
    })?;
    mend(folder, bytes_max, lock).map_err(failed)
}

fn mend(folder: &Path, bytes_max: u64, lock: File) -> io::Result<Spool> {
    let paths = segment_paths(folder)?;
    let (id, is_new) = identity(folder, &paths)?;
    let acknowledged = read_acknowledged(&folder.join(ACKNOWLEDGED_FILE)).unwrap_or_default();
    let name = |path: &PathBuf| Some(Segment::empty(path.clone(), segment::seq_of_name(path)?));
    let mut spool = Spool {
        folder: folder.to_owned(),
        id,
        bytes_max,
        segment_bytes_max: (bytes_max / 16).min(SEGMENT_BYTES_MAX),
        segments: paths.iter().filter_map(name).collect(),
        active: None,
        next_seq: 1,
        synced_seq: 0,
        cursor: None,
        acknowledged,
        in_flight: 0,
        refused: BTreeSet::new(),
        ledger: Ledger::open(&folder.join("losses.json")),
        trouble: Trouble::default(),
        _lock: lock,
    };
    let mut is_certain = spool.take_in_all()?;
    if spool.segments.is_empty() && !is_new {
        tracing::error!(folder = %folder.display(), "the spool's segments are gone: what had not been sent is lost");
        let now = clock::now();
        spool.ledger.note(LossCause::SpoolDamaged, 1, modified(&folder.join(IDENTITY_FILE)), now);
        is_certain = false;
    }
    let last_seq = spool.segments.back().map_or(0, |last| last.last_seq).max(acknowledged.seq);
    if acknowledged.seq >= last_seq && acknowledged.cursor.is_some() {
        spool.cursor = acknowledged.cursor;
    }
    spool.next_seq = last_seq.saturating_add(if is_certain { 1 } else { JUMP });
    spool.ledger.persist()?;
    spool.roll()?;
    spool.remove_acknowledged()?;
    Ok(spool)
}

impl Spool {
    /// Says whether the last number ever given is known for certain.
    fn take_in_all(&mut self) -> io::Result<bool> {
        let mut is_certain = true;
        let mut at = 0;
        while let Some(first_seq) = self.segments.get(at).map(|segment| segment.first_seq) {
            is_certain &= self.take_in(at)?;
            if self.segments.get(at).is_some_and(|segment| segment.first_seq == first_seq) {
                at += 1;
            }
        }
        Ok(is_certain)
    }

    /// Reads a segment that was there before; says whether its end is known.
    fn take_in(&mut self, at: usize) -> io::Result<bool> {
        let Some(segment) = self.segments.get(at).cloned() else { return Ok(true) };
        let bytes = read_bounded(&segment.path)?;
        let header = self.header_of(&segment, &bytes);
        let scan = segment::scan(&bytes, HEADER_BYTES);
        let cursors = scan.frames.iter().rev().find_map(|(_, frame)| frame.cursor);
        self.cursor = cursors.or(header.as_ref().and_then(|header| header.cursor)).or(self.cursor);
        let is_last = at + 1 == self.segments.len();
        if header.is_none() || !scan.damage.is_empty() || self.misses_torn(at, &scan) {
            let reaches_end = scan.damage.last().is_some_and(|range| range.end == bytes.len());
            let end_is_known = header.is_some() && !reaches_end;
            self.set_damaged_aside(at, &bytes)?;
            return Ok(!is_last || end_is_known);
        }
        let end = scan.torn.unwrap_or(bytes.len());
        if end < bytes.len() {
            tracing::info!(path = %segment.path.display(), bytes = bytes.len() - end, "a cut write at the end was cut off");
            let file = OpenOptions::new().write(true).open(&segment.path)?;
            file.set_len(end as u64)?;
            file.sync_all()?;
        }
        if is_last {
            // A kill leaves it in memory only, and the next segment's header will say that it is there.
            File::open(&segment.path)?.sync_all()?;
        }
        if let Some(place) = self.segments.get_mut(at) {
            place.bytes = end as u64;
            place.fill(&scan, self.acknowledged.seq);
        }
        Ok(true)
    }

    /// Sets a damaged segment aside and goes on with its whole records. The last segment is closed first.
    pub(super) fn heal(&mut self, at: usize) -> io::Result<()> {
        if at + 1 == self.segments.len() {
            self.roll()?;
        }
        let Some(segment) = self.segments.get(at).cloned() else { return Ok(()) };
        let bytes = read_bounded(&segment.path)?;
        self.set_damaged_aside(at, &bytes)
    }

    /// Goes on under a new name with all that waits: the numbers of the old one have been given twice.
    ///
    /// # Errors
    /// When the disk refuses. A kill in between leaves segments of the old name, whose records opening takes over.
    pub fn rename(&mut self) -> io::Result<()> {
        self.roll()?;
        self.id = drawn();
        write_identity(&self.folder, self.id)?;
        self.acknowledged.by_centre = 0;
        self.in_flight = 0;
        let now = clock::now();
        self.ledger.note(LossCause::SpoolDamaged, 1, now, now);
        self.ledger.persist()?;
        for at in 0..self.segments.len() {
            let Some(segment) = self.segments.get(at).cloned() else { continue };
            let bytes = read_bounded(&segment.path)?;
            let scan = segment::scan(&bytes, HEADER_BYTES);
            let sent_up_to = self.acknowledged.seq;
            let frames: Vec<_> =
                scan.frames.iter().map(|(_, frame)| *frame).filter(|frame| frame.seq > sent_up_to).collect();
            let cursor = Header::decode(&bytes).and_then(|header| header.cursor);
            let mut renamed = Segment::create(
                &self.folder,
                &Header { spool: self.id, first_seq: segment.first_seq, cursor },
                &frames,
            )?;
            renamed.rewrites = segment.rewrites.wrapping_add(1);
            if let Some(place) = self.segments.get_mut(at) {
                *place = renamed;
            }
        }
        // The open file is the old one.
        self.active = None;
        write_acknowledged(&self.folder.join(ACKNOWLEDGED_FILE), &self.acknowledged)
    }

    fn set_damaged_aside(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let Some(segment) = self.segments.get(at).cloned() else { return Ok(()) };
        let scan = segment::scan(bytes, HEADER_BYTES);
        let missing = self.missing(at, bytes, &scan);
        tracing::error!(
            path = %segment.path.display(), whole = scan.frames.len(), missing = missing.0,
            "a spool segment is damaged: its whole records go on, a copy lies in {DAMAGED_FOLDER}; check this disk"
        );
        let (count, from, until) = missing;
        self.ledger.note(LossCause::SpoolDamaged, count, from, until);
        self.ledger.persist()?;
        keep_damaged(&self.folder.join(DAMAGED_FOLDER), &segment.path, bytes)?;
        let kept: Vec<_> =
            scan.frames.iter().map(|(_, frame)| *frame).filter(|frame| frame.seq > self.acknowledged.seq).collect();
        if kept.is_empty() {
            return self.remove_segment(at);
        }
        let header = self.header_of(&segment, bytes);
        let header = header.unwrap_or(Header { spool: self.id, first_seq: segment.first_seq, cursor: None });
        let mut clean = Segment::create(&self.folder, &header, &kept)?;
        clean.rewrites = segment.rewrites.wrapping_add(1);
        if let Some(place) = self.segments.get_mut(at) {
            *place = clean;
        }
        Ok(())
    }

    fn header_of(&self, segment: &Segment, bytes: &[u8]) -> Option<Header> {
        Header::decode(bytes).filter(|header| header.spool == self.id && header.first_seq == segment.first_seq)
    }

    /// Whether what looks like a cut write has cost records: only the last segment's end can have been cut by a kill.
    fn misses_torn(&self, at: usize, scan: &Scan<'_>) -> bool {
        let Some((segment, next)) = self.segments.get(at).zip(self.segments.get(at + 1)) else { return false };
        let last_seq = scan.frames.last().map_or(segment.first_seq.saturating_sub(1), |(_, frame)| frame.seq);
        scan.torn.is_some() && last_seq.saturating_add(1) < next.first_seq
    }

    /// How many records a damaged segment has lost, and between which moments.
    fn missing(&self, at: usize, bytes: &[u8], scan: &Scan<'_>) -> (u64, Timestamp, Timestamp) {
        let Some(segment) = self.segments.get(at) else { return (0, Timestamp::default(), Timestamp::default()) };
        let moment = modified(&segment.path);
        let whole: u64 = scan.frames.iter().map(|(_, frame)| frame.length as u64).sum();
        let mean = whole.checked_div(scan.frames.len() as u64).unwrap_or(0).max(RECORD_BYTES_MIN);
        let mut ranges = scan.damage.clone();
        ranges.extend(scan.torn.map(|torn| torn..bytes.len()));
        let mut total = (0u64, moment, moment);
        for (number, range) in ranges.iter().enumerate() {
            let before =
                scan.frames.iter().take_while(|(place, _)| *place < range.start).last().map(|(_, frame)| frame);
            let after = scan.frames.iter().find(|(place, _)| *place >= range.end).map(|(_, frame)| frame);
            let known =
                before.map_or(segment.first_seq.saturating_sub(1), |frame| frame.seq).max(self.acknowledged.seq);
            let next = after.map(|frame| frame.seq).or(self.segments.get(at + 1).map(|next| next.first_seq));
            let could_hold = (range.len() as u64 / mean).max(1);
            let lost = next.map_or(could_hold, |next| next.saturating_sub(known).saturating_sub(1).min(could_hold));
            let from = before.or(after).map_or(moment, |frame| frame.at);
            let until = after.or(before).map_or(moment, |frame| frame.at);
            let (earliest, latest) = if number == 0 { (from, until) } else { (total.1.min(from), total.2.max(until)) };
            total = (total.0.saturating_add(lost), earliest.min(latest), latest.max(earliest));
        }
        total
    }
}

fn segment_paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if segment::seq_of_name(&path).is_some() {
            paths.push(path);
        } else if path.extension().is_some_and(|extension| extension == "new") {
            // A write beside that a kill left: its original is whole.
            fs::remove_file(&path)?;
        }
    }
    paths.sort();
    Ok(paths)
}

/// The spool's own name, and whether it was drawn just now.
fn identity(folder: &Path, paths: &[PathBuf]) -> io::Result<(SpoolId, bool)> {
    let path = folder.join(IDENTITY_FILE);
    let written = fs::read_to_string(&path).ok().and_then(|text| SpoolId::try_from(text.trim().to_owned()).ok());
    if let Some(id) = written {
        return Ok((id, false));
    }
    let mut found = None;
    for segment in paths {
        found = found.or(Header::decode(&read_bounded(segment)?).map(|header| header.spool));
    }
    let id = found.unwrap_or_else(drawn);
    write_identity(folder, id)?;
    Ok((id, found.is_none()))
}

fn drawn() -> SpoolId {
    let mut id = [0; 16];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut id);
    SpoolId(id)
}

fn write_identity(folder: &Path, id: SpoolId) -> io::Result<()> {
    private_file::write(&folder.join(IDENTITY_FILE), format!("{id}\n").as_bytes())
}

/// The file is a line of JSON and its checksum.
pub(super) fn write_acknowledged(path: &Path, acknowledged: &Acknowledged) -> io::Result<()> {
    let json = serde_json::to_string(acknowledged)?;
    let beside = path.with_extension("new");
    fs::write(&beside, format!("{json}\n{:08x}\n", crc32fast::hash(json.as_bytes())))?;
    fs::rename(&beside, path)
}

fn read_acknowledged(path: &Path) -> Option<Acknowledged> {
    let text = fs::read_to_string(path).ok()?;
    let (json, crc) = text.split_once('\n')?;
    if crc.trim_end() != format!("{:08x}", crc32fast::hash(json.as_bytes())) {
        return None;
    }
    serde_json::from_str(json).ok()
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn modified(path: &Path) -> Timestamp {
    fs::metadata(path).and_then(|meta| meta.modified()).map_or_else(|_| clock::now(), clock::of)
}

/// Keeps a copy, and of the copies only the latest.
fn keep_damaged(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    private_file::make_folder(folder)?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("segment");
    fs::write(folder.join(format!("{stem}-{}.seg", clock::now().micros())), bytes)?;
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        copies.push((modified(&path), path));
    }
    copies.sort();
    for (_, path) in copies.iter().rev().skip(DAMAGED_FILES_MAX) {
        fs::remove_file(path)?;
    }
    Ok(())
}
