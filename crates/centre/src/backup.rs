//! A centre in one file: its tables and its authority's key, with the checksum of each.
//!
//! The file is a plain tar archive, so that it can be opened by hand on the worst of days: `manifest.json`,
//! `authority.pem`, `centre.db`, and last `SHA256SUMS`, which `sha256sum --check` understands. It appears under its name
//! only when it is whole and on the disk.

use anyhow::{Context, bail, ensure};
use phitak_model::Timestamp;
use phitak_store::backup::{DATABASE, copy_into};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use tar::{Archive, Builder, EntryType, Header};

/// The authority's certificate and key in a centre's folder.
pub const AUTHORITY: &str = "authority.pem";
const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";
/// The form of the archive that this program writes and reads.
const FORM: u32 = 1;
/// Most bytes of the small files.
const SMALL_BYTES_MAX: u64 = 64 << 10;
const CHUNK_BYTES: usize = 64 << 10;

/// What the archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub form: u32,
    /// ISO 8601 in UTC.
    pub made_at: String,
    /// The version of the program that made it.
    pub version: String,
}

/// A file that is removed again unless it was given its name.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes the archive of a centre's folder, which may be running. Gives its size in bytes.
///
/// # Errors
/// When `file` is there already, or something cannot be read or written; then nothing is left under its name.
pub async fn make(folder: &Path, file: &Path, now: Timestamp) -> anyhow::Result<u64> {
    let authority = folder.join(AUTHORITY);
    ensure!(
        authority.is_file(),
        "{} holds no {AUTHORITY} yet: start the centre once, then there is something to keep",
        folder.display()
    );
    ensure!(!file.exists(), "{} is there already: a backup never overwrites another", file.display());
    let (partial, copy) = (Passing(beside(file, "partial")), Passing(beside(file, "partial-db")));
    let out = private_file(&partial.0)?;
    ensure!(out.try_lock().is_ok(), "another backup to {} is being made", file.display());
    // SQLite takes the empty file that is there, with its mode.
    private_file(&copy.0)?;
    copy_into(folder, &copy.0).await.with_context(|| format!("the tables in {} cannot be copied", folder.display()))?;
    let manifest = Manifest { form: FORM, made_at: now.iso(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    let mut archive = Builder::new(out);
    let mut sums = String::new();
    append(&mut archive, &mut sums, now, MANIFEST, manifest.len() as u64, manifest.as_slice())?;
    for (name, path) in [(AUTHORITY, &authority), (DATABASE, &copy.0)] {
        let content = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = content.metadata()?.len();
        append(&mut archive, &mut sums, now, name, bytes, content)?;
    }
    let told = sums.clone();
    append(&mut archive, &mut sums, now, SUMS, told.len() as u64, told.as_bytes())?;
    let out = archive.into_inner().context("the archive cannot be finished")?;
    out.sync_all().context("the archive cannot be written to the disk")?;
    let bytes = out.metadata()?.len();
    fs::rename(&partial.0, file).with_context(|| format!("the archive cannot be named {}", file.display()))?;
    sync_folder(file)?;
    Ok(bytes)
}

/// Unpacks an archive into an empty folder and checks every checksum on the way. Nothing of it is to be used before this
/// has succeeded.
///
/// # Errors
/// When it is cut off, damaged, or holds anything but what belongs there.
pub fn unpack(file: &Path, into: &Path) -> anyhow::Result<Manifest> {
    let archive = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut archive = Archive::new(archive);
    let mut sums = String::new();
    let mut told = String::new();
    let mut names = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry.context("the archive is damaged")?;
        ensure!(entry.header().entry_type() == EntryType::Regular, "the archive holds something that is no plain file");
        let name =
            [MANIFEST, AUTHORITY, DATABASE, SUMS].into_iter().find(|name| *entry.path_bytes() == *name.as_bytes());
        let Some(name) = name else { bail!("the archive holds something that does not belong there") };
        ensure!(!names.contains(&name), "the archive holds {name} twice");
        names.push(name);
        let size = entry.size();
        ensure!(name == DATABASE || size <= SMALL_BYTES_MAX, "{name} is too large");
        if name == SUMS {
            entry.read_to_string(&mut told).context("the archive is damaged")?;
            continue;
        }
        let mut out = private_file(&into.join(name))?;
        let (written, digest) = pour(&mut entry, |chunk| out.write_all(chunk)).context("the archive is damaged")?;
        ensure!(written == size, "the archive is cut off within {name}");
        out.sync_all()?;
        sums.push_str(&sum_line(&digest, name));
    }
    ensure!(names.last() == Some(&SUMS), "the archive is cut off: its checksums are missing");
    ensure!(names.len() == 4, "the archive lacks one of its parts");
    ensure!(told == sums, "the archive is damaged: a part is not what its checksum says");
    let manifest: Manifest = serde_json::from_slice(&fs::read(into.join(MANIFEST))?).context(MANIFEST)?;
    ensure!(manifest.form == FORM, "the archive is of form {}, and this program reads form {FORM}", manifest.form);
    fs::remove_file(into.join(MANIFEST))?;
    Ok(manifest)
}

/// The path beside a file, with a word at its end.
#[must_use]
pub fn beside(file: &Path, word: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(word);
    PathBuf::from(name)
}

/// Makes the entries of a file's folder outlive a power cut.
///
/// # Errors
/// When the disk refuses.
pub fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

/// A new file for its owner's eyes; what an earlier, killed run left there is emptied.
fn private_file(path: &Path) -> anyhow::Result<File> {
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = open().with_context(|| format!("cannot write {}", path.display()))?;
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    Ok(file)
}

fn append(
    archive: &mut Builder<File>,
    sums: &mut String,
    now: Timestamp,
    name: &str,
    bytes: u64,
    content: impl Read,
) -> anyhow::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(now.micros() / 1_000_000).unwrap_or(0));
    let mut content = Hashing { content: content.take(bytes), digest: Sha256::new(), bytes: 0 };
    archive.append_data(&mut header, name, &mut content).with_context(|| format!("cannot write {name}"))?;
    ensure!(content.bytes == bytes, "{name} became shorter while it was read");
    sums.push_str(&sum_line(&content.digest.finalize(), name));
    Ok(())
}

/// Reads and hashes.
struct Hashing<R> {
    content: R,
    digest: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(read as u64);
        Ok(read)
    }
}

fn pour(from: &mut impl Read, mut to: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<(u64, Vec<u8>)> {
    let mut from = Hashing { content: from, digest: Sha256::new(), bytes: 0 };
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((from.bytes, from.digest.finalize().to_vec()));
        }
        to(buffer.get(..read).unwrap_or_default())?;
    }
}

fn sum_line(digest: &[u8], name: &str) -> String {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}  {name}\n")
}
