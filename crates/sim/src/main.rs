//! `phitak-sim generate`: writes an invented sector's captures and their truth.

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use phitak_model::Timestamp;
use phitak_sim::{Order, Scale, generate};
use std::path::PathBuf;

#[derive(Parser)]
#[command(
    name = "phitak-sim",
    version,
    about = "An invented health sector from one seed, as captures with a known truth"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes sector.json, and per hospital quiet.pcap, before.pcap, after.pcap and truth.json
    Generate {
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 6)]
        hospitals: usize,
        #[arg(long)]
        out: PathBuf,
        /// When before.pcap begins (ISO 8601 with offset)
        #[arg(long, default_value = "2026-11-24T09:00:00+07:00")]
        start: String,
        /// How long before.pcap lasts; after.pcap lasts half of it
        #[arg(long)]
        minutes: Option<u32>,
        #[arg(long, value_enum, default_value_t = ScaleName::Small)]
        scale: ScaleName,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum ScaleName {
    Small,
    Day,
}

fn main() -> anyhow::Result<()> {
    let Command::Generate { seed, hospitals, out, start, minutes, scale } = Arguments::parse().command;
    let scale = match scale {
        ScaleName::Small => Scale::Small,
        ScaleName::Day => Scale::Day,
    };
    let start = Timestamp::parse(&start).context("--start")?;
    let made = generate(&Order { seed, hospitals, out: out.clone(), start, minutes, scale })?;
    println!("{} hospitals, {} packets in {}", made.hospitals, made.packets, out.display());
    Ok(())
}
