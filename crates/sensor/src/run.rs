//! `phitak-sensor run`: watches traffic (for now, captures that are replayed), or takes the records of a Suricata from its file
//! or by syslog; keeps records at the hospital, and passes what may leave to the centre.
//!
//! The engine works on the main thread. A second thread has the uplink, the health reports and the signals.

mod clock;
mod eve;
mod indicators;
mod link;
mod noise;
mod offered;
mod outlet;
mod plan;
mod play;
mod pulse;
mod replays;
mod rule_list;
mod suricata;
mod timeline;

use crate::{checksums::Checksums, rules::RuleSettings};
use anyhow::Context;
use clap::Args;
use phitak_model::Network;
use phitak_uplink::{
    keys::KeyFolder,
    spool::{Desk, SPOOL_BYTES_DEFAULT, Spool},
};
use pulse::Pulse;
use std::{io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use timeline::{Pace, Retime};
use tracing_subscriber::EnvFilter;

const MIB: u64 = 1 << 20;

/// Watches traffic and reports to the centre.
#[derive(Debug, Args)]
pub struct Run {
    /// The folder that holds everything this sensor keeps
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Rules files in Suricata's language, or folders of them; may be given several times
    #[arg(short = 'S', long = "rules", value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rule_settings: RuleSettings,
    /// The networks that are ours: sets HOME_NET
    #[arg(long, value_name = "CIDR,..")]
    home_net: Option<String>,
    /// What becomes of packets with wrong checksums
    #[arg(short = 'k', value_enum, value_name = "auto|all|none", default_value_t = Checksums::Auto)]
    checksums: Checksums,
    /// A setting by Suricata's name, such as stream.midstream=true; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Captures to play, in this order
    #[arg(long, required_unless_present_any = ["eve", "syslog"], num_args = 1.., value_name = "CAPTURE")]
    replay: Vec<PathBuf>,
    /// Follow the eve.json of a Suricata that runs here, instead: its alerts leave by the same policy
    #[arg(long, conflicts_with = "replay", value_name = "FILE")]
    eve: Option<PathBuf>,
    /// Take the EVE records that other devices send by syslog, instead; may be given several times
    #[arg(long, conflicts_with_all = ["replay", "eve", "until_sent"], value_name = "udp|tcp://ADDRESS:PORT")]
    syslog: Vec<suricata::Address>,
    /// Who may send by syslog besides this machine itself: addresses or networks
    #[arg(long, requires = "syslog", value_delimiter = ',', value_name = "CIDR,..")]
    syslog_from: Vec<Network>,
    /// How fast: max, or a factor of real time
    #[arg(long, value_name = "max|FACTOR", default_value = "1")]
    pace: Pace,
    /// Packet times: as captured, or shifted so that the first packet is now
    #[arg(long, value_enum, default_value_t = Retime::Captured)]
    retime: Retime,
    /// Play the last capture again and again
    #[arg(long)]
    loop_last: bool,
    /// Room for what waits to be sent
    #[arg(long, value_name = "MIB", default_value_t = SPOOL_BYTES_DEFAULT / MIB, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    spool_mib: u64,
    /// Room for the records that stay here; the oldest go first
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    records_mib: u64,
    /// End when everything has been played and the centre has it all
    #[arg(long)]
    until_sent: bool,
}

impl Run {
    pub fn run(self) -> ExitCode {
        let filter = EnvFilter::try_from_env("PHITAK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .init();
        match self.watch() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    fn watch(&self) -> anyhow::Result<()> {
        let config = plan::config(self)?;
        let syslog = suricata::Setup::new(&self.syslog, &self.syslog_from)?;
        let keys = KeyFolder::new(&self.data);
        let sensor = keys.load()?.sensor;
        let spool = Spool::open(&self.data.join("spool"), self.spool_mib.saturating_mul(MIB))?;
        let desk = Arc::new(Desk::new(spool));
        let pulse = Arc::new(Pulse::default());
        // Indicators are looked for in traffic; Suricata's is its own.
        let keeper = match &self.eve {
            None if self.syslog.is_empty() => Some(indicators::open(&self.data, &keys.load()?.authority, &pulse)?),
            _ => None,
        };
        let link = link::start(desk.clone(), keys, pulse.clone(), keeper)?;
        tracing::info!(%sensor, data = %self.data.display(), waiting_bytes = desk.waiting_bytes(), "the sensor starts");
        let outcome = match &self.eve {
            None if self.syslog.is_empty() => self.play_all(config, &desk, &pulse),
            None => suricata::listen(&syslog, &self.data, &desk, &pulse),
            Some(eve) => suricata::follow(eve, &self.data, &desk, &pulse, self.until_sent),
        };
        if outcome.is_ok() && !pulse.is_stopping() {
            self.wait(&desk, &pulse);
        }
        pulse.stop();
        link.join();
        outcome?;
        desk.sync().with_context(|| format!("the spool in {} could not be written", self.data.display()))?;
        tracing::info!(waiting_bytes = desk.waiting_bytes(), "the sensor has stopped; what waits is kept");
        Ok(())
    }

    fn play_all(&self, config: phitak_engine::Config, desk: &Desk, pulse: &Pulse) -> anyhow::Result<()> {
        let plan = plan::plan(self, &config, pulse)?;
        pulse.rule_list.ready(plan.loader, clock::now());
        let mut player = play::Player::new(self, config, plan.rules, desk, pulse)?;
        player.play(&plan.captures)
    }

    /// The last report waits until the spool is empty, or for a signal.
    fn wait(&self, desk: &Desk, pulse: &Pulse) {
        let next = if self.until_sent { "ending when all is sent" } else { "reporting on until stopped" };
        tracing::info!(waiting_bytes = desk.waiting_bytes(), "everything has been played; {next}");
        let done = || pulse.is_stopping() || (self.until_sent && desk.is_drained());
        while !done() {
            pulse.pause(Duration::from_millis(50));
        }
    }
}
