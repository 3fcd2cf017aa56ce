//! Sections of rules into programs.

use super::{Compiler, Trouble};
use crate::{
    compiled::{Absent, Section},
    dataset::BaseSet,
    expression::Expression,
    prefilter::small,
    program::{ContentStep, Needle, PatternStep, Program, Step},
    transform::Transforms,
};
use phitak_rules::{
    Placed, Test,
    dataset::{DataKind, DatasetJson},
};

impl Compiler<'_> {
    /// Compiles one section; those of decoded Base64 hang on the section that decodes.
    pub(super) fn section(&mut self, section: &phitak_rules::Section, base64: &[Placed<Test>]) -> Result<u32, Trouble> {
        let at = (section.line, section.column);
        let transforms = Transforms::compile(&section.transforms, &mut self.expressions)
            .map_err(|reason| Trouble::new(at, reason))?;
        let program = self.program(&section.tests, base64)?;
        let absent = section.tests.iter().find_map(|t| match t.value {
            Test::Absent { or_else: true } => Some(Absent::OrElse),
            Test::Absent { or_else: false } => Some(Absent::Only),
            _ => None,
        });
        self.sections.push(Section { transforms, program, absent: absent.unwrap_or_default() });
        Ok(small(self.sections.len() - 1))
    }

    fn program(&mut self, tests: &[Placed<Test>], base64: &[Placed<Test>]) -> Result<Program, Trouble> {
        let mut steps = Vec::with_capacity(tests.len());
        for (index, test) in tests.iter().enumerate() {
            let rest = tests.get(index + 1..).unwrap_or_default();
            if let Some(step) = self.step(test, rest, base64)? {
                steps.push(step);
            }
        }
        // A buffer's size is cheap to look at: it comes first.
        steps.sort_by_key(|s| !matches!(s, Step::Size(_)));
        let has_variables = steps.iter().any(|s| matches!(s, Step::ByteExtract(_) | Step::ByteMath(_)));
        let has_positive = steps.iter().any(|s| match s {
            Step::Content(c) => !c.content.negated,
            Step::Pattern(p) => !p.negated,
            _ => false,
        });
        Ok(Program { steps: steps.into(), has_variables, has_positive })
    }

    fn step(
        &mut self,
        test: &Placed<Test>,
        rest: &[Placed<Test>],
        base64: &[Placed<Test>],
    ) -> Result<Option<Step>, Trouble> {
        let at = (test.line, test.column);
        Ok(Some(match &test.value {
            Test::Content(content) => {
                let retry = is_needed_by(rest);
                let needle = Needle::new(&content.pattern, content.nocase);
                Step::Content(ContentStep { content: content.clone(), needle, retry })
            }
            Test::Pattern(pattern) => {
                let expression = Expression::compile(pattern).map_err(|reason| Trouble::new(at, reason))?;
                let number = self.expressions;
                self.expressions = self.expressions.saturating_add(1);
                Step::Pattern(PatternStep {
                    expression,
                    number,
                    negated: pattern.negated,
                    relative: pattern.relative,
                    retry: is_needed_by(rest),
                })
            }
            Test::IsDataAt(test) => Step::IsDataAt(*test),
            Test::ByteTest(test) => Step::ByteTest(*test),
            Test::ByteJump(jump) => Step::ByteJump(*jump),
            Test::ByteExtract(extract) => Step::ByteExtract(*extract),
            Test::ByteMath(math) => Step::ByteMath(*math),
            Test::BufferSize(test) => Step::Size(*test),
            Test::Asn1(asn1) => Step::Asn1(*asn1),
            Test::Entropy(entropy) => Step::Entropy(*entropy),
            Test::Absent { .. } => return Ok(None),
            Test::Dataset(set) => {
                let number = self
                    .set(&set.name, set.kind, set.load.as_deref(), set.json.as_ref())
                    .map_err(|r| Trouble::new(at, r))?;
                Step::Dataset { set: number, command: set.command }
            }
            Test::DataReputation(set) => {
                let number =
                    self.set(&set.name, set.kind, set.load.as_deref(), None).map_err(|r| Trouble::new(at, r))?;
                Step::Reputation { set: number, test: set.test }
            }
            Test::Base64Decode(decode) => {
                let inner = if base64.is_empty() { Program::default() } else { self.program(base64, &[])? };
                Step::Base64 { decode: *decode, inner }
            }
        }))
    }

    /// The number of a set; sets of one name are one set, and are loaded once.
    fn set(
        &mut self,
        name: &str,
        kind: Option<DataKind>,
        load: Option<&str>,
        json: Option<&DatasetJson>,
    ) -> Result<u32, String> {
        if let Some(index) = self.sets.iter().position(|s| s.name == name) {
            return match (kind, self.sets.get(index)) {
                (Some(kind), Some(set)) if set.kind != kind => {
                    Err(format!("the set {name} has another type in an earlier rule"))
                }
                _ => Ok(small(index)),
            };
        }
        let Some(kind) = kind else {
            return Err(format!("the set {name} is not known yet: its first use must name its type"));
        };
        let file = match load {
            None => None,
            Some(file) => match self.settings.files.get(file) {
                Some(bytes) => Some(bytes.as_slice()),
                None => return Err(format!("the file {file:?} of the set {name} was not found")),
            },
        };
        self.sets.push(BaseSet::load(name, kind, file, json)?);
        Ok(small(self.sets.len() - 1))
    }
}

/// Whether what follows depends on where this is found: something relative comes before the next content or expression
/// that moves on, or is it.
pub(crate) fn is_needed_by(rest: &[Placed<Test>]) -> bool {
    for test in rest {
        match &test.value {
            Test::Content(content) if content.is_relative() => return true,
            Test::Pattern(pattern) if pattern.relative => return true,
            // What must not be there moves nothing: the next one is relative to the same place.
            Test::Content(content) if !content.negated => return false,
            Test::Pattern(pattern) if !pattern.negated => return false,
            Test::IsDataAt(test) if test.relative => return true,
            Test::ByteTest(test) if test.reading.relative => return true,
            Test::ByteJump(jump) if jump.reading.relative => return true,
            Test::ByteExtract(extract) if extract.reading.relative => return true,
            Test::ByteMath(math) if math.reading.relative => return true,
            Test::Base64Decode(decode) if decode.relative => return true,
            Test::Asn1(asn1) if asn1.relative => return true,
            _ => {}
        }
    }
    false
}
