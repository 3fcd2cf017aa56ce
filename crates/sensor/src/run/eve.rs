//! The records that stay at the hospital: EVE JSON lines in numbered files that rotate within a quota.
//!
//! `position.json` tells where the current replay's lines begin, so that after a kill its lines on disk are counted and
//! the same records are not written twice.

use phitak_uplink::{private_file, spool::ReplayId};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

const FILE_BYTES_MAX: u64 = 64 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// Where the lines of a replay from the `ordinal`-th (from 0) on begin.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    file: u64,
    offset: u64,
    replay: ReplayId,
    ordinal: u64,
}

pub(super) struct EveLog {
    folder: PathBuf,
    bytes_max: u64,
    file_bytes_max: u64,
    position: Option<Position>,
    file: u64,
    writer: Option<BufWriter<File>>,
    written_bytes: u64,
    /// The next record's ordinal in its replay, and the first one that is not on disk yet.
    next: u64,
    fresh_from: u64,
    /// A disk that refuses is told once.
    is_failing: bool,
    /// Records that could not be written since this was last asked.
    lost: u64,
}

impl EveLog {
    /// # Errors
    /// When the folder cannot be made or listed.
    pub(super) fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        private_file::make_folder(folder)?;
        let position =
            fs::read(folder.join("position.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let last = files(folder)?.last().map_or(0, |(number, _, _)| *number);
        Ok(Self {
            folder: folder.to_owned(),
            bytes_max,
            file_bytes_max: FILE_BYTES_MAX.min(bytes_max / 4).max(1),
            position,
            file: last,
            writer: None,
            written_bytes: 0,
            next: 0,
            fresh_from: 0,
            is_failing: false,
            lost: 0,
        })
    }

    /// A replay begins, or goes on after a restart.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub(super) fn begin(&mut self, replay: ReplayId) -> io::Result<()> {
        self.flush();
        self.next = 0;
        match self.position.clone().filter(|position| position.replay == replay) {
            Some(position) => {
                self.file = position.file;
                let (lines, end) = count_lines(&self.path(), position.offset)?;
                self.open_file(end)?;
                self.fresh_from = position.ordinal.saturating_add(lines);
            }
            None => {
                self.fresh_from = 0;
                let end = fs::metadata(self.path()).map_or(0, |meta| meta.len());
                self.keep_position(Position { file: self.file, offset: end, replay, ordinal: 0 })?;
                self.open_file(end)?;
            }
        }
        Ok(())
    }

    /// Takes the replay's next record, without its line feed.
    pub(super) fn record(&mut self, line: &[u8]) {
        let ordinal = self.next;
        self.next = ordinal.saturating_add(1);
        if ordinal >= self.fresh_from {
            self.keep(ordinal, line);
        }
    }

    fn keep(&mut self, ordinal: u64, line: &[u8]) {
        if let Err(error) = self.write(ordinal, line) {
            self.lost = self.lost.saturating_add(1);
            if !self.is_failing {
                tracing::error!(%error, folder = %self.folder.display(), "records cannot be kept: free space on this disk");
            }
            self.is_failing = true;
        }
    }

    /// Takes a record that has no ordinal of its own, because another run of the same capture may have another list of
    /// indicators. It begins with a space, by which its line is told from counted ones. After a kill the last ones may stand
    /// twice.
    pub(super) fn record_aside(&mut self, line: &[u8]) {
        if self.next < self.fresh_from {
            return;
        }
        let ordinal = self.next;
        let line = [b" ".as_slice(), line].concat();
        self.keep(ordinal, &line);
    }

    /// How many records were lost since the last call.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    pub(super) fn flush(&mut self) {
        if let Some(Err(error)) = self.writer.as_mut().map(Write::flush) {
            tracing::error!(%error, folder = %self.folder.display(), "records cannot be kept: free space on this disk");
        }
    }

    fn write(&mut self, ordinal: u64, line: &[u8]) -> io::Result<()> {
        if self.written_bytes >= self.file_bytes_max {
            self.rotate(ordinal)?;
        }
        let Some(writer) = self.writer.as_mut() else { return Err(io::Error::other("no open file")) };
        writer.write_all(line)?;
        writer.write_all(b"\n")?;
        self.written_bytes = self.written_bytes.saturating_add(line.len() as u64 + 1);
        self.is_failing = false;
        Ok(())
    }

    fn rotate(&mut self, ordinal: u64) -> io::Result<()> {
        if let Some(writer) = self.writer.as_mut() {
            writer.flush()?;
        }
        self.file = self.file.saturating_add(1);
        if let Some(position) = self.position.clone() {
            self.keep_position(Position { file: self.file, offset: 0, ordinal, ..position })?;
        }
        self.open_file(0)?;
        let all = files(&self.folder)?;
        let mut held: u64 = all.iter().map(|(_, _, bytes)| bytes).sum();
        for (number, path, bytes) in &all {
            if held.saturating_add(self.file_bytes_max) <= self.bytes_max || *number == self.file {
                break;
            }
            fs::remove_file(path)?;
            held = held.saturating_sub(*bytes);
        }
        Ok(())
    }

    /// Opens the current file and cuts what stands behind `end`: a line that a kill cut.
    fn open_file(&mut self, end: u64) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(self.path())?;
        file.set_len(end)?;
        file.seek(SeekFrom::End(0))?;
        self.written_bytes = end;
        self.writer = Some(BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(())
    }

    fn keep_position(&mut self, position: Position) -> io::Result<()> {
        private_file::write(&self.folder.join("position.json"), &serde_json::to_vec(&position)?)?;
        self.position = Some(position);
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("eve-{:06}.jsonl", self.file))
    }
}

/// Whole lines behind an offset, and where they end. A file that is shorter, or gone, has none.
fn count_lines(path: &Path, offset: u64) -> io::Result<(u64, u64)> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error),
    };
    let offset = file.seek(SeekFrom::Start(offset.min(file.metadata()?.len())))?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let (mut lines, mut end, mut at) = (0, offset, offset);
    // Lines that begin with a space have no ordinal.
    let (mut begins, mut counts) = (true, true);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok((lines, end));
        }
        for (place, byte) in buffer.iter().enumerate() {
            if std::mem::take(&mut begins) {
                counts = *byte != b' ';
            }
            if *byte == b'\n' {
                lines += u64::from(counts);
                begins = true;
                end = at + place as u64 + 1;
            }
        }
        let length = buffer.len();
        at += length as u64;
        reader.consume(length);
    }
}

/// Number, path and size of each file, oldest first.
fn files(folder: &Path) -> io::Result<Vec<(u64, PathBuf, u64)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("eve-")?.strip_suffix(".jsonl")?.parse().ok());
        if let Some(number) = number {
            all.push((number, entry.path(), entry.metadata()?.len()));
        }
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ReplayId = ReplayId([1; 16]);
    const TWO: ReplayId = ReplayId([2; 16]);

    fn all_lines(folder: &Path) -> Vec<String> {
        let all = files(folder).expect("listed");
        all.iter()
            .flat_map(|(_, path, _)| {
                fs::read_to_string(path).expect("read").lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .collect()
    }

    fn record(log: &mut EveLog, numbers: std::ops::Range<u64>) {
        numbers.for_each(|number| log.record(format!("{{\"n\":{number}}}").as_bytes()));
    }

    fn expected(numbers: std::ops::Range<u64>) -> Vec<String> {
        numbers.map(|number| format!("{{\"n\":{number}}}")).collect()
    }

    #[test]
    fn records_that_a_full_disk_refuses_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = EveLog::open(folder.path(), 1 << 20).expect("opens");
        log.begin(ONE).expect("begins");
        record(&mut log, 0..3);
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
        log.writer = Some(BufWriter::with_capacity(0, full));
        record(&mut log, 3..8);
        assert_eq!((log.take_lost(), log.take_lost()), (5, 0));
    }

    #[test]
    fn after_a_kill_the_same_records_are_written_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = EveLog::open(folder.path(), 1 << 20).expect("opens");
        log.begin(ONE).expect("begins");
        record(&mut log, 0..10);
        log.begin(TWO).expect("begins");
        record(&mut log, 10..30);
        log.flush();
        drop(log);
        // The kill cut the last line.
        let path = files(folder.path()).expect("listed").pop().expect("a file").1;
        let length = fs::metadata(&path).expect("a file").len();
        OpenOptions::new().write(true).open(&path).expect("opens").set_len(length - 3).expect("cut");
        let mut log = EveLog::open(folder.path(), 1 << 20).expect("opens");
        log.begin(TWO).expect("begins");
        record(&mut log, 10..40);
        log.flush();
        assert_eq!(all_lines(folder.path()), expected(0..40));
    }

    #[test]
    fn files_rotate_within_the_quota_and_a_kill_after_a_rotation_counts_right() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = EveLog::open(folder.path(), 4000).expect("opens");
        log.begin(ONE).expect("begins");
        record(&mut log, 0..1000);
        log.flush();
        drop(log);
        let held: u64 = files(folder.path()).expect("listed").iter().map(|(_, _, bytes)| bytes).sum();
        assert!(held <= 4000 + 1000, "{held}");
        let mut log = EveLog::open(folder.path(), 4000).expect("opens");
        log.begin(ONE).expect("begins");
        record(&mut log, 0..1010);
        log.flush();
        let lines = all_lines(folder.path());
        let first: u64 = lines[0].trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number");
        assert_eq!(lines, expected(first..1010));
    }
}
