//! Which content of a rule its prefilter looks for.

use crate::prefilter::{Literal, Standing, commonness, small};
use phitak_rules::{
    NumberTest, Section, Test,
    content::{Content, FastPattern, Value},
};

/// Bytes of a literal that count: longer ones are not rarer in practice.
const COUNTED_BYTES_MAX: usize = 24;
/// A short literal that begins before this place costs little.
const BOUND_SHORT_MAX: u32 = 32;

/// The best literal of the sections at hand: its section and how it must stand.
pub(super) fn choose<'s>(sections: impl Iterator<Item = (usize, &'s Section)>) -> Option<(usize, Literal)> {
    let mut best: Option<(u32, usize, Literal)> = None;
    for (index, section) in sections {
        for test in &section.tests {
            let Test::Content(content) = &test.value else { continue };
            if content.negated || content.pattern.is_empty() {
                continue;
            }
            let worth = worth(content);
            if best.as_ref().is_none_or(|(b, ..)| worth > *b) {
                best = Some((worth, index, literal(content, section)));
            }
        }
    }
    best.map(|(_, index, literal)| (index, literal))
}

/// The author's choice first, then long and rare ones. Literals of fewer than four bytes cost the most, unless they are
/// bound to a value's beginning.
fn worth(content: &Content) -> u32 {
    let rare: u32 = content.pattern.iter().take(COUNTED_BYTES_MAX).map(|b| 110 - commonness(*b)).sum();
    let is_long = content.pattern.len() >= 4;
    let is_cheap = is_long || bounds(content).1 < BOUND_SHORT_MAX;
    let chosen = if content.fast_pattern.is_some() && is_cheap { 1 << 20 } else { 0 };
    let long = if is_long { 1 << 12 } else { 0 };
    chosen + long + rare
}

/// The least and the greatest place at which a content may begin; `u32::MAX` where nothing bounds it.
fn bounds(content: &Content) -> (u32, u32) {
    let free = (0, u32::MAX);
    if content.is_relative() {
        return free;
    }
    if content.starts_with {
        return (0, 0);
    }
    let number = |value: Option<Value>| match value {
        Some(Value::Number(n)) => u32::try_from(n).ok(),
        Some(Value::Variable(_)) => None,
        None => Some(0),
    };
    let Some(offset) = number(content.offset) else { return free };
    let last = match (content.depth, number(content.depth)) {
        (Some(_), Some(depth)) => {
            depth.checked_sub(small(content.pattern.len())).map_or(offset, |room| offset.saturating_add(room))
        }
        _ => u32::MAX,
    };
    (offset, last)
}

fn literal(content: &Content, section: &Section) -> Literal {
    let (first, last) = bounds(content);
    if let Some(FastPattern::Chop { offset, length }) = content.fast_pattern {
        let from = usize::from(offset);
        if let Some(part) = content.pattern.get(from..from + usize::from(length)) {
            let moved = |place: u32| if place == u32::MAX { place } else { place.saturating_add(u32::from(offset)) };
            let (first, last) = (moved(first), moved(last));
            let (nocase, standing) = (content.nocase, Standing::Anywhere);
            return Literal { bytes: part.to_vec(), nocase, standing, first, last };
        }
    }
    let exact = section
        .tests
        .iter()
        .any(|t| matches!(t.value, Test::BufferSize(NumberTest::Equal(n)) if n == content.pattern.len() as u64));
    let standing = if exact || content.starts_with && content.ends_with {
        Standing::Whole
    } else if content.ends_with && content.pattern.first() == Some(&b'.') {
        Standing::DottedSuffix
    } else {
        Standing::Anywhere
    };
    Literal { bytes: content.pattern.clone(), nocase: content.nocase, standing, first, last }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(offset: Option<i32>, depth: Option<i32>, distance: Option<i32>) -> (u32, u32) {
        let number = |n: Option<i32>| n.map(Value::Number);
        let content = Content {
            offset: number(offset),
            depth: number(depth),
            distance: number(distance),
            ..Content::new(b"abcd".to_vec())
        };
        bounds(&content)
    }

    #[test]
    fn places_are_bound_by_offset_and_depth_alone() {
        assert_eq!(bounded(None, None, None), (0, u32::MAX));
        assert_eq!(bounded(Some(3), None, None), (3, u32::MAX));
        assert_eq!(bounded(None, Some(4), None), (0, 0));
        assert_eq!(bounded(Some(2), Some(10), None), (2, 8));
        assert_eq!(bounded(None, None, Some(1)), (0, u32::MAX));
        let variable = Content { depth: Some(Value::Variable(0)), ..Content::new(b"abcd".to_vec()) };
        assert_eq!(bounds(&variable), (0, u32::MAX));
        let start = Content { starts_with: true, ..Content::new(b"abcd".to_vec()) };
        assert_eq!(bounds(&start), (0, 0));
    }
}
