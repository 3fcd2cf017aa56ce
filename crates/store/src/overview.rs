//! Counts of stories for the overview; everything else in it is read from the facilities' own rows.

use crate::{
    database::Store,
    error::StoreError,
    rows::{story, story_facility},
    scope::Scope,
    stories::{open_condition, unsigned},
    words::StoryStatus,
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Condition, Expr, ExprTrait, Func, Query, SelectStatement},
};
use std::collections::BTreeMap;

impl Store {
    /// Stories that are open anywhere in scope, each counted once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stories_open(&self, scope: &Scope) -> Result<u64, StoreError> {
        let select = if scope.is_whole_sector() { open_anywhere() } else { open_in(scope) };
        let row = self.reader().query_one(&select).await?.ok_or(StoreError::NotFound)?;
        Ok(unsigned(row.try_get("", "number")?))
    }

    /// Stories that are open in each region in scope, each counted once a region.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stories_open_by_region(&self, scope: &Scope) -> Result<BTreeMap<u8, u64>, StoreError> {
        // First by story and region, which one index gives in its order; then the few that are left meet the stories.
        let place = |column| Expr::col((story_facility::Entity, column));
        let by_story = Query::select()
            .column(story_facility::Column::Region)
            .column(story_facility::Column::StoryId)
            .expr_as(Func::max(place(story_facility::Column::ArrivedAt)), "arrived_at")
            .from(story_facility::Entity)
            .cond_where(scope.admits_in(
                (story_facility::Entity, story_facility::Column::Facility),
                (story_facility::Entity, story_facility::Column::Region),
            ))
            .group_by_columns([story_facility::Column::Region, story_facility::Column::StoryId])
            .to_owned();
        let region = ("p", "region");
        let select = Query::select()
            .expr_as(Expr::col(region), "region")
            .expr_as(Expr::cust("COUNT(*)"), "number")
            .from_subquery(by_story, "p")
            .inner_join(story::Entity, Expr::col((story::Entity, story::Column::Id)).equals(("p", "story_id")))
            .cond_where(is_open(Expr::col(("p", "arrived_at"))))
            .group_by_col(region)
            .to_owned();
        let mut by_region = BTreeMap::new();
        for row in self.reader().query_all(&select).await? {
            let region = u8::try_from(row.try_get::<i32>("", "region")?).unwrap_or(0);
            by_region.insert(region, unsigned(row.try_get("", "number")?));
        }
        Ok(by_region)
    }
}

/// A story's own last arrival is that of the hospital where something arrived last.
fn open_anywhere() -> SelectStatement {
    Query::select()
        .expr_as(Expr::cust("COUNT(*)"), "number")
        .from(story::Entity)
        .cond_where(is_open(Expr::col((story::Entity, story::Column::ArrivedAt))))
        .to_owned()
}

/// [`open_condition`] for the last arrival at several hospitals.
fn is_open(arrived_at: Expr) -> Condition {
    let column = |column| Expr::col((story::Entity, column));
    Condition::all().add(column(story::Column::Status).is_in(StoryStatus::OPEN.map(StoryStatus::as_str))).add(
        Condition::any()
            .add(column(story::Column::ClosedUpTo).is_null())
            .add(arrived_at.gt(column(story::Column::ClosedUpTo))),
    )
}

fn open_in(scope: &Scope) -> SelectStatement {
    let story_id = (story_facility::Entity, story_facility::Column::StoryId);
    Query::select()
        .expr_as(Func::count_distinct(Expr::col(story_id)), "number")
        .from(story_facility::Entity)
        .inner_join(story::Entity, Expr::col((story::Entity, story::Column::Id)).equals(story_id))
        .cond_where(open_condition())
        .cond_where(scope.admits_in(
            (story_facility::Entity, story_facility::Column::Facility),
            (story_facility::Entity, story_facility::Column::Region),
        ))
        .to_owned()
}
