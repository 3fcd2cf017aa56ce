//! Literals of one to three bytes: by one pair of their bytes each.

use super::{Entry, commonness, small};
use crate::prefilter::Literal;
use wide::u8x16;

/// Pairs that are compared with all bytes of a block at once; a larger set goes by a table.
const LANES_PAIRS_MAX: usize = 32;
/// Bytes of a block, and those that its pairs span.
pub(super) const BLOCK: usize = 32;
pub(super) const BLOCK_BYTES: usize = BLOCK + 1;

pub(super) enum Short {
    None,
    Lanes(Box<[Pair]>),
    Table(Box<Table>),
}

/// Two bytes next to each other, each with the bits that do not count; a literal of one byte takes any second one.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    first: Byte,
    second: Byte,
    pub entry: Entry,
}

/// A byte as often as a wide register has room for it.
#[derive(Clone, Copy)]
struct Byte {
    value: u8x16,
    ignored: u8x16,
}

const LANES: usize = 16;

/// Entries by the first byte of their pair.
pub(super) struct Table {
    starts: Box<[u32; 257]>,
    pairs: Box<[Pair]>,
}

impl Short {
    pub fn new(literals: &[(u32, &Literal)]) -> Self {
        let mut pairs: Vec<Pair> = literals.iter().filter_map(|(number, literal)| Pair::of(*number, literal)).collect();
        match pairs.len() {
            0 => Self::None,
            1..=LANES_PAIRS_MAX => {
                pairs.sort_by_key(|p| p.entry.literal);
                Self::Lanes(pairs.into())
            }
            _ => Self::Table(Box::new(Table::new(&pairs))),
        }
    }
}

impl Pair {
    /// The rarest pair of a literal.
    fn of(literal: u32, of: &Literal) -> Option<Self> {
        let fold = |byte: u8| if of.nocase && byte.is_ascii_alphabetic() { 0x20 } else { 0 };
        let pair = |offset: usize| of.bytes.get(offset..)?.first_chunk::<2>().copied();
        let cost = |offset: &usize| pair(*offset).map_or(u32::MAX, |[a, b]| commonness(a) + commonness(b));
        let best = (0..of.bytes.len().saturating_sub(1)).min_by_key(cost);
        let (offset, first, second) = match best.and_then(|offset| Some((offset, pair(offset)?))) {
            Some((offset, [first, second])) => (offset, first, Some(second)),
            None => (0, *of.bytes.first()?, None),
        };
        Some(Self {
            first: Byte::new(first, fold(first)),
            second: second.map_or(Byte::new(0xff, 0xff), |byte| Byte::new(byte, fold(byte))),
            entry: Entry { key: 0, literal, offset: small(offset) },
        })
    }

    fn is_at(&self, first: u8, second: u8) -> bool {
        self.first.is(first) && self.second.is(second)
    }

    /// A bit for each place of a block where the pair stands.
    #[inline]
    pub fn places(&self, block: &[u8; BLOCK_BYTES]) -> u32 {
        self.half(block, 0) | self.half(block, LANES) << LANES
    }

    #[inline]
    fn half(&self, block: &[u8; BLOCK_BYTES], at: usize) -> u32 {
        let lanes = |at: usize| block.get(at..).and_then(|b| b.first_chunk()).map_or(u8x16::ZERO, |b| u8x16::new(*b));
        (self.first.of(lanes(at)) & self.second.of(lanes(at + 1))).to_bitmask()
    }
}

impl Byte {
    fn new(value: u8, ignored: u8) -> Self {
        Self { value: u8x16::splat(value | ignored), ignored: u8x16::splat(ignored) }
    }

    #[inline]
    fn of(&self, bytes: u8x16) -> u8x16 {
        (bytes | self.ignored).simd_eq(self.value)
    }

    fn is(&self, byte: u8) -> bool {
        let ([value, ..], [ignored, ..]) = (self.value.to_array(), self.ignored.to_array());
        byte | ignored == value
    }
}

impl Table {
    fn new(pairs: &[Pair]) -> Self {
        let mut by_first: Vec<(u8, Pair)> = Vec::new();
        for pair in pairs {
            by_first.extend((0..=255u8).filter(|b| pair.first.is(*b)).map(|b| (b, *pair)));
        }
        by_first.sort_by_key(|(first, pair)| (*first, pair.entry.literal));
        let mut starts = Box::new([0; 257]);
        for (byte, start) in (0usize..).zip(starts.iter_mut()) {
            *start = small(by_first.partition_point(|(first, _)| usize::from(*first) < byte));
        }
        Self { starts, pairs: by_first.into_iter().map(|(_, pair)| pair).collect() }
    }

    /// The pairs that may stand where these bytes do; `second` is 0 at the end of a text.
    pub fn at(&self, first: u8, second: u8) -> impl Iterator<Item = &Pair> {
        let range = match (self.starts.get(usize::from(first)), self.starts.get(usize::from(first) + 1)) {
            (Some(from), Some(to)) => *from as usize..*to as usize,
            _ => 0..0,
        };
        self.pairs.get(range).unwrap_or_default().iter().filter(move |pair| pair.is_at(first, second))
    }
}
