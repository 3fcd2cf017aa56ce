//! Evidence under attack, cut off, too large, on a full vault; its custody; its way through a backup.

use crate::sector::{ALPHA, BRAVO, CHARLIE, EVIDENCE_BYTES, EVIDENCE_FILE_BYTES, Person, Sector};
use axum::{body::Body, http::StatusCode};
use phitak_centre::{backup, clock::Clock};
use phitak_store::{AuditLine, CustodyChain, EvidenceId, people::secret_digest};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file below a folder, as paths from it, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.expect("reads").path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path.strip_prefix(folder).expect("below").to_owned())
            }
        }
    }
    found.sort();
    found
}

fn vault(sector: &Sector) -> PathBuf {
    sector.folder().join("evidence")
}

fn path(id: i64, name: &str) -> String {
    format!("/api/v1/cases/{id}/evidence?name={name}&facility={}", ALPHA.code)
}

#[tokio::test]
async fn a_file_lies_under_its_hash_whatever_it_is_called_and_comes_back_as_it_was() {
    let sector = Sector::lived_in().await;
    let id = sector.case_at(&[ALPHA]).await;
    let bytes = b"PK\x03\x04 not unpacked \0\xff".to_vec();
    let sha = sha256(&bytes);
    let names =
        ["..%2F..%2Fetc%2Fpasswd", "a%00b", "%2Fetc%2Fpasswd", "..", "a%0d%0aset-cookie:%20x", "%E0%B8%A3.pdf", ""];
    for name in names {
        let stored = sector.upload(Person::AtAlpha, &path(id, name), bytes.clone()).await;
        assert_eq!(stored.status, StatusCode::OK, "{name}: {}", stored.text);
    }
    assert_eq!(files_below(&vault(&sector)), [PathBuf::from(&sha[..2]).join(&sha)], "one file, one place");
    assert_eq!(fs::read(vault(&sector).join(&sha[..2]).join(&sha)).expect("reads"), bytes);
    let shared = sector.get(Person::AtAlpha, &format!("/api/v1/cases/{id}/shared")).await.json();
    let files = shared["files"].as_array().expect("a list");
    assert_eq!(
        (files.len(), files[0]["sha256"].as_str(), files[0]["bytes"].as_u64()),
        (7, Some(sha.as_str()), Some(bytes.len() as u64))
    );
    for file in files {
        let handed = sector.get(Person::AtAlpha, &format!("/api/v1/evidence/{}", file["id"])).await;
        assert_eq!(handed.status, StatusCode::OK);
        let header = |name: &str| handed.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(header("content-disposition").starts_with("attachment;"), "{}", header("content-disposition"));
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("default-src 'self'"));
        assert!(handed.headers.get("set-cookie").is_none());
        assert_eq!(handed.text, String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_cut_off_or_empty_leaves_nothing() {
    let sector = Sector::lived_in().await;
    let id = sector.case_at(&[ALPHA]).await;
    let path = path(id, "big");
    let ten_gigabytes = 10 << 30;
    let answer = sector.upload_body(Person::AtAlpha, &path, Some(ten_gigabytes), Body::from("x")).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let over = vec![7; usize::try_from(EVIDENCE_FILE_BYTES).expect("fits") + 1];
    let answer = sector.upload_body(Person::AtAlpha, &path, None, Body::from(over)).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"), "not announced");
    let pieces = futures_util::stream::iter([Ok("half of"), Err(std::io::Error::other("the line is cut"))]);
    let answer = sector.upload_body(Person::AtAlpha, &path, Some(14), Body::from_stream(pieces)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    let answer = sector.upload_body(Person::AtAlpha, &path, Some(14), Body::from("half of")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "shorter than announced: {}", answer.text);
    let answer = sector.upload(Person::AtAlpha, &path, Vec::new()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    assert_eq!(files_below(&vault(&sector)), Vec::<PathBuf>::new());
    let whole = vec![7; usize::try_from(EVIDENCE_FILE_BYTES).expect("fits")];
    assert_eq!(sector.upload(Person::AtAlpha, &path, whole).await.status, StatusCode::OK, "just as much as may be");
}

#[tokio::test]
async fn a_full_vault_refuses_with_words_and_keeps_what_it_has() {
    let sector = Sector::lived_in().await;
    let id = sector.case_at(&[ALPHA]).await;
    let size = usize::try_from(EVIDENCE_FILE_BYTES).expect("fits");
    for n in 0..EVIDENCE_BYTES / EVIDENCE_FILE_BYTES {
        let stored = sector.upload(Person::Analyst, &path(id, "a"), vec![u8::try_from(n).expect("small"); size]).await;
        assert_eq!(stored.status, StatusCode::OK, "{n}: {}", stored.text);
    }
    for length in [Some(1), None] {
        let answer = sector.upload_body(Person::Analyst, &path(id, "a"), length, Body::from("x")).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::INSUFFICIENT_STORAGE, "no_room"));
        assert!(answer.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("space for evidence")));
    }
    let kept = EVIDENCE_BYTES / EVIDENCE_FILE_BYTES;
    assert_eq!(files_below(&vault(&sector)).len() as u64, kept);
}

#[tokio::test]
async fn nobody_stores_or_gets_a_file_where_it_may_not() {
    let sector = Sector::lived_in().await;
    let id = sector.case_at(&[ALPHA, CHARLIE]).await;
    let internal = format!("/api/v1/cases/{id}/evidence?name=a");
    for (person, path) in [
        (Person::AtAlpha, internal.clone()),
        (Person::AtAlpha, format!("{internal}&facility={}", CHARLIE.code)),
        (Person::AtAlpha, format!("{internal}&facility={}", BRAVO.code)),
        (Person::Analyst, format!("{internal}&facility={}", BRAVO.code)),
    ] {
        assert_eq!(
            sector.upload(person, &path, b"x".to_vec()).await.status,
            StatusCode::NOT_FOUND,
            "{person:?} {path}"
        );
    }
    assert_eq!(sector.upload(Person::Officer, &internal, b"x".to_vec()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(files_below(&vault(&sector)), Vec::<PathBuf>::new(), "nothing was taken before it was refused");
    assert_eq!(sector.upload(Person::Analyst, &internal, b"of the team".to_vec()).await.status, StatusCode::OK);
    let whole = sector.get(Person::Analyst, &format!("/api/v1/cases/{id}")).await.json();
    let file = format!("/api/v1/evidence/{}", whole["files"][0]["id"]);
    for person in [Person::AtAlpha, Person::AtCharlie, Person::Officer] {
        assert_eq!(sector.get(person, &file).await.status, StatusCode::NOT_FOUND, "{person:?}");
        let shared = sector.get(person, &format!("/api/v1/cases/{id}/shared")).await;
        assert!(!shared.text.contains(&sha256(b"of the team")), "{person:?}");
    }
    assert_eq!(sector.get(Person::Analyst, &file).await.text, "of the team");
}

#[tokio::test]
async fn every_handling_is_a_line_of_a_chain_that_shows_each_tampering() {
    use sea_orm::ConnectionTrait;
    let sector = Sector::in_sqlite().await;
    sector.live().await;
    let file = sector.evidence_at(ALPHA).await;
    assert_eq!(sector.get(Person::AtAlpha, &format!("/api/v1/evidence/{file}")).await.status, StatusCode::OK);
    let store = &sector.centre.store;
    let lines = store.custody_of(&[EvidenceId(file)]).await.expect("reads");
    let said: Vec<(&str, &str)> = lines.iter().map(|line| (line.action.as_str(), line.who.as_str())).collect();
    assert_eq!(said, [("stored", "analyst"), ("handed", "at-alpha")]);
    assert!(matches!(store.verify_custody().await.expect("reads"), CustodyChain::Whole { lines: 2, .. }));
    let url = format!("sqlite://{}", sector.folder().join("centre.db").display());
    let db = sea_orm::Database::connect(url).await.expect("opens");
    let tamperings = [
        ("UPDATE custody SET who = 'nobody' WHERE id = 1", "UPDATE custody SET who = 'analyst' WHERE id = 1"),
        (
            "UPDATE custody SET sha256 = 'x' WHERE id = 2",
            &format!("UPDATE custody SET sha256 = '{}' WHERE id = 2", sha256(b"log of MARKALPHA")),
        ),
        ("UPDATE custody SET id = 9 WHERE id = 1", "UPDATE custody SET id = 1 WHERE id = 9"),
    ];
    for (tamper, mend) in tamperings {
        db.execute_unprepared(tamper).await.expect("runs");
        assert!(matches!(store.verify_custody().await.expect("reads"), CustodyChain::Broken { .. }), "{tamper}");
        db.execute_unprepared(mend).await.expect("runs");
        assert!(matches!(store.verify_custody().await.expect("reads"), CustodyChain::Whole { .. }), "{mend}");
    }
    db.execute_unprepared("DELETE FROM custody WHERE id = 2").await.expect("runs");
    assert!(matches!(store.verify_custody().await.expect("reads"), CustodyChain::Broken { line: 1, .. }), "the end");
    db.close().await.expect("closes");
}

#[tokio::test]
async fn a_sweep_takes_what_no_case_keeps_once_it_is_old_and_nothing_else() {
    let sector = Sector::lived_in().await;
    sector.evidence_at(ALPHA).await;
    let kept = sha256(format!("log of {}", ALPHA.mark).as_bytes());
    let orphan = sha256(b"its row never came");
    let young = sha256(b"its row may still come");
    let place = |sha: &str| vault(&sector).join(&sha[..2]).join(sha);
    for sha in [&orphan, &young] {
        fs::create_dir_all(place(sha).parent().expect("a folder")).expect("makes");
        fs::write(place(sha), "x").expect("writes");
    }
    let partial = vault(&sector).join("partial");
    for name in ["killed", "writing"] {
        fs::write(partial.join(name), "half").expect("writes");
    }
    let old = SystemTime::now() - Duration::from_secs(2 * 3_600);
    for path in [place(&kept), place(&orphan), partial.join("killed")] {
        fs::File::options().write(true).open(path).expect("opens").set_modified(old).expect("sets");
    }
    let swept = sector.centre.settings.vault.as_ref().expect("a vault").sweep(&sector.centre.store).await;
    assert_eq!(swept.expect("sweeps"), 2);
    let left = files_below(&vault(&sector));
    let expected = [place(&kept), place(&young), partial.join("writing")];
    let mut expected: Vec<PathBuf> =
        expected.iter().map(|path| path.strip_prefix(vault(&sector)).expect("below").to_owned()).collect();
    expected.sort();
    assert_eq!(left, expected);
}

/// Exit code and all that was said.
fn run(args: &[&str], paths: &[&Path]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phitak-centre"));
    let mut paths = paths.iter();
    for arg in args {
        match *arg {
            "@" => command.arg(paths.next().expect("a path")),
            arg => command.arg(arg),
        };
    }
    let done = command.output().expect("runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.code(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_the_evidence_and_a_changed_file_is_found_before_and_after() {
    let sector = Sector::in_sqlite().await;
    sector.live().await;
    phitak_uplink::Authority::load_or_create(sector.folder(), sector.now()).expect("a key");
    sector.evidence_at(ALPHA).await;
    sector.evidence_at(BRAVO).await;
    let place = tempfile::tempdir().expect("a folder");
    let (file, fresh) = (place.path().join("kept.tar"), place.path().join("fresh"));
    let (code, said) = run(&["backup", "@", "--data", "@"], &[&file, sector.folder()]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["verify", "@"], &[&file]);
    assert!(code == Some(0) && said.contains("the evidence holds: 2 files"), "{said}");
    let (code, said) = run(&["restore", "@", "--data", "@"], &[&file, &fresh]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(files_below(&fresh.join("evidence")), files_below(&vault(&sector)));
    let (code, said) = run(&["evidence", "verify", "--data", "@"], &[&fresh]);
    assert!(code == Some(0) && said.contains("the custody log holds"), "{said}");

    let changed = files_below(&vault(&sector)).remove(0);
    fs::write(fresh.join("evidence").join(&changed), "another").expect("writes");
    let missing = files_below(&vault(&sector)).remove(1);
    fs::remove_file(fresh.join("evidence").join(missing)).expect("removes");
    let (code, said) = run(&["evidence", "verify", "--data", "@"], &[&fresh]);
    assert!(code == Some(1) && said.contains("was changed") && said.contains("is missing"), "{said}");
    // A backup of it goes on, and says what it goes without.
    let second = place.path().join("second.tar");
    let (code, said) = run(&["backup", "@", "--data", "@"], &[&second, &fresh]);
    assert!(code == Some(0) && said.contains("goes without"), "{said}");
    let (code, said) = run(&["verify", "@"], &[&second]);
    assert!(code == Some(1) && said.contains("is missing"), "{said}");
}

#[tokio::test]
async fn an_archive_cannot_place_a_file_elsewhere() {
    let place = tempfile::tempdir().expect("a folder");
    let sha = sha256(b"x");
    for name in [
        format!("evidence/{sha}"),
        format!("evidence/zz/{sha}"),
        format!("evidence/../{}/{sha}", &sha[..2]),
        format!("evidence/{}/{}", &sha[..2], sha.to_uppercase()),
        format!("elsewhere/{}/{sha}", &sha[..2]),
    ] {
        let file = place.path().join("bad.tar");
        let mut archive = tar::Builder::new(fs::File::create(&file).expect("makes"));
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o600);
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, &b"x"[..]).expect("writes");
        archive.finish().expect("writes");
        let into = place.path().join("into");
        fs::create_dir_all(&into).expect("makes");
        let refused = backup::unpack(&file, &into).expect_err("is refused").to_string();
        assert!(refused.contains("does not belong there"), "{name}: {refused}");
        assert_eq!(files_below(&into), Vec::<PathBuf>::new(), "{name}");
    }
}

/// The program, serving this folder, with where its pages are; killed when dropped.
struct Running {
    child: Child,
    pages: String,
    /// Open as long as the program runs: it writes its log there.
    said: BufReader<ChildStderr>,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phitak-centre"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--uplink", "127.0.0.1:0", "--data"]).arg(folder);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("starts");
        let said = BufReader::new(child.stderr.take().expect("piped"));
        // Whole at once: what fails from here on ends the program.
        let mut running = Self { child, pages: String::new(), said };
        let mut line = String::new();
        while running.said.read_line(&mut line).expect("text") > 0 {
            if line.contains("the centre is up") {
                let at = line.find("127.0.0.1:").expect("an address");
                let port: String = line[at + 10..].chars().take_while(char::is_ascii_digit).collect();
                running.pages = format!("127.0.0.1:{port}");
                return running;
            }
            line.clear();
        }
        panic!("the centre did not start");
    }

    /// Begins an upload and sends this much of it.
    fn begin_upload(&self, case: i64, length: usize, part: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.pages).expect("connects");
        let head = format!(
            "POST /api/v1/cases/{case}/evidence?name=a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: phitak_session=live\r\n\
             x-csrf-token: live csrf\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sends");
        stream.write_all(part).expect("sends");
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_centre_that_is_killed_within_an_upload_keeps_nothing_of_it_and_goes_on() {
    let sector = Sector::in_sqlite().await;
    sector.live().await;
    phitak_uplink::Authority::load_or_create(sector.folder(), sector.now()).expect("a key");
    let case = sector.case_at(&[ALPHA]).await;
    let store = &sector.centre.store;
    let analyst = store.user_by_login("analyst").await.expect("reads").expect("an account");
    let audit = AuditLine::of_operator(Clock::of_the_machine().now(), "session.start");
    store.begin_session(&analyst, &secret_digest("live"), "live csrf", audit).await.expect("a session");
    let partial = vault(&sector).join("partial");
    let running = Running::start(sector.folder());
    let upload = running.begin_upload(case, 200_000, &[7; 100_000]);
    let written =
        || files_below(&partial).iter().any(|name| fs::metadata(partial.join(name)).is_ok_and(|file| file.len() > 0));
    let begun = Instant::now();
    while !written() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing of the upload reaches the disk");
        std::thread::yield_now();
    }
    drop(running);
    drop(upload);
    assert!(files_below(&vault(&sector)).iter().all(|name| name.starts_with("partial")), "no name before it is whole");
    assert!(store.evidence_after(EvidenceId(0)).await.expect("reads").is_empty());
    let (code, said) = run(&["evidence", "verify", "--data", "@"], &[sector.folder()]);
    assert!(code == Some(0) && said.contains("the evidence holds: 0 files"), "{said}");

    let again = Running::start(sector.folder());
    let mut upload = again.begin_upload(case, 5, b"whole");
    let mut answer = String::new();
    upload.read_to_string(&mut answer).expect("answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let kept = store.evidence_after(EvidenceId(0)).await.expect("reads");
    assert_eq!(kept.iter().map(|file| file.sha256.as_str()).collect::<Vec<_>>(), [sha256(b"whole")]);
}
