//! The centre as it is shipped: the program itself, with an administrator who asks it by HTTP and a hospital's uplink that
//! dials it.

use crate::sector::{ALPHA, Answer, PASSWORD, alert};
use axum::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use phitak_model::{Alert, Severity, Timestamp};
use phitak_uplink::{
    Item,
    client::{Patience, Uplink, enrol},
    keys::KeyFolder,
    spool::{Appended, Desk, SPOOL_BYTES_DEFAULT, Spool},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::watch, task::JoinHandle, time::sleep};

/// Longest time that a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(90);
pub const ASK_AGAIN: Duration = Duration::from_millis(50);
/// The signature of a sensor's first alert; each has one of its own, and so a story.
const SIGNATURE: u32 = 9_400_000;

/// Where its data is.
pub enum Place {
    /// Tables in a PostgreSQL database.
    Postgres(String),
    /// Everything on a disk of so many bytes, which is gone with the program.
    SmallDisk(u64),
    /// Everything in a folder that ends with the program.
    Folder,
}

/// The running program with one hospital, in a folder that ends with it.
pub struct Program {
    child: Child,
    pub person: Person,
    uplink: String,
    folder: TempDir,
    data: PathBuf,
    database: Option<String>,
    /// Its disk is seen from within its own namespace alone.
    is_apart: bool,
}

/// An administrator at the pages. Cheap to clone.
#[derive(Clone, Default)]
pub struct Person {
    pages: String,
    cookie: String,
    csrf: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_micros(i64::try_from(since.as_micros()).expect("before the year 292277"))
}

impl Program {
    pub async fn start(place: Place) -> Self {
        let folder = TempDir::new().expect("a folder");
        let data = folder.path().join("centre");
        let person = Person { pages: free_address(), ..Person::default() };
        let uplink = free_address();
        let mut words = vec![env!("CARGO_BIN_EXE_phitak-centre").to_owned(), "serve".to_owned()];
        let shown = data.display().to_string();
        for (name, value) in [("--data", &shown), ("--listen", &person.pages), ("--uplink", &uplink)] {
            words.extend([name.to_owned(), value.clone()]);
        }
        let is_apart = matches!(place, Place::SmallDisk(_));
        let (mut command, database) = match place {
            Place::Postgres(url) => {
                let mut command = Command::new(words.remove(0));
                command.args(words).args(["--database", &url]);
                (command, Some(url))
            }
            Place::Folder => {
                let mut command = Command::new(words.remove(0));
                command.args(words);
                (command, None)
            }
            Place::SmallDisk(bytes) => (on_small_disk(&data, bytes, &words), None),
        };
        let log = File::create(folder.path().join("centre.log")).expect("a log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        let child = command.spawn().expect("the program starts");
        let mut program = Self { child, person, uplink, folder, data, database, is_apart };
        program.until_it_says("ok").await;
        program.furnish().await;
        program
    }

    async fn furnish(&mut self) {
        let file = self.folder.path().join("facilities.csv");
        let facility = format!("code,name_th,name_en,province_code\n{},ก,A,{}\n", ALPHA.code, ALPHA.province);
        fs::write(&file, facility).expect("written");
        self.says(&["import-facilities", &file.display().to_string()]);
        let link = self.says(&["first-link"]);
        let path = format!("/api/v1/first-sign-in/{}", link.rsplit('/').next().expect("a link"));
        let answer = self.person.post(&path, json!({"password": PASSWORD})).await;
        let cookie = answer.headers[header::SET_COOKIE].to_str().expect("text").split(';').next().expect("a cookie");
        self.person.cookie = cookie.to_owned();
        self.person.csrf = answer.json()["csrf"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
    }

    /// What the program says at the command line about the same data.
    fn says(&self, words: &[&str]) -> String {
        let program = env!("CARGO_BIN_EXE_phitak-centre");
        let mut command = match &self.database {
            Some(url) => {
                let mut command = Command::new(program);
                command.env("PHITAK_DATABASE", url);
                command
            }
            None if !self.is_apart => Command::new(program),
            None => {
                let mut command = Command::new("nsenter");
                if !is_root() {
                    command.args(["--user", "--preserve-credentials"]);
                }
                command.args(["--mount", "--target", &self.child.id().to_string(), program]);
                command
            }
        };
        let output = command.args(words).arg("--data").arg(&self.data).output().expect("the program runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Waits until the health route says `ok`, or refuses with this code.
    pub async fn until_it_says(&mut self, wanted: &str) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                panic!("the centre ended with {status}: {}", self.log());
            }
            let answer = self.person.ask(Method::GET, "/healthz", None).await;
            let said = answer.map(|answer| match answer.json()["status"].as_str() {
                Some(status) => status.to_owned(),
                None => answer.code(),
            });
            if said.as_deref() == Some(wanted) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "it says {said:?} and not {wanted}: {}", self.log());
            sleep(ASK_AGAIN).await;
        }
    }

    /// A file on the program's own disk, as it is reached from here.
    pub fn on_its_disk(&self, name: &str) -> PathBuf {
        let inside = self.data.strip_prefix("/").expect("absolute");
        Path::new(&format!("/proc/{}/root", self.child.id())).join(inside).join(name)
    }

    /// Its latest lines.
    pub fn log(&self) -> String {
        let text = self.whole_log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    pub fn whole_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("centre.log")).unwrap_or_default()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives the hospital's sensor an identity.
    pub async fn enrol(&self, keys: &KeyFolder) {
        let code = self.says(&["enrol-code", ALPHA.code]);
        enrol(&self.uplink, &code, keys).await.unwrap_or_else(|error| panic!("{error}: {}", self.log()));
    }

    /// A hospital's spool with its uplink, which dials until it is stopped.
    pub async fn sensor(&self) -> Sensor {
        let keys = KeyFolder::new(&self.folder.path().join("sensor"));
        self.enrol(&keys).await;
        let spool = Spool::open(&self.folder.path().join("spool"), SPOOL_BYTES_DEFAULT).expect("a spool");
        let desk = Arc::new(Desk::new(spool));
        let (stop, stopped) = watch::channel(false);
        let of_uplink = desk.clone();
        let uplink = tokio::spawn(async move {
            let patience = Patience { back_off_max: Duration::from_secs(2), ..Patience::default() };
            Uplink::new(&of_uplink, keys, patience).expect("is enrolled").run(stopped).await;
        });
        Sensor { desk, stop, uplink, seen: 0 }
    }
}

impl Person {
    /// None when no answer came.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Option<Answer> {
        let stream = TcpStream::connect(&self.pages).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let driving = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.pages)
            .header(header::COOKIE, &self.cookie)
            .header("x-csrf-token", &self.csrf)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.map(|body| body.to_string()).unwrap_or_default())))
            .expect("a request");
        let response = sender.send_request(request).await.ok()?;
        let (status, headers): (_, HeaderMap) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.ok()?.to_bytes();
        driving.abort();
        Some(Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await.expect("the centre answers")
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await.expect("the centre answers")
    }

    /// How often each alert of the sensor is kept, by its number.
    pub async fn alerts(&self) -> BTreeMap<u32, u64> {
        let (mut kept, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let path = format!("/api/v1/stories?since=all&status=new,acknowledged,closed&limit=200{cursor}");
            let page = self.get(&path).await;
            let page = page.json();
            for story in page["items"].as_array().unwrap_or_else(|| panic!("{page}")) {
                let number = story["signature_id"].as_u64().expect("a number") as u32 - SIGNATURE;
                *kept.entry(number).or_default() += story["alerts"].as_u64().expect("a count");
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return kept,
            }
        }
    }

    /// What the audit says of every action of this name.
    pub async fn audited(&self, action: &str) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/v1/audit?limit=200{cursor}")).await.json();
            let lines = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
            let details =
                lines.iter().filter(|line| line["action"] == action).filter_map(|line| line["detail"].as_str());
            found.extend(details.map(str::to_owned));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }

    pub async fn a_story(&self) -> i64 {
        let page = self.get("/api/v1/stories?since=all").await.json();
        page["items"][0]["id"].as_i64().unwrap_or_else(|| panic!("no story: {page}"))
    }

    pub async fn a_case(&self) -> i64 {
        let now = now().iso();
        let opening = json!({
            "title": "a case", "told": {"th": "ศูนย์กำลังดูแลเหตุนี้", "en": ""}, "source": "phone",
            "facilities": [ALPHA.code], "caller": "somebody", "called_at": now, "noticed_at": now,
        });
        let answer = self.post("/api/v1/cases", opening).await;
        answer.json()["id"].as_i64().unwrap_or_else(|| panic!("no case: {}", answer.text))
    }
}

/// One hospital's spool and uplink.
pub struct Sensor {
    pub desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    uplink: JoinHandle<()>,
    seen: u32,
}

impl Sensor {
    /// Hands the next alert to the spool; gives its number.
    pub fn sees(&mut self) -> u32 {
        self.seen += 1;
        let alert = Alert { at: now(), ..alert(ALPHA, SIGNATURE + self.seen, "seen", Severity::High) };
        let appended = self.desk.append(&Item::Alert(Box::new(alert)), None).expect("may leave");
        assert!(matches!(appended, Appended::Kept { .. }), "{appended:?}");
        self.seen
    }

    /// Each alert once.
    pub fn all_once(&self) -> BTreeMap<u32, u64> {
        (1..=self.seen).map(|number| (number, 1)).collect()
    }

    /// Waits until the centre has acknowledged everything.
    pub async fn until_sent(&self, program: &Program) {
        let begun = Instant::now();
        while !self.desk.is_drained() {
            assert!(begun.elapsed() < PATIENCE, "{} bytes wait: {}", self.desk.waiting_bytes(), program.log());
            sleep(ASK_AGAIN).await;
        }
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.uplink.await.expect("ends");
    }
}

/// The program in a mount namespace of its own, with a disk of so many bytes where its data lies.
fn on_small_disk(data: &Path, bytes: u64, words: &[String]) -> Command {
    fs::create_dir(data).expect("a folder");
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = format!("mount -t tmpfs -o size={bytes},mode=700 tmpfs \"$0\" && exec \"$@\"");
    command.args(["--mount", "sh", "-c", &script]).arg(data).args(words);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}
