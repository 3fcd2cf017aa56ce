//! What detection remembers about one flow between packets.

use crate::{outcome::Detail, ruleset::Ruleset, threshold::Counter};
use phitak_model::Direction;
use phitak_rules::pattern::CaptureScope;
use std::collections::VecDeque;

/// Bits and counters of one flow.
const NAMES_MAX: usize = 512;
/// Transactions of one flow that rules are part-way through.
const TRANSACTIONS_MAX: usize = 1024;
/// Rules that one transaction keeps in mind.
const PROGRESS_MAX: usize = 4096;
/// Rules whose literal the stream has shown and whose rest may still come.
const HOPEFUL_MAX: usize = 64;
/// Captured variables of one flow.
const VARIABLES_MAX: usize = 64;

/// Made when a flow is; dropped with it. Small when no rule needs more.
#[derive(Debug, Default)]
pub struct FlowState {
    /// A pass rule let the whole flow go.
    pub(crate) passed: bool,
    /// Per direction: address-only rules were looked at; rules about the detected protocol were.
    pub(crate) addresses_done: [bool; 2],
    pub(crate) protocol_done: [bool; 2],
    pub(crate) stream: [StreamProgress; 2],
    /// (direction, rule, stream offset): the rule's literal was seen, the rest may come up to this offset.
    hopeful: Vec<(u8, u32, u64)>,
    bits: Vec<u32>,
    numbers: Vec<(u32, u32)>,
    variables: Vec<(Box<str>, Box<[u8]>)>,
    /// By rule, and which of its thresholds and rates.
    counters: Vec<((u32, u32), Counter)>,
    /// Per direction: all transactions below this id need no more inspection.
    pub(crate) inspected_to: [u64; 2],
    pub(crate) transactions: VecDeque<TransactionState>,
    /// Spent states, kept for their memory.
    spare: Vec<TransactionState>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct StreamProgress {
    /// Stream offset up to which bytes were inspected.
    pub inspected: u64,
    /// Bytes before this offset are not needed any more.
    pub keep_from: u64,
    pub ended: bool,
}

/// Where rules stand in one transaction.
#[derive(Debug, Default)]
pub(crate) struct TransactionState {
    pub id: u64,
    /// Per direction: one bit for each buffer matcher that needs no more look.
    pub searched: [u128; 2],
    /// Growing buffers: (direction, matcher, bytes of the whole value that were searched).
    pub grown: Vec<(u8, u16, u64)>,
    /// Sorted by route.
    pub progress: Vec<RouteProgress>,
    pub finished: [bool; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteProgress {
    pub route: u32,
    /// One bit for each check that holds.
    pub holding: u64,
    pub over: bool,
}

impl FlowState {
    /// The engine keeps stream bytes of this direction from this offset on, since a match may begin there.
    #[must_use]
    pub fn stream_keep_from(&self, direction: Direction) -> u64 {
        self.stream.get(direction.index()).map_or(0, |s| s.keep_from)
    }

    /// Whether this transaction needs no more inspection in this direction, so that it can be released.
    #[must_use]
    pub fn is_inspected(&self, transaction: u64, direction: Direction) -> bool {
        let index = direction.index();
        let below = self.inspected_to.get(index).is_some_and(|to| transaction < *to);
        below || self.passed || self.transaction(transaction).and_then(|t| t.finished.get(index)).is_some_and(|f| *f)
    }

    /// Names of the flow's bits, in order of their names, for EVE's `metadata.flowbits`.
    pub fn flowbits<'r>(&'r self, rules: &'r Ruleset) -> impl Iterator<Item = &'r str> {
        let mut names: Vec<&str> = self.bits.iter().filter_map(|bit| rules.flow_bit_name(*bit)).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Names and values of the flow's numbers, in order of their names, for EVE's `metadata.flowints`.
    pub fn flowints<'r>(&'r self, rules: &'r Ruleset) -> impl Iterator<Item = (&'r str, u32)> {
        let named = |(number, value): &(u32, u32)| rules.flow_int_name(*number).map(|name| (name, *value));
        let mut names: Vec<(&str, u32)> = self.numbers.iter().filter_map(named).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Groups that expressions captured for the flow, for EVE's `metadata.flowvars`, in order of capture.
    pub fn flowvars(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.variables.iter().map(|(name, bytes)| (&**name, &**bytes))
    }

    /// Forgets a flow but keeps its memory, for the next one.
    pub fn reset(&mut self) {
        let mut spare = std::mem::take(&mut self.spare);
        spare.extend(self.transactions.drain(..));
        spare.truncate(4);
        let (mut bits, mut numbers, transactions) =
            (std::mem::take(&mut self.bits), std::mem::take(&mut self.numbers), std::mem::take(&mut self.transactions));
        bits.clear();
        numbers.clear();
        *self = Self { bits, numbers, transactions, spare, ..Self::default() };
    }

    pub(crate) fn has_bit(&self, bit: u32) -> bool {
        self.bits.binary_search(&bit).is_ok()
    }

    pub(crate) fn set_bit(&mut self, bit: u32) {
        if let Err(at) = self.bits.binary_search(&bit)
            && self.bits.len() < NAMES_MAX
        {
            self.bits.insert(at, bit);
        }
    }

    pub(crate) fn unset_bit(&mut self, bit: u32) {
        if let Ok(at) = self.bits.binary_search(&bit) {
            self.bits.remove(at);
        }
    }

    pub(crate) fn number(&self, name: u32) -> Option<u32> {
        self.numbers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    pub(crate) fn set_number(&mut self, name: u32, value: u32) {
        if let Some((_, slot)) = self.numbers.iter_mut().find(|(n, _)| *n == name) {
            *slot = value;
        } else if self.numbers.len() < NAMES_MAX {
            self.numbers.push((name, value));
        }
    }

    pub(crate) fn keep_variables(&mut self, details: &[Detail]) {
        for detail in details {
            if let Detail::Captured { scope: CaptureScope::Flow, name, bytes } = detail {
                if let Some((_, slot)) = self.variables.iter_mut().find(|(n, _)| n == name) {
                    slot.clone_from(bytes);
                } else if self.variables.len() < VARIABLES_MAX {
                    self.variables.push((name.clone(), bytes.clone()));
                }
            }
        }
    }

    /// A rule's counter for a threshold or rate tracked by flow.
    pub(crate) fn counter(&mut self, rule: u32, which: u32) -> &mut Counter {
        let key = (rule, which);
        let at = match self.counters.iter().position(|(held, _)| *held == key) {
            Some(at) => at,
            None => {
                self.counters.push((key, Counter::default()));
                self.counters.len() - 1
            }
        };
        match self.counters.get_mut(at) {
            Some((_, counter)) => counter,
            None => unreachable!("it was found or pushed just now"),
        }
    }

    /// Rules that may be completed by bytes of this direction beyond `from`; those that cannot any more are forgotten.
    pub(crate) fn hopeful(&mut self, direction: Direction, from: u64, mut each: impl FnMut(u32)) {
        let index = direction.index() as u8;
        self.hopeful.retain(|(d, _, until)| *d != index || *until > from);
        self.hopeful.iter().filter(|(d, ..)| *d == index).for_each(|(_, rule, _)| each(*rule));
    }

    pub(crate) fn note_hopeful(&mut self, direction: Direction, rule: u32, until: u64) {
        let index = direction.index() as u8;
        // The literal may have been seen again, or only be remembered: the first time counts.
        let known = self.hopeful.iter().any(|(d, r, _)| *d == index && *r == rule);
        if !known && self.hopeful.len() < HOPEFUL_MAX {
            self.hopeful.push((index, rule, until));
        }
    }

    pub(crate) fn transaction(&self, id: u64) -> Option<&TransactionState> {
        self.transactions.binary_search_by_key(&id, |t| t.id).ok().and_then(|at| self.transactions.get(at))
    }

    /// Takes the state of a transaction out, or a new one; [`FlowState::give_back`] returns it.
    pub(crate) fn take_transaction(&mut self, id: u64) -> TransactionState {
        let held =
            self.transactions.binary_search_by_key(&id, |t| t.id).ok().and_then(|at| self.transactions.remove(at));
        held.unwrap_or_else(|| {
            let mut state = self.spare.pop().unwrap_or_default();
            state.renew(id);
            state
        })
    }

    pub(crate) fn give_back(&mut self, state: TransactionState) {
        if self.transactions.len() < TRANSACTIONS_MAX {
            let at = self.transactions.partition_point(|t| t.id < state.id);
            self.transactions.insert(at, state);
        }
    }

    /// Drops states of transactions below an id.
    pub(crate) fn release_below(&mut self, id: u64) {
        while self.transactions.front().is_some_and(|t| t.id < id) {
            if let Some(state) = self.transactions.pop_front()
                && self.spare.len() < 4
            {
                self.spare.push(state);
            }
        }
    }
}

impl TransactionState {
    fn renew(&mut self, id: u64) {
        self.id = id;
        self.searched = [0; 2];
        self.grown.clear();
        self.progress.clear();
        self.finished = [false; 2];
    }

    pub fn progress_of(&self, route: u32) -> Option<RouteProgress> {
        let at = self.progress.binary_search_by_key(&route, |p| p.route).ok()?;
        self.progress.get(at).copied()
    }

    pub fn note(&mut self, progress: RouteProgress) {
        match self.progress.binary_search_by_key(&progress.route, |p| p.route) {
            Ok(at) => {
                if let Some(slot) = self.progress.get_mut(at) {
                    *slot = progress;
                }
            }
            Err(at) if self.progress.len() < PROGRESS_MAX => self.progress.insert(at, progress),
            Err(_) => {}
        }
    }

    /// How much of a growing buffer was searched.
    pub fn grown(&self, direction: Direction, matcher: u16) -> u64 {
        let key = (direction.index() as u8, matcher);
        self.grown.iter().find(|(d, m, _)| (*d, *m) == key).map_or(0, |(.., to)| *to)
    }

    pub fn set_grown(&mut self, direction: Direction, matcher: u16, to: u64) {
        let key = (direction.index() as u8, matcher);
        match self.grown.iter_mut().find(|(d, m, _)| (*d, *m) == key) {
            Some((.., slot)) => *slot = to,
            None => self.grown.push((key.0, key.1, to)),
        }
    }
}
