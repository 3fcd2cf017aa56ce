//! The handshake's bytes, put together from pieces of several packets in any order.

use super::frame::Piece;
use std::collections::BTreeMap;

/// A hello with post-quantum keys has a few thousand bytes.
pub(super) const BYTES_MAX: u64 = 64 * 1024;
/// Pieces that wait for what comes before them.
const WAITING_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct CryptoStream {
    /// From the beginning, without holes.
    ready: Vec<u8>,
    waiting: BTreeMap<u64, Vec<u8>>,
}

/// A piece lies beyond what is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl CryptoStream {
    pub(super) fn add(&mut self, piece: Piece<'_>) -> Result<(), TooLong> {
        let end = piece.offset.saturating_add(piece.bytes.len() as u64);
        if end > BYTES_MAX {
            return Err(TooLong);
        }
        if piece.offset > self.ready.len() as u64 {
            if self.waiting.len() >= WAITING_MAX {
                return Err(TooLong);
            }
            let place = self.waiting.entry(piece.offset).or_default();
            if piece.bytes.len() > place.len() {
                *place = piece.bytes.to_vec();
            }
            return Ok(());
        }
        self.join(piece.offset, piece.bytes);
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.ready.len() as u64 {
                break;
            }
            let (offset, bytes) = entry.remove_entry();
            self.join(offset, &bytes);
        }
        Ok(())
    }

    /// What is there already stays: the first copy counts.
    fn join(&mut self, offset: u64, bytes: &[u8]) {
        let known = usize::try_from((self.ready.len() as u64).saturating_sub(offset)).unwrap_or(usize::MAX);
        self.ready.extend_from_slice(bytes.get(known..).unwrap_or_default());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.ready
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u64, bytes: &[u8]) -> Piece<'_> {
        Piece { offset, bytes }
    }

    #[test]
    fn pieces_in_any_order_give_the_same_bytes() {
        let mut stream = CryptoStream::default();
        for (offset, bytes) in [(6, "ghi"), (2, "cde"), (8, "ijk"), (0, "abc"), (4, "ef")] {
            assert_eq!(stream.add(piece(offset, bytes.as_bytes())), Ok(()));
        }
        assert_eq!(stream.bytes(), b"abcdefghijk");
    }

    #[test]
    fn what_lies_too_far_is_refused() {
        let mut stream = CryptoStream::default();
        assert_eq!(stream.add(piece(BYTES_MAX - 1, b"ab")), Err(TooLong));
        for at in 0..WAITING_MAX as u64 {
            assert_eq!(stream.add(piece(10 + at, b"a")), Ok(()));
        }
        assert_eq!(stream.add(piece(9000, b"a")), Err(TooLong));
    }
}
