//! Finds what has to be told, moves each matter along its ladder, and rings for the outbox.

use super::ladder;
use crate::{announce::News, centre::Centre};
use phitak_store::{StoreError, deliveries::OUTBOX_MAX, matters::STEPS_PER_ROUND};
use std::time::Duration;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

/// How often is looked without news.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The shortest time between two looks: a flood of news is one look.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Rounds of steps in one look.
const ROUNDS_PER_LOOK: usize = 20;

/// Looks once.
///
/// # Errors
/// [`StoreError`].
pub async fn look(centre: &Centre) -> Result<(), StoreError> {
    let (store, now) = (&centre.store, centre.clock.now());
    if store.telling_since().await?.is_none() {
        return Ok(());
    }
    store.settle_matters(&store.settled_elsewhere().await?, now).await?;
    if store.outbox().await? >= OUTBOX_MAX {
        tracing::error!(messages = OUTBOX_MAX, "the outbox is full: what happens is told when there is room");
        return Ok(());
    }
    let found = store.untold(centre.silent_before(now), now).await?;
    for matter in &found.matters {
        tracing::info!(kind = matter.kind.as_str(), facility = %matter.facility, "something has to be told");
    }
    store.add_matters(found, now).await?;
    for _ in 0..ROUNDS_PER_LOOK {
        let due = store.matters_due(now).await?;
        let whole = (due.len() as u64) < STEPS_PER_ROUND;
        let mut steps = Vec::with_capacity(due.len());
        for matter in &due {
            let step = ladder::step(centre, matter, now).await?;
            if step.deliveries.is_empty() {
                tracing::warn!(matter = %matter.id, "nobody can be told of something: nobody has an address of a channel that is on");
            }
            steps.push(step);
        }
        let is_any = !steps.is_empty();
        store.make_steps(steps, now).await?;
        if is_any {
            centre.telling.outbox_bell.notify_waiters();
        }
        if whole {
            break;
        }
    }
    Ok(())
}

/// Looks at once when there is news, and again and again; ends with the centre.
pub async fn watch(centre: Centre) {
    let mut stopping = centre.stopping.subscribe();
    let mut news = centre.announcer.listen();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
            heard = news.recv() => match heard {
                Ok(announcement) if !matters(&announcement.news) => continue,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
        }
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = sleep_until(next_at) => {}
        }
        next_at = Instant::now() + LOOK_PAUSE;
        if let Err(error) = look(&centre).await {
            tracing::error!(%error, "what has to be told could not be looked for");
        }
    }
}

/// Whether something of this kind is ever told.
fn matters(news: &News) -> bool {
    match news {
        News::Story { severity, .. } => *severity >= phitak_model::Severity::High,
        News::Stories | News::Sensor { .. } | News::Bulletin { .. } => true,
        News::Finding { .. } | News::Case { .. } => false,
    }
}
