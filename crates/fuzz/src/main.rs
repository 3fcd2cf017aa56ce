//! Hostile bytes against every parser, for a time, from a seed. `cargo xtask fuzz` starts it.
//!
//! Each try draws its input from (seed, target, number of the try), so that what fails can be repeated with `--only`, `--seed`
//! and `--at`. A panic is a fault, and so is a try that takes longer than [`TRY_SECS_MAX`].

mod frames;
mod mutate;
mod random;
mod targets;

use clap::Parser;
use random::Random;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Inputs are a few kilobytes; work on them is linear.
const TRY_SECS_MAX: u64 = 2;

#[derive(Parser)]
#[command(name = "phitak-fuzz", about = "Hostile bytes against every parser")]
struct Arguments {
    /// For all targets together
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only targets whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Only this try, to repeat what failed
    #[arg(long)]
    at: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let targets: Vec<targets::Target> =
        targets::all().into_iter().filter(|target| target.name.contains(&arguments.only)).collect();
    if targets.is_empty() {
        eprintln!("no target's name contains {:?}", arguments.only);
        return ExitCode::FAILURE;
    }
    let share = Duration::from_secs(arguments.seconds) / u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let mut faults = 0;
    for target in &targets {
        let tries = match arguments.at {
            Some(number) => vec![attempt(target, arguments.seed, number)],
            None => during(share, target, arguments.seed),
        };
        let failed: Vec<&Fault> = tries.iter().flatten().collect();
        println!("{} {:>9} tries  {}", if failed.is_empty() { "✓" } else { "✗" }, tries.len(), target.name);
        for fault in &failed {
            println!("    {fault}: --only {} --seed {} --at {}", target.name, arguments.seed, fault.number());
        }
        faults += failed.len();
    }
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

enum Fault {
    Panicked { at: u64 },
    Slow { at: u64, ms: u128 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { .. } => write!(f, "panicked"),
            Self::Slow { ms, .. } => write!(f, "took {ms} ms"),
        }
    }
}

impl Fault {
    fn number(&self) -> u64 {
        match self {
            Self::Panicked { at } | Self::Slow { at, .. } => *at,
        }
    }
}

/// Tries until the time is over or something fails: the first fault of a target is what its owner mends first.
fn during(share: Duration, target: &targets::Target, seed: u64) -> Vec<Option<Fault>> {
    let end = Instant::now() + share;
    let mut tries = Vec::new();
    while Instant::now() < end {
        let outcome = attempt(target, seed, tries.len() as u64);
        let failed = outcome.is_some();
        tries.push(outcome);
        if failed {
            break;
        }
    }
    tries
}

fn attempt(target: &targets::Target, seed: u64, number: u64) -> Option<Fault> {
    let started = Instant::now();
    let mut random = Random::new(seed, &target.name, number);
    if catch_unwind(AssertUnwindSafe(|| (target.run)(&mut random))).is_err() {
        return Some(Fault::Panicked { at: number });
    }
    let took = started.elapsed();
    (took > Duration::from_secs(TRY_SECS_MAX)).then_some(Fault::Slow { at: number, ms: took.as_millis() })
}
