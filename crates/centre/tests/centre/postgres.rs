//! A real PostgreSQL for tests: a cluster in a temporary folder, reached by its socket alone, that ends with the process.

use phitak_store::Store;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const WAIT_MAX: Duration = Duration::from_secs(60);
/// The account that PostgreSQL's package makes: the server refuses to run as root.
const SERVER_ACCOUNT: &str = "postgres";
/// At the end stands the number of the process that made it.
const FOLDER_PREFIX: &str = "phitak-postgres-";

/// A new, empty database of this name.
pub async fn store(name: &str) -> Store {
    create(name);
    Store::open_url(&url(name)).await.expect("the database opens")
}

/// A name that no other database of this process has.
#[allow(dead_code, reason = "not every program with this module makes many")]
pub fn new_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("sector{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Bytes of a database on the disk.
#[allow(dead_code, reason = "not every program with this module measures")]
pub async fn bytes(name: &str) -> u64 {
    let text = psql("postgres", &format!("CHECKPOINT; SELECT pg_database_size('{name}')"));
    text.lines().rev().find_map(|line| line.trim().parse().ok()).expect("a number")
}

/// The largest tables and indices of a database, with their bytes.
#[allow(dead_code, reason = "not every program with this module measures")]
pub fn largest(name: &str) -> String {
    let sizes =
        "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relkind IN ('r', 'i') ORDER BY 2 DESC LIMIT 12";
    psql(name, sizes)
}

pub fn url(name: &str) -> String {
    url_at(cluster(), name)
}

fn url_at(folder: &Path, name: &str) -> String {
    let socket = folder.display().to_string().replace('/', "%2F");
    format!("postgres://{SERVER_ACCOUNT}@{socket}/{name}")
}

pub fn create(name: &str) {
    create_at(cluster(), name);
}

fn create_at(folder: &Path, name: &str) {
    psql_at(
        folder,
        "postgres",
        &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"),
    );
}

fn psql(database: &str, sql: &str) -> String {
    psql_at(cluster(), database, sql)
}

fn psql_at(folder: &Path, database: &str, sql: &str) -> String {
    let output = Command::new(programs().join("psql"))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", SERVER_ACCOUNT, "-d", database])
        .arg("-h")
        .arg(folder)
        .args(sql.split("; ").flat_map(|statement| ["-c", statement]))
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The newest installed server's programs.
fn programs() -> PathBuf {
    let all = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed (package postgresql)");
    let mut versions: Vec<(u32, PathBuf)> = all
        .filter_map(|entry| {
            let path = entry.ok()?.path().join("bin");
            let version = path.parent()?.file_name()?.to_str()?.parse().ok()?;
            path.join("initdb").is_file().then_some((version, path))
        })
        .collect();
    versions.sort();
    versions.pop().expect("a server of PostgreSQL").1
}

/// The folder of the running cluster, with its socket.
fn cluster() -> &'static Path {
    static CLUSTER: OnceLock<PathBuf> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        remove_dead();
        let folder = std::env::temp_dir().join(format!("{FOLDER_PREFIX}{}", std::process::id()));
        make(&folder);
        start(&folder);
        folder
    })
}

/// A server of its own for one test, which stops and starts it.
#[allow(dead_code, reason = "not every program with this module stops it")]
pub struct OwnServer {
    folder: PathBuf,
    process: u32,
}

/// How a server ends.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "not every program with this module stops it")]
pub enum Ending {
    /// Everybody is sent away, what was written is moved to its place.
    Orderly,
    /// As in a power cut: what was promised is found again in the log when it starts.
    AtOnce,
}

#[allow(dead_code, reason = "not every program with this module stops it")]
impl OwnServer {
    pub fn start() -> Self {
        remove_dead();
        let name = format!("{FOLDER_PREFIX}{}-{}", new_name(), std::process::id());
        let folder = std::env::temp_dir().join(name);
        make(&folder);
        let process = start(&folder);
        Self { folder, process }
    }

    /// Of a new, empty database.
    pub fn new_database(&self, name: &str) -> String {
        create_at(&self.folder, name);
        url_at(&self.folder, name)
    }

    /// Gone when this returns.
    pub fn stop(&self, ending: Ending) {
        let signal = match ending {
            Ending::Orderly => "-INT",
            Ending::AtOnce => "-QUIT",
        };
        let told = Command::new("kill").arg(signal).arg(self.process.to_string()).status();
        assert!(told.is_ok_and(|status| status.success()), "it runs: {}", log(&self.folder));
        let begun = Instant::now();
        while Path::new(&format!("/proc/{}", self.process)).exists() {
            assert!(begun.elapsed() < WAIT_MAX, "PostgreSQL does not stop: {}", log(&self.folder));
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn start_again(&mut self) {
        self.process = start(&self.folder);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("-QUIT").arg(self.process.to_string()).stderr(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A cluster without a server.
fn make(folder: &Path) {
    fs::create_dir(folder).expect("a folder");
    if is_root() {
        let owned = Command::new("chown").arg(SERVER_ACCOUNT).arg(folder).status().expect("chown runs");
        assert!(owned.success(), "the account {SERVER_ACCOUNT} is there");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("its mode");
    let made = as_server("initdb")
        .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--username", SERVER_ACCOUNT, "-D"])
        .arg(folder.join("data"))
        .output()
        .expect("initdb runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The socket is there before the server takes connections by it.
fn answers(folder: &Path) -> bool {
    let asked = Command::new(programs().join("pg_isready")).arg("-q").arg("-h").arg(folder).status();
    asked.expect("pg_isready runs").success()
}

/// Folders of processes that have ended.
fn remove_dead() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX)?.rsplit('-').next());
        let process = number.and_then(|number| number.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// Starts the server from a thread that lives as long as the process: its end is the server's. Gives its process's number
/// once it answers.
fn start(folder: &Path) -> u32 {
    let (sender, started) = mpsc::channel();
    let place = folder.to_owned();
    thread::spawn(move || {
        let folder = place;
        let log = fs::File::create(folder.join("log")).expect("a log");
        let child = as_server("postgres")
            .arg("-D")
            .arg(folder.join("data"))
            .arg("-k")
            .arg(&folder)
            .args(["-c", "listen_addresses=", "-c", "max_connections=500", "-c", "shared_buffers=256MB"])
            .args(["-c", "max_wal_size=4GB"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        sender.send(child.as_ref().ok().map(std::process::Child::id)).expect("somebody waits");
        if let Ok(mut child) = child {
            let _ = child.wait();
        }
    });
    let process = started.recv().ok().flatten().expect("PostgreSQL starts");
    let begun = Instant::now();
    while !answers(folder) {
        assert!(begun.elapsed() < WAIT_MAX, "PostgreSQL did not start: {}", log(folder));
        thread::sleep(Duration::from_millis(50));
    }
    process
}

/// One of the server's programs under an account that may run it, ending with this process.
fn as_server(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid", SERVER_ACCOUNT, "--regid", SERVER_ACCOUNT, "--clear-groups"]);
    }
    command.arg(programs().join(program));
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
