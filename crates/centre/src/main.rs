//! `phitak-centre`: see `phitak-centre --help`.

use clap::Parser;
use phitak_centre::command::{CommandLine, run};
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    let line = CommandLine::parse();
    // PHITAK_LOG=debug tells more; requests are logged without query, cookie or body.
    let filter = EnvFilter::try_from_env("PHITAK_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(line))
}
