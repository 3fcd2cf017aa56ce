//! Long runs of one byte in a text.

use super::sieve::{STRIDE, STRIDE_BYTES};

/// Bytes of a stretch.
const STRETCH: usize = 4;

/// A long run of one byte (padding, mostly): all of its inner places look the same, so that only its ends are looked at.
#[derive(Default)]
pub(super) struct Run {
    /// Where the last run that was measured ends.
    end: usize,
    /// From here on its inside is skipped, up to its end.
    skip_from: usize,
}

impl Run {
    /// How far to go from `at`, where `chunk` stands at the beginning of `rest`. Literals of up to `reach` bytes may reach
    /// over the run's ends.
    pub fn step(&mut self, chunk: &[u8; STRIDE_BYTES], rest: &[u8], at: usize, reach: usize) -> usize {
        if at >= self.end {
            let [byte, others @ ..] = chunk;
            if others.iter().any(|other| other != byte) {
                return STRIDE;
            }
            self.end = at + rest.iter().take_while(|other| *other == byte).count();
            self.skip_from = at + reach + STRIDE;
        }
        // A stretch that begins in the run and ends beyond it must be seen, too.
        let last = self.end.saturating_sub(reach.max(STRETCH));
        if at < self.skip_from || last <= at + STRIDE {
            return STRIDE;
        }
        (last - at) / STRIDE * STRIDE
    }
}
