//! What must hold in one buffer: the tests of a rule's section, ready to run.

pub(crate) mod numbers;
pub(crate) mod run;

use crate::expression::Expression;
use phitak_rules::{
    NumberTest,
    asn1::Asn1,
    bytes::{Base64Decode, ByteExtract, ByteJump, ByteMath, ByteTest, IsDataAt},
    content::{Content, Value},
    dataset::DatasetCommand,
    entropy::Entropy,
};

/// Variables of one rule attempt.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    values: [u64; phitak_rules::bytes::VARIABLES_MAX],
    /// Numbers whose order the transaction tells (`dce`) have their first byte first.
    pub told_big_endian: bool,
}

impl Variables {
    pub fn get(&self, index: usize) -> Option<&u64> {
        self.values.get(index)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut u64> {
        self.values.get_mut(index)
    }
}

#[derive(Default)]
pub(crate) struct Program {
    pub steps: Box<[Step]>,
    /// A step sets a variable, so that a later failure may depend on where an earlier content was found.
    pub has_variables: bool,
    /// Some content or expression must be found, so that a match has a place.
    pub has_positive: bool,
}

pub(crate) enum Step {
    Content(ContentStep),
    Pattern(PatternStep),
    IsDataAt(IsDataAt),
    ByteTest(ByteTest),
    ByteJump(ByteJump),
    ByteExtract(ByteExtract),
    ByteMath(ByteMath),
    Size(NumberTest),
    Entropy(Entropy),
    Asn1(Asn1),
    Dataset { set: u32, command: DatasetCommand },
    Reputation { set: u32, test: NumberTest },
    Base64 { decode: Base64Decode, inner: Program },
}

pub(crate) struct ContentStep {
    pub content: Content,
    pub needle: Needle,
    /// What follows depends on where this is found: other places are tried when it fails.
    pub retry: bool,
}

pub(crate) struct PatternStep {
    pub expression: Expression,
    /// Its number among the expressions, for the workers' caches.
    pub number: u32,
    pub negated: bool,
    pub relative: bool,
    pub retry: bool,
}

/// How a content is searched for: by its rarest byte.
pub(crate) struct Needle {
    rare: u8,
    other_case: u8,
    at: usize,
}

impl Needle {
    pub fn new(pattern: &[u8], nocase: bool) -> Self {
        let rarest = pattern.iter().enumerate().min_by_key(|(_, b)| crate::prefilter::commonness(**b));
        let (at, rare) = rarest.map_or((0, 0), |(at, b)| (at, *b));
        let other_case = match rare {
            b if !nocase => b,
            b if b.is_ascii_lowercase() => b.to_ascii_uppercase(),
            b => b.to_ascii_lowercase(),
        };
        Self { rare, other_case, at }
    }

    /// The first place at or after `from` where the pattern stands in `text`.
    pub fn find(&self, pattern: &[u8], nocase: bool, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let last = text.len().checked_sub(pattern.len())?;
            if at > last {
                return None;
            }
            // The rare byte of a match stands between these two.
            let low = at.checked_add(self.at)?;
            let high = last.checked_add(self.at)?;
            let stretch = text.get(low..=high)?;
            let found = if self.rare == self.other_case {
                memchr::memchr(self.rare, stretch)
            } else {
                memchr::memchr2(self.rare, self.other_case, stretch)
            };
            at += found?;
            let here = text.get(at..at.checked_add(pattern.len())?)?;
            let same = if nocase { here.eq_ignore_ascii_case(pattern) } else { here == pattern };
            if same {
                return Some(at);
            }
            at += 1;
        }
    }
}

/// A value of a rule, with its variables at hand.
pub(crate) fn resolve(value: Value, variables: &Variables) -> i64 {
    match value {
        Value::Number(n) => i64::from(n),
        Value::Variable(index) => {
            let value = variables.get(usize::from(index)).copied().unwrap_or(0);
            i64::try_from(value).unwrap_or(i64::MAX)
        }
    }
}
