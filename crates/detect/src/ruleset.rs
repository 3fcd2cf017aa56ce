//! Rules compiled for matching: immutable, shared by all workers.

use crate::{
    address_index::AddressIndex,
    compiled::{AppCheck, AppCheckKind, AppGroups, Class, CompiledRule, PortGroups, Route, Section},
    dataset::BaseSet,
    names::Names,
    scene::Scene,
    zones::{ZONES, Zone, Zones},
};
use phitak_model::{Direction, inspect::ProtocolDecl};
use phitak_rules::{Action, Diagnostic, Pairs};
use std::{collections::BTreeMap, sync::Arc};

pub use crate::compile::{compile, vet};

/// What the engine's other parts offer to rules, by number.
#[derive(Clone, Copy)]
pub struct Catalogue<'a> {
    /// Application protocols; the indices are those of [`crate::FlowView::app_protocol`].
    pub protocols: &'a [&'static ProtocolDecl],
    /// Decoder events as rules name them (`decode-event:ipv4.pkt_too_small`), by [`phitak_packet::packet::DecoderEvents`]' numbers.
    pub decoder_events: &'a [&'static str],
    /// `stream-event:` names, such as `3whs_ack_in_wrong_dir`.
    pub stream_events: &'a [&'static str],
    /// `app-layer-event:` names that belong to the flow and not to a protocol: `applayer_mismatch_protocol_both_directions`…
    pub flow_events: &'a [&'static str],
}

/// Choices and files that compiling needs. Texts of files are handed in by name, as rules give it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Most back-tracking steps of one rule on one buffer (Suricata's `detect.inspection-recursion-limit`).
    pub steps_max: Option<u32>,
    /// Most alerts of one packet (Suricata's `packet-alert-max`: 15).
    pub alerts_max: Option<u32>,
    /// Files of `dataset` and `datarep` by the names that rules use.
    pub files: BTreeMap<String, Vec<u8>>,
    /// A `threshold.config`: thresholds, suppress lists and rate filters that apply on top of the rules.
    pub thresholds: Option<RuleFile>,
    /// Lists that `iprep` asks.
    pub reputations: Option<crate::Reputations>,
    /// Variables that `thresholds` uses.
    pub variables: phitak_rules::Variables,
}

/// A rules file, or one that stands beside them, that was read.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Its name in diagnostics.
    pub name: String,
    pub text: String,
}

/// The result of [`compile`].
pub struct Compiled {
    pub rules: Ruleset,
    /// Rules that parsed but cannot be compiled, each with its place and reason.
    pub diagnostics: Vec<Diagnostic>,
    /// Lines of the `threshold.config` that change nothing.
    pub idle_lines: Vec<Diagnostic>,
}

pub struct Ruleset {
    pub(crate) infos: Vec<RuleInfo>,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) sections: Vec<Section>,
    pub(crate) routes: Vec<Route>,
    /// By protocol, direction and zone.
    pub(crate) app: Vec<[[AppGroups; ZONES]; 2]>,
    /// By [`crate::compiled::Class`], direction and zone.
    pub(crate) packets: [[[PortGroups; ZONES]; 2]; 4],
    pub(crate) zones: Zones,
    pub(crate) decoder_event_rules: Vec<Box<[u32]>>,
    pub(crate) stream_event_rules: Vec<Box<[u32]>>,
    pub(crate) flow_event_rules: Vec<Box<[u32]>>,
    pub(crate) protocol_rules: Box<[u32]>,
    pub(crate) address_rules: AddressIndex,
    pub(crate) flow_bits: Names,
    pub(crate) flow_ints: Names,
    pub(crate) sets: Arc<[BaseSet]>,
    /// Per protocol: names of its buffers, for evidence.
    pub(crate) buffer_names: Vec<Vec<&'static str>>,
    /// Per protocol and direction: the index of the last stage.
    pub(crate) last_stages: Vec<[u8; 2]>,
    pub(crate) steps_max: u32,
    pub(crate) alerts_max: usize,
    pub(crate) has_stream_rules: bool,
}

/// What records say about a rule.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    pub action: Action,
    pub gid: u32,
    pub sid: u32,
    pub rev: u32,
    pub message: String,
    /// The class's description (`A Network Trojan was detected`); empty without `classtype`.
    pub category: Arc<str>,
    pub priority: u32,
    /// In order of appearance.
    pub metadata: Pairs,
    /// Kind and value: `("cve", "2021-44228")`.
    pub references: Pairs,
    pub target: Option<phitak_rules::Target>,
    /// Where the rule stands.
    pub file: Arc<str>,
    pub line: u32,
}

impl Ruleset {
    #[must_use]
    pub fn rule(&self, index: u32) -> Option<&RuleInfo> {
        self.infos.get(usize::try_from(index).ok()?)
    }

    /// Rules that were compiled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.infos.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.infos.is_empty()
    }

    /// Whether any rule looks at raw stream bytes: without one the engine need not keep them.
    #[must_use]
    pub fn wants_stream(&self) -> bool {
        self.has_stream_rules
    }

    /// Whether any rule looks into transactions of this protocol in this direction.
    #[must_use]
    pub fn wants_transactions(&self, protocol: u16, direction: Direction) -> bool {
        Zone::all().any(|zone| self.app_groups(protocol, direction, zone).is_some_and(|g| g.is_used))
    }

    /// Whether any rule looks at a buffer of this name, whichever protocol shows it.
    #[must_use]
    pub fn looks_at(&self, buffer: &str) -> bool {
        let is_it = |protocol: u16, check: &AppCheck| match check.kind {
            AppCheckKind::Buffer { number, .. } => self.buffer_name(protocol, number) == Some(buffer),
            _ => false,
        };
        self.routes.iter().any(|route| route.checks.iter().any(|check| is_it(route.protocol, check)))
    }

    /// The rule-language name of a buffer in [`crate::Source::Buffer`].
    #[must_use]
    pub fn buffer_name(&self, protocol: u16, buffer: u8) -> Option<&'static str> {
        self.buffer_names.get(usize::from(protocol))?.get(usize::from(buffer)).copied()
    }

    pub(crate) fn zone(&self, scene: &Scene<'_>) -> Zone {
        self.zones.of(scene.addresses())
    }

    pub(crate) fn app_groups(&self, protocol: u16, direction: Direction, zone: Zone) -> Option<&AppGroups> {
        self.app.get(usize::from(protocol))?.get(direction.index())?.get(zone.index())
    }

    pub(crate) fn port_groups(&self, class: Class, direction: Direction, zone: Zone) -> Option<&PortGroups> {
        self.packets.get(class as usize)?.get(direction.index())?.get(zone.index())
    }

    pub(crate) fn flow_bit_name(&self, bit: u32) -> Option<&str> {
        self.flow_bits.name(bit)
    }

    pub(crate) fn flow_int_name(&self, name: u32) -> Option<&str> {
        self.flow_ints.name(name)
    }
}
