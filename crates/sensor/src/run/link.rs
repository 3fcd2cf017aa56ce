//! The thread that speaks to the centre: uplink, the list of indicators, health reports, signals.

use super::{clock, indicators, pulse::Pulse};
use phitak_uplink::{
    Item,
    client::{Patience, Uplink},
    feed::Keeper,
    keys::KeyFolder,
    spool::Desk,
};
use std::{sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
    time::{interval, sleep},
};

const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// What is kept is on the disk after this long, whether the centre can be reached or not.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// How often the thread looks whether to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct Link {
    thread: JoinHandle<()>,
}

impl Link {
    /// Waits for the thread; [`Pulse::stop`] ends it.
    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the uplink's thread ended by a fault; what waits is kept");
        }
    }
}

/// # Errors
/// When the sensor is not enrolled or the thread cannot begin.
pub(super) fn start(
    desk: Arc<Desk>,
    keys: KeyFolder,
    pulse: Arc<Pulse>,
    keeper: Option<Arc<Keeper>>,
) -> anyhow::Result<Link> {
    keys.load()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("uplink".to_owned()).spawn(move || {
        runtime.block_on(async {
            let (stop, stopping) = watch::channel(false);
            let uplink = async {
                match Uplink::new(&desk, keys, Patience::default()) {
                    Ok(uplink) => match keeper.clone() {
                        Some(keeper) => uplink.keeping(keeper).run(stopping).await,
                        None => uplink.run(stopping).await,
                    },
                    Err(error) => tracing::error!(%error, "nothing is sent"),
                }
            };
            let renewed = Notify::new();
            let until_stop = async {
                tokio::select! {
                    () = reports(&desk, &pulse, &renewed) => {}
                    () = indicators::follow(keeper.as_ref(), &pulse, &renewed) => {}
                    () = syncs(&desk) => {}
                    () = signals(&pulse) => {}
                    () = stopped(&pulse) => {}
                }
                pulse.stop();
                let _ = stop.send(true);
            };
            tokio::join!(uplink, until_stop);
        });
    })?;
    Ok(Link { thread })
}

/// Every ten seconds, and as soon as another list of indicators is in use.
async fn reports(desk: &Desk, pulse: &Pulse, renewed: &Notify) {
    while !pulse.is_watching() {
        sleep(STOP_INTERVAL).await;
    }
    let mut ticks = interval(HEALTH_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = renewed.notified() => {}
        }
        let health = pulse.health(clock::now(), desk.waiting_bytes(), desk.losses());
        if let Err(error) = desk.append(&Item::Health(health), None) {
            tracing::error!(%error, "a health report cannot be kept");
        }
    }
}

async fn syncs(desk: &Desk) {
    let mut ticks = interval(SYNC_INTERVAL);
    loop {
        ticks.tick().await;
        if let Err(error) = desk.sync() {
            tracing::error!(%error, "the spool cannot be written: free space on this disk, or replace it");
        }
    }
}

async fn stopped(pulse: &Pulse) {
    while !pulse.is_stopping() {
        sleep(STOP_INTERVAL).await;
    }
}

/// Ready at Ctrl-C or SIGTERM.
async fn signals(pulse: &Pulse) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be watched: end this process by force");
        return stopped(pulse).await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to stop");
}
