//! Parsed rules into a [`Ruleset`]: ordered, resolved against the catalogue, grouped.

mod events;
pub(crate) mod found_by;
mod groups;
mod literals;
mod order;
mod resolve;
pub(crate) mod sections;

use crate::{
    address_index::{AddressIndex, AddressRule},
    compiled::{CompiledRule, Kind, Route, Section},
    dataset::BaseSet,
    expression::Expression,
    names::Names,
    prefilter::small,
    program::run::STEPS_MAX,
    ruleset::{Catalogue, Compiled, RuleInfo, Ruleset, Settings},
    threshold::{Extra, Rate},
    zones::ZoneFinder,
};
use groups::{AppGroupsBuilder, EventRules, PacketGroups};
use phitak_rules::{Diagnostic, Rule, ThresholdRule, threshold::ThresholdLine};
use resolve::Resolved;
use std::collections::HashMap;

/// Suricata's `packet-alert-max`.
const ALERTS_MAX: u32 = 15;

/// Why a rule cannot be compiled, and where.
pub(crate) struct Trouble {
    at: (u32, u32),
    reason: String,
}

impl Trouble {
    fn new(at: (u32, u32), reason: String) -> Self {
        Self { at, reason }
    }
}

/// What grows while rules are compiled.
pub(crate) struct Compiler<'a> {
    catalogue: &'a Catalogue<'a>,
    settings: &'a Settings,
    /// Per protocol: its buffers' numbers by their names.
    buffers: Vec<HashMap<&'static str, u8>>,
    sections: Vec<Section>,
    sets: Vec<BaseSet>,
    flow_bits: Names,
    flow_ints: Names,
    host_bits: Names,
    /// Expressions so far: their numbers are places in the workers' caches.
    expressions: u32,
}

/// Compiles rules against what the engine offers. Rules that cannot be compiled are left out and told.
#[must_use]
pub fn compile(rules: Vec<Rule>, catalogue: &Catalogue<'_>, settings: &Settings) -> Compiled {
    let mut diagnostics = Vec::new();
    let (thresholds, told) = match &settings.thresholds {
        Some(file) => phitak_rules::threshold::read_config(&file.name, &file.text, &settings.variables),
        None => (Vec::new(), Vec::new()),
    };
    diagnostics.extend(told);
    let rules = without_repeats(rules, &mut diagnostics);
    let rules = order::sort(rules);
    let mut compiler = Compiler {
        catalogue,
        settings,
        buffers: catalogue.protocols.iter().map(|p| p.buffers.iter().map(|b| b.name).zip(0u8..).collect()).collect(),
        sections: Vec::new(),
        sets: Vec::new(),
        flow_bits: Names::default(),
        flow_ints: Names::default(),
        host_bits: Names::default(),
        expressions: 0,
    };
    let mut kept: Vec<(Rule, Resolved)> = Vec::with_capacity(rules.len());
    for rule in rules {
        let sections = compiler.sections.len();
        match compiler.resolve(small(kept.len()), &rule) {
            Ok(resolved) => kept.push((rule, resolved)),
            Err(trouble) => {
                compiler.sections.truncate(sections);
                diagnostics.push(diagnostic(&rule, trouble));
            }
        }
    }
    let idle = apply_thresholds(&mut kept, &thresholds);
    let file = settings.thresholds.as_ref().map_or("", |file| file.name.as_str());
    let idle_lines = idle.into_iter().map(|line| idle_line(file, line)).collect();
    diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Compiled { rules: compiler.finish(kept), diagnostics, idle_lines }
}

/// Looks at a rule's expressions, the costliest part of compiling it, and notes in the rule what was found. A vetted rule
/// compiles to the same as one that was not.
///
/// # Errors
/// The expression that cannot be used.
pub fn vet(rule: &mut Rule) -> Result<(), Diagnostic> {
    let mut trouble = None;
    for test in rule.sections.iter_mut().flat_map(|section| &mut section.tests) {
        let phitak_rules::Test::Pattern(pattern) = &mut test.value else { continue };
        match Expression::dialect(pattern) {
            Ok(dialect) => pattern.dialect = dialect,
            Err(reason) => {
                trouble = Some(Trouble::new((test.line, test.column), reason));
                break;
            }
        }
    }
    trouble.map_or(Ok(()), |trouble| Err(diagnostic(rule, trouble)))
}

fn diagnostic(rule: &Rule, trouble: Trouble) -> Diagnostic {
    let (line, column) = trouble.at;
    Diagnostic {
        file: rule.file.to_string(),
        line,
        column,
        sid: Some(rule.meta.sid),
        reason: trouble.reason,
        hint: None,
    }
}

/// Of rules with one gid and sid the highest revision stays; of the same revision, the first.
fn without_repeats(rules: Vec<Rule>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Rule> {
    let mut best: HashMap<(u32, u32), (u32, usize)> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let entry = best.entry((rule.meta.gid, rule.meta.sid)).or_insert((rule.meta.rev, index));
        if rule.meta.rev > entry.0 {
            *entry = (rule.meta.rev, index);
        }
    }
    if best.len() == rules.len() {
        return rules;
    }
    let place = |key: &(u32, u32)| {
        let used = best.get(key).and_then(|(_, index)| rules.get(*index));
        used.map_or_else(String::new, |rule| format!("{}:{}", rule.file, rule.line))
    };
    let told: HashMap<usize, String> = (0..)
        .zip(&rules)
        .map(|(index, rule)| (index, (rule.meta.gid, rule.meta.sid)))
        .filter(|(index, key)| best.get(key).is_none_or(|(_, used)| used != index))
        .map(|(index, key)| (index, place(&key)))
        .collect();
    let mut kept = Vec::with_capacity(rules.len());
    for (index, rule) in rules.into_iter().enumerate() {
        match told.get(&index) {
            None => kept.push(rule),
            Some(other) => diagnostics.push(diagnostic(
                &rule,
                Trouble::new((rule.line, rule.column), format!("its sid is also that of {other}, which is used")),
            )),
        }
    }
    kept
}

/// Puts the lines of a `threshold.config` on the rules that they name, and tells which lines name none. A line about every
/// rule gives way to a threshold that a rule has of its own, or from a line that names it, as in Suricata.
fn apply_thresholds<'l>(kept: &mut [(Rule, Resolved)], lines: &'l [ThresholdLine]) -> Vec<&'l ThresholdLine> {
    let mut by_sid: HashMap<u32, Vec<usize>> = HashMap::new();
    for (index, (rule, _)) in kept.iter().enumerate() {
        by_sid.entry(rule.meta.sid).or_default().push(index);
    }
    let all: Vec<usize> = (0..kept.len()).collect();
    let mut idle = Vec::new();
    for line in lines {
        let named = if line.sid == 0 { Some(&all) } else { by_sid.get(&line.sid) };
        let mut is_idle = true;
        for index in named.into_iter().flatten() {
            let Some((rule, resolved)) = kept.get_mut(*index) else { continue };
            if line.gid == 0 || line.gid == rule.meta.gid {
                is_idle = false;
                apply_line(&mut resolved.rule, line);
            }
        }
        if is_idle {
            idle.push(line);
        }
    }
    idle
}

fn apply_line(rule: &mut CompiledRule, line: &ThresholdLine) {
    match &line.rule {
        ThresholdRule::Threshold(_) if line.sid == 0 && rule.threshold.is_some() => {}
        ThresholdRule::Threshold(threshold) => rule.threshold = Some(*threshold),
        ThresholdRule::Suppress { track, addresses } => {
            rule.extra.get_or_insert_with(Box::<Extra>::default).suppress.push((*track, addresses.clone()));
        }
        ThresholdRule::Rate { track, count, seconds, action, timeout_secs } => {
            let rate =
                Rate { track: *track, count: *count, seconds: *seconds, action: *action, timeout_secs: *timeout_secs };
            rule.extra.get_or_insert_with(Box::<Extra>::default).rates.push(rate);
        }
    }
}

fn idle_line(file: &str, line: &ThresholdLine) -> Diagnostic {
    Diagnostic {
        file: file.to_owned(),
        line: line.line,
        column: 1,
        sid: (line.sid != 0).then_some(line.sid),
        reason: "no rule that is loaded has this gid and sid".to_owned(),
        hint: None,
    }
}

impl Compiler<'_> {
    fn finish(mut self, kept: Vec<(Rule, Resolved)>) -> Ruleset {
        let mut zones = ZoneFinder::new(kept.iter().map(|(_, resolved)| &resolved.rule.head));
        let mut packets = PacketGroups::default();
        let mut app = AppGroupsBuilder::new(self.catalogue.protocols);
        let mut decoder = EventRules::new(self.catalogue.decoder_events.len());
        let mut stream = EventRules::new(self.catalogue.stream_events.len());
        let mut flow = EventRules::new(self.catalogue.flow_events.len());
        let mut addresses: Vec<AddressRule> = Vec::new();
        let mut protocol_rules = Vec::new();
        let mut routes: Vec<Route> = Vec::new();
        let mut infos = Vec::with_capacity(kept.len());
        let mut compiled = Vec::with_capacity(kept.len());
        let mut has_stream_rules = false;
        for (number, (rule, mut resolved)) in (0u32..).zip(kept) {
            let zone_set = zones.of_head(&resolved.rule.head);
            match resolved.rule.kind {
                Kind::AddressOnly => {
                    let head = &resolved.rule.head;
                    addresses.push((number, head.source.clone(), head.destination.clone(), head.both_ways));
                }
                Kind::ProtocolOnly => protocol_rules.push(number),
                _ if groups::is_for_packets(&resolved) => packets.add(number, &rule, &resolved, zone_set),
                _ => {}
            }
            if resolved.rule.kind != Kind::Transaction {
                decoder.add(&resolved.events.decoder, number);
                if resolved.events.decoder.is_empty() {
                    stream.add(&resolved.events.stream, number);
                    if resolved.events.stream.is_empty() {
                        flow.add(&resolved.events.flow, number);
                    }
                }
            }
            has_stream_rules |= resolved.rule.payload.is_some() && resolved.rule.payload_of.stream;
            for route in resolved.routes.drain(..) {
                app.add(small(routes.len()), &route, &rule, &resolved.app_sections, zone_set);
                routes.push(route);
            }
            infos.push(info(rule));
            compiled.push(resolved.rule);
        }
        let app = app.build(&mut self.expressions);
        let protocols = self.catalogue.protocols;
        let last = |stages: &[&str]| u8::try_from(stages.len().saturating_sub(1)).unwrap_or(u8::MAX);
        Ruleset {
            infos,
            rules: compiled,
            sections: self.sections,
            routes,
            app,
            packets: packets.build(),
            zones: zones.into_zones(),
            decoder_event_rules: decoder.build(),
            stream_event_rules: stream.build(),
            flow_event_rules: flow.build(),
            protocol_rules: protocol_rules.into(),
            address_rules: AddressIndex::new(&addresses),
            flow_bits: self.flow_bits,
            flow_ints: self.flow_ints,
            sets: self.sets.into(),
            buffer_names: protocols.iter().map(|p| p.buffers.iter().map(|b| b.name).collect()).collect(),
            last_stages: protocols.iter().map(|p| [last(p.stages_to_server), last(p.stages_to_client)]).collect(),
            steps_max: self.settings.steps_max.unwrap_or(STEPS_MAX),
            alerts_max: self.settings.alerts_max.unwrap_or(ALERTS_MAX) as usize,
            has_stream_rules,
        }
    }
}

fn info(rule: Rule) -> RuleInfo {
    let meta = rule.meta;
    RuleInfo {
        action: rule.action,
        gid: meta.gid,
        sid: meta.sid,
        rev: meta.rev,
        message: meta.message,
        category: meta.category,
        priority: meta.priority,
        metadata: meta.metadata,
        references: meta.references,
        target: meta.target,
        file: rule.file,
        line: rule.line,
    }
}
