//! Where evidence lies on the disk: each file under its SHA-256, never under the name that somebody gave it, and never
//! unpacked.
//!
//! A file is written beside, whole and on the disk before it gets its name, and its row comes after that: a kill at any moment
//! leaves at most a file without a row, which [`Vault::sweep`] removes. Nothing else removes files.

use crate::refusal::Refusal;
use axum::body::Body;
use futures_util::StreamExt;
use phitak_store::{Store, StoreError};
use sha2::{Digest, Sha256};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    time::timeout,
};

/// The vault in a centre's folder.
pub const FOLDER: &str = "evidence";
/// Where files are written before they have their name.
const PARTIAL: &str = "partial";
/// Most bytes of one file, unless the settings say otherwise.
pub const FILE_BYTES_MAX_DEFAULT: u64 = 2 << 30;
/// Most bytes of all files, unless the settings say otherwise.
pub const ALL_BYTES_MAX_DEFAULT: u64 = 50 << 30;
/// Files that are taken at the same time; each may go past the room for all by its own size.
pub const UPLOADS_MAX: usize = 4;
/// When to come back while all places are taken.
const UPLOAD_RETRY_SECS: i64 = 30;
/// How long nothing may come before an upload is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// A file without a row that is younger may still get one.
const SWEEP_AFTER: Duration = Duration::from_secs(3_600);
/// Files that one sweep looks at in a folder.
const SWEEP_FILES_MAX: usize = 100_000;
const CHUNK_BYTES: usize = 64 << 10;

/// The folder with its limits.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
    pub file_bytes_max: u64,
    pub all_bytes_max: u64,
    places: Arc<Semaphore>,
}

/// A file that lies in the vault, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laid {
    pub sha256: String,
    pub bytes: u64,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Missing,
    Changed,
}

/// A file that is removed again unless it was given its name.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Whether a text is a SHA-256 as the vault names files: nothing else becomes a path.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A full disk is said as such: nothing is wrong with the file.
fn refused(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::no_room(),
        _ => {
            tracing::error!(%error, "evidence could not be written");
            Refusal::unavailable()
        }
    }
}

impl Vault {
    #[must_use]
    pub fn new(folder: PathBuf, file_bytes_max: u64, all_bytes_max: u64) -> Self {
        Self { folder, file_bytes_max, all_bytes_max, places: Arc::new(Semaphore::new(UPLOADS_MAX)) }
    }

    /// Where the file of this SHA-256 lies; `None` for what is none.
    #[must_use]
    pub fn path_of(&self, sha256: &str) -> Option<PathBuf> {
        if !is_sha256(sha256) {
            return None;
        }
        let (first, _) = sha256.split_at_checked(2)?;
        Some(self.folder.join(first).join(sha256))
    }

    /// Takes a body into the vault. `announced` is what its sender says of its length: refused at once when it is too much.
    ///
    /// # Errors
    /// Too large, no room, cut off, or too slow; then nothing is left of it.
    pub async fn take(&self, store: &Store, announced: Option<u64>, body: Body) -> Result<Laid, Refusal> {
        let _place = self.places.try_acquire().map_err(|_| Refusal::too_many(UPLOAD_RETRY_SECS))?;
        let kept = store.evidence_bytes().await?;
        let room = self.all_bytes_max.saturating_sub(kept);
        if announced.is_some_and(|bytes| bytes > self.file_bytes_max) {
            return Err(Refusal::too_large());
        }
        if announced.unwrap_or(0) > room || room == 0 {
            return Err(Refusal::no_room());
        }
        self.make_folders().await.map_err(|error| refused(&error))?;
        let partial = Passing(self.folder.join(PARTIAL).join(crate::secret::draw()));
        let mut file = new_file(&partial.0).await.map_err(|error| refused(&error))?;
        let laid = self.pour(body, &mut file, room).await?;
        if announced.is_some_and(|bytes| bytes != laid.bytes) {
            return Err(Refusal::bad_request("the file was cut off"));
        }
        self.give_name(&file, &partial.0, &laid.sha256).await.map_err(|error| refused(&error))?;
        Ok(laid)
    }

    async fn pour(&self, body: Body, file: &mut File, room: u64) -> Result<Laid, Refusal> {
        let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
        let mut stream = body.into_data_stream();
        loop {
            let next = timeout(SILENCE_MAX, stream.next()).await;
            let next = next.map_err(|_| Refusal::bad_request("nothing came for too long"))?;
            let Some(chunk) = next else { break };
            let chunk = chunk.map_err(|_| Refusal::bad_request("the file was cut off"))?;
            bytes = bytes.saturating_add(chunk.len() as u64);
            if bytes > self.file_bytes_max {
                return Err(Refusal::too_large());
            }
            if bytes > room {
                return Err(Refusal::no_room());
            }
            digest.update(&chunk);
            file.write_all(&chunk).await.map_err(|error| refused(&error))?;
        }
        if bytes == 0 {
            return Err(Refusal::invalid("the file is empty"));
        }
        file.flush().await.map_err(|error| refused(&error))?;
        Ok(Laid { sha256: hex(&digest.finalize()), bytes })
    }

    /// The same bytes that lie there already are written over: a sweep then sees a young file.
    async fn give_name(&self, file: &File, partial: &Path, sha256: &str) -> io::Result<()> {
        let path = self.path_of(sha256).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        file.sync_all().await?;
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        make_private(&folder).await?;
        fs::rename(partial, &path).await?;
        for folder in [&folder, &self.folder] {
            File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }

    async fn make_folders(&self) -> io::Result<()> {
        make_private(&self.folder).await?;
        make_private(&self.folder.join(PARTIAL)).await
    }

    /// The file of this SHA-256, to be read.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn open(&self, sha256: &str) -> io::Result<File> {
        let path = self.path_of(sha256).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        File::open(path).await
    }

    /// Reads a file whole and says whether it is what its name says.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn fault_in(&self, sha256: &str) -> io::Result<Option<Fault>> {
        let mut file = match self.open(sha256).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Fault::Missing)),
            other => other?,
        };
        let (mut digest, mut buffer) = (Sha256::new(), vec![0; CHUNK_BYTES]);
        loop {
            let read = file.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            digest.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(Some(Fault::Changed).filter(|_| hex(&digest.finalize()) != sha256))
    }

    /// Removes what no row keeps: uploads that were cut off, and files whose case was forgotten. Gives how many.
    ///
    /// # Errors
    /// When the disk or the tables refuse.
    pub async fn sweep(&self, store: &Store) -> Result<u64, SweepError> {
        let partials = self.folder.join(PARTIAL);
        let mut swept = 0;
        for path in files_in(&partials).await? {
            if is_old(&path).await? && fs::remove_file(&path).await.is_ok() {
                swept += 1;
            }
        }
        for folder in folders_in(&self.folder).await? {
            for path in files_in(&folder).await? {
                swept += u64::from(self.sweep_one(store, &path).await?);
            }
        }
        Ok(swept)
    }

    /// A file is taken away before it is looked at for the last time, and put back when somebody needs it: an upload that gives
    /// the same bytes their name meanwhile makes its own file.
    async fn sweep_one(&self, store: &Store, path: &Path) -> Result<bool, SweepError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_sha256(name) || !is_old(path).await? || store.keeps_evidence(name).await? {
            return Ok(false);
        }
        let away = self.folder.join(PARTIAL).join(name);
        make_private(&self.folder.join(PARTIAL)).await?;
        fs::rename(path, &away).await?;
        if store.keeps_evidence(name).await? || !is_old(&away).await? {
            fs::rename(&away, path).await?;
            return Ok(false);
        }
        fs::remove_file(&away).await?;
        Ok(true)
    }
}

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("the disk refused")]
    Disk(#[from] io::Error),
    #[error("the tables refused")]
    Store(#[from] StoreError),
}

async fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await
}

async fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).await
}

async fn is_old(path: &Path) -> io::Result<bool> {
    let changed = match fs::metadata(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?.modified()?,
    };
    Ok(SystemTime::now().duration_since(changed).is_ok_and(|age| age > SWEEP_AFTER))
}

async fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    entries(folder, |kind| kind.is_file()).await
}

async fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = entries(folder, |kind| kind.is_dir()).await?;
    folders.retain(|path| path.file_name().is_some_and(|name| name.len() == 2));
    Ok(folders)
}

async fn entries(folder: &Path, wanted: impl Fn(std::fs::FileType) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut reading = match fs::read_dir(folder).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    while let Some(entry) = reading.next_entry().await? {
        if found.len() >= SWEEP_FILES_MAX {
            break;
        }
        if wanted(entry.file_type().await?) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_sha256_becomes_a_path() {
        let vault = Vault::new(PathBuf::from("/vault"), 1, 1);
        let sha = "ab".repeat(32);
        assert_eq!(vault.path_of(&sha), Some(PathBuf::from(format!("/vault/ab/{sha}"))));
        for bad in ["", "..", "../../etc/passwd", &"AB".repeat(32), &"ab/".repeat(22), &format!("{}\0", "a".repeat(63))]
        {
            assert_eq!(vault.path_of(bad), None, "{bad}");
        }
    }
}
