//! Regular expressions of rules: in linear time where the expression is regular, by PCRE2 with limits where it is not.

mod regular;

use phitak_rules::pattern::{CaptureScope, Dialect, Pattern, PatternFlags};
use regex_automata::{
    Input, PatternID,
    meta::{Cache, Config, Regex},
    util::{captures::Captures, syntax},
};
use regex_syntax::hir::{Class, Hir, HirKind};
use std::sync::OnceLock;

/// Suricata's `pcre.match-limit`.
pub(crate) const MATCH_LIMIT: u32 = 3500;
/// For `/O`: what is left of a limit that the rule lifts.
const MATCH_LIMIT_LIFTED: u32 = 200_000;
/// Suricata's `pcre.match-limit-recursion`, for the depth of back-tracking.
const DEPTH_LIMIT: u32 = 1500;
/// Bytes of one compiled automaton.
const AUTOMATON_BYTES_MAX: usize = 4 << 20;
/// So many states are sure to fit into an automaton, at some fifty bytes each in both directions.
const SURE_STATES_MAX: usize = 16 << 10;
/// Bytes of one expression's lazily built states, for each worker.
const LAZY_BYTES_MAX: usize = 512 << 10;

pub(crate) struct Expression {
    matcher: Matcher,
    pub captures: Box<[Capture]>,
}

/// A group whose text is kept when the rule fires.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub scope: CaptureScope,
    pub name: Box<str>,
    pub group: usize,
}

enum Matcher {
    Linear(Box<Linear>),
    Perl(Box<Perl>),
}

/// Compiled when it is first needed: most expressions of a large rule set never are.
struct Linear {
    text: String,
    flags: PatternFlags,
    regex: OnceLock<Option<Regex>>,
}

/// The same for the other engine.
struct Perl {
    text: String,
    flags: PatternFlags,
    regex: OnceLock<Option<pcre2::bytes::Regex>>,
}

/// A worker's memory for the expressions it has used, by their numbers.
#[derive(Default)]
pub(crate) struct ExpressionCaches {
    caches: Vec<Option<Box<Cache>>>,
}

impl Expression {
    /// Which engine takes an expression.
    ///
    /// # Errors
    /// Why none does.
    pub fn dialect(pattern: &Pattern) -> Result<Dialect, String> {
        match translated(pattern).is_some_and(|text| is_linear(text, pattern.flags)) {
            true => Ok(Dialect::Linear),
            false => perl(&pattern.expression, pattern.flags).map(|_| Dialect::Perl),
        }
    }

    /// Makes an expression ready to be compiled when it is first needed. One whose dialect is known is taken at its word.
    ///
    /// # Errors
    /// Why the expression cannot be compiled.
    pub fn compile(pattern: &Pattern) -> Result<Self, String> {
        let flags = pattern.flags;
        let dialect = match pattern.dialect {
            Dialect::Unknown => Self::dialect(pattern)?,
            known => known,
        };
        let regular = translated(pattern).filter(|_| dialect == Dialect::Linear);
        let matcher = match regular {
            Some(text) => {
                Matcher::Linear(Box::new(Linear { text: anchored(text, flags), flags, regex: OnceLock::new() }))
            }
            None => Matcher::Perl(Box::new(Perl { text: pattern.expression.clone(), flags, regex: OnceLock::new() })),
        };
        let captures = captures(pattern, &matcher);
        Ok(Self { matcher, captures })
    }

    #[cfg(test)]
    fn is_linear(&self) -> bool {
        matches!(self.matcher, Matcher::Linear(_))
    }

    /// The first match at or after `start`, as if the text began at `start` for anchors: callers slice the text.
    pub fn find(
        &self,
        number: u32,
        text: &[u8],
        start: usize,
        caches: &mut ExpressionCaches,
    ) -> Option<(usize, usize)> {
        match &self.matcher {
            Matcher::Linear(linear) => {
                let regex = linear.regex()?;
                let cache = caches.get(number, regex);
                let input = Input::new(text).range(start.min(text.len())..);
                regex.search_with(cache, &input).map(|m| (m.start(), m.end()))
            }
            Matcher::Perl(perl) => {
                // An exhausted limit counts as no match, as it does for Suricata.
                let found = perl.regex()?.find_at(text, start.min(text.len())).ok().flatten()?;
                Some((found.start(), found.end()))
            }
        }
    }

    /// The spans of the groups of [`Expression::captures`] for the first match at or after `start`.
    pub fn capture(&self, text: &[u8], start: usize) -> Vec<Option<(usize, usize)>> {
        match &self.matcher {
            Matcher::Linear(linear) => {
                let Some(regex) = linear.regex() else { return Vec::new() };
                let mut found = Captures::all(regex.group_info().clone());
                regex.captures(Input::new(text).range(start.min(text.len())..), &mut found);
                let span = |group| found.get_group(group).map(|s| (s.start, s.end));
                self.captures.iter().map(|c| span(c.group)).collect()
            }
            Matcher::Perl(perl) => {
                let Some(regex) = perl.regex() else { return Vec::new() };
                let mut locations = regex.capture_locations();
                let found = regex.captures_read_at(&mut locations, text, start.min(text.len())).ok().flatten();
                if found.is_none() {
                    return Vec::new();
                }
                self.captures.iter().map(|c| locations.get(c.group)).collect()
            }
        }
    }
}

/// Names that the rule lists, or groups named `flow_x`, `pkt_x`, `alert_x`.
fn captures(pattern: &Pattern, matcher: &Matcher) -> Box<[Capture]> {
    if !pattern.captures.is_empty() {
        let listed = pattern.captures.iter().enumerate();
        return listed
            .map(|(i, (scope, name))| Capture { scope: *scope, name: name.as_str().into(), group: i + 1 })
            .collect();
    }
    // Only then is it worth compiling.
    if !["flow_", "pkt_", "alert_"].iter().any(|scope| pattern.expression.contains(scope)) {
        return Box::default();
    }
    let names: Vec<Option<String>> = match matcher {
        Matcher::Linear(linear) => linear.regex().map_or_else(Vec::new, |r| {
            r.group_info().pattern_names(PatternID::ZERO).map(|n| n.map(str::to_owned)).collect()
        }),
        Matcher::Perl(perl) => perl.regex().map_or_else(Vec::new, |r| r.capture_names().to_vec()),
    };
    let scoped = |name: &str| {
        let scopes = [("flow_", CaptureScope::Flow), ("pkt_", CaptureScope::Packet), ("alert_", CaptureScope::Alert)];
        scopes.iter().find_map(|(prefix, scope)| name.strip_prefix(prefix).map(|rest| (*scope, rest.to_owned())))
    };
    let named = names.iter().enumerate().filter_map(|(group, name)| Some((group, scoped(name.as_deref()?)?)));
    named.map(|(group, (scope, name))| Capture { scope, name: name.into(), group }).collect()
}

impl Linear {
    fn regex(&self) -> Option<&Regex> {
        // `is_linear` has made sure that it can be built.
        self.regex.get_or_init(|| linear(&self.text, self.flags)).as_ref()
    }
}

impl Perl {
    fn regex(&self) -> Option<&pcre2::bytes::Regex> {
        self.regex.get_or_init(|| perl(&self.text, self.flags).ok()).as_ref()
    }
}

/// Whether the linear engine takes an expression. Most are so small that reading them is enough; a large one is built, since
/// only then it is known to fit. One that does not fit is left to PCRE2, which keeps counted repetitions as they are written.
fn is_linear(text: String, flags: PatternFlags) -> bool {
    match syntax::parse_with(&text, &linear_syntax(flags)) {
        Ok(parsed) => states(&parsed) <= SURE_STATES_MAX || linear(&anchored(text, flags), flags).is_some(),
        Err(_) => false,
    }
}

/// About how many states an expression unrolls into. The parser bounds how deep it nests.
fn states(parsed: &Hir) -> usize {
    let sum = |parts: &[Hir]| parts.iter().map(states).fold(1, usize::saturating_add);
    match parsed.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(4),
        HirKind::Repetition(repeated) => {
            let times = repeated.max.unwrap_or(repeated.min).saturating_add(1);
            states(&repeated.sub).saturating_add(1).saturating_mul(usize::try_from(times).unwrap_or(usize::MAX))
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
    }
}

/// `None` when it would not fit.
fn linear(text: &str, flags: PatternFlags) -> Option<Regex> {
    let config = Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(AUTOMATON_BYTES_MAX))
        .hybrid_cache_capacity(LAZY_BYTES_MAX)
        .onepass(false);
    Regex::builder().configure(config).syntax(linear_syntax(flags)).build(text).ok()
}

fn translated(pattern: &Pattern) -> Option<String> {
    let flags = pattern.flags;
    regular::translate(&pattern.expression, flags.dollar_end_only, flags.multi_line, flags.extended)
}

fn linear_syntax(flags: PatternFlags) -> syntax::Config {
    syntax::Config::new()
        .unicode(false)
        .utf8(false)
        .case_insensitive(flags.caseless)
        .dot_matches_new_line(flags.dot_all)
        .multi_line(flags.multi_line)
        .swap_greed(flags.ungreedy)
}

fn anchored(text: String, flags: PatternFlags) -> String {
    if flags.anchored { format!("\\A(?:{text})") } else { text }
}

fn perl(text: &str, flags: PatternFlags) -> Result<pcre2::bytes::Regex, String> {
    let limit = if flags.no_limit { MATCH_LIMIT_LIFTED } else { MATCH_LIMIT };
    let inline = if flags.ungreedy { "(?U)" } else { "" };
    // PCRE2's depth limit does not count in the same steps when it is compiled to machine code; both are set.
    let text = if flags.anchored { format!("\\A(?:{text})") } else { text.to_owned() };
    let text =
        if flags.dollar_end_only { text.strip_suffix('$').map_or(text.clone(), |t| format!("{t}\\z")) } else { text };
    let limited = format!("(*LIMIT_MATCH={limit})(*LIMIT_DEPTH={DEPTH_LIMIT}){inline}{text}");
    pcre2::bytes::RegexBuilder::new()
        .caseless(flags.caseless)
        .dotall(flags.dot_all)
        .multi_line(flags.multi_line)
        .extended(flags.extended)
        .jit_if_available(true)
        .build(&limited)
        .map_err(|error| format!("the expression is not valid: {}", plain(&error.to_string())))
}

/// PCRE2's message without its preamble.
fn plain(message: &str) -> &str {
    message.rsplit_once(": ").map_or(message, |(_, reason)| reason)
}

impl ExpressionCaches {
    fn get(&mut self, number: u32, regex: &Regex) -> &mut Cache {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if self.caches.len() <= index {
            self.caches.resize_with(index.saturating_add(1), || None);
        }
        // The slot exists: the list was just made long enough.
        match self.caches.get_mut(index) {
            Some(slot) => slot.get_or_insert_with(|| Box::new(regex.create_cache())),
            None => unreachable!("the list is longer than the index"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(expression: &str, flags: PatternFlags) -> Result<Expression, String> {
        let expression = expression.to_owned();
        Expression::compile(&Pattern {
            expression,
            negated: false,
            relative: false,
            flags,
            dialect: Dialect::Unknown,
            captures: Vec::new(),
        })
    }

    fn check(expression: &str, linear: bool, text: &[u8], expected: Option<(usize, usize)>) {
        let compiled = compile(expression, PatternFlags::default()).expect(expression);
        assert_eq!(compiled.is_linear(), linear, "{expression}");
        assert_eq!(compiled.find(0, text, 0, &mut ExpressionCaches::default()), expected, "{expression}");
    }

    #[test]
    fn both_kinds_find_the_same_things() {
        check(r"b\d+", true, b"ab12c", Some((1, 4)));
        check(r"(b)\d+\1", false, b"ab12b", Some((1, 5)));
        check(r"c$", true, b"abc\n", Some((2, 4)));
        check(r"\xff.", true, b"a\xff\xfe", Some((1, 3)));
        check(r"a(?!b)", false, b"abac", Some((2, 3)));
    }

    #[test]
    fn an_expression_that_would_run_for_ever_ends() {
        let text = vec![b'a'; 4000];
        check(r"^(a+)+(?!x)b$", false, &text, None);
    }

    #[test]
    fn what_unrolls_too_far_is_left_to_the_other_engine() {
        check(r"^(?:[ab]{1,90}x){900}$", false, &b"abx".repeat(900), Some((0, 2700)));
        check(r"(?:[ab]{1,9}x){9}y", true, b"abxaxaxaxaxaxaxaxaxy", Some((0, 20)));
    }

    #[test]
    fn what_no_engine_can_hold_is_refused_with_its_reason() {
        let reason = compile(r"(?:(?:[a-f][0-9]){500}){500}", PatternFlags::default()).err();
        assert!(reason.is_some_and(|reason| reason.contains("too large")));
    }

    #[test]
    fn a_bad_expression_is_told() {
        assert!(compile("(a", PatternFlags::default()).is_err());
        assert!(compile(r"\1[", PatternFlags::default()).is_err());
    }
}
