//! Several workers on the same captures: each reads all frames and looks at those of its own lane, and what they tell is
//! put in the order in which one worker would have told it.
//!
//! Hosts decide about the lane ([`phitak_engine::lane`]). What rules remember about hosts is common to all workers and is
//! asked and changed in the order of the frames, so that any number of workers finds the same. Limits of flows and of
//! memory are divided among the workers: only a sensor at its limits may find something else.

use super::{
    lanes::{LAST_FRAME, Lane, Lanes},
    output::Results,
    run::Read,
    settings::Plan,
};
use phitak_engine::{Capture, Common, Engine, Filter, Frame, Ruleset, Sink, lane};
use phitak_model::{Alert, Observation};
use std::{
    collections::VecDeque,
    fs::File,
    path::Path,
    sync::{Arc, mpsc},
};

/// A worker hands on what it was told after so many bytes or frames.
const BATCH_BYTES: usize = 64 * 1024;
const BATCH_FRAMES: u64 = 4096;
/// Frames that one worker may be ahead of another: what it was told waits for the others.
const AHEAD_MAX: u64 = 1 << 17;
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

/// What a worker ends with.
struct Done {
    engine: Engine,
    read: Read,
}

/// Reads all captures with `workers` workers. Gives what was read, and an engine with the counters of all.
pub(super) fn read_captures(
    plan: &Plan,
    rules: &Arc<Ruleset>,
    workers: usize,
    results: &mut Results,
) -> (Read, Engine) {
    let lanes = Lanes::new(workers);
    let common = Common::new(rules);
    let (sender, receiver) = mpsc::channel();
    let done: Vec<Done> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|own| {
                let (lane, lanes, sender) = (lanes.lane(own), Arc::clone(&lanes), sender.clone());
                let engine = engine(plan, rules, &common.with_turn(Arc::clone(&lane) as _), workers);
                let teller = Teller { batch: Batch::default(), frame: 0, born: OF_FRAME, lane: Arc::clone(&lane) };
                let filter = Filter::new(&plan.expression).expect("it was read once already");
                let read = Read::default();
                let mut worker = Worker { plan, filter, own, workers, engine, teller, lane, lanes, sender, read };
                scope.spawn(move || {
                    worker.work();
                    Done { engine: worker.engine, read: worker.read }
                })
            })
            .collect();
        drop(sender);
        merge(&receiver, workers, results, &lanes);
        handles.into_iter().map(|handle| handle.join().expect("a worker's panic is the program's")).collect()
    });
    let mut done = done.into_iter();
    let first = done.next().expect("there is at least one worker");
    let (mut engine, read) = (first.engine, first.read);
    for other in done {
        engine.absorb(&other.engine);
    }
    (read, engine)
}

fn engine(plan: &Plan, rules: &Arc<Ruleset>, common: &Common, workers: usize) -> Engine {
    let mut config = plan.config.clone();
    config.flow.flows_max = config.flow.flows_max.div_ceil(workers);
    config.tcp.memory_bytes_max = config.tcp.memory_bytes_max.div_ceil(workers);
    Engine::beside(config, Arc::clone(rules), common.clone())
}

struct Worker<'p> {
    plan: &'p Plan,
    filter: Filter,
    own: usize,
    workers: usize,
    engine: Engine,
    teller: Teller,
    lane: Arc<Lane>,
    lanes: Arc<Lanes>,
    sender: mpsc::Sender<(usize, Batch)>,
    read: Read,
}

impl Worker<'_> {
    fn work(&mut self) {
        for path in &self.plan.captures {
            let before = self.read.frames;
            if let Err(reason) = self.capture(path) {
                let frames = self.read.frames - before;
                self.read.broken.push(format!("{}: {reason} ({frames} packets were read)", path.display()));
            }
        }
        self.teller.frame = LAST_FRAME;
        self.lane.at_ends(LAST_FRAME);
        self.engine.end_flows(&mut self.teller);
        self.lane.leave();
        self.hand_on(u64::MAX);
    }

    fn capture(&mut self, path: &Path) -> Result<(), String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut capture = Capture::new(file).map_err(|error| error.to_string())?;
        let numbers_from = self.read.frames;
        loop {
            let Some(frame) = capture.next_frame().map_err(|error| error.to_string())? else { return Ok(()) };
            // Numbers go on over all captures of one run.
            let frame = Frame { number: numbers_from + frame.number, ..frame };
            self.read.frames += 1;
            self.read.bytes += frame.bytes.len() as u64;
            if self.filter.is_empty() || self.filter.matches(&frame) {
                self.frame(&frame);
            }
            let is_full = self.teller.batch.bytes.len() >= BATCH_BYTES;
            if is_full || frame.number.is_multiple_of(BATCH_FRAMES) {
                self.hand_on(frame.number + 1);
                if self.lanes.is_stopped() || !self.lane.wait_for_others(frame.number, AHEAD_MAX) {
                    return Ok(());
                }
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
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
        if lane(frame, self.workers) == self.own {
            self.engine.frame(frame, &mut self.teller);
        }
    }

    fn hand_on(&mut self, upto: u64) {
        let mut batch = std::mem::take(&mut self.teller.batch);
        batch.upto = upto;
        // When nobody takes it, all is about to stop.
        let _ = self.sender.send((self.own, batch));
    }
}

/// Puts what all workers tell in order, until they are through.
fn merge(receiver: &mpsc::Receiver<(usize, Batch)>, workers: usize, results: &mut Results, lanes: &Lanes) {
    let mut waiting: Vec<VecDeque<Batch>> = std::iter::repeat_with(VecDeque::new).take(workers).collect();
    let mut upto = vec![0; workers];
    while let Ok((own, batch)) = receiver.recv() {
        let (Some(queue), Some(place)) = (waiting.get_mut(own), upto.get_mut(own)) else { continue };
        *place = batch.upto;
        queue.push_back(batch);
        let bound = upto.iter().copied().min().unwrap_or(0);
        while let Some(own) = next(&mut waiting, bound) {
            if let Some(batch) = waiting.get_mut(own).and_then(VecDeque::front_mut) {
                tell(batch, results);
            }
        }
        if results.failure.is_some() {
            lanes.stop();
        }
    }
}

/// Whose turn it is to tell something of a frame before `bound`.
fn next(waiting: &mut [VecDeque<Batch>], bound: u64) -> Option<usize> {
    let mut first = None;
    for (own, queue) in waiting.iter_mut().enumerate() {
        while queue.front().is_some_and(|batch| batch.told.is_empty()) {
            queue.pop_front();
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
