//! What an observation does to a finding.

use super::{
    Finding, Proven, SERVICES_MAX, TRACES_MAX, Trace,
    trail::{Lifeline, Stretch, Trail},
};
use crate::{
    label::{Label, shown},
    pace::Pace,
    weakness::{Judgement, Weakness},
    weaknesses::WEAKNESSES,
};
use phitak_model::{Confidence, FindingState, Observation, Timestamp};

/// What came of an observation.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing to store.
    None,
    /// A finding that was not there before.
    Opened(Finding),
    /// The same state with new moments or evidence.
    Updated(Finding),
    /// A new state: worth telling people.
    Moved { from: FindingState, finding: Finding },
}

impl Change {
    /// The finding to store, if there is one.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Self::None => None,
            Self::Opened(finding) | Self::Updated(finding) | Self::Moved { finding, .. } => Some(finding),
        }
    }
}

/// Takes one observation into the finding of `weakness` at the observation's host, if it concerns it.
#[must_use]
pub fn observe(weakness: &Weakness, before: Option<&Finding>, observation: &Observation, pace: Pace) -> Change {
    let judgement = (weakness.judge)(observation);
    let Some(before) = before else {
        return match judgement {
            Some(Judgement::Weak { port, evidence, confidence }) => {
                let mut finding = Finding::opened(weakness, observation, port, confidence);
                finding.note(&evidence, observation);
                Change::Opened(finding)
            }
            _ => Change::None,
        };
    };
    if before.host != observation.host || before.weakness != weakness.id {
        return Change::None;
    }
    let mut after = before.clone();
    match judgement {
        Some(Judgement::Weak { port, evidence, confidence }) => {
            after.take_weak(observation, port, &evidence, confidence)
        }
        Some(Judgement::Healthy { port, evidence }) => after.take_healthy(observation, port, &evidence),
        Some(Judgement::Gone { port }) => after.take_gone(observation, port),
        None => {}
    }
    after.take_life(weakness, observation, pace);
    after.settle(weakness, observation, pace);
    if after == *before {
        Change::None
    } else if after.state == before.state {
        Change::Updated(after)
    } else {
        Change::Moved { from: before.state, finding: after }
    }
}

/// Takes one observation into all findings of its host: `known` are those that exist. Changes come in the registry's order.
#[must_use]
pub fn observe_all(known: &[Finding], observation: &Observation, pace: Pace) -> Vec<Change> {
    WEAKNESSES
        .iter()
        .map(|weakness| {
            let before = known.iter().find(|f| f.host == observation.host && f.weakness == weakness.id);
            observe(weakness, before, observation, pace)
        })
        .filter(|change| *change != Change::None)
        .collect()
}

impl Finding {
    fn opened(weakness: &Weakness, observation: &Observation, port: u16, confidence: Confidence) -> Self {
        Self {
            host: observation.host,
            weakness: weakness.id.to_owned(),
            mac: observation.mac,
            state: FindingState::Open,
            confidence,
            first_seen: observation.first_at,
            last_seen: observation.last_at,
            port,
            traces: Vec::new(),
            response: None,
            response_reason: None,
            responded_at: None,
            claimed_at: None,
            verified_at: None,
            proven: None,
            healthy_since: None,
            counts_from: None,
            trails: vec![Trail::new(port, observation.last_at)],
            untracked: false,
            lifeline: Lifeline::default(),
        }
    }

    /// Good signs of a service count after this moment: not before its latest weak sign, not before the latest answer.
    fn mark(counts_from: Option<Timestamp>, last_weak: Timestamp) -> Timestamp {
        counts_from.map_or(last_weak, |at| at.max(last_weak))
    }

    pub(super) fn restart_proof(&mut self, at: Timestamp) {
        self.counts_from = Some(at);
        self.trails.iter_mut().for_each(Trail::forget_good_signs);
        self.lifeline = Lifeline::default();
        self.healthy_since = None;
    }

    fn take_weak(
        &mut self,
        observation: &Observation,
        port: u16,
        evidence: &[(Label, String)],
        confidence: Confidence,
    ) {
        let at = observation.last_at;
        // Strictly later than all that was known when it was claimed or verified: a duplicate of old evidence never is.
        let contradicts = match self.state {
            FindingState::Open | FindingState::Reopened => false,
            FindingState::Claimed | FindingState::Verified => {
                at > self.last_seen && self.claimed_at.is_none_or(|claim| at > claim)
            }
        };
        if at > self.last_seen {
            self.port = port;
            self.mac = observation.mac.or(self.mac);
        } else {
            self.mac = self.mac.or(observation.mac);
        }
        self.first_seen = self.first_seen.min(observation.first_at);
        self.last_seen = self.last_seen.max(at);
        self.confidence = self.confidence.max(confidence);
        self.note(evidence, observation);
        if let Some(trail) = self.trails.iter_mut().find(|trail| trail.port == port) {
            trail.weak(at);
        } else if self.trails.len() < SERVICES_MAX {
            self.trails.push(Trail::new(port, at));
            self.trails.sort_by_key(|trail| trail.port);
        } else {
            self.untracked = true;
        }
        if contradicts {
            self.state = FindingState::Reopened;
            self.response = None;
            self.response_reason = None;
            self.verified_at = None;
            self.proven = None;
        }
    }

    fn take_healthy(&mut self, observation: &Observation, port: Option<u16>, evidence: &[(Label, String)]) {
        if self.state == FindingState::Verified || self.is_another_machine(observation) {
            return;
        }
        let counts_from = self.counts_from;
        let mut concerned = false;
        for trail in self.trails.iter_mut().filter(|trail| port.is_none_or(|p| p == trail.port)) {
            let mark = Self::mark(counts_from, trail.last_weak);
            trail.healthy = Stretch::joined(trail.healthy, observation, mark);
            concerned |= observation.last_at > mark;
        }
        if concerned {
            self.note(evidence, observation);
        }
    }

    fn take_gone(&mut self, observation: &Observation, port: u16) {
        if self.state == FindingState::Verified || self.is_another_machine(observation) {
            return;
        }
        let counts_from = self.counts_from;
        let Some(trail) = self.trails.iter_mut().find(|trail| trail.port == port) else { return };
        let mark = Self::mark(counts_from, trail.last_weak);
        trail.gone = Stretch::joined(trail.gone, observation, mark);
        if observation.last_at > mark {
            self.note(&[(Label::Refused, port.to_string())], observation);
        }
    }

    fn take_life(&mut self, weakness: &Weakness, observation: &Observation, pace: Pace) {
        let (FindingState::Claimed, Some(span_secs)) = (self.state, weakness.mended.unused_span_secs) else { return };
        let (mark, span_micros) = (Self::mark(self.counts_from, self.last_seen), pace.micros(span_secs));
        self.lifeline.note(observation.first_at, mark, span_micros);
        self.lifeline.note(observation.last_at, mark, span_micros);
    }

    /// Another link address has this address now. After a claim that is a replaced machine; before, a borrowed address.
    fn is_another_machine(&self, observation: &Observation) -> bool {
        let differs = matches!((self.mac, observation.mac), (Some(a), Some(b)) if a != b);
        differs && self.state != FindingState::Claimed
    }

    /// Verifies when the proof is complete.
    fn settle(&mut self, weakness: &Weakness, observation: &Observation, pace: Pace) {
        if self.state == FindingState::Verified {
            return;
        }
        self.healthy_since = self.good_since();
        let Some(proven) = self.proven_by(weakness, pace) else { return };
        if self.state == FindingState::Reopened {
            // The claim that was contradicted is not the one that is proven.
            self.claimed_at = None;
        }
        self.state = FindingState::Verified;
        self.verified_at = Some(observation.last_at);
        self.proven = Some(proven);
    }

    fn good_since(&self) -> Option<Timestamp> {
        let starts: Option<Vec<Timestamp>> = self
            .trails
            .iter()
            .map(|trail| match (trail.healthy, trail.gone) {
                (Some(a), Some(b)) => Some(a.since.min(b.since)),
                (one, other) => one.or(other).map(|stretch| stretch.since),
            })
            .collect();
        starts.filter(|_| !self.untracked)?.into_iter().max()
    }

    fn proven_by(&self, weakness: &Weakness, pace: Pace) -> Option<Proven> {
        let rule = &weakness.mended;
        let claimed = self.state == FindingState::Claimed;
        let factor = if claimed { 1 } else { rule.quiet_factor };
        let lasted = |stretch: Option<Stretch>, secs: i64| {
            stretch.is_some_and(|s| s.micros() >= pace.micros(secs.saturating_mul(factor)))
        };
        let safe = |trail: &Trail| lasted(trail.healthy, rule.healthy_span_secs);
        let gone = |trail: &Trail| lasted(trail.gone, rule.gone_span_secs);
        if !self.untracked {
            if self.trails.iter().all(safe) {
                return Some(Proven::SafeUse);
            }
            if self.trails.iter().all(|trail| safe(trail) || gone(trail)) {
                return Some(Proven::Refused);
            }
        }
        let unused = rule.unused_span_secs.is_some() && self.lifeline.covers_the_wait();
        (claimed && unused).then_some(Proven::Unused)
    }

    /// Adds evidence: one trace per label and value, latest kept.
    fn note(&mut self, evidence: &[(Label, String)], observation: &Observation) {
        for (label, value) in evidence {
            let value = shown(value);
            match self.traces.iter_mut().find(|trace| trace.label == *label && trace.value == value) {
                Some(trace) => {
                    trace.first_at = trace.first_at.min(observation.first_at);
                    trace.last_at = trace.last_at.max(observation.last_at);
                }
                None => self.traces.push(Trace {
                    label: *label,
                    value,
                    first_at: observation.first_at,
                    last_at: observation.last_at,
                }),
            }
        }
        self.traces.sort_by(|a, b| {
            b.last_at.cmp(&a.last_at).then_with(|| a.label.cmp(&b.label)).then_with(|| a.value.cmp(&b.value))
        });
        self.traces.truncate(TRACES_MAX);
    }
}
