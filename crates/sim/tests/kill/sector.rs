//! One hospital and the centre in a folder, run as the programs that are shipped.

use phitak_store::{PageAsk, Scope, Store, StoryFilter};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

const FACILITY: &str = "10665";
const RULE: &str = r#"alert udp any any -> any 9999 (msg:"an attack"; content:"attack"; sid:9000001; rev:1;)"#;
/// Every so many packets there is an attack.
pub const ATTACK_EVERY: u32 = 3;
const START_TIME_MAX: Duration = Duration::from_secs(30);
const FINISH_TIME_MAX: Duration = Duration::from_secs(240);

pub struct Sector {
    folder: tempfile::TempDir,
    programs: &'static Programs,
    pages: String,
    pub uplink: String,
    centre: Option<Child>,
    sensor: Option<Child>,
}

struct Programs {
    centre: PathBuf,
    sensor: PathBuf,
}

/// A classic pcap of datagrams; every third is an attack, each from another address and port.
pub fn capture(packets: u32, gap_micros: u32) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(&0xa1b2_c3d4u32.to_le_bytes());
    file.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    for number in 0..packets {
        let word = if number % ATTACK_EVERY == 0 { "attack" } else { "peace " };
        let payload = format!("{word} {number:06}");
        let udp = 8 + payload.len() as u16;
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        frame.extend_from_slice(&(20 + udp).to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend_from_slice(&source(number));
        frame.extend_from_slice(&[10, 9, 9, 9]);
        frame.extend_from_slice(&port(number).to_be_bytes());
        frame.extend_from_slice(&9999u16.to_be_bytes());
        frame.extend_from_slice(&udp.to_be_bytes());
        frame.extend_from_slice(&[0, 0]);
        frame.extend_from_slice(payload.as_bytes());
        let micros = u64::from(number) * u64::from(gap_micros);
        let words = [
            1_790_000_000 + (micros / 1_000_000) as u32,
            (micros % 1_000_000) as u32,
            frame.len() as u32,
            frame.len() as u32,
        ];
        words.iter().for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
        file.extend_from_slice(&frame);
    }
    file
}

fn source(number: u32) -> [u8; 4] {
    [10, 0, (number / 200) as u8, (number % 200) as u8]
}

pub fn port(number: u32) -> u16 {
    1024 + number as u16
}

impl Sector {
    pub fn new(capture: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("replay.pcap"), capture).expect("written");
        fs::write(folder.path().join("test.rules"), RULE).expect("written");
        let facility = format!("code,name_th,name_en,province_code\n{FACILITY},โรงพยาบาลทดสอบ,Test Hospital,10\n");
        fs::write(folder.path().join("facilities.csv"), facility).expect("written");
        let (pages, uplink) = (free_address(), free_address());
        let sector = Self { folder, programs: programs(), pages, uplink, centre: None, sensor: None };
        let file = sector.path("facilities.csv");
        sector.centre_says(&["import-facilities", "--data", &sector.path("centre"), &file]);
        sector
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn log(&self, name: &str) -> File {
        OpenOptions::new().create(true).append(true).open(self.folder.path().join(name)).expect("a log")
    }

    fn centre_says(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.programs.centre).args(arguments).output().expect("the centre's program runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts the centre and waits until it takes sensors.
    pub fn start_centre(&mut self) {
        self.launch_centre();
        let begun = Instant::now();
        while std::net::TcpStream::connect(&self.uplink).is_err() {
            assert!(begun.elapsed() < START_TIME_MAX, "the centre does not start:\n{}", self.tail("centre.log"));
            sleep(Duration::from_millis(20));
        }
    }

    pub fn launch_centre(&mut self) {
        let arguments = ["serve", "--data", &self.path("centre"), "--listen", &self.pages, "--uplink", &self.uplink];
        let mut command = Command::new(&self.programs.centre);
        command.args(arguments).stdin(Stdio::null()).stdout(self.log("centre.log")).stderr(self.log("centre.log"));
        self.centre = Some(command.spawn().expect("the centre's program runs"));
    }

    pub fn enrol(&self, address: &str) {
        let code = self.centre_says(&["enrol-code", "--data", &self.path("centre"), FACILITY]);
        let arguments = ["enrol", "--centre", address, "--code", &code, "--data", &self.path("sensor")];
        let output = Command::new(&self.programs.sensor).args(arguments).output().expect("the sensor's program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn start_sensor(&mut self, options: &[&str]) {
        let (data, rules, replay) = (self.path("sensor"), self.path("test.rules"), self.path("replay.pcap"));
        let mut command = Command::new(&self.programs.sensor);
        command
            .args(["run", "--data", &data, "--rules", &rules, "-k", "none"])
            .args(options)
            .args(["--replay", &replay]);
        command.stdin(Stdio::null()).stdout(self.log("sensor.log")).stderr(self.log("sensor.log"));
        self.sensor = Some(command.spawn().expect("the sensor's program runs"));
    }

    /// Starts a sensor that takes syslog at an address of TCP.
    pub fn start_listening(&mut self, address: &str) {
        let mut command = Command::new(&self.programs.sensor);
        command.args(["run", "--data", &self.path("sensor"), "--syslog", &format!("tcp://{address}")]);
        command.stdin(Stdio::null()).stdout(self.log("sensor.log")).stderr(self.log("sensor.log"));
        self.sensor = Some(command.spawn().expect("the sensor's program runs"));
    }

    pub fn kill_sensor(&mut self) {
        kill(&mut self.sensor);
    }

    /// SIGTERM, as a service manager sends it.
    pub fn stop_sensor(&mut self, time_max: Duration) {
        let mut sensor = self.sensor.take().expect("started");
        let told = Command::new("kill").args(["-TERM", &sensor.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "it runs");
        let begun = Instant::now();
        let status = loop {
            match sensor.try_wait().expect("the sensor is ours") {
                Some(status) => break status,
                None if begun.elapsed() > time_max => panic!("it does not stop:\n{}", self.tail("sensor.log")),
                None => sleep(Duration::from_millis(20)),
            }
        };
        assert!(status.success(), "{status}:\n{}", self.tail("sensor.log"));
    }

    pub fn alerts_kept(&self) -> u64 {
        self.centre_says(&["status", "--data", &self.path("centre"), "--count", "alerts"]).parse().expect("a number")
    }

    pub fn wait_for_alerts(&self, number: u64) {
        let begun = Instant::now();
        while self.alerts_kept() < number {
            assert!(begun.elapsed() < START_TIME_MAX, "no alerts:\n{}", self.tail("sensor.log"));
            sleep(Duration::from_millis(50));
        }
    }

    pub fn kill_centre(&mut self) {
        kill(&mut self.centre);
    }

    /// Lets the sensor play and send to the end; says how many alerts the centre had before.
    pub fn finish(&mut self, options: &[&str]) -> u64 {
        let before = self.alerts_kept();
        self.start_sensor(options);
        let begun = Instant::now();
        let mut sensor = self.sensor.take().expect("started");
        loop {
            match sensor.try_wait().expect("the sensor is ours") {
                Some(status) if status.success() => break,
                Some(status) => panic!("the sensor ended with {status}:\n{}", self.tail("sensor.log")),
                None if begun.elapsed() > FINISH_TIME_MAX => {
                    let _ = sensor.kill();
                    panic!("the sensor does not come to its end:\n{}", self.tail("sensor.log"));
                }
                None => sleep(Duration::from_millis(50)),
            }
        }
        self.kill_centre();
        before
    }

    /// Each attack of the capture is at the centre once, at its time.
    pub fn check_alerts(&self, packets: u32, gap_micros: u32, seed: u64) {
        let found = self.alerts();
        let mut problems = Vec::new();
        let first_at = found.get(&(address(0), port(0))).and_then(|times| times.first()).copied().unwrap_or_default();
        for number in (0..packets).filter(|number| number % ATTACK_EVERY == 0) {
            let times = found.get(&(address(number), port(number))).map_or(&[][..], Vec::as_slice);
            let expected = first_at + i64::from(number) * i64::from(gap_micros);
            if times != [expected] {
                problems.push(format!("packet {number}: expected at {expected}, found at {times:?}"));
            }
        }
        let total: usize = found.values().map(Vec::len).sum();
        let shown = problems.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        assert!(
            problems.is_empty() && total == packets.div_ceil(ATTACK_EVERY) as usize,
            "seed {seed}: {total} alerts, {} problems\n{shown}\n{}\n{}",
            problems.len(),
            self.tail("sensor.log"),
            self.tail("centre.log"),
        );
    }

    /// The times (microseconds) of the alerts by source.
    fn alerts(&self) -> BTreeMap<(String, u16), Vec<i64>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let store = Store::open(&self.folder.path().join("centre")).await.expect("the centre's database");
            let scope = Scope::of_the_centre_itself();
            let stories = store.stories(&scope, &StoryFilter::default(), &PageAsk::default()).await.expect("stories");
            let mut found: BTreeMap<(String, u16), Vec<i64>> = BTreeMap::new();
            for story in stories.items {
                for alert in store.latest_alerts(&scope, story.id, 1 << 20).await.expect("alerts") {
                    found.entry((alert.src_ip, alert.src_port.unwrap_or(0))).or_default().push(alert.at.micros());
                }
            }
            found
        })
    }

    fn tail(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{name}:\n{}", lines[lines.len().saturating_sub(15)..].join("\n"))
    }
}

impl Drop for Sector {
    fn drop(&mut self) {
        self.kill_sensor();
        self.kill_centre();
    }
}

pub fn address(number: u32) -> String {
    std::net::Ipv4Addr::from(source(number)).to_string()
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

pub fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// Both programs, built if need be, beside the tests.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let test = std::env::current_exe().expect("this test's path");
        let folder = test.parent().and_then(Path::parent).expect("target/release");
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
        let mut command = Command::new(cargo);
        // What cargo tells this test about itself would wake build scripts that watch it, and all that stands on them.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                command.env_remove(name);
            }
        }
        // The whole workspace, as `./test` builds it: one set of features, so nothing is built twice.
        command.args(["build", "--release", "--locked", "--workspace", "--bins"]);
        let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.is_ok_and(|status| status.success()), "the programs cannot be built");
        Programs { centre: folder.join("phitak-centre"), sensor: folder.join("phitak-sensor") }
    })
}
