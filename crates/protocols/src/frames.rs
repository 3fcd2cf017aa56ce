//! Messages that say their length up front, over any split of the stream.
//!
//! Only the beginning of each message is kept; the rest goes by uncounted memory.

/// Where one direction stands.
#[derive(Debug)]
pub(crate) struct Frames {
    kept: Vec<u8>,
    /// Bytes of the current message that go by.
    skip: u64,
    header_bytes: usize,
    kept_max: usize,
    /// The whole message's length, header included, from its header; `None` when it cannot be one.
    length: fn(&[u8]) -> Option<u64>,
    rest: Rest,
    lost: bool,
}

/// What becomes of a message's bytes beyond those that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    GoesBy,
    /// Handed out as it comes.
    Told,
}

/// A message, perhaps cut.
pub(crate) enum Frame<'a> {
    /// Its first bytes, header included.
    Message(Vec<u8>),
    /// More bytes of the message before; only with [`Rest::Told`].
    More(&'a [u8]),
    /// This is no such message.
    Broken,
}

impl Frames {
    pub(crate) fn new(header_bytes: usize, kept_max: usize, length: fn(&[u8]) -> Option<u64>) -> Self {
        let kept_max = kept_max.max(header_bytes);
        Self { kept: Vec::new(), skip: 0, header_bytes, kept_max, length, rest: Rest::GoesBy, lost: false }
    }

    pub(crate) fn telling_the_rest(self) -> Self {
        Self { rest: Rest::Told, ..self }
    }

    /// The next message that is complete, or whose kept part is; `data` is moved past what was used.
    pub(crate) fn next<'a>(&mut self, data: &mut &'a [u8]) -> Option<Frame<'a>> {
        if self.lost {
            *data = &[];
            return None;
        }
        if self.skip > 0 {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(data.len());
            let (head, tail) = data.split_at(passed);
            *data = tail;
            self.skip = self.skip.saturating_sub(passed as u64);
            if self.rest == Rest::Told && !head.is_empty() {
                return Some(Frame::More(head));
            }
            if self.skip > 0 {
                return None;
            }
        }
        self.fill(self.header_bytes, data);
        if self.kept.len() < self.header_bytes {
            return None;
        }
        let Some(length) = (self.length)(self.kept.get(..self.header_bytes).unwrap_or_default()) else {
            self.lost = true;
            self.kept = Vec::new();
            return Some(Frame::Broken);
        };
        let wanted = usize::try_from(length).unwrap_or(usize::MAX).clamp(self.header_bytes, self.kept_max);
        self.fill(wanted, data);
        if self.kept.len() < wanted {
            return None;
        }
        self.skip = length.saturating_sub(wanted as u64);
        Some(Frame::Message(std::mem::take(&mut self.kept)))
    }

    fn fill(&mut self, wanted: usize, data: &mut &[u8]) {
        let missing = wanted.saturating_sub(self.kept.len()).min(data.len());
        let (head, tail) = data.split_at(missing);
        self.kept.extend_from_slice(head);
        *data = tail;
    }

    /// `length` bytes are missing; fine when they would have gone by anyway.
    pub(crate) fn gap(&mut self, length: u64) {
        match self.skip.checked_sub(length) {
            Some(left) if self.skip > 0 => self.skip = left,
            _ => {
                self.lost = true;
                self.kept = Vec::new();
            }
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Bytes held of an incomplete message, given up to whoever reads on.
    pub(crate) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }
}
