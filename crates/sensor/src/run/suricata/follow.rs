//! Follows a file of lines that another program writes: new lines, files that take its place, files that are emptied.
//!
//! One look reads what is there, at most so much, and never waits. A line counts when its line feed is there.

use super::place::Place;
use phitak_engine::suricata::LINE_BYTES_MAX;
use phitak_uplink::spool::{Cursor, ReplayId};
use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Bytes that one look reads.
const LOOK_BYTES_MAX: u64 = 8 << 20;
const CHUNK_BYTES: usize = 64 << 10;
/// Looks without anything new after which a file that has lost its name is done: its writer may still hold it.
const QUIET_LOOKS: u32 = 2;
/// Files beside it that are looked at for those that came between.
const SIBLINGS_MAX: usize = 1_024;
/// What rotation makes of files that no one reads line by line.
const PACKED: &[&str] = &["gz", "xz", "zst", "bz2", "lz4"];

/// A line that was read.
pub(super) struct Read<'a> {
    pub line: &'a [u8],
    /// Where the next one begins.
    pub end: u64,
    /// Its file.
    pub replay: ReplayId,
}

/// What one look came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub lines: u64,
    /// Lines that were no records, were too long, or were cut off; and files that were gone before they were read.
    pub unreadable: u64,
    /// Another file was begun.
    pub is_new_file: bool,
    /// There is more to do without waiting for the writer.
    pub has_more: bool,
}

pub(super) struct Follower {
    path: PathBuf,
    place_path: PathBuf,
    place: Option<Place>,
    file: Option<File>,
    /// The beginning of a line whose end has not come.
    held: Vec<u8>,
    /// The line is longer than any may be: its rest is passed over.
    is_skipping: bool,
    quiet_looks: u32,
}

impl Follower {
    /// Goes on where the kept place is, or where the last alert in the spool came from, if that is further on.
    pub(super) fn open(path: &Path, place_path: &Path, spooled: Option<Cursor>) -> Self {
        let mut place = Place::load(place_path);
        if let (Some(place), Some(spooled)) = (&mut place, spooled)
            && spooled.replay == place.file
        {
            place.offset = place.offset.max(spooled.packet);
        }
        Self {
            path: path.to_owned(),
            place_path: place_path.to_owned(),
            place,
            file: None,
            held: Vec::new(),
            is_skipping: false,
            quiet_looks: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Keeps the place.
    pub(super) fn keep(&self) -> io::Result<()> {
        self.place.map_or(Ok(()), |place| place.save(&self.place_path))
    }

    /// Reads what is new; `tell` says whether a line was a record.
    pub(super) fn poll(&mut self, tell: &mut dyn FnMut(Read<'_>) -> bool) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        if self.file.is_none() && !self.find(&mut outcome)? {
            return Ok(outcome);
        }
        self.notice_emptied(&mut outcome)?;
        let read = self.read(tell, &mut outcome)?;
        outcome.has_more = read == LOOK_BYTES_MAX;
        if read > 0 {
            self.quiet_looks = 0;
            return Ok(outcome);
        }
        if self.has_lost_its_name()? {
            self.quiet_looks = self.quiet_looks.saturating_add(1);
            outcome.has_more = true;
            if self.quiet_looks > QUIET_LOOKS {
                self.pass_on(&mut outcome)?;
            }
        }
        Ok(outcome)
    }

    /// Opens the file to read; says whether there is one with a line in it.
    fn find(&mut self, outcome: &mut Outcome) -> io::Result<bool> {
        if let Some(place) = self.place {
            for path in std::iter::once(self.path.clone()).chain(self.siblings()?.into_iter().map(|(_, path)| path)) {
                let Ok(mut file) = File::open(&path) else { continue };
                if place.is_in(&mut file)? {
                    self.file = Some(file);
                    return Ok(true);
                }
            }
            // It was taken away or emptied while nobody looked: what it held after the place is not known.
            outcome.unreadable = outcome.unreadable.saturating_add(1);
            self.place = None;
        }
        match File::open(&self.path) {
            Ok(file) => self.begin(file, outcome),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn begin(&mut self, mut file: File, outcome: &mut Outcome) -> io::Result<bool> {
        let Some(place) = Place::begin(&mut file)? else { return Ok(false) };
        self.place = Some(place);
        self.file = Some(file);
        self.held.clear();
        (self.is_skipping, self.quiet_looks, outcome.is_new_file) = (false, 0, true);
        Ok(true)
    }

    /// A file that is shorter than it was, or begins with another line, is another file.
    fn notice_emptied(&mut self, outcome: &mut Outcome) -> io::Result<()> {
        let (Some(place), Some(file)) = (self.place, &mut self.file) else { return Ok(()) };
        let read_to = place.offset.saturating_add(self.held.len() as u64);
        if file.metadata()?.len() >= read_to && place.is_in(file)? {
            return Ok(());
        }
        if !self.held.is_empty() || self.is_skipping {
            outcome.unreadable = outcome.unreadable.saturating_add(1);
        }
        self.place = None;
        let Some(file) = self.file.take() else { return Ok(()) };
        self.begin(file, outcome).map(|_| ())
    }

    /// Gives how many bytes were read.
    fn read(&mut self, tell: &mut dyn FnMut(Read<'_>) -> bool, outcome: &mut Outcome) -> io::Result<u64> {
        let Self { file: Some(file), place: Some(place), held, is_skipping, .. } = self else { return Ok(0) };
        let mut at = place.offset.saturating_add(held.len() as u64);
        let begin = at;
        file.seek(SeekFrom::Start(at))?;
        let mut chunk = vec![0; CHUNK_BYTES];
        while at - begin < LOOK_BYTES_MAX {
            let length = file.read(&mut chunk)?;
            let Some(mut rest) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let (line, after) = rest.split_at(end);
                rest = after.get(1..).unwrap_or_default();
                at = at.saturating_add(end as u64 + 1);
                let whole: &[u8] = if held.is_empty() {
                    line
                } else {
                    held.extend_from_slice(line);
                    held
                };
                let is_long = std::mem::take(is_skipping) || whole.len() > LINE_BYTES_MAX;
                let is_blank = whole.iter().all(u8::is_ascii_whitespace);
                let replay = place.file;
                if is_long || (!is_blank && !tell(Read { line: whole, end: at, replay })) {
                    outcome.unreadable = outcome.unreadable.saturating_add(1);
                }
                outcome.lines = outcome.lines.saturating_add(1);
                held.clear();
                place.offset = at;
            }
            at = at.saturating_add(rest.len() as u64);
            if *is_skipping || held.len().saturating_add(rest.len()) > LINE_BYTES_MAX {
                // The place moves on, so that what is passed over is not read again.
                *is_skipping = true;
                held.clear();
                place.offset = at;
            } else {
                held.extend_from_slice(rest);
            }
        }
        Ok(at - begin)
    }

    /// Whether the name has gone to another file, or to none.
    fn has_lost_its_name(&self) -> io::Result<bool> {
        let Some(place) = self.place else { return Ok(false) };
        match fs::metadata(&self.path) {
            Ok(meta) => Ok((meta.dev(), meta.ino()) != (place.device, place.inode)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// On to the file that came after this one, if there is one yet.
    fn pass_on(&mut self, outcome: &mut Outcome) -> io::Result<()> {
        let Some(own) = self.file.as_ref().map(File::metadata).transpose()? else { return Ok(()) };
        let next = self.siblings()?.into_iter().find(|(changed_at, path)| {
            changed_at.is_some_and(|at| own.modified().is_ok_and(|own| at > own)) || *path == self.path
        });
        let Some((_, path)) = next else {
            outcome.has_more = false;
            return Ok(());
        };
        let before = (self.place, self.file.take(), std::mem::take(&mut self.held), self.is_skipping);
        let is_cut = !before.2.is_empty() || before.3;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(_) => {
                (self.place, self.file, self.held, self.is_skipping) = before;
                return Ok(());
            }
        };
        if self.begin(file, outcome)? {
            outcome.unreadable = outcome.unreadable.saturating_add(u64::from(is_cut));
        } else {
            // The next one has no line yet.
            (self.place, self.file, self.held, self.is_skipping) = before;
            outcome.has_more = false;
        }
        Ok(())
    }

    /// Files beside this one whose names begin with its name, this one too, the longest unchanged first; the name itself last.
    fn siblings(&self) -> io::Result<Vec<(Option<SystemTime>, PathBuf)>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Some(name) = self.path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
        // `eve.json` becomes `eve.json.1`, `eve.json-20261124` or `eve-2026-11-24.json`.
        let stem = self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
        let mut all = Vec::new();
        for entry in fs::read_dir(folder)?.take(SIBLINGS_MAX) {
            let path = entry?.path();
            let is_packed = path.extension().and_then(|e| e.to_str()).is_some_and(|e| PACKED.contains(&e));
            let is_alike = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(stem));
            if is_alike && !is_packed && path.is_file() {
                let changed_at = fs::metadata(&path).and_then(|meta: Metadata| meta.modified()).ok();
                all.push((changed_at, path));
            }
        }
        all.sort_by_key(|(changed_at, path)| (*path == self.path, *changed_at));
        Ok(all)
    }
}
