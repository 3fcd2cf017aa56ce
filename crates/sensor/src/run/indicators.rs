//! The centre's list in use: from the disk when the sensor starts, then each that comes from the centre, made ready aside
//! and handed to the engine between two packets. Its rules are [`super::rule_list`]'s business.

use super::{clock, pulse::Pulse};
use anyhow::{Context, anyhow};
use phitak_engine::IndicatorsBuilder;
use phitak_model::ActiveIndicators;
use phitak_uplink::feed::{FeedKey, Keeper};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::interval};

/// How often is looked for rules whose time has come.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(5);

/// Opens the list in the data folder and uses what is there.
///
/// # Errors
/// When the folder cannot be used.
pub(super) fn open(data: &Path, authority: &str, pulse: &Pulse) -> anyhow::Result<Arc<Keeper>> {
    let key = FeedKey::of_pem(authority).ok_or_else(|| anyhow!("the centre's certificate holds no key"))?;
    let keeper = Keeper::open(data, key)
        .with_context(|| format!("the list of indicators in {} cannot be used", data.display()))?;
    if !keeper.position().is_none() {
        use_list(&keeper, pulse);
    }
    Ok(Arc::new(keeper))
}

/// Uses each list that comes; says so through `renewed`. Never ends.
pub(super) async fn follow(keeper: Option<&Arc<Keeper>>, pulse: &Arc<Pulse>, renewed: &Notify) {
    let Some(keeper) = keeper else { return std::future::pending().await };
    let mut changes = keeper.changes();
    let mut ticks = interval(EXPIRY_INTERVAL);
    loop {
        let is_new = tokio::select! {
            changed = changes.changed() => match changed {
                Ok(()) => true,
                Err(_) => return std::future::pending().await,
            },
            _ = ticks.tick() => false,
        };
        let (keeper, pulse) = (Arc::clone(keeper), Arc::clone(pulse));
        // A million of them take their time; the heartbeat of the connection must not wait.
        let work = move || if is_new { use_list(&keeper, &pulse) } else { pulse.rule_list.expire(clock::now()) };
        match tokio::task::spawn_blocking(work).await {
            Ok(true) => renewed.notify_one(),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a list could not be made ready"),
        }
    }
}

/// Makes a list ready and offers it; says whether that came about. Otherwise the one before stays in use.
fn use_list(keeper: &Keeper, pulse: &Pulse) -> bool {
    let mut builder = IndicatorsBuilder::default();
    let contents = match keeper.read(&mut |indicator| builder.add(&indicator)) {
        Ok(contents) => contents,
        Err(error) => {
            tracing::error!(%error, "the list of indicators cannot be read; the one before stays in use");
            return false;
        }
    };
    let (position, refused) = (contents.position, builder.refused());
    let set = builder.build(position.part);
    let entries = set.len() as u64;
    if contents.unread > 0 || refused > 0 {
        tracing::warn!(unread = contents.unread, refused, "not everything of the list of indicators can be looked for");
    }
    tracing::info!(generation = position.generation, part = position.part, entries, "indicators in use");
    let about = ActiveIndicators { generation: position.generation, part: position.part, entries };
    pulse.offer(Arc::new(set), about);
    pulse.rule_list.take(contents.rules, clock::now());
    true
}
