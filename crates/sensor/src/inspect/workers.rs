//! Several workers on the same captures: each goes through all frames and looks at those of its own lane, and what they
//! tell is put in the order in which one worker would have told it.
//!
//! Hosts decide about the lane ([`phitak_engine::lane`]). What rules remember about hosts is common to all workers and is
//! asked and changed in the order of the frames, so that any number of workers finds the same. Limits of flows and of
//! memory are divided among the workers: only a sensor at its limits may find something else.

use super::{
    frames::{Frames, Reader},
    lanes::{LAST_FRAME, Lane, Lanes},
    output::Results,
    run::Read,
    settings::Plan,
};
use phitak_engine::{Common, Engine, Frame, Ruleset, Sink};
use phitak_model::{Alert, Observation};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

/// Results of a frame itself come after those of flows that ended because of its time.
const OF_FRAME: u64 = u64::MAX;

/// What one worker was told, in order.
#[derive(Default)]
struct Batch {
    told: VecDeque<Told>,
    alerts: VecDeque<Alert>,
    /// The records' bytes, one after the other.
    bytes: Vec<u8>,
    /// All that belongs to earlier frames has been told.
    upto: u64,
}

#[derive(Clone, Copy)]
struct Told {
    frame: u64,
    /// The first frame of a flow that ended, or [`OF_FRAME`].
    born: u64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Record { kind: &'static str, start: usize, end: usize },
    Alert,
}

/// A worker's sink.
struct Teller {
    batch: Batch,
    frame: u64,
    born: u64,
    lane: Arc<Lane>,
}

impl Sink for Teller {
    fn record(&mut self, kind: &'static str, line: &[u8]) {
        let start = self.batch.bytes.len();
        self.batch.bytes.extend_from_slice(line);
        let what = What::Record { kind, start, end: self.batch.bytes.len() };
        self.batch.told.push_back(Told { frame: self.frame, born: self.born, what });
    }

    fn ending(&mut self, born: u64) {
        self.born = born;
        self.lane.at_end_of(born);
    }

    fn alert(&mut self, alert: Alert) {
        self.batch.alerts.push_back(alert);
        self.batch.told.push_back(Told { frame: self.frame, born: self.born, what: What::Alert });
    }

    fn observation(&mut self, _observation: Observation) {}
}

/// Reads all captures with `workers` workers. Gives what was read, and an engine with the counters of all.
pub(super) fn read_captures(
    plan: &Plan,
    rules: &Arc<Ruleset>,
    workers: usize,
    results: &mut Results,
) -> (Read, Engine) {
    let lanes = Lanes::new(workers);
    let frames = Frames::new(plan, workers);
    let common = Common::new(rules);
    let (sender, receiver) = mpsc::channel();
    let spare = Mutex::new(Vec::new());
    let engines: Vec<Engine> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|own| {
                let (lane, sender, reader) = (lanes.lane(own), sender.clone(), frames.reader(own));
                let engine = engine(plan, rules, &common.with_turn(Arc::clone(&lane) as _), workers);
                let teller = Teller { batch: Batch::default(), frame: 0, born: OF_FRAME, lane: Arc::clone(&lane) };
                let worker = Worker { reader, spare: &spare, own, engine, teller, lane, sender };
                scope.spawn(move || worker.work())
            })
            .collect();
        drop(sender);
        merge(&receiver, &spare, workers, results, || {
            lanes.stop();
            frames.stop();
        });
        handles.into_iter().map(|handle| handle.join().expect("a worker's panic is the program's")).collect()
    });
    let mut engines = engines.into_iter();
    let mut engine = engines.next().expect("there is at least one worker");
    for other in engines {
        engine.absorb(&other);
    }
    (frames.into_read(), engine)
}

fn engine(plan: &Plan, rules: &Arc<Ruleset>, common: &Common, workers: usize) -> Engine {
    let mut config = plan.config.clone();
    config.flow.flows_max = config.flow.flows_max.div_ceil(workers);
    config.tcp.memory_bytes_max = config.tcp.memory_bytes_max.div_ceil(workers);
    Engine::beside(config, Arc::clone(rules), common.clone())
}

struct Worker<'f> {
    reader: Reader<'f>,
    spare: &'f Mutex<Vec<Batch>>,
    own: usize,
    engine: Engine,
    teller: Teller,
    lane: Arc<Lane>,
    sender: mpsc::Sender<(usize, Batch)>,
}

impl Worker<'_> {
    fn work(mut self) -> Engine {
        while let Some(block) = self.reader.next() {
            for (lane, frame) in block.frames() {
                self.frame(&frame, lane == self.own);
            }
            self.hand_on(block.upto);
        }
        self.teller.frame = LAST_FRAME;
        self.lane.at_ends(LAST_FRAME);
        self.engine.end_flows(&mut self.teller);
        self.lane.leave();
        self.hand_on(u64::MAX);
        self.engine
    }

    fn frame(&mut self, frame: &Frame<'_>, is_own: bool) {
        self.teller.frame = frame.number;
        if self.engine.is_due(frame.at) {
            self.lane.at_ends(frame.number);
            self.engine.advance(frame.at, &mut self.teller);
            self.teller.born = OF_FRAME;
        } else {
            // Only the time is noted.
            self.engine.advance(frame.at, &mut self.teller);
        }
        self.lane.at_frame(frame.number);
        if is_own {
            self.engine.frame(frame, &mut self.teller);
        }
    }

    fn hand_on(&mut self, upto: u64) {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let mut batch = std::mem::replace(&mut self.teller.batch, spare);
        batch.upto = upto;
        // When nobody takes it, all is about to stop.
        let _ = self.sender.send((self.own, batch));
    }
}

/// Puts what all workers tell in order, until they are through. Calls `stop` when it cannot be written.
fn merge(
    receiver: &mpsc::Receiver<(usize, Batch)>,
    spare: &Mutex<Vec<Batch>>,
    workers: usize,
    results: &mut Results,
    stop: impl Fn(),
) {
    let mut waiting: Vec<VecDeque<Batch>> = std::iter::repeat_with(VecDeque::new).take(workers).collect();
    let mut upto = vec![0; workers];
    while let Ok((own, batch)) = receiver.recv() {
        let (Some(queue), Some(place)) = (waiting.get_mut(own), upto.get_mut(own)) else { continue };
        *place = batch.upto;
        queue.push_back(batch);
        let bound = upto.iter().copied().min().unwrap_or(0);
        while let Some(own) = next(&mut waiting, spare, bound) {
            if let Some(batch) = waiting.get_mut(own).and_then(VecDeque::front_mut) {
                tell(batch, results);
            }
        }
        if results.failure.is_some() {
            stop();
        }
    }
}

/// Whose turn it is to tell something of a frame before `bound`.
fn next(waiting: &mut [VecDeque<Batch>], spare: &Mutex<Vec<Batch>>, bound: u64) -> Option<usize> {
    let mut first = None;
    for (own, queue) in waiting.iter_mut().enumerate() {
        while let Some(mut batch) = queue.pop_front_if(|batch| batch.told.is_empty()) {
            // Its memory goes back to the workers.
            batch.bytes.clear();
            spare.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
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
        match told.what {
            What::Record { kind, start, end } => results.record(kind, batch.bytes.get(start..end).unwrap_or_default()),
            What::Alert => {
                if let Some(alert) = batch.alerts.pop_front() {
                    results.alert(alert);
                }
            }
        }
    }
}
