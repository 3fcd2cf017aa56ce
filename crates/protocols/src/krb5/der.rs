//! Values in the distinguished encoding of ASN.1, read one after the other (X.690 §8).

/// The values of one constructed value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the next value when it has this tag.
    pub(super) fn tagged(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let (found, content) = ahead.next()?;
        if found != tag {
            return None;
        }
        *self = ahead;
        Some(content)
    }

    /// Looks for a value with this tag among those that follow, and passes over the others.
    pub(super) fn find(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        loop {
            let (found, content) = ahead.next()?;
            if found == tag {
                *self = ahead;
                return Some(content);
            }
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = (u8, &'a [u8]);

    /// Tag and content; tags of several bytes are not used here. A value that is cut off is given as far as it goes.
    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.rest.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if first & 0x80 == 0 {
            (usize::from(*first), rest)
        } else {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if digits.len() > 4 || digits.is_empty() {
                return None;
            }
            let length = digits.iter().fold(0u64, |length, digit| length << 8 | u64::from(*digit));
            (usize::try_from(length).ok()?, rest)
        };
        let (content, rest) = rest.split_at(length.min(rest.len()));
        self.rest = rest;
        Some((*tag, content))
    }
}

/// The content of an explicitly tagged value: `[n] INTEGER`.
pub(super) fn integer(content: &[u8]) -> Option<i32> {
    let digits = Values::new(content).tagged(0x02)?;
    let first = *digits.first()?;
    if digits.len() > 4 {
        return None;
    }
    let start = if first & 0x80 == 0 { 0i32 } else { -1 };
    Some(digits.iter().fold(start, |number, digit| number << 8 | i32::from(*digit)))
}

/// `[n] GeneralString`
pub(super) fn text(content: &[u8]) -> Option<Vec<u8>> {
    Values::new(content).next().map(|(_, text)| text.to_vec())
}
