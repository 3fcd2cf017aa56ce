//! How far each of several workers has come, and the order among them.
//!
//! A moment is a frame's number with a half: first flows end that were idle for too long, in the order in which they
//! began, then the frame itself is looked at. All workers go through all moments; at each but the ends of flows only one
//! of them has anything to do. So "nobody is at an earlier moment" means that all that is older was done.

use phitak_engine::{Moment, Turn};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Release},
};

/// After the last frame: all flows that are left end.
pub(super) const LAST_FRAME: u64 = u64::MAX >> 1;
/// Nothing comes any more.
const OVER: u64 = u64::MAX;
/// Looks at another worker's place before this thread lets others run.
const SPINS_MAX: u32 = 64;

/// One worker's place. Each is written for every frame: on a cache line (or a pair of them that is fetched together) of
/// its own, workers do not take it from each other.
#[derive(Default)]
#[repr(align(128))]
struct Place {
    /// Twice the frame's number, and one when the frame itself is looked at.
    moment: AtomicU64,
    /// While flows end: the frame that began the flow at hand.
    born: AtomicU64,
}

#[derive(Default)]
pub(super) struct Lanes {
    places: Vec<Place>,
    /// Nobody wants the results any more.
    stopped: AtomicBool,
}

/// One worker's lane among all.
pub(super) struct Lane {
    lanes: Arc<Lanes>,
    own: usize,
}

impl Lanes {
    pub(super) fn new(count: usize) -> Arc<Self> {
        let places = std::iter::repeat_with(Place::default).take(count).collect();
        Arc::new(Self { places, stopped: AtomicBool::new(false) })
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Acquire)
    }

    pub(super) fn lane(self: &Arc<Self>, own: usize) -> Arc<Lane> {
        Arc::new(Lane { lanes: Arc::clone(self), own })
    }
}

impl Lane {
    fn place(&self) -> Option<&Place> {
        self.lanes.places.get(self.own)
    }

    /// Flows may end because of this frame's time.
    pub(super) fn at_ends(&self, frame: u64) {
        let Some(place) = self.place() else { return };
        // In this order, so that who sees the new moment never sees an old flow with it.
        place.born.store(0, Release);
        place.moment.store(Moment::of_ends(frame, 0).step, Release);
    }

    /// This flow ends.
    pub(super) fn at_end_of(&self, born: u64) {
        if let Some(place) = self.place() {
            place.born.store(born, Release);
        }
    }

    /// The frame itself is looked at, here or by another worker.
    pub(super) fn at_frame(&self, frame: u64) {
        if let Some(place) = self.place() {
            place.moment.store(Moment::of_frame(frame).step, Release);
        }
    }

    /// All was done.
    pub(super) fn leave(&self) {
        if let Some(place) = self.place() {
            place.moment.store(OVER, Release);
        }
    }

    fn others(&self) -> impl Iterator<Item = &Place> {
        let own = self.own;
        self.lanes.places.iter().enumerate().filter(move |(at, _)| *at != own).map(|(_, place)| place)
    }

    fn wait_until(&self, holds: impl Fn() -> bool) -> bool {
        let mut spins = 0;
        while !holds() {
            if self.lanes.is_stopped() {
                return false;
            }
            if spins < SPINS_MAX {
                spins += 1;
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        true
    }
}

impl Turn for Lane {
    fn moment(&self) -> Moment {
        self.place().map_or(Moment { step: OVER, born: 0 }, Place::read)
    }

    fn has_come(&self) -> bool {
        let moment = self.moment();
        self.others().all(|other| other.has_reached(moment))
    }

    fn wait(&self) {
        let moment = self.moment();
        for other in self.others() {
            self.wait_until(|| other.has_reached(moment));
        }
    }
}

impl Place {
    fn read(&self) -> Moment {
        let step = self.moment.load(Acquire);
        let born = if step & 1 == 0 { self.born.load(Acquire) } else { 0 };
        Moment { step, born }
    }

    /// Whether the worker here will do nothing older than `moment` any more.
    fn has_reached(&self, moment: Moment) -> bool {
        let there = self.moment.load(Acquire);
        let flows_end = moment.step & 1 == 0;
        there > moment.step || there == moment.step && (!flows_end || self.born.load(Acquire) >= moment.born)
    }
}

/// A worker that is gone, for whatever reason, holds up nobody.
impl Drop for Lane {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of two workers does what is marked as its own; the log must be in order.
    #[test]
    fn turns_come_in_the_order_of_frames_and_of_the_flows_that_end() {
        let lanes = Lanes::new(2);
        let log = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for own in 0..2_u64 {
                let lane = lanes.lane(own as usize);
                let log = &log;
                scope.spawn(move || {
                    for frame in 1..500_u64 {
                        if frame % 10 == 0 {
                            lane.at_ends(frame);
                            for born in (1..6).filter(|born| born % 2 == own) {
                                lane.at_end_of(born);
                                lane.wait();
                                log.lock().expect("log").push((frame, 0, born));
                            }
                        }
                        lane.at_frame(frame);
                        if frame / 3 % 2 == own {
                            lane.wait();
                            log.lock().expect("log").push((frame, 1, 0));
                        }
                    }
                });
            }
        });
        let log = log.into_inner().expect("log");
        assert_eq!(log.len(), 499 + 49 * 5);
        assert!(log.is_sorted(), "{log:?}");
    }

    #[test]
    fn a_stop_ends_all_waiting() {
        let lanes = Lanes::new(2);
        let lane = lanes.lane(0);
        lane.at_frame(9);
        lanes.stop();
        lane.wait();
    }
}
