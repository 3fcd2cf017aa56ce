//! `phitak-sensor inspect`: captures in, EVE JSON out.

mod costs;
mod frames;
mod lanes;
mod merger;
mod output;
mod progress;
mod run;
mod settings;
mod source;
mod workers;

use crate::{checksums::Checksums, rules::RuleSettings};
use clap::Args;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// Reads captures and writes what is in them as EVE JSON.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Rules files in Suricata's language, or folders of them; may be given several times
    #[arg(short = 'S', long = "rules", value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rule_settings: RuleSettings,
    /// Where EVE records go: a file, or - for the standard output
    #[arg(long, value_name = "FILE|-")]
    eve: Option<PathBuf>,
    /// The networks that are ours: sets HOME_NET
    #[arg(long, value_name = "CIDR,..")]
    home_net: Option<String>,
    /// What becomes of packets with wrong checksums
    #[arg(short = 'k', value_enum, value_name = "auto|all|none", default_value_t = Checksums::Auto)]
    checksums: Checksums,
    /// A setting by Suricata's name, such as stream.midstream=true; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Threads that share the traffic; any number finds the same, unless flows are so many that some are pushed out of the
    /// table: each thread has one of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Tells at the end where the time went, and which rules took the most of it
    #[arg(long, conflicts_with = "workers")]
    profile: bool,
    /// Taken for Suricata's sake, and without effect
    #[arg(long, value_name = "MODE")]
    runmode: Option<String>,
    /// Captures (pcap or pcapng; - is the standard input); words that are no files make a filter, such as: port 22 and not
    /// host 10.0.0.1
    #[arg(required = true, value_name = "CAPTURE|FILTER")]
    words: Vec<OsString>,
}

impl Inspect {
    pub fn run(self) -> ExitCode {
        run::run(&self)
    }
}
