//! What the data folder remembers of replays: when each began, how far it came, and which are done.

use phitak_model::Timestamp;
use phitak_uplink::{
    private_file,
    spool::{Cursor, ReplayId},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// Replays that are remembered; the ones used longest ago go first.
const REPLAYS_MAX: usize = 1000;
const FILE_BYTES_MAX: u64 = 4 << 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Replay {
    /// When its first packet was first played.
    pub(super) started_at: Timestamp,
    /// How far it came before another replay was begun.
    pub(super) cursor: Option<Cursor>,
    pub(super) is_done: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    replays: BTreeMap<String, Replay>,
    /// Finished repetitions of looped captures.
    repetitions: BTreeMap<String, u64>,
    /// The last packet's time, as shown, of the replay that ended last.
    ended_at: Option<Timestamp>,
}

pub(super) struct Replays {
    path: PathBuf,
    kept: Kept,
}

impl Replays {
    /// A file that cannot be read is begun anew: its replays are played from their beginning.
    pub(super) fn open(path: &Path) -> Self {
        let small = std::fs::metadata(path).is_ok_and(|meta| meta.len() <= FILE_BYTES_MAX);
        let bytes = if small { std::fs::read(path).ok() } else { None };
        let kept: Option<Kept> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if kept.is_none() && path.exists() {
            tracing::warn!(path = %path.display(), "the memory of replays cannot be read and begins anew");
        }
        Self { path: path.to_owned(), kept: kept.unwrap_or_default() }
    }

    pub(super) fn get(&self, id: ReplayId) -> Option<&Replay> {
        self.kept.replays.get(&id.to_string())
    }

    pub(super) fn is_done(&self, id: ReplayId) -> bool {
        self.get(id).is_some_and(|replay| replay.is_done)
    }

    pub(super) fn repetitions(&self, base: ReplayId) -> u64 {
        self.kept.repetitions.get(&base.to_string()).copied().unwrap_or(0)
    }

    /// The moment at which a replay began; for a new one `now`, but not before the one before it has ended: packet time
    /// never goes back from one capture to the next.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn begin(&mut self, id: ReplayId, now: Timestamp) -> io::Result<Timestamp> {
        if let Some(known) = self.get(id) {
            return Ok(known.started_at);
        }
        let started_at = self.kept.ended_at.map_or(now, |ended| ended.max(now));
        self.kept.replays.insert(id.to_string(), Replay { started_at, ..Replay::default() });
        self.save()?;
        Ok(started_at)
    }

    /// Another replay is being begun: remembers where this one stood.
    pub(super) fn put_by(&mut self, cursor: Cursor) -> io::Result<()> {
        match self.kept.replays.get_mut(&cursor.replay.to_string()) {
            Some(replay) if !replay.is_done => replay.cursor = Some(cursor),
            _ => return Ok(()),
        }
        self.save()
    }

    pub(super) fn done(&mut self, id: ReplayId, ended_at: Option<Timestamp>) -> io::Result<()> {
        self.kept.replays.entry(id.to_string()).or_default().is_done = true;
        self.kept.ended_at = ended_at.max(self.kept.ended_at);
        self.save()
    }

    /// A repetition of a looped capture is done; its own entry is not needed any more.
    pub(super) fn repeated(&mut self, base: ReplayId, id: ReplayId, ended_at: Option<Timestamp>) -> io::Result<()> {
        let times = self.kept.repetitions.entry(base.to_string()).or_default();
        *times = times.saturating_add(1);
        self.kept.replays.remove(&id.to_string());
        self.kept.ended_at = ended_at.max(self.kept.ended_at);
        self.save()
    }

    fn save(&mut self) -> io::Result<()> {
        while self.kept.replays.len() > REPLAYS_MAX {
            let oldest = self.kept.replays.iter().min_by_key(|(_, replay)| replay.started_at).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            self.kept.replays.remove(&oldest);
        }
        while self.kept.repetitions.len() > REPLAYS_MAX {
            self.kept.repetitions.pop_first();
        }
        private_file::write(&self.path, &serde_json::to_vec(&self.kept)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_replay_keeps_its_beginning_over_restarts_and_the_next_begins_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("replays.json");
        let (one, two) = (ReplayId([1; 16]), ReplayId([2; 16]));
        let mut replays = Replays::open(&path);
        assert_eq!(replays.begin(one, at(100)).expect("kept"), at(100));
        let mut replays = Replays::open(&path);
        assert_eq!(replays.begin(one, at(500)).expect("kept"), at(100));
        replays.done(one, Some(at(900))).expect("kept");
        let mut replays = Replays::open(&path);
        assert!(replays.is_done(one));
        assert_eq!(replays.begin(two, at(600)).expect("kept"), at(900), "time does not go back");
    }

    #[test]
    fn an_interrupted_replay_keeps_its_place_and_a_repeated_one_its_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("replays.json");
        let (one, base) = (ReplayId([1; 16]), ReplayId([3; 16]));
        let cursor = Cursor { replay: one, packet: 7, call: 1 };
        let mut replays = Replays::open(&path);
        replays.begin(one, at(100)).expect("kept");
        replays.put_by(cursor).expect("kept");
        replays.put_by(Cursor { replay: base, packet: 1, call: 0 }).expect("an unknown replay is nothing");
        replays.repeated(base, one, None).expect("kept");
        let replays = Replays::open(&path);
        assert_eq!((replays.repetitions(base), replays.get(one)), (1, None));
    }

    #[test]
    fn a_file_of_garbage_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("replays.json");
        std::fs::write(&path, "{garbage").expect("written");
        assert!(!Replays::open(&path).is_done(ReplayId([1; 16])));
    }
}
