//! Content chains against a naive matcher that tries every place.

use super::*;
use crate::{compile::sections::is_needed_by, program::Needle};
use phitak_rules::{
    Placed, Test,
    content::{Content, Value},
};
use proptest::prelude::*;

fn program(contents: &[Content]) -> Program {
    let tests: Vec<Placed<Test>> =
        contents.iter().map(|c| Placed { value: Test::Content(c.clone()), line: 1, column: 1 }).collect();
    let step = |(index, content): (usize, &Content)| {
        let needle = Needle::new(&content.pattern, content.nocase);
        let retry = is_needed_by(&tests[index + 1..]);
        Step::Content(ContentStep { content: content.clone(), needle, retry })
    };
    let steps = contents.iter().enumerate().map(step).collect();
    Program { steps, has_variables: false, has_positive: contents.iter().any(|c| !c.negated) }
}

fn matches(contents: &[Content], bytes: &[u8], fresh_from: u64) -> bool {
    let (mut caches, common, mut details, mut decoded) = Default::default();
    let mut tools = Tools {
        caches: &mut caches,
        common: &common,
        details: &mut details,
        decoded: &mut decoded,
        steps_max: 1_000_000,
    };
    let span = Span { bytes, offset: 0, fresh_from };
    run(&program(contents), span, &mut Variables::default(), &mut tools).is_some()
}

fn number(value: Option<Value>) -> Option<i64> {
    match value {
        Some(Value::Number(n)) => Some(i64::from(n)),
        _ => None,
    }
}

/// Whether the content may stand at `at`, by the words of the user guide.
fn allowed(content: &Content, at: usize, cursor: usize, length: usize) -> bool {
    let (start, end) = (at as i64, (at + content.pattern.len()) as i64);
    let cursor = cursor as i64;
    let within_limits = if content.is_relative() {
        let from = cursor + number(content.distance).unwrap_or(0);
        start >= from && number(content.within).is_none_or(|w| end <= from + w)
    } else if content.starts_with {
        start == 0
    } else {
        let offset = number(content.offset).unwrap_or(0);
        start >= offset && number(content.depth).is_none_or(|d| end <= offset + d)
    };
    within_limits && (!content.ends_with || end == length as i64)
}

fn naive(contents: &[Content], bytes: &[u8], cursor: usize, reach: usize, fresh_from: usize, positive: bool) -> bool {
    let Some((content, rest)) = contents.split_first() else {
        return !positive || fresh_from == 0 || reach > fresh_from;
    };
    let same = |at: usize| {
        bytes.get(at..at + content.pattern.len()).is_some_and(|here| {
            if content.nocase { here.eq_ignore_ascii_case(&content.pattern) } else { here == content.pattern }
        })
    };
    let mut places = (0..bytes.len()).filter(|at| same(*at) && allowed(content, *at, cursor, bytes.len()));
    if content.negated {
        return places.next().is_none() && naive(rest, bytes, cursor, reach, fresh_from, positive);
    }
    places.any(|at| {
        let end = at + content.pattern.len();
        naive(rest, bytes, end, reach.max(end), fresh_from, true)
    })
}

fn content() -> impl Strategy<Value = Content> {
    let pattern = prop::collection::vec(prop::sample::select(&b"abA"[..]), 1..4);
    let limits = (0u8..6, -4i32..6, 1i32..9);
    (pattern, any::<bool>(), 0u8..4, limits, any::<bool>()).prop_map(
        |(pattern, nocase, negated, (kind, first, second), ends)| {
            let length = pattern.len() as i32;
            let mut content = Content { nocase, negated: negated == 0, ..Content::new(pattern) };
            match kind {
                0 => content.distance = Some(Value::Number(first)),
                1 => content.within = Some(Value::Number(second.max(length))),
                2 => {
                    (content.distance, content.within) =
                        (Some(Value::Number(first)), Some(Value::Number(second.max(length))))
                }
                3 => content.offset = Some(Value::Number(first.max(0))),
                4 => {
                    (content.offset, content.depth) =
                        (Some(Value::Number(first.max(0))), Some(Value::Number(second.max(length))))
                }
                _ => content.starts_with = second > 6,
            }
            content.ends_with = ends && first > 3;
            content
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_chain_of_contents_agrees_with_trying_every_place(
        contents in prop::collection::vec(content(), 1..5),
        bytes in prop::collection::vec(prop::sample::select(&b"abAB"[..]), 0..14),
        fresh_from in 0usize..10,
    ) {
        let positive = contents.iter().any(|c| !c.negated);
        let expected = naive(&contents, &bytes, 0, 0, fresh_from, positive);
        prop_assert_eq!(matches(&contents, &bytes, fresh_from as u64), expected);
    }
}

#[test]
fn back_tracking_is_bounded() {
    let chain: Vec<Content> =
        (0..12).map(|_| Content { distance: Some(Value::Number(0)), ..Content::new(b"a".to_vec()) }).collect();
    let mut contents = chain;
    contents.push(Content { distance: Some(Value::Number(0)), ..Content::new(b"b".to_vec()) });
    let (mut caches, common, mut details, mut decoded) = Default::default();
    let mut tools = Tools {
        caches: &mut caches,
        common: &common,
        details: &mut details,
        decoded: &mut decoded,
        steps_max: STEPS_MAX,
    };
    let bytes = vec![b'a'; 4000];
    let found = run(&program(&contents), Span::whole(&bytes), &mut Variables::default(), &mut tools);
    assert_eq!(found, None);
}
