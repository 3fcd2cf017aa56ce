//! The workshop: `cargo xtask check|tidy|test|fuzz|schemathesis|conformance|bench|new`.

mod bench;
mod check;
mod conformance;
mod licences;
mod new;
mod process;
mod schemathesis;
mod source;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The workshop of Phitak")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Formatting, lints, tidy, licences: all that must hold before a commit is shared
    Check,
    /// The drawing, names, lengths, links and words of the house
    Tidy {
        /// Lower the recorded lengths to what they are now
        #[arg(long)]
        tighten: bool,
    },
    /// All tests of all crates, with the one profile
    Test,
    /// Hostile bytes against every parser, for a time, from a seed
    Fuzz {
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only targets whose name contains this
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Generated requests against every operation of a real centre, from a seed
    Schemathesis {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Most generated cases of one operation with one role, beside those at the edges of its description
        #[arg(long, default_value_t = 10)]
        examples: u32,
    },
    /// The sensor against the shared cases, compared with the floors in conformance.toml
    Conformance {
        /// Pass when the shared cases are not beside the repository
        #[arg(long)]
        allow_missing: bool,
        /// Raise the floors to the score reached; they never fall
        #[arg(long)]
        raise: bool,
    },
    /// Measurements, with their answers checked
    Bench {
        part: bench::Part,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// The core that programs are pinned to
        #[arg(long, default_value_t = 0)]
        core: usize,
    },
    /// A new protocol or weakness: copies an example and prints the line to add
    New { kind: new::Kind, name: String },
}

fn main() -> Result<ExitCode> {
    let root = root();
    let good = match Arguments::parse().verb {
        Verb::Check => check::check(&root)?,
        Verb::Tidy { tighten } => tidy::tidy(&root, tighten)?,
        Verb::Test => process::cargo(&root, &["test", "--release", "--locked", "--workspace", "--no-fail-fast"])?,
        Verb::Fuzz { seconds, seed, only } => {
            let (seconds, seed) = (seconds.to_string(), seed.to_string());
            let program = ["run", "--release", "--quiet", "--package", "phitak-fuzz", "--"];
            let words = ["--seconds", &seconds, "--seed", &seed, "--only", &only];
            process::cargo(&root, &[program.as_slice(), words.as_slice()].concat())?
        }
        Verb::Schemathesis { seed, examples } => schemathesis::run(&root, seed, examples)?,
        Verb::Conformance { allow_missing, raise } => conformance::conformance(&root, allow_missing, raise)?,
        Verb::Bench { part, rounds, core } => bench::bench(&root, part, rounds, core)?,
        Verb::New { kind, name } => {
            new::new(&root, kind, &name)?;
            true
        }
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The repository: two folders above this crate's manifest.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).map_or(manifest.clone(), PathBuf::from)
}
