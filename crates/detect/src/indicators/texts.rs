//! Texts to be found again: one long stretch, and where each begins, sorted by a hash.

use std::hash::{DefaultHasher, Hasher};

/// Texts with the number of a note each.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Hash, begin and length in `bytes`, note; sorted.
    entries: Vec<(u32, u32, u16, u32)>,
    bytes: Vec<u8>,
}

impl Texts {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Says whether there was room for it.
    pub(super) fn add(&mut self, text: &[u8], note: u32) -> bool {
        let (Ok(begin), Ok(length)) = (u32::try_from(self.bytes.len()), u16::try_from(text.len())) else {
            return false;
        };
        self.bytes.extend_from_slice(text);
        self.entries.push((hash(text), begin, length, note));
        true
    }

    /// Makes them ready to be found.
    pub(super) fn settle(&mut self) {
        self.entries.sort_unstable();
        self.entries.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let hash = hash(text);
        let first = self.entries.partition_point(|(known, ..)| *known < hash);
        let alike = self.entries.get(first..)?.iter().take_while(|(known, ..)| *known == hash);
        // Sorted by where they begin: what was added later stands.
        let same = alike.filter(|(_, begin, length, _)| {
            let begin = *begin as usize;
            self.bytes.get(begin..begin.saturating_add(usize::from(*length))) == Some(text)
        });
        same.last().map(|(.., note)| *note)
    }
}

/// The same in every run: what is stored comes from the centre alone, so nobody can choose texts that collide.
fn hash(text: &[u8]) -> u32 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    hasher.finish() as u32
}
