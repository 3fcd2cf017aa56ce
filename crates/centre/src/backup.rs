//! A centre in one file: its tables, its authority's key and its evidence, with the checksum of each.
//!
//! The file is a plain tar archive, so that it can be opened by hand on the worst of days: `manifest.json`,
//! `authority.pem`, `centre.db`, the files of evidence as `evidence/ab/ab…` by their SHA-256, and last `SHA256SUMS`, which
//! `sha256sum --check` understands. It appears under its name only when it is whole and on the disk.

use crate::vault::{self, Vault};
use anyhow::{Context, bail, ensure};
use phitak_model::Timestamp;
use phitak_store::backup::{DATABASE, copy_into, evidence_in};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
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
/// The form of the archive that this program writes; it reads those before it too, which hold no evidence.
const FORM: u32 = 2;
/// Most bytes of the small files.
const SMALL_BYTES_MAX: u64 = 64 << 10;
/// Most bytes of the checksums: a line for each file of evidence.
const SUMS_BYTES_MAX: u64 = 64 << 20;
/// Most files of an archive.
const FILES_MAX: usize = 500_000;
const CHUNK_BYTES: usize = 64 << 10;

/// What the archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub form: u32,
    /// ISO 8601 in UTC.
    pub made_at: String,
    /// The version of the program that made it.
    pub version: String,
    /// SHA-256 of evidence that the tables name and that was not in its folder, or was not what its name says.
    #[serde(default)]
    pub evidence_lacking: Vec<String>,
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
    let vault = Vault::new(folder.join(vault::FOLDER), 0, 0);
    let (evidence, evidence_lacking) = evidence_of(&copy.0, &vault).await?;
    for sha256 in &evidence_lacking {
        tracing::warn!(sha256, "a file of evidence is missing or changed: the backup goes without it");
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { form: FORM, made_at: now.iso(), version, evidence_lacking };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    let mut archive = Builder::new(out);
    let mut sums = String::new();
    append(&mut archive, &mut sums, now, MANIFEST, manifest.len() as u64, manifest.as_slice())?;
    for (name, path) in [(AUTHORITY, &authority), (DATABASE, &copy.0)] {
        let content = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = content.metadata()?.len();
        append(&mut archive, &mut sums, now, name, bytes, content)?;
    }
    for (sha256, path) in &evidence {
        let content = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = content.metadata()?.len();
        append(&mut archive, &mut sums, now, &evidence_name(sha256), bytes, content)?;
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
    let mut names: BTreeSet<String> = BTreeSet::new();
    for entry in archive.entries()? {
        let mut entry = entry.context("the archive is damaged")?;
        ensure!(entry.header().entry_type() == EntryType::Regular, "the archive holds something that is no plain file");
        let name = known_name(&entry.path_bytes());
        let Some(name) = name else { bail!("the archive holds something that does not belong there") };
        ensure!(told.is_empty(), "the archive holds something after its checksums");
        ensure!(names.insert(name.clone()), "the archive holds {name} twice");
        ensure!(names.len() <= FILES_MAX, "the archive holds more than {FILES_MAX} files");
        let size = entry.size();
        let small = [MANIFEST, AUTHORITY].contains(&name.as_str());
        ensure!(!small || size <= SMALL_BYTES_MAX, "{name} is too large");
        if name == SUMS {
            ensure!(size <= SUMS_BYTES_MAX, "{name} is too large");
            entry.read_to_string(&mut told).context("the archive is damaged")?;
            continue;
        }
        let path = into.join(&name);
        make_parents(&path)?;
        let mut out = private_file(&path)?;
        let (written, digest) = pour(&mut entry, |chunk| out.write_all(chunk)).context("the archive is damaged")?;
        ensure!(written == size, "the archive is cut off within {name}");
        out.sync_all()?;
        sums.push_str(&sum_line(&digest, &name));
    }
    ensure!(!told.is_empty(), "the archive is cut off: its checksums are missing");
    ensure!(
        [MANIFEST, AUTHORITY, DATABASE].iter().all(|part| names.contains(*part)),
        "the archive lacks one of its parts"
    );
    ensure!(told == sums, "the archive is damaged: a part is not what its checksum says");
    let manifest: Manifest = serde_json::from_slice(&fs::read(into.join(MANIFEST))?).context(MANIFEST)?;
    ensure!(
        manifest.form <= FORM,
        "the archive is of form {}, and this program reads forms up to {FORM}",
        manifest.form
    );
    fs::remove_file(into.join(MANIFEST))?;
    Ok(manifest)
}

/// The files that the copied tables name, each once, with their paths; and those that lack or are not what their name says.
async fn evidence_of(copy: &Path, vault: &Vault) -> anyhow::Result<(BTreeMap<String, PathBuf>, Vec<String>)> {
    let (mut there, mut lacking) = (BTreeMap::new(), BTreeSet::new());
    for sha256 in evidence_in(copy).await.context("the evidence in the copied tables cannot be read")? {
        match vault.fault_in(&sha256).await.with_context(|| format!("evidence {sha256} cannot be read"))? {
            None => there.extend(vault.path_of(&sha256).map(|path| (sha256, path))),
            Some(_) => {
                lacking.insert(sha256);
            }
        }
    }
    Ok((there, lacking.into_iter().collect()))
}

/// Where a file of evidence lies in the archive, as in the centre's folder.
fn evidence_name(sha256: &str) -> String {
    format!("{}/{}/{sha256}", vault::FOLDER, sha256.get(..2).unwrap_or_default())
}

/// The name of a part when it belongs into an archive: nothing else becomes a path.
fn known_name(path: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(path).ok()?;
    if [MANIFEST, AUTHORITY, DATABASE, SUMS].contains(&name) {
        return Some(name.to_owned());
    }
    let sha256 = name.rsplit('/').next().filter(|sha256| vault::is_sha256(sha256))?;
    Some(name.to_owned()).filter(|name| *name == evidence_name(sha256))
}

fn make_parents(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
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
