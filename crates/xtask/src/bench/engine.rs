//! The sensor's `inspect` beside ndpiReader on one capture and one core, and on two cores beside itself, in interleaved
//! rounds.
//!
//! ndpiReader (4.2, package libndpi-bin) only recognises protocols: a yardstick that every machine has. Of both programs
//! only the time with packets counts; loading rules is told apart. What the sensor wrote is compared with what Suricata
//! alerts and records on the same capture.

use super::{
    answer::Answer,
    table::{Times, ratios},
};
use crate::process;
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Beside the repository, not in it: captures and rules with their own licences.
const MAKER: &str = "../shared/bench/make_capture.py";
const RULES: &str = "../shared/data/et-open/emerging-open.rules";
const ALERTS: &str = "../shared/bench/expected-alerts.tsv";
const YARDSTICK: &str = "ndpiReader";
const YARDSTICK_PACKAGE: &str = "libndpi-bin";

/// What was asked of the engine when it was designed: shares of the yardstick's speed, and memory.
const WITHOUT_RULES_MIN: f64 = 0.75;
const WITH_RULES_MIN: f64 = 0.60;
/// How many times as fast as on one core.
const TWO_CORES_MIN: f64 = 1.8;
const PEAK_MIB_MAX: u64 = 200;

/// One run of the sensor, from its last line.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    packets: u64,
    flows: u64,
    alerts: u64,
    records: u64,
    load_secs: f64,
    packet_secs: f64,
    peak_mib: u64,
}

impl Run {
    /// Reads `1 capture(s): 10 packets, 900 bytes, 2 flows, 0 alerts, 3 records in 0.10 s (load 0.001 s, packets 0.099 s,
    /// peak 12 MiB); rules: 0 loaded, 0 failed`.
    fn read(output: &str) -> Option<Self> {
        let line = output.lines().rfind(|line| line.contains(" capture(s): "))?;
        let words: Vec<&str> = line.split([' ', ',', '(', ')', ';', ':']).filter(|word| !word.is_empty()).collect();
        let before = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at.checked_sub(1)?)?.parse::<u64>().ok()
        };
        let after = |name: &str| {
            let at = words.iter().rposition(|word| *word == name)?;
            words.get(at + 1)?.parse::<f64>().ok()
        };
        Some(Self {
            packets: before("packets")?,
            flows: before("flows")?,
            alerts: before("alerts")?,
            records: before("records")?,
            load_secs: after("load")?,
            packet_secs: after("packets")?,
            peak_mib: after("peak").unwrap_or(0.0) as u64,
        })
    }

    fn answer(&self) -> [u64; 4] {
        [self.packets, self.flows, self.alerts, self.records]
    }
}

pub(super) fn run(root: &Path, rounds: usize, core: usize) -> Result<bool> {
    if !root.join(MAKER).exists() || !root.join(RULES).exists() {
        eprintln!("! NOTHING WAS MEASURED: {MAKER} and {RULES} are not beside the repository");
        return Ok(false);
    }
    let built = process::cargo(root, &["build", "--release", "--locked", "--package", "phitak-sensor"])?;
    anyhow::ensure!(built, "the sensor could not be built");
    let target = PathBuf::from(process::metadata(root, false)?["target_directory"].as_str().unwrap_or("target"));
    let folder = target.join("bench");
    fs::create_dir_all(&folder).context("target/bench")?;
    let capture = capture(root, &folder)?;
    let sensor = target.join("release/phitak-sensor");
    let has_yardstick = has_yardstick();

    let rules = root.join(RULES);
    let two = format!("{core},{}", if core == 0 { 1 } else { 0 });
    let one = core.to_string();
    let (mut yardstick, mut apart) = (Times::default(), [Times::default(), Times::default()]);
    let mut rows = [
        Row::new("without rules", None, &one, WITHOUT_RULES_MIN),
        Row::new("with ET Open", Some(&rules), &one, WITH_RULES_MIN),
        Row::new("without rules, two cores", None, &two, 0.0),
        Row::new("with ET Open, two cores", Some(&rules), &two, 0.0),
    ];
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        if has_yardstick {
            yardstick.0.push(ndpi_secs(&capture, &one)?);
        }
        for row in &mut rows {
            row.runs.push(row.inspect(&sensor, &capture, &folder)?);
        }
        let [plain, ruled, ..] = &rows;
        for (row, alone) in [plain, ruled].into_iter().zip(&mut apart) {
            alone.0.push(row.inspect_apart(&sensor, &capture, &folder, &two)?);
        }
    }
    let good = report(&yardstick, &rows, &apart);
    let expected = fs::read_to_string(root.join(ALERTS)).context(ALERTS)?;
    let answer = Answer::read(&folder.join("eve.json"))?.report(&expected);
    Ok(good & answer)
}

/// The capture, made once.
fn capture(root: &Path, folder: &Path) -> Result<PathBuf> {
    let path = folder.join("bench.pcap");
    if !path.exists() {
        eprintln!("making {}", path.display());
        let made = folder.join("bench.pcap.part");
        let status = Command::new("python3")
            .arg(root.join(MAKER))
            .arg(&made)
            .args(["--copies", "8"])
            .status()
            .context("python3")?;
        anyhow::ensure!(status.success(), "{MAKER} failed");
        fs::rename(&made, &path).context("bench.pcap")?;
    }
    Ok(path)
}

fn has_yardstick() -> bool {
    let there = || Command::new(YARDSTICK).arg("-h").output().is_ok();
    if there() {
        return true;
    }
    let installed = Command::new("apt-get").args(["install", "-y", "-q", YARDSTICK_PACKAGE]).output();
    if installed.is_ok_and(|output| output.status.success()) && there() {
        return true;
    }
    eprintln!("! NO YARDSTICK: {YARDSTICK} is not installed (apt-get install {YARDSTICK_PACKAGE}); no ratios are told");
    false
}

/// A program on these cores.
fn pinned(cores: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(cores).arg(program);
    command
}

fn text_of(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn ndpi_secs(capture: &Path, core: &str) -> Result<f64> {
    let output = pinned(core, Path::new(YARDSTICK)).arg("-i").arg(capture).output().context(YARDSTICK)?;
    processing_secs(&text_of(&output)).with_context(|| format!("{YARDSTICK} told no packet processing time"))
}

/// `Packet Processing Time:  1530 msec`
fn processing_secs(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Packet Processing Time:"))?;
    let mut words = line.split_whitespace();
    let number: f64 = words.next()?.parse().ok()?;
    Some(if words.next() == Some("msec") { number / 1000.0 } else { number })
}

fn run_of(output: &Output) -> Result<Run> {
    anyhow::ensure!(output.status.success(), "the sensor failed: {}", text_of(output));
    Run::read(&text_of(output)).context("the sensor's last line has another shape than expected")
}

/// One way to run the sensor, with its runs.
struct Row<'a> {
    name: &'static str,
    rules: Option<&'a Path>,
    /// As `taskset` takes them; as many workers.
    cores: &'a str,
    /// The least share of the yardstick's speed.
    least: f64,
    runs: Vec<Run>,
}

impl<'a> Row<'a> {
    fn new(name: &'static str, rules: Option<&'a Path>, cores: &'a str, least: f64) -> Self {
        Self { name, rules, cores, least, runs: Vec::new() }
    }

    fn inspect(&self, sensor: &Path, capture: &Path, folder: &Path) -> Result<Run> {
        run_of(&self.command(sensor, capture, &folder.join("eve.json"), self.cores).output().context("the sensor")?)
    }

    /// Two programs that know nothing of each other, each on a core of its own, until both are through: what the machine
    /// gives to twice the work, in seconds. Their alerts go nowhere: a pipe that nobody reads yet would hold one up.
    fn inspect_apart(&self, sensor: &Path, capture: &Path, folder: &Path, cores: &str) -> Result<f64> {
        let start = |core: &str| {
            let mut command = self.command(sensor, capture, &folder.join(format!("eve-{core}.json")), core);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("the sensor")
        };
        let running = cores.split(',').map(start).collect::<Result<Vec<_>>>()?;
        let mut slowest = 0.0_f64;
        for program in running {
            slowest = slowest.max(run_of(&program.wait_with_output().context("the sensor")?)?.packet_secs);
        }
        Ok(slowest)
    }

    fn command(&self, sensor: &Path, capture: &Path, eve: &Path, cores: &str) -> Command {
        let mut command = pinned(cores, sensor);
        command.args(["inspect", "-k", "none", "--workers"]).arg(cores.split(',').count().to_string());
        if let Some(rules) = self.rules {
            command.arg("--rules").arg(rules);
        }
        command.arg("--eve").arg(eve).arg(capture);
        command
    }

    fn packets(&self) -> Times {
        Times(self.runs.iter().map(|run| run.packet_secs).collect())
    }

    /// Its line, and what it missed.
    fn report(&self, yardstick: &Times) -> bool {
        let mut good = true;
        let times = self.packets();
        let ratio = ratios(yardstick, &times);
        let peak = self.runs.iter().map(|run| run.peak_mib).max().unwrap_or(0);
        let shown = if ratio.0.is_empty() { "–".to_owned() } else { ratio.shown() };
        println!("{:<26} {:>24} {shown:>22} {peak:>9}", self.name, times.shown());
        if !ratio.0.is_empty() && ratio.median() < self.least {
            println!("✗ {}: {:.2} of the yardstick, {:.2} is wanted", self.name, ratio.median(), self.least);
            good = false;
        }
        if peak > PEAK_MIB_MAX {
            println!("✗ {}: {peak} MiB, {PEAK_MIB_MAX} is the limit", self.name);
            good = false;
        }
        if let Some(first) = self.runs.first() {
            let [packets, flows, alerts, records] = first.answer();
            println!("  {packets} packets, {flows} flows, {alerts} alerts, {records} records");
            if self.runs.iter().any(|run| run.answer() != first.answer()) {
                println!("✗ {}: the rounds do not agree", self.name);
                good = false;
            }
        }
        good
    }
}

fn report(yardstick: &Times, rows: &[Row<'_>; 4], apart: &[Times; 2]) -> bool {
    let mut good = true;
    println!("{:<26} {:>24} {:>22} {:>9}", "median (range)", "packets, s", "times ndpiReader", "peak, MiB");
    if !yardstick.0.is_empty() {
        println!("{:<26} {:>24}", YARDSTICK, yardstick.shown());
    }
    for row in rows {
        good &= row.report(yardstick);
    }
    let [plain, ruled, plain_on_two, ruled_on_two] = rows;
    for ((one, two), apart) in [(plain, plain_on_two), (ruled, ruled_on_two)].into_iter().zip(apart) {
        let gain = ratios(&one.packets(), &two.packets());
        let machine = Times(ratios(&one.packets(), apart).0.iter().map(|ratio| ratio * 2.0).collect());
        println!("{:<26} {:>24} times one core", two.name, gain.shown());
        println!("  two programs apart do {} times the work of one: what this machine gives", machine.shown());
        if gain.median() < TWO_CORES_MIN {
            println!("✗ {}: {:.2} times one core, {TWO_CORES_MIN:.2} is wanted", two.name, gain.median());
            good = false;
        }
        let answers = one.runs.first().zip(two.runs.first()).map(|(one, two)| (one.answer(), two.answer()));
        if let Some((one, two)) = answers.filter(|(one, two)| one != two) {
            println!("✗ one core finds {one:?}, two find {two:?}");
            good = false;
        }
    }
    let loads = Times(ruled.runs.iter().map(|run| run.load_secs).collect());
    println!("{:<26} {:>24}", "loading ET Open", loads.shown());
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sensors_last_line_is_read() {
        let line = "warning: x\n1 capture(s): 10 packets, 900 bytes, 2 flows, 4 alerts, 3 records in 0.10 s \
            (load 0.001 s, packets 0.099 s, peak 12 MiB); rules: 7 loaded, 1 failed\n";
        let run =
            Run { packets: 10, flows: 2, alerts: 4, records: 3, load_secs: 0.001, packet_secs: 0.099, peak_mib: 12 };
        assert_eq!(Run::read(line), Some(run));
        assert_eq!(Run::read("nothing"), None);
    }

    #[test]
    fn the_yardsticks_time_is_read() {
        assert_eq!(processing_secs("x\n\tPacket Processing Time:  2607 msec\n"), Some(2.607));
        assert_eq!(processing_secs("x"), None);
    }
}
