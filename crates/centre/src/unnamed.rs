//! Texts that go to many hospitals name none of them.

use phitak_store::Facility;

/// A name shorter than this is too ordinary to be looked for in a text.
const NAME_CHARS_MIN: usize = 5;

/// Whether a text names a hospital, by its code or one of its names.
#[must_use]
pub fn names(text: &str, facility: &Facility) -> bool {
    let long = |name: &&String| name.chars().count() >= NAME_CHARS_MIN;
    stands_in(facility.code.as_str(), text)
        || [&facility.name_th, &facility.name_en].into_iter().filter(long).any(|name| text.contains(name.as_str()))
}

/// Whether a code stands in a text by itself, not as a part of a longer number or word.
fn stands_in(code: &str, text: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at.saturating_add(code.len())..).and_then(|text| text.chars().next());
        !before.into_iter().chain(after).any(|letter| letter.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_alone_and_not_inside_of_a_number() {
        assert!(stands_in("10665", "ที่10665ครับ") && stands_in("10665", "10665") && stands_in("10665", "(10665)"));
        assert!(!stands_in("10665", "โทร 0210665001") && !stands_in("10665", "A10665") && !stands_in("10665", "1066"));
    }
}
