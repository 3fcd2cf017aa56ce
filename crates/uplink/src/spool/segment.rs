//! A segment file: a header, then frames.
//!
//! ```text
//! "PHKSPL01" | spool id 16 | first seq u64 | has cursor u8 | cursor 28 | crc32 u32      (little endian)
//! ```
//!
//! The header's cursor is the spool's cursor when the segment began, so that it outlives the segments before it. The
//! file's name is the first number, in 20 digits. A header is written beside and renamed: it is whole or absent.

use super::frame::{self, CURSOR_BYTES, Cursor, Frame, Read};
use crate::{policy::Kind, wire::SpoolId};
use phitak_model::Timestamp;
use std::{
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"PHKSPL01";
const CHECKED_BYTES: usize = 8 + 16 + 8 + 1 + CURSOR_BYTES;
pub(crate) const HEADER_BYTES: usize = CHECKED_BYTES + 4;

/// What the spool remembers of a segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) first_seq: u64,
    /// The last number written here; `first_seq - 1` while there is none.
    pub(crate) last_seq: u64,
    pub(crate) bytes: u64,
    /// Where the first record stands that has not been acknowledged.
    pub(crate) head: u64,
    pub(crate) counts: Counts,
    /// Changes when the file is written anew and places in it move.
    pub(crate) rewrites: u32,
}

/// Records of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) observations: u64,
    pub(crate) health: u64,
    pub(crate) alerts: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) spool: SpoolId,
    pub(crate) first_seq: u64,
    pub(crate) cursor: Option<Cursor>,
}

/// All that can be read in a segment's bytes.
#[derive(Debug, Default)]
pub(crate) struct Scan<'a> {
    pub(crate) frames: Vec<(usize, Frame<'a>)>,
    pub(crate) damage: Vec<Range<usize>>,
    /// Where a cut write begins.
    pub(crate) torn: Option<usize>,
}

impl Counts {
    pub(crate) fn add(&mut self, kind: Kind) {
        let place = match kind {
            Kind::Observation => &mut self.observations,
            Kind::Health => &mut self.health,
            Kind::Alert => &mut self.alerts,
        };
        *place = place.saturating_add(1);
    }

    pub(crate) fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Observation => self.observations,
            Kind::Health => self.health,
            Kind::Alert => self.alerts,
        }
    }
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.spool.0);
        bytes.extend_from_slice(&self.first_seq.to_le_bytes());
        bytes.push(u8::from(self.cursor.is_some()));
        bytes.extend_from_slice(&self.cursor.as_ref().map_or([0; CURSOR_BYTES], frame::encode_cursor));
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when it is not a whole header.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let checked = bytes.get(..CHECKED_BYTES)?;
        if !checked.starts_with(MAGIC) || frame::u32_at(bytes, CHECKED_BYTES)? != crc32fast::hash(checked) {
            return None;
        }
        let cursor = if *checked.get(32)? == 0 { None } else { Some(frame::decode_cursor(checked.get(33..)?)?) };
        Some(Self {
            spool: SpoolId(checked.get(8..24)?.try_into().ok()?),
            first_seq: frame::u64_at(checked, 24)?,
            cursor,
        })
    }
}

impl Segment {
    /// Writes a segment with these frames, whole or not at all.
    pub(crate) fn create(folder: &Path, header: &Header, frames: &[Frame<'_>]) -> io::Result<Self> {
        let path = folder.join(file_name(header.first_seq));
        let beside = path.with_extension("new");
        let mut bytes = header.encode();
        let mut segment = Self::empty(path, header.first_seq);
        for frame in frames {
            bytes.extend_from_slice(&frame::encode(frame.seq, frame.at, frame.kind, frame.cursor.as_ref(), frame.json));
            segment.last_seq = frame.seq;
            segment.counts.add(frame.kind);
        }
        segment.bytes = bytes.len() as u64;
        let mut file = File::create(&beside)?;
        let written =
            file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, &segment.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written?;
        File::open(folder)?.sync_all()?;
        Ok(segment)
    }

    pub(crate) fn empty(path: PathBuf, first_seq: u64) -> Self {
        let bytes = HEADER_BYTES as u64;
        let last_seq = first_seq.saturating_sub(1);
        Self { path, first_seq, last_seq, bytes, head: bytes, counts: Counts::default(), rewrites: 0 }
    }

    /// Takes over what a scan found, of which everything up to `acknowledged` has been sent.
    pub(crate) fn fill(&mut self, scan: &Scan<'_>, acknowledged: u64) {
        for (at, frame) in &scan.frames {
            self.last_seq = frame.seq;
            self.counts.add(frame.kind);
            if frame.seq <= acknowledged {
                self.head = (at + frame.length) as u64;
            }
        }
    }

    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.head)
    }
}

pub(crate) fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}.seg")
}

/// The number in a segment's file name.
pub(crate) fn seq_of_name(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".seg")?;
    if name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit()) { name.parse().ok() } else { None }
}

impl Scan<'_> {
    /// Whether everything up to the last number written is there, of a segment in which there is something.
    pub(crate) fn is_whole(&self, last_seq: u64) -> bool {
        self.damage.is_empty() && self.frames.last().is_some_and(|(_, frame)| frame.seq == last_seq)
    }
}

/// Reads frames from `from` on; after damage it looks for the next frame that is whole and has a higher number.
pub(crate) fn scan(bytes: &[u8], from: usize) -> Scan<'_> {
    let mut scan = Scan::default();
    let (mut at, mut last_seq) = (from, 0);
    let mut damaged_since: Option<usize> = None;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match frame::read(rest) {
            Read::Frame(frame) if frame.seq > last_seq => {
                if let Some(since) = damaged_since.take() {
                    scan.damage.push(since..at);
                }
                last_seq = frame.seq;
                scan.frames.push((at, frame));
                at += frame.length;
            }
            Read::Torn if damaged_since.is_none() && !holds_frame(bytes, at + 1, last_seq) => {
                scan.torn = Some(at);
                return scan;
            }
            Read::Frame(_) | Read::Torn | Read::Damaged => {
                damaged_since.get_or_insert(at);
                at += 1;
            }
        }
    }
    if let Some(since) = damaged_since {
        scan.damage.push(since..bytes.len());
    }
    scan
}

/// Whether a whole frame stands anywhere behind: then what looks like a cut write is a bent length.
fn holds_frame(bytes: &[u8], from: usize, after_seq: u64) -> bool {
    (from..bytes.len())
        .any(|at| matches!(bytes.get(at..).map(frame::read), Some(Read::Frame(frame)) if frame.seq > after_seq))
}

/// The moments that frames span.
pub(crate) fn span<'a>(frames: impl Iterator<Item = &'a Frame<'a>>) -> Option<(Timestamp, Timestamp)> {
    frames.fold(None, |span, frame| match span {
        None => Some((frame.at, frame.at)),
        Some((from, until)) => Some((from.min(frame.at), until.max(frame.at))),
    })
}
