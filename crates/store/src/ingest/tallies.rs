//! The rows in which stories are counted: by hospital, by hour and by day of arrival.

use super::{
    Source, portions,
    stories::{Gain, StoryRow, Tally},
};
use crate::{
    error::StoreError,
    rows::{story_day, story_facility, story_hour},
};
use phitak_model::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait,
    sea_query::{Expr, OnConflict},
};

const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// The stories' rows by hospital.
pub(super) async fn count_places(
    db: &impl ConnectionTrait,
    sources: &[&Source],
    gains: &[Gain<'_>],
    stories: &[StoryRow],
    arrived: &[i64],
) -> Result<(), StoreError> {
    use story_facility::Column;
    let mut rows = Vec::new();
    for ((gain, story), arrived_at) in gains.iter().zip(stories).zip(arrived) {
        for (facility, (source, tally)) in &gain.places {
            let Some(source) = sources.get(*source) else { continue };
            rows.push(story_facility::ActiveModel {
                story_id: Set(story.id),
                facility: Set((*facility).to_owned()),
                region: Set(i32::from(source.region().number())),
                alerts: Set(tally.alerts),
                first_at: Set(tally.first_at.micros()),
                last_at: Set(tally.last_at.micros()),
                first_arrived_at: Set(*arrived_at),
                arrived_at: Set(*arrived_at),
            });
        }
    }
    for portion in portions(rows) {
        story_facility::Entity::insert_many(portion)
            .on_conflict(
                OnConflict::columns([Column::StoryId, Column::Facility])
                    .value(Column::Alerts, summed("story_facilities"))
                    .value(Column::FirstAt, kept("story_facilities", "first_at", Keep::Smaller))
                    .value(Column::LastAt, kept("story_facilities", "last_at", Keep::Larger))
                    .value(Column::ArrivedAt, kept("story_facilities", "arrived_at", Keep::Larger))
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// The stories' rows by hour of arrival.
pub(super) async fn count_hours(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    stories: &[StoryRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    use story_hour::Column;
    let rows = places(gains, stories).map(|(story, facility, tally)| story_hour::ActiveModel {
        story_id: Set(story),
        hour: Set(now.micros().div_euclid(MICROS_PER_HOUR)),
        facility: Set(facility.to_owned()),
        alerts: Set(tally.alerts),
        first_at: Set(tally.first_at.micros()),
        last_at: Set(tally.last_at.micros()),
    });
    for portion in portions(rows.collect()) {
        story_hour::Entity::insert_many(portion)
            .on_conflict(
                OnConflict::columns([Column::StoryId, Column::Hour, Column::Facility])
                    .value(Column::Alerts, summed("story_hours"))
                    .value(Column::FirstAt, kept("story_hours", "first_at", Keep::Smaller))
                    .value(Column::LastAt, kept("story_hours", "last_at", Keep::Larger))
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// The stories' rows by day of arrival.
pub(super) async fn count_days(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    stories: &[StoryRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    use story_day::Column;
    let rows = places(gains, stories).map(|(story, facility, tally)| story_day::ActiveModel {
        story_id: Set(story),
        day: Set(now.micros().div_euclid(MICROS_PER_DAY)),
        facility: Set(facility.to_owned()),
        alerts: Set(tally.alerts),
        first_at: Set(tally.first_at.micros()),
        last_at: Set(tally.last_at.micros()),
    });
    for portion in portions(rows.collect()) {
        story_day::Entity::insert_many(portion)
            .on_conflict(
                OnConflict::columns([Column::StoryId, Column::Day, Column::Facility])
                    .value(Column::Alerts, summed("story_days"))
                    .value(Column::FirstAt, kept("story_days", "first_at", Keep::Smaller))
                    .value(Column::LastAt, kept("story_days", "last_at", Keep::Larger))
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// Each story with each of its hospitals in this round.
fn places<'a>(gains: &'a [Gain<'_>], stories: &'a [StoryRow]) -> impl Iterator<Item = (i64, &'a str, &'a Tally)> {
    gains
        .iter()
        .zip(stories)
        .flat_map(|(gain, story)| gain.places.iter().map(|(facility, (_, tally))| (story.id, *facility, tally)))
}

/// Which of two values stays when a row comes again.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    Smaller,
    Larger,
}

/// The smaller or larger of a column's value and the new one.
pub(super) fn kept(table: &str, column: &str, keep: Keep) -> Expr {
    let word = match keep {
        Keep::Smaller => "<",
        Keep::Larger => ">",
    };
    Expr::cust(format!(
        "CASE WHEN excluded.{column} {word} {table}.{column} THEN excluded.{column} ELSE {table}.{column} END"
    ))
}

/// A column of alerts with the new ones.
pub(super) fn summed(table: &str) -> Expr {
    Expr::cust(format!("{table}.alerts + excluded.alerts"))
}
