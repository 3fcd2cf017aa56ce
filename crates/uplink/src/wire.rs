//! What crosses from a sensor to the centre, version 1: a batch of numbered records, and its acknowledgement.
//!
//! A body is UTF-8 text. Its first line is a header, each further line one record:
//!
//! ```text
//! {"phitak":1,"spool":"<32 hex digits>","acknowledged":40,"records":2,"crc32":"<8 hex digits>"}
//! {"seq":41,"item":{"alert":{…}}}
//! {"seq":43,"item":{"health":{…}}}
//! ```
//!
//! The checksum covers the digits of `acknowledged` and every byte after the header's line feed. Sequence numbers rise within a batch and from batch to
//! batch of one spool; they may leave gaps (a full spool drops its oldest observations, and its losses tell so).
//! `acknowledged` is the last number that the centre has ever acknowledged to this sensor: a centre that does not have
//! that number any more (it was restored from an older copy) knows by it how much it has lost.

use crate::feed::FeedPosition;
use phitak_model::{Alert, Health, Observation};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version that this program speaks.
pub const VERSION: u16 = 1;
/// Most bytes of a body, header included.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Most records of a batch.
pub const BATCH_RECORDS_MAX: usize = 4096;
/// Most bytes of one record's line.
pub const RECORD_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a header line or an acknowledgement.
pub const HEADER_BYTES_MAX: usize = 512;

/// A spool's own name, drawn at random when it is created: sequence numbers count within one spool, so that a data folder
/// that was emptied and begins again at 1 is not taken for a repetition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpoolId(pub [u8; 16]);

/// One thing that leaves a hospital.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    Alert(Box<Alert>),
    Observation(Observation),
    Health(Health),
}

/// An item with its place in its spool, from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub seq: u64,
    pub item: Item,
}

/// Records of one spool in the order of their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub spool: SpoolId,
    /// The last number that the centre has acknowledged to the sensor; 0 for none.
    pub acknowledged: u64,
    pub records: Vec<Record>,
}

/// The centre's word that it has committed every record of `spool` up to `up_to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub spool: SpoolId,
    pub up_to: u64,
    /// How far the centre's list of indicators goes at this moment.
    #[serde(default, skip_serializing_if = "FeedPosition::is_none")]
    pub feed: FeedPosition,
}

/// Why a body is not a batch. [`WireError::seq`] names the record at fault where there is one.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the body has more than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    #[error("the body does not begin with a header line of at most {HEADER_BYTES_MAX} bytes: {0}")]
    Header(String),
    #[error("the body speaks version {0}; this program speaks version {VERSION}: update the older of the two")]
    Version(u16),
    #[error("the body's checksum is {found:08x}, its header says {said}: it was damaged on its way")]
    Checksum { found: u32, said: String },
    #[error("the header announces {said} records, the body has {found}")]
    Count { said: usize, found: usize },
    #[error("a batch has at most {BATCH_RECORDS_MAX} records")]
    TooManyRecords,
    #[error("record {seq:?} has more than {RECORD_BYTES_MAX} bytes")]
    RecordTooLarge { seq: Option<u64> },
    #[error("line {line} is not a record: {reason}")]
    Record { line: usize, seq: Option<u64>, reason: String },
    #[error("record {seq} follows record {before}: numbers must rise from 1")]
    Order { before: u64, seq: u64 },
    #[error("the answer is not an acknowledgement: {0}")]
    Ack(String),
}

impl WireError {
    /// The record that can never be understood, so that its sender may set it aside and go on.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::RecordTooLarge { seq } | Self::Record { seq, .. } => *seq,
            _ => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    phitak: u16,
    spool: SpoolId,
    #[serde(default)]
    acknowledged: u64,
    records: usize,
    crc32: String,
}

#[derive(Deserialize)]
struct SeqOnly {
    seq: u64,
}

impl Batch {
    /// The last record's number; 0 for an empty batch.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.records.last().map_or(0, |record| record.seq)
    }

    /// The records that a receiver whose last committed number is `committed` has not seen.
    pub fn into_fresh(self, committed: u64) -> impl Iterator<Item = Record> {
        self.records.into_iter().filter(move |record| record.seq > committed)
    }

    /// The acknowledgement of the whole batch.
    #[must_use]
    pub fn ack(&self) -> Ack {
        Ack::of(self.spool, self.last_seq())
    }

    /// # Errors
    /// [`WireError`] when a record or the whole is too large.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut lines = Vec::new();
        for record in &self.records {
            let seq = Some(record.seq);
            let item = serde_json::to_vec(&record.item).map_err(|e| WireError::Record {
                line: 0,
                seq,
                reason: e.to_string(),
            })?;
            lines.push((record.seq, item));
        }
        encode_lines(self.spool, self.acknowledged, lines.iter().map(|(seq, item)| (*seq, item.as_slice())))
    }

    /// # Errors
    /// [`WireError`] says what is wrong and where.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(WireError::BodyTooLarge);
        }
        let (header, rest) = split_header(body)?;
        let found = checksum(header.acknowledged, rest);
        if header.crc32 != format!("{found:08x}") {
            return Err(WireError::Checksum { found, said: header.crc32.chars().take(16).collect() });
        }
        let records = decode_records(rest)?;
        if records.len() != header.records {
            return Err(WireError::Count { said: header.records, found: records.len() });
        }
        Ok(Self { spool: header.spool, acknowledged: header.acknowledged, records })
    }
}

impl Ack {
    #[must_use]
    pub fn of(spool: SpoolId, up_to: u64) -> Self {
        Self { spool, up_to, feed: FeedPosition::default() }
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an acknowledgement is plain data")
    }

    /// # Errors
    /// [`WireError::Ack`] when the bytes are anything else.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        if body.len() > HEADER_BYTES_MAX {
            return Err(WireError::Ack(format!("{} bytes", body.len())));
        }
        serde_json::from_slice(body).map_err(|e| WireError::Ack(e.to_string()))
    }
}

/// Joins items that are JSON already (as the spool keeps them) into a body.
pub(crate) fn encode_lines<'a>(
    spool: SpoolId,
    acknowledged: u64,
    items: impl Iterator<Item = (u64, &'a [u8])>,
) -> Result<Vec<u8>, WireError> {
    let mut lines = Vec::new();
    let mut records = 0usize;
    for (seq, item) in items {
        let begin = lines.len();
        lines.extend_from_slice(format!("{{\"seq\":{seq},\"item\":").as_bytes());
        lines.extend_from_slice(item);
        lines.extend_from_slice(b"}\n");
        if lines.len() - begin > RECORD_BYTES_MAX {
            return Err(WireError::RecordTooLarge { seq: Some(seq) });
        }
        records += 1;
    }
    if records > BATCH_RECORDS_MAX {
        return Err(WireError::TooManyRecords);
    }
    let crc32 = format!("{:08x}", checksum(acknowledged, &lines));
    let mut body = serde_json::to_vec(&Header { phitak: VERSION, spool, acknowledged, records, crc32 })
        .expect("a header is plain data");
    body.push(b'\n');
    body.append(&mut lines);
    if body.len() > BODY_BYTES_MAX {
        return Err(WireError::BodyTooLarge);
    }
    Ok(body)
}

fn checksum(acknowledged: u64, lines: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(acknowledged.to_string().as_bytes());
    crc.update(lines);
    crc.finalize()
}

fn split_header(body: &[u8]) -> Result<(Header, &[u8]), WireError> {
    let window = body.get(..HEADER_BYTES_MAX).unwrap_or(body);
    let end =
        window.iter().position(|byte| *byte == b'\n').ok_or_else(|| WireError::Header("no line feed".to_owned()))?;
    let (line, rest) = body.split_at_checked(end + 1).ok_or_else(|| WireError::Header("cut".to_owned()))?;
    let header: Header = serde_json::from_slice(line).map_err(|e| {
        #[derive(Deserialize)]
        struct VersionOnly {
            phitak: u16,
        }
        match serde_json::from_slice::<VersionOnly>(line) {
            Ok(VersionOnly { phitak }) if phitak != VERSION => WireError::Version(phitak),
            _ => WireError::Header(e.to_string()),
        }
    })?;
    if header.phitak != VERSION {
        return Err(WireError::Version(header.phitak));
    }
    Ok((header, rest))
}

fn decode_records(mut rest: &[u8]) -> Result<Vec<Record>, WireError> {
    let mut records: Vec<Record> = Vec::new();
    let mut line_number = 1usize;
    while !rest.is_empty() {
        line_number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| WireError::Record {
            line: line_number,
            seq: None,
            reason: "no line feed at its end".to_owned(),
        })?;
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        if records.len() == BATCH_RECORDS_MAX {
            return Err(WireError::TooManyRecords);
        }
        let record = decode_record(line, line_number)?;
        let before = records.last().map_or(0, |record| record.seq);
        if record.seq <= before {
            return Err(WireError::Order { before, seq: record.seq });
        }
        records.push(record);
    }
    Ok(records)
}

fn decode_record(line: &[u8], line_number: usize) -> Result<Record, WireError> {
    let seq = || serde_json::from_slice::<SeqOnly>(line).ok().map(|only| only.seq);
    if line.len() >= RECORD_BYTES_MAX {
        return Err(WireError::RecordTooLarge { seq: seq() });
    }
    let refused = |reason: String| WireError::Record { line: line_number, seq: seq(), reason };
    let record: Record = serde_json::from_slice(line).map_err(|e| refused(e.to_string()))?;
    // Databases count with signed numbers.
    if i64::try_from(record.seq).is_err() {
        return Err(refused("a number past the last that can be stored".to_owned()));
    }
    Ok(record)
}

impl fmt::Display for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<SpoolId> for String {
    fn from(id: SpoolId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for SpoolId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let refuse = || "a spool's name is 32 hexadecimal digits".to_owned();
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let number = u128::from_str_radix(&text, 16).map_err(|_| refuse())?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests;
