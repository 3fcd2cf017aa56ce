//! Loading rules, and `phitak-sensor rules`.

mod attachments;
mod bar;
mod cache;
mod check;
mod explain;
pub(crate) mod files;
pub(crate) mod load;
mod settings;

use clap::{Args, Subcommand};
use std::process::ExitCode;

pub(crate) use files::RuleSettings;
pub(crate) use load::load_rules;

/// Looks at rules without traffic.
#[derive(Debug, Args)]
pub struct Rules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell which rules load, which do not and why, and which could be better
    Check(check::Check),
    /// Say in plain words what a rule looks for
    Explain(explain::Explain),
}

impl Rules {
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Command::Check(check) => check.run(),
            Command::Explain(explain) => explain.run(),
        }
    }
}
