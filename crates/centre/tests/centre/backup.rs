//! A centre in one file: made while it runs, never by halves, and not believed when it is damaged.

use crate::sector::{ALPHA, BEGIN, Person, Sector, own_alert};
use phitak_centre::backup::{AUTHORITY, beside};
use phitak_model::Timestamp;
use phitak_store::{AuditFilter, AuditLine, PageAsk, Scope, Store};
use phitak_uplink::{Authority, Item};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// A centre's folder with its key, and a place for backups.
async fn sector_with_key() -> (Sector, tempfile::TempDir) {
    let sector = Sector::in_sqlite().await;
    sector.live().await;
    let now = Timestamp::parse(BEGIN).expect("a moment");
    Authority::load_or_create(sector.folder(), now).expect("a key");
    (sector, tempfile::tempdir().expect("a folder"))
}

fn centre(args: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phitak-centre"));
    let mut paths = paths.iter();
    for arg in args {
        match *arg {
            "@" => command.arg(paths.next().expect("a path")),
            arg => command.arg(arg),
        };
    }
    command
}

/// Exit code and all that was said.
fn run(args: &[&str], paths: &[&Path]) -> (Option<i32>, String) {
    let done = centre(args, paths).output().expect("runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.code(), said)
}

fn back_up(file: &Path, folder: &Path) -> (Option<i32>, String) {
    run(&["backup", "@", "--data", "@"], &[file, folder])
}

fn verify(file: &Path) -> (Option<i32>, String) {
    run(&["verify", "@"], &[file])
}

fn restore(file: &Path, folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    run(&[&["restore", "@", "--data", "@"], more].concat(), &[file, folder])
}

/// What stands in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("reads");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The program, serving this folder; killed when dropped.
struct Running(Child);

impl Running {
    fn start(folder: &Path) -> Self {
        let mut command =
            centre(&["serve", "--listen", "127.0.0.1:0", "--uplink", "127.0.0.1:0", "--data", "@"], &[folder]);
        let mut running = Self(command.stderr(Stdio::piped()).spawn().expect("starts"));
        let said = BufReader::new(running.0.stderr.take().expect("piped"));
        for line in said.lines() {
            if line.expect("text").contains("the centre is up") {
                return running;
            }
        }
        panic!("the centre did not start");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn lines_of(store: &Store) -> Vec<i64> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let ask = PageAsk { cursor, limit: Some(200) };
        let page = store.audit(AuditFilter::All, &ask).await.expect("reads");
        ids.extend(page.items.iter().map(|line| line.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return ids;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_and_writing_centre_is_kept_whole_as_of_one_moment_and_comes_back() {
    let (sector, place) = sector_with_key().await;
    let running = Running::start(sector.folder());
    let done = Arc::new(AtomicBool::new(false));
    let (store, stop, now) = (sector.centre.store.clone(), done.clone(), sector.now());
    let writer = tokio::spawn(async move {
        let mut written = 0_u64;
        while !stop.load(Ordering::SeqCst) {
            store.note(AuditLine::of_operator(now, "user.link")).await.expect("writes");
            written += 1;
        }
        written
    });
    let before = lines_of(&sector.centre.store).await.len();
    let file = place.path().join("kept.tar");
    let (code, said) = back_up(&file, sector.folder());
    assert_eq!(code, Some(0), "{said}");
    let after = lines_of(&sector.centre.store).await.len();
    done.store(true, Ordering::SeqCst);
    assert!(writer.await.expect("writes") > 0);
    assert_eq!(names(place.path()), ["kept.tar"], "nothing else is left");
    assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
    let (code, said) = verify(&file);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("whole") && said.contains("the audit holds"), "{said}");
    assert_eq!(back_up(&file, sector.folder()).0, Some(1), "never over another");

    let fresh = place.path().join("fresh");
    let (code, said) = restore(&file, &fresh, &[]);
    assert_eq!(code, Some(0), "{said}");
    let restored = Store::open(&fresh).await.expect("opens");
    let lines = lines_of(&restored).await.len();
    assert!(
        (before..=after).contains(&(lines - 1)),
        "{before} {lines} {after}: one moment, and the restore's own line"
    );
    assert_eq!(restored.alerts_kept(&Scope::of_the_centre_itself()).await.expect("counts"), 6);
    let digest = phitak_store::people::secret_digest("secret of analyst");
    assert!(!restored.session_lives(&digest, sector.now()).await.expect("reads"), "everybody signs in again");
    assert!(sector.centre.store.session_lives(&digest, sector.now()).await.expect("reads"));
    let key = |folder: &Path| fs::read(folder.join(AUTHORITY)).expect("reads");
    assert_eq!(key(&fresh), key(sector.folder()), "sensors know it");
    restored.close().await.expect("closes");
    drop(Running::start(&fresh));
    // Over a running centre nothing is restored; over a stopped one what was there is kept.
    let (code, said) = restore(&file, sector.folder(), &["--force"]);
    assert!(code == Some(1) && said.contains("runs on"), "{said}");
    drop(running);
    assert!(restore(&file, sector.folder(), &[]).1.contains("is not empty"));
    let (code, said) = restore(&file, sector.folder(), &["--force"]);
    assert_eq!(code, Some(0), "{said}");
    let aside: Vec<String> = names(sector.folder()).into_iter().filter(|name| name.starts_with("replaced-")).collect();
    assert_eq!(aside.len(), 1);
    assert!(names(&sector.folder().join(&aside[0])).contains(&"centre.db".to_owned()));
    assert!(!names(sector.folder()).contains(&"restoring".to_owned()));
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_no_half_file_under_its_name() {
    let (sector, place) = sector_with_key().await;
    for batch in 0..8_u64 {
        let items = (0..2_000).map(|_| Item::Alert(Box::new(own_alert(ALPHA)))).collect();
        sector.send(ALPHA, 2, 1 + batch * 2_000, items).await;
    }
    let begun = Instant::now();
    let whole = place.path().join("whole.tar");
    assert_eq!(back_up(&whole, sector.folder()).0, Some(0));
    let took = begun.elapsed();
    let file = place.path().join("killed.tar");
    let mut cut_off = 0;
    for part in 1..=12_u32 {
        let mut child = centre(&["backup", "@", "--data", "@"], &[&file, sector.folder()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(took * part / 13);
        child.kill().expect("kills");
        child.wait().expect("ends");
        if file.exists() {
            let (code, said) = verify(&file);
            assert_eq!(code, Some(0), "after {part}/13: {said}");
            fs::remove_file(&file).expect("removes");
        } else {
            cut_off += 1;
        }
    }
    assert!(cut_off >= 3, "{cut_off} were cut off");
    let (code, said) = back_up(&file, sector.folder());
    assert_eq!(code, Some(0), "what the killed ones left is in nobody's way: {said}");
    assert_eq!(verify(&file).0, Some(0));
    assert_eq!(names(place.path()), ["killed.tar", "whole.tar"]);
    assert!(sector.get(Person::Analyst, "/api/v1/stories").await.status.is_success());
}

#[tokio::test]
async fn a_damaged_cut_off_or_foreign_archive_is_told_and_never_restored() {
    let (sector, place) = sector_with_key().await;
    let file = place.path().join("kept.tar");
    assert_eq!(back_up(&file, sector.folder()).0, Some(0));
    let good = fs::read(&file).expect("reads");
    let at = |text: &[u8]| good.windows(text.len()).position(|part| part == text).expect("is there");
    let bad = place.path().join("bad.tar");
    let target = place.path().join("target");
    let refused = |content: &[u8], why: &str| {
        fs::write(&bad, content).expect("writes");
        let (code, said) = verify(&bad);
        assert_eq!(code, Some(1), "{why}: {said}");
        let (code, said) = restore(&bad, &target, &[]);
        assert_eq!(code, Some(1), "{why}: {said}");
        assert!(!target.join("centre.db").exists() && !target.join(AUTHORITY).exists(), "{why}");
        assert!(!beside(&bad, "verifying").exists() && !target.join("restoring").exists(), "{why}");
        fs::remove_dir_all(&target).expect("removes");
    };
    for (why, place) in [
        ("a name", at(b"manifest.json")),
        ("the manifest", at(b"made_at")),
        ("the key", at(b"BEGIN CERTIFICATE") + 60),
        ("the tables", at(b"SQLite format 3") + 5_000),
        ("a checksum", at(b"  authority.pem\n") - 3),
    ] {
        let mut changed = good.clone();
        changed[place] ^= 1;
        refused(&changed, why);
    }
    for part in [0, 1, 3, 5, 7] {
        refused(&good[..good.len() * part / 8], &format!("{part}/8 of it"));
    }
    refused(&good[..at(b"  manifest.json\n")], "without its checksums");
    for (name, kind) in [("../escaped", tar::EntryType::Regular), ("centre.db", tar::EntryType::Symlink)] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        if kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").expect("fits");
        }
        header.set_size(0);
        header.set_mode(0o600);
        header.set_cksum();
        builder.append(&header, std::io::empty()).expect("appends");
        refused(&builder.into_inner().expect("finishes"), name);
    }
    assert!(!place.path().join("escaped").exists());
}

#[tokio::test]
async fn a_folder_without_a_centre_or_its_key_is_told_so() {
    let place = tempfile::tempdir().expect("a folder");
    let file: PathBuf = place.path().join("kept.tar");
    let (code, said) = back_up(&file, place.path());
    assert!(code == Some(1) && said.contains("holds no centre"), "{said}");
    let sector = Sector::in_sqlite().await;
    let (code, said) = back_up(&file, sector.folder());
    assert!(code == Some(1) && said.contains("authority.pem"), "{said}");
    let elsewhere = ["backup", "@", "--data", "@", "--database", "postgres://nobody@localhost/none"];
    let (code, said) = run(&elsewhere, &[&file, sector.folder()]);
    assert!(code == Some(1) && said.contains("pg_dump"), "{said}");
    assert_eq!(names(place.path()), Vec::<String>::new());
    // A restore that was cut off before its end is not taken for a new centre.
    fs::create_dir(place.path().join("restoring")).expect("makes");
    let (code, said) =
        run(&["serve", "--listen", "127.0.0.1:0", "--uplink", "127.0.0.1:0", "--data", "@"], &[place.path()]);
    assert!(code == Some(1) && said.contains("cut off"), "{said}");
    assert!(!place.path().join("centre.db").exists());
}
