//! The hospital's sensor.

mod checksums;
mod enrol;
mod inspect;
mod rules;
mod run;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "phitak-sensor", version, about = "Watches a hospital's network traffic")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read captures and write what is in them as EVE JSON
    Inspect(inspect::Inspect),
    /// Make this machine a sensor of a centre, with a code from there
    Enrol(enrol::Enrol),
    /// Look at rules: what loads, what it means
    Rules(rules::Rules),
    /// Watch traffic and report to the centre
    Run(Box<run::Run>),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Inspect(inspect) => inspect.run(),
        Command::Enrol(enrol) => enrol.run(),
        Command::Rules(rules) => rules.run(),
        Command::Run(run) => run.run(),
    }
}
