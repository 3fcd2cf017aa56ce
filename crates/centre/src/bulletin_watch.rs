//! Follows early warnings: asks hospitals again that have not answered, and asks the check again of those that said ทำแล้ว.
//!
//! What was reached stands in the tables, so that a restart goes on where it was: only the place in the round of checks is
//! kept in memory, and a round begun anew does no harm.

use crate::{
    announce::{Announcement, News},
    centre::Centre,
    concern,
};
use phitak_model::{FacilityCode, Timestamp};
use phitak_store::{
    BulletinId, Check, CheckOutcome, Recipient, RecipientState, Scope, StoreError, bulletin_chase::CHASE_LEVELS,
};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Recipients of one look whose check is asked again; the next look goes on after them.
pub const CHECKED_PER_LOOK: u64 = 100;
/// Rounds of the chase in one look.
const ROUNDS_PER_LOOK: usize = 100;
/// After so long without an answer the hospital is asked again, province and region are told, the sector is told (scaled
/// by the pace).
pub const CHASE_SECS: [i64; CHASE_LEVELS] = [3_600, 6 * 3_600, 24 * 3_600];

/// Where the round of checks stands.
#[derive(Debug, Default)]
pub struct BulletinWatch {
    after: Option<(BulletinId, FacilityCode)>,
}

impl BulletinWatch {
    /// Looks once: chases, then checks a bounded number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look(&mut self, centre: &Centre) -> Result<(), StoreError> {
        chase(centre).await?;
        self.check(centre).await
    }

    async fn check(&mut self, centre: &Centre) -> Result<(), StoreError> {
        let store = &centre.store;
        let now = centre.clock.now();
        let recipients = store.recipients_to_check(self.after.as_ref(), CHECKED_PER_LOOK).await?;
        let round_ends = (recipients.len() as u64) < CHECKED_PER_LOOK;
        let contents = store.bulletin_contents(&Scope::of_the_centre_itself(), &recipients).await?;
        for recipient in &recipients {
            let Some((_, content)) = contents.iter().find(|(id, _)| *id == recipient.bulletin) else { continue };
            // One hospital whose data cannot be read must not keep the others waiting.
            if let Err(error) = settle(centre, recipient, &content.check, now).await {
                tracing::error!(%error, bulletin = %recipient.bulletin, facility = %recipient.facility, "a warning's check could not be asked");
            }
        }
        self.after = recipients.last().filter(|_| !round_ends).map(|last| (last.bulletin, last.facility.clone()));
        Ok(())
    }
}

/// Asks the check of one recipient and keeps what it says.
async fn settle(centre: &Centre, recipient: &Recipient, check: &Check, now: Timestamp) -> Result<(), StoreError> {
    let times = (centre.silent_before(now), now);
    let settlement = concern::judge(&centre.store, recipient, check, centre.settings.pace, times).await?;
    // Proved once, it stays proved until it is found again: a sensor that falls silent later takes nothing back.
    if recipient.state == RecipientState::Verified && settlement.outcome != CheckOutcome::Found {
        return Ok(());
    }
    let Some(state) = centre.store.settle_recipient(recipient, &settlement, now).await? else { return Ok(()) };
    tracing::info!(bulletin = %recipient.bulletin, facility = %recipient.facility, state = state.as_str(), "a warning's check was judged");
    tell(centre, recipient.bulletin, &recipient.facility, state, recipient.chase_level).await
}

/// Raises whoever has not answered in time; tells of each after it is stored.
async fn chase(centre: &Centre) -> Result<(), StoreError> {
    let after_micros = CHASE_SECS.map(|secs| centre.settings.pace.micros(secs));
    for _ in 0..ROUNDS_PER_LOOK {
        let raised = centre.store.raise_unanswered(after_micros, centre.clock.now()).await?;
        if raised.is_empty() {
            break;
        }
        for raised in raised {
            tracing::warn!(bulletin = %raised.bulletin, facility = %raised.facility, level = raised.level, "a warning has no answer");
            tell(centre, raised.bulletin, &raised.facility, RecipientState::Sent, raised.level).await?;
        }
    }
    Ok(())
}

/// Tells open pages what became of one hospital's part in a warning.
///
/// # Errors
/// [`StoreError`].
pub async fn tell(
    centre: &Centre,
    id: BulletinId,
    facility: &FacilityCode,
    state: RecipientState,
    level: u8,
) -> Result<(), StoreError> {
    let facility = centre.store.facility(&Scope::of_the_centre_itself(), facility.as_str()).await?;
    centre.announcer.tell(Announcement {
        facility: facility.code,
        region: facility.region,
        news: News::Bulletin { id, state, level },
    });
    Ok(())
}

/// Looks again and again; ends with the centre.
pub async fn watch(centre: Centre) {
    let mut stopping = centre.stopping.subscribe();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bulletins = BulletinWatch::default();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = bulletins.look(&centre).await {
            tracing::error!(%error, "early warnings could not be followed");
        }
    }
}
