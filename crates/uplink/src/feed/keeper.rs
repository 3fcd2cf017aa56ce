//! The list at the sensor: on disk, verified when it comes and when it is opened.
//!
//! One file a generation, `list-<generation>.parts`: parts one after the other, as they came. A later generation comes into
//! `list-<generation>.new` and takes the place of the one before, if there is one, only when it is there whole. A tail that a kill cut, or
//! whatever else does not verify, is cut off, and fetched again.

use super::{Change, FeedAsk, FeedError, FeedKey, FeedPosition, LIST_BYTES_MAX, Part};
use crate::private_file::make_folder;
use phitak_model::{Indicator, ListedRule, listed_rule::LISTED_RULES_MAX};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

const FOLDER: &str = "indicators";
const WHOLE: &str = "parts";
const COMING: &str = "new";

/// A sensor's list, shared by who fetches it and who uses it.
pub struct Keeper {
    folder: PathBuf,
    key: FeedKey,
    kept: Mutex<Kept>,
    changed: watch::Sender<FeedPosition>,
}

#[derive(Default)]
struct Kept {
    /// What is in use.
    whole: Run,
    /// A later generation on its way.
    coming: Option<Run>,
}

/// The beginning of a generation that is on disk and verified.
#[derive(Clone, Debug, Default)]
struct Run {
    position: FeedPosition,
    hash: [u8; 32],
    ask: FeedAsk,
    bytes: u64,
}

/// What a list held when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub position: FeedPosition,
    /// Lines that this program cannot read, and rules for which there is no room.
    pub unread: u64,
    /// Rules that were not removed again, by their numbers: at most [`LISTED_RULES_MAX`].
    pub rules: Vec<ListedRule>,
}

impl Keeper {
    /// Opens the list in a sensor's folder, or begins without one. Whatever does not verify is left out.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(data: &Path, key: FeedKey) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        make_folder(&folder)?;
        let mut generations = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            match generation_of(&path) {
                Some(generation) => generations.push((generation, path)),
                // One that was on its way is fetched anew.
                None if path.extension().is_some_and(|e| e == COMING) => fs::remove_file(&path)?,
                None => {}
            }
        }
        generations.sort();
        let mut whole = Run::default();
        while let Some((generation, path)) = generations.pop() {
            let run = verified(&path, generation, &key)?;
            if whole.position.is_none() && run.position.part > 0 {
                whole = run;
                continue;
            }
            // An older one, or one of which nothing is left.
            fs::remove_file(&path)?;
        }
        let changed = watch::Sender::new(whole.position);
        Ok(Self { folder, key, kept: Mutex::new(Kept { whole, coming: None }), changed })
    }

    /// How far the list in use goes.
    #[must_use]
    pub fn position(&self) -> FeedPosition {
        self.lock().whole.position
    }

    /// What to ask the centre for next.
    #[must_use]
    pub fn ask(&self) -> FeedAsk {
        let kept = self.lock();
        kept.coming.as_ref().unwrap_or(&kept.whole).ask.clone()
    }

    /// Whether the centre's list is another than this one: mostly longer, but shorter where the centre is an older copy of itself,
    /// which it learns by being asked.
    #[must_use]
    pub fn differs(&self, head: FeedPosition) -> bool {
        !head.is_none() && head != self.position()
    }

    /// Tells each time when another list is in use.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<FeedPosition> {
        self.changed.subscribe()
    }

    /// Takes an answer of the centre, whose list goes up to `head`.
    ///
    /// # Errors
    /// [`FeedError`]: the first part that does not follow or verify, and all behind it, is not taken.
    pub fn take(&self, page: &[u8], head: FeedPosition) -> Result<(), FeedError> {
        let mut kept = self.lock();
        for part in Part::decode_all(page)? {
            self.take_part(&mut kept, &part)?;
        }
        // Where nothing is in use, a beginning is better than nothing.
        let is_first = kept.whole.position.is_none();
        let is_whole = kept.coming.as_ref().is_some_and(|coming| is_first || coming.position >= head);
        if is_whole && let Some(coming) = kept.coming.take() {
            let generation = coming.position.generation;
            fs::rename(self.path(generation, COMING), self.path(generation, WHOLE))?;
            File::open(&self.folder)?.sync_all()?;
            let before = std::mem::replace(&mut kept.whole, coming).position.generation;
            let _ = fs::remove_file(self.path(before, WHOLE));
        }
        // Between two pages of a long way nobody is told: each time the whole list would be made ready again.
        if kept.whole.position >= head {
            let position = kept.whole.position;
            self.changed.send_if_modified(|told| std::mem::replace(told, position) != position);
        }
        Ok(())
    }

    fn take_part(&self, kept: &mut Kept, part: &Part) -> Result<(), FeedError> {
        let Kept { whole, coming } = kept;
        let found = part.position;
        let have = coming.as_ref().unwrap_or(whole).position;
        if found.generation == have.generation {
            if found != have.next() {
                return Err(FeedError::Order { have, found });
            }
            let extension = if coming.is_some() { COMING } else { WHOLE };
            let run = coming.as_mut().unwrap_or(whole);
            return self.append(run, part, extension);
        }
        if found.generation < have.generation || found.part != 1 {
            return Err(FeedError::Order { have, found });
        }
        let before = coming.as_ref().map(|coming| coming.position.generation);
        let mut next = Run::default();
        self.append(&mut next, part, COMING)?;
        if let Some(before) = before {
            let _ = fs::remove_file(self.path(before, COMING));
        }
        *coming = Some(next);
        Ok(())
    }

    /// Verifies a part and writes it behind a run.
    fn append(&self, run: &mut Run, part: &Part, extension: &str) -> Result<(), FeedError> {
        part.check(run.hash, &self.key)?;
        let encoded = part.encode();
        let bytes = run.bytes.saturating_add(encoded.len() as u64);
        if bytes > LIST_BYTES_MAX {
            return Err(FeedError::TooLarge);
        }
        let path = self.path(part.position.generation, extension);
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        // Behind what is verified, whatever a write that failed may have left there.
        file.set_len(run.bytes)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(&encoded)?;
        file.sync_data()?;
        *run = Run { position: part.position, hash: part.hash, ask: part.ask(), bytes };
        Ok(())
    }

    /// Tells every indicator of the list in use that was not removed again, and gives the rules that were not.
    ///
    /// # Errors
    /// [`FeedError`] when the file cannot be read any more.
    pub fn read(&self, add: &mut dyn FnMut(Indicator)) -> Result<Contents, FeedError> {
        let whole = self.lock().whole.clone();
        if whole.position.is_none() {
            return Ok(Contents::default());
        }
        let mut file = File::open(self.path(whole.position.generation, WHOLE))?;
        let (mut removed, mut rules, mut without_room) = (Vec::new(), BTreeMap::new(), 0u64);
        let unread = each_change(&mut file, &whole, &mut |change| match change {
            Change::Remove(id) => removed.push(id),
            Change::RemoveRule(sid) => {
                rules.remove(&sid);
            }
            Change::AddRule(rule) if rules.len() < LISTED_RULES_MAX || rules.contains_key(&rule.sid) => {
                rules.insert(rule.sid, rule);
            }
            Change::AddRule(_) => without_room = without_room.saturating_add(1),
            Change::Add(_) => {}
        })?;
        removed.sort_unstable();
        each_change(&mut file, &whole, &mut |change| {
            if let Change::Add(indicator) = change
                && removed.binary_search(&indicator.id).is_err()
            {
                add(indicator);
            }
        })?;
        let unread = unread.saturating_add(without_room);
        Ok(Contents { position: whole.position, unread, rules: rules.into_values().collect() })
    }

    fn path(&self, generation: u64, extension: &str) -> PathBuf {
        self.folder.join(format!("list-{generation}.{extension}"))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn generation_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("list-")?.strip_suffix(".parts")?.parse().ok()
}

fn each_change(file: &mut File, run: &Run, tell: &mut dyn FnMut(Change)) -> Result<u64, FeedError> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let mut unread = 0u64;
    while let Some(part) = Part::read(&mut reader)? {
        unread = unread.saturating_add(part.changes(tell));
        if part.position == run.position {
            return Ok(unread);
        }
    }
    Err(FeedError::Form("the list is shorter than it was".to_owned()))
}

/// The beginning of a file that verifies; what stands behind it is cut off.
fn verified(path: &Path, generation: u64, key: &FeedKey) -> io::Result<Run> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut run, mut last) = (Run::default(), None::<Part>);
    // The hashes lead from part to part; the signature of the last one vouches for all before it.
    while let Ok(Some(part)) = Part::read(&mut reader) {
        let follows = part.position == FeedPosition { generation, part: run.position.part.saturating_add(1) };
        if !follows || !part.is_whole(run.hash) {
            break;
        }
        let bytes = run.bytes.saturating_add(part.encode().len() as u64);
        run = Run { position: part.position, hash: part.hash, ask: FeedAsk::default(), bytes };
        last = Some(part);
    }
    let vouched = last.filter(|part| key.vouches_for(&part.ask()));
    let Some(last) = vouched else { return Ok(Run::default()) };
    run.ask = last.ask();
    let file = OpenOptions::new().write(true).open(path)?;
    if file.metadata()?.len() != run.bytes {
        tracing::warn!(path = %path.display(), "the centre's list was damaged at its end; the rest is fetched again");
        file.set_len(run.bytes)?;
    }
    Ok(run)
}

#[cfg(test)]
mod tests;
