//! One record as it lies in a segment file.
//!
//! ```text
//! length u32 | crc32 u32 | seq u64 | at i64 | kind u8 | flags u8 | [replay 16 | packet u64 | call u32] | item (JSON)
//! ```
//!
//! Little endian. The length counts what follows the checksum; the checksum covers the length and what follows it.
//! Flag 1: a cursor is there.

use crate::{policy::Kind, wire::RECORD_BYTES_MAX};
use phitak_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Length and checksum.
pub(crate) const HEAD_BYTES: usize = 8;
const FIXED_BYTES: usize = 18;
pub(crate) const CURSOR_BYTES: usize = 28;
const BODY_BYTES_MAX: usize = FIXED_BYTES + CURSOR_BYTES + RECORD_BYTES_MAX;
/// A frame shorter than this holds no item: `{}` is the shortest JSON.
const BODY_BYTES_MIN: usize = FIXED_BYTES + 2;
const HAS_CURSOR: u8 = 1;

/// A replay's name: what is played (capture, rules, settings, repetition), digested.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReplayId(pub [u8; 16]);

/// How far a deterministic replay has come: the `call`-th result (from 0) of its `packet`-th packet (from 1; what is
/// flushed after the last packet counts as one packet more). Results up to here are in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub replay: ReplayId,
    pub packet: u64,
    pub call: u32,
}

impl Cursor {
    /// Whether a result of the same replay is already behind this cursor.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.replay == other.replay && (other.packet, other.call) <= (self.packet, self.call)
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A frame taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame<'a> {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) json: &'a [u8],
    /// Bytes of the whole frame.
    pub(crate) length: usize,
}

/// What stands at a place in a segment.
#[derive(Debug, PartialEq)]
pub(crate) enum Read<'a> {
    Frame(Frame<'a>),
    /// The beginning of a frame, and the end of the bytes: a write that was cut.
    Torn,
    Damaged,
}

pub(crate) fn encode(seq: u64, at: Timestamp, kind: Kind, cursor: Option<&Cursor>, json: &[u8]) -> Vec<u8> {
    let length = FIXED_BYTES + cursor.map_or(0, |_| CURSOR_BYTES) + json.len();
    let mut frame = Vec::with_capacity(HEAD_BYTES + length);
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&seq.to_le_bytes());
    frame.extend_from_slice(&at.micros().to_le_bytes());
    frame.push(kind_byte(kind));
    frame.push(if cursor.is_some() { HAS_CURSOR } else { 0 });
    if let Some(cursor) = cursor {
        frame.extend_from_slice(&encode_cursor(cursor));
    }
    frame.extend_from_slice(json);
    let crc = checksum(&frame);
    if let Some(place) = frame.get_mut(4..HEAD_BYTES) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
    frame
}

pub(crate) fn read(bytes: &[u8]) -> Read<'_> {
    let Some(length) = u32_at(bytes, 0) else { return Read::Torn };
    let length = length as usize;
    if !(BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&length) {
        return Read::Damaged;
    }
    let Some(frame) = bytes.get(..HEAD_BYTES + length) else { return Read::Torn };
    if u32_at(frame, 4) != Some(checksum(frame)) {
        return Read::Damaged;
    }
    take_apart(frame).map_or(Read::Damaged, Read::Frame)
}

fn take_apart(frame: &[u8]) -> Option<Frame<'_>> {
    let body = frame.get(HEAD_BYTES..)?;
    let seq = u64_at(body, 0)?;
    let at = Timestamp::from_micros(u64_at(body, 8)? as i64);
    let kind = kind_of_byte(*body.get(16)?)?;
    let has_cursor = body.get(17)? & HAS_CURSOR != 0;
    let rest = body.get(FIXED_BYTES..)?;
    let (cursor, json) = if has_cursor {
        let (cursor, json) = rest.split_at_checked(CURSOR_BYTES)?;
        (Some(decode_cursor(cursor)?), json)
    } else {
        (None, rest)
    };
    Some(Frame { seq, at, kind, cursor, json, length: frame.len() })
}

pub(crate) fn encode_cursor(cursor: &Cursor) -> [u8; CURSOR_BYTES] {
    let mut bytes = [0; CURSOR_BYTES];
    let parts = cursor.replay.0.into_iter().chain(cursor.packet.to_le_bytes()).chain(cursor.call.to_le_bytes());
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    bytes
}

pub(crate) fn decode_cursor(bytes: &[u8]) -> Option<Cursor> {
    Some(Cursor {
        replay: ReplayId(bytes.get(..16)?.try_into().ok()?),
        packet: u64_at(bytes, 16)?,
        call: u32_at(bytes, 24)?,
    })
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(frame.get(..4).unwrap_or_default());
    hash.update(frame.get(HEAD_BYTES..).unwrap_or_default());
    hash.finalize()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Observation => 1,
        Kind::Health => 2,
        Kind::Alert => 3,
    }
}

fn kind_of_byte(byte: u8) -> Option<Kind> {
    match byte {
        1 => Some(Kind::Observation),
        2 => Some(Kind::Health),
        3 => Some(Kind::Alert),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(cursor: Option<&Cursor>) -> Vec<u8> {
        encode(7, Timestamp::from_secs(9), Kind::Alert, cursor, b"{\"alert\":{}}")
    }

    #[test]
    fn a_frame_reads_back_with_and_without_its_cursor() {
        let cursor = Cursor { replay: ReplayId([3; 16]), packet: 41, call: 2 };
        for cursor in [None, Some(cursor)] {
            let bytes = frame(cursor.as_ref());
            let Read::Frame(read) = read(&bytes) else { panic!("a frame") };
            assert_eq!((read.seq, read.at, read.kind, read.cursor), (7, Timestamp::from_secs(9), Kind::Alert, cursor));
            assert_eq!((read.json, read.length), (&b"{\"alert\":{}}"[..], bytes.len()));
        }
    }

    #[test]
    fn a_cut_frame_is_torn_and_a_bent_one_damaged() {
        let bytes = frame(None);
        for at in 0..bytes.len() {
            assert_eq!(read(&bytes[..at]), Read::Torn, "cut at {at}");
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert!(!matches!(read(&bent), Read::Frame(_)), "bent at {at}");
        }
        assert_eq!(read(&[0; 64]), Read::Damaged);
    }

    #[test]
    fn a_cursor_covers_what_came_before_it_in_its_own_replay() {
        let at = |replay, packet, call| Cursor { replay: ReplayId([replay; 16]), packet, call };
        assert!(at(1, 5, 2).covers(&at(1, 5, 2)));
        assert!(at(1, 5, 2).covers(&at(1, 4, 9)));
        assert!(!at(1, 5, 2).covers(&at(1, 5, 3)));
        assert!(!at(1, 5, 2).covers(&at(2, 1, 0)));
    }
}
