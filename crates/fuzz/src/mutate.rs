//! Damage that parsers meet: flipped bits, lies about lengths, cuts, repetitions, pieces of something else.

use crate::random::Random;

/// Most bytes of an input.
pub const INPUT_BYTES_MAX: usize = 16 * 1024;

/// Numbers at which lengths and counters break.
const EDGES: [u32; 14] =
    [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// A damaged copy; `others` lend pieces.
pub fn mutated(bytes: &[u8], others: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(6) {
        damage(&mut out, others, random);
    }
    out.truncate(INPUT_BYTES_MAX);
    out
}

fn damage(out: &mut Vec<u8>, others: &[&[u8]], random: &mut Random) {
    let at = random.below(out.len() + 1).min(out.len());
    let end = (at + 1 + random.below(24)).min(out.len());
    match random.below(8) {
        0 => {
            if let Some(byte) = out.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = out.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
        2 => edge_number(out, at, random),
        3 => out.truncate(at),
        4 => {
            out.drain(at..end);
        }
        5 => {
            let piece: Vec<u8> = out.get(at..end).unwrap_or_default().to_vec();
            let times = 1 + random.below(40);
            for _ in 0..times {
                out.splice(at..at, piece.iter().copied());
            }
        }
        6 => {
            let noise: Vec<u8> = (0..random.below(16)).map(|_| random.next() as u8).collect();
            out.splice(at..at, noise);
        }
        _ => {
            let other = random.pick(others).copied().unwrap_or_default();
            let from = random.below(other.len() + 1).min(other.len());
            let piece = other.get(from..).unwrap_or_default();
            let piece = piece.get(..random.below(piece.len() + 1)).unwrap_or(piece);
            out.splice(at..end.max(at), piece.iter().copied());
        }
    }
    out.truncate(INPUT_BYTES_MAX);
}

/// Writes a number at which lengths break, in one, two or four bytes, either byte order.
fn edge_number(out: &mut [u8], at: usize, random: &mut Random) {
    let number = random.pick(&EDGES).copied().unwrap_or_default();
    let (big, little) = (number.to_be_bytes(), number.to_le_bytes());
    let bytes = match random.below(5) {
        0 => &little[..1],
        1 => &big[2..],
        2 => &little[..2],
        3 => &big[..],
        _ => &little[..],
    };
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_stay_bounded_and_most_differ_from_the_sample() {
        let sample = vec![7_u8; 300];
        let different = (0..500).filter(|n| {
            let out = mutated(&sample, &[b"another", b""], &mut Random::new(1, "x", *n));
            assert!(out.len() <= INPUT_BYTES_MAX);
            out != sample
        });
        assert!(different.count() > 450);
        assert!(mutated(b"", &[], &mut Random::new(1, "x", 1)).len() <= INPUT_BYTES_MAX);
    }
}
