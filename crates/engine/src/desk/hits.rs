//! Hits of indicators, told as alerts: client to server, whichever packet brought them to light.

use super::{Desk, end::pseudo_packet};
use crate::{Sink, conversation::Conversation, eve::AlertParts};
use phitak_detect::{IndicatorHit, Indicators, Match, Place, RuleInfo};
use phitak_model::{
    Direction::ToServer,
    Severity,
    indicator::{INDICATOR_CATEGORY, INDICATOR_GID},
};
use phitak_packet::{Packet, PacketSource, flow::Flow};
use phitak_protocols::FileEnd;
use phitak_rules::{Action, Pairs};
use std::sync::Arc;

/// Where a hit was found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sighting<'a> {
    pub transaction: Option<u64>,
    pub place: Option<Place>,
    pub file: Option<&'a FileEnd>,
}

impl Desk {
    /// From the next packet on these indicators are looked for, in flows that are open already too.
    pub(crate) fn set_indicators(&mut self, set: Arc<Indicators>) {
        let digests = self.watch.swap(set);
        self.config.protocols.digests = digests;
    }

    /// Looks once at both ends of a flow with each set.
    #[inline]
    pub(crate) fn watch_ends(&mut self, packet: &Packet<'_>, flow: &mut Flow<Conversation>, sink: &mut dyn Sink) {
        if flow.state.watched == self.watch.turn() {
            return;
        }
        flow.state.watched = self.watch.turn();
        if flow.state.ends_known_bad {
            return;
        }
        let Some(hit) = self.watch.ends(flow.client().0, flow.server().0, packet.at) else { return };
        flow.state.ends_known_bad = true;
        flow.state.alerted = true;
        self.tell_hit(packet, flow, &hit, Sighting::default(), sink);
    }

    /// Writes the record and tells the alert.
    pub(crate) fn tell_hit(
        &mut self,
        packet: &Packet<'_>,
        flow: &Flow<Conversation>,
        hit: &IndicatorHit,
        sighting: Sighting<'_>,
        sink: &mut dyn Sink,
    ) {
        let rule = rule_of(hit);
        let mut shown = pseudo_packet(flow, ToServer, PacketSource::Wire, packet.at);
        shown.number = packet.number;
        let found = Match { rule: 0, action: Action::Alert, transaction: sighting.transaction, place: sighting.place };
        let parts = AlertParts {
            packet: &shown,
            flow: Some((flow, ToServer)),
            rule: &rule,
            found: &found,
            details: &[],
            rules: &self.rules,
            candidates: &self.candidates,
            tcp: &self.config.tcp,
        };
        self.counters.alerts += 1;
        let fields = self.records.alert(&parts, sink);
        let mut alert = crate::alert::summary(&parts, fields, &mut self.scratch);
        if let Some(file) = sighting.file {
            alert.fields.extend(fields_of(file));
        }
        sink.alert(alert);
    }
}

/// An indicator as records tell of a rule.
fn rule_of(hit: &IndicatorHit) -> RuleInfo {
    let metadata = match hit.severity {
        Severity::Critical => Pairs::from_iter([("signature_severity", "Critical")]),
        _ => Pairs::default(),
    };
    let priority = match hit.severity {
        Severity::Critical | Severity::High => 1,
        Severity::Medium => 2,
        Severity::Low => 3,
    };
    RuleInfo {
        action: Action::Alert,
        gid: INDICATOR_GID,
        sid: hit.id,
        rev: 1,
        message: format!("ร่องรอยคนร้าย {}: {}", hit.id, hit.text),
        category: Arc::from(INDICATOR_CATEGORY),
        priority,
        metadata,
        references: Pairs::default(),
        target: None,
        file: Arc::from("indicators"),
        line: 0,
    }
}

fn fields_of(file: &FileEnd) -> Vec<(String, String)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digests = [
        ("fileinfo.md5", file.md5.as_ref().map(|digest| hex(digest))),
        ("fileinfo.sha256", file.sha256.as_ref().map(|digest| hex(digest))),
        ("fileinfo.size", Some(file.size.to_string())),
    ];
    digests.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
