//! A rule's options: `keyword;` and `keyword:value;` between the parentheses.

use crate::{
    keyword::is_known,
    text::{Fault, Text},
};

/// Stands in a rule's text for each byte of its file that is not UTF-8: a character that no text has (Unicode §23.7).
pub const NOT_UTF8: char = '\u{ffff}';
/// Most options of one rule.
pub const OPTIONS_MAX: usize = 512;

#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleOption<'a> {
    pub keyword: Text<'a>,
    pub value: Option<Text<'a>>,
}

pub(crate) fn split(text: Text<'_>) -> Result<Vec<RuleOption<'_>>, Fault> {
    let mut options = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some(end) = unescaped(b';', rest.text) else {
            return Err(Text::new("", rest.at + rest.text.len())
                .fault(format!("\";\" is missing behind the option {:?}", shorten(rest.text))));
        };
        let option = rest.to(end);
        options.push(one(option)?);
        if options.len() > OPTIONS_MAX {
            return Err(option.fault(format!("more than {OPTIONS_MAX} options")));
        }
        rest = rest.from(end + 1).trim();
    }
    Ok(options)
}

/// The first `wanted` that no backslash escapes.
fn unescaped(wanted: u8, text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|b| *b == wanted || *b == b'\\')?;
        if bytes.get(at) == Some(&wanted) {
            return Some(at);
        }
        at += 2;
    }
}

fn one(option: Text<'_>) -> Result<RuleOption<'_>, Fault> {
    let colon = option.text.bytes().position(|b| b == b':');
    let (keyword, value) = match colon {
        Some(at) => (option.to(at).trim(), Some(option.from(at + 1).trim())),
        None => (option.trim(), None),
    };
    if let Some(value) = value {
        check_bytes(keyword, value)?;
        // In an expression a quote is a character like others.
        if !keyword.is("pcre") {
            check_semicolon(value)?;
        }
        check_quotes(value)?;
    }
    if keyword.is_empty() {
        return Err(option.fault("an option has no keyword"));
    }
    Ok(RuleOption { keyword, value })
}

/// What a file holds that is not UTF-8 may stand in words for people; elsewhere it would be taken for something else.
fn check_bytes(keyword: Text<'_>, value: Text<'_>) -> Result<(), Fault> {
    match value.text.find(NOT_UTF8) {
        Some(at) if !["msg", "reference", "metadata"].iter().any(|word| keyword.is(word)) => Err(value
            .from(at)
            .fault("here stands a byte that is not UTF-8")
            .hint("write it in hexadecimal: |e0| in content, \\xe0 in pcre")),
        _ => Ok(()),
    }
}

/// Behind a closed quote another option must not begin: its semicolon was forgotten, and the option would be read as part of
/// the text.
fn check_semicolon(value: Text<'_>) -> Result<(), Fault> {
    let body = value.strip_prefix("!").map_or(value, Text::trim);
    let Some(quoted) = body.strip_prefix("\"") else { return Ok(()) };
    let mut inner = quoted;
    while let Some(at) = unescaped(b'"', inner.text) {
        let after = inner.from(at + 1).trim();
        let end = after.text.find(|c: char| c == ':' || c == '"' || c.is_whitespace()).unwrap_or(after.text.len());
        let follows_with_value = after.from(end).trim().text.starts_with(':');
        let word = after.to(end);
        if !word.is_empty() && (follows_with_value || end == after.text.len()) && is_known(word.text) {
            return Err(after.fault(format!("\";\" is missing before {:?}", word.text)));
        }
        inner = inner.from(at + 1);
    }
    Ok(())
}

/// A semicolon inside quotes must be escaped: if it was not, a value that opens with a quote does not end with one.
fn check_quotes(value: Text<'_>) -> Result<(), Fault> {
    let body = value.strip_prefix("!").map_or(value, Text::trim);
    let closed = body.text.len() > 1 && body.text.ends_with('"');
    if body.text.starts_with('"') && !closed {
        return Err(body
            .fault("this quote is not closed before the next \";\"")
            .hint("a \";\" inside quotes is written \\;"));
    }
    Ok(())
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_is_not_utf8_may_stand_in_words_for_people_alone() {
        assert!(split(Text::new("msg:\"caf\u{ffff}\"; content:\"\u{fffd}\";", 0)).is_ok());
        let refused = split(Text::new("flowbits:set,a\u{ffff};", 0)).expect_err("not a name");
        assert_eq!(refused.at, 14);
    }

    #[test]
    fn options_end_at_semicolons_that_are_not_escaped() {
        let options = split(Text::new(r#"msg:"a\; b"; nocase ;pcre:"/a\\;/"#, 0));
        assert!(options.is_err());
        let options = split(Text::new(r#"msg:"a\; b"; nocase ; sid : 1;"#, 0)).expect("good");
        let read: Vec<(&str, Option<&str>)> =
            options.iter().map(|o| (o.keyword.text, o.value.map(|v| v.text))).collect();
        assert_eq!(read, [("msg", Some(r#""a\; b""#)), ("nocase", None), ("sid", Some("1"))]);
    }

    #[test]
    fn an_open_quote_and_a_missing_semicolon_are_told() {
        assert_eq!(split(Text::new(r#"content:"a;b"; sid:1;"#, 0)).expect_err("quote").at, 8);
        assert_eq!(split(Text::new("sid:1; rev:2", 0)).expect_err("semicolon").at, 12);
    }

    #[test]
    fn a_forgotten_semicolon_behind_a_quote_is_told() {
        let missing = |text: &str| split(Text::new(text, 0)).expect_err(text);
        for (text, at, word) in [
            (r#"msg:"a" content:"x"; sid:1;"#, 8, "content"),
            (r#"msg:"a"  flow : established,to_server; sid:1;"#, 9, "flow"),
            (r#"sid:1; msg:"it \"is\" a"nocase;"#, 24, "nocase"),
            (r#"content:!"a" http.uri; sid:1;"#, 13, "http.uri"),
        ] {
            let fault = missing(text);
            assert_eq!((fault.at, fault.reason.contains(word)), (at, true), "{text}: {fault:?}");
        }
        for text in [
            r#"msg:"the "id" of a content: x"; sid:1;"#,
            r#"pcre:"/a" sid:"b/"; sid:1;"#,
            r#"msg:"a\" content:\"x"; sid:1;"#,
        ] {
            assert!(split(Text::new(text, 0)).is_ok(), "{text}");
        }
    }
}
