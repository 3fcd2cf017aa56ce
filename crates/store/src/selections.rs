//! Frozen selections: all stories that match a filter at one moment, kept by number, so that what comes later is not hit.

use crate::{
    audit::AuditLine,
    bulk::{self, Target},
    database::Store,
    error::StoreError,
    ids::{SelectionId, UserId},
    page::COUNT_MAX,
    rows::{selected_story, selection as row, story},
    scope::Scope,
    stories::{StoryFilter, matching, unsigned},
    suppressing::hider,
};
use phitak_model::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use std::collections::BTreeMap;

/// Most stories of a selection: those that arrived latest.
pub const SELECTION_STORIES_MAX: u64 = 2_000;
/// Selections of one person that are kept; the oldest goes.
pub const SELECTIONS_PER_PERSON_MAX: u64 = 20;
/// How long a selection can be handled, and what was done with it be taken back.
pub const SELECTION_KEPT_SECS: i64 = 86_400;
/// Most that are forgotten at a time.
const FORGOTTEN_MAX: u64 = 50;

/// A frozen selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub id: SelectionId,
    pub stories: u64,
    /// All that match; more than [`Self::stories`] when there was no room for all.
    pub total: u64,
    /// False when counting stopped at [`COUNT_MAX`].
    pub total_exact: bool,
    /// What had arrived by then is meant.
    pub up_to: Timestamp,
}

impl Store {
    /// Freezes what matches now, without what a suppression hides. Only for those who may judge all that they see.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when nothing matches, [`StoreError::Database`].
    pub async fn select_stories(
        &self,
        scope: &Scope,
        filter: &StoryFilter,
        by: UserId,
        audit: AuditLine,
    ) -> Result<Selection, StoreError> {
        let now = audit.at;
        let (total, found) = self.found(scope, filter).await?;
        let ids: Vec<i64> = found.iter().map(|row| row.id).collect();
        let judged: BTreeMap<i64, story::Model> = found.into_iter().map(|row| (row.id, row)).collect();
        let tx = self.write().await?;
        forget(&tx, by, now).await?;
        let mut rows = Vec::with_capacity(ids.len());
        for part in ids.chunks(bulk::LIST_MAX) {
            rows.extend(story::Entity::find().filter(story::Column::Id.is_in(bulk::padded(part))).all(&tx).await?);
        }
        // What somebody judged in between is not what was searched for.
        rows.retain(|row| judged.get(&row.id).is_some_and(|found| judgement(found) == judgement(row)));
        if rows.is_empty() {
            return Err(StoreError::conflict("no story matches any more"));
        }
        // An arrival may be stamped later than the clock says: the selection means all that was there.
        let up_to = rows.iter().map(|row| row.arrived_at).fold(now.micros(), std::cmp::max);
        let inserted = row::Entity::insert(row::ActiveModel {
            user_id: Set(by.0),
            created_at: Set(now.micros()),
            up_to: Set(up_to),
            stories: Set(i64::try_from(rows.len()).unwrap_or(i64::MAX)),
            changed: Set(0),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        let id = SelectionId(inserted.last_insert_id);
        let stories = rows.len() as u64;
        keep(&tx, id, rows).await?;
        audit.about(format!("selection {id}"), None).saying(format!("{stories} stories")).store(&tx).await?;
        tx.commit().await?;
        Ok(Selection {
            id,
            stories,
            total: std::cmp::min(total, COUNT_MAX),
            total_exact: total <= COUNT_MAX,
            up_to: Timestamp::from_micros(up_to),
        })
    }

    /// How many match, up to one more than [`COUNT_MAX`], and those that arrived latest. Searched beside the only writer,
    /// not in it.
    async fn found(&self, scope: &Scope, filter: &StoryFilter) -> Result<(u64, Vec<story::Model>), StoreError> {
        let mut shown = matching(scope, filter);
        shown.and_where(hider().eq(0));
        let counted = Query::select()
            .expr_as(Func::count(Expr::col("id")), "number")
            .from_subquery(shown.clone().limit(COUNT_MAX + 1).to_owned(), "m")
            .to_owned();
        let count = self.reader().query_one(&counted).await?.ok_or(StoreError::NotFound)?;
        let total = unsigned(count.try_get("", "number")?);
        let latest = Query::select()
            .column("id")
            .from_subquery(shown, "m")
            .order_by("arrived_at", Order::Desc)
            .order_by("id", Order::Desc)
            .limit(SELECTION_STORIES_MAX)
            .to_owned();
        let found = story::Entity::find().filter(story::Column::Id.in_subquery(latest)).all(self.reader()).await?;
        if found.is_empty() {
            return Err(StoreError::conflict("no story matches any more"));
        }
        Ok((total, found))
    }
}

/// What somebody's judgement leaves in a story, and what hides it.
fn judgement(row: &story::Model) -> (&str, Option<&str>, Option<i64>, Option<i64>, Option<i64>, i64) {
    let verdict = row.verdict.as_deref();
    (row.status.as_str(), verdict, row.assignee_id, row.acknowledged_up_to, row.closed_up_to, row.suppression_id)
}

/// The stories as they stand now.
async fn keep(tx: &DatabaseTransaction, id: SelectionId, rows: Vec<story::Model>) -> Result<(), StoreError> {
    let columns = &[
        "selection_id",
        "story_id",
        "status",
        "verdict",
        "assignee_id",
        "assignee_name",
        "acknowledged_up_to",
        "closed_up_to",
        "is_changed",
    ];
    let rows: Vec<Vec<sea_orm::Value>> = rows
        .into_iter()
        .map(|row| {
            vec![
                id.0.into(),
                row.id.into(),
                row.status.into(),
                row.verdict.into(),
                row.assignee_id.into(),
                row.assignee_name.into(),
                row.acknowledged_up_to.into(),
                row.closed_up_to.into(),
                0_i32.into(),
            ]
        })
        .collect();
    bulk::insert(tx, Target { table: "selected_stories", columns, on_conflict: "" }, rows).await
}

/// Makes room: what is past its time, and the person's oldest.
async fn forget(tx: &DatabaseTransaction, by: UserId, now: Timestamp) -> Result<(), StoreError> {
    let before = now.plus_secs(-SELECTION_KEPT_SECS).micros();
    let ids = || row::Entity::find().select_only().column(row::Column::Id);
    let mut old: Vec<i64> =
        ids().filter(row::Column::CreatedAt.lt(before)).limit(FORGOTTEN_MAX).into_tuple().all(tx).await?;
    let own = ids().filter(row::Column::UserId.eq(by.0)).order_by_desc(row::Column::Id);
    let surplus = own.offset(SELECTIONS_PER_PERSON_MAX.saturating_sub(1)).limit(FORGOTTEN_MAX);
    old.extend(surplus.into_tuple::<i64>().all(tx).await?);
    if !old.is_empty() {
        let gone = || old.iter().copied();
        selected_story::Entity::delete_many()
            .filter(selected_story::Column::SelectionId.is_in(gone()))
            .exec(tx)
            .await?;
        row::Entity::delete_many().filter(row::Column::Id.is_in(gone())).exec(tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_search_does_not_wait_for_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let (scope, audit) = (Scope::of_the_centre_itself(), AuditLine::of_operator(Timestamp::from_secs(1), "test"));
        let writing = store.write().await.expect("begins");
        let none = store.select_stories(&scope, &StoryFilter::default(), UserId(1), audit).await;
        assert!(matches!(none, Err(StoreError::Conflict { .. })), "{none:?}");
        drop(writing);
    }
}
