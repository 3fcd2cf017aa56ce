//! Frames of initial packets: where pieces of the hello lie.
//!
//! Source: RFC 9000 §19; Google's wire layout for STREAM frames of its own versions.

use super::header::{Layout, Version, variable};
use crate::bytes::Reader;

/// A stretch of the handshake's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
}

/// The pieces of a packet, in its order. The second part tells whether all of it was understood.
pub(super) fn pieces(frames: &[u8], version: Version) -> (Vec<Piece<'_>>, bool) {
    let mut pieces = Vec::new();
    let mut reader = Reader::new(frames);
    let layout = version.layout();
    let step = match layout {
        Layout::GoogleLong | Layout::GooglePublic => google,
        _ => ietf,
    };
    while !reader.is_empty() {
        match step(&mut reader, version) {
            Some(Step::Piece(piece)) => pieces.push(piece),
            Some(Step::Other) => {}
            Some(Step::Unknown) => return (pieces, true),
            None => return (pieces, false),
        }
    }
    (pieces, true)
}

enum Step<'a> {
    Piece(Piece<'a>),
    Other,
    /// A frame that has no place here: what follows cannot be told apart.
    Unknown,
}

fn ietf<'a>(reader: &mut Reader<'a>, version: Version) -> Option<Step<'a>> {
    match reader.u8()? {
        0x00 => {
            let padding = reader.rest().iter().take_while(|byte| **byte == 0).count();
            reader.take(padding)?;
        }
        0x01 => {}
        kind @ (0x02 | 0x03) => {
            variable(reader)?;
            variable(reader)?;
            let ranges = variable(reader)?;
            variable(reader)?;
            for _ in 0..ranges {
                variable(reader)?;
                variable(reader)?;
            }
            if kind == 0x03 {
                for _ in 0..3 {
                    variable(reader)?;
                }
            }
        }
        kind @ (0x06 | 0x08) => {
            // Google's protected versions call their crypto frame 8, which is a stream elsewhere.
            if kind == 0x08 && version.layout() != Layout::GoogleProtected {
                return Some(Step::Unknown);
            }
            let offset = variable(reader)?;
            let length = usize::try_from(variable(reader)?).ok()?;
            return Some(Step::Piece(Piece { offset, bytes: reader.take(length)? }));
        }
        // CONNECTION_CLOSE.
        kind @ (0x1c | 0x1d) => {
            variable(reader)?;
            if kind == 0x1c {
                variable(reader)?;
            }
            let length = usize::try_from(variable(reader)?).ok()?;
            reader.take(length)?;
        }
        _ => return Some(Step::Unknown),
    }
    Some(Step::Other)
}

fn google<'a>(reader: &mut Reader<'a>, version: Version) -> Option<Step<'a>> {
    let kind = reader.u8()?;
    if kind & 0x80 == 0 {
        return Some(match kind {
            // Padding goes on to the end.
            0x00 => {
                reader.take_up_to(usize::MAX);
                Step::Other
            }
            0x07 => Step::Other,
            _ => Step::Unknown,
        });
    }
    // Until Q038 numbers were little-endian.
    let is_little = version.google_number().is_some_and(|number| number < 39);
    let number = |bytes: &[u8]| {
        let digit = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if is_little { bytes.iter().rev().fold(0, digit) } else { bytes.iter().fold(0, digit) }
    };
    let stream = number(reader.take(usize::from(kind & 3).saturating_add(1))?);
    let offset_bytes = match usize::from(kind >> 2 & 7) {
        0 => 0,
        length => length.saturating_add(1),
    };
    let offset = number(reader.take(offset_bytes)?);
    let length = match kind & 0x20 {
        0 => reader.rest().len(),
        _ => usize::try_from(number(reader.take(2)?)).ok()?,
    };
    let bytes = reader.take(length)?;
    // The handshake's stream is the first one.
    Some(if stream == 1 { Step::Piece(Piece { offset, bytes }) } else { Step::Other })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crypto_frames_are_found_between_others() {
        let frames = b"\x00\x00\x01\x02\x05\x00\x01\x00\x00\x00\x06\x40\x04\x03abc\x06\x00\x02xy\x00";
        let (pieces, whole) = pieces(frames, Version::V1);
        assert!(whole);
        assert_eq!(pieces, [Piece { offset: 4, bytes: b"abc" }, Piece { offset: 0, bytes: b"xy" }]);
    }

    #[test]
    fn a_cut_frame_is_said() {
        assert_eq!(pieces(b"\x01\x06\x00\x05abc", Version::V1), (vec![], false));
    }

    #[test]
    fn the_byte_order_of_google_changed() {
        let old = pieces(b"\xa0\x01\x03\x00abc", Version(u32::from_be_bytes(*b"Q034"))).0;
        let new = pieces(b"\xa0\x01\x00\x03abc", Version(u32::from_be_bytes(*b"Q043"))).0;
        assert_eq!(old, [Piece { offset: 0, bytes: b"abc" }]);
        assert_eq!(new, old);
    }
}
