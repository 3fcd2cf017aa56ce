//! Which content of a rule its prefilter looks for.

use crate::prefilter::{Literal, Standing, commonness};
use phitak_rules::{
    NumberTest, Section, Test,
    content::{Content, FastPattern},
};

/// Bytes of a literal that count: longer ones are not rarer in practice.
const COUNTED_BYTES_MAX: usize = 24;

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

/// The author's choice first, then long and rare ones.
fn worth(content: &Content) -> u32 {
    let rare: u32 = content.pattern.iter().take(COUNTED_BYTES_MAX).map(|b| 110 - commonness(*b)).sum();
    let chosen = if content.fast_pattern.is_some() { 1 << 20 } else { 0 };
    // Literals of fewer than four bytes cost the most.
    let short = if content.pattern.len() < 4 { 0 } else { 1 << 12 };
    chosen + short + rare
}

fn literal(content: &Content, section: &Section) -> Literal {
    if let Some(FastPattern::Chop { offset, length }) = content.fast_pattern {
        let from = usize::from(offset);
        let part = content.pattern.get(from..from + usize::from(length)).unwrap_or(&content.pattern);
        return Literal { bytes: part.to_vec(), nocase: content.nocase, standing: Standing::Anywhere };
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
    Literal { bytes: content.pattern.clone(), nocase: content.nocase, standing }
}
