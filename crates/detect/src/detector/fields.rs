//! Numbers and words of a transaction before a rule's tests of them.

use super::transactions::{INSTANCES_MAX, Subject, Verdict};
use crate::compiled::AppCheck;
use phitak_model::inspect::FieldValue;
use phitak_rules::condition::{FieldCheck, FieldIndex};

pub(super) fn field_check(
    number: u8,
    test: &FieldCheck,
    index: FieldIndex,
    check: &AppCheck,
    subject: &Subject<'_>,
) -> Verdict {
    let is_final = subject.is_final(check.direction, check.stage);
    let value = |instance: u32| subject.transaction.field(number, check.direction, instance);
    let count = (0..INSTANCES_MAX).take_while(|i| value(*i).is_some()).count();
    let passes = |instance: usize| {
        u32::try_from(instance).ok().and_then(value).is_some_and(|v| field_passes(test, v, subject.now_secs))
    };
    let passing = || (0..count).filter(|i| passes(*i)).count();
    // Tests of all values wait until no more can come.
    let (holds, waits_for_all) = match (test, index) {
        (FieldCheck::Count(number), _) => (number.holds(count as u64), true),
        (_, FieldIndex::Any) => ((0..count).any(passes), false),
        (_, FieldIndex::OrAbsent) => (count == 0 || (0..count).any(passes), true),
        (_, FieldIndex::All) => (count > 0 && passing() == count, true),
        (_, FieldIndex::AllOrAbsent) => (passing() == count, true),
        (_, FieldIndex::Number(number)) => (number.holds(passing() as u64), true),
        (_, FieldIndex::At(at)) => (place(at, count).is_some_and(passes), true),
        (_, FieldIndex::OutOfBoundsOr(at)) => (place(at, count).is_none_or(passes), true),
    };
    match (holds, waits_for_all, is_final) {
        (true, false, _) | (true, true, true) => Verdict::Holds(None),
        (false, _, true) => Verdict::Never,
        _ => Verdict::Waits,
    }
}

/// A place from the front, or, negative, from the back.
fn place(at: i32, count: usize) -> Option<usize> {
    let distance = usize::try_from(at.unsigned_abs()).ok()?;
    let place = if at < 0 { count.checked_sub(distance)? } else { distance };
    (place < count).then_some(place)
}

fn field_passes(test: &FieldCheck, value: FieldValue<'_>, now_secs: i64) -> bool {
    match (test, value) {
        (FieldCheck::Present, _) => true,
        (FieldCheck::Number(test), FieldValue::Number(n)) => test.holds(n),
        (FieldCheck::OneOf { ranges, negated }, FieldValue::Number(n)) => {
            ranges.iter().any(|(a, b)| (*a..=*b).contains(&n)) != *negated
        }
        (FieldCheck::Word { word, negated }, FieldValue::Text(text)) => text.eq_ignore_ascii_case(word) != *negated,
        (FieldCheck::Word { word, negated }, FieldValue::Number(n)) => {
            let yes = match word.as_str() {
                "yes" | "true" => n != 0,
                "no" | "false" => n == 0,
                other => other.parse() == Ok(n),
            };
            yes != *negated
        }
        (FieldCheck::Versioned { word, version }, FieldValue::Text(text)) => {
            let (name, number) = text.split_once('/').unwrap_or((text, ""));
            name.eq_ignore_ascii_case(word)
                && version.as_ref().is_none_or(|test| number.parse().is_ok_and(|number| test.holds(number)))
        }
        (FieldCheck::BeforeNow, FieldValue::Number(n)) => i64::try_from(n).is_ok_and(|n| n < now_secs),
        (FieldCheck::AfterNow, FieldValue::Number(n)) => i64::try_from(n).is_ok_and(|n| n > now_secs),
        _ => false,
    }
}
