//! LZMA with its old header ("LZMA alone"), decoded whole.
//!
//! Source: Igor Pavlov, LZMA specification (2015), "LZMA file format" and "LZMA decoder". The output is its own
//! dictionary, so memory is bounded by the limit on output.

/// Properties, dictionary size, size of the content.
const HEADER_BYTES: usize = 13;
const STATES: usize = 12;
const POSITION_STATES: usize = 16;
const PROBABILITY: u16 = 1024;
const TOP: u32 = 1 << 24;
const MATCH_BYTES_MIN: usize = 2;

/// Decodes as much as there is, up to `bytes_max`. `None` when the header is none.
pub(super) fn decode(input: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    let properties = *input.first()?;
    if properties >= 9 * 5 * 5 {
        return None;
    }
    let size = u64::from_le_bytes(input.get(5..HEADER_BYTES)?.try_into().ok()?);
    let limit = usize::try_from(size).unwrap_or(usize::MAX).min(bytes_max);
    let mut decoder = Decoder::new(properties, input.get(HEADER_BYTES..)?)?;
    // What was decoded before the input ran out or went wrong still counts.
    let _ = decoder.run(limit);
    Some(decoder.out)
}

/// The range decoder: one bit at a time, each with its own probability.
struct Range<'a> {
    input: std::slice::Iter<'a, u8>,
    range: u32,
    code: u32,
}

impl Range<'_> {
    fn normalise(&mut self) -> Option<()> {
        if self.range < TOP {
            self.range <<= 8;
            self.code = (self.code << 8) | u32::from(*self.input.next()?);
        }
        Some(())
    }

    fn bit(&mut self, probability: &mut u16) -> Option<usize> {
        let bound = (self.range >> 11).wrapping_mul(u32::from(*probability));
        let bit = if self.code < bound {
            *probability = probability.wrapping_add((2048_u16.wrapping_sub(*probability)) >> 5);
            self.range = bound;
            0
        } else {
            *probability = probability.wrapping_sub(*probability >> 5);
            self.code = self.code.wrapping_sub(bound);
            self.range = self.range.wrapping_sub(bound);
            1
        };
        self.normalise()?;
        Some(bit)
    }

    fn direct(&mut self, count: u32) -> Option<usize> {
        let mut result = 0;
        for _ in 0..count {
            self.range >>= 1;
            let bit = u32::from(self.code >= self.range);
            if bit == 1 {
                self.code = self.code.wrapping_sub(self.range);
            }
            self.normalise()?;
            result = (result << 1) | usize::try_from(bit).ok()?;
        }
        Some(result)
    }

    /// A number of `bits` bits, its high bit first.
    fn tree(&mut self, probabilities: &mut [u16], bits: u32) -> Option<usize> {
        let mut at = 1_usize;
        for _ in 0..bits {
            at = (at << 1) | self.bit(probabilities.get_mut(at)?)?;
        }
        at.checked_sub(1 << bits)
    }

    /// The same with its low bit first; the tree begins at `base` of the probabilities.
    fn reverse_tree(&mut self, probabilities: &mut [u16], base: usize, bits: u32) -> Option<usize> {
        let (mut at, mut result) = (1_usize, 0);
        for shift in 0..bits {
            let bit = self.bit(probabilities.get_mut(base.checked_add(at)?)?)?;
            at = (at << 1) | bit;
            result |= bit << shift;
        }
        Some(result)
    }
}

struct Lengths {
    choices: [u16; 2],
    low: Vec<[u16; 8]>,
    middle: Vec<[u16; 8]>,
    high: Vec<u16>,
}

impl Lengths {
    fn new() -> Self {
        let short = || vec![[PROBABILITY; 8]; POSITION_STATES];
        Self { choices: [PROBABILITY; 2], low: short(), middle: short(), high: vec![PROBABILITY; 256] }
    }

    fn read(&mut self, range: &mut Range<'_>, position: usize) -> Option<usize> {
        let [first, second] = &mut self.choices;
        let extra = if range.bit(first)? == 0 {
            range.tree(self.low.get_mut(position)?, 3)?
        } else if range.bit(second)? == 0 {
            range.tree(self.middle.get_mut(position)?, 3)?.checked_add(8)?
        } else {
            range.tree(&mut self.high, 8)?.checked_add(16)?
        };
        extra.checked_add(MATCH_BYTES_MIN)
    }
}

struct Decoder<'a> {
    range: Range<'a>,
    out: Vec<u8>,
    literal_context_bits: u32,
    literal_position_mask: usize,
    position_mask: usize,
    literals: Vec<u16>,
    is_match: Vec<[u16; POSITION_STATES]>,
    is_repeat: [u16; STATES],
    is_repeat0: [u16; STATES],
    is_repeat0_long: Vec<[u16; POSITION_STATES]>,
    is_repeat1: [u16; STATES],
    is_repeat2: [u16; STATES],
    slots: Vec<[u16; 64]>,
    special: Vec<u16>,
    align: Vec<u16>,
    match_lengths: Lengths,
    repeat_lengths: Lengths,
    state: usize,
    /// The last four distances, each less one.
    repeats: [usize; 4],
}

impl<'a> Decoder<'a> {
    fn new(properties: u8, input: &'a [u8]) -> Option<Self> {
        let (context, rest) = (u32::from(properties % 9), properties / 9);
        let (position, state) = (u32::from(rest % 5), u32::from(rest / 5));
        let (first, code) = input.split_first()?;
        let code = u32::from_be_bytes(*code.first_chunk::<4>()?);
        if *first != 0 {
            return None;
        }
        Some(Self {
            range: Range { input: input.get(5..)?.iter(), range: u32::MAX, code },
            out: Vec::new(),
            literal_context_bits: context,
            literal_position_mask: (1 << position) - 1,
            position_mask: (1 << state) - 1,
            literals: vec![PROBABILITY; 0x300 << (context + position)],
            is_match: vec![[PROBABILITY; POSITION_STATES]; STATES],
            is_repeat: [PROBABILITY; STATES],
            is_repeat0: [PROBABILITY; STATES],
            is_repeat0_long: vec![[PROBABILITY; POSITION_STATES]; STATES],
            is_repeat1: [PROBABILITY; STATES],
            is_repeat2: [PROBABILITY; STATES],
            slots: vec![[PROBABILITY; 64]; 4],
            special: vec![PROBABILITY; 128],
            align: vec![PROBABILITY; 16],
            match_lengths: Lengths::new(),
            repeat_lengths: Lengths::new(),
            state: 0,
            repeats: [0; 4],
        })
    }

    fn run(&mut self, limit: usize) -> Option<()> {
        while self.out.len() < limit {
            let position = self.out.len() & self.position_mask;
            let state = self.state;
            if self.range.bit(self.is_match.get_mut(state)?.get_mut(position)?)? == 0 {
                self.literal()?;
                continue;
            }
            let length = if self.range.bit(self.is_repeat.get_mut(state)?)? == 0 {
                let length = self.match_lengths.read(&mut self.range, position)?;
                self.state = if state < 7 { 7 } else { 10 };
                let distance = self.distance(length)?;
                // All ones mark the end.
                if distance == usize::try_from(u32::MAX).ok()? {
                    return Some(());
                }
                let [a, b, c, _] = self.repeats;
                self.repeats = [distance, a, b, c];
                length
            } else {
                self.repeat(state, position)?
            };
            self.copy(length, limit)?;
        }
        Some(())
    }

    fn literal(&mut self) -> Option<()> {
        let before = usize::from(self.out.last().copied().unwrap_or(0));
        let context = ((self.out.len() & self.literal_position_mask) << self.literal_context_bits)
            | (before >> (8 - self.literal_context_bits));
        let base = context.checked_mul(0x300)?;
        let probabilities = self.literals.get_mut(base..base.checked_add(0x300)?)?;
        let mut symbol = 1_usize;
        if self.state >= 7 {
            let [distance, ..] = self.repeats;
            let from = self.out.len().checked_sub(distance.checked_add(1)?)?;
            let mut matched = usize::from(*self.out.get(from)?);
            while symbol < 0x100 {
                let match_bit = (matched >> 7) & 1;
                matched <<= 1;
                let at = ((1 + match_bit) << 8).checked_add(symbol)?;
                let bit = self.range.bit(probabilities.get_mut(at)?)?;
                symbol = (symbol << 1) | bit;
                if match_bit != bit {
                    break;
                }
            }
        }
        while symbol < 0x100 {
            symbol = (symbol << 1) | self.range.bit(probabilities.get_mut(symbol)?)?;
        }
        self.out.push(u8::try_from(symbol & 0xff).ok()?);
        self.state = match self.state {
            0..=3 => 0,
            4..=9 => self.state - 3,
            _ => self.state - 6,
        };
        Some(())
    }

    /// A match at one of the last distances; answers its length.
    fn repeat(&mut self, state: usize, position: usize) -> Option<usize> {
        let [a, b, c, d] = self.repeats;
        if self.range.bit(self.is_repeat0.get_mut(state)?)? == 0 {
            if self.range.bit(self.is_repeat0_long.get_mut(state)?.get_mut(position)?)? == 0 {
                self.state = if state < 7 { 9 } else { 11 };
                return Some(1);
            }
        } else if self.range.bit(self.is_repeat1.get_mut(state)?)? == 0 {
            self.repeats = [b, a, c, d];
        } else if self.range.bit(self.is_repeat2.get_mut(state)?)? == 0 {
            self.repeats = [c, a, b, d];
        } else {
            self.repeats = [d, a, b, c];
        }
        let length = self.repeat_lengths.read(&mut self.range, position)?;
        self.state = if state < 7 { 8 } else { 11 };
        Some(length)
    }

    fn distance(&mut self, length: usize) -> Option<usize> {
        let class = length.checked_sub(MATCH_BYTES_MIN)?.min(3);
        let slot = self.range.tree(self.slots.get_mut(class)?, 6)?;
        if slot < 4 {
            return Some(slot);
        }
        let bits = u32::try_from((slot >> 1) - 1).ok()?;
        let high = (2 | (slot & 1)) << bits;
        if slot < 14 {
            let base = high.checked_sub(slot)?;
            return high.checked_add(self.range.reverse_tree(&mut self.special, base, bits)?);
        }
        let middle = self.range.direct(bits - 4)? << 4;
        let low = self.range.reverse_tree(&mut self.align, 0, 4)?;
        high.checked_add(middle)?.checked_add(low)
    }

    fn copy(&mut self, length: usize, limit: usize) -> Option<()> {
        let [distance, ..] = self.repeats;
        let mut from = self.out.len().checked_sub(distance.checked_add(1)?)?;
        for _ in 0..length.min(limit.saturating_sub(self.out.len())) {
            self.out.push(*self.out.get(from)?);
            from = from.checked_add(1)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five times `hello`, by the reference encoder.
    const HELLO: &[u8] = b"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x34\x19\x49\xee\x8d\xe9\x57\x3a\xc7\x0d\xb0\x03\xff\xff\xfd\xd1\xc0\x00";

    #[test]
    fn the_reference_encoder_is_understood_and_limits_hold() {
        assert_eq!(decode(HELLO, 1000).as_deref(), Some(&b"hello hello hello hello hello\n"[..]));
        assert_eq!(decode(HELLO, 7).as_deref(), Some(&b"hello h"[..]));
        for cut in 0..HELLO.len() {
            decode(HELLO.get(..cut).expect("a part"), 1000);
        }
    }
}
