//! Rules about transactions: buffers, fields and events, step by step as a transaction grows.

use super::{
    Inspector,
    fields::field_check,
    kit::Kit,
    packets::{applies, fresh_stream, placed},
};
use crate::{
    compiled::{Absent, AppCheck, AppCheckKind, AppGroup, AppGroups, Route},
    flow_state::{FlowState, RouteProgress, TransactionState},
    input::AppView,
    outcome::{Outcome, Place, Source},
    prefilter::Candidates,
    program::{Variables, run::Span},
    ruleset::Ruleset,
    scene::{Memory, Scene},
};
use phitak_model::{
    Direction,
    inspect::{Shape, Transaction},
};

/// Growing values are looked at when they are complete or have so many bytes.
const GROWING_BYTES_MIN: u64 = 32 * 1024;
/// Values of one multi-buffer that are looked at.
pub(super) const INSTANCES_MAX: u32 = 4096;
/// Matchers whose state fits in a transaction's bits; those beyond are searched each time.
const SEARCHED_BITS: usize = 128;

/// A transaction as it stands for one packet.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub transaction: &'a dyn Transaction,
    protocol: u16,
    /// No more bytes come in the packet's direction.
    ended: bool,
    direction: Direction,
    last_stages: [u8; 2],
    pub now_secs: i64,
}

impl Subject<'_> {
    fn progress(&self, direction: Direction) -> u8 {
        self.transaction.progress(direction)
    }

    fn is_finished(&self, direction: Direction) -> bool {
        let last = self.last_stages.get(direction.index()).copied().unwrap_or(0);
        self.progress(direction) >= last || self.ended && direction == self.direction
    }

    /// Nothing of this stage will change any more.
    pub(super) fn is_final(&self, direction: Direction, stage: u8) -> bool {
        self.progress(direction) > stage || self.is_finished(direction)
    }
}

/// What one check came to.
pub(super) enum Verdict {
    Holds(Option<Place>),
    /// Not yet.
    Waits,
    /// Never for this transaction.
    Never,
}

/// What looking at a route came to.
enum RouteVerdict {
    Fired(Option<Place>),
    Waits(u64),
    Never,
    /// The packet is not the rule's: it may be looked at again.
    NotHere,
}

impl Inspector {
    pub(super) fn transaction_rules(
        &mut self,
        rules: &Ruleset,
        scene: &Scene<'_>,
        state: &mut FlowState,
        out: &mut Outcome,
    ) {
        let Some(app) = scene.flow.and_then(|f| f.app) else { return };
        let live = app.transactions.live();
        state.release_below(live.start);
        if !(app.advanced || app.ended || scene.is_pseudo()) {
            return;
        }
        let Some(groups) = rules.app_groups(app.protocol, scene.direction, rules.zone(scene)) else { return };
        let index = scene.direction.index();
        let last_stages = rules.last_stages.get(usize::from(app.protocol)).copied().unwrap_or_default();
        let first = state.inspected_to.get(index).copied().unwrap_or(0).max(live.start);
        let mut done_to = first;
        for id in first..live.end {
            let Some(transaction) = app.transactions.transaction(id) else {
                if done_to == id {
                    done_to = id.saturating_add(1);
                }
                continue;
            };
            let subject = Subject {
                transaction,
                protocol: app.protocol,
                ended: app.ended,
                direction: scene.direction,
                last_stages,
                now_secs: scene.packet.at.secs(),
            };
            let finished = subject.is_finished(scene.direction);
            if groups.is_used && !state.is_inspected(id, scene.direction) {
                let mut progress = state.take_transaction(id);
                self.one_transaction(rules, groups, scene, &app, state, &mut progress, &subject, out);
                if let Some(slot) = progress.finished.get_mut(index) {
                    *slot = finished;
                }
                state.give_back(progress);
            }
            if finished && done_to == id {
                done_to = id.saturating_add(1);
            }
        }
        if let Some(to) = state.inspected_to.get_mut(index) {
            *to = done_to;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call, with all that a transaction has")]
    fn one_transaction(
        &mut self,
        rules: &Ruleset,
        groups: &AppGroups,
        scene: &Scene<'_>,
        app: &AppView<'_>,
        flow: &mut FlowState,
        progress: &mut TransactionState,
        subject: &Subject<'_>,
        out: &mut Outcome,
    ) {
        let _ = app;
        self.candidates.clear();
        let since = self.moment();
        search(groups, subject, progress, &mut self.kit, &mut self.candidates);
        self.note_searched(since);
        groups.always.iter().for_each(|r| self.candidates.add(*r));
        for event in subject.transaction.events() {
            let from = groups.by_event.partition_point(|(e, _)| e < event);
            groups
                .by_event
                .iter()
                .skip(from)
                .take_while(|(e, _)| e == event)
                .for_each(|(_, r)| self.candidates.add(*r));
        }
        for waiting in progress.progress.iter().filter(|p| !p.over) {
            self.candidates.add(waiting.route);
        }
        if self.candidates.is_empty() {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        due.extend_from_slice(self.candidates.sorted());
        for number in &due {
            let Some(route) = rules.routes.get(*number as usize) else { continue };
            let known = progress.progress_of(*number);
            if known.is_some_and(|k| k.over) {
                continue;
            }
            let since = self.moment();
            let verdict = self.route(rules, route, known.map(|k| k.holding), scene, flow, subject);
            self.note_looked(route.rule, since);
            match verdict {
                RouteVerdict::Fired(place) => {
                    progress.note(RouteProgress { route: *number, holding: 0, over: true });
                    if let Some(rule) = rules.rules.get(route.rule as usize) {
                        self.fire(rules, route.rule, rule, scene, Some(flow), Some(progress.id), place, out);
                    }
                }
                RouteVerdict::Waits(holding) => progress.note(RouteProgress { route: *number, holding, over: false }),
                RouteVerdict::Never => progress.note(RouteProgress { route: *number, holding: 0, over: true }),
                RouteVerdict::NotHere => {}
            }
        }
        self.due = due;
    }

    /// Looks at the checks of a route that do not hold yet.
    fn route(
        &mut self,
        rules: &Ruleset,
        route: &Route,
        known: Option<u64>,
        scene: &Scene<'_>,
        flow: &mut FlowState,
        subject: &Subject<'_>,
    ) -> RouteVerdict {
        let Some(rule) = rules.rules.get(route.rule as usize) else { return RouteVerdict::Never };
        let mut variables = Variables::default();
        let mut place = None;
        self.kit.details.clear();
        if known.is_none() {
            // The head and the packet's conditions are asked once, when a route begins.
            let memory = Memory { state: Some(flow), common: &self.common };
            if !applies(rule, scene) || !rule.checks.iter().all(|c| c.holds(scene, memory)) {
                return RouteVerdict::NotHere;
            }
            if !self.packet_sections(rules, rule, scene, &mut variables, &mut place) {
                return RouteVerdict::NotHere;
            }
            if rule.payload.is_some() {
                // The stream was looked at before transactions: what is new in it is still what this packet brought.
                let stream = fresh_stream(scene, None);
                let found = self.payload(rules, route.rule, rule, scene, None, stream, &mut variables);
                match found {
                    Some(found) => place = Some(found),
                    None => return RouteVerdict::NotHere,
                }
            }
        }
        let mut holding = known.unwrap_or(0);
        for (index, check) in route.checks.iter().enumerate() {
            let bit = 1u64 << (index & 63);
            if holding & bit != 0 {
                continue;
            }
            match app_check(check, rules, subject, &mut self.kit, &mut variables) {
                Verdict::Holds(found) => {
                    holding |= bit;
                    place = longer(place, found);
                }
                Verdict::Waits => return RouteVerdict::Waits(holding),
                Verdict::Never => return RouteVerdict::Never,
            }
        }
        RouteVerdict::Fired(place)
    }
}

fn longer(a: Option<Place>, b: Option<Place>) -> Option<Place> {
    match (a, b) {
        (Some(a), Some(b)) if b.length > a.length => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}

/// Searches the buffers that can be read for literals of rules.
fn search(
    groups: &AppGroups,
    subject: &Subject<'_>,
    progress: &mut TransactionState,
    kit: &mut Kit,
    candidates: &mut Candidates,
) {
    let direction = subject.direction;
    let reached = subject.progress(direction);
    for (index, group) in groups.groups.iter().enumerate() {
        if group.stage > reached {
            // Groups are in order of stages.
            break;
        }
        let bit = if index < SEARCHED_BITS { 1u128 << index } else { 0 };
        let searched = progress.searched.get(direction.index()).copied().unwrap_or(0);
        if searched & bit != 0 {
            continue;
        }
        let is_final = subject.is_final(direction, group.stage);
        let done = match group.shape {
            Shape::Single => search_one(group, subject, 0, kit, candidates) || is_final,
            Shape::Multi => {
                let mut instance = 0;
                while instance < INSTANCES_MAX && search_one(group, subject, instance, kit, candidates) {
                    instance += 1;
                }
                is_final
            }
            Shape::Stream => {
                search_growing(group, index, subject, progress, kit, candidates)
                    || is_final && subject.is_finished(direction)
            }
        };
        if done && let Some(slot) = progress.searched.get_mut(direction.index()) {
            *slot |= bit;
        }
    }
}

/// Whether there is such a value.
fn search_one(
    group: &AppGroup,
    subject: &Subject<'_>,
    instance: u32,
    kit: &mut Kit,
    candidates: &mut Candidates,
) -> bool {
    let mut buffer = std::mem::take(&mut kit.buffer);
    buffer.clear();
    let view = subject.transaction.buffer(group.buffer, subject.direction, instance, &mut buffer);
    let there = view.is_some();
    if let Some(view) = view {
        if group.transforms.is_empty() {
            group.matcher.find(view.bytes, candidates);
        } else {
            kit.with_transformed(&group.transforms, view.bytes, |_, bytes| group.matcher.find(bytes, candidates));
        }
    }
    kit.buffer = buffer;
    there
}

/// Whether all of the values are complete and searched.
fn search_growing(
    group: &AppGroup,
    index: usize,
    subject: &Subject<'_>,
    progress: &mut TransactionState,
    kit: &mut Kit,
    candidates: &mut Candidates,
) -> bool {
    let mut all_complete = false;
    for instance in 0..INSTANCES_MAX.min(255) {
        let mut buffer = std::mem::take(&mut kit.buffer);
        buffer.clear();
        let Some(view) = subject.transaction.buffer(group.buffer, subject.direction, instance, &mut buffer) else {
            kit.buffer = buffer;
            break;
        };
        all_complete = view.complete && (instance == 0 || all_complete);
        let total = view.offset.saturating_add(view.bytes.len() as u64);
        let key = (index as u16) << 8 | instance as u16;
        let before = progress.grown(subject.direction, key);
        if is_ripe(view.complete, total, subject, group.stage) && total > before {
            if group.transforms.is_empty() {
                let from = before.saturating_sub(group.overlap as u64).max(view.offset);
                let fresh = usize::try_from(from - view.offset).ok().and_then(|skip| view.bytes.get(skip..));
                let (bytes, base) = fresh.map_or((view.bytes, view.offset), |bytes| (bytes, from));
                group.matcher.find_within(bytes, base, candidates);
            } else {
                kit.with_transformed(&group.transforms, view.bytes, |_, bytes| {
                    group.matcher.find_within(bytes, 0, candidates)
                });
            }
            progress.set_grown(subject.direction, key, total);
        }
        kit.buffer = buffer;
    }
    all_complete
}

fn is_ripe(complete: bool, total: u64, subject: &Subject<'_>, stage: u8) -> bool {
    complete || total >= GROWING_BYTES_MIN || subject.is_final(subject.direction, stage)
}

fn app_check(
    check: &AppCheck,
    rules: &Ruleset,
    subject: &Subject<'_>,
    kit: &mut Kit,
    variables: &mut Variables,
) -> Verdict {
    if check.stage > subject.progress(check.direction) {
        // A direction that ended short of the stage never gets there.
        return if subject.is_finished(check.direction) { never_unless_absent(check, rules) } else { Verdict::Waits };
    }
    match &check.kind {
        AppCheckKind::Buffer { number, shape, section } => {
            let looked = buffer_check(*number, *shape, *section, check, rules, subject, kit, variables);
            settle(looked, check, subject)
        }
        AppCheckKind::Field { number, check: test, index } => field_check(*number, test, *index, check, subject),
        AppCheckKind::Event(number) => {
            if subject.transaction.events().contains(number) {
                Verdict::Holds(None)
            } else {
                Verdict::Waits
            }
        }
        AppCheckKind::Reached => Verdict::Holds(None),
    }
}

fn never_unless_absent(check: &AppCheck, rules: &Ruleset) -> Verdict {
    let absent = match &check.kind {
        AppCheckKind::Buffer { section, .. } => rules.sections.get(*section as usize).map_or(Absent::No, |s| s.absent),
        _ => Absent::No,
    };
    if absent == Absent::No { Verdict::Never } else { Verdict::Holds(None) }
}

/// What looking at a buffer's values came to.
enum Looked {
    Holds(Place),
    /// Values are there, and none holds; `decided` when they cannot change.
    Fails {
        decided: bool,
    },
    /// There is no value.
    Missing {
        absent: Absent,
    },
}

fn settle(looked: Looked, check: &AppCheck, subject: &Subject<'_>) -> Verdict {
    let is_final = subject.is_final(check.direction, check.stage);
    match looked {
        Looked::Holds(place) => Verdict::Holds(Some(place)),
        Looked::Fails { decided } if decided || is_final => Verdict::Never,
        Looked::Fails { .. } => Verdict::Waits,
        Looked::Missing { absent: Absent::Only | Absent::OrElse } if is_final => Verdict::Holds(None),
        Looked::Missing { .. } if is_final => Verdict::Never,
        Looked::Missing { .. } => Verdict::Waits,
    }
}

#[allow(clippy::too_many_arguments, reason = "one call, with all that a check has")]
fn buffer_check(
    number: u8,
    shape: Shape,
    section: u32,
    check: &AppCheck,
    rules: &Ruleset,
    subject: &Subject<'_>,
    kit: &mut Kit,
    variables: &mut Variables,
) -> Looked {
    let Some(section) = rules.sections.get(section as usize) else { return Looked::Fails { decided: true } };
    let instances = if shape == Shape::Single { 1 } else { INSTANCES_MAX };
    // What tells its order otherwise is rare: DCE/RPC is little-endian but for a few old hosts.
    variables.told_big_endian = subject.transaction.little_endian(check.direction) == Some(false);
    let mut there = 0u32;
    let mut decided = shape != Shape::Multi;
    for instance in 0..instances {
        let mut buffer = std::mem::take(&mut kit.buffer);
        buffer.clear();
        let Some(view) = subject.transaction.buffer(number, check.direction, instance, &mut buffer) else {
            kit.buffer = buffer;
            break;
        };
        there += 1;
        let total = view.offset.saturating_add(view.bytes.len() as u64);
        let ripe = shape != Shape::Stream
            || view.complete
            || total >= GROWING_BYTES_MIN
            || subject.is_final(check.direction, check.stage);
        decided &= view.complete;
        let mut found = None;
        if ripe && section.absent != Absent::Only {
            let span = Span { bytes: view.bytes, offset: view.offset, fresh_from: 0 };
            found = kit.run(section, span, variables, rules.steps_max);
        }
        kit.buffer = buffer;
        if let Some(found) = found {
            let source =
                Source::Buffer { protocol: subject.protocol, buffer: number, instance, direction: check.direction };
            return Looked::Holds(placed(source, found));
        }
    }
    match there {
        0 => Looked::Missing { absent: section.absent },
        _ => Looked::Fails { decided },
    }
}
