//! Where messages end in a stream: RFC 6587.
//!
//! Both ways are understood, message by message: a count of octets (section 3.4.1), or a line feed or NUL behind it (section 3.4.2).
//! A message is counted when digits, a space and `<` begin it. However the stream is cut into pieces, the messages are the same.

use super::MESSAGE_BYTES_MAX;

/// A count with more digits is none: at most so much is passed over because of one lie.
const COUNT_DIGITS_MAX: usize = 7;
/// Of a line that is too long so much is passed over; one that then still goes on has no end.
const PASSED_BYTES_MAX: usize = 10_000_000;

/// What came out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    Message(Vec<u8>),
    /// A message with more than [`MESSAGE_BYTES_MAX`] was passed over.
    TooLong,
    /// The stream ended within a message that was counted.
    Cut,
    /// A line goes on and on: where messages begin is no longer known, and whatever comes is lost until the stream begins anew.
    Endless,
}

/// One stream's state; it holds at most [`MESSAGE_BYTES_MAX`].
#[derive(Debug, Default)]
pub struct Frames {
    state: State,
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Begin,
    /// Digits are held that may be a count.
    Digits,
    /// Digits and a space are held.
    Space,
    Line,
    LineTooLong {
        passed: usize,
    },
    Counted {
        left: usize,
    },
    CountedTooLong {
        left: usize,
    },
}

impl Frames {
    /// Takes bytes off the front of `input`, up to the end of a message; `None` when all are taken.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Framed> {
        while let Some(first) = input.first().copied() {
            let framed = match self.state {
                State::Begin => self.begin(first, input),
                State::Digits => self.digits(first, input),
                State::Space => self.space(first),
                State::Line => self.line(input),
                State::LineTooLong { passed } => self.line_too_long(passed, input),
                State::Counted { left } => self.counted(left, input),
                State::CountedTooLong { left } => self.counted_too_long(left, input),
            };
            if framed.is_some() {
                return framed;
            }
        }
        None
    }

    /// The stream has ended. A line without its end counts: many senders leave it out when they close.
    pub fn end(&mut self) -> Option<Framed> {
        let held = std::mem::take(&mut self.held);
        match std::mem::take(&mut self.state) {
            State::Digits | State::Space | State::Line => whole(held),
            State::Counted { .. } => Some(Framed::Cut),
            State::Begin | State::LineTooLong { .. } | State::CountedTooLong { .. } => None,
        }
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.state != State::Begin
    }

    fn begin(&mut self, first: u8, input: &mut &[u8]) -> Option<Framed> {
        match first {
            b'\n' | b'\r' | 0 => {
                take(input, 1);
            }
            b'1'..=b'9' => {
                self.held.extend_from_slice(take(input, 1));
                self.state = State::Digits;
            }
            _ => self.state = State::Line,
        }
        None
    }

    fn digits(&mut self, first: u8, input: &mut &[u8]) -> Option<Framed> {
        match first {
            b'0'..=b'9' if self.held.len() < COUNT_DIGITS_MAX => self.held.extend_from_slice(take(input, 1)),
            b' ' => {
                self.held.extend_from_slice(take(input, 1));
                self.state = State::Space;
            }
            _ => self.state = State::Line,
        }
        None
    }

    fn space(&mut self, first: u8) -> Option<Framed> {
        if first != b'<' {
            self.state = State::Line;
            return None;
        }
        let digits = self.held.iter().filter(|byte| byte.is_ascii_digit());
        let left = digits.fold(0_usize, |number, digit| number * 10 + usize::from(digit - b'0'));
        self.held.clear();
        if left > MESSAGE_BYTES_MAX {
            self.state = State::CountedTooLong { left };
            return Some(Framed::TooLong);
        }
        self.state = State::Counted { left };
        None
    }

    fn line(&mut self, input: &mut &[u8]) -> Option<Framed> {
        let end = input.iter().position(is_trailer);
        let length = end.unwrap_or(input.len());
        let room = MESSAGE_BYTES_MAX.saturating_sub(self.held.len());
        if length > room {
            take(input, room + 1);
            self.held.clear();
            self.state = State::LineTooLong { passed: 0 };
            return Some(Framed::TooLong);
        }
        self.held.extend_from_slice(take(input, length));
        end?;
        take(input, 1);
        self.state = State::Begin;
        whole(std::mem::take(&mut self.held))
    }

    fn line_too_long(&mut self, passed: usize, input: &mut &[u8]) -> Option<Framed> {
        let room = PASSED_BYTES_MAX.saturating_sub(passed);
        let part = take(input, room.min(input.iter().position(is_trailer).unwrap_or(input.len())));
        let passed = passed.saturating_add(part.len());
        if input.first().is_some_and(is_trailer) {
            take(input, 1);
            self.state = State::Begin;
            return None;
        }
        let is_endless = passed >= PASSED_BYTES_MAX && !input.is_empty();
        self.state = State::LineTooLong { passed: if is_endless { 0 } else { passed } };
        is_endless.then_some(Framed::Endless)
    }

    fn counted(&mut self, left: usize, input: &mut &[u8]) -> Option<Framed> {
        let part = take(input, left);
        self.held.extend_from_slice(part);
        let left = left.saturating_sub(part.len());
        if left > 0 {
            self.state = State::Counted { left };
            return None;
        }
        self.state = State::Begin;
        whole(std::mem::take(&mut self.held))
    }

    fn counted_too_long(&mut self, left: usize, input: &mut &[u8]) -> Option<Framed> {
        let left = left.saturating_sub(take(input, left).len());
        self.state = if left > 0 { State::CountedTooLong { left } } else { State::Begin };
        None
    }
}

fn is_trailer(byte: &u8) -> bool {
    matches!(byte, b'\n' | 0)
}

/// At most so many bytes off the front.
fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (part, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    part
}

/// Lines of nothing are no messages.
fn whole(held: Vec<u8>) -> Option<Framed> {
    let is_blank = held.iter().all(u8::is_ascii_whitespace);
    if is_blank { None } else { Some(Framed::Message(held)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Framed> {
        let mut frames = Frames::default();
        let mut all = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            all.extend(std::iter::from_fn(|| frames.next(&mut input)));
            assert!(frames.held.len() <= MESSAGE_BYTES_MAX && input.is_empty());
        }
        all.extend(frames.end());
        all
    }

    fn texts(stream: &str) -> Vec<String> {
        let text = |framed| match framed {
            Framed::Message(bytes) => String::from_utf8(bytes).expect("text"),
            other => format!("{other:?}"),
        };
        all(&[stream.as_bytes()]).into_iter().map(text).collect()
    }

    #[test]
    fn counted_messages_and_lines_may_follow_each_other() {
        assert_eq!(texts("5 <1>ab6 <1>a\nb<2>line\n\r\n\u{0}4 <1>x"), ["<1>ab", "<1>a\nb", "<2>line", "<1>x"]);
        assert_eq!(texts("<1>a\0<1>b\r\n<1>c"), ["<1>a", "<1>b\r", "<1>c"]);
    }

    #[test]
    fn digits_that_are_no_count_begin_a_line() {
        let lines = ["2026-11-24 x", "12 apples", "12345678 <1>a", "7", "0 <1>"];
        assert_eq!(texts(&format!("{}\n", lines.join("\n"))), lines);
        assert_eq!(texts("12 "), ["12 "]);
    }

    #[test]
    fn what_is_too_long_is_passed_over_and_the_next_one_comes() {
        let long = "x".repeat(MESSAGE_BYTES_MAX);
        let lengths: Vec<usize> = texts(&format!("{long}\n<1>b\n")).iter().map(String::len).collect();
        assert_eq!(lengths, [MESSAGE_BYTES_MAX, 4]);
        assert_eq!(texts(&format!("{long}y\n<1>b\n")), ["TooLong", "<1>b"]);
        assert_eq!(texts(&format!("{long}{long}")), ["TooLong"]);
        let counted = format!("<1>{long}");
        assert_eq!(texts(&format!("{} {counted}5 <1>ab", counted.len())), ["TooLong", "<1>ab"]);
    }

    #[test]
    fn a_line_without_an_end_is_told_and_its_limit_is_exact() {
        let passed = MESSAGE_BYTES_MAX + 1 + PASSED_BYTES_MAX;
        let line = |length: usize| format!("{}\n<1>b\n", "x".repeat(length));
        assert_eq!(texts(&line(passed)), ["TooLong", "<1>b"]);
        assert_eq!(texts(&line(passed + 1)), ["TooLong", "Endless", "<1>b"]);
        let longer = line(passed + 1);
        for cut in [MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1, passed - 1, passed, passed + 1] {
            let (head, tail) = longer.as_bytes().split_at(cut);
            assert_eq!(all(&[head, tail]), all(&[longer.as_bytes()]), "{cut}");
        }
    }

    #[test]
    fn a_count_of_a_million_millions_is_a_line_and_reserves_nothing() {
        assert_eq!(texts("1000000000000 <1>a\n5 <1>ab"), ["1000000000000 <1>a", "<1>ab"]);
        let mut frames = Frames::default();
        assert_eq!(frames.next(&mut b"9999999 <1>a".as_slice()), Some(Framed::TooLong));
        assert!(frames.held.capacity() < 1_024 && frames.is_within(), "{}", frames.held.capacity());
        let mut frames = Frames::default();
        assert_eq!(frames.next(&mut b"262144 <1>a".as_slice()), None);
        assert!(frames.held.capacity() < 1_024, "room comes with the bytes: {}", frames.held.capacity());
    }

    #[test]
    fn an_end_within_a_counted_message_is_a_cut() {
        assert_eq!(texts("9 <1>ab"), ["Cut"]);
        assert_eq!(texts("9999999 <1>ab"), ["TooLong"]);
    }

    #[test]
    fn splitting_the_stream_anywhere_changes_nothing() {
        let lines = "<2>one\n17 <3>with\nline feed\n\u{0}2026-<x\n<4>two\r\n12345678 <5>\n";
        let stream = format!("5 <1>ab{lines}3 <6<7>three\0\n8 <8>cut");
        let whole = all(&[stream.as_bytes()]);
        assert!(whole.len() > 7, "{whole:?}");
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let (head, tail) = stream.as_bytes().split_at(second);
                let (head, middle) = head.split_at(first);
                assert_eq!(all(&[head, middle, tail]), whole, "{first} {second}");
            }
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(all(&bytes), whole);
    }

    #[test]
    fn splitting_at_the_limit_changes_nothing() {
        for length in [MESSAGE_BYTES_MAX - 1, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1] {
            let line = format!("{}\n<1>b\n", "x".repeat(length));
            let whole = all(&[line.as_bytes()]);
            for cut in length - 2..=length + 2 {
                let (head, tail) = line.as_bytes().split_at(cut);
                assert_eq!(all(&[head, tail]), whole, "{length} {cut}");
            }
        }
    }
}
