//! Alerts by day (UTC): their indices begin with a day, so that what arrives touches the newest pages alone and not one page
//! of a large tree for each alert. In return each question names the days that it asks about.

use crate::{database::Store, error::StoreError, ids::StoryId, rows::alert, scope::Scope};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Most days that one question asks about, the latest; sensors whose clock is wrong make days of their own.
pub(crate) const DAYS_MAX: usize = 1_000;
/// Most days of arrival that one step back through a story takes.
const DAYS_PER_STEP_MAX: i64 = 64;

/// The day in which packets came. Both databases know the index by these words.
pub(crate) fn seen_on() -> SimpleExpr {
    Expr::cust(r#"CAST("alerts"."at" / 86400000000 AS INTEGER)"#)
}

/// The day in which the alert came to the centre.
pub(crate) fn arrived_on() -> SimpleExpr {
    Expr::cust(r#""alerts"."arrived_at" / 86400000000"#)
}

/// Where and when a story reached one hospital.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay<'a> {
    pub story: StoryId,
    pub facility: &'a str,
    pub first_arrived_at: i64,
    pub arrived_at: i64,
}

impl Store {
    /// The days between these moments in which an alert's packets came, latest first, at most one more than [`DAYS_MAX`]:
    /// a step of the index for each.
    pub(crate) async fn days_seen(&self, from: i64, until: i64) -> Result<Vec<i64>, StoreError> {
        let backend = self.reader().get_database_backend();
        let (from, until) = (from / MICROS_PER_DAY, until / MICROS_PER_DAY);
        let [latest, earliest, most] = match backend {
            DbBackend::Postgres => ["$1", "$2", "$3"],
            _ => ["?1", "?2", "?3"],
        };
        let day = r#"CAST("at" / 86400000000 AS INTEGER)"#;
        let step = |rest: &str| {
            format!("(SELECT CAST({day} AS BIGINT) FROM alerts WHERE {day} {rest} ORDER BY {day} DESC LIMIT 1)")
        };
        let (first, next) = (step(&format!("<= {latest}")), step("< days.day"));
        let sql = format!(
            "WITH RECURSIVE days(day) AS (SELECT {first} UNION ALL SELECT {next} FROM days WHERE days.day >= {earliest}) \
             SELECT day FROM days WHERE day >= {earliest} LIMIT {most}"
        );
        let most = i64::try_from(DAYS_MAX + 1).unwrap_or(i64::MAX);
        let asked = Statement::from_sql_and_values(backend, sql, [until.into(), from.into(), most.into()]);
        let rows = self.reader().query_all_raw(asked).await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
    }

    /// A story's latest alerts at one hospital, latest first: back from its last day there, further at each step.
    pub(crate) async fn latest_of_stay(
        &self,
        scope: &Scope,
        stay: Stay<'_>,
        most: u64,
    ) -> Result<Vec<alert::Model>, StoreError> {
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let mut rows: Vec<alert::Model> = Vec::new();
        for days in steps_back(stay.first_arrived_at / MICROS_PER_DAY, stay.arrived_at / MICROS_PER_DAY) {
            let rest = most.saturating_sub(rows.len() as u64);
            let mut found = alert::Entity::find()
                .filter(on(arrived_on(), &days))
                .filter(alert::Column::StoryId.eq(stay.story.0))
                .filter(alert::Column::Facility.eq(stay.facility))
                .filter(scope.admits(alert::Column::Facility))
                .order_by_desc(alert::Column::Id)
                .limit(rest)
                .all(self.reader())
                .await?;
            rows.append(&mut found);
            if rows.len() >= limit {
                break;
            }
        }
        Ok(rows)
    }
}

/// One day by itself, so that its rows come in the index's order; more as a list.
fn on(day: SimpleExpr, days: &[i64]) -> SimpleExpr {
    match days {
        [only] => day.eq(*only),
        more => day.is_in(crate::bulk::padded(more)),
    }
}

/// All days from the last to the first, in portions that grow. A story that was closed ahead of the clock counts as
/// arrived after it: one day more at the beginning holds what came before.
fn steps_back(first: i64, last: i64) -> impl Iterator<Item = Vec<i64>> {
    let first = first.saturating_sub(1);
    let (mut next, mut length) = (last, 1);
    std::iter::from_fn(move || {
        if next < first {
            return None;
        }
        let until = next;
        next = until.saturating_sub(length);
        length = std::cmp::min(length * 2, DAYS_PER_STEP_MAX);
        Some((std::cmp::max(next + 1, first)..=until).rev().collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_back_take_each_day_once_latest_first() {
        for (first, last) in [(5, 5), (5, 6), (0, 300), (9, 20), (20, 9)] {
            let steps: Vec<Vec<i64>> = steps_back(first, last).collect();
            let all: Vec<i64> = steps.iter().flatten().copied().collect();
            assert_eq!(all, (first - 1..=last).rev().collect::<Vec<_>>(), "{first}..={last}");
            assert!(steps.iter().all(|step| !step.is_empty() && step.len() <= 64));
            assert!(steps.first().is_none_or(|step| step.len() == 1));
        }
    }
}
