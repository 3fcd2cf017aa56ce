//! Where the time of a run goes, stage by stage. Kept only when it is asked for.

use phitak_detect::profile::Clock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Outside of the engine: reading the capture, writing the results.
    Outside,
    Decoding,
    Flows,
    Protocols,
    Detection,
    Records,
}

const NAMES: [&str; 6] = ["reading and writing", "decoding", "flows and streams", "protocols", "detection", "records"];

/// One stage at a time: entering another ends the one before.
pub(crate) struct Stages {
    clock: Clock,
    current: Stage,
    since: u64,
    nanos: [u64; NAMES.len()],
}

impl Stages {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, current: Stage::Outside, since: clock(), nanos: [0; NAMES.len()] }
    }

    /// Gives the stage before, to return to.
    pub(crate) fn enter(&mut self, stage: Stage) -> Stage {
        let now = (self.clock)();
        if let Some(nanos) = self.nanos.get_mut(self.current as usize) {
            *nanos = nanos.saturating_add(now.saturating_sub(self.since));
        }
        self.since = now;
        std::mem::replace(&mut self.current, stage)
    }

    pub(crate) fn nanos(&self) -> Vec<(&'static str, u64)> {
        NAMES.into_iter().zip(self.nanos).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn time_goes_to_the_stage_that_is_entered() {
        static NOW: AtomicU64 = AtomicU64::new(0);
        let mut stages = Stages::new(|| NOW.fetch_add(10, Ordering::Relaxed));
        assert_eq!(stages.enter(Stage::Decoding), Stage::Outside);
        let before = stages.enter(Stage::Flows);
        stages.enter(before);
        stages.enter(Stage::Outside);
        let spent: Vec<u64> = stages.nanos().into_iter().map(|(_, nanos)| nanos).collect();
        assert_eq!(spent, [10, 20, 10, 0, 0, 0]);
    }
}
