//! The rows in which stories are counted: by hospital, by hour and by day of arrival.

use super::{
    Source,
    stories::{Gain, StoryRow, Tally},
};
use crate::{
    bulk::{self, Target},
    error::StoreError,
};
use phitak_model::Timestamp;
use sea_orm::{ConnectionTrait, Value};

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
    const TABLE: &str = "story_facilities";
    let mut rows = Vec::new();
    for ((gain, story), arrived_at) in gains.iter().zip(stories).zip(arrived) {
        for (facility, (source, tally)) in &gain.places {
            let Some(source) = sources.get(*source) else { continue };
            rows.push(vec![
                story.id.into(),
                (*facility).into(),
                i32::from(source.region().number()).into(),
                tally.alerts.into(),
                tally.first_at.micros().into(),
                tally.last_at.micros().into(),
                (*arrived_at).into(),
                (*arrived_at).into(),
            ]);
        }
    }
    let on_conflict = format!(
        "ON CONFLICT (story_id, facility) DO UPDATE SET {}, {}",
        tallied(TABLE),
        kept(TABLE, "arrived_at", Keep::Larger)
    );
    let columns =
        &["story_id", "facility", "region", "alerts", "first_at", "last_at", "first_arrived_at", "arrived_at"];
    bulk::insert(db, Target { table: TABLE, columns, on_conflict: &on_conflict }, rows).await
}

/// The stories' rows by hour of arrival.
pub(super) async fn count_hours(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    stories: &[StoryRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    count_spans(db, gains, stories, ("story_hours", "hour", now.micros().div_euclid(MICROS_PER_HOUR))).await
}

/// The stories' rows by day of arrival.
pub(super) async fn count_days(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    stories: &[StoryRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    count_spans(db, gains, stories, ("story_days", "day", now.micros().div_euclid(MICROS_PER_DAY))).await
}

async fn count_spans(
    db: &impl ConnectionTrait,
    gains: &[Gain<'_>],
    stories: &[StoryRow],
    (table, unit, span): (&str, &str, i64),
) -> Result<(), StoreError> {
    let row = |(story, facility, tally): (i64, &str, &Tally)| -> Vec<Value> {
        vec![
            span.into(),
            story.into(),
            facility.into(),
            tally.alerts.into(),
            tally.first_at.micros().into(),
            tally.last_at.micros().into(),
        ]
    };
    let rows = places(gains, stories).map(row).collect();
    let on_conflict = format!("ON CONFLICT ({unit}, story_id, facility) DO UPDATE SET {}", tallied(table));
    let columns = &[unit, "story_id", "facility", "alerts", "first_at", "last_at"];
    bulk::insert(db, Target { table, columns, on_conflict: &on_conflict }, rows).await
}

/// Each story with each of its hospitals in this round.
fn places<'a>(gains: &'a [Gain<'_>], stories: &'a [StoryRow]) -> impl Iterator<Item = (i64, &'a str, &'a Tally)> {
    gains
        .iter()
        .zip(stories)
        .flat_map(|(gain, story)| gain.places.iter().map(|(facility, (_, tally))| (story.id, *facility, tally)))
}

/// What a row of counted alerts becomes when more come to it.
pub(super) fn tallied(table: &str) -> String {
    let first = kept(table, "first_at", Keep::Smaller);
    let last = kept(table, "last_at", Keep::Larger);
    format!("{}, {first}, {last}", summed(table))
}

/// Which of two values stays when a row comes again.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    Smaller,
    Larger,
}

/// The assignment that leaves a column the smaller or larger of its value and the new one.
pub(super) fn kept(table: &str, column: &str, keep: Keep) -> String {
    let word = match keep {
        Keep::Smaller => "<",
        Keep::Larger => ">",
    };
    format!(
        "{column} = CASE WHEN excluded.{column} {word} {table}.{column} THEN excluded.{column} ELSE {table}.{column} END"
    )
}

/// The assignment that adds a column of new alerts.
pub(super) fn summed(table: &str) -> String {
    format!("alerts = {table}.alerts + excluded.alerts")
}
