//! Transforms of buffers before they are inspected.

use crate::{base64, expression::Expression, expression::ExpressionCaches};
use md5::{Digest, Md5};
use phitak_rules::{
    condition::{Base64Mode, Transform},
    content::Value,
    pattern::{Dialect, Pattern, PatternFlags},
};
use sha1::Sha1;
use sha2::Sha256;
use std::io::Read;

/// Bytes of a buffer that transforms look at.
const INPUT_BYTES_MAX: usize = 1 << 20;

/// A transform ready to run.
pub(crate) enum Step {
    Plain(Transform),
    /// With its number among the expressions.
    Expression(Box<Expression>, u32),
}

/// The transforms of one section, in order.
#[derive(Default)]
pub(crate) struct Transforms {
    steps: Box<[Step]>,
}

impl Transforms {
    /// # Errors
    /// Why one of the transforms cannot be used.
    pub fn compile(transforms: &[Transform], next_number: &mut u32) -> Result<Self, String> {
        let step = |transform: &Transform| match transform {
            Transform::Expression(text) => {
                let pattern = Pattern {
                    expression: text.clone(),
                    negated: false,
                    relative: false,
                    flags: PatternFlags::default(),
                    dialect: Dialect::Unknown,
                    captures: vec![(phitak_rules::pattern::CaptureScope::Packet, "value".into())],
                };
                let number = *next_number;
                *next_number = next_number.saturating_add(1);
                Expression::compile(&pattern).map(|e| Step::Expression(Box::new(e), number))
            }
            Transform::FromBase64 { bytes, offset, .. }
                if matches!(bytes, Some(Value::Variable(_))) || matches!(offset, Value::Variable(_)) =>
            {
                Err("from_base64 cannot take a variable: transforms run before variables are read".into())
            }
            other => Ok(Step::Plain(other.clone())),
        };
        Ok(Self { steps: transforms.iter().map(step).collect::<Result<_, String>>()? })
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs all of them; the result is in `out`.
    pub fn run(&self, input: &[u8], out: &mut Vec<u8>, spare: &mut Vec<u8>, caches: &mut ExpressionCaches) {
        out.clear();
        out.extend_from_slice(input.get(..INPUT_BYTES_MAX).unwrap_or(input));
        for step in &self.steps {
            spare.clear();
            match step {
                Step::Plain(transform) => plain(transform, out, spare),
                Step::Expression(expression, number) => captured(expression, *number, out, spare, caches),
            }
            std::mem::swap(out, spare);
        }
    }
}

/// The first group of the first match; the whole input without a match.
fn captured(expression: &Expression, number: u32, input: &[u8], out: &mut Vec<u8>, caches: &mut ExpressionCaches) {
    let span = match expression.find(number, input, 0, caches) {
        Some((start, _)) => expression.capture(input, start).into_iter().flatten().next(),
        None => None,
    };
    let text = span.and_then(|(start, end)| input.get(start..end)).unwrap_or(input);
    out.extend_from_slice(text);
}

fn plain(transform: &Transform, input: &[u8], out: &mut Vec<u8>) {
    match transform {
        Transform::ToLowercase => out.extend(input.iter().map(u8::to_ascii_lowercase)),
        Transform::ToUppercase => out.extend(input.iter().map(u8::to_ascii_uppercase)),
        Transform::StripWhitespace => out.extend(input.iter().filter(|b| !is_space(**b))),
        Transform::CompressWhitespace => {
            let mut previous = false;
            for byte in input {
                let space = is_space(*byte);
                if !(space && previous) {
                    out.push(*byte);
                }
                previous = space;
            }
        }
        Transform::DotPrefix => {
            out.push(b'.');
            out.extend_from_slice(input);
        }
        Transform::ToMd5 => out.extend_from_slice(&Md5::digest(input)),
        Transform::ToSha1 => out.extend_from_slice(&Sha1::digest(input)),
        Transform::ToSha256 => out.extend_from_slice(&Sha256::digest(input)),
        Transform::UrlDecode => url_decode(input, out),
        Transform::Xor(key) => out.extend(input.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k)),
        Transform::FromBase64 { bytes, offset, mode } => from_base64(*bytes, *offset, *mode, input, out),
        Transform::HeaderLowercase => header_lowercase(input, out),
        Transform::StripPseudoHeaders => {
            for line in input.split_inclusive(|b| *b == b'\n').filter(|line| line.first() != Some(&b':')) {
                out.extend_from_slice(line);
            }
        }
        Transform::Domain => out.extend_from_slice(psl::domain(input).map_or(input, |d| d.as_bytes())),
        Transform::TopLevelDomain => out.extend_from_slice(psl::suffix(input).map_or(input, |s| s.as_bytes())),
        Transform::Gunzip { bytes_max } => inflate(flate2::read::GzDecoder::new(input), *bytes_max, out),
        Transform::ZlibDeflate { bytes_max } => inflate(flate2::read::ZlibDecoder::new(input), *bytes_max, out),
        // Compiled into a step of its own.
        Transform::Expression(_) => out.extend_from_slice(input),
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r')
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

fn url_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(*other),
        }
        rest = tail;
    }
}

/// What is decoded, or the input when nothing is.
fn from_base64(bytes: Option<Value>, offset: Value, mode: Base64Mode, input: &[u8], out: &mut Vec<u8>) {
    let number = |value: Value| match value {
        Value::Number(n) => usize::try_from(n).unwrap_or(0),
        Value::Variable(_) => 0,
    };
    let from = input.get(number(offset)..).unwrap_or_default();
    let encoded = bytes.map_or(from, |n| from.get(..number(n)).unwrap_or(from));
    base64::decode(encoded, mode, out);
    if out.is_empty() {
        out.extend_from_slice(input);
    }
}

/// Names of headers in lower case; values as they are.
fn header_lowercase(input: &[u8], out: &mut Vec<u8>) {
    let mut in_name = true;
    for byte in input {
        match byte {
            b':' => in_name = false,
            b'\n' => in_name = true,
            _ => {}
        }
        out.push(if in_name { byte.to_ascii_lowercase() } else { *byte });
    }
}

/// What can be inflated, up to the limit.
fn inflate(reader: impl Read, bytes_max: u32, out: &mut Vec<u8>) {
    // A damaged stream gives what stood before the damage.
    let _ = reader.take(u64::from(bytes_max)).read_to_end(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(transforms: &[Transform], input: &[u8], expected: &[u8]) {
        let compiled = Transforms::compile(transforms, &mut 0).expect("compiles");
        let (mut out, mut spare) = (Vec::new(), Vec::new());
        compiled.run(input, &mut out, &mut spare, &mut ExpressionCaches::default());
        assert_eq!(out, expected, "{transforms:?}");
    }

    #[test]
    fn each_transform_does_what_it_says() {
        check(&[Transform::ToUppercase], b"aB", b"AB");
        check(&[Transform::StripWhitespace], b"a \t\r\nb", b"ab");
        check(&[Transform::CompressWhitespace], b"a  b   c", b"a b c");
        check(&[Transform::DotPrefix, Transform::ToLowercase], b"A.B", b".a.b");
        check(&[Transform::UrlDecode], b"%41+%4x%", b"A %4x%");
        check(&[Transform::Xor(vec![1, 2])], &[1, 2, 3], &[0, 0, 2]);
        check(&[Transform::HeaderLowercase], b"A-B: C:D\r\nE: F\r\n", b"a-b: C:D\r\ne: F\r\n");
        check(&[Transform::StripPseudoHeaders], b":a: b\r\nc: d\r\n", b"c: d\r\n");
        check(&[Transform::Expression("x(.)y".into())], b"axby", b"b");
        check(&[Transform::Expression("q(.)".into())], b"axby", b"axby");
        check(&[Transform::Domain], b"www.bbc.co.uk", b"bbc.co.uk");
        check(&[Transform::TopLevelDomain], b"www.bbc.co.uk", b"co.uk");
        let base64 = |mode| [Transform::FromBase64 { bytes: None, offset: Value::Number(1), mode }];
        check(&base64(Base64Mode::Rfc2045), b"=Zm 9v", b"foo");
        check(&base64(Base64Mode::Strict), b"=Zm 9v", b"=Zm 9v");
        check(
            &[Transform::ToMd5],
            b"",
            &[0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0, 0xb2, 4, 0xe9, 0x80, 9, 0x98, 0xec, 0xf8, 0x42, 0x7e],
        );
    }
}
