//! Numbers read out of a buffer, as `byte_test` and its like say.

use super::{Variables, resolve};
use phitak_rules::bytes::{
    ByteExtract, ByteJump, ByteMath, ByteTest, Comparison, Endian, JumpFrom, MathOperator, Operand, Reading,
};

/// Digits that are read at most when the rule does not say how many.
const DIGITS_MAX: usize = 23;

/// A number and where it stood: its beginning and the bytes that were used.
struct Read {
    value: u64,
    at: usize,
    used: usize,
}

fn operand(operand: Operand, variables: &Variables) -> u64 {
    match operand {
        Operand::Number(n) => n,
        Operand::Variable(index) => variables.get(usize::from(index)).copied().unwrap_or(0),
    }
}

/// `None` when the bytes are not all there, or are no digits.
fn read(reading: &Reading, bytes: &[u8], cursor: usize, variables: &Variables) -> Option<Read> {
    let base = if reading.relative { i64::try_from(cursor).ok()? } else { 0 };
    let at = usize::try_from(base.checked_add(resolve(reading.offset, variables))?).ok()?;
    let rest = bytes.get(at..)?;
    let width = usize::try_from(resolve(reading.width, variables)).ok()?;
    let (value, used) = match reading.text_base {
        Some(number_base) => {
            let width = if width == 0 { rest.len().min(DIGITS_MAX) } else { width };
            digits(rest.get(..width)?, number_base)?
        }
        None if width == 0 => (0, 0),
        None => (binary(rest.get(..width)?, reading.endian)?, width),
    };
    let value = match reading.mask {
        Some(mask) if mask != 0 => (value & mask) >> mask.trailing_zeros(),
        Some(_) => 0,
        None => value,
    };
    Some(Read { value, at, used })
}

fn binary(bytes: &[u8], endian: Endian) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    let push = |n: u64, b: &u8| n << 8 | u64::from(*b);
    Some(match endian {
        Endian::Big => bytes.iter().fold(0, push),
        // DCE/RPC is little-endian on the wire but for rare hosts.
        Endian::Little | Endian::Dce => bytes.iter().rev().fold(0, push),
    })
}

/// As C's `strtoull` reads: white space, a sign, a prefix, then digits up to the first other byte.
fn digits(bytes: &[u8], base: u8) -> Option<(u64, usize)> {
    let at = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    match bytes.get(at) {
        Some(b'-') => digits_from(bytes, at + 1, base).map(|(value, used)| (value.wrapping_neg(), used)),
        Some(b'+') => digits_from(bytes, at + 1, base),
        _ => digits_from(bytes, at, base),
    }
}

fn digits_from(bytes: &[u8], mut at: usize, base: u8) -> Option<(u64, usize)> {
    let has_prefix = bytes.get(at) == Some(&b'0') && matches!(bytes.get(at + 1), Some(b'x' | b'X'));
    let base = match base {
        0 if has_prefix => 16,
        0 if bytes.get(at) == Some(&b'0') => 8,
        0 => 10,
        base => base,
    };
    if base == 16 && has_prefix && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit) {
        at += 2;
    }
    let start = at;
    let mut value: u64 = 0;
    while let Some(digit) = bytes.get(at).and_then(|b| char::from(*b).to_digit(u32::from(base))) {
        value = value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
        at += 1;
    }
    (at > start).then_some((value, at))
}

pub(super) fn test(test: &ByteTest, bytes: &[u8], cursor: usize, variables: &Variables) -> bool {
    let Some(read) = read(&test.reading, bytes, cursor, variables) else { return false };
    let wanted = operand(test.value, variables);
    let holds = match test.comparison {
        Comparison::Equal => read.value == wanted,
        Comparison::Less => read.value < wanted,
        Comparison::Greater => read.value > wanted,
        Comparison::LessOrEqual => read.value <= wanted,
        Comparison::GreaterOrEqual => read.value >= wanted,
        Comparison::And => read.value & wanted != 0,
        Comparison::Or => read.value ^ wanted != 0,
    };
    holds != test.negated
}

/// Where the cursor lands; `None` outside the buffer.
pub(super) fn jump(jump: &ByteJump, bytes: &[u8], cursor: usize, variables: &Variables) -> Option<usize> {
    let read = read(&jump.reading, bytes, cursor, variables)?;
    let mut distance = read.value.checked_mul(u64::from(jump.multiplier))?;
    if jump.align {
        distance = distance.checked_next_multiple_of(4)?;
    }
    let from = match jump.from {
        JumpFrom::Here => read.at.checked_add(read.used)?,
        JumpFrom::Beginning => 0,
        JumpFrom::End => bytes.len(),
    };
    let to = i64::try_from(from).ok()?.checked_add(i64::try_from(distance).ok()?)?;
    let to = usize::try_from(to.checked_add(resolve(jump.post_offset, variables))?).ok()?;
    (to < bytes.len()).then_some(to)
}

/// A value, and the place behind the bytes that it was made of: the cursor goes there.
pub(super) fn extract(
    extract: &ByteExtract,
    bytes: &[u8],
    cursor: usize,
    variables: &Variables,
) -> Option<(u64, usize)> {
    let read = read(&extract.reading, bytes, cursor, variables)?;
    let value = read.value.checked_mul(u64::from(extract.multiplier))?;
    Some((value.checked_next_multiple_of(u64::from(extract.align.max(1)))?, read.at.checked_add(read.used)?))
}

pub(super) fn math(math: &ByteMath, bytes: &[u8], cursor: usize, variables: &Variables) -> Option<(u64, usize)> {
    let read = read(&math.reading, bytes, cursor, variables)?;
    let (left, right) = (read.value, operand(math.operand, variables));
    let value = match math.operator {
        MathOperator::Add => Some(left.wrapping_add(right)),
        MathOperator::Subtract => Some(left.wrapping_sub(right)),
        MathOperator::Multiply => Some(left.wrapping_mul(right)),
        MathOperator::Divide => left.checked_div(right),
        MathOperator::ShiftLeft => Some(u32::try_from(right).ok().and_then(|n| left.checked_shl(n)).unwrap_or(0)),
        MathOperator::ShiftRight => Some(u32::try_from(right).ok().and_then(|n| left.checked_shr(n)).unwrap_or(0)),
    };
    Some((value?, read.at.checked_add(read.used)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_c_does() {
        assert_eq!(digits(b" 42abc", 10), Some((42, 3)));
        assert_eq!(digits(b"0x1F ", 16), Some((31, 4)));
        assert_eq!(digits(b"017", 8), Some((15, 3)));
        assert_eq!(digits(b"abc", 10), None);
        assert_eq!(digits(b"99999999999999999999999", 10), None);
    }
}
