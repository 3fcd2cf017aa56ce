//! Forgets what is past its time, a little at a time.

use crate::centre::Centre;
use phitak_store::StoreError;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How often something is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);
const DAY_SECS: i64 = 86_400;
/// Between two rounds: sensors and people write meanwhile.
const PAUSE: Duration = Duration::from_millis(200);

/// Rounds until nothing is left to forget; ends early when the centre stops.
///
/// # Errors
/// [`StoreError`].
pub async fn tidy(centre: &Centre) -> Result<(), StoreError> {
    let audit_secs = i64::from(centre.settings.retention.audit_days).saturating_mul(DAY_SECS);
    while !*centre.stopping.borrow() {
        // Before the rest, and to its end: the chain keeps its anchor only here.
        let audit_before = centre.clock.now().plus_secs(audit_secs.saturating_neg());
        let lines = centre.store.forget_audit(audit_before).await?;
        if lines > 0 {
            tracing::info!(lines, "removed the oldest lines of the audit");
            sleep(PAUSE).await;
            continue;
        }
        let now = centre.clock.now();
        let forgotten = centre.store.forget(&centre.settings.retention, now).await?;
        let bulletins = centre.store.forget_bulletins(&centre.settings.retention, now).await?;
        let matters = centre.store.forget_matters(&centre.settings.retention, now).await?;
        let case_secs = i64::from(centre.settings.case_days).saturating_mul(DAY_SECS);
        let cases = centre.store.forget_cases(now.plus_secs(case_secs.saturating_neg()), now).await?;
        if !forgotten.is_anything() && bulletins == 0 && matters == 0 && cases == 0 {
            break;
        }
        tracing::info!(
            alerts = forgotten.alerts,
            stories = forgotten.stories,
            log_lines = forgotten.log_lines,
            bulletins,
            matters,
            cases,
            "removed what is past its time"
        );
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Files of evidence that no case keeps.
async fn sweep(centre: &Centre) {
    let Some(vault) = &centre.settings.vault else { return };
    match vault.sweep(&centre.store).await {
        Ok(0) => {}
        Ok(files) => tracing::info!(files, "removed files of evidence that no case keeps"),
        Err(error) => tracing::error!(%error, "the folder of evidence could not be swept"),
    }
}

/// Looks again and again; ends with the centre.
pub async fn keep_tidy(centre: Centre) {
    let mut stopping = centre.stopping.subscribe();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = tidy(&centre).await {
            tracing::error!(%error, "what is past its time could not be removed");
        }
        sweep(&centre).await;
    }
}
