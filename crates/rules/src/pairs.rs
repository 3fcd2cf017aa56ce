//! Pairs of a key and a text: what rules say of themselves. Large rule sets have hundreds of thousands of them, so that
//! all of a rule's stand in one string.

use serde::{Deserialize, Serialize};

const BETWEEN_PAIRS: char = '\n';
const BETWEEN_KEY_AND_TEXT: char = '\t';

/// Keys with their texts, in order; a key may come several times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs {
    text: String,
}

impl Pairs {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let pairs = self.text.split_terminator(BETWEEN_PAIRS);
        pairs.map(|pair| pair.split_once(BETWEEN_KEY_AND_TEXT).unwrap_or((pair, "")))
    }

    /// Adds a pair. The two characters that stand between pairs become spaces.
    pub(crate) fn push(&mut self, key: &str, text: &str) {
        self.text.extend(key.chars().map(|c| if matches!(c, BETWEEN_PAIRS | BETWEEN_KEY_AND_TEXT) { ' ' } else { c }));
        self.text.push(BETWEEN_KEY_AND_TEXT);
        match text.contains(BETWEEN_PAIRS) {
            true => self.text.push_str(&text.replace(BETWEEN_PAIRS, " ")),
            false => self.text.push_str(text),
        }
        self.text.push(BETWEEN_PAIRS);
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Pairs {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(all: T) -> Self {
        let mut pairs = Self::default();
        all.into_iter().for_each(|(key, text)| pairs.push(key, text));
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_in_their_order() {
        let mut pairs = Pairs::default();
        assert!(pairs.is_empty());
        pairs.push("a", "b c\td");
        pairs.push("a", "");
        pairs.push("k\tk", "line\nline");
        let read: Vec<_> = pairs.iter().collect();
        assert_eq!(read, [("a", "b c\td"), ("a", ""), ("k k", "line line")]);
    }
}
