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
use std::{
    io::{self, Write},
    process::ExitCode,
};

pub(crate) use files::RuleSettings;
pub(crate) use load::load_rules;
pub(crate) use settings::{set_all, set_home_net};

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

/// Writes to the standard output. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
