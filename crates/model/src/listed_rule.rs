//! Rules that the centre gives to all sensors, in the one form in which they are stored, sent and kept.
//!
//! What a rule may look for is judged where rules are compiled; here is only what holds for its text: one line, of a bounded
//! length, with a number out of a range that no other rules use.

use crate::time::Timestamp;
use std::ops::RangeInclusive;

/// The group to which alerts of these rules belong: no rules file uses it, so that a hospital's own rule with the same number
/// stays another one.
pub const LISTED_RULE_GID: u32 = 0x7069;
/// The numbers that are theirs. Public rule sets and the shipped rules lie elsewhere.
pub const LISTED_RULE_SIDS: RangeInclusive<u32> = 9_700_000..=9_799_999;
/// Most rules that are in force at a time.
pub const LISTED_RULES_MAX: usize = 500;
/// Longest text of a rule.
pub const LISTED_RULE_BYTES_MAX: usize = 4_096;

/// One rule as sensors get it: nothing in it tells where what it looks for was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRule {
    /// The rule's own number, from [`LISTED_RULE_SIDS`]. Never given twice.
    pub sid: u32,
    /// From then on it is not in force any more.
    pub expires_at: Timestamp,
    /// See [`text`].
    pub text: String,
}

/// Why a text is no rule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule {0}")]
pub struct ListedRuleError(&'static str);

/// A rule's text held to its form.
///
/// # Errors
/// [`ListedRuleError`] when it is empty, too long or not one line.
pub fn text(text: &str) -> Result<String, ListedRuleError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ListedRuleError("is empty"));
    }
    if text.len() > LISTED_RULE_BYTES_MAX {
        return Err(ListedRuleError("is longer than 4096 bytes"));
    }
    // Tabs and ends of lines stand between the fields and lines of the list.
    if text.chars().any(char::is_control) {
        return Err(ListedRuleError("has to stand on one line, without tabs"));
    }
    Ok(text.to_owned())
}

/// Whether a number is one of theirs.
#[must_use]
pub fn is_listed_sid(sid: u32) -> bool {
    LISTED_RULE_SIDS.contains(&sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_a_bounded_length() {
        assert_eq!(
            text("  alert tcp any any -> any any (sid:1;) ").as_deref(),
            Ok("alert tcp any any -> any any (sid:1;)")
        );
        assert!(text(&"a".repeat(LISTED_RULE_BYTES_MAX)).is_ok());
        for bad in ["", "  ", "a\tb", "a\nb", "a\u{85}b"] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
        let long = text(&"a".repeat(LISTED_RULE_BYTES_MAX + 1)).expect_err("too long");
        assert!(long.to_string().contains(&LISTED_RULE_BYTES_MAX.to_string()), "{long}");
    }

    #[test]
    fn their_numbers_end_where_they_end() {
        assert!(is_listed_sid(9_700_000) && is_listed_sid(9_799_999));
        assert!(!is_listed_sid(9_699_999) && !is_listed_sid(9_800_000));
    }
}
