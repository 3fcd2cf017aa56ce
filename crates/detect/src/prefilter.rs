//! Which rules can fire on a buffer at all: one look at its bytes for all the rules that inspect it.
//!
//! Each rule gives one literal. Whole values and suffixes at label boundaries (domains, mostly) are looked up by hash,
//! however many there are; other literals are searched for together. What is found is a candidate, not a match.

mod gram;
mod whole;

use gram::Grams;
pub(crate) use gram::commonness;
use whole::Whole;

/// Searches for many literals at once. The one seam at which another algorithm can be put in.
pub(crate) trait Search {
    /// Calls `hit` with the numbers of literals that stand in `bytes`, perhaps several times each.
    fn search(&self, bytes: &[u8], hit: &mut dyn FnMut(u32));
}

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
}

/// The matcher of one buffer: finished and immutable.
#[derive(Default)]
pub(crate) struct Matcher {
    whole: Whole,
    suffixes: Whole,
    grams: Option<Box<dyn Search + Send + Sync>>,
    /// Owners (rules or routes) of each literal of `grams`: ranges of `owners`.
    owners_of: Vec<(u32, u32)>,
    owners: Vec<u32>,
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
        anywhere.sort_by(|(a, x), (b, y)| (&a.bytes, a.nocase, x).cmp(&(&b.bytes, b.nocase, y)));
        let mut literals: Vec<Literal> = Vec::new();
        let mut owners_of: Vec<(u32, u32)> = Vec::new();
        let mut owners = Vec::with_capacity(anywhere.len());
        for (literal, owner) in anywhere {
            let end = small(owners.len() + 1);
            let same = literals.last().is_some_and(|l| l.bytes == literal.bytes && l.nocase == literal.nocase);
            match owners_of.last_mut() {
                Some((_, last)) if same => *last = end,
                _ => {
                    owners_of.push((end - 1, end));
                    literals.push(literal);
                }
            }
            owners.push(owner);
        }
        let grams: Option<Box<dyn Search + Send + Sync>> =
            if literals.is_empty() { None } else { Some(Box::new(Grams::new(&literals))) };
        Matcher { whole: Whole::new(whole), suffixes: Whole::new(suffixes), grams, owners_of, owners }
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
        self.find_within(bytes, candidates);
    }

    /// The same for a piece of a value that is still growing: only literals that may stand anywhere.
    pub fn find_within(&self, bytes: &[u8], candidates: &mut Candidates) {
        let Some(grams) = &self.grams else { return };
        grams.search(bytes, &mut |literal| {
            let index = usize::try_from(literal).unwrap_or(usize::MAX);
            let (start, end) = self.owners_of.get(index).copied().unwrap_or_default();
            let range = usize::try_from(start).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(0);
            for owner in self.owners.get(range).unwrap_or_default() {
                candidates.add(*owner);
            }
        });
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
        match literal.standing {
            Standing::Anywhere => text.windows(literal.bytes.len()).any(|w| same(w, &literal.bytes)),
            Standing::Whole => same(text, &literal.bytes),
            Standing::DottedSuffix => {
                text.len() >= literal.bytes.len() && same(&text[text.len() - literal.bytes.len()..], &literal.bytes)
            }
        }
    }

    fn literal() -> impl Strategy<Value = Literal> {
        let letters = prop::collection::vec(prop::sample::select(&b"abAB.\x00\xff"[..]), 1..7);
        (letters, any::<bool>(), 0..3).prop_map(|(mut bytes, nocase, standing)| {
            let standing = match standing {
                0 => Standing::Anywhere,
                1 => Standing::Whole,
                _ => {
                    bytes[0] = b'.';
                    Standing::DottedSuffix
                }
            };
            Literal { bytes, nocase, standing }
        })
    }

    proptest! {
        #[test]
        fn every_literal_that_stands_in_the_text_is_found(
            literals in prop::collection::vec(literal(), 0..40),
            text in prop::collection::vec(prop::sample::select(&b"abAB.\x00\xff"[..]), 0..40),
        ) {
            let mut builder = MatcherBuilder::default();
            for (owner, literal) in literals.iter().enumerate() {
                builder.add(literal.clone(), owner as u32);
            }
            let matcher = builder.build();
            let mut candidates = Candidates::default();
            candidates.clear();
            matcher.find(&text, &mut candidates);
            let found = candidates.sorted();
            for (owner, literal) in literals.iter().enumerate() {
                if stands(literal, &text) {
                    prop_assert!(found.contains(&(owner as u32)), "{:?} in {:?}", literal, text);
                } else if literal.standing == Standing::Anywhere {
                    prop_assert!(!found.contains(&(owner as u32)), "{:?} not in {:?}", literal, text);
                }
            }
        }
    }
}
