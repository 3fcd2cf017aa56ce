//! Perl's syntax into that of `regex-automata`, where both mean the same; expressions that are not regular, or whose
//! meaning would differ, are refused and left to PCRE2.

/// Counted repetitions beyond this are left to PCRE2: they would unroll into large automata.
const REPEAT_MAX: u32 = 1000;

/// The same expression for `regex-automata`, or `None`.
pub(super) fn translate(expression: &str, dollar_end_only: bool, multi_line: bool, extended: bool) -> Option<String> {
    if extended {
        return None;
    }
    let mut reader = Reader { bytes: expression.as_bytes(), at: 0, out: String::with_capacity(expression.len() + 16) };
    let dollar = if dollar_end_only || multi_line { Dollar::AsIs } else { Dollar::BeforeLastLineFeed };
    let mut previous = Previous::Nothing;
    while let Some(byte) = reader.next() {
        previous = match byte {
            b'\\' => reader.escape()?,
            b'[' => reader.class()?,
            b'(' => reader.group()?,
            b'*' | b'+' | b'?' => reader.quantifier(byte, previous)?,
            b'{' => reader.braces(previous)?,
            b'$' => reader.dollar(dollar)?,
            b'|' | b'^' => reader.keep(byte, Previous::Nothing),
            b')' => reader.keep(byte, Previous::Atom),
            // Beyond ASCII the pattern is bytes for PCRE and characters for the other.
            0x80.. => return None,
            _ => reader.keep(byte, Previous::Atom),
        };
    }
    Some(reader.out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Previous {
    Nothing,
    Atom,
    Quantifier,
    /// A quantifier with its `?`.
    Lazy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dollar {
    AsIs,
    BeforeLastLineFeed,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    out: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek(0)?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.checked_add(ahead)?).copied()
    }

    fn keep(&mut self, byte: u8, previous: Previous) -> Previous {
        self.out.push(char::from(byte));
        previous
    }

    /// Behind a backslash, outside a class.
    fn escape(&mut self) -> Option<Previous> {
        let byte = self.next()?;
        match byte {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'n' | b'r' | b't' | b'f' | b'a' => self.push_escaped(byte),
            // Zero-width.
            b'b' | b'B' | b'A' | b'z' => {
                self.push_escaped(byte);
                return Some(Previous::Nothing);
            }
            b'x' => self.hexadecimal()?,
            b'e' => self.out.push_str(r"\x1b"),
            b if b.is_ascii_alphanumeric() => return None,
            b if b.is_ascii() => self.literal(b),
            _ => return None,
        }
        Some(Previous::Atom)
    }

    fn push_escaped(&mut self, byte: u8) {
        self.out.push('\\');
        self.out.push(char::from(byte));
    }

    fn literal(&mut self, byte: u8) {
        if byte.is_ascii_punctuation()
            && !matches!(
                byte,
                b'<' | b'>' | b'"' | b'\'' | b'/' | b',' | b';' | b':' | b'=' | b'!' | b'@' | b'%' | b'_' | b'`'
            )
        {
            self.out.push('\\');
        }
        self.out.push(char::from(byte));
    }

    fn hexadecimal(&mut self) -> Option<()> {
        let (high, low) = (self.next()?, self.next()?);
        if !(high.is_ascii_hexdigit() && low.is_ascii_hexdigit()) {
            return None;
        }
        self.out.push_str("\\x");
        self.out.push(char::from(high));
        self.out.push(char::from(low));
        Some(())
    }

    /// Behind an opening bracket.
    fn class(&mut self) -> Option<Previous> {
        self.out.push('[');
        if self.peek(0) == Some(b'^') {
            self.at += 1;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let byte = self.next()?;
            match byte {
                b']' if !first => break,
                b']' => self.out.push_str("\\]"),
                b'[' if matches!(self.peek(0), Some(b':')) => self.posix()?,
                b'[' if matches!(self.peek(0), Some(b'.' | b'=')) => return None,
                // Set operations of the other syntax.
                b'[' | b'&' | b'~' => {
                    self.out.push('\\');
                    self.out.push(char::from(byte));
                }
                b'-' if self.peek(0) == Some(b'-') => return None,
                b'\\' => self.class_escape()?,
                0x80.. => return None,
                _ => self.out.push(char::from(byte)),
            }
            first = false;
        }
        self.out.push(']');
        Some(Previous::Atom)
    }

    fn posix(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let end = rest.windows(2).position(|w| w == b":]")?;
        let name = std::str::from_utf8(rest.get(1..end)?).ok()?;
        let known = [
            "alpha", "digit", "alnum", "upper", "lower", "space", "punct", "xdigit", "word", "blank", "cntrl", "graph",
            "print",
        ];
        if !known.contains(&name.trim_start_matches('^')) {
            return None;
        }
        self.out.push_str("[:");
        self.out.push_str(name);
        self.out.push_str(":]");
        self.at += end + 2;
        Some(())
    }

    fn class_escape(&mut self) -> Option<()> {
        let byte = self.next()?;
        match byte {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' => {
                // A class as the end of a range is a literal dash for PCRE and an error for the other.
                if self.peek(0) == Some(b'-') && self.peek(1).is_some_and(|b| b != b']') {
                    return None;
                }
                self.push_escaped(byte);
            }
            b'n' | b'r' | b't' | b'f' | b'a' => self.push_escaped(byte),
            b'b' => self.out.push_str(r"\x08"),
            b'e' => self.out.push_str(r"\x1b"),
            b'x' => self.hexadecimal()?,
            b if b.is_ascii_alphanumeric() => return None,
            b if b.is_ascii_punctuation() => self.class_literal(b),
            b' ' => self.out.push(' '),
            _ => return None,
        }
        Some(())
    }

    fn class_literal(&mut self, byte: u8) {
        if matches!(byte, b'[' | b']' | b'^' | b'-' | b'\\' | b'&' | b'~') {
            self.out.push('\\');
        }
        self.out.push(char::from(byte));
    }

    /// Behind an opening parenthesis.
    fn group(&mut self) -> Option<Previous> {
        self.out.push('(');
        if self.peek(0) == Some(b'*') {
            return None;
        }
        if self.peek(0) != Some(b'?') {
            return Some(Previous::Nothing);
        }
        self.at += 1;
        self.out.push('?');
        match self.peek(0)? {
            b'P' if self.peek(1) == Some(b'<') => {}
            b'<' if !matches!(self.peek(1), Some(b'=' | b'!')) => {}
            b':' | b'i' | b's' | b'm' | b'U' | b'-' => {
                // Flags up to the colon or the closing parenthesis.
                let rest = self.bytes.get(self.at..)?;
                let end = rest.iter().position(|b| matches!(b, b':' | b')'))?;
                if !rest.get(..end)?.iter().all(|b| matches!(b, b'i' | b's' | b'm' | b'U' | b'-'))
                    || rest.get(..end)?.contains(&b'm')
                {
                    return None;
                }
                return Some(Previous::Nothing);
            }
            _ => return None,
        }
        Some(Previous::Nothing)
    }

    fn quantifier(&mut self, byte: u8, previous: Previous) -> Option<Previous> {
        match (byte, previous) {
            (_, Previous::Atom) => Some(self.keep(byte, Previous::Quantifier)),
            (b'?', Previous::Quantifier) => Some(self.keep(byte, Previous::Lazy)),
            // Possessive, or repeated quantifiers.
            _ => None,
        }
    }

    /// Behind an opening brace: a counted repetition, or the brace itself.
    fn braces(&mut self, previous: Previous) -> Option<Previous> {
        let rest = self.bytes.get(self.at..)?;
        let counted = rest.iter().position(|b| *b == b'}').and_then(|end| rest.get(..end));
        let counted = counted.and_then(|inside| std::str::from_utf8(inside).ok());
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let is_count = |t: &str| match t.split_once(',') {
            None => digits(t),
            Some((low, high)) => digits(low) && (high.is_empty() || digits(high)),
        };
        let Some(inside) = counted.filter(|t| is_count(t)) else {
            // `{,n}` changed its meaning between versions of PCRE2.
            if counted.is_some_and(|t| t.starts_with(',')) {
                return None;
            }
            self.out.push_str("\\{");
            return Some(Previous::Atom);
        };
        if previous != Previous::Atom || inside.split(',').any(|n| n.parse::<u32>().is_ok_and(|n| n > REPEAT_MAX)) {
            return None;
        }
        self.out.push('{');
        self.out.push_str(inside);
        self.out.push('}');
        self.at += inside.len() + 1;
        Some(Previous::Quantifier)
    }

    fn dollar(&mut self, dollar: Dollar) -> Option<Previous> {
        match dollar {
            Dollar::AsIs => Some(self.keep(b'$', Previous::Nothing)),
            // Consuming the last line feed is the same only where nothing follows.
            Dollar::BeforeLastLineFeed if self.bytes.get(self.at..)?.iter().all(|b| *b == b')') => {
                self.out.push_str("(?:\\n?\\z)");
                Some(Previous::Nothing)
            }
            Dollar::BeforeLastLineFeed if self.peek(0) == Some(b'|') => {
                self.out.push_str("(?:\\n?\\z)");
                Some(Previous::Nothing)
            }
            Dollar::BeforeLastLineFeed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expected: Option<&str>) {
        assert_eq!(translate(expression, false, false, false).as_deref(), expected, "{expression}");
    }

    #[test]
    fn what_means_the_same_is_kept() {
        check(r"^/[a-z]{2,4}\.php\?id=\d+$", Some(r"^/[a-z]{2,4}\.php\?id=\d+(?:\n?\z)"));
        check(r"\x22\<a\>", Some(r"\x22<a>"));
        check("[[a&&b]", Some(r"[\[a\&\&b]"));
        check("a{b", Some(r"a\{b"));
        check("(?:a|b)+?c", Some("(?:a|b)+?c"));
        check("[[:alpha:]_]", Some("[[:alpha:]_]"));
    }

    #[test]
    fn what_is_not_regular_or_means_another_thing_is_left_to_pcre() {
        for expression in [
            r"(a)\1",
            "a(?=b)",
            "(?<!a)b",
            "a++",
            "(?>a)b",
            r"\Ra",
            r"\v",
            "$a",
            "a{,3}",
            "(*ANY)a",
            "a{1,5000}",
            r"\Qa\E",
        ] {
            check(expression, None);
        }
    }
}
