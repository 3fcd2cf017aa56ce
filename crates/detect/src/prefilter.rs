//! Which rules can fire on a buffer at all: one look at its bytes for all the rules that inspect it.
//!
//! Each rule gives one literal. Whole values and suffixes at label boundaries (domains, mostly) are looked up by hash,
//! however many there are; other literals are searched for together. What is found is a candidate, not a match.

mod gram;
mod packet;
mod whole;

use gram::Grams;
pub(crate) use gram::commonness;
pub(crate) use packet::{Fresh, LiteralOf, PacketMatcher, PacketMatcherBuilder, Units};
use whole::Whole;

/// Literals that must end within so many bytes of their value are looked for there only.
const HEAD_BYTES_MAX: u32 = 64;

/// How a rule's literal must stand in its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Somewhere.
    Anywhere,
    /// It is the whole buffer.
    Whole,
    /// At the end, where it begins with a dot.
    DottedSuffix,
}

#[derive(Clone, Debug)]
pub(crate) struct Literal {
    pub bytes: Vec<u8>,
    pub nocase: bool,
    pub standing: Standing,
    /// The least and the greatest place in its value at which it may begin; `u32::MAX` where nothing bounds it.
    pub first: u32,
    pub last: u32,
}

impl Literal {
    /// How many bytes of a value it may reach into; `None` without a bound.
    fn reach(&self) -> Option<u32> {
        if self.last == u32::MAX { None } else { self.last.checked_add(small(self.bytes.len())) }
    }

    fn is_at_head(&self) -> bool {
        self.reach().is_some_and(|reach| reach <= HEAD_BYTES_MAX)
    }
}

/// The matcher of one buffer: finished and immutable.
#[derive(Default)]
pub(crate) struct Matcher {
    whole: Whole,
    suffixes: Whole,
    heads: Heads,
    rest: Option<Owned>,
}

/// Literals that stand in the first bytes of a value.
#[derive(Default)]
struct Heads {
    literals: Option<Owned>,
    /// How many bytes those are.
    reach: usize,
}

/// Literals with their owners (rules or routes).
struct Owned {
    grams: Grams,
    /// Ranges of `owners`, for each literal.
    ranges: Box<[(u32, u32)]>,
    owners: Box<[u32]>,
}

#[derive(Default)]
pub(crate) struct MatcherBuilder {
    literals: Vec<(Literal, u32)>,
}

/// Owners found so far, each once. Reused; clearing costs nothing.
#[derive(Default)]
pub(crate) struct Candidates {
    list: Vec<u32>,
    seen_in: Vec<u32>,
    round: u32,
}

impl MatcherBuilder {
    pub fn add(&mut self, literal: Literal, owner: u32) {
        self.literals.push((literal, owner));
    }

    pub fn build(self) -> Matcher {
        let mut whole = Vec::new();
        let mut suffixes = Vec::new();
        let mut anywhere = Vec::new();
        for (literal, owner) in self.literals {
            match literal.standing {
                Standing::Whole => whole.push((literal.bytes, owner)),
                Standing::DottedSuffix => suffixes.push((literal.bytes, owner)),
                Standing::Anywhere => anywhere.push((literal, owner)),
            }
        }
        let (heads, rest): (Vec<_>, Vec<_>) = anywhere.into_iter().partition(|(l, _)| l.is_at_head());
        Matcher {
            whole: Whole::new(whole),
            suffixes: Whole::new(suffixes),
            heads: Heads::new(heads),
            rest: Owned::new(rest),
        }
    }
}

impl Heads {
    fn new(literals: Vec<(Literal, u32)>) -> Self {
        let reach = literals.iter().filter_map(|(l, _)| l.reach()).max().unwrap_or(0) as usize;
        Self { literals: Owned::new(literals), reach }
    }

    fn find(&self, bytes: &[u8], base: u64, candidates: &mut Candidates) {
        if let Some(literals) = &self.literals
            && let Some(reach) = usize::try_from(base).ok().and_then(|base| self.reach.checked_sub(base))
        {
            literals.find(bytes.get(..reach).unwrap_or(bytes), base, candidates);
        }
    }
}

impl Owned {
    fn new(mut literals: Vec<(Literal, u32)>) -> Option<Self> {
        let key = |l: &Literal| (l.nocase, l.first, l.last);
        literals.sort_by(|(a, x), (b, y)| (&a.bytes, key(a), x).cmp(&(&b.bytes, key(b), y)));
        let mut distinct: Vec<&Literal> = Vec::new();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (end, (literal, _)) in (1..).zip(&literals) {
            let same = distinct.last().is_some_and(|l| l.bytes == literal.bytes && key(l) == key(literal));
            match ranges.last_mut() {
                Some((_, last)) if same => *last = end,
                _ => {
                    ranges.push((end - 1, end));
                    distinct.push(literal);
                }
            }
        }
        let grams = Grams::new(&distinct);
        let owners = literals.iter().map(|(_, owner)| *owner).collect();
        (!literals.is_empty()).then(|| Self { grams, ranges: ranges.into(), owners })
    }

    fn find(&self, bytes: &[u8], base: u64, candidates: &mut Candidates) {
        self.grams.search(bytes, base, |literal| {
            let (start, end) = self.ranges.get(literal as usize).copied().unwrap_or_default();
            for owner in self.owners.get(start as usize..end as usize).unwrap_or_default() {
                candidates.add(*owner);
            }
        });
    }
}

pub(crate) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Matcher {
    /// Adds the owners whose literal stands in a whole value.
    pub fn find(&self, bytes: &[u8], candidates: &mut Candidates) {
        if !self.whole.is_empty() || !self.suffixes.is_empty() {
            whole::look_up(bytes, &self.whole, &self.suffixes, |owner| candidates.add(owner));
        }
        self.find_within(bytes, 0, candidates);
    }

    /// The same for a piece of a value that is still growing, which begins at `base` in its value: only literals that may
    /// stand anywhere.
    pub fn find_within(&self, bytes: &[u8], base: u64, candidates: &mut Candidates) {
        self.heads.find(bytes, base, candidates);
        if let Some(rest) = &self.rest {
            rest.find(bytes, base, candidates);
        }
    }
}

impl Candidates {
    pub fn clear(&mut self) {
        self.list.clear();
        self.round = match self.round.checked_add(1) {
            Some(round) => round,
            None => {
                self.seen_in.fill(0);
                1
            }
        };
    }

    pub fn add(&mut self, owner: u32) {
        let index = usize::try_from(owner).unwrap_or(usize::MAX);
        if self.seen_in.len() <= index {
            self.seen_in.resize(index.saturating_add(1), 0);
        }
        if let Some(seen) = self.seen_in.get_mut(index)
            && *seen != self.round
        {
            *seen = self.round;
            self.list.push(owner);
        }
    }

    /// The owners in their order.
    pub fn sorted(&mut self) -> &[u32] {
        self.list.sort_unstable();
        &self.list
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stands(literal: &Literal, text: &[u8]) -> bool {
        let same = |a: &[u8], b: &[u8]| if literal.nocase { a.eq_ignore_ascii_case(b) } else { a == b };
        let counts =
            |at: usize| at >= literal.first as usize && (literal.last == u32::MAX || at <= literal.last as usize);
        match literal.standing {
            Standing::Anywhere => {
                text.windows(literal.bytes.len()).enumerate().any(|(at, w)| counts(at) && same(w, &literal.bytes))
            }
            Standing::Whole => same(text, &literal.bytes),
            Standing::DottedSuffix => {
                text.len() >= literal.bytes.len() && same(&text[text.len() - literal.bytes.len()..], &literal.bytes)
            }
        }
    }

    fn literal() -> impl Strategy<Value = Literal> {
        let letters = prop::collection::vec(prop::sample::select(&b"abAB.\x00\xff"[..]), 1..9);
        let bounds = prop_oneof![Just((0, u32::MAX)), (0u32..20, 0u32..70).prop_map(|(a, b)| (a, a + b))];
        (letters, any::<bool>(), 0..3, bounds).prop_map(|(mut bytes, nocase, standing, (first, last))| {
            let standing = match standing {
                0 => Standing::Anywhere,
                1 => Standing::Whole,
                _ => {
                    bytes[0] = b'.';
                    Standing::DottedSuffix
                }
            };
            Literal { bytes, nocase, standing, first, last }
        })
    }

    /// Some bytes, with a long run of one of them in the middle.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let letters = || prop::collection::vec(prop::sample::select(&b"abAB.\x00\xff"[..]), 0..70);
        let run = (prop::sample::select(&b"ab\x00"[..]), prop_oneof![Just(0usize), 0usize..200]);
        (letters(), run, letters())
            .prop_map(|(before, (byte, length), after)| [before, vec![byte; length], after].concat())
    }

    #[test]
    fn what_stands_over_the_end_of_a_long_run_is_found_at_every_alignment() {
        let literals = [&b"bbb\0"[..], b"bb\0x", b"b\0xy", b"abbb"];
        for before in 0..20 {
            for length in 1..120 {
                let text =
                    [vec![b'.'; before], vec![b'a'], vec![b'b'; length], b"\0xyz................".to_vec()].concat();
                for bytes in literals {
                    let literal = Literal {
                        bytes: bytes.to_vec(),
                        nocase: false,
                        standing: Standing::Anywhere,
                        first: 0,
                        last: u32::MAX,
                    };
                    let mut builder = MatcherBuilder::default();
                    builder.add(literal.clone(), 0);
                    let mut candidates = Candidates::default();
                    candidates.clear();
                    builder.build().find(&text, &mut candidates);
                    assert_eq!(
                        !candidates.sorted().is_empty(),
                        stands(&literal, &text),
                        "{bytes:?} after {before}, {length}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_literal_that_stands_in_the_text_is_found(
            literals in prop::collection::vec(literal(), 0..200),
            text in text(),
            cut in 0usize..300,
        ) {
            let mut builder = MatcherBuilder::default();
            for (owner, literal) in literals.iter().enumerate() {
                builder.add(literal.clone(), owner as u32);
            }
            let matcher = builder.build();
            let mut candidates = Candidates::default();
            candidates.clear();
            matcher.find(&text, &mut candidates);
            let found = candidates.sorted().to_vec();
            // In two pieces that overlap by the longest literal.
            let cut = cut.min(text.len());
            let from = cut.saturating_sub(8);
            candidates.clear();
            matcher.find_within(&text[..cut], 0, &mut candidates);
            matcher.find_within(&text[from..], from as u64, &mut candidates);
            let in_pieces = candidates.sorted();
            for (owner, literal) in literals.iter().enumerate() {
                if stands(literal, &text) {
                    prop_assert!(found.contains(&(owner as u32)), "{:?} in {:?}", literal, text);
                    let anywhere = literal.standing == Standing::Anywhere;
                    prop_assert!(!anywhere || in_pieces.contains(&(owner as u32)), "{:?} in pieces of {:?}", literal, text);
                } else if literal.standing == Standing::Anywhere {
                    prop_assert!(!found.contains(&(owner as u32)), "{:?} not in {:?}", literal, text);
                }
            }
        }
    }
}
