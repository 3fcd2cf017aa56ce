//! Many literals at once by one rare window of four bytes each, in the manner of DFC (Choi et al., NSDI 2016).
//!
//! A bitmap of folded windows sends most positions of the text away after one load; what is left is looked up in buckets
//! and compared. Literals shorter than four bytes have windows of two or one.

use super::{Literal, Search, small};

pub(super) struct Grams {
    fours: Table,
    twos: Option<Box<Short>>,
    ones: Option<Box<Short>>,
    texts: Vec<Text>,
    bytes: Box<[u8]>,
}

struct Text {
    start: u32,
    length: u32,
    nocase: bool,
}

/// Windows of four bytes.
struct Table {
    /// One bit for each hash.
    bitmap: Box<[u64]>,
    shift: u32,
    /// Where each bucket's entries begin; one more than there are buckets.
    starts: Box<[u32]>,
    bucket_shift: u32,
    entries: Box<[Entry]>,
}

#[derive(Clone, Copy)]
struct Entry {
    window: u32,
    literal: u32,
    /// Where the window stands in its literal.
    offset: u32,
}

/// Windows of one or two bytes: a bit for each, and the sorted entries.
struct Short {
    width: usize,
    bitmap: Box<[u64]>,
    entries: Box<[Entry]>,
}

const FOLD: u32 = 0x2020_2020;
const FACTOR: u32 = 0x9e37_79b1;
const BITMAP_BITS_MIN: u32 = 12;
const BITMAP_BITS_MAX: u32 = 20;

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

fn window_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(four) | FOLD)
}

impl Grams {
    pub fn new(literals: &[Literal]) -> Self {
        let mut bytes = Vec::new();
        let mut texts = Vec::with_capacity(literals.len());
        let mut fours = Vec::new();
        let mut twos = Vec::new();
        let mut ones = Vec::new();
        let mut uses = std::collections::HashMap::new();
        for (number, literal) in literals.iter().enumerate() {
            texts.push(Text { start: small(bytes.len()), length: small(literal.bytes.len()), nocase: literal.nocase });
            bytes.extend_from_slice(&literal.bytes);
            let number = small(number);
            if let Some((offset, window)) = best_window(&literal.bytes, &uses) {
                *uses.entry(window).or_insert(0u32) += 1;
                fours.push(Entry { window, literal: number, offset });
            } else if let Some(pair) = literal.bytes.get(..2) {
                twos.push(Entry { window: short_window(pair), literal: number, offset: 0 });
            } else if let Some(one) = literal.bytes.get(..1) {
                ones.push(Entry { window: short_window(one), literal: number, offset: 0 });
            }
        }
        let short = |entries: Vec<Entry>, width| (!entries.is_empty()).then(|| Box::new(Short::new(entries, width)));
        Self { fours: Table::new(fours), twos: short(twos, 2), ones: short(ones, 1), texts, bytes: bytes.into() }
    }

    /// Whether the literal of an entry stands where its window was found.
    fn stands(&self, entry: &Entry, text: &[u8], at: usize) -> bool {
        let Some(start) = at.checked_sub(entry.offset as usize) else { return false };
        let Some(literal) = self.texts.get(entry.literal as usize) else { return false };
        let wanted = self.bytes.get(literal.start as usize..).and_then(|b| b.get(..literal.length as usize));
        let found = text.get(start..).and_then(|t| t.get(..literal.length as usize));
        match (wanted, found) {
            (Some(wanted), Some(found)) if literal.nocase => wanted.eq_ignore_ascii_case(found),
            (Some(wanted), Some(found)) => wanted == found,
            _ => false,
        }
    }
}

/// The window of a literal that is rare in traffic and little used by other literals.
fn best_window(bytes: &[u8], uses: &std::collections::HashMap<u32, u32>) -> Option<(u32, u32)> {
    let cost = |at: usize| {
        let window = window_at(bytes, at)?;
        let common: u32 = bytes.get(at..at + 4)?.iter().map(|b| commonness(*b)).sum();
        let crowd = uses.get(&window).copied().unwrap_or(0).min(64);
        Some((common + crowd * 8, at, window))
    };
    let best = (0..bytes.len().saturating_sub(3)).filter_map(cost).min()?;
    Some((small(best.1), best.2))
}

fn short_window(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(b | 0x20))
}

impl Table {
    fn new(mut entries: Vec<Entry>) -> Self {
        // Sixteen bits for each entry keep the bitmap sparse; the upper bound keeps it in the cache.
        let wanted = (entries.len() * 16).next_power_of_two().trailing_zeros();
        let bits = wanted.clamp(BITMAP_BITS_MIN, BITMAP_BITS_MAX);
        let shift = 32 - bits;
        let mut bitmap = vec![0u64; 1 << (bits - 6)].into_boxed_slice();
        for entry in &entries {
            let hash = entry.window.wrapping_mul(FACTOR) >> shift;
            if let Some(word) = bitmap.get_mut((hash >> 6) as usize) {
                *word |= 1 << (hash & 63);
            }
        }
        let bucket_bits = (entries.len() * 2).next_power_of_two().trailing_zeros().clamp(4, 18);
        let bucket_shift = 32 - bucket_bits;
        let bucket = |entry: &Entry| entry.window.wrapping_mul(FACTOR) >> bucket_shift;
        entries.sort_by_key(|e| (bucket(e), e.window, e.literal));
        let buckets = 1u32 << bucket_bits;
        let starts = (0..=buckets).map(|b| small(entries.partition_point(|e| bucket(e) < b))).collect();
        Self { bitmap, shift, starts, bucket_shift, entries: entries.into() }
    }

    fn entries(&self, product: u32) -> &[Entry] {
        let bucket = (product >> self.bucket_shift) as usize;
        let (Some(start), Some(end)) = (self.starts.get(bucket), self.starts.get(bucket + 1)) else { return &[] };
        self.entries.get(*start as usize..*end as usize).unwrap_or_default()
    }
}

impl Short {
    fn new(mut entries: Vec<Entry>, width: usize) -> Self {
        entries.sort_by_key(|e| (e.window, e.literal));
        let mut bitmap = vec![0u64; (1 << (8 * width)) / 64].into_boxed_slice();
        for entry in &entries {
            if let Some(word) = bitmap.get_mut((entry.window >> 6) as usize) {
                *word |= 1 << (entry.window & 63);
            }
        }
        Self { width, bitmap, entries: entries.into() }
    }

    fn entries(&self, window: u32) -> &[Entry] {
        let word = self.bitmap.get((window >> 6) as usize).copied().unwrap_or(0);
        if word >> (window & 63) & 1 == 0 {
            return &[];
        }
        let start = self.entries.partition_point(|e| e.window < window);
        let rest = self.entries.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|e| e.window == window)).unwrap_or_default()
    }
}

impl Search for Grams {
    fn search(&self, text: &[u8], hit: &mut dyn FnMut(u32)) {
        if !self.fours.entries.is_empty() {
            for (at, four) in text.array_windows::<4>().enumerate() {
                let window = u32::from_le_bytes(*four) | FOLD;
                let product = window.wrapping_mul(FACTOR);
                let hash = product >> self.fours.shift;
                let word = self.fours.bitmap.get((hash >> 6) as usize).copied().unwrap_or(0);
                if word >> (hash & 63) & 1 == 0 {
                    continue;
                }
                for entry in self.fours.entries(product) {
                    if entry.window == window && self.stands(entry, text, at) {
                        hit(entry.literal);
                    }
                }
            }
        }
        for short in [&self.twos, &self.ones].into_iter().flatten() {
            for (at, pair) in text.windows(short.width).enumerate() {
                for entry in short.entries(short_window(pair)) {
                    if self.stands(entry, text, at) {
                        hit(entry.literal);
                    }
                }
            }
        }
    }
}
