//! Watches for sensors that fall silent or speak again, and tells open pages at once.

use crate::{
    announce::{Announcement, News},
    centre::Centre,
};
use phitak_model::SensorId;
use phitak_store::{Scope, StoreError};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{MissedTickBehavior, interval};

/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What was known at the last look.
#[derive(Debug, Default)]
pub struct SilenceWatch {
    watching: BTreeMap<SensorId, bool>,
}

impl SilenceWatch {
    /// Looks once; tells of every sensor that changed since the last look.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look(&mut self, centre: &Centre) -> Result<(), StoreError> {
        let silent_before = centre.silent_before(centre.clock.now());
        let scope = Scope::of_the_centre_itself();
        let heard = centre.store.sensors_heard(&scope).await?;
        let now: BTreeMap<SensorId, bool> = heard.into_iter().map(|(id, at)| (id, at >= silent_before)).collect();
        for (id, watching) in &now {
            // One that is seen for the first time has just spoken, or was silent before the centre started.
            let before = self.watching.get(id).copied();
            if before == Some(*watching) || (before.is_none() && !*watching) {
                continue;
            }
            let facility = centre.store.facility(&scope, id.facility().as_str()).await?;
            if *watching {
                tracing::info!(sensor = %id, "a sensor speaks");
            } else {
                tracing::warn!(sensor = %id, "a sensor is silent");
            }
            centre.announcer.tell(Announcement {
                facility: facility.code,
                region: facility.region,
                news: News::Sensor { id: id.clone(), watching: *watching },
            });
        }
        self.watching = now;
        Ok(())
    }
}

/// Looks again and again; ends with the centre.
pub async fn watch(centre: Centre) {
    let mut stopping = centre.stopping.subscribe();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silence = SilenceWatch::default();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = silence.look(&centre).await {
            tracing::error!(%error, "silence could not be looked for");
        }
    }
}
