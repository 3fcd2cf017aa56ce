//! A trouble that comes with every record is told once in a while, with how often it came.

use std::time::{Duration, Instant};

const TELL_AGAIN: Duration = Duration::from_secs(60);

/// When it was told last, and how often it came since.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    told_at: Option<Instant>,
    times: u64,
}

impl Trouble {
    /// Counts it; calls `tell` with the number since the last time when it is time again.
    pub(crate) fn tell(&mut self, tell: impl FnOnce(u64)) {
        self.times = self.times.saturating_add(1);
        if self.told_at.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
            self.told_at = Some(Instant::now());
            tell(std::mem::take(&mut self.times));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_times_in_a_row_are_told_once() {
        let (mut trouble, mut told) = (Trouble::default(), Vec::new());
        for _ in 0..1_000 {
            trouble.tell(|times| told.push(times));
        }
        assert_eq!(told, [1]);
    }
}
