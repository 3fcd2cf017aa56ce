//! The list of cases, what is due next first.

use crate::{
    case_rows::{case as row, case_clock, case_facility, case_task},
    case_words::{CaseStatus, ClockState, TaskState, ThreatLevel},
    cases::Case,
    database::Store,
    error::StoreError,
    ids::UserId,
    page::{Page, PageAsk, holds_part},
    scope::Scope,
    stories::unsigned,
};
use phitak_model::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};
use std::collections::BTreeMap;

/// What a list of cases is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    pub statuses: Vec<CaseStatus>,
    pub levels: Vec<ThreatLevel>,
    pub facility: Option<String>,
    pub assignee: Option<UserId>,
    /// Only those of which something is due before this moment.
    pub due_before: Option<Timestamp>,
    /// Part of the number or the words; of the title only for the sector.
    pub part: Option<String>,
    /// Also those that were merged into another.
    pub merged_too: bool,
}

/// A case in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseLine {
    pub case: Case,
    /// The earliest of what is due at the hospitals in scope; for the sector, of the centre's own tasks too.
    pub next_due_at: Option<Timestamp>,
    /// At the hospitals in scope.
    pub clocks_running: u64,
    pub tasks_open: u64,
}

/// Where nothing is due: after everything that is.
const NOTHING_DUE: i64 = i64::MAX;

impl Store {
    /// Cases, what is due next first, then the latest.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn cases(&self, scope: &Scope, filter: &CaseFilter, ask: &PageAsk) -> Result<Page<CaseLine>, StoreError> {
        let after = ask.after_pair()?;
        let matching = matching(scope, filter);
        let counted = Query::select()
            .expr_as(Func::count(Expr::col("id")), "number")
            .from_subquery(matching.clone(), "m")
            .to_owned();
        let count = self.reader().query_one(&counted).await?.ok_or(StoreError::NotFound)?;
        let total = unsigned(count.try_get("", "number")?);
        let mut page = Query::select();
        page.columns(["id", "due"]).from_subquery(matching, "m");
        if let Some((due, id)) = after {
            page.cond_where(
                Condition::any()
                    .add(Expr::col("due").gt(due))
                    .add(Condition::all().add(Expr::col("due").eq(due)).add(Expr::col("id").lt(id))),
            );
        }
        page.order_by("due", Order::Asc).order_by("id", Order::Desc).limit(ask.rows() + 1);
        let mut keys = Vec::new();
        for found in self.reader().query_all(&page).await? {
            keys.push((found.try_get::<i64>("", "due")?, found.try_get::<i64>("", "id")?));
        }
        let page = Page::of(keys, ask.rows(), total, |(due, id)| format!("{due}_{id}"));
        let lines = self.case_lines(scope, &page.items).await?;
        Ok(Page { items: lines, total, next_cursor: page.next_cursor })
    }

    async fn case_lines(&self, scope: &Scope, keys: &[(i64, i64)]) -> Result<Vec<CaseLine>, StoreError> {
        let ids: Vec<i64> = keys.iter().map(|(_, id)| *id).collect();
        let rows = row::Entity::find().filter(row::Column::Id.is_in(ids.iter().copied())).all(self.reader()).await?;
        let places = case_facility::Entity::find()
            .filter(case_facility::Column::CaseId.is_in(ids.iter().copied()))
            .filter(scope.admits(case_facility::Column::Facility))
            .order_by_asc(case_facility::Column::Facility)
            .all(self.reader())
            .await?;
        let clocks = self.clocks_running(scope, &ids).await?;
        let tasks = self.tasks_open(scope, &ids).await?;
        let mut lines = Vec::with_capacity(keys.len());
        for (due, id) in keys {
            let Some(row) = rows.iter().find(|row| row.id == *id) else { continue };
            let own = places.iter().filter(|place| place.case_id == *id).map(|place| place.facility.clone());
            lines.push(CaseLine {
                case: Case::of(row.clone(), own.collect())?,
                next_due_at: Some(*due).filter(|due| *due != NOTHING_DUE).map(Timestamp::from_micros),
                clocks_running: clocks.get(id).copied().unwrap_or(0),
                tasks_open: tasks.get(id).copied().unwrap_or(0),
            });
        }
        Ok(lines)
    }

    async fn clocks_running(&self, scope: &Scope, ids: &[i64]) -> Result<BTreeMap<i64, u64>, StoreError> {
        let counts: Vec<(i64, i64)> = case_clock::Entity::find()
            .select_only()
            .column(case_clock::Column::CaseId)
            .column_as(case_clock::Column::Id.count(), "number")
            .filter(case_clock::Column::CaseId.is_in(ids.iter().copied()))
            .filter(case_clock::Column::State.eq(ClockState::Running.as_str()))
            .filter(scope.admits(case_clock::Column::Facility))
            .group_by(case_clock::Column::CaseId)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(counts.into_iter().map(|(id, number)| (id, unsigned(number))).collect())
    }

    async fn tasks_open(&self, scope: &Scope, ids: &[i64]) -> Result<BTreeMap<i64, u64>, StoreError> {
        let counts: Vec<(i64, i64)> = case_task::Entity::find()
            .select_only()
            .column(case_task::Column::CaseId)
            .column_as(case_task::Column::Id.count(), "number")
            .filter(case_task::Column::CaseId.is_in(ids.iter().copied()))
            .filter(case_task::Column::State.eq(TaskState::Open.as_str()))
            .filter(scope.admits(case_task::Column::Facility))
            .group_by(case_task::Column::CaseId)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(counts.into_iter().map(|(id, number)| (id, unsigned(number))).collect())
    }
}

/// `(id, due)` of the cases that match, unordered. Over the whole sector the case's own row suffices; a narrower view goes
/// by what is due at its hospitals, so that nothing of another's stands in the order.
fn matching(scope: &Scope, filter: &CaseFilter) -> SelectStatement {
    let mut select = Query::select();
    let narrow = !scope.is_whole_sector() || filter.facility.is_some();
    let due = if narrow {
        let mut gathered = Query::select();
        gathered
            .expr_as(Expr::col(case_facility::Column::CaseId), "case_id")
            .expr_as(Func::min(Expr::col(case_facility::Column::NextDueAt)), "due_at")
            .from(case_facility::Entity)
            .cond_where(scope.admits(case_facility::Column::Facility))
            .group_by_col(case_facility::Column::CaseId);
        if let Some(facility) = &filter.facility {
            gathered.and_where(Expr::col(case_facility::Column::Facility).eq(facility.as_str()));
        }
        select
            .from_subquery(gathered, "p")
            .inner_join(row::Entity, Expr::col((row::Entity, row::Column::Id)).equals(("p", "case_id")));
        Expr::col(("p", "due_at"))
    } else {
        select.from(row::Entity);
        Expr::col((row::Entity, row::Column::NextDueAt))
    };
    select
        .expr_as(Expr::col((row::Entity, row::Column::Id)), "id")
        .expr_as(Func::coalesce([due.clone(), Expr::value(NOTHING_DUE)]), "due");
    if let Some(before) = filter.due_before {
        select.and_where(due.lt(before.micros()));
    }
    select.cond_where(own_conditions(scope, filter));
    select
}

/// The conditions on the case itself.
fn own_conditions(scope: &Scope, filter: &CaseFilter) -> Condition {
    let column = |column| Expr::col((row::Entity, column));
    let mut all = Condition::all();
    if !filter.merged_too {
        all = all.add(column(row::Column::MergedInto).is_null());
    }
    if !filter.statuses.is_empty() {
        all = all.add(column(row::Column::Status).is_in(filter.statuses.iter().map(|status| status.as_str())));
    }
    if !filter.levels.is_empty() {
        all = all.add(column(row::Column::Level).is_in(filter.levels.iter().map(|level| level.as_str())));
    }
    if let Some(assignee) = filter.assignee {
        all = all.add(column(row::Column::AssigneeId).eq(assignee.0));
    }
    if let Some(part) = filter.part.as_deref().map(str::trim).filter(|part| !part.is_empty()) {
        let mut any = Condition::any()
            .add(holds_part((row::Entity, row::Column::ToldTh), part))
            .add(holds_part((row::Entity, row::Column::ToldEn), part));
        if let Some((year, number)) = number_in(part) {
            let mut exact = Condition::all().add(column(row::Column::Number).eq(number));
            if let Some(year) = year {
                exact = exact.add(column(row::Column::Year).eq(year));
            }
            any = any.add(exact);
        }
        // Whoever may not read the title may not find out what stands there either.
        if scope.is_whole_sector() {
            any = any.add(holds_part((row::Entity, row::Column::Title), part));
        }
        all = all.add(any);
    }
    all
}

/// `2569-0001` or `1`.
fn number_in(part: &str) -> Option<(Option<i32>, i64)> {
    match part.split_once('-') {
        Some((year, number)) => Some((Some(year.parse().ok()?), number.parse().ok()?)),
        None => Some((None, part.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_found_by_its_number() {
        assert_eq!(number_in("2569-0007"), Some((Some(2569), 7)));
        assert_eq!(number_in("12"), Some((None, 12)));
        assert_eq!((number_in("x-1"), number_in(""), number_in("1-2-3")), (None, None, None));
    }
}
