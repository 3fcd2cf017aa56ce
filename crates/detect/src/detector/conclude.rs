//! What comes of rules that fired: effects, thresholds, pass, and the alerts that are left.

use super::Inspector;
use crate::{
    check::FlowIntOperand,
    compiled::{CompiledEffect, CompiledRule},
    flow_state::FlowState,
    host_memory::OpenAlert,
    outcome::{Detail, Effect, Match, MatchDetail, Outcome, StoredFile, Unlogged},
    prefilter::small,
    ruleset::Ruleset,
    scene::Scene,
    threshold::{self, Fired, Thresholds, Verdict},
};
use phitak_rules::{
    Action,
    condition::{BitChange, FlowIntChange, Track},
    threshold::ThresholdTrack,
};
use std::sync::Arc;

impl Inspector {
    /// Effects of a rule that fired, which rules behind it on the same packet see.
    pub(super) fn apply_effects(
        &mut self,
        rule: &CompiledRule,
        scene: &Scene<'_>,
        mut flow: Option<&mut FlowState>,
        transaction: Option<u64>,
        details: &[Detail],
        out: &mut Outcome,
    ) {
        if !details.is_empty()
            && let Some(state) = flow.as_deref_mut()
        {
            state.keep_variables(details);
        }
        for effect in &rule.effects {
            match effect {
                CompiledEffect::FlowBit { change, bit } => {
                    if let Some(state) = flow.as_deref_mut() {
                        change_flow_bit(state, *change, *bit);
                    }
                }
                CompiledEffect::FlowInt { name, change, operand } => {
                    if let Some(state) = flow.as_deref_mut() {
                        change_flow_int(state, *name, *change, *operand);
                    }
                }
                CompiledEffect::HostBit { change, bit, track, expire_secs } => {
                    self.change_host_bit(scene, *change, *bit, *track, *expire_secs);
                }
                CompiledEffect::Bypass => out.bypass = true,
                CompiledEffect::StoreFile { direction, scope } => {
                    let direction = direction.or(Some(scene.direction));
                    out.stored_files.push(StoredFile { transaction, direction, scope: *scope });
                }
                CompiledEffect::NoLogging(scope) => out.unlogged.push(Unlogged { scope: *scope, transaction }),
            }
        }
    }

    fn change_host_bit(&mut self, scene: &Scene<'_>, change: BitChange, bit: u32, track: Track, expire_secs: u32) {
        let now = scene.packet.at;
        let tracks: &[Track] = if track == Track::Both { &[Track::Source, Track::Destination] } else { &[track] };
        let mut shared = self.common.get();
        let host_bits = &mut shared.host_bits;
        for owner in tracks.iter().filter_map(|t| scene.owner(*t)) {
            let set = match change {
                BitChange::Set => true,
                BitChange::Unset => false,
                BitChange::Toggle => !host_bits.is_set(bit, owner, now),
            };
            if set {
                host_bits.set(bit, owner, now, expire_secs);
            } else {
                host_bits.unset(bit, owner);
            }
        }
    }

    /// Puts what fired in order and settles what is alerted.
    pub(super) fn conclude(
        &mut self,
        rules: &Ruleset,
        scene: &Scene<'_>,
        mut flow: Option<&mut FlowState>,
        out: &mut Outcome,
    ) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by_key(|p| (p.rule, p.transaction));
        // With more than one packet may have, which of them are left out depends on those before.
        let may_stay_open = out.matches.len().saturating_add(pending.len()) <= rules.alerts_max;
        for fired in pending.drain(..) {
            let Some(rule) = rules.rules.get(fired.rule as usize) else { continue };
            if rule.action == Action::Config {
                continue;
            }
            if rule.action == Action::Pass {
                self.pass(rule, flow.as_deref_mut(), out);
                break;
            }
            let mut open = None;
            let verdict = match self.verdict(fired.rule, rule, scene, flow.as_deref_mut(), may_stay_open) {
                Ok(Verdict::Nothing) => continue,
                Ok(verdict) => verdict,
                Err(alert) => {
                    open = Some(alert);
                    Verdict::Alert
                }
            };
            let action = match &rule.extra {
                Some(extra) if !extra.rates.is_empty() => {
                    let at = Fired::new(scene.input);
                    let flow = flow.as_deref_mut();
                    self.common.get().thresholds.rated(fired.rule, rule.action, &extra.rates, &at, flow)
                }
                _ => rule.action,
            };
            settle_effect(rule, action, flow.is_some(), out);
            if action == Action::Pass || rule.no_alert || verdict == Verdict::Quiet {
                continue;
            }
            if out.matches.len() >= rules.alerts_max {
                out.overflow = out.overflow.saturating_add(1);
                continue;
            }
            let match_index = small(out.matches.len());
            out.open.extend(open.map(|alert| (match_index, alert)));
            out.details.extend(fired.details.into_iter().map(|detail| MatchDetail { match_index, detail }));
            out.matches.push(Match { rule: fired.rule, action, transaction: fired.transaction, place: fired.place });
        }
        self.pending = pending;
    }

    fn pass(&mut self, rule: &CompiledRule, flow: Option<&mut FlowState>, out: &mut Outcome) {
        match flow {
            Some(state) if rule.kind.is_for_flow() => {
                state.passed = true;
                out.effect = Effect::PassFlow;
            }
            _ => out.effect = Effect::PassPacket,
        }
    }

    /// Whether a match alerts, or the alert that is still open.
    fn verdict(
        &mut self,
        number: u32,
        rule: &CompiledRule,
        scene: &Scene<'_>,
        flow: Option<&mut FlowState>,
        may_stay_open: bool,
    ) -> Result<Verdict, Arc<OpenAlert>> {
        let suppressed = rule.extra.as_ref().is_some_and(|extra| Thresholds::is_suppressed(extra, scene.input));
        if suppressed {
            return Ok(Verdict::Quiet);
        }
        let Some(limits) = &rule.threshold else { return Ok(Verdict::Alert) };
        let fired = Fired::new(scene.input);
        if limits.track == ThresholdTrack::Flow {
            let counter = flow.map(|state| state.counter(number, 0));
            return Ok(counter.map_or(Verdict::Alert, |counter| threshold::count(counter, limits, &fired)));
        }
        let has_rates = rule.extra.as_ref().is_some_and(|extra| !extra.rates.is_empty());
        // More than the alert depends on it.
        if !may_stay_open || rule.action != Action::Alert || has_rates {
            return Ok(self.common.get().thresholds.verdict(number, limits, &fired));
        }
        self.common.threshold(number, limits, &fired)
    }
}

fn settle_effect(rule: &CompiledRule, action: Action, has_flow: bool, out: &mut Outcome) {
    let effect = match action {
        Action::Drop if has_flow && rule.kind.is_for_flow() => Effect::DropFlow,
        Action::Drop => Effect::DropPacket,
        Action::Reject => Effect::RejectFlow,
        _ => return,
    };
    if out.effect == Effect::Nothing {
        out.effect = effect;
    }
}

fn change_flow_bit(state: &mut FlowState, change: BitChange, bit: u32) {
    let set = match change {
        BitChange::Set => true,
        BitChange::Unset => false,
        BitChange::Toggle => !state.has_bit(bit),
    };
    if set {
        state.set_bit(bit);
    } else {
        state.unset_bit(bit);
    }
}

fn change_flow_int(state: &mut FlowState, name: u32, change: FlowIntChange, operand: FlowIntOperand) {
    let operand = match operand {
        FlowIntOperand::Number(n) => n,
        FlowIntOperand::Name(other) => match state.number(other) {
            Some(n) => n,
            None => return,
        },
    };
    let now = state.number(name).unwrap_or(0);
    let value = match change {
        FlowIntChange::Set => operand,
        FlowIntChange::Add => now.saturating_add(operand),
        FlowIntChange::Subtract => now.saturating_sub(operand),
    };
    state.set_number(name, value);
}
