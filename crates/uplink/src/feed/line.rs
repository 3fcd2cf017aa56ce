//! The lines of a part, fields between tabs:
//!
//! ```text
//! w⇥number⇥words                                               words for indicators of this part
//! +⇥id⇥kind⇥severity⇥expires (seconds)⇥number of words⇥value   looked for from now on
//! -⇥id                                                         not any more
//! r+⇥sid⇥expires (seconds)⇥rule                                a rule that is in force from now on
//! r-⇥sid                                                       not any more
//! ```
//!
//! A line that cannot be read is left out and counted: a newer centre may know more kinds than an older sensor.

use super::{PART_BYTES_MAX, Part};
use phitak_model::{Indicator, IndicatorKind, IndicatorValue, ListedRule, Severity, Timestamp, indicator, listed_rule};
use std::fmt::Write;

/// Most different words in one part.
const WORDS_MAX: usize = 4_096;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Add(Indicator),
    Remove(u32),
    AddRule(ListedRule),
    RemoveRule(u32),
}

/// Lines in the making, up to a part's size.
#[derive(Debug, Default)]
pub struct Lines {
    text: String,
    words: Vec<String>,
}

impl Lines {
    /// Adds a change; says whether there was room for it.
    pub fn push(&mut self, change: &Change) -> bool {
        let (before, words_before) = (self.text.len(), self.words.len());
        let written = match change {
            Change::Remove(id) => writeln!(self.text, "-\t{id}").is_ok(),
            Change::Add(indicator) => self.add(indicator),
            Change::RemoveRule(sid) => writeln!(self.text, "r-\t{sid}").is_ok(),
            Change::AddRule(ListedRule { sid, expires_at, text }) => {
                writeln!(self.text, "r+\t{sid}\t{}\t{text}", expires_at.secs()).is_ok()
            }
        };
        if written && self.text.len() <= PART_BYTES_MAX {
            return true;
        }
        self.text.truncate(before);
        self.words.truncate(words_before);
        false
    }

    fn add(&mut self, indicator: &Indicator) -> bool {
        let known = self.words.iter().rposition(|words| *words == indicator.text);
        let number = match known {
            Some(number) => number,
            None if self.words.len() >= WORDS_MAX => return false,
            None => {
                self.words.push(indicator.text.clone());
                let number = self.words.len() - 1;
                if writeln!(self.text, "w\t{number}\t{}", indicator.text).is_err() {
                    return false;
                }
                number
            }
        };
        let (id, kind) = (indicator.id, indicator.value.kind().as_str());
        let (severity, expires) = (indicator.severity.as_str(), indicator.expires_at.secs());
        writeln!(self.text, "+\t{id}\t{kind}\t{severity}\t{expires}\t{number}\t{}", indicator.value).is_ok()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

impl Part {
    /// Tells each change in order; gives how many lines could not be read.
    pub fn changes(&self, tell: &mut dyn FnMut(Change)) -> u64 {
        let mut words: Vec<&str> = Vec::new();
        let mut unread = 0u64;
        for line in self.lines.lines() {
            if let Some(word) = line.strip_prefix("w\t") {
                match word.split_once('\t') {
                    Some((number, text)) if number.parse() == Ok(words.len()) && words.len() < WORDS_MAX => {
                        words.push(text);
                    }
                    _ => unread = unread.saturating_add(1),
                }
                continue;
            }
            match change(line, &words) {
                Some(change) => tell(change),
                None => unread = unread.saturating_add(1),
            }
        }
        unread
    }
}

fn change(line: &str, words: &[&str]) -> Option<Change> {
    let mut fields = line.split('\t');
    let kind = fields.next()?;
    let id = fields.next()?.parse().ok()?;
    match kind {
        "-" => return fields.next().is_none().then_some(Change::Remove(id)),
        "r-" => return fields.next().is_none().then_some(Change::RemoveRule(id)),
        "r+" => return rule(id, &mut fields),
        "+" => {}
        _ => return None,
    }
    let kind = IndicatorKind::parse(fields.next()?)?;
    let severity = Severity::parse(fields.next()?)?;
    let expires_at = Timestamp::from_secs(fields.next()?.parse().ok()?);
    let text = words.get(fields.next()?.parse::<usize>().ok()?)?;
    // Held to the rules once more: a sensor does not look for what it must not, whoever signs it.
    let value = IndicatorValue::parse(kind, fields.next()?).ok()?;
    let text = indicator::text(text).ok()?;
    fields.next().is_none().then_some(Change::Add(Indicator { id, value, severity, expires_at, text }))
}

fn rule<'a>(sid: u32, fields: &mut impl Iterator<Item = &'a str>) -> Option<Change> {
    let expires_at = Timestamp::from_secs(fields.next()?.parse().ok()?);
    // A number of somebody else's rules is not taken, whoever signs it.
    let text = listed_rule::text(fields.next()?).ok().filter(|_| listed_rule::is_listed_sid(sid))?;
    fields.next().is_none().then_some(Change::AddRule(ListedRule { sid, expires_at, text }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::FeedPosition;

    fn indicator(id: u32, text: &str) -> Indicator {
        Indicator {
            id,
            value: IndicatorValue::parse(IndicatorKind::Domain, "evil.example").expect("a value"),
            severity: Severity::High,
            expires_at: Timestamp::from_secs(1_795_000_000),
            text: text.to_owned(),
        }
    }

    fn part(lines: &str) -> Part {
        Part {
            position: FeedPosition::default(),
            at: Timestamp::default(),
            hash: [0; 32],
            signature: Vec::new(),
            lines: lines.to_owned(),
        }
    }

    fn read(lines: &str) -> (Vec<Change>, u64) {
        let mut changes = Vec::new();
        let unread = part(lines).changes(&mut |change| changes.push(change));
        (changes, unread)
    }

    #[test]
    fn changes_read_back_in_their_order_and_words_are_shared() {
        let changes = [
            Change::Add(indicator(1, "เว็บไซต์ปลอม")),
            Change::Add(indicator(2, "อื่น")),
            Change::Remove(1),
            Change::Add(indicator(3, "เว็บไซต์ปลอม")),
        ];
        let mut lines = Lines::default();
        assert!(changes.iter().all(|change| lines.push(change)));
        let text = lines.into_text();
        assert_eq!(text.matches("เว็บไซต์ปลอม").count(), 1);
        assert_eq!(read(&text), (changes.to_vec(), 0));
    }

    #[test]
    fn rules_and_indicators_stand_in_one_list_each_with_numbers_of_its_own() {
        let rule = ListedRule {
            sid: 9_700_001,
            expires_at: Timestamp::from_secs(1_795_000_000),
            text: "alert http any any -> any any (msg:\"หน้าเว็บปลอม\"; http.uri; content:\"/drop/\"; sid:9700001;)"
                .to_owned(),
        };
        let changes = [
            Change::AddRule(rule),
            Change::Add(indicator(9_700_001, "คำ")),
            Change::RemoveRule(9_700_001),
            Change::Remove(9_700_001),
        ];
        let mut lines = Lines::default();
        assert!(changes.iter().all(|change| lines.push(change)));
        assert_eq!(read(&lines.into_text()), (changes.to_vec(), 0));
    }

    #[test]
    fn what_does_not_fit_waits_for_the_next_part() {
        let mut lines = Lines::default();
        let mut taken = 0;
        while lines.push(&Change::Add(indicator(taken, "ก"))) {
            taken += 1;
        }
        let text = lines.into_text();
        assert!(text.len() <= PART_BYTES_MAX && text.len() > PART_BYTES_MAX - 100);
        assert_eq!(read(&text).0.len(), taken as usize);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_counted_and_the_others_stand() {
        for bad in [
            "",
            "?\t1",
            "-\tx",
            "-\t1\t2",
            "+\t1\taddress\thigh\t1795000000\t0\t10.0.0.1",
            "+\t1\taddress\thigh\t1795000000\t9\t203.0.113.9",
            "+\t1\tsmell\thigh\t1795000000\t0\tx",
            "+\t1\tdomain\thigh\tsoon\t0\tevil.example",
            "+\t1\tdomain\thigh\t1795000000\t0\tevil.example\tmore",
            "+\t4294967296\tdomain\thigh\t1795000000\t0\tevil.example",
            "r+\t1\t1795000000\talert tcp any any -> any any (sid:1;)",
            "r+\t9700001\tsoon\talert",
            "r+\t9700001\t1795000000\t",
            "r+\t9700001\t1795000000\talert\tmore",
            "r-\t9700001\t1",
            "r\t9700001",
        ] {
            let (changes, unread) = read(&format!("w\t0\tคำ\n{bad}\n-\t7\n"));
            assert_eq!((changes, unread), (vec![Change::Remove(7)], 1), "{bad:?}");
        }
        assert_eq!(read("w\t5\tคำ\n").1, 1, "words are numbered in their order");
    }
}
