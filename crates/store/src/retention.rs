//! What the centre forgets, and when. Each table that grows with traffic or with people's work has an end here: by age,
//! and alerts by number as well, so that one hospital's flood cannot fill the disk for all.
//!
//! Stories and hours keep their sums: what is forgotten is the single alert, not that it happened.

use crate::{
    database::Store,
    error::StoreError,
    ingest::signed,
    recount::{self, Changed},
    rows::{
        alert, alert_hour, finding_event, sensor, spool, story, story_day, story_event, story_facility, story_hour,
    },
    stories::sum,
    suppressions,
};
use phitak_model::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, SelectStatement},
};

/// Most rows of one kind that one round removes: the only writer is not kept from ingest for long.
pub const ROWS_PER_ROUND_MAX: u64 = 5_000;
/// Most alerts that one statement takes from a hospital with too many.
const ROWS_PER_CUT: u64 = 1_000;
/// Most stories of one round: each has a row for each of its hospitals.
const STORIES_PER_ROUND_MAX: u64 = 20;
/// Hours of arrival by which stories are counted; the queue of a day needs 25.
pub const STORY_HOURS_KEPT: i64 = 48;
const DAY_SECS: i64 = 86_400;
const MICROS_PER_DAY: i64 = DAY_SECS * 1_000_000;
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
    /// Sums of stories by hour and by day.
    pub hours: u64,
    pub log_lines: u64,
}

impl Forgotten {
    /// Whether another round may find more.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        *self != Self::default()
    }
}

impl Store {
    /// Removes what is past its time, a bounded number of rows; call again while something was removed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget(&self, keep: &Retention, now: Timestamp) -> Result<Forgotten, StoreError> {
        let before = |days: u32| now.plus_secs(i64::from(days).saturating_mul(-DAY_SECS)).micros();
        let (alerts_before, logs_before) = (before(keep.alert_days), before(keep.audit_days));
        // What is counted is counted beside the only writer, not in it.
        let crowds = crowds(self.reader(), keep.alerts_per_facility).await?;
        let tx = self.write().await?;
        let alerts = old_alerts(&tx, alerts_before).await?;
        let hours = old_hours(&tx, now, alerts_before).await?;
        let mut forgotten = Forgotten { alerts, hours, ..Forgotten::default() };
        if alerts < ROWS_PER_ROUND_MAX && hours < ROWS_PER_ROUND_MAX {
            // No alert is left of a story to which nothing came for so long.
            forgotten.stories = old_stories(&tx, now, alerts_before).await?;
        }
        for crowd in crowds {
            forgotten.alerts += thin_out(&tx, crowd).await?;
        }
        forgotten.log_lines = old_log_lines(&tx, logs_before).await?;
        // Of what is over so long nothing hidden is left either.
        forgotten.log_lines += suppressions::forget(&tx, alerts_before).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// The last of the first rows that are past their time, when rows come in the order of their numbers.
fn last_before(rows: &[(i64, i64)], before: i64) -> Option<i64> {
    rows.iter().take_while(|(_, at)| *at < before).last().map(|(id, _)| *id)
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
    let Some(last) = last_before(&first, before) else { return Ok(0) };
    Ok(alert::Entity::delete_many().filter(alert::Column::Id.lte(last)).exec(tx).await?.rows_affected)
}

/// One hospital's alerts past the number that is kept.
struct Crowd {
    spools: Vec<i64>,
    over: u64,
}

/// Where more alerts are kept than may be: a hospital whose hours count more is a candidate, and its spools are counted.
async fn crowds(db: &impl ConnectionTrait, max: u64) -> Result<Vec<Crowd>, StoreError> {
    let arrived = sum(Expr::col(alert_hour::Column::Alerts));
    let candidates: Vec<String> = alert_hour::Entity::find()
        .select_only()
        .column(alert_hour::Column::Facility)
        .group_by(alert_hour::Column::Facility)
        .having(arrived.gt(signed(max)))
        .into_tuple()
        .all(db)
        .await?;
    let mut crowds = Vec::new();
    for facility in candidates {
        let spools: Vec<i64> = spool::Entity::find()
            .select_only()
            .column(spool::Column::Id)
            .filter(spool::Column::Sensor.in_subquery(sensors_of(&facility)))
            .into_tuple()
            .all(db)
            .await?;
        let kept = alert::Entity::find().filter(alert::Column::SpoolId.is_in(spools.iter().copied())).count(db).await?;
        if kept > max {
            crowds.push(Crowd { spools, over: kept - max });
        }
    }
    Ok(crowds)
}

fn sensors_of(facility: &str) -> SelectStatement {
    sensor::Entity::find()
        .select_only()
        .column(sensor::Column::Id)
        .filter(sensor::Column::Facility.eq(facility))
        .into_query()
}

/// Removes the oldest of a crowd, from whichever spool holds them.
async fn thin_out(tx: &DatabaseTransaction, crowd: Crowd) -> Result<u64, StoreError> {
    let mut left = std::cmp::min(crowd.over, ROWS_PER_ROUND_MAX);
    let mut removed = 0;
    while left > 0 {
        let mut oldest: Option<(i64, i64)> = None;
        for spool in &crowd.spools {
            let first: Option<i64> = of_spool(*spool).column(alert::Column::Id).into_tuple().one(tx).await?;
            if let Some(first) = first
                && oldest.is_none_or(|(known, _)| first < known)
            {
                oldest = Some((first, *spool));
            }
        }
        let Some((_, spool)) = oldest else { break };
        let part = std::cmp::min(left, ROWS_PER_CUT);
        let seqs: Vec<i64> = of_spool(spool).column(alert::Column::Seq).limit(part).into_tuple().all(tx).await?;
        let Some(last) = seqs.last() else { break };
        let gone = alert::Entity::delete_many()
            .filter(alert::Column::SpoolId.eq(spool))
            .filter(alert::Column::Seq.lte(*last))
            .exec(tx)
            .await?;
        removed += gone.rows_affected;
        left = left.saturating_sub(std::cmp::max(gone.rows_affected, 1));
    }
    Ok(removed)
}

/// A spool's alerts, oldest first.
fn of_spool(spool: i64) -> sea_orm::Select<alert::Entity> {
    alert::Entity::find().select_only().filter(alert::Column::SpoolId.eq(spool)).order_by_asc(alert::Column::Seq)
}

/// Stories to which nothing came for so long, whether somebody closed them or not.
async fn old_stories(tx: &DatabaseTransaction, now: Timestamp, before: i64) -> Result<u64, StoreError> {
    let old: Vec<i64> = story::Entity::find()
        .select_only()
        .column(story::Column::Id)
        .filter(story::Column::ArrivedAt.lt(before))
        .limit(STORIES_PER_ROUND_MAX)
        .into_tuple()
        .all(tx)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    let ids = || old.iter().copied();
    let places: Vec<String> = story_facility::Entity::find()
        .select_only()
        .column(story_facility::Column::Facility)
        .distinct()
        .filter(story_facility::Column::StoryId.is_in(ids()))
        .into_tuple()
        .all(tx)
        .await?;
    story_event::Entity::delete_many().filter(story_event::Column::StoryId.is_in(ids())).exec(tx).await?;
    // Older sums went by their age.
    let (last_day, last_hour) = (before.div_euclid(MICROS_PER_DAY), before.div_euclid(MICROS_PER_HOUR));
    let sums = story_day::Entity::delete_many().filter(story_day::Column::Day.eq(last_day));
    sums.filter(story_day::Column::StoryId.is_in(ids())).exec(tx).await?;
    let sums =
        story_hour::Entity::delete_many().filter(story_hour::Column::Hour.is_in(first_hour_kept(now)..=last_hour));
    sums.filter(story_hour::Column::StoryId.is_in(ids())).exec(tx).await?;
    story_facility::Entity::delete_many().filter(story_facility::Column::StoryId.is_in(ids())).exec(tx).await?;
    let gone = story::Entity::delete_many().filter(story::Column::Id.is_in(ids())).exec(tx).await?;
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    recount::recount_alike(tx, &places, Changed::STORIES).await?;
    Ok(gone.rows_affected)
}

fn first_hour_kept(now: Timestamp) -> i64 {
    now.plus_secs(-STORY_HOURS_KEPT * 3_600).micros().div_euclid(MICROS_PER_HOUR)
}

/// Sums by hour and by day: hours are for the queue of the last day alone.
async fn old_hours(tx: &DatabaseTransaction, now: Timestamp, before: i64) -> Result<u64, StoreError> {
    let hours_before = first_hour_kept(now);
    let first: Vec<(i64, i64)> = story_hour::Entity::find()
        .select_only()
        .columns([story_hour::Column::Hour, story_hour::Column::StoryId])
        .filter(story_hour::Column::Hour.lt(hours_before))
        .order_by_asc(story_hour::Column::Hour)
        .order_by_asc(story_hour::Column::StoryId)
        .limit(ROWS_PER_ROUND_MAX)
        .into_tuple()
        .all(tx)
        .await?;
    let mut gone = 0;
    if let Some((hour, story)) = first.last() {
        let upto = Condition::any()
            .add(story_hour::Column::Hour.lt(*hour))
            .add(story_hour::Column::Hour.eq(*hour).and(story_hour::Column::StoryId.lte(*story)));
        gone += story_hour::Entity::delete_many().filter(upto).exec(tx).await?.rows_affected;
    }
    let first: Vec<(i64, i64)> = story_day::Entity::find()
        .select_only()
        .columns([story_day::Column::Day, story_day::Column::StoryId])
        .filter(story_day::Column::Day.lt(before.div_euclid(MICROS_PER_DAY)))
        .order_by_asc(story_day::Column::Day)
        .order_by_asc(story_day::Column::StoryId)
        .limit(ROWS_PER_ROUND_MAX)
        .into_tuple()
        .all(tx)
        .await?;
    if let Some((day, story)) = first.last() {
        let upto = Condition::any()
            .add(story_day::Column::Day.lt(*day))
            .add(story_day::Column::Day.eq(*day).and(story_day::Column::StoryId.lte(*story)));
        gone += story_day::Entity::delete_many().filter(upto).exec(tx).await?.rows_affected;
    }
    // One row a hospital and hour.
    alert_hour::Entity::delete_many()
        .filter(alert_hour::Column::Hour.lt(before.div_euclid(MICROS_PER_HOUR)))
        .exec(tx)
        .await?;
    Ok(gone)
}

/// The audit is not among them: its chain keeps an anchor (`forget_audit`).
async fn old_log_lines(tx: &DatabaseTransaction, before: i64) -> Result<u64, StoreError> {
    let events: Vec<(i64, i64)> = finding_event::Entity::find()
        .select_only()
        .columns([finding_event::Column::Id, finding_event::Column::At])
        .order_by_asc(finding_event::Column::Id)
        .limit(ROWS_PER_ROUND_MAX)
        .into_tuple()
        .all(tx)
        .await?;
    let Some(last) = last_before(&events, before) else { return Ok(0) };
    Ok(finding_event::Entity::delete_many().filter(finding_event::Column::Id.lte(last)).exec(tx).await?.rows_affected)
}
