//! Runs a program on a buffer: contents in order, back-tracking where what follows depends on where something was found.

use super::{ContentStep, PatternStep, Program, Step, Variables, numbers, resolve};
use crate::{asn1, expression::ExpressionCaches, host_memory::Common, outcome::Detail};
use phitak_rules::{bytes::IsDataAt, content::Value};

/// Back-tracking steps of one program on one buffer (Suricata's `inspection-recursion-limit`).
pub(crate) const STEPS_MAX: u32 = 3000;

/// What programs use of their worker.
pub(crate) struct Tools<'w> {
    pub caches: &'w mut ExpressionCaches,
    pub common: &'w Common,
    /// What rules want kept of their matches: captured groups, members of data sets.
    pub details: &'w mut Vec<Detail>,
    pub decoded: &'w mut Vec<u8>,
    pub steps_max: u32,
}

/// A stretch of bytes with its place in the value that it is part of.
#[derive(Clone, Copy)]
pub(crate) struct Span<'b> {
    pub bytes: &'b [u8],
    /// Where `bytes` begins in the whole value.
    pub offset: u64,
    /// A match must reach beyond this place of the whole value: what lies before was matched already. 0 for all.
    pub fresh_from: u64,
}

impl<'b> Span<'b> {
    pub fn whole(bytes: &'b [u8]) -> Self {
        Self { bytes, offset: 0, fresh_from: 0 }
    }
}

/// Where the longest part of a match stands in the whole value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub offset: u64,
    pub length: u32,
}

/// Runs the program; `variables` keep what was read.
pub(crate) fn run(
    program: &Program,
    span: Span<'_>,
    variables: &mut Variables,
    tools: &mut Tools<'_>,
) -> Option<Found> {
    let steps_left = tools.steps_max;
    let details = tools.details.len();
    let mut run = Run { program, span, variables, tools, steps_left, hopeless: false, reach: 0, best: (0, 0) };
    if run.go(0, 0) {
        let (start, length) = run.best;
        return Some(Found {
            offset: span.offset.saturating_add(start as u64),
            length: u32::try_from(length).unwrap_or(u32::MAX),
        });
    }
    tools.details.truncate(details);
    None
}

struct Run<'r, 'b, 'w> {
    program: &'r Program,
    span: Span<'b>,
    variables: &'r mut Variables,
    tools: &'r mut Tools<'w>,
    steps_left: u32,
    /// A test failed that no other place of an earlier content can help.
    hopeless: bool,
    /// The furthest end of what was found on the present path.
    reach: usize,
    /// The longest thing found on the present path: start and length.
    best: (usize, usize),
}

impl<'b> Run<'_, 'b, '_> {
    /// Whether all steps from `index` on hold, with the cursor behind the last match.
    fn go(&mut self, mut index: usize, mut cursor: usize) -> bool {
        loop {
            let program = self.program;
            let Some(step) = program.steps.get(index) else { return self.is_fresh() };
            let bytes = self.span.bytes;
            let (holds, depends) = match step {
                Step::Content(step) => match self.content(step, index, cursor) {
                    Next::Done(result) => return result,
                    Next::Go(next) => {
                        cursor = next;
                        (true, false)
                    }
                    Next::Fail => (false, depends_content(step)),
                },
                Step::Pattern(step) => match self.pattern(step, index, cursor) {
                    Next::Done(result) => return result,
                    Next::Go(next) => {
                        cursor = next;
                        (true, false)
                    }
                    Next::Fail => (false, step.relative),
                },
                Step::IsDataAt(test) => (self.is_data_at(test, cursor), test.relative),
                Step::ByteTest(test) => (numbers::test(test, bytes, cursor, self.variables), test.reading.relative),
                Step::ByteJump(jump) => match numbers::jump(jump, bytes, cursor, self.variables) {
                    Some(next) => {
                        cursor = next;
                        (true, false)
                    }
                    None => (false, jump.reading.relative),
                },
                Step::ByteExtract(extract) => {
                    let read = numbers::extract(extract, bytes, cursor, self.variables);
                    (self.set(extract.variable, read, &mut cursor), extract.reading.relative)
                }
                Step::ByteMath(math) => {
                    let read = numbers::math(math, bytes, cursor, self.variables);
                    (self.set(math.result, read, &mut cursor), math.reading.relative)
                }
                Step::Size(test) => (test.holds(self.span.offset.saturating_add(bytes.len() as u64)), false),
                Step::Entropy(entropy) => (entropy_holds(entropy, bytes), false),
                Step::Asn1(test) => {
                    let from = if test.relative { i64::try_from(cursor).unwrap_or(i64::MAX) } else { 0 };
                    let start = usize::try_from(from.saturating_add(test.offset.into())).ok();
                    (start.is_some_and(|start| asn1::holds(test, bytes, start)), test.relative)
                }
                Step::Dataset { set, command } => {
                    (self.tools.common.get().sets.apply(*set, *command, bytes, self.tools.details), false)
                }
                Step::Reputation { set, test } => {
                    (self.tools.common.get().sets.reputation(*set, bytes).is_some_and(|r| test.holds(r)), false)
                }
                Step::Base64 { decode, inner } => {
                    let from = if decode.relative { cursor } else { 0 };
                    (self.base64(decode, inner, from), decode.relative)
                }
            };
            if !holds {
                // Where only fresh matches count, another place of an earlier content may be the fresh one.
                let any_place_counts = self.span.fresh_from <= self.span.offset;
                self.hopeless |= !depends && !program.has_variables && any_place_counts;
                return false;
            }
            index += 1;
        }
    }

    /// The whole path must reach beyond what was matched before.
    fn is_fresh(&self) -> bool {
        let end = self.span.offset.saturating_add(self.reach as u64);
        !self.program.has_positive || self.span.fresh_from == 0 || end > self.span.fresh_from
    }

    fn set(&mut self, variable: u8, read: Option<(u64, usize)>, cursor: &mut usize) -> bool {
        match (self.variables.get_mut(usize::from(variable)), read) {
            (Some(slot), Some((value, behind))) => {
                *slot = value;
                *cursor = behind;
                true
            }
            _ => false,
        }
    }

    /// A local position out of one in the whole value.
    fn local(&self, position: i64) -> usize {
        let offset = i64::try_from(self.span.offset).unwrap_or(i64::MAX);
        usize::try_from(position.saturating_sub(offset)).unwrap_or(0)
    }

    /// The stretch in which a content must stand; `None` when there is none.
    fn limits(&self, step: &ContentStep, cursor: usize) -> Option<(usize, usize)> {
        let content = &step.content;
        let length = self.span.bytes.len();
        let number = |value: Value| resolve(value, self.variables);
        if content.is_relative() {
            let from = i64::try_from(cursor).ok()?.checked_add(content.distance.map_or(0, number))?;
            let end = match content.within.map(number) {
                Some(within) => usize::try_from(from.checked_add(within)?).unwrap_or(0).min(length),
                None => length,
            };
            return Some((usize::try_from(from).unwrap_or(0), end));
        }
        if content.starts_with {
            return (self.span.offset == 0).then_some((0, content.pattern.len().min(length)));
        }
        let offset = content.offset.map_or(0, number);
        let end = match content.depth.map(number) {
            Some(depth) => {
                let end = offset.checked_add(depth)?;
                if end <= i64::try_from(self.span.offset).ok()? {
                    return None;
                }
                self.local(end).min(length)
            }
            None => length,
        };
        Some((self.local(offset), end))
    }

    fn content(&mut self, step: &ContentStep, index: usize, cursor: usize) -> Next {
        let content = &step.content;
        let pattern = content.pattern.as_slice();
        let bytes = self.span.bytes;
        let window = self
            .limits(step, cursor)
            .and_then(|(from, end)| Some((from, bytes.get(..end)?)))
            .filter(|(from, w)| from <= &w.len());
        let Some((mut from, window)) = window else {
            return if content.negated { Next::Go(cursor) } else { Next::Fail };
        };
        if content.ends_with {
            // Only one place is possible.
            let last = bytes.len().checked_sub(pattern.len());
            from = match last {
                Some(last) if last >= from => last,
                _ => return if content.negated { Next::Go(cursor) } else { Next::Fail },
            };
        }
        let find = |from: usize| step.needle.find(pattern, content.nocase, window, from);
        if content.negated {
            return if find(from).is_some() { Next::Fail } else { Next::Go(cursor) };
        }
        let retries = step.retry || self.span.fresh_from > self.span.offset;
        let (reach, best) = (self.reach, self.best);
        while let Some(at) = find(from) {
            let end = at + pattern.len();
            self.reach = reach.max(end);
            self.best = if pattern.len() > best.1 { (at, pattern.len()) } else { best };
            if !retries {
                return Next::Go(end);
            }
            if !self.spend() {
                return Next::Done(false);
            }
            if self.go(index + 1, end) {
                return Next::Done(true);
            }
            if self.hopeless {
                return Next::Done(false);
            }
            from = at + 1;
        }
        (self.reach, self.best) = (reach, best);
        Next::Fail
    }

    fn spend(&mut self) -> bool {
        match self.steps_left.checked_sub(1) {
            Some(left) => {
                self.steps_left = left;
                true
            }
            None => {
                self.hopeless = true;
                false
            }
        }
    }

    fn pattern(&mut self, step: &PatternStep, index: usize, cursor: usize) -> Next {
        let base = if step.relative { cursor } else { 0 };
        // Anchors and look-behinds see the text from the cursor on.
        let Some(text) = self.span.bytes.get(base..) else {
            return if step.negated { Next::Go(cursor) } else { Next::Fail };
        };
        let find = |from: usize, caches: &mut ExpressionCaches| step.expression.find(step.number, text, from, caches);
        if step.negated {
            return if find(0, self.tools.caches).is_some() { Next::Fail } else { Next::Go(cursor) };
        }
        let retries = step.retry || self.span.fresh_from > self.span.offset;
        let (reach, best) = (self.reach, self.best);
        let details = self.tools.details.len();
        let mut from = 0;
        while let Some((start, end)) = find(from, self.tools.caches) {
            let (at, length) = (base + start, end - start);
            self.reach = reach.max(base + end);
            self.best = if length > best.1 { (at, length) } else { best };
            self.keep_captures(step, text, start);
            if !retries {
                return Next::Go(base + end);
            }
            if !self.spend() {
                return Next::Done(false);
            }
            if self.go(index + 1, base + end) {
                return Next::Done(true);
            }
            self.tools.details.truncate(details);
            if self.hopeless {
                return Next::Done(false);
            }
            from = start + 1;
            if from > text.len() {
                break;
            }
        }
        (self.reach, self.best) = (reach, best);
        Next::Fail
    }

    fn keep_captures(&mut self, step: &PatternStep, text: &[u8], start: usize) {
        if step.expression.captures.is_empty() {
            return;
        }
        for (capture, span) in step.expression.captures.iter().zip(step.expression.capture(text, start)) {
            if let Some(bytes) = span.and_then(|(from, to)| text.get(from..to)) {
                self.tools.details.push(Detail::captured(capture, bytes));
            }
        }
    }

    fn is_data_at(&self, test: &IsDataAt, cursor: usize) -> bool {
        let at = resolve(test.at, self.variables);
        let length = self.span.bytes.len();
        let there = if test.relative {
            // One byte laxer than the absolute form, as Suricata is.
            usize::try_from(at).ok().and_then(|at| cursor.checked_add(at)).is_some_and(|end| end <= length)
        } else {
            i64::try_from(self.span.offset.saturating_add(length as u64)).is_ok_and(|end| at < end)
        };
        there != test.negated
    }

    fn base64(&mut self, decode: &phitak_rules::bytes::Base64Decode, inner: &Program, from: usize) -> bool {
        let start = from.saturating_add(decode.offset as usize);
        let Some(text) = self.span.bytes.get(start..) else { return false };
        let text = match decode.bytes as usize {
            0 => text,
            n => text.get(..n).unwrap_or(text),
        };
        let mut decoded = std::mem::take(self.tools.decoded);
        decoded.clear();
        crate::base64::decode(text, phitak_rules::condition::Base64Mode::Rfc4648, &mut decoded);
        let holds = !decoded.is_empty() && run(inner, Span::whole(&decoded), self.variables, self.tools).is_some();
        *self.tools.decoded = decoded;
        holds
    }
}

enum Next {
    /// The rest was tried as well: this is the result.
    Done(bool),
    /// Holds; the cursor goes here.
    Go(usize),
    Fail,
}

/// Whether a content's failure may depend on earlier places.
fn depends_content(step: &ContentStep) -> bool {
    step.content.is_relative()
}

fn entropy_holds(entropy: &phitak_rules::entropy::Entropy, bytes: &[u8]) -> bool {
    let Some(from) = bytes.get(entropy.offset as usize..) else { return false };
    let part = match entropy.bytes as usize {
        0 => from,
        n => from.get(..n).unwrap_or(from),
    };
    if part.is_empty() {
        return false;
    }
    let mut counts = [0u32; 256];
    for byte in part {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = part.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    let value: f64 = counts.iter().filter(|c| **c > 0).map(|c| -share(c) * share(c).log2()).sum();
    entropy.test.holds(value)
}

#[cfg(test)]
mod tests;
