//! Frames for several workers: each block of a capture is read once, by the worker that comes to it first, and goes when
//! all are through with it.

use super::{
    run::Read,
    settings::Plan,
    source::{self, Source},
};
use phitak_engine::{Capture, Filter, Frame, LinkType, lane};
use phitak_model::Timestamp;
use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A block is full with so many bytes.
const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks that one worker may be ahead of another: what it was told waits for the others.
const AHEAD_MAX: u64 = 16;
/// How often a worker that waits for others asks whether all is to stop.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Frames<'p> {
    plan: &'p Plan,
    /// Held by whoever reads; taken before the other one.
    input: Mutex<Input>,
    state: Mutex<State>,
    /// Some worker went on.
    moved: Condvar,
}

/// One worker on its way through all blocks. One that is gone, for whatever reason, holds up nobody.
pub(super) struct Reader<'f> {
    frames: &'f Frames<'f>,
    worker: usize,
    /// The next block.
    number: u64,
}

/// Frames in a row.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    frames: Vec<Placed>,
    /// The number of the first frame behind it.
    pub upto: u64,
}

struct Placed {
    number: u64,
    at: Timestamp,
    link: LinkType,
    wire_length: u32,
    start: usize,
    length: usize,
    lane: usize,
}

/// Where the next block comes from.
struct Input {
    /// Captures that were begun.
    begun: usize,
    open: Option<Open>,
    filter: Filter,
    workers: usize,
    read: Read,
}

struct State {
    /// Blocks that some worker still needs, and the number of the first of them.
    blocks: VecDeque<Arc<Block>>,
    first: u64,
    /// Memory of blocks that are gone.
    spare: Vec<Block>,
    /// The block that each worker is at.
    places: Vec<u64>,
    /// There are no more, or nobody gets more.
    stopped: bool,
}

struct Open {
    capture: Capture<Source>,
    /// Frames of the captures before it.
    before: u64,
}

impl Block {
    /// Each frame with the worker that looks at it.
    pub fn frames(&self) -> impl Iterator<Item = (usize, Frame<'_>)> {
        self.frames.iter().map(|placed| {
            let Placed { number, at, link, wire_length, start, length, lane } = *placed;
            let bytes = self.bytes.get(start..).and_then(|bytes| bytes.get(..length)).unwrap_or_default();
            (lane, Frame { number, at, link, wire_length, bytes })
        })
    }

    fn push(&mut self, frame: &Frame<'_>, lane: usize) {
        let Frame { number, at, link, wire_length, bytes } = *frame;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.frames.push(Placed { number, at, link, wire_length, start, length: bytes.len(), lane });
    }
}

impl<'p> Frames<'p> {
    pub fn new(plan: &'p Plan, workers: usize) -> Self {
        let filter = Filter::new(&plan.expression).expect("it was read once already");
        let input = Input { begun: 0, open: None, filter, workers, read: Read::default() };
        let places = vec![0; workers];
        let state = State { blocks: VecDeque::new(), first: 0, spare: Vec::new(), places, stopped: false };
        Self { plan, input: Mutex::new(input), state: Mutex::new(state), moved: Condvar::new() }
    }

    pub fn reader(&self, worker: usize) -> Reader<'_> {
        Reader { frames: self, worker, number: 0 }
    }

    /// Nobody gets more.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.moved.notify_all();
    }

    pub fn into_read(self) -> Read {
        self.input.into_inner().unwrap_or_else(PoisonError::into_inner).read
    }

    /// Reads the block of this number, when nobody has done it meanwhile.
    fn read_block(&self, number: u64) -> MutexGuard<'_, State> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        if state.stopped || state.next() != number {
            return state;
        }
        let spare = state.spare.pop().unwrap_or_default();
        drop(state);
        let block = input.read_block(self.plan, spare);
        let mut state = self.lock();
        match block {
            Some(block) => state.blocks.push_back(Arc::new(block)),
            None => state.stopped = true,
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// The next block; `None` at the end, or when all is to stop. The worker is through with all before it.
    pub fn next(&mut self) -> Option<Arc<Block>> {
        let Self { frames, worker, number } = *self;
        let mut state = frames.lock();
        state.is_at(worker, number);
        frames.moved.notify_all();
        loop {
            if let Some(block) = state.block(number) {
                self.number += 1;
                return Some(Arc::clone(block));
            }
            if state.stopped {
                return None;
            }
            if number.saturating_sub(state.slowest()) >= AHEAD_MAX {
                let waited = frames.moved.wait_timeout(state, LOOK);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Reading takes a while: who wants a block that is there need not wait for it.
            drop(state);
            state = frames.read_block(number);
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.frames.lock().is_at(self.worker, u64::MAX);
        self.frames.moved.notify_all();
    }
}

impl State {
    fn is_at(&mut self, worker: usize, number: u64) {
        if let Some(place) = self.places.get_mut(worker) {
            *place = number;
        }
        let slowest = self.slowest();
        while self.first < slowest
            && let Some(block) = self.blocks.pop_front()
        {
            self.first += 1;
            self.spare.extend(Arc::try_unwrap(block).ok());
        }
    }

    fn slowest(&self) -> u64 {
        self.places.iter().copied().min().unwrap_or(0)
    }

    fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.blocks.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The number of the block that is to be read next.
    fn next(&self) -> u64 {
        self.first.saturating_add(self.blocks.len() as u64)
    }
}

impl Input {
    /// The next frames of the captures, in the memory of a block that is gone; `None` when there are no more.
    fn read_block(&mut self, plan: &Plan, mut block: Block) -> Option<Block> {
        block.bytes.clear();
        block.frames.clear();
        block.upto = self.read.frames + 1;
        while block.bytes.len() < BLOCK_BYTES {
            let Some(open) = &mut self.open else {
                let path = plan.captures.get(self.begun)?;
                self.begun += 1;
                self.begin(path);
                continue;
            };
            match open.capture.next_frame() {
                Ok(Some(frame)) => {
                    // Numbers go on over all captures of one run.
                    let frame = Frame { number: open.before + frame.number, ..frame };
                    self.read.frames += 1;
                    self.read.bytes += frame.bytes.len() as u64;
                    block.upto = frame.number + 1;
                    if self.filter.is_empty() || self.filter.matches(&frame) {
                        block.push(&frame, lane(&frame, self.workers));
                    }
                }
                Ok(None) => {
                    self.open = None;
                    break;
                }
                Err(error) => {
                    let frames = self.read.frames - open.before;
                    self.open = None;
                    if let Some(path) = self.begun.checked_sub(1).and_then(|at| plan.captures.get(at)) {
                        self.read.broken.push(format!("{}: {error} ({frames} packets were read)", source::name(path)));
                    }
                    break;
                }
            }
        }
        Some(block)
    }

    fn begin(&mut self, path: &Path) {
        let opened = source::open(path).map_err(|error| error.to_string());
        match opened.and_then(|source| Capture::new(source).map_err(|error| error.to_string())) {
            Ok(capture) => self.open = Some(Open { capture, before: self.read.frames }),
            Err(reason) => self.read.broken.push(format!("{}: {reason} (0 packets were read)", source::name(path))),
        }
    }
}
