//! Puts indicators together, one after the other.

use super::{Indicators, Note};
use phitak_model::{Indicator, IndicatorValue, indicator::INDICATORS_MAX};
use std::{cmp::Reverse, collections::HashMap, net::IpAddr, sync::Arc};

/// Different plain words that are kept; further indicators get general ones.
const WORDS_MAX: usize = 65_536;

/// A set in the making.
#[derive(Default)]
pub struct IndicatorsBuilder {
    set: Indicators,
    /// Numbers of words, by the words: many indicators share theirs.
    known_words: HashMap<Arc<str>, u32>,
    refused: u64,
}

impl IndicatorsBuilder {
    /// Adds one; of two with the same value the later hits.
    pub fn add(&mut self, indicator: &Indicator) {
        if self.set.notes.len() >= INDICATORS_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let Ok(number) = u32::try_from(self.set.notes.len()) else { return };
        let word = self.word(&indicator.text);
        let set = &mut self.set;
        let fits = match &indicator.value {
            IndicatorValue::Address(IpAddr::V4(first), length) => {
                set.v4.entry(Reverse(*length)).or_default().push((u32::from(*first), number));
                true
            }
            IndicatorValue::Address(IpAddr::V6(first), length) => {
                set.v6.entry(Reverse(*length)).or_default().push((u128::from(*first), number));
                true
            }
            IndicatorValue::Domain(text) => set.domains.add(text.as_bytes(), number),
            IndicatorValue::Url(text) => set.urls.add(text.as_bytes(), number),
            IndicatorValue::Ja4(text) => set.ja4.add(text.as_bytes(), number),
            IndicatorValue::Sha256(digest) => push(&mut set.sha256, *digest, number),
            IndicatorValue::Sha1(digest) => push(&mut set.sha1, *digest, number),
            IndicatorValue::Md5(digest) => push(&mut set.md5, *digest, number),
            IndicatorValue::Ja3(digest) => push(&mut set.ja3, *digest, number),
        };
        if !fits {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let expires_secs = u32::try_from(indicator.expires_at.secs().max(0)).unwrap_or(u32::MAX);
        let (id, kind, severity) = (indicator.id, indicator.value.kind(), indicator.severity);
        set.notes.push(Note { id, expires_secs, word, kind, severity });
    }

    /// Those for which there was no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The set, under this version.
    #[must_use]
    pub fn build(mut self, version: u64) -> Indicators {
        let set = &mut self.set;
        set.version = version;
        set.v4.values_mut().for_each(settle);
        set.v6.values_mut().for_each(settle);
        settle(&mut set.sha256);
        settle(&mut set.sha1);
        settle(&mut set.md5);
        settle(&mut set.ja3);
        for texts in [&mut set.domains, &mut set.urls, &mut set.ja4] {
            texts.settle();
        }
        set.notes.shrink_to_fit();
        self.set
    }

    fn word(&mut self, text: &str) -> u32 {
        if let Some(number) = self.known_words.get(text) {
            return *number;
        }
        if self.set.words.len() >= WORDS_MAX {
            return u32::MAX;
        }
        let number = u32::try_from(self.set.words.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = Arc::from(text);
        self.set.words.push(Arc::clone(&text));
        self.known_words.insert(text, number);
        number
    }
}

fn push<K>(all: &mut Vec<(K, u32)>, key: K, note: u32) -> bool {
    all.push((key, note));
    true
}

/// Sorted, each key once: what was added later stands.
fn settle<K: Ord + Copy>(all: &mut Vec<(K, u32)>) {
    all.sort_unstable();
    all.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = later.1;
        }
        same
    });
    all.shrink_to_fit();
}
