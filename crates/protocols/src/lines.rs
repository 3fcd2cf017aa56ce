//! Lines of text protocols over any split of the stream, each within a bound; and what such protocols share beyond that.

use crate::session::Guess;

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: Vec<u8>,
    /// It was longer than the bound; the rest is gone.
    pub(crate) truncated: bool,
}

impl Line {
    /// The first word in capitals, and what follows the space behind it.
    pub(crate) fn verb(&self) -> (Vec<u8>, &[u8]) {
        let end = memchr::memchr(b' ', &self.text).unwrap_or(self.text.len());
        let (verb, rest) = self.text.split_at(end);
        (verb.to_ascii_uppercase(), rest.get(1..).unwrap_or_default())
    }
}

#[derive(Debug)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    truncated: bool,
    bytes_max: usize,
    end: u8,
}

impl Lines {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self::ending_in(bytes_max, b'\n')
    }

    /// Pieces that end in another byte than lines do.
    pub(crate) fn ending_in(bytes_max: usize, end: u8) -> Self {
        Self { partial: Vec::new(), truncated: false, bytes_max, end }
    }

    /// The next whole line; what is incomplete is kept. `data` is moved past what was used.
    pub(crate) fn next(&mut self, data: &mut &[u8]) -> Option<Line> {
        let Some(end) = memchr::memchr(self.end, data) else {
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

/// A stretch of a text whose lines may be of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// Without the line's end.
    pub(crate) text: &'a [u8],
    /// CR LF, LF, or nothing where the line goes on.
    pub(crate) end: &'a [u8],
    /// The line begins here.
    pub(crate) is_start: bool,
}

/// Lines in pieces of at most so many bytes, so that nothing of a long one is lost.
#[derive(Debug)]
pub(crate) struct Pieces {
    held: Vec<u8>,
    /// The beginning of this line was handed out.
    is_inside: bool,
    bytes_max: usize,
}

impl Pieces {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { held: Vec::new(), is_inside: false, bytes_max: bytes_max.max(2) }
    }

    /// Hands the next piece to `take`; `false` when what there is must wait for more. `data` is moved past what was used.
    pub(crate) fn next(&mut self, data: &mut &[u8], take: &mut dyn FnMut(Piece<'_>)) -> bool {
        let room = self.bytes_max.saturating_sub(self.held.len());
        let within = data.get(..room.min(data.len())).unwrap_or_default();
        let end = memchr::memchr(b'\n', within);
        let used = end.map_or(within.len(), |at| at.saturating_add(1));
        let (head, tail) = data.split_at(used.min(data.len()));
        *data = tail;
        let is_whole = end.is_some();
        if self.held.is_empty() && is_whole {
            self.hand_out(head, take);
            return true;
        }
        self.held.extend_from_slice(head);
        if !is_whole && self.held.len() < self.bytes_max {
            return false;
        }
        let line = std::mem::take(&mut self.held);
        self.hand_out(&line, take);
        self.held = line;
        self.held.clear();
        true
    }

    /// What is there without a line end.
    pub(crate) fn rest(&mut self, take: &mut dyn FnMut(Piece<'_>)) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.hand_out(&held, take);
        }
        self.is_inside = false;
    }

    fn hand_out(&mut self, line: &[u8], take: &mut dyn FnMut(Piece<'_>)) {
        let text = match line {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
            text => text,
        };
        let end = line.get(text.len()..).unwrap_or_default();
        let is_start = !std::mem::replace(&mut self.is_inside, end.is_empty());
        take(Piece { text, end, is_start });
    }
}

/// Whether one side begins with one of these commands, in capitals or not.
pub(crate) fn guess_verb(bytes: &[u8], verbs: &[&[u8]]) -> Guess {
    let end = bytes.iter().position(|byte| matches!(byte, b' ' | b'\r' | b'\n')).unwrap_or(bytes.len());
    let verb = bytes.get(..end).unwrap_or_default().to_ascii_uppercase();
    if end < bytes.len() {
        return if verbs.contains(&verb.as_slice()) { Guess::Yes } else { Guess::No };
    }
    if verbs.iter().any(|known| known.starts_with(&verb)) { Guess::More } else { Guess::No }
}

/// Whether one side begins with a server's greeting (`220`) in which a word stands that only this protocol has.
pub(crate) fn guess_greeting(bytes: &[u8], own: &[&[u8]], of_others: &[&[u8]], bytes_max: usize) -> Guess {
    let head = bytes.get(..4).unwrap_or(bytes);
    if ![&b"220 "[..], b"220-"].iter().any(|start| start.starts_with(head)) {
        return Guess::No;
    }
    let text = bytes.to_ascii_lowercase();
    let has = |word: &&[u8]| memchr::memmem::find(&text, word).is_some();
    if own.iter().any(has) {
        Guess::Yes
    } else if of_others.iter().any(has) || bytes.len() > bytes_max {
        Guess::No
    } else {
        // The client's first command will tell.
        Guess::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(data: &[u8], split: usize) -> Vec<(Vec<u8>, usize, bool)> {
        let mut pieces = Pieces::new(6);
        let mut out = Vec::new();
        let mut take = |piece: Piece<'_>| out.push((piece.text.to_vec(), piece.end.len(), piece.is_start));
        for part in data.chunks(split) {
            let mut rest = part;
            while !rest.is_empty() {
                pieces.next(&mut rest, &mut take);
            }
        }
        pieces.rest(&mut take);
        out
    }

    #[test]
    fn long_lines_come_in_pieces_that_no_split_changes() {
        let data = b"ab\r\n\nabcdefgh\r\nend";
        let expected = vec![
            (b"ab".to_vec(), 2, true),
            (Vec::new(), 1, true),
            (b"abcdef".to_vec(), 0, true),
            (b"gh".to_vec(), 2, false),
            (b"end".to_vec(), 0, true),
        ];
        for split in 1..=data.len() {
            assert_eq!(pieces(data, split), expected, "{split}");
        }
    }

    #[test]
    fn verbs_are_told_from_their_beginnings() {
        assert_eq!(guess_verb(b"EH", &[b"EHLO"]), Guess::More);
        assert_eq!(guess_verb(b"ehlo x", &[b"EHLO"]), Guess::Yes);
        assert_eq!(guess_verb(b"GET /", &[b"EHLO"]), Guess::No);
    }
}
