//! A rules file: text in, rules and diagnostics out. Good rules load; each bad one is told with its place.

use crate::{
    builder::Builder,
    context::Context,
    diagnostic::Diagnostic,
    head::{self, Lists},
    lines::{self, Line},
    option::{self, RuleOption},
    rule::Rule,
    text::{Fault, Text},
};
use std::sync::Arc;

/// What was read of one file.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub rules: Vec<Rule>,
    pub diagnostics: Vec<Diagnostic>,
    /// Rules that `requires` leaves out: not wrong, but not loaded.
    pub left_out: Vec<Diagnostic>,
}

/// How reading one rule ended without a rule.
pub(crate) enum Refusal {
    Fault(Fault),
    /// `requires` is not met: why, and where.
    LeftOut(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Parsed {
    /// Adds what was read of text that follows.
    pub fn append(&mut self, mut later: Self) {
        self.rules.append(&mut later.rules);
        self.diagnostics.append(&mut later.diagnostics);
        self.left_out.append(&mut later.left_out);
    }
}

/// Part of a rules file that can be parsed alone: it begins and ends between rules.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    text: &'a str,
    first_line: u32,
}

impl Piece<'_> {
    /// In bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Cuts a rules file into about `count` pieces of like size. What they parse to, appended in order, is what the whole
/// file parses to.
#[must_use]
pub fn pieces(text: &str, count: usize) -> Vec<Piece<'_>> {
    lines::pieces(text, count).into_iter().map(|(first_line, text)| Piece { text, first_line }).collect()
}

/// Parses the text of a rules file; `file` is its name in diagnostics.
#[must_use]
pub fn parse(file: &str, text: &str, context: &Context) -> Parsed {
    parse_piece(file, Piece { text, first_line: 1 }, context)
}

/// Parses one piece of a rules file.
#[must_use]
pub fn parse_piece(file: &str, piece: Piece<'_>, context: &Context) -> Parsed {
    let name: Arc<str> = Arc::from(file);
    let mut parsed = Parsed::default();
    let mut lists = Lists::default();
    let (logical, faults) = lines::logical_lines(piece.text, piece.first_line);
    for (number, fault) in faults {
        parsed.diagnostics.push(diagnostic(file, (number, 1), None, fault));
    }
    for line in &logical {
        match rule(&name, line, context, &mut lists) {
            Ok(rule) => parsed.rules.push(rule),
            Err(Refusal::Fault(fault)) => {
                parsed.diagnostics.push(diagnostic(file, line.place(fault.at), sid_of(&line.text), fault))
            }
            Err(Refusal::LeftOut(fault)) => {
                parsed.left_out.push(diagnostic(file, line.place(fault.at), sid_of(&line.text), fault))
            }
        }
    }
    parsed.diagnostics.sort_by_key(|d| (d.line, d.column));
    parsed
}

fn diagnostic(file: &str, (line, column): (u32, u32), sid: Option<u32>, fault: Fault) -> Diagnostic {
    Diagnostic { file: file.to_owned(), line, column, sid, reason: fault.reason, hint: fault.hint }
}

/// The sid of a rule that may be broken: the number behind its last `sid:`.
fn sid_of(text: &str) -> Option<u32> {
    let (_, after) = text.rsplit_once("sid:")?;
    let after = after.trim_start();
    let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    after.get(..digits)?.parse().ok()
}

fn rule(file: &Arc<str>, line: &Line<'_>, context: &Context, lists: &mut Lists) -> Result<Rule, Refusal> {
    let text = Text::new(&line.text, 0);
    let Some(open) = options_start(&line.text) else {
        return Err(no_options(text, context, lists).into());
    };
    let head = head::parse(text.to(open), context, lists)?;
    let body = text.from(open + 1);
    let trimmed = Text { text: body.text.trim_end(), at: body.at };
    let Some(inner) = trimmed.strip_suffix(")") else {
        let end = Text::new("", trimmed.at + trimmed.text.len());
        return Err(end.fault("the options are not closed by \")\"").into());
    };
    let options = option::split(inner)?;
    requirements(&options)?;
    let mut builder = Builder::new(context, line);
    for option in &options {
        builder.take(*option)?;
    }
    let (first_line, first_column) = line.place(text.trim().at);
    Ok(builder.finish(Arc::clone(file), (first_line, first_column), head, inner)?)
}

/// Where the options open: the first "(" outside brackets.
fn options_start(text: &str) -> Option<usize> {
    text.find('(')
}

fn no_options(text: Text<'_>, context: &Context, lists: &mut Lists) -> Fault {
    match head::parse(text, context, lists) {
        Err(fault) => fault,
        Ok(_) => Text::new("", text.at + text.text.trim_end().len()).fault("the rule has no options in \"(…)\""),
    }
}

/// `requires` is weighed before all else, since what follows may be of another version's language.
fn requirements(options: &[RuleOption<'_>]) -> Result<(), Refusal> {
    for option in options.iter().filter(|o| o.keyword.text == "requires") {
        let Some(value) = option.value else {
            return Err(option.keyword.fault("requires needs a value").into());
        };
        if let Some(why) = crate::requires::unmet(value, &|keyword| crate::keyword::is_known(keyword))? {
            return Err(Refusal::LeftOut(option.keyword.fault(why)));
        }
    }
    Ok(())
}
