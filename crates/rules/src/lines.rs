//! Logical lines: comments left out, continuations joined, with the way back to line and column.

use crate::text::Fault;
use std::borrow::Cow;

/// Most characters of one rule; Suricata's own line limit is 8 KiB for each physical line.
pub(crate) const LOGICAL_LINE_BYTES_MAX: usize = 256 * 1024;

/// A rule's text on one line and where its pieces came from.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub text: Cow<'a, str>,
    /// The line that the text begins on, from 1.
    number: u32,
    /// Of the pieces after the first: (offset in `text`, line from 1), ascending. Each begins at column 1 of its line.
    pieces: Vec<(usize, u32)>,
}

impl Line<'_> {
    /// Line and column (in characters, both from 1) of a byte offset.
    pub fn place(&self, at: usize) -> (u32, u32) {
        let after = self.pieces.partition_point(|(start, _)| *start <= at);
        let piece = after.checked_sub(1).and_then(|i| self.pieces.get(i)).copied();
        let (start, line) = piece.unwrap_or((0, self.number));
        let mut end = at.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let characters = self.text.get(start..end).map_or(0, |before| before.chars().count());
        (line, u32::try_from(characters + 1).unwrap_or(u32::MAX))
    }

    /// The byte offset of a place that [`Line::place`] gave.
    pub fn offset(&self, line: u32, column: u32) -> usize {
        let start = self.pieces.iter().find(|(_, l)| *l == line).map_or(0, |(start, _)| *start);
        let skipped = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.char_indices().nth(skipped).map_or(rest.len(), |(at, _)| at)
    }
}

/// Splits text into logical lines; its first line has the number `first`. Too long ones are told and left out.
pub(crate) fn logical_lines(text: &str, first: u32) -> (Vec<Line<'_>>, Vec<(u32, Fault)>) {
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    let mut open: Option<Line<'_>> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, physical) in (first..).zip(text.split('\n')) {
        let physical = physical.strip_suffix('\r').unwrap_or(physical);
        if open.is_none() {
            let start = physical.trim_start();
            if start.is_empty() || start.starts_with('#') {
                continue;
            }
        }
        let (part, continues) = match continued(physical) {
            Some(part) => (part, true),
            None => (physical, false),
        };
        let line = match open.take() {
            None => Line { text: Cow::Borrowed(part), number, pieces: Vec::new() },
            Some(mut line) => {
                line.pieces.push((line.text.len(), number));
                line.text.to_mut().push_str(part);
                line
            }
        };
        if line.text.len() > LOGICAL_LINE_BYTES_MAX {
            faults.push((number, Fault::new(0, format!("a rule longer than {LOGICAL_LINE_BYTES_MAX} bytes"))));
        } else if continues {
            open = Some(line);
        } else {
            lines.push(line);
        }
    }
    lines.extend(open);
    (lines, faults)
}

/// What stands before the backslash that joins a line to the next one.
fn continued(physical: &str) -> Option<&str> {
    physical.trim_end().strip_suffix('\\')
}

/// Cuts text into about `count` pieces between logical lines, each with the number of its first line.
pub(crate) fn pieces(text: &str, count: usize) -> Vec<(u32, &str)> {
    let size = text.len() / count.max(1) + 1;
    let mut pieces = Vec::with_capacity(count);
    let (mut rest, mut number) = (text, 1u32);
    while !rest.is_empty() {
        let end = piece_end(rest, size);
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pieces.push((number, piece));
        let lines = piece.bytes().filter(|b| *b == b'\n').count();
        number = number.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        rest = after;
    }
    pieces
}

/// Behind the first line end at or after `size` whose line does not go on.
fn piece_end(text: &str, size: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = size.min(bytes.len());
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'\n')) {
        let end = at + found;
        let start = bytes.get(..end).and_then(|before| before.iter().rposition(|b| *b == b'\n')).map_or(0, |i| i + 1);
        let joins = text.get(start..end).is_some_and(|line| continued(line).is_some());
        if !joins {
            return end + 1;
        }
        at = end + 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_lines_join_and_keep_their_places() {
        let (lines, faults) = logical_lines("# comment\n\nalert a \\\n  b \\\nc\nnext\n", 1);
        assert!(faults.is_empty());
        let texts: Vec<&str> = lines.iter().map(|l| &*l.text).collect();
        assert_eq!(texts, ["alert a   b c", "next"]);
        let joined = lines.first().expect("a line");
        assert_eq!(joined.place(0), (3, 1));
        assert_eq!(joined.place(10), (4, 3));
        assert_eq!(joined.place(12), (5, 1));
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let (lines, _) = logical_lines("กข x", 1);
        assert_eq!(lines.first().expect("a line").place(7), (1, 4));
    }

    #[test]
    fn pieces_end_between_logical_lines_and_lose_nothing() {
        let text = "a\nb \\\nc \\\nd\n\n# x \\\ne\nf";
        let whole: Vec<(u32, u32, String)> = read(&[(1, text)]);
        for count in 1..12 {
            let pieces = pieces(text, count);
            assert_eq!(pieces.iter().map(|(_, piece)| *piece).collect::<String>(), text);
            assert_eq!(read(&pieces), whole, "{count}");
        }
    }

    fn read(pieces: &[(u32, &str)]) -> Vec<(u32, u32, String)> {
        let lines = pieces.iter().flat_map(|(first, piece)| logical_lines(piece, *first).0);
        lines.map(|line| (line.place(0).0, line.place(usize::MAX).0, line.text.to_string())).collect()
    }
}
