//! What stories brought within a time: sums by hour of arrival for a day, by day of arrival for longer.
//!
//! A window begins at a whole hour or a whole day (UTC), so that it counts a little more than was asked for, never less.

use crate::{
    database::Store,
    error::StoreError,
    scope::{Scope, codes_of_region},
    stories::{StoryFilter, sum},
};
use phitak_model::Timestamp;
use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult,
    sea_query::{Condition, Expr, ExprTrait, Func, Query},
};
use std::{collections::BTreeMap, ops::RangeInclusive};

const MICROS_PER_HOUR: i64 = 3_600_000_000;
/// Longest time that is counted by hours; `retention::STORY_HOURS_KEPT` is longer.
const HOURS_MAX: i64 = 25;
/// Longest time that is counted by days: alerts are kept for less.
const DAYS_MAX: i64 = 2_000;

/// The rows in which a time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub table: &'static str,
    unit: &'static str,
    from: i64,
    /// One more than now, should the clock have been set back a little.
    until: i64,
}

/// A story's sums in a window.
#[derive(Debug, FromQueryResult)]
pub(crate) struct WindowSums {
    story_id: i64,
    pub facilities: i64,
    pub regions: i64,
    pub alerts: i64,
    pub first_at: i64,
    pub last_at: i64,
}

impl Window {
    /// `None` when all time is asked for.
    pub(crate) fn of(filter: &StoryFilter) -> Option<Self> {
        let window = filter.window?;
        let hour = window.since.micros().div_euclid(MICROS_PER_HOUR);
        let now = window.now.micros().div_euclid(MICROS_PER_HOUR);
        Some(if now.saturating_sub(hour) < HOURS_MAX {
            Self { table: "story_hours", unit: "hour", from: hour, until: now + 1 }
        } else {
            let until = now.div_euclid(24) + 1;
            let from = std::cmp::max(hour.div_euclid(24), until - DAYS_MAX);
            Self { table: "story_days", unit: "day", from, until }
        })
    }

    /// The whole hour or day with which it begins.
    pub(crate) fn begins_at(self) -> Timestamp {
        let hours = if self.unit == "hour" { self.from } else { self.from.saturating_mul(24) };
        Timestamp::from_micros(hours.saturating_mul(MICROS_PER_HOUR))
    }

    /// The days (UTC) that it touches.
    pub(crate) fn days(self) -> RangeInclusive<i64> {
        let day = |unit: i64| if self.unit == "hour" { unit.div_euclid(24) } else { unit };
        day(self.from)..=day(self.until)
    }

    /// All rows that lie in the window and that the caller may see.
    pub(crate) fn rows_within(self, scope: &Scope) -> Condition {
        Condition::all()
            .add(Expr::col((self.table, self.unit)).gte(self.from))
            .add(scope.admits((self.table, "facility")))
    }

    /// The rows of these stories that lie in the window and that the caller may see.
    pub(crate) fn rows_of(self, scope: &Scope, filter: &StoryFilter, ids: &[i64]) -> Condition {
        let facility = (self.table, "facility");
        let mut all = Condition::all()
            .add(Expr::col((self.table, "story_id")).is_in(ids.iter().copied()))
            // Each hour or day by itself: the key begins with it.
            .add(Expr::col((self.table, self.unit)).is_in(self.from..=self.until))
            .add(scope.admits(facility));
        if let Some(region) = filter.region {
            all = all.add(Expr::col(facility).in_subquery(codes_of_region(region)));
        }
        if let Some(code) = &filter.facility {
            all = all.add(Expr::col(facility).eq(code.as_str()));
        }
        all
    }

    pub(crate) async fn sums(
        self,
        store: &Store,
        scope: &Scope,
        filter: &StoryFilter,
        ids: &[i64],
    ) -> Result<BTreeMap<i64, WindowSums>, StoreError> {
        let column = |column| Expr::col((self.table, column));
        let select = Query::select()
            .expr_as(column("story_id"), "story_id")
            .expr_as(Func::count_distinct(column("facility")), "facilities")
            .expr_as(Func::count_distinct(Expr::col(("facilities", "region"))), "regions")
            .expr_as(sum(column("alerts")), "alerts")
            .expr_as(Func::min(column("first_at")), "first_at")
            .expr_as(Func::max(column("last_at")), "last_at")
            .from(self.table)
            .inner_join("facilities", Expr::col(("facilities", "code")).equals((self.table, "facility")))
            .cond_where(self.rows_of(scope, filter, ids))
            .group_by_col((self.table, "story_id"))
            .to_owned();
        let rows = store.reader().query_all(&select).await?;
        let sums = rows.iter().map(|row| WindowSums::from_query_result(row, ""));
        Ok(sums.map(|sums| sums.map(|sums| (sums.story_id, sums))).collect::<Result<_, DbErr>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::ArrivedWithin;

    #[test]
    fn a_day_is_counted_by_hours_and_a_week_by_days() {
        let now = Timestamp::parse("2026-11-24T02:14:00Z").expect("a moment");
        let of = |secs: i64| {
            let window = Some(ArrivedWithin { since: now.plus_secs(-secs), now });
            Window::of(&StoryFilter { window, ..StoryFilter::default() })
        };
        let hour = now.micros().div_euclid(MICROS_PER_HOUR);
        assert_eq!(of(86_400), Some(Window { table: "story_hours", unit: "hour", from: hour - 24, until: hour + 1 }));
        assert_eq!(
            of(7 * 86_400).map(|window| (window.table, window.from, window.until)),
            Some(("story_days", (hour - 7 * 24) / 24, hour / 24 + 1))
        );
        assert_eq!(Window::of(&StoryFilter::default()), None);
        for (secs, begins) in [(86_400, "2026-11-23T02:00:00Z"), (7 * 86_400, "2026-11-17T00:00:00Z")] {
            assert_eq!(of(secs).map(Window::begins_at), Timestamp::parse(begins).ok());
        }
        let today = hour / 24;
        for (secs, first) in [(86_400, today - 1), (7 * 86_400, today - 7)] {
            let days = of(secs).map(Window::days).expect("a window");
            assert_eq!((*days.start(), days.contains(&today)), (first, true));
        }
    }
}
