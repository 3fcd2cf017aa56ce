//! Lines of text protocols over any split of the stream, each within a bound.

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: Vec<u8>,
    /// It was longer than the bound; the rest is gone.
    pub(crate) truncated: bool,
}

#[derive(Debug)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    truncated: bool,
    bytes_max: usize,
}

impl Lines {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { partial: Vec::new(), truncated: false, bytes_max }
    }

    /// The next whole line; what is incomplete is kept. `data` is moved past what was used.
    pub(crate) fn next(&mut self, data: &mut &[u8]) -> Option<Line> {
        let Some(end) = memchr::memchr(b'\n', data) else {
            self.keep(data);
            *data = &[];
            return None;
        };
        let (line, rest) = data.split_at(end);
        self.keep(line);
        *data = rest.get(1..).unwrap_or_default();
        Some(self.take())
    }

    /// What is there without a line end.
    pub(crate) fn rest(&mut self) -> Option<Line> {
        (!self.partial.is_empty()).then(|| self.take())
    }

    pub(crate) fn clear(&mut self) {
        self.partial.clear();
        self.truncated = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.bytes_max.saturating_sub(self.partial.len());
        let fits = room.min(bytes.len());
        self.partial.extend_from_slice(bytes.get(..fits).unwrap_or_default());
        // A carriage return does not count against the bound.
        let over = bytes.get(fits..).unwrap_or_default();
        self.truncated |= !over.is_empty() && over != b"\r";
    }

    fn take(&mut self) -> Line {
        let mut text = std::mem::take(&mut self.partial);
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        Line { text, truncated: std::mem::take(&mut self.truncated) }
    }
}
