//! The literals of raw payload: a packet's bytes and its stream's are searched once for all rules that look at either.

use super::{Candidates, Heads, Literal, Owned};

/// Bytes of a literal that are searched for: more make no candidate rarer, and are searched again at each end of a stream.
const LITERAL_BYTES_MAX: usize = 32;

/// What of raw payload a rule looks at, and from where its places count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiteralOf {
    /// Packets, or packets and what each adds to its stream: places count from the beginning of either.
    Unit,
    /// The stream, from whose beginning places count, and packets that are not in it.
    Stream,
}

/// The bytes that a packet brings.
pub(crate) struct Units<'a> {
    /// The packet's payload, and whether it is in the stream.
    pub packet: Option<(&'a [u8], bool)>,
    pub fresh: Option<Fresh<'a>>,
}

/// What is new in a stream, and some bytes before it.
pub(crate) struct Fresh<'a> {
    pub bytes: &'a [u8],
    /// Where `bytes` begins in the stream.
    pub base: u64,
    /// How many of the first bytes are not new.
    pub old: usize,
}

#[derive(Default)]
pub(crate) struct PacketMatcher {
    anywhere: Option<Owned>,
    unit_heads: Heads,
    stream_heads: Heads,
    /// Bytes before what is new in a stream in which a literal may begin.
    overlap: usize,
}

#[derive(Default)]
pub(crate) struct PacketMatcherBuilder {
    anywhere: Vec<(Literal, u32)>,
    unit_heads: Vec<(Literal, u32)>,
    stream_heads: Vec<(Literal, u32)>,
    overlap: usize,
}

impl PacketMatcherBuilder {
    pub fn add(&mut self, mut literal: Literal, of: LiteralOf, rule: u32) {
        literal.bytes.truncate(LITERAL_BYTES_MAX);
        if of == LiteralOf::Stream {
            self.overlap = self.overlap.max(literal.bytes.len().saturating_sub(1));
        }
        match of {
            _ if !literal.is_at_head() => {
                // One search serves both kinds, whose places differ: the rule itself asks for them.
                (literal.first, literal.last) = (0, u32::MAX);
                self.anywhere.push((literal, rule));
            }
            LiteralOf::Unit => self.unit_heads.push((literal, rule)),
            LiteralOf::Stream => self.stream_heads.push((literal, rule)),
        }
    }

    pub fn build(self) -> PacketMatcher {
        PacketMatcher {
            anywhere: Owned::new(self.anywhere),
            unit_heads: Heads::new(self.unit_heads),
            stream_heads: Heads::new(self.stream_heads),
            overlap: self.overlap,
        }
    }
}

impl PacketMatcher {
    /// How much of a stream before what is new a search wants to see.
    pub fn overlap(&self) -> usize {
        self.overlap
    }

    /// Adds the rules whose literal stands in the packet or the stream, and perhaps some for which it stands in the wrong
    /// one of the two.
    pub fn find(&self, units: &Units<'_>, candidates: &mut Candidates) {
        let mut seen = None;
        if let Some(fresh) = &units.fresh {
            self.find_anywhere(fresh.bytes, candidates);
            let new = fresh.bytes.get(fresh.old..).unwrap_or_default();
            self.unit_heads.find(new, 0, candidates);
            self.stream_heads.find(fresh.bytes, fresh.base, candidates);
            seen = Some(new);
        }
        match units.packet {
            // In order, as most are: the packet's bytes are what is new.
            Some((payload, true)) if seen == Some(payload) => {}
            Some((payload, in_stream)) => {
                self.find_anywhere(payload, candidates);
                self.unit_heads.find(payload, 0, candidates);
                if !in_stream {
                    self.stream_heads.find(payload, 0, candidates);
                }
            }
            None => {}
        }
    }

    fn find_anywhere(&self, bytes: &[u8], candidates: &mut Candidates) {
        if let Some(anywhere) = &self.anywhere {
            anywhere.find(bytes, 0, candidates);
        }
    }
}

impl<'a> Fresh<'a> {
    /// The part of a stream, which begins at `offset`, that is new from `inspected` on, with up to `overlap` bytes before it.
    pub fn of(stream: &'a [u8], offset: u64, inspected: u64, overlap: usize) -> Self {
        let inspected = inspected.max(offset);
        let base = inspected.saturating_sub(overlap as u64).max(offset);
        let bytes = usize::try_from(base - offset).ok().and_then(|skip| stream.get(skip..)).unwrap_or_default();
        Self { bytes, base, old: usize::try_from(inspected - base).unwrap_or(0) }
    }
}
