//! Several workers on the same captures: each goes through all frames and looks at those of its own lane, and what they
//! tell is put in the order in which one worker would have told it.
//!
//! Hosts decide about the lane ([`phitak_engine::lane`]). What rules remember about hosts is common to all workers and is
//! asked and changed in the order of the frames, so that any number of workers finds the same. Limits of flows and of
//! memory are divided among the workers: only a sensor at its limits may find something else.

use super::{
    frames::{Frames, Reader},
    lanes::{LAST_FRAME, Lane, Lanes},
    merger::{Batch, Merger, OF_FRAME, Told, What},
    output::Results,
    run::Read,
    settings::Plan,
};
use phitak_engine::{Common, Engine, Frame, OpenAlert, Ruleset, Sink};
use phitak_model::{Alert, Observation};
use std::sync::Arc;

/// A worker's sink.
struct Teller {
    batch: Batch,
    frame: u64,
    born: u64,
    /// What the next record and the next alert depend on.
    open: [Option<Arc<OpenAlert>>; 2],
    lane: Arc<Lane>,
}

impl Teller {
    fn tell(&mut self, what: What) {
        let [of_record, of_alert] = &mut self.open;
        let open = if matches!(what, What::Alert) { of_alert.take() } else { of_record.take() };
        self.batch.told.push_back(Told { frame: self.frame, born: self.born, what, open });
    }
}

impl Sink for Teller {
    fn record(&mut self, kind: &'static str, line: &[u8]) {
        let start = self.batch.bytes.len();
        self.batch.bytes.extend_from_slice(line);
        let what = What::Record { kind, start, end: self.batch.bytes.len() };
        self.tell(what);
    }

    fn open(&mut self, alert: Arc<OpenAlert>) {
        self.open = [Some(Arc::clone(&alert)), Some(alert)];
    }

    fn ending(&mut self, born: u64) {
        self.born = born;
        self.lane.at_end_of(born);
    }

    fn alert(&mut self, alert: Alert) {
        self.batch.alerts.push_back(alert);
        self.tell(What::Alert);
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
    let merger = Merger::new(workers, common.clone(), results);
    let stop = || {
        lanes.stop();
        frames.stop();
    };
    let engines: Vec<Engine> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|own| {
                let (lane, reader) = (lanes.lane(own), frames.reader(own));
                let engine = engine(plan, rules, &common.with_turn(Arc::clone(&lane) as _), workers);
                let teller = Teller {
                    batch: Batch::default(),
                    frame: 0,
                    born: OF_FRAME,
                    open: [None, None],
                    lane: Arc::clone(&lane),
                };
                let worker = Worker { reader, merger: &merger, own, engine, teller, lane, stop: &stop };
                scope.spawn(move || worker.work())
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("a worker's panic is the program's")).collect()
    });
    merger.finish();
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

struct Worker<'f, 'r> {
    reader: Reader<'f>,
    merger: &'f Merger<'r>,
    own: usize,
    engine: Engine,
    teller: Teller,
    lane: Arc<Lane>,
    /// Nobody wants the results any more.
    stop: &'f (dyn Fn() + Sync),
}

impl Worker<'_, '_> {
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
            self.engine.advance(frame.number, frame.at, &mut self.teller);
            self.teller.born = OF_FRAME;
        } else {
            // Only the time is noted.
            self.engine.advance(frame.number, frame.at, &mut self.teller);
        }
        self.lane.at_frame(frame.number);
        if is_own {
            self.engine.frame(frame, &mut self.teller);
        }
    }

    fn hand_on(&mut self, upto: u64) {
        let mut batch = std::mem::replace(&mut self.teller.batch, self.merger.spare());
        batch.upto = upto;
        if !self.merger.hand_on(self.own, batch) {
            (self.stop)();
        }
    }
}

#[cfg(test)]
mod tests;
