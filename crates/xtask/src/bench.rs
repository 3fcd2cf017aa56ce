//! Measurements: `cargo xtask bench engine|flows|indicators|centre|centre-postgres|feeds|live|notified`. Each checks its answers and says what it ran on.

mod answer;
mod engine;
mod table;

use crate::process;
use anyhow::Result;
use clap::ValueEnum;
use std::{fs, path::Path};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Part {
    /// The sensor on the shared capture beside ndpiReader and Suricata's alerts: without rules, with ET Open, on two cores
    Engine,
    /// Work for a packet with few and with a million flows at once
    Flows,
    /// A million indicators: their memory, their answers, and what they cost each packet
    Indicators,
    /// A month of 1,500 hospitals through the centre's intake, then its pages, on SQLite
    Centre,
    /// The same on a PostgreSQL that it starts
    CentrePostgres,
    /// A warning's address from one hospital to a thousand connected sensors
    Feeds,
    /// An alert from a sensor's spool to the event at an open page, while hundreds of sensors report
    Live,
    /// An urgent alert from each of hundreds of hospitals to the message that tells its people
    Notified,
}

/// Runs a part; false when it missed its mark.
///
/// # Errors
/// When something that is measured cannot be built or run.
pub fn bench(root: &Path, part: Part, rounds: usize, core: usize) -> Result<bool> {
    print_machine();
    match part {
        Part::Engine => engine::run(root, rounds.max(1), core),
        // The clock is the programs', so their benches stand beside them.
        Part::Flows => beside(root, "phitak-sensor", "flows", &[]),
        Part::Indicators => beside(root, "phitak-sensor", "indicators", &[]),
        Part::Centre => beside(root, "phitak-centre", "centre", &[]),
        Part::Feeds => beside(root, "phitak-centre", "feeds", &[]),
        Part::Live => beside(root, "phitak-centre", "live", &[]),
        Part::Notified => beside(root, "phitak-centre", "notified", &[]),
        Part::CentrePostgres => beside(root, "phitak-centre", "centre", &["postgres"]),
    }
}

fn beside(root: &Path, package: &str, bench: &str, words: &[&str]) -> Result<bool> {
    let mut line =
        vec!["bench", "--quiet", "--locked", "--profile", "release", "--package", package, "--bench", bench, "--"];
    line.extend(words);
    process::cargo(root, &line)
}

fn print_machine() {
    let first = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or(line, |(_, value)| value).trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (model, kernel) = (first("/proc/cpuinfo", "model name"), first("/proc/sys/kernel/osrelease", ""));
    println!("on {model}, {cores} core(s), Linux {kernel}, load {}", first("/proc/loadavg", ""));
}
