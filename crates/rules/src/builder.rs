//! Puts a rule together from its options, one after another.

mod contents;
mod limits;
mod meta;
mod packets;

use crate::{
    buffer::{self, Buffer},
    bytes::Names,
    condition::{Condition, Effect, FieldCheck, FieldIndex, FieldTest, Transform},
    content::Content,
    context::Context,
    field,
    head::Head,
    keyword,
    lines::Line,
    option::RuleOption,
    rule::{Action, Meta, Placed, Rule, Section, Test},
    text::{Fault, Text},
    threshold::Threshold,
    transform,
};
use phitak_model::Direction;
use std::sync::Arc;

/// Most buffers of one rule.
pub const SECTIONS_MAX: usize = 64;

/// Whether a group of keywords took an option.
type Taken = Result<bool, Fault>;

pub(crate) struct Builder<'a> {
    context: &'a Context,
    line: &'a Line<'a>,
    meta: Meta,
    metadata_count: usize,
    seen: Vec<&'static str>,
    no_alert: bool,
    prefilter: bool,
    threshold: Option<Threshold>,
    detection_filter: Option<Threshold>,
    conditions: Vec<Placed<Condition>>,
    sections: Vec<Draft>,
    effects: Vec<Placed<Effect>>,
    names: Names,
    /// The sticky buffer that is on: an index into `sections`.
    sticky: Option<usize>,
    /// The content that modifiers change: section and test; and the section of the test before, with what is relative to it.
    last: Option<(usize, usize)>,
    before: Option<usize>,
}

/// A section while it grows.
struct Draft {
    buffer: Buffer,
    transforms: Vec<Transform>,
    direction: Option<Direction>,
    /// Made by a content modifier or a flag of pcre, which add to one section of their buffer.
    legacy: bool,
    tests: Vec<Placed<Test>>,
    /// Where its keyword stands.
    at: usize,
}

impl Draft {
    fn finish(self, line: &Line<'_>) -> Section {
        let (line, column) = line.place(self.at);
        let Self { buffer, transforms, direction, tests, .. } = self;
        Section { buffer, transforms, direction, tests, line, column }
    }
}

impl<'a> Builder<'a> {
    pub fn new(context: &'a Context, line: &'a Line<'a>) -> Self {
        Self {
            context,
            line,
            meta: Meta { gid: 1, ..Meta::default() },
            metadata_count: 0,
            seen: Vec::new(),
            no_alert: false,
            prefilter: false,
            threshold: None,
            detection_filter: None,
            conditions: Vec::new(),
            sections: Vec::new(),
            effects: Vec::new(),
            names: Names::new(),
            sticky: None,
            last: None,
            before: None,
        }
    }

    /// Takes one option.
    pub fn take(&mut self, option: RuleOption<'_>) -> Result<(), Fault> {
        let RuleOption { keyword, value } = option;
        if self.take_meta(keyword, value)?
            || self.take_contents(keyword, value)?
            || self.take_packet(keyword, value)?
            || self.take_flow(keyword, value)?
            || self.take_buffer(keyword, value)?
        {
            return Ok(());
        }
        if keyword.text == "tls_cert_valid" {
            no_value(keyword, value)?;
            for (name, check) in
                [("tls_cert_notbefore", FieldCheck::BeforeNow), ("tls_cert_notafter", FieldCheck::AfterNow)]
            {
                let test = FieldTest { name: name.into(), check, index: FieldIndex::Any, direction: None };
                self.condition(keyword, Condition::Field(test));
            }
            return Ok(());
        }
        if let Some(test) = field::parse(keyword, value, &self.context.fields) {
            self.condition(keyword, Condition::Field(test?));
            return Ok(());
        }
        Err(keyword::unusable(keyword))
    }

    fn placed<T>(&self, at: usize, value: T) -> Placed<T> {
        let (line, column) = self.line.place(at);
        Placed { value, line, column }
    }

    fn condition(&mut self, keyword: Text<'_>, condition: Condition) {
        let placed = self.placed(keyword.at, condition);
        self.conditions.push(placed);
    }

    fn effect(&mut self, keyword: Text<'_>, effect: Effect) {
        let placed = self.placed(keyword.at, effect);
        self.effects.push(placed);
    }

    /// Keywords that a rule may have once.
    fn once(&mut self, keyword: Text<'_>, name: &'static str) -> Result<(), Fault> {
        if self.seen.contains(&name) {
            return Err(keyword.fault(format!("{name} is given twice")));
        }
        self.seen.push(name);
        Ok(())
    }

    fn new_section(&mut self, keyword: Text<'_>, buffer: Buffer, legacy: bool) -> Result<usize, Fault> {
        if self.sections.len() >= SECTIONS_MAX {
            return Err(keyword.fault(format!("more than {SECTIONS_MAX} buffers")));
        }
        self.sections.push(Draft {
            buffer,
            transforms: Vec::new(),
            direction: None,
            legacy,
            tests: Vec::new(),
            at: keyword.at,
        });
        Ok(self.sections.len() - 1)
    }

    /// The section that contents go to: the sticky buffer's, or the payload's.
    fn current(&mut self, keyword: Text<'_>) -> Result<usize, Fault> {
        match self.sticky {
            Some(index) => Ok(index),
            None => self.legacy_section(keyword, &Buffer::Payload),
        }
    }

    /// The same for what is relative to the last match: without a sticky buffer, it belongs where that match is, which
    /// an older keyword may have moved.
    fn current_for(&mut self, keyword: Text<'_>, is_relative: bool) -> Result<usize, Fault> {
        match (self.sticky, self.before) {
            (None, Some(section)) if is_relative => Ok(section),
            _ => self.current(keyword),
        }
    }

    /// The one section of a buffer that older keywords share.
    fn legacy_section(&mut self, keyword: Text<'_>, buffer: &Buffer) -> Result<usize, Fault> {
        let found = self.sections.iter().position(|s| s.legacy && s.buffer == *buffer);
        match found {
            Some(index) => Ok(index),
            None => self.new_section(keyword, buffer.clone(), true),
        }
    }

    fn push_test(&mut self, section: usize, keyword: Text<'_>, test: Test) {
        let is_content = matches!(test, Test::Content(_));
        let placed = self.placed(keyword.at, test);
        if let Some(draft) = self.sections.get_mut(section) {
            draft.tests.push(placed);
            self.before = Some(section);
            if is_content {
                self.last = Some((section, draft.tests.len() - 1));
            }
        }
    }

    /// The sticky buffer's section when it is of this name.
    fn sticky_of(&self, name: &str) -> Option<usize> {
        let index = self.sticky?;
        let draft = self.sections.get(index)?;
        // Files of HTTP are its response bodies.
        let same = |n: &str| n == name || n == "file.data" && name == "http.response_body";
        matches!(&draft.buffer, Buffer::Named(n) if same(n)).then_some(index)
    }

    /// The section that a transform belongs to: the sticky buffer's, or, behind contents, a new one of the same buffer.
    fn transformed(&mut self, keyword: Text<'_>) -> Result<usize, Fault> {
        let found = self.sticky.and_then(|i| self.sections.get(i).map(|d| (i, d)));
        let Some((index, draft)) = found else {
            return Err(keyword.fault(format!("{} must follow a sticky buffer", keyword.text)));
        };
        if draft.tests.is_empty() {
            return Ok(index);
        }
        let (buffer, direction) = (draft.buffer.clone(), draft.direction);
        let index = self.new_section(keyword, buffer, false)?;
        if let Some(draft) = self.sections.get_mut(index) {
            draft.direction = direction;
        }
        self.sticky = Some(index);
        Ok(index)
    }

    /// Sticky buffers, content modifiers and transforms.
    fn take_buffer(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        if let Some(name) = buffer::modifier(keyword.text) {
            no_value(keyword, value)?;
            self.modify(keyword, name)?;
            return Ok(true);
        }
        if let Some(read) = transform::parse(keyword, value, &self.names) {
            let transform = read?;
            let index = self.transformed(keyword)?;
            if let Some(draft) = self.sections.get_mut(index) {
                draft.transforms.push(transform);
            }
            return Ok(true);
        }
        let buffer = match keyword.text {
            "frame" => {
                let value = needed(keyword, value)?;
                match value.split_once('.') {
                    Some((protocol, kind)) if crate::head::app_names(protocol.text, self.context).is_some() => {
                        Buffer::Frame { protocol: Some(protocol.text.to_owned()), kind: kind.text.to_owned() }
                    }
                    _ => Buffer::Frame { protocol: None, kind: value.text.to_owned() },
                }
            }
            _ => match buffer::sticky(keyword.text, &self.context.buffers) {
                Some(buffer) => buffer,
                None => return Ok(false),
            },
        };
        self.check_sticky_was_used()?;
        let index = self.new_section(keyword, buffer, false)?;
        if let Some(value) = value.filter(|v| !v.is_empty() && keyword.text != "frame") {
            let direction = match value.text {
                "to_server" => Direction::ToServer,
                "to_client" => Direction::ToClient,
                _ => return Err(value.fault(format!("{} takes no value but to_server or to_client", keyword.text))),
            };
            if let Some(draft) = self.sections.get_mut(index) {
                draft.direction = Some(direction);
            }
        }
        self.sticky = Some(index);
        (self.last, self.before) = (None, None);
        Ok(true)
    }

    /// Moves the last content into a modifier's buffer.
    fn modify(&mut self, keyword: Text<'_>, name: &'static str) -> Result<(), Fault> {
        if self.sticky.is_some() {
            return Err(keyword
                .fault(format!("{} cannot be used while a sticky buffer is on", keyword.text))
                .hint(format!("write {name} before the content")));
        }
        let place = self.last.filter(|(s, t)| self.content_at(*s, *t).is_some());
        let Some((section, test)) = place else {
            return Err(keyword.fault(format!("{} has no content before it", keyword.text)));
        };
        let is_payload = self.sections.get(section).is_some_and(|d| d.buffer == Buffer::Payload);
        if !is_payload {
            return Err(keyword.fault("the content before it belongs to another buffer already"));
        }
        let moved = self.sections.get_mut(section).map(|d| d.tests.remove(test));
        let target = self.legacy_section(keyword, &Buffer::Named(name.to_owned()))?;
        if let (Some(moved), Some(draft)) = (moved, self.sections.get_mut(target)) {
            draft.tests.push(moved);
            self.last = Some((target, draft.tests.len() - 1));
            self.before = Some(target);
        }
        Ok(())
    }

    fn content_at(&self, section: usize, test: usize) -> Option<&Content> {
        match &self.sections.get(section)?.tests.get(test)?.value {
            Test::Content(content) => Some(content),
            _ => None,
        }
    }

    /// The content that `nocase` and its like change.
    fn last_content(&mut self, keyword: Text<'_>) -> Result<&mut Content, Fault> {
        let missing = || keyword.fault(format!("{} has no content before it", keyword.text));
        let (section, test) = self.last.ok_or_else(missing)?;
        let found = self.sections.get_mut(section).and_then(|d| d.tests.get_mut(test)).map(|t| &mut t.value);
        match found {
            Some(Test::Content(content)) => Ok(content),
            _ => Err(missing()),
        }
    }

    fn check_sticky_was_used(&self) -> Result<(), Fault> {
        let draft = self.sticky.and_then(|i| self.sections.get(i));
        match draft {
            Some(d) if d.tests.is_empty() => Err(Fault::new(d.at, "nothing is looked for in this buffer")),
            _ => Ok(()),
        }
    }

    pub fn finish(mut self, file: Arc<str>, place: (u32, u32), head: Head, body: Text<'_>) -> Result<Rule, Fault> {
        let end = Text::new("", body.at + body.text.len());
        self.check_sticky_was_used()?;
        if self.meta.sid == 0 {
            return Err(end.fault("the rule has no sid"));
        }
        self.settle_class();
        self.sections.retain(|d| !d.tests.is_empty());
        for draft in &self.sections {
            self.check_section(draft)?;
        }
        let line = self.line;
        let sections = self.sections.into_iter().map(|draft| draft.finish(line)).collect();
        Ok(Rule {
            file,
            line: place.0,
            column: place.1,
            action: head.action,
            protocol: head.protocol,
            hook: head.hook,
            source: head.source,
            source_ports: head.source_ports,
            arrow: head.arrow,
            destination: head.destination,
            destination_ports: head.destination_ports,
            meta: self.meta,
            no_alert: self.no_alert || head.action == Action::Config,
            prefilter: self.prefilter,
            threshold: self.threshold,
            detection_filter: self.detection_filter,
            conditions: self.conditions,
            sections,
            effects: self.effects,
            variables: self.names,
        })
    }
}

fn needed<'t>(keyword: Text<'t>, value: Option<Text<'t>>) -> Result<Text<'t>, Fault> {
    value.filter(|v| !v.is_empty()).ok_or_else(|| keyword.fault(format!("{} needs a value", keyword.text)))
}

fn no_value(keyword: Text<'_>, value: Option<Text<'_>>) -> Result<(), Fault> {
    match value {
        Some(value) if !value.is_empty() => Err(value.fault(format!("{} takes no value", keyword.text))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// How many tests each buffer of a rule with these options has.
    fn check(options: &str, expected: &[(&str, usize)]) {
        let text = format!("alert tcp any any -> any any ({options} sid:1;)");
        let parsed = parse("x", &text, &Context::default());
        let rule = parsed.rules.first().unwrap_or_else(|| panic!("{options}: {:?}", parsed.diagnostics));
        let name = |section: &Section| match &section.buffer {
            Buffer::Named(name) => name.clone(),
            other => format!("{other:?}"),
        };
        let found: Vec<(String, usize)> = rule.sections.iter().map(|s| (name(s), s.tests.len())).collect();
        let expected: Vec<(String, usize)> = expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(found, expected, "{options}");
    }

    #[test]
    fn what_is_relative_belongs_where_the_last_match_is() {
        check(r#"uricontent:"a"; isdataat:10,relative;"#, &[("http.uri", 2)]);
        check(r#"uricontent:"a"; isdataat:10;"#, &[("http.uri", 1), ("Payload", 1)]);
        check(r#"content:"a"; http_header; byte_test:1,>,2,0,relative; pcre:"/x/R";"#, &[("http.header", 3)]);
        check(r#"pcre:"/a/U"; byte_jump:1,0,relative; content:"b";"#, &[("http.uri", 2), ("Payload", 1)]);
        check(
            r#"content:"a"; http_uri; file_data; content:"b"; isdataat:1,relative;"#,
            &[("http.uri", 1), ("file.data", 2)],
        );
        check(r#"content:"a"; http_uri; content:"b"; isdataat:1,relative;"#, &[("Payload", 2), ("http.uri", 1)]);
    }
}
