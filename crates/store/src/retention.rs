//! What the centre forgets, and when. Each table that grows with traffic or with people's work has an end here: by age,
//! and alerts by number as well, so that one hospital's flood cannot fill the disk for all.
//!
//! Stories and hours keep their sums: what is forgotten is the single alert, not that it happened.

use crate::{
    database::Store,
    error::StoreError,
    facilities,
    rows::{alert, alert_hour, audit, finding_event, story, story_event, story_facility},
};
use phitak_model::Timestamp;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::ExprTrait,
};
use std::collections::BTreeSet;

/// Most rows of one kind that one round removes: the only writer is not kept from ingest for long.
pub const ROWS_PER_ROUND_MAX: u64 = 5_000;
const DAY_SECS: i64 = 86_400;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// How long things are kept, in days, and how many alerts of one hospital.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Alerts; then stories without a newer alert, with what was said of them.
    pub alert_days: u32,
    /// The audit log, and who did what to a finding.
    pub audit_days: u32,
    /// Past this number the oldest alerts of a hospital go, however young they are.
    pub alerts_per_facility: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { alert_days: 400, audit_days: 1_100, alerts_per_facility: 200_000 }
    }
}

/// What one round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub alerts: u64,
    pub stories: u64,
    pub log_lines: u64,
}

impl Forgotten {
    /// Whether another round may find more.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        *self != Self::default()
    }
}

#[derive(Debug, FromQueryResult)]
struct Crowd {
    facility: String,
    number: i64,
}

impl Store {
    /// Removes what is past its time, a bounded number of rows; call again while something was removed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget(&self, keep: &Retention, now: Timestamp) -> Result<Forgotten, StoreError> {
        let before = |days: u32| now.plus_secs(i64::from(days).saturating_mul(-DAY_SECS)).micros();
        let (alerts_before, logs_before) = (before(keep.alert_days), before(keep.audit_days));
        let tx = self.write().await?;
        let mut forgotten = Forgotten { alerts: old_alerts(&tx, alerts_before).await?, ..Forgotten::default() };
        forgotten.alerts += crowded_alerts(&tx, keep.alerts_per_facility).await?;
        forgotten.stories = old_stories(&tx, alerts_before).await?;
        forgotten.log_lines = old_log_lines(&tx, logs_before).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// Numbers rise with arrival, so the oldest stand first.
async fn old_alerts(tx: &DatabaseTransaction, before: i64) -> Result<u64, StoreError> {
    let first: Vec<(i64, i64)> = alert::Entity::find()
        .select_only()
        .columns([alert::Column::Id, alert::Column::ArrivedAt])
        .order_by_asc(alert::Column::Id)
        .limit(ROWS_PER_ROUND_MAX)
        .into_tuple()
        .all(tx)
        .await?;
    let last = first.iter().take_while(|(_, arrived_at)| *arrived_at < before).last();
    alert_hour::Entity::delete_many()
        .filter(alert_hour::Column::Hour.lt(before.div_euclid(MICROS_PER_HOUR)))
        .exec(tx)
        .await?;
    let Some((last, _)) = last else { return Ok(0) };
    Ok(alert::Entity::delete_many().filter(alert::Column::Id.lte(*last)).exec(tx).await?.rows_affected)
}

async fn crowded_alerts(tx: &DatabaseTransaction, max: u64) -> Result<u64, StoreError> {
    let number = alert::Column::Id.count();
    let crowds: Vec<Crowd> = alert::Entity::find()
        .select_only()
        .column(alert::Column::Facility)
        .column_as(number.clone(), "number")
        .group_by(alert::Column::Facility)
        .having(number.gt(crate::ingest::signed(max)))
        .into_model()
        .all(tx)
        .await?;
    let mut removed = 0;
    for crowd in crowds {
        let over = u64::try_from(crowd.number).unwrap_or(0).saturating_sub(max);
        let too_many = std::cmp::min(over, ROWS_PER_ROUND_MAX);
        let last: Option<i64> = alert::Entity::find()
            .select_only()
            .column(alert::Column::Id)
            .filter(alert::Column::Facility.eq(&crowd.facility))
            .order_by_asc(alert::Column::Id)
            .offset(too_many.saturating_sub(1))
            .limit(1)
            .into_tuple()
            .one(tx)
            .await?;
        let Some(last) = last else { continue };
        let gone = alert::Entity::delete_many()
            .filter(alert::Column::Facility.eq(&crowd.facility))
            .filter(alert::Column::Id.lte(last))
            .exec(tx)
            .await?;
        removed += gone.rows_affected;
    }
    Ok(removed)
}

/// Stories to which nothing came for so long, whether somebody closed them or not.
async fn old_stories(tx: &DatabaseTransaction, before: i64) -> Result<u64, StoreError> {
    let old: Vec<i64> = story::Entity::find()
        .select_only()
        .column(story::Column::Id)
        .filter(story::Column::ArrivedAt.lt(before))
        .limit(ROWS_PER_ROUND_MAX / 10)
        .into_tuple()
        .all(tx)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    let places: Vec<String> = story_facility::Entity::find()
        .select_only()
        .column(story_facility::Column::Facility)
        .distinct()
        .filter(story_facility::Column::StoryId.is_in(old.iter().copied()))
        .into_tuple()
        .all(tx)
        .await?;
    // Alerts that arrived late in a story's life may be younger than the bound of one round; they go with it.
    alert::Entity::delete_many().filter(alert::Column::StoryId.is_in(old.iter().copied())).exec(tx).await?;
    story_event::Entity::delete_many().filter(story_event::Column::StoryId.is_in(old.iter().copied())).exec(tx).await?;
    story_facility::Entity::delete_many()
        .filter(story_facility::Column::StoryId.is_in(old.iter().copied()))
        .exec(tx)
        .await?;
    let gone = story::Entity::delete_many().filter(story::Column::Id.is_in(old)).exec(tx).await?;
    for facility in places.into_iter().collect::<BTreeSet<_>>() {
        facilities::recount(tx, &facility).await?;
    }
    Ok(gone.rows_affected)
}

async fn old_log_lines(tx: &DatabaseTransaction, before: i64) -> Result<u64, StoreError> {
    let audit = audit::Entity::delete_many().filter(audit::Column::At.lt(before)).exec(tx).await?;
    let findings = finding_event::Entity::delete_many().filter(finding_event::Column::At.lt(before)).exec(tx).await?;
    Ok(audit.rows_affected + findings.rows_affected)
}
