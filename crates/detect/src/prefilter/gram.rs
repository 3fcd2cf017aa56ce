//! Many literals at once by a rare stretch of four bytes each, in the manner of DFC (Choi et al., NSDI 2016).
//!
//! The stretch has two windows of three bytes, one byte apart, so that only every other place of the text is looked at. A
//! bitmap of windows sends most places away after one load, one of stretches most of the rest; what is left is looked up
//! in buckets and compared. Literals shorter than four bytes are looked for by pairs, block by block.

mod run;
mod short;
mod sieve;

use super::{Literal, small};
use run::Run;
use short::{BLOCK, BLOCK_BYTES, Pair, Short, Table};
use sieve::{Bits, FACTOR, STRIDE, STRIDE_BYTES, Sieve, stretch_at, window_at};

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

#[derive(Clone, Copy)]
struct Entry {
    /// The folded stretch.
    key: u32,
    literal: u32,
    /// Where it stands in its literal.
    offset: u32,
}

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
            Sieve::Huge(windows, stretches) => self.scan(windows, stretches, text, base, &mut hit),
        }
        match &self.short {
            Short::None => {}
            Short::Lanes(pairs) => self.search_lanes(pairs, text, base, &mut hit),
            Short::Table(table) => self.search_table(table, text, base, &mut hit),
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
        let mut at = 0;
        let mut run = Run::default();
        while let Some(rest) = text.get(at..)
            && let Some(chunk) = rest.first_chunk::<STRIDE_BYTES>()
        {
            let found = windows.found(chunk);
            let mut step = STRIDE;
            if found != 0 {
                step = self.run_reach.map_or(STRIDE, |reach| run.step(chunk, rest, at, reach));
                self.try_places(stretches, found, text, at, base, hit);
            }
            at += step;
        }
        // What is left is shorter than a chunk: the text's last chunk has it, or one that is filled up.
        if at + 2 < text.len() {
            match text.last_chunk::<STRIDE_BYTES>() {
                Some(chunk) => {
                    let found = windows.found(chunk);
                    self.try_places(stretches, found, text, text.len() - STRIDE_BYTES, base, hit);
                }
                None => {
                    let mut chunk = [0; STRIDE_BYTES];
                    chunk.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
                    self.try_places(stretches, windows.found(&chunk), text, 0, base, hit);
                }
            }
        }
    }

    /// Looks at the places of a chunk that the sieve left: a bit for each even one.
    #[inline]
    fn try_places<const WORDS: usize>(
        &self,
        stretches: &Bits<WORDS>,
        mut found: u32,
        text: &[u8],
        at: usize,
        base: u64,
        hit: &mut impl FnMut(u32),
    ) {
        while found != 0 {
            let place = at + 2 * found.trailing_zeros() as usize;
            found &= found - 1;
            self.try_place(stretches, text, place, base, hit);
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
        if let Some(key) = stretch_at(text, at)
            && stretches.has(key)
        {
            self.try_stretch(key, text, at, base, hit);
        }
        if let Some(before) = at.checked_sub(1)
            && let Some(key) = stretch_at(text, before)
            && stretches.has(key)
        {
            self.try_stretch(key, text, before, base, hit);
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

    /// Each pair through the whole text, until its literal is found.
    fn search_lanes(&self, pairs: &[Pair], text: &[u8], base: u64, hit: &mut impl FnMut(u32)) {
        let (blocks, rest) = (text.len().saturating_sub(1) / BLOCK, text.len().saturating_sub(1) / BLOCK * BLOCK);
        let mut last = [0; BLOCK_BYTES];
        last.iter_mut().zip(text.get(rest..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
        for pair in pairs {
            for number in 0..=blocks {
                let at = number * BLOCK;
                let block = text.get(at..).and_then(|t| t.first_chunk()).unwrap_or(&last);
                let mut places = pair.places(block);
                let mut is_found = false;
                while places != 0 && !is_found {
                    let place = at + places.trailing_zeros() as usize;
                    places &= places - 1;
                    is_found = self.try_entry(&pair.entry, text, place, base, hit);
                }
                if is_found {
                    break;
                }
            }
        }
    }

    fn search_table(&self, table: &Table, text: &[u8], base: u64, hit: &mut impl FnMut(u32)) {
        let seconds = text.iter().skip(1).chain(&[0]);
        for (at, (first, second)) in text.iter().zip(seconds).enumerate() {
            for pair in table.at(*first, *second) {
                self.try_entry(&pair.entry, text, at, base, hit);
            }
        }
    }

    /// Whether the literal of an entry stands where its key was found.
    fn try_entry(&self, entry: &Entry, text: &[u8], at: usize, base: u64, hit: &mut impl FnMut(u32)) -> bool {
        let Some(start) = at.checked_sub(entry.offset as usize) else { return false };
        let Some(literal) = self.texts.get(entry.literal as usize) else { return false };
        let place = base.saturating_add(start as u64);
        if place < u64::from(literal.first) || place > u64::from(literal.last) && literal.last != u32::MAX {
            return false;
        }
        let wanted = self.bytes.get(literal.start as usize..).and_then(|b| b.get(..literal.length as usize));
        let found = text.get(start..).and_then(|t| t.get(..literal.length as usize));
        let (Some(wanted), Some(found)) = (wanted, found) else { return false };
        let stands = wanted == found || literal.nocase && wanted.eq_ignore_ascii_case(found);
        if stands {
            hit(entry.literal);
        }
        stands
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

impl Stretches {
    fn new(mut entries: Vec<Entry>, windows: &[u32]) -> Self {
        let keys: Vec<u32> = entries.iter().map(|entry| entry.key).collect();
        let sieve = Sieve::new(windows, &keys);
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
