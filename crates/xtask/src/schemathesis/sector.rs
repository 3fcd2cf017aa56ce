//! A real centre with what one hospital's sensor sent, signed in to: started from the shipped programs in a folder of its own.

use super::{
    http::{Credentials, ask},
    samples,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const START_TIME_MAX: Duration = Duration::from_secs(120);
/// The same seed gives the same traffic.
const SEED: &str = "1";

/// Ends with its centre.
pub struct Sector {
    centre: Child,
    folder: PathBuf,
    pub address: String,
    pub facility: String,
    /// When the latest alert came.
    pub moment: String,
    pub administrator: Credentials,
}

impl Drop for Sector {
    fn drop(&mut self) {
        let _ = self.centre.kill();
        let _ = self.centre.wait();
    }
}

impl Sector {
    /// # Errors
    /// When a program fails or the centre does not do what it is asked.
    pub fn start(root: &Path, target: &Path, folder: &Path) -> Result<Self> {
        let program = |name: &str| target.join("release").join(name);
        let path = |name: &str| folder.join(name).display().to_string();
        let data = path("centre");
        let made = ["generate", "--seed", SEED, "--hospitals", "1", "--out", &path("sim")];
        say(&program("phitak-sim"), &made)?;
        let centre = program("phitak-centre");
        say(&centre, &["import-facilities", "--data", &data, &path("sim/sector.json")])?;
        let (address, uplink) = (free_address()?, free_address()?);
        let log = File::create(folder.join("centre.log")).context("a log")?;
        let child = Command::new(&centre)
            .args(["serve", "--data", &data, "--listen", &address, "--uplink", &uplink])
            .args(["--public-url", &format!("http://{address}"), "--loopback-channels"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("phitak-centre could not be started")?;
        let facility = only_folder(&folder.join("sim/hospitals"))?;
        // Owned from here, so that it is ended whatever fails.
        let mut sector = Self {
            centre: child,
            folder: folder.to_owned(),
            address,
            facility,
            moment: String::new(),
            administrator: Credentials::default(),
        };
        sector.wait()?;
        let code = say(&centre, &["enrol-code", "--data", &data, &sector.facility])?;
        let sensor = program("phitak-sensor");
        say(&sensor, &["enrol", "--centre", &uplink, "--code", &code, "--data", &path("sensor")])?;
        let traffic = folder.join("sim/hospitals").join(&sector.facility).join("before.pcap").display().to_string();
        let rules = root.join("content/rules").display().to_string();
        say(
            &sensor,
            &[
                "run",
                "--data",
                &path("sensor"),
                "--rules",
                &rules,
                "--pace",
                "max",
                "--retime",
                "now",
                "--until-sent",
                "--replay",
                &traffic,
            ],
        )?;
        let link = say(&centre, &["first-link", "--data", &data])?;
        sector.sign_in(&link)?;
        sector.fill()?;
        Ok(sector)
    }

    /// # Errors
    /// When the centre ended or does not answer.
    pub fn wait(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.centre.try_wait()? {
                anyhow::bail!("the centre ended with {status}: {}", self.log());
            }
            match ask(&self.address, &Credentials::default(), "GET", "/healthz", None).and_then(|answer| answer.good())
            {
                Ok(_) => return Ok(()),
                Err(error) => anyhow::ensure!(begun.elapsed() < START_TIME_MAX, "{error:#}: {}", self.log()),
            }
            sleep(Duration::from_millis(50));
        }
    }

    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.join("centre.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    fn sign_in(&mut self, link: &str) -> Result<()> {
        let token = link.rsplit('/').next().context("a link")?;
        let chosen = json!({"password": "a password for generated requests"});
        let path = format!("/api/v1/first-sign-in/{token}");
        let answer = ask(&self.address, &Credentials::default(), "POST", &path, Some(&chosen))?.good()?;
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).context("a cookie")?;
        let csrf = answer.json()?["csrf"].as_str().context("csrf")?.to_owned();
        self.administrator.session = Some((cookie.to_owned(), csrf));
        Ok(())
    }

    /// Somebody at the hospital: a token that the administrator makes.
    ///
    /// # Errors
    /// When it is not made.
    pub fn hospital(&self) -> Result<Credentials> {
        let scope = json!({"kind": "facility", "facility": self.facility});
        let token = json!({"name": "generated requests", "role": "hospital", "scope": scope, "days": 1});
        let made = self.post("/api/v1/tokens", &token)?;
        let secret = made["secret"].as_str().context("a secret")?.to_owned();
        Ok(Credentials { session: None, token: Some(secret) })
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = ask(&self.address, &self.administrator, "POST", path, Some(body))?;
        answer.good().and_then(|answer| answer.json()).with_context(|| path.to_owned())
    }

    /// One of each thing that people make, so that their numbers lead somewhere.
    fn fill(&mut self) -> Result<()> {
        let stories =
            ask(&self.address, &self.administrator, "GET", "/api/v1/stories?since=all", None)?.good()?.json()?;
        self.moment = stories["latest_at"].as_str().context("the sensor's alerts made no story")?.to_owned();
        let opened = self.post("/api/v1/cases", &samples::case(&self.facility, &self.moment))?;
        let case = opened["id"].as_i64().context("a case")?;
        self.post(&format!("/api/v1/cases/{case}/tasks"), &samples::task(&self.facility))?;
        let draft = self.post("/api/v1/bulletins", &samples::warning())?["id"].as_i64().context("a draft")?;
        let by_hand = json!([{"facility": self.facility, "reason": "by hand"}]);
        self.post(&format!("/api/v1/bulletins/{draft}/publish"), &json!({"expected": 1, "by_hand": by_hand}))?;
        self.post("/api/v1/bulletins", &samples::warning())?;
        Ok(())
    }
}

/// Runs a program to its end; gives what it printed.
fn say(program: &Path, arguments: &[&str]) -> Result<String> {
    let name = program.display();
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("{name} could not be started"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{name} {}: {said}", arguments.first().unwrap_or(&""));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn only_folder(folder: &Path) -> Result<String> {
    let mut entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let entry = entries.next().context("no hospital was made")??;
    entry.file_name().into_string().ok().context("a name that is no text")
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0").context("a port")?.local_addr()?.to_string())
}
