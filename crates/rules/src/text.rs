//! A stretch of a rule's text that knows where it stands, and what is wrong at a place.

/// Something wrong at a byte offset of the logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub at: usize,
    pub reason: String,
    pub hint: Option<String>,
}

impl Fault {
    pub fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into(), hint: None }
    }

    /// Of faults inside of variables the innermost variable is named: those around it may be many.
    pub fn inside_variable(mut self, name: &str, at: usize) -> Self {
        if !self.reason.starts_with("in $") {
            self.reason = format!("in ${name}: {}", self.reason);
        }
        self.at = at;
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Part of a logical line, with its byte offset there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    pub text: &'a str,
    pub at: usize,
}

impl<'a> Text<'a> {
    pub fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    pub fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    pub fn fault(self, reason: impl Into<String>) -> Fault {
        Fault::new(self.at, reason)
    }

    /// Files are read as UTF-8; what is none stands here as the replacement character, which would never match.
    pub fn not_utf8(self) -> Fault {
        self.fault("here stands a byte that is not UTF-8")
            .hint("write it in hexadecimal, such as |e0|, in pcre as \\xe0")
    }

    pub fn trim(self) -> Self {
        let left = self.text.trim_start();
        Self { text: left.trim_end(), at: self.at + (self.text.len() - left.len()) }
    }

    /// The rest from a byte offset; empty past the end or inside a character.
    pub fn from(self, offset: usize) -> Self {
        match self.text.get(offset..) {
            Some(text) => Self { text, at: self.at + offset },
            None => Self { text: "", at: self.at + self.text.len() },
        }
    }

    pub fn to(self, end: usize) -> Self {
        Self { text: self.text.get(..end).unwrap_or(self.text), at: self.at }
    }

    pub fn strip_prefix(self, prefix: &str) -> Option<Self> {
        self.text.starts_with(prefix).then(|| self.from(prefix.len()))
    }

    pub fn strip_suffix(self, suffix: &str) -> Option<Self> {
        self.text.strip_suffix(suffix).map(|text| Self { text, at: self.at })
    }

    pub fn split_once(self, mark: char) -> Option<(Self, Self)> {
        let at = self.text.find(mark)?;
        Some((self.to(at), self.from(at + mark.len_utf8())))
    }

    /// Parts between marks, trimmed.
    pub fn split(self, mark: char) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = self;
        while let Some((part, after)) = rest.split_once(mark) {
            parts.push(part.trim());
            rest = after;
        }
        parts.push(rest.trim());
        parts
    }

    /// Splits at the first white space; the second part is trimmed and may be empty.
    pub fn word(self) -> (Self, Self) {
        let text = self.trim();
        match text.text.find(char::is_whitespace) {
            Some(at) => (text.to(at), text.from(at).trim()),
            None => (text, text.from(text.text.len())),
        }
    }

    pub fn is(self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    /// Takes the quotes off; a text without quotes is returned as it is.
    pub fn unquote(self) -> Self {
        let inner = self.trim();
        match inner.strip_prefix("\"").and_then(|t| t.strip_suffix("\"")) {
            Some(text) => text,
            None => inner,
        }
    }

    /// A decimal or `0x` hexadecimal number.
    pub fn number<N: TryFrom<u64>>(self) -> Result<N, Fault> {
        let text = self.trim();
        let value = parse_u64(text.text).ok_or_else(|| text.fault(format!("{:?} is not a number", text.text)))?;
        N::try_from(value).map_err(|_| text.fault(format!("{value} is too large here")))
    }

    /// A decimal number with an optional sign.
    pub fn signed<N: TryFrom<i64>>(self) -> Result<N, Fault> {
        let text = self.trim();
        let (negative, digits) = match text.text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.text.strip_prefix('+').unwrap_or(text.text)),
        };
        let refuse = || text.fault(format!("{:?} is not a number", text.text));
        let value = parse_u64(digits).and_then(|v| i64::try_from(v).ok()).ok_or_else(refuse)?;
        let value = if negative { -value } else { value };
        N::try_from(value).map_err(|_| text.fault(format!("{value} is out of range here")))
    }

    /// Whether it could be a number: a digit, or a sign and a digit, at its start.
    pub fn looks_numeric(self) -> bool {
        let text = self.trim().text;
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        digits.starts_with(|c: char| c.is_ascii_digit())
    }
}

pub(crate) fn parse_u64(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u64::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// The word of a list that is nearest to a wrong one, for hints.
pub(crate) fn nearest<'a>(word: &str, list: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).clamp(1, 3);
    list.map(|candidate| (edits(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance; long words are cut at 40 bytes.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (a, b) = (a.get(..40).unwrap_or(a), b.get(..40).unwrap_or(b));
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b) {
            let above = *slot;
            let best = (above + 1).min(left + 1).min(diagonal + usize::from(x != y));
            diagonal = above;
            left = best;
            *slot = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_know_where_they_stand() {
        let text = Text::new(" a , bc,d ", 10);
        let parts: Vec<(&str, usize)> = text.split(',').iter().map(|t| (t.text, t.at)).collect();
        assert_eq!(parts, [("a", 11), ("bc", 15), ("d", 18)]);
    }

    #[test]
    fn numbers_have_bounds_and_bases() {
        assert_eq!(Text::new("0x1F", 0).number::<u8>(), Ok(31));
        assert!(Text::new("256", 0).number::<u8>().is_err());
        assert!(Text::new("-1", 0).number::<u8>().is_err());
        assert_eq!(Text::new("-7", 0).signed::<i32>(), Ok(-7));
    }

    #[test]
    fn a_hint_names_the_nearest_word() {
        assert_eq!(nearest("contant", ["content", "offset"].into_iter()), Some("content"));
        assert_eq!(nearest("zzzzz", ["content", "offset"].into_iter()), None);
    }
}
