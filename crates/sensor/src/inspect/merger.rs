//! What several workers tell, put in the order in which one worker would have told it.
//!
//! Workers do it themselves, whoever has something to hand on while nobody else is at it: a thread of its own would take
//! turns with them on the same cores.

use super::output::Results;
use phitak_engine::{Common, OpenAlert, Sink as _};
use phitak_model::Alert;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Results of a frame itself come after those of flows that ended because of its time.
pub(super) const OF_FRAME: u64 = u64::MAX;

/// What one worker was told, in order.
#[derive(Default)]
pub(super) struct Batch {
    pub told: VecDeque<Told>,
    pub alerts: VecDeque<Alert>,
    /// The records' bytes, one after the other.
    pub bytes: Vec<u8>,
    /// All that belongs to earlier frames has been told.
    pub upto: u64,
}

pub(super) struct Told {
    pub frame: u64,
    /// The first frame of a flow that ended, or [`OF_FRAME`].
    pub born: u64,
    pub what: What,
    /// It counts only if this is an alert.
    pub open: Option<Arc<OpenAlert>>,
}

impl Told {
    /// All that it depends on is settled by now.
    fn counts(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.is_alert() == Some(true))
    }
}

#[derive(Clone, Copy)]
pub(super) enum What {
    Record { kind: &'static str, start: usize, end: usize },
    Alert,
}

pub(super) struct Merger<'r> {
    /// Batches with the numbers of their workers, as they came.
    inbox: Mutex<Vec<(usize, Batch)>>,
    order: Mutex<Order<'r>>,
    /// Settles alerts that workers left open.
    common: Common,
    /// Batches that are empty: their memory is used again.
    spare: Mutex<Vec<Batch>>,
}

struct Order<'r> {
    /// What waits for other workers, by worker.
    waiting: Vec<VecDeque<Batch>>,
    /// How far each worker has told.
    upto: Vec<u64>,
    results: &'r mut Results,
}

impl<'r> Merger<'r> {
    pub fn new(workers: usize, common: Common, results: &'r mut Results) -> Self {
        let waiting = std::iter::repeat_with(VecDeque::new).take(workers).collect();
        let order = Order { waiting, upto: vec![0; workers], results };
        Self { inbox: Mutex::default(), order: Mutex::new(order), common, spare: Mutex::default() }
    }

    /// A batch to be filled.
    pub fn spare(&self) -> Batch {
        lock(&self.spare).pop().unwrap_or_default()
    }

    /// Takes what a worker was told since it came here last. `false` when the results cannot be written any more.
    pub fn hand_on(&self, own: usize, batch: Batch) -> bool {
        lock(&self.inbox).push((own, batch));
        // Whoever is at it takes this one too, or the next worker does that comes.
        match self.order.try_lock() {
            Ok(mut order) => self.settle(&mut order),
            Err(_) => true,
        }
    }

    /// All workers are through.
    pub fn finish(self) {
        self.settle(&mut lock(&self.order));
    }

    fn settle(&self, order: &mut Order<'_>) -> bool {
        loop {
            let came = std::mem::take(&mut *lock(&self.inbox));
            if came.is_empty() {
                return order.results.failure.is_none();
            }
            for (own, batch) in came {
                let (Some(queue), Some(place)) = (order.waiting.get_mut(own), order.upto.get_mut(own)) else {
                    continue;
                };
                *place = batch.upto;
                queue.push_back(batch);
            }
            let bound = order.upto.iter().copied().min().unwrap_or(0);
            self.common.settle_before(bound);
            while let Some(own) = next(&mut order.waiting, &self.spare, bound) {
                if let Some(batch) = order.waiting.get_mut(own).and_then(VecDeque::front_mut) {
                    tell(batch, order.results);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose turn it is to tell something of a frame before `bound`.
fn next(waiting: &mut [VecDeque<Batch>], spare: &Mutex<Vec<Batch>>, bound: u64) -> Option<usize> {
    let mut first = None;
    for (own, queue) in waiting.iter_mut().enumerate() {
        while let Some(mut batch) = queue.pop_front_if(|batch| batch.told.is_empty()) {
            // Its memory goes back to the workers.
            batch.bytes.clear();
            lock(spare).push(batch);
        }
        let Some(told) = queue.front().and_then(|batch| batch.told.front()).filter(|told| told.frame < bound) else {
            continue;
        };
        let key = (told.frame, told.born);
        if first.is_none_or(|(least, _)| key < least) {
            first = Some((key, own));
        }
    }
    first.map(|(_, own)| own)
}

/// Tells all that belongs together: one frame's, or one flow's end.
fn tell(batch: &mut Batch, results: &mut Results) {
    let Some(key) = batch.told.front().map(|told| (told.frame, told.born)) else { return };
    while let Some(told) = batch.told.pop_front_if(|told| (told.frame, told.born) == key) {
        let counts = told.counts();
        match told.what {
            What::Record { .. } if !counts => {}
            What::Record { kind, start, end } => results.record(kind, batch.bytes.get(start..end).unwrap_or_default()),
            What::Alert => {
                if let Some(alert) = batch.alerts.pop_front().filter(|_| counts) {
                    results.alert(alert);
                }
            }
        }
    }
}
