//! Logical lines: comments left out, continuations joined, with the way back to line and column.

use crate::text::Fault;

/// Most characters of one rule; Suricata's own line limit is 8 KiB for each physical line.
pub(crate) const LOGICAL_LINE_BYTES_MAX: usize = 256 * 1024;

/// A rule's text on one line and where its pieces came from.
#[derive(Debug)]
pub(crate) struct Line {
    pub text: String,
    /// (offset in `text`, line from 1), ascending. Each piece begins at column 1 of its line.
    pieces: Vec<(usize, u32)>,
}

impl Line {
    /// Line and column (in characters, both from 1) of a byte offset.
    pub fn place(&self, at: usize) -> (u32, u32) {
        let after = self.pieces.partition_point(|(start, _)| *start <= at);
        let (start, line) = after.checked_sub(1).and_then(|i| self.pieces.get(i)).copied().unwrap_or((0, 1));
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

/// Splits a file into logical lines. Too long ones are told and left out.
pub(crate) fn logical_lines(text: &str) -> (Vec<Line>, Vec<(u32, Fault)>) {
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    let mut open: Option<Line> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, physical) in text.split('\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let physical = physical.strip_suffix('\r').unwrap_or(physical);
        if open.is_none() {
            let start = physical.trim_start();
            if start.is_empty() || start.starts_with('#') {
                continue;
            }
        }
        let (part, continues) = match physical.trim_end().strip_suffix('\\') {
            Some(part) => (part, true),
            None => (physical, false),
        };
        let line = open.get_or_insert_with(|| Line { text: String::new(), pieces: Vec::new() });
        line.pieces.push((line.text.len(), number));
        line.text.push_str(part);
        if line.text.len() > LOGICAL_LINE_BYTES_MAX {
            faults.push((number, Fault::new(0, format!("a rule longer than {LOGICAL_LINE_BYTES_MAX} bytes"))));
            open = None;
        } else if !continues && let Some(done) = open.take() {
            lines.push(done);
        }
    }
    lines.extend(open);
    (lines, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_lines_join_and_keep_their_places() {
        let (lines, faults) = logical_lines("# comment\n\nalert a \\\n  b \\\nc\nnext\n");
        assert!(faults.is_empty());
        let texts: Vec<&str> = lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["alert a   b c", "next"]);
        let joined = lines.first().expect("a line");
        assert_eq!(joined.place(0), (3, 1));
        assert_eq!(joined.place(10), (4, 3));
        assert_eq!(joined.place(12), (5, 1));
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let (lines, _) = logical_lines("กข x");
        assert_eq!(lines.first().expect("a line").place(7), (1, 4));
    }
}
