//! A long value seen through a window that moves forward.

/// The window keeps at least this much of what was last seen.
const KEPT_BYTES: usize = 256 * 1024;
const BYTES_MAX: usize = 512 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    start: u64,
}

impl Window {
    pub(crate) fn push(&mut self, data: &[u8]) {
        // Of a piece longer than the window, only its end will be seen.
        let over = data.len().saturating_sub(BYTES_MAX);
        let (passed, data) = data.split_at(over);
        if self.bytes.len().saturating_add(data.len()) > BYTES_MAX {
            let drop = self.bytes.len().saturating_sub(if over > 0 { 0 } else { KEPT_BYTES });
            self.bytes.drain(..drop);
            self.start = self.start.saturating_add(drop as u64);
        }
        if self.bytes.is_empty() {
            self.start = self.start.saturating_add(passed.len() as u64);
        }
        self.bytes.extend_from_slice(data);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the window begins in the value.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_and_stays_bounded() {
        let mut window = Window::default();
        for _ in 0..100 {
            window.push(&[1; 10_000]);
            assert!(window.bytes().len() <= BYTES_MAX);
        }
        assert_eq!(window.start() + window.bytes().len() as u64, 1_000_000);
        window.push(&vec![2; BYTES_MAX + 5]);
        assert_eq!(window.start() + window.bytes().len() as u64, 1_000_000 + BYTES_MAX as u64 + 5);
        assert_eq!(window.bytes().len(), BYTES_MAX);
    }
}
