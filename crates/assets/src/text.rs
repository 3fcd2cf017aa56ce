//! Words for people, in both languages of the product.

use serde::Serialize;

/// The same words in Thai and in English. Thai is what a hospital reads first. Commands and settings to type stand between
/// backticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    pub th: &'static str,
    pub en: &'static str,
}

impl Text {
    #[must_use]
    pub const fn new(th: &'static str, en: &'static str) -> Self {
        Self { th, en }
    }
}
