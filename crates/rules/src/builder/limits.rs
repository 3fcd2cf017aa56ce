//! Contents against their own limits and against what their buffer can hold.

use super::{Builder, Draft};
use crate::{
    buffer::Buffer,
    content,
    number::NumberTest,
    rule::{Placed, Test},
    text::Fault,
};

impl Builder<'_> {
    /// Contents against their own limits and against the buffer's size.
    pub(super) fn check_section(&self, draft: &Draft) -> Result<(), Fault> {
        let limits = draft.tests.iter().filter_map(|t| match t.value {
            Test::BufferSize(test) => Some(test),
            _ => None,
        });
        let longest_allowed = limits.filter_map(most).min();
        for placed in &draft.tests {
            let Test::Content(content) = &placed.value else { continue };
            let at = || self.offset_of(placed);
            content::check(content).map_err(|reason| Fault::new(at(), reason))?;
            if let Some(most) = longest_allowed
                && !content.negated
                && content.pattern.len() as u64 > most
            {
                return Err(Fault::new(
                    at(),
                    format!("this content has {} bytes, but bsize allows at most {most}", content.pattern.len()),
                ));
            }
            if matches!(&draft.buffer, Buffer::Named(name) if name == "http.host")
                && !content.nocase
                && content.pattern.iter().any(u8::is_ascii_uppercase)
            {
                return Err(Fault::new(at(), "http.host is always lower case: this content can never match")
                    .hint("write it in lower case, or use http.host.raw"));
            }
        }
        Ok(())
    }

    /// The byte offset of a placed test; places are only kept as line and column.
    fn offset_of(&self, placed: &Placed<Test>) -> usize {
        self.line.offset(placed.line, placed.column)
    }
}

/// The greatest size that a test allows.
fn most(test: NumberTest) -> Option<u64> {
    match test {
        NumberTest::Equal(n) | NumberTest::LessOrEqual(n) => Some(n),
        NumberTest::Less(n) | NumberTest::Between(_, n) => Some(n.saturating_sub(1)),
        _ => None,
    }
}
