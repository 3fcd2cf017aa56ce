//! `phitak-centre backup`, `restore`, `verify`.

use super::{Data, lock_file, make_folder, print_line};
use crate::{
    backup::{self, AUTHORITY, Manifest, beside, sync_folder},
    command::{audit::in_words, evidence},
    vault,
};
use anyhow::{Context, bail, ensure};
use phitak_model::Timestamp;
use phitak_store::{
    AuditLine, Store,
    backup::{DATABASE, fault_in},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where an archive is unpacked in the folder that it is restored to; nothing else makes it.
pub(super) const RESTORING: &str = "restoring";

/// PostgreSQL's tables are its own programs' to keep.
fn in_the_folder(data: &Data) -> anyhow::Result<&Path> {
    ensure!(
        data.database.is_none(),
        "the tables are in PostgreSQL: keep them with pg_dump, and {AUTHORITY} and the folder evidence of {} beside them",
        data.data.display()
    );
    Ok(&data.data)
}

pub(super) async fn back_up(file: &Path, data: &Data, now: Timestamp) -> anyhow::Result<()> {
    let folder = in_the_folder(data)?;
    ensure!(folder.join(DATABASE).is_file(), "{} holds no centre", folder.display());
    let bytes = backup::make(folder, file, now).await?;
    print_line(&format!("{} holds the centre as of {}, {bytes} bytes", file.display(), now.iso()))
}

pub(super) async fn verify(file: &Path) -> anyhow::Result<()> {
    // Beside the archive: there is room for one there, and nobody else reads there.
    let folder = Staging::make(beside(file, "verifying"))?;
    let manifest = backup::unpack(file, &folder.0)?;
    let (store, _) = checked(&folder.0).await?;
    let chain = in_words(store.verify_audit(None).await?, None);
    let evidence = evidence::verified(&store, &folder.0).await;
    store.close().await?;
    print_line(&format!(
        "{}: whole, of {} by version {}\n{}\n{}",
        file.display(),
        manifest.made_at,
        manifest.version,
        chain.context("the archive is whole, but")?,
        evidence.context("the archive is whole, but")?
    ))
}

pub(super) async fn restore(file: &Path, data: &Data, force: bool, now: Timestamp) -> anyhow::Result<()> {
    let folder = in_the_folder(data)?;
    make_folder(folder)?;
    let empty = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?.next().is_none();
    ensure!(
        empty || force,
        "{} is not empty: choose another folder, or --force, which keeps what it replaces",
        folder.display()
    );
    let (running, making) = (lock_file(folder, "running.lock")?, lock_file(folder, "making.lock")?);
    ensure!(running.try_lock().is_ok(), "a centre runs on {}: stop it first", folder.display());
    making.lock()?;
    let staging = Staging::make(folder.join(RESTORING))?;
    let Manifest { made_at, .. } = backup::unpack(file, &staging.0)?;
    let (store, fresh) = checked(&staging.0).await?;
    if let Err(broken) = in_words(store.verify_audit(None).await?, None) {
        tracing::warn!("{broken:#}; the rest is restored");
    }
    if let Err(broken) = evidence::verified(&store, &staging.0).await {
        tracing::warn!("{broken:#}; the rest is restored");
    }
    store.begin_restored(AuditLine::of_operator(now, "centre.restore"), &made_at).await?;
    store.close().await.context("the restored tables cannot be closed")?;
    ensure!(!fresh.with_extension("db-wal").exists(), "the restored tables were not closed whole");
    let kept = set_aside(folder, now)?;
    for name in [AUTHORITY, vault::FOLDER, DATABASE] {
        let fresh = staging.0.join(name);
        if fresh.exists() {
            fs::rename(fresh, folder.join(name)).with_context(|| format!("cannot place {name}"))?;
        }
    }
    sync_folder(&folder.join(DATABASE))?;
    drop(staging);
    let kept = kept.map(|kept| format!("\nwhat was there before is in {}", kept.display())).unwrap_or_default();
    print_line(&format!("{} is the centre as of {made_at}; everybody signs in again{kept}", folder.display()))
}

/// Opens unpacked tables, brought up to date, when SQLite finds nothing wrong in them. Gives their file too.
async fn checked(folder: &Path) -> anyhow::Result<(Store, PathBuf)> {
    let file = folder.join(DATABASE);
    if let Some(fault) = fault_in(&file).await.context("the archive's tables cannot be read")? {
        bail!("the archive's tables are damaged: {fault}");
    }
    let pem = fs::read_to_string(folder.join(AUTHORITY)).context("the archive's key cannot be read")?;
    phitak_uplink::Authority::from_pem(&pem).context("the archive's key cannot be read")?;
    let store = Store::open(folder).await.context("the archive's tables cannot be brought up to date")?;
    Ok((store, file))
}

/// Moves the centre that is there into a folder of its own beside it.
fn set_aside(folder: &Path, now: Timestamp) -> anyhow::Result<Option<PathBuf>> {
    let names = [DATABASE, "centre.db-wal", "centre.db-shm", AUTHORITY, vault::FOLDER];
    if !names.iter().any(|name| folder.join(name).exists()) {
        return Ok(None);
    }
    let aside = folder.join(format!("replaced-{}", now.micros()));
    make_folder(&aside)?;
    for name in names.into_iter().filter(|name| folder.join(name).exists()) {
        fs::rename(folder.join(name), aside.join(name)).with_context(|| format!("cannot set {name} aside"))?;
    }
    Ok(Some(aside))
}

/// A folder that goes when it is no longer needed.
struct Staging(PathBuf);

impl Staging {
    fn make(path: PathBuf) -> anyhow::Result<Self> {
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("cannot clear {}", path.display()))?;
        }
        make_folder(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
