//! Many literals at once by a rare stretch of four bytes each, in the manner of DFC (Choi et al., NSDI 2016).
//!
//! The stretch has two windows of three bytes, one byte apart, so that only every other place of the text is looked at. A
//! bitmap of windows sends most places away after one load, one of stretches most of the rest; what is left is looked up
//! in buckets and compared. Literals shorter than four bytes are looked for by a rare byte, or by pairs.

use super::{Literal, small};

pub(super) struct Grams {
    stretches: Stretches,
    short: Short,
    /// The length of the longest literal whose stretch is one byte four times: what may stand at the ends of a long run
    /// of one byte. `None` when one of them is bound to a place.
    run_reach: Option<usize>,
    texts: Box<[Text]>,
    bytes: Box<[u8]>,
}

struct Text {
    start: u32,
    length: u32,
    nocase: bool,
    /// The least and the greatest place at which it counts.
    first: u32,
    last: u32,
}

/// Literals by their stretches of four bytes.
struct Stretches {
    sieve: Sieve,
    /// Where each bucket's entries begin; one more than there are buckets.
    starts: Box<[u32]>,
    bucket_shift: u32,
    entries: Box<[Entry]>,
}

/// Bits for hashes of windows and of stretches; small sets have few, which stay in the nearest cache.
enum Sieve {
    None,
    Small(Box<Bits<64>>, Box<Bits<64>>),
    Medium(Box<Bits<1024>>, Box<Bits<1024>>),
    Large(Box<Bits<8192>>, Box<Bits<8192>>),
}

struct Bits<const WORDS: usize>([u64; WORDS]);

#[derive(Clone, Copy)]
struct Entry {
    /// The folded stretch, pair or byte.
    key: u32,
    literal: u32,
    /// Where it stands in its literal.
    offset: u32,
}

/// Literals of one to three bytes.
enum Short {
    None,
    /// All of them by a few bytes that are rare.
    Rare {
        bytes: Vec<u8>,
        entries: Box<[Entry]>,
    },
    /// By pairs of bytes, and by single ones: a bit for each, and the sorted entries.
    Pairs {
        pairs: Box<Table>,
        ones: Box<Table>,
    },
}

struct Table {
    bits: Bits<1024>,
    entries: Box<[Entry]>,
}

const FACTOR: u32 = 0x9e37_79b1;
const FOLD: u8 = 0x20;
const FOLD_EIGHT: u64 = 0x2020_2020_2020_2020;
/// Bytes that are looked at in one go, and those that their windows span.
const STRIDE: usize = 16;
const STRIDE_BYTES: usize = STRIDE + 1;
/// Bytes that a search for rare ones can look for at once.
const RARE_MAX: usize = 3;
/// A byte that is more common than this is not rare.
const RARE_COMMONNESS_MAX: u32 = 45;

/// How common a byte is in traffic, roughly: higher is more common. Letters, digits and the punctuation of text
/// protocols come first, zero and 0xff lead binary ones.
pub(crate) fn commonness(byte: u8) -> u32 {
    match byte.to_ascii_lowercase() {
        0 => 90,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 80,
        b' ' | b'/' | b'.' | b'-' | b'=' | b':' => 75,
        b'h' | b'l' | b'd' | b'c' | b'u' | b'm' | b'p' => 65,
        b'\r' | b'\n' | b'0'..=b'9' => 60,
        b'f' | b'g' | b'w' | b'y' | b'b' | b'v' => 45,
        b'"' | b'<' | b'>' | b',' | b';' | b'&' | b'?' | b'_' | b'%' | b'(' | b')' => 40,
        b'k' | b'x' | 0xff | 1 => 30,
        b'j' | b'q' | b'z' => 15,
        0x80.. => 12,
        _ => 20,
    }
}

/// Three folded bytes in the upper bits of a number.
fn window_of([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([0, a | FOLD, b | FOLD, c | FOLD])
}

fn window_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<3>().map(|three| window_of(*three))
}

/// Four folded bytes.
fn stretch_at(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c, d] = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes([a | FOLD, b | FOLD, c | FOLD, d | FOLD]))
}

fn pair_of([a, b]: [u8; 2]) -> u32 {
    u32::from(u16::from_le_bytes([a | FOLD, b | FOLD]))
}

impl Grams {
    /// Literals go by their places in the slice.
    pub fn new(literals: &[&Literal]) -> Self {
        let mut bytes = Vec::new();
        let mut texts = Vec::with_capacity(literals.len());
        let mut entries = Vec::new();
        let mut windows = Vec::new();
        let mut short = Vec::new();
        let mut run_reach = Some(0);
        let mut uses = std::collections::HashMap::new();
        for (number, literal) in (0u32..).zip(literals) {
            texts.push(Text {
                start: small(bytes.len()),
                length: small(literal.bytes.len()),
                nocase: literal.nocase,
                first: literal.first,
                last: literal.last,
            });
            bytes.extend_from_slice(&literal.bytes);
            let Some((at, key)) = best_stretch(&literal.bytes, &uses) else {
                short.push((number, *literal));
                continue;
            };
            *uses.entry(key).or_insert(0u32) += 1;
            windows.extend([at, at + 1].into_iter().filter_map(|at| window_at(&literal.bytes, at)));
            entries.push(Entry { key, literal: number, offset: small(at) });
            if key == key.rotate_left(8) {
                let is_free = literal.first == 0 && literal.last == u32::MAX;
                run_reach = run_reach.filter(|_| is_free).map(|reach: usize| reach.max(literal.bytes.len()));
            }
        }
        let stretches = Stretches::new(entries, &windows);
        Self { stretches, short: Short::new(&short), run_reach, texts: texts.into(), bytes: bytes.into() }
    }

    /// Calls `hit` with the numbers of literals that stand in `text`, perhaps several times each. `base` is where the text
    /// begins in its whole value.
    pub fn search(&self, text: &[u8], base: u64, mut hit: impl FnMut(u32)) {
        match &self.stretches.sieve {
            Sieve::None => {}
            Sieve::Small(windows, stretches) => self.scan(windows, stretches, text, base, &mut hit),
            Sieve::Medium(windows, stretches) => self.scan(windows, stretches, text, base, &mut hit),
            Sieve::Large(windows, stretches) => self.scan(windows, stretches, text, base, &mut hit),
        }
        match &self.short {
            Short::None => {}
            Short::Rare { bytes, entries } => self.search_rare(bytes, entries, text, base, &mut hit),
            Short::Pairs { pairs, ones } => {
                self.search_pairs(pairs, text, base, &mut hit);
                self.search_ones(ones, text, base, &mut hit);
            }
        }
    }

    fn scan<const WORDS: usize>(
        &self,
        windows: &Bits<WORDS>,
        stretches: &Bits<WORDS>,
        text: &[u8],
        base: u64,
        hit: &mut impl FnMut(u32),
    ) {
        let mut rest = text;
        let mut at = 0;
        let mut run = Run::default();
        while let Some(chunk) = rest.first_chunk::<STRIDE_BYTES>() {
            let mut found = windows.found(chunk);
            let mut step = STRIDE;
            if found != 0 {
                step = self.run_reach.map_or(STRIDE, |reach| run.step(chunk, rest, at, reach));
            }
            while found != 0 {
                let place = at + 2 * found.trailing_zeros() as usize;
                found &= found - 1;
                self.try_place(stretches, text, place, base, hit);
            }
            at += step;
            rest = rest.get(step..).unwrap_or_default();
        }
        for (step, three) in rest.array_windows::<3>().enumerate().step_by(2) {
            if windows.has(Bits::<WORDS>::place(window_of(*three))) {
                self.try_place(stretches, text, at + step, base, hit);
            }
        }
    }

    /// Looks for stretches that have their first or second window here.
    #[inline]
    fn try_place<const WORDS: usize>(
        &self,
        stretches: &Bits<WORDS>,
        text: &[u8],
        at: usize,
        base: u64,
        hit: &mut impl FnMut(u32),
    ) {
        for start in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            if let Some(key) = stretch_at(text, start)
                && stretches.has(Bits::<WORDS>::place(key))
            {
                self.try_stretch(key, text, start, base, hit);
            }
        }
    }

    #[inline(never)]
    fn try_stretch(&self, key: u32, text: &[u8], at: usize, base: u64, hit: &mut impl FnMut(u32)) {
        for entry in self.stretches.entries(key) {
            if entry.key == key {
                self.try_entry(entry, text, at, base, hit);
            }
        }
    }

    fn search_rare(&self, bytes: &[u8], entries: &[Entry], text: &[u8], base: u64, hit: &mut impl FnMut(u32)) {
        let mut at = 0;
        while let Some(rest) = text.get(at..) {
            let found = match bytes {
                [a] => memchr::memchr(*a, rest),
                [a, b] => memchr::memchr2(*a, *b, rest),
                [a, b, c] => memchr::memchr3(*a, *b, *c, rest),
                _ => None,
            };
            let Some(found) = found else { break };
            at += found;
            for entry in entries {
                self.try_entry(entry, text, at, base, hit);
            }
            at += 1;
        }
    }

    fn search_pairs(&self, table: &Table, text: &[u8], base: u64, hit: &mut impl FnMut(u32)) {
        if table.entries.is_empty() {
            return;
        }
        for (at, pair) in text.array_windows::<2>().enumerate() {
            let window = pair_of(*pair);
            if table.bits.has(window as usize) {
                table.entries(window).iter().for_each(|entry| self.try_entry(entry, text, at, base, hit));
            }
        }
    }

    fn search_ones(&self, table: &Table, text: &[u8], base: u64, hit: &mut impl FnMut(u32)) {
        if table.entries.is_empty() {
            return;
        }
        for (at, byte) in text.iter().enumerate() {
            let window = u32::from(byte | FOLD);
            if table.bits.has(window as usize) {
                table.entries(window).iter().for_each(|entry| self.try_entry(entry, text, at, base, hit));
            }
        }
    }

    /// Whether the literal of an entry stands where its key was found.
    fn try_entry(&self, entry: &Entry, text: &[u8], at: usize, base: u64, hit: &mut impl FnMut(u32)) {
        let Some(start) = at.checked_sub(entry.offset as usize) else { return };
        let Some(literal) = self.texts.get(entry.literal as usize) else { return };
        let place = base.saturating_add(start as u64);
        if place < u64::from(literal.first) || place > u64::from(literal.last) && literal.last != u32::MAX {
            return;
        }
        let wanted = self.bytes.get(literal.start as usize..).and_then(|b| b.get(..literal.length as usize));
        let found = text.get(start..).and_then(|t| t.get(..literal.length as usize));
        let (Some(wanted), Some(found)) = (wanted, found) else { return };
        if wanted == found || literal.nocase && wanted.eq_ignore_ascii_case(found) {
            hit(entry.literal);
        }
    }
}

/// The four bytes of a literal that are rare in traffic and little used by other literals: their place and key.
fn best_stretch(bytes: &[u8], uses: &std::collections::HashMap<u32, u32>) -> Option<(usize, u32)> {
    let cost = |at: usize| {
        let key = stretch_at(bytes, at)?;
        let common: u32 = bytes.get(at..at + 4)?.iter().map(|b| commonness(*b)).sum();
        let crowd = uses.get(&key).copied().unwrap_or(0).min(64);
        Some((common + crowd * 8, at, key))
    };
    (0..bytes.len().saturating_sub(3)).filter_map(cost).min().map(|(_, at, key)| (at, key))
}

/// A long run of one byte (padding, mostly): all of its inner places look the same, so that only its ends are looked at.
#[derive(Default)]
struct Run {
    /// Where the last run that was measured ends.
    end: usize,
    /// From here on its inside is skipped, up to its end.
    skip_from: usize,
}

impl Run {
    /// How far to go from `at`, where `chunk` stands at the beginning of `rest`. Literals of up to `reach` bytes may reach
    /// over the run's ends.
    fn step(&mut self, chunk: &[u8; STRIDE_BYTES], rest: &[u8], at: usize, reach: usize) -> usize {
        if at >= self.end {
            let [byte, others @ ..] = chunk;
            if others.iter().any(|other| other != byte) {
                return STRIDE;
            }
            self.end = at + rest.iter().take_while(|other| *other == byte).count();
            self.skip_from = at + reach + STRIDE;
        }
        let last = self.end.saturating_sub(reach);
        if at < self.skip_from || last <= at + STRIDE {
            return STRIDE;
        }
        (last - at) / STRIDE * STRIDE
    }
}

impl<const WORDS: usize> Bits<WORDS> {
    const BITS: u32 = (WORDS * 64).trailing_zeros();

    fn new() -> Box<Self> {
        Box::new(Self([0; WORDS]))
    }

    fn place(key: u32) -> usize {
        (key.wrapping_mul(FACTOR) >> (32 - Self::BITS)) as usize
    }

    fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place >> 6) {
            *word |= 1 << (place & 63);
        }
    }

    #[inline]
    fn has(&self, place: usize) -> bool {
        self.0.get(place >> 6).is_some_and(|word| word >> (place & 63) & 1 != 0)
    }

    /// A bit for each even place of a chunk where a window may be one of ours: no branch for each of them.
    #[inline]
    fn found(&self, chunk: &[u8; STRIDE_BYTES]) -> u32 {
        let eight = |at: usize| {
            let bytes = chunk.get(at..).and_then(|c| c.first_chunk::<8>());
            bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes) | FOLD_EIGHT)
        };
        let (low, middle, high) = (eight(0), eight(6), eight(9));
        // The lower byte of each window is its place's left neighbour and leaves with the shift.
        let window = |eight: u64, byte: u32| ((eight >> (8 * byte)) as u32) << 8;
        let bit = |window: u32| u32::from(self.has(Self::place(window)));
        bit(window(low, 0))
            | bit(window(low, 2)) << 1
            | bit(window(low, 4)) << 2
            | bit(window(middle, 0)) << 3
            | bit(window(middle, 2)) << 4
            | bit(window(middle, 4)) << 5
            | bit(window(high, 3)) << 6
            | bit(window(high, 5)) << 7
    }
}

impl Stretches {
    fn new(mut entries: Vec<Entry>, windows: &[u32]) -> Self {
        // Sixteen bits for each window keep a bitmap sparse; the largest still fits in the second cache.
        let keys: Vec<u32> = entries.iter().map(|entry| entry.key).collect();
        let sieve = match entries.len() {
            0 => Sieve::None,
            1..128 => Sieve::Small(filled(windows), filled(&keys)),
            128..2048 => Sieve::Medium(filled(windows), filled(&keys)),
            _ => Sieve::Large(filled(windows), filled(&keys)),
        };
        let bucket_bits = (entries.len() * 2).next_power_of_two().trailing_zeros().clamp(4, 18);
        let bucket_shift = 32 - bucket_bits;
        let bucket = |entry: &Entry| entry.key.wrapping_mul(FACTOR) >> bucket_shift;
        entries.sort_by_key(|e| (bucket(e), e.key, e.literal));
        let buckets = 1u32 << bucket_bits;
        let starts = (0..=buckets).map(|b| small(entries.partition_point(|e| bucket(e) < b))).collect();
        Self { sieve, starts, bucket_shift, entries: entries.into() }
    }

    fn entries(&self, key: u32) -> &[Entry] {
        let bucket = (key.wrapping_mul(FACTOR) >> self.bucket_shift) as usize;
        let (Some(start), Some(end)) = (self.starts.get(bucket), self.starts.get(bucket + 1)) else { return &[] };
        self.entries.get(*start as usize..*end as usize).unwrap_or_default()
    }
}

fn filled<const WORDS: usize>(keys: &[u32]) -> Box<Bits<WORDS>> {
    let mut bits = Bits::<WORDS>::new();
    for key in keys {
        bits.set(Bits::<WORDS>::place(*key));
    }
    bits
}

impl Short {
    fn new(literals: &[(u32, &Literal)]) -> Self {
        if literals.is_empty() {
            return Self::None;
        }
        let (mut bytes, mut entries) = (Vec::new(), Vec::new());
        for (number, literal) in literals {
            let rarest = literal.bytes.iter().zip(0u32..).min_by_key(|(byte, _)| commonness(**byte));
            let Some((byte, offset)) = rarest else { continue };
            bytes.push(*byte);
            if literal.nocase {
                bytes.extend([byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]);
            }
            entries.push(Entry { key: 0, literal: *number, offset });
        }
        bytes.sort_unstable();
        bytes.dedup();
        if bytes.len() <= RARE_MAX && bytes.iter().all(|b| commonness(*b) <= RARE_COMMONNESS_MAX) {
            return Self::Rare { bytes, entries: entries.into() };
        }
        let (mut pairs, mut ones) = (Vec::new(), Vec::new());
        for (number, literal) in literals {
            let pair = |at: &usize| literal.bytes.get(*at..)?.first_chunk::<2>().copied();
            let cost = |at: &usize| pair(at).map_or(u32::MAX, |[a, b]| commonness(a) + commonness(b));
            let best = (0..literal.bytes.len().saturating_sub(1)).min_by_key(cost);
            match (best.and_then(|at| Some((at, pair(&at)?))), literal.bytes.first()) {
                (Some((at, pair)), _) => {
                    pairs.push(Entry { key: pair_of(pair), literal: *number, offset: small(at) });
                }
                (None, Some(byte)) => {
                    ones.push(Entry { key: u32::from(byte | FOLD), literal: *number, offset: 0 });
                }
                (None, None) => {}
            }
        }
        Self::Pairs { pairs: Box::new(Table::new(pairs)), ones: Box::new(Table::new(ones)) }
    }
}

impl Table {
    fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|e| (e.key, e.literal));
        let mut bits = *Bits::new();
        for entry in &entries {
            bits.set(entry.key as usize);
        }
        Self { bits, entries: entries.into() }
    }

    fn entries(&self, window: u32) -> &[Entry] {
        let start = self.entries.partition_point(|e| e.key < window);
        let rest = self.entries.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|e| e.key == window)).unwrap_or_default()
    }
}
