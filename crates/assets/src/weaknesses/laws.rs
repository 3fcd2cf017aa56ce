//! Laws that every weakness keeps; new ones are covered by standing in the registry.

use super::*;
use crate::{
    finding::{Change, observe},
    pace::Pace,
    text::Text,
    weakness::{Judgement, SAMPLE_AT},
};
use phitak_model::{Fact, Observation, Timestamp};
use std::{collections::BTreeSet, net::IpAddr};

/// Words that do not belong on a hospital's first screen.
const JARGON: [&str; 24] = [
    "CVE",
    "SID",
    "exploit",
    "payload",
    "SMBv1",
    "SMB1",
    "dialect",
    "handshake",
    "cipher",
    "plaintext",
    "plain text",
    "cleartext",
    "protocol",
    "vulnerability",
    "MITM",
    "lateral",
    "TLS",
    "SSL",
    "โปรโตคอล",
    "เอ็กซ์พลอยต์",
    "แฮนด์เชก",
    "เพย์โหลด",
    "ไซเฟอร์",
    "ช่องโหว่",
];

fn observation(fact: &str) -> Observation {
    let fact: Fact = serde_json::from_str(fact).unwrap_or_else(|error| panic!("{fact}: {error}"));
    let at = Timestamp::parse(SAMPLE_AT).expect("a moment");
    Observation { first_at: at, last_at: at, count: 1, host: IpAddr::from([10, 1, 2, 3]), mac: None, fact }
}

fn texts(weakness: &Weakness) -> Vec<(&'static str, Text)> {
    let mut all = vec![
        ("title", weakness.title),
        ("what", weakness.what),
        ("why", weakness.why),
        ("risk", weakness.risk),
        ("undo", weakness.undo),
        ("who", weakness.who),
        ("proof", weakness.proof),
    ];
    all.extend(weakness.steps.iter().map(|step| ("step", *step)));
    all
}

fn is_thai(c: char) -> bool {
    ('\u{0e00}'..='\u{0e7f}').contains(&c)
}

/// Whether the words hold this word: whole where it is written in Latin letters, anywhere in Thai, which has no spaces.
fn says(words: &str, word: &str) -> bool {
    let (words, word) = (words.to_lowercase(), word.to_lowercase());
    let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    words.match_indices(&word).any(|(at, found)| {
        let before = words.get(..at).and_then(|text| text.chars().next_back());
        let after = words.get(at + found.len()..).and_then(|text| text.chars().next());
        !word.is_ascii() || !(latin(before) || latin(after))
    })
}

#[test]
fn ids_are_sorted_unique_and_stable_in_shape() {
    let ids: Vec<&str> = WEAKNESSES.iter().map(|weakness| weakness.id).collect();
    let sorted: Vec<&str> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(ids, sorted);
    assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')));
    assert!(ids.iter().all(|id| weakness(id).is_some_and(|found| found.id == *id)));
    assert!(weakness("no_such_weakness").is_none());
}

#[test]
fn every_text_stands_in_both_languages() {
    for weakness in WEAKNESSES {
        for (what, text) in texts(weakness) {
            let place = format!("{} {what}: {}", weakness.id, text.en);
            assert!(text.th.chars().filter(|c| is_thai(*c)).count() >= 8, "{place}");
            assert!(text.en.split_whitespace().count() >= 3, "{place}");
            let quoted_thai = text.en.chars().any(is_thai);
            assert!(!quoted_thai, "Thai in the English text: {place}");
            assert_eq!(text.th.trim(), text.th, "{place}");
            assert_eq!(text.en.trim(), text.en, "{place}");
        }
    }
}

/// Commands stand between backticks; placeholders in them may be in the reader's language.
fn commands(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn both_languages_give_the_same_commands_in_the_same_order() {
    for weakness in WEAKNESSES {
        for (what, text) in texts(weakness) {
            assert!(text.th.matches('`').count() % 2 == 0 && text.en.matches('`').count() % 2 == 0, "{}", text.en);
            let (th, en) = (commands(text.th), commands(text.en));
            assert_eq!(th.len(), en.len(), "{} {what}: {th:?} {en:?}", weakness.id);
            for (th, en) in th.iter().zip(&en) {
                let first = |command: &str| command.split_whitespace().next().map(str::to_owned);
                assert!(th == en || th.chars().any(is_thai) && first(th) == first(en), "{}: {th} / {en}", weakness.id);
                assert!(!en.is_empty() && en.trim() == en, "{}: {en:?}", weakness.id);
            }
        }
    }
}

#[test]
fn the_first_screen_has_no_jargon() {
    for weakness in WEAKNESSES {
        for text in [weakness.title, weakness.what, weakness.why, weakness.who, weakness.proof] {
            for words in [text.th, text.en] {
                for word in JARGON {
                    assert!(!says(words, word), "{}: {word:?} in {words:?}", weakness.id);
                }
            }
        }
    }
}

#[test]
fn advice_is_whole_and_its_first_step_keeps_hands_off_clinical_machines() {
    for weakness in WEAKNESSES {
        assert!((3..=10).contains(&weakness.steps.len()), "{}", weakness.id);
        let first = weakness.steps.first().expect("steps");
        assert!(first.th.contains("ช่างเครื่องมือแพทย์") && first.en.contains("biomedical"), "{}", weakness.id);
        let last = weakness.steps.last().expect("steps");
        assert!(last.th.contains("ทำแล้ว") && last.en.contains("Done") || last.en.contains("done"), "{}", weakness.id);
        assert!((1..=480).contains(&weakness.minutes) && (1..=90).contains(&weakness.due_days), "{}", weakness.id);
        assert!(weakness.title.th.chars().count() <= 60 && weakness.title.en.chars().count() <= 60, "{}", weakness.id);
        assert!(weakness.proof.th.contains("ยืนยันแล้ว"), "{}", weakness.id);
    }
}

#[test]
fn advice_that_waits_a_day_says_over_how_many_days_the_work_is_spread() {
    for weakness in WEAKNESSES {
        let waits = weakness.steps.iter().any(|step| step.th.contains("หนึ่งวัน"));
        assert_eq!(waits, weakness.days > 1, "{}", weakness.id);
        let days = format!("{} วัน", weakness.days);
        assert!(!waits || weakness.who.th.contains(&days), "{}: who does it, over {days}", weakness.id);
        assert!((1..=weakness.due_days).contains(&weakness.days), "{}", weakness.id);
    }
}

#[test]
fn each_weakness_hits_on_its_hits_and_is_quiet_on_the_rest() {
    for weakness in WEAKNESSES {
        let samples = &weakness.samples;
        assert!(
            !samples.hits.is_empty() && !samples.healthy.is_empty() && !samples.quiet.is_empty(),
            "{}",
            weakness.id
        );
        let judge = |fact: &&str| ((weakness.judge)(&observation(fact)), (*fact).to_owned());
        for (judged, fact) in samples.hits.iter().map(judge) {
            assert!(matches!(&judged, Some(Judgement::Weak { evidence, .. }) if !evidence.is_empty()), "{fact}");
        }
        for (judged, fact) in samples.healthy.iter().map(judge) {
            assert!(matches!(&judged, Some(Judgement::Healthy { evidence, .. }) if !evidence.is_empty()), "{fact}");
        }
        for (judged, fact) in samples.gone.iter().map(judge) {
            assert!(matches!(judged, Some(Judgement::Gone { .. })), "{fact}");
        }
        for (judged, fact) in samples.quiet.iter().map(judge) {
            assert_eq!(judged, None, "{}: {fact}", weakness.id);
        }
    }
}

#[test]
fn one_weak_fact_is_never_two_kinds_of_weakness_and_only_weak_facts_open_findings() {
    for weakness in WEAKNESSES {
        let all = [weakness.samples.hits, weakness.samples.healthy, weakness.samples.gone, weakness.samples.quiet];
        for (kind, facts) in all.iter().enumerate() {
            for fact in *facts {
                let seen = observation(fact);
                let opened: Vec<&str> = WEAKNESSES
                    .iter()
                    .filter(|w| matches!(observe(w, None, &seen, Pace::REAL), Change::Opened(_)))
                    .map(|w| w.id)
                    .collect();
                let expected: &[&str] = if kind == 0 { std::slice::from_ref(&weakness.id) } else { &[] };
                assert_eq!(opened, expected, "{fact}");
            }
        }
    }
}

#[test]
fn proof_takes_time_and_more_time_without_a_word() {
    for weakness in WEAKNESSES {
        let rule = &weakness.mended;
        assert!(rule.healthy_span_secs >= 3_600 && rule.gone_span_secs >= 600, "{}", weakness.id);
        assert!(rule.quiet_factor >= 2, "{}", weakness.id);
        assert!(rule.unused_span_secs.is_none_or(|secs| secs >= rule.healthy_span_secs), "{}", weakness.id);
    }
}
