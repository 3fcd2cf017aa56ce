//! Bitmaps that send most places of a text away after one load.

/// Bits for hashes of windows and of stretches: some thirty for each, so that few places look like one of ours by chance.
/// The bitmaps of small sets stay in the nearest cache.
pub(super) enum Sieve {
    None,
    Small(Box<Bits<128>>, Box<Bits<128>>),
    Medium(Box<Bits<1024>>, Box<Bits<1024>>),
    Large(Box<Bits<4096>>, Box<Bits<4096>>),
    Huge(Box<Bits<16384>>, Box<Bits<16384>>),
}

pub(super) struct Bits<const WORDS: usize>([u64; WORDS]);

pub(super) const FACTOR: u32 = 0x9e37_79b1;
pub(super) const FOLD: u8 = 0x20;
const FOLD_FOUR: u32 = 0x2020_2020;
const FOLD_EIGHT: u64 = 0x2020_2020_2020_2020;
/// Bytes that are looked at in one go, and those that their windows span.
pub(super) const STRIDE: usize = 16;
pub(super) const STRIDE_BYTES: usize = STRIDE + 1;

/// Three folded bytes in the upper bits of a number.
fn window_of([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([0, a | FOLD, b | FOLD, c | FOLD])
}

pub(super) fn window_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<3>().map(|three| window_of(*three))
}

/// Four folded bytes.
pub(super) fn stretch_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*four) | FOLD_FOUR)
}

impl Sieve {
    pub fn new(windows: &[u32], stretches: &[u32]) -> Self {
        match windows.len() {
            0 => Self::None,
            1..256 => Self::Small(filled(windows), filled(stretches)),
            256..2048 => Self::Medium(filled(windows), filled(stretches)),
            2048..8192 => Self::Large(filled(windows), filled(stretches)),
            _ => Self::Huge(filled(windows), filled(stretches)),
        }
    }
}

fn filled<const WORDS: usize>(keys: &[u32]) -> Box<Bits<WORDS>> {
    let mut bits = Box::new(Bits([0; WORDS]));
    for key in keys {
        bits.set(Bits::<WORDS>::place(*key));
    }
    bits
}

impl<const WORDS: usize> Bits<WORDS> {
    const BITS: u32 = (WORDS * 64).trailing_zeros();

    fn place(key: u32) -> usize {
        (key.wrapping_mul(FACTOR) >> (32 - Self::BITS)) as usize
    }

    fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place >> 6) {
            *word |= 1 << (place & 63);
        }
    }

    #[inline]
    fn bit(&self, place: usize) -> bool {
        self.0.get(place >> 6).is_some_and(|word| word >> (place & 63) & 1 != 0)
    }

    #[inline]
    pub fn has(&self, key: u32) -> bool {
        self.bit(Self::place(key))
    }

    /// A bit for each even place of a chunk where a window may be one of ours: no branch for each of them.
    #[inline]
    pub fn found(&self, chunk: &[u8; STRIDE_BYTES]) -> u32 {
        let eight = |at: usize| {
            let bytes = chunk.get(at..).and_then(|c| c.first_chunk::<8>());
            bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes) | FOLD_EIGHT)
        };
        let (low, middle, high) = (eight(0), eight(6), eight(9));
        // The lower byte of each window is its place's left neighbour and leaves with the shift.
        let window = |eight: u64, byte: u32| ((eight >> (8 * byte)) as u32) << 8;
        let bit = |window: u32| u32::from(self.has(window));
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
