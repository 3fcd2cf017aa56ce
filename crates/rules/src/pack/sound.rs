//! Whether a rule is one that the parser could have made: the limits that matching relies on.

use crate::{
    builder::SECTIONS_MAX,
    bytes::{MathOperator, Operand, Reading, VARIABLES_MAX},
    condition::{Condition, Effect, FieldCheck, FieldIndex, Transform},
    content::{CONTENT_BYTES_MAX, Content, FastPattern, SPAN_MAX, Value, check},
    pattern::{CAPTURES_MAX, EXPRESSION_BYTES_MAX, Pattern},
    rule::{Rule, Section, Test},
    threshold::{Threshold, ThresholdKind},
    transform::INFLATED_BYTES_MAX,
};

/// Most bytes that digits of a number may have.
const DIGITS_MAX: i32 = 23;
const ADDRESS_V4_MAX: u128 = u32::MAX as u128;

pub(super) fn is_sound(rule: &Rule) -> bool {
    let lists = [&rule.source, &rule.destination];
    rule.meta.sid > 0
        && rule.sections.len() <= SECTIONS_MAX
        && rule.variables.len() <= VARIABLES_MAX
        && lists.iter().all(|list| list.v4().parts().iter().all(|(_, last)| *last <= ADDRESS_V4_MAX))
        && rule.threshold.iter().chain(&rule.detection_filter).all(threshold)
        && rule.sections.iter().all(section)
        && rule.conditions.iter().all(|placed| condition(&placed.value))
        && rule.effects.iter().all(|placed| effect(&placed.value))
}

fn threshold(threshold: &Threshold) -> bool {
    let multiplier = match threshold.kind {
        ThresholdKind::Backoff { multiplier } => multiplier,
        _ => 1,
    };
    threshold.count > 0 && threshold.seconds > 0 && multiplier > 0
}

fn section(section: &Section) -> bool {
    section.transforms.iter().all(transform) && section.tests.iter().all(|placed| test(&placed.value))
}

fn transform(transform: &Transform) -> bool {
    match transform {
        Transform::Xor(key) => !key.is_empty() && key.len() <= 512,
        Transform::Expression(text) => !text.is_empty() && text.len() <= EXPRESSION_BYTES_MAX,
        Transform::FromBase64 { bytes, offset, .. } => bytes.iter().chain([offset]).all(|value| match value {
            Value::Number(n) => (0..=65_535).contains(n),
            Value::Variable(_) => true,
        }),
        Transform::Gunzip { bytes_max } | Transform::ZlibDeflate { bytes_max } => {
            *bytes_max > 0 && *bytes_max <= INFLATED_BYTES_MAX * 16
        }
        _ => true,
    }
}

fn test(test: &Test) -> bool {
    match test {
        Test::Content(found) => content(found),
        Test::Pattern(found) => pattern(found),
        Test::IsDataAt(at) => !matches!(at.at, Value::Number(n) if n < 0),
        Test::ByteTest(test) => reading(&test.reading),
        Test::ByteJump(jump) => reading(&jump.reading) && jump.multiplier <= u32::from(u16::MAX),
        Test::ByteExtract(extract) => {
            reading(&extract.reading)
                && matches!(extract.align, 1 | 2 | 4)
                && extract.multiplier <= u32::from(u16::MAX)
                && usize::from(extract.variable) < VARIABLES_MAX
        }
        Test::ByteMath(math) => {
            let by_zero = math.operator == MathOperator::Divide && math.operand == Operand::Number(0);
            reading(&math.reading) && !by_zero && usize::from(math.result) < VARIABLES_MAX
        }
        Test::Base64Decode(decode) => decode.bytes.max(decode.offset) <= u32::from(u16::MAX),
        Test::BufferSize(_)
        | Test::Absent { .. }
        | Test::Asn1(_)
        | Test::Dataset(_)
        | Test::DataReputation(_)
        | Test::Entropy(_) => true,
    }
}

fn content(content: &Content) -> bool {
    let length = content.pattern.len();
    let spans = [content.offset, content.depth, content.distance, content.within];
    let spans_fit = spans.iter().flatten().all(|value| match value {
        Value::Number(n) => n.unsigned_abs() <= SPAN_MAX.unsigned_abs(),
        Value::Variable(_) => true,
    });
    let chop_fits = match content.fast_pattern {
        Some(FastPattern::Chop { offset, length: part }) => {
            part > 0 && usize::from(offset) + usize::from(part) <= length
        }
        _ => true,
    };
    (1..=CONTENT_BYTES_MAX).contains(&length) && spans_fit && chop_fits && check(content).is_ok()
}

fn pattern(pattern: &Pattern) -> bool {
    (1..=EXPRESSION_BYTES_MAX).contains(&pattern.expression.len()) && pattern.captures.len() <= CAPTURES_MAX
}

fn reading(reading: &Reading) -> bool {
    let width_fits = match reading.width {
        Value::Number(n) => (0..=DIGITS_MAX).contains(&n),
        Value::Variable(_) => true,
    };
    width_fits && matches!(reading.text_base, None | Some(0 | 8 | 10 | 16))
}

fn condition(condition: &Condition) -> bool {
    let Condition::Field(field) = condition else { return true };
    let ranges_fit = match &field.check {
        FieldCheck::OneOf { ranges, .. } => ranges.iter().all(|(first, last)| first <= last),
        _ => true,
    };
    let index_fits = match field.index {
        FieldIndex::At(n) | FieldIndex::OutOfBoundsOr(n) => n > i32::MIN,
        _ => true,
    };
    ranges_fit && index_fits
}

fn effect(effect: &Effect) -> bool {
    !matches!(effect, Effect::HostBits { expire_secs: 0, .. })
}
