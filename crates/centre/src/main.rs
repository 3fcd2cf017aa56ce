//! `phitak-centre`: see `phitak-centre --help`.

use clap::Parser;
use phitak_centre::command::{CommandLine, run};
use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    // PHITAK_LOG=debug tells more; requests are logged without query, cookie or body.
    let filter = EnvFilter::try_from_env("PHITAK_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,sea_orm_migration=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(stderr().is_terminal()).with_writer(stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(line)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("phitak-centre: {error:#}");
            ExitCode::FAILURE
        }
    }
}
