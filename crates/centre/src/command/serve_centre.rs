//! `phitak-centre serve`: how the centre runs.

use super::{Data, PublicUrl, centre, lock_file, open_or_create};
use crate::{
    centre::{CASE_DAYS_DEFAULT, SILENT_AFTER_SECS_DEFAULT, Settings},
    clock::Clock,
    factor_policy::FactorPolicy,
    notify::outward::OutwardSettings,
    serve,
    vault::{self, ALL_BYTES_MAX_DEFAULT, FILE_BYTES_MAX_DEFAULT, Vault},
};
use anyhow::{Context, bail, ensure};
use clap::Args;
use phitak_assets::Pace;
use phitak_store::Retention;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};
use tokio::net::TcpListener;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    data: Data,
    /// Where pages and API listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Where sensors reach the centre
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    uplink: String,
    #[command(flatten)]
    url: PublicUrl,
    /// The address of a TLS proxy before --listen, whose X-Forwarded-For counts; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    trusted_proxy: Vec<IpAddr>,
    /// Whether administrators and analysts are asked for a second factor, or reach nothing without one
    #[arg(long, value_enum, default_value = "asked")]
    second_factor: FactorPolicy,
    /// Whom hospitals call
    #[arg(long, default_value = "")]
    phone: String,
    /// A sensor not heard for so long is silent
    #[arg(long, value_name = "SECONDS", default_value_t = SILENT_AFTER_SECS_DEFAULT)]
    silent_after: i64,
    /// Alerts, and stories without a newer one, are removed after so many days
    #[arg(long, value_name = "DAYS", default_value_t = Retention::default().alert_days, value_parser = clap::value_parser!(u32).range(1..))]
    keep_alert_days: u32,
    /// The audit log and the history of findings are removed after so many days
    #[arg(long, value_name = "DAYS", default_value_t = Retention::default().audit_days, value_parser = clap::value_parser!(u32).range(90..))]
    keep_audit_days: u32,
    /// Most alerts kept of one hospital: past it, its oldest are removed
    #[arg(long, value_name = "NUMBER", default_value_t = Retention::default().alerts_per_facility, value_parser = clap::value_parser!(u64).range(1_000..))]
    keep_alerts: u64,
    /// Channels of notification may be on this machine itself, by http too: for a gateway that runs beside the centre
    #[arg(long)]
    loopback_channels: bool,
    /// Certificates (PEM) to trust beside the machine's own where channels of notification are reached by TLS
    #[arg(long, value_name = "FILE")]
    channel_roots: Option<PathBuf>,
    /// Closed cases are removed with their evidence after so many days; one under legal hold stays
    #[arg(long, value_name = "DAYS", default_value_t = CASE_DAYS_DEFAULT, value_parser = clap::value_parser!(u32).range(90..))]
    keep_case_days: u32,
    /// Most bytes of one file of evidence
    #[arg(long, value_name = "BYTES", default_value_t = FILE_BYTES_MAX_DEFAULT, value_parser = clap::value_parser!(u64).range(1_000_000..))]
    evidence_file_bytes: u64,
    /// Most bytes of all evidence: past it, no more is taken
    #[arg(long, value_name = "BYTES", default_value_t = ALL_BYTES_MAX_DEFAULT, value_parser = clap::value_parser!(u64).range(1_000_000..))]
    evidence_bytes: u64,
    /// For demonstrations: a day of waiting for proof takes this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    a_day_takes: i64,
}

pub(super) async fn run(options: Serve, clock: Clock) -> anyhow::Result<()> {
    let settings = Settings {
        public_url: options.url.public_url,
        phone: options.phone,
        silent_after_secs: options.silent_after.max(1),
        pace: Pace::a_day_takes(options.a_day_takes),
        trusted_proxies: options.trusted_proxy,
        second_factor: options.second_factor,
        retention: Retention {
            alert_days: options.keep_alert_days,
            audit_days: options.keep_audit_days,
            alerts_per_facility: options.keep_alerts,
        },
        outward: OutwardSettings {
            loopback: options.loopback_channels,
            extra_roots: options.channel_roots.as_deref().map(read_roots).transpose()?.unwrap_or_default(),
        },
        case_days: options.keep_case_days,
        vault: Some(Vault::new(
            options.data.data.join(vault::FOLDER),
            options.evidence_file_bytes,
            options.evidence_bytes,
        )),
    };
    let store = open_or_create(&options.data).await?;
    let folder = options.data.data;
    let running = lock_file(&folder, "running.lock")?;
    if running.try_lock().is_err() {
        bail!("another centre runs on {}: stop it first", folder.display());
    }
    let centre = centre(&folder, store, clock, settings).await?;
    let listen = |address: String| async move {
        TcpListener::bind(&address)
            .await
            .with_context(|| format!("cannot listen at {address}: something else does, perhaps another centre; choose another by --listen or --uplink"))
    };
    let pages = listen(options.listen).await?;
    let uplink = listen(options.uplink).await?;
    tracing::info!(
        pages = %pages.local_addr()?, uplink = %uplink.local_addr()?, rule_texts = centre.texts.count(), "the centre is up"
    );
    serve::serve(&centre, pages, uplink, stop_signal()).await?;
    centre.store.clone().close().await.context("the database could not be closed")?;
    tracing::info!("stopped");
    Ok(())
}

fn read_roots(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let name = file.display();
    let found = CertificateDer::pem_file_iter(file).with_context(|| format!("cannot read {name}"))?;
    let roots = found.collect::<Result<Vec<_>, _>>().with_context(|| format!("{name} holds no certificates in PEM"))?;
    ensure!(!roots.is_empty(), "{name} holds no certificate");
    Ok(roots)
}

/// Ready at Ctrl-C or SIGTERM.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
