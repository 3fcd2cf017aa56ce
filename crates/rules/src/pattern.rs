//! `pcre`: a regular expression with Perl's and Suricata's flags.

use crate::text::{Fault, Text};
use serde::{Deserialize, Serialize};

/// Most bytes of one expression.
pub const EXPRESSION_BYTES_MAX: usize = 8192;
/// Most captured variables of one expression.
pub const CAPTURES_MAX: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pattern {
    /// In Perl's syntax, without delimiters.
    pub expression: String,
    pub negated: bool,
    /// `/R`: begins where the last match ended.
    pub relative: bool,
    pub flags: PatternFlags,
    pub dialect: Dialect,
    /// Names for captured groups, in order: (scope, name).
    pub captures: Vec<(CaptureScope, String)>,
}

/// Which engine takes an expression: found once, since it costs a second parse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// Regular: it runs in linear time.
    Linear,
    /// Only Perl's engine takes it.
    Perl,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PatternFlags {
    pub caseless: bool,
    pub dot_all: bool,
    pub multi_line: bool,
    pub extended: bool,
    pub anchored: bool,
    /// `$` does not match before a last line feed.
    pub dollar_end_only: bool,
    pub ungreedy: bool,
    /// `/O`: the configured match limit does not apply.
    pub no_limit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CaptureScope {
    Flow,
    Packet,
    Alert,
}

/// The legacy buffer that a flag letter chooses.
const BUFFER_FLAGS: &[(char, &str)] = &[
    ('C', "http.cookie"),
    ('D', "http.header.raw"),
    ('H', "http.header"),
    ('I', "http.uri.raw"),
    ('M', "http.method"),
    ('P', "http.request_body"),
    ('Q', "http.response_body"),
    ('S', "http.stat_code"),
    ('U', "http.uri"),
    ('V', "http.user_agent"),
    ('W', "http.host"),
    ('Y', "http.stat_msg"),
    ('Z', "http.host.raw"),
];

/// Reads `[!]"/expression/flags[, captures]"`; returns the buffer that its flags choose, too.
pub(crate) fn parse(text: Text<'_>) -> Result<(Pattern, Option<&'static str>), Fault> {
    let text = text.trim();
    let (negated, body) = match text.strip_prefix("!") {
        Some(rest) => (true, rest.trim()),
        None => (false, text),
    };
    if let Some(at) = body.text.find(char::REPLACEMENT_CHARACTER) {
        return Err(body.from(at).not_utf8());
    }
    // Quotes are usual but not needed.
    let inner = body.unquote();
    let (inner, negated) = match inner.strip_prefix("!") {
        Some(rest) => (rest, true),
        None => (inner, negated),
    };
    let Some(rest) = inner.strip_prefix("/") else {
        return Err(inner.fault("the expression must begin with \"/\""));
    };
    let Some(end) = rest.text.rfind('/') else {
        return Err(rest.fault("the expression is not closed by \"/\""));
    };
    // Names of captures may hold slashes.
    let end = expression_end(rest.text).unwrap_or(end);
    let expression = rest.to(end);
    if expression.is_empty() {
        return Err(expression.fault("the expression is empty"));
    }
    if expression.text.len() > EXPRESSION_BYTES_MAX {
        return Err(expression.fault(format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    let tail = rest.from(end + 1);
    let (letters, names) = match tail.split_once(',') {
        Some((letters, names)) => (letters, Some(names)),
        None => (tail, None),
    };
    let mut pattern = Pattern {
        expression: unescape(expression.text),
        negated,
        relative: false,
        flags: PatternFlags::default(),
        dialect: Dialect::Unknown,
        captures: Vec::new(),
    };
    let buffer = flags(letters.trim(), &mut pattern)?;
    if let Some(names) = names {
        pattern.captures = captures(names)?;
    }
    Ok((pattern, buffer))
}

/// Where the closing slash stands when captured names follow: before flags, a comma and the first scope. `None` without
/// names.
fn expression_end(text: &str) -> Option<usize> {
    text.match_indices('/').map(|(at, _)| at).find(|at| {
        let tail = text.get(at + 1..).unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let names = tail.trim_start().strip_prefix(',').map(str::trim_start).unwrap_or_default();
        ["flow:", "pkt:", "alert:"].iter().any(|scope| names.starts_with(scope))
    })
}

/// The rule language's own escapes: `\;` and `\"` are the characters; the rest belongs to the expression.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some(next @ (';' | '"')) => out.push(next),
            Some(next) => {
                out.push('\\');
                out.push(next);
            }
            None => out.push('\\'),
        }
    }
    out
}

fn flags(letters: Text<'_>, pattern: &mut Pattern) -> Result<Option<&'static str>, Fault> {
    let mut buffer = None;
    for (index, letter) in letters.text.char_indices() {
        let flags = &mut pattern.flags;
        match letter {
            'i' => flags.caseless = true,
            's' => flags.dot_all = true,
            'm' => flags.multi_line = true,
            'x' => flags.extended = true,
            'A' => flags.anchored = true,
            'E' => flags.dollar_end_only = true,
            'G' => flags.ungreedy = true,
            'O' => flags.no_limit = true,
            'R' => pattern.relative = true,
            'B' => {}
            _ => match BUFFER_FLAGS.iter().find(|(flag, _)| *flag == letter) {
                Some((_, name)) if buffer.is_none_or(|b| b == *name) => buffer = Some(*name),
                Some(_) => return Err(letters.from(index).fault("the flags choose two buffers")),
                None => return Err(letters.from(index).fault(format!("{letter:?} is not a flag of pcre"))),
            },
        }
    }
    Ok(buffer)
}

fn captures(text: Text<'_>) -> Result<Vec<(CaptureScope, String)>, Fault> {
    let mut names = Vec::new();
    for item in text.split(',') {
        let scopes = [("flow:", CaptureScope::Flow), ("pkt:", CaptureScope::Packet), ("alert:", CaptureScope::Alert)];
        let found = scopes.iter().find_map(|(prefix, scope)| item.strip_prefix(prefix).map(|name| (*scope, name)));
        match found {
            Some((_, name)) if name.is_empty() => return Err(name.fault("a captured variable has no name")),
            Some((scope, name)) => names.push((scope, name.text.to_owned())),
            None => return Err(item.fault("a captured variable is written flow:name, pkt:name or alert:name")),
        }
    }
    if names.len() > CAPTURES_MAX {
        return Err(text.fault(format!("more than {CAPTURES_MAX} captured variables")));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Pattern, Option<&'static str>), Fault> {
        parse(Text::new(text, 0))
    }

    #[test]
    fn flags_choose_options_and_buffers() {
        let (p, buffer) = read(r#"!"/a\/b[0-9]{3}$/UiR""#).expect("good");
        assert_eq!(
            (p.expression.as_str(), p.negated, p.relative, p.flags.caseless),
            (r"a\/b[0-9]{3}$", true, true, true)
        );
        assert_eq!(buffer, Some("http.uri"));
    }

    #[test]
    fn captures_with_slashes_in_their_names_end_the_expression_before_them() {
        let (p, _) = read(r#""/([a-z]+)\/x(.+)$/GU, flow:ua/ubuntu/repo,pkt:b""#).expect("good");
        assert_eq!(p.expression, r"([a-z]+)\/x(.+)$");
        assert_eq!(p.captures, [(CaptureScope::Flow, "ua/ubuntu/repo".into()), (CaptureScope::Packet, "b".into())]);
    }

    #[test]
    fn mistakes_are_told_where_they_stand() {
        assert!(read("/a/").is_ok());
        assert_eq!(read(r#""a/""#).expect_err("slash").at, 1);
        assert_eq!(read(r#""/a/q""#).expect_err("flag").at, 4);
        assert_eq!(read(r#""/a/UI""#).expect_err("two buffers").at, 5);
    }
}
