//! Counts of stories for the overview; everything else in it is read from the facilities' own rows.

use crate::{
    database::Store,
    error::StoreError,
    rows::{story, story_facility},
    scope::Scope,
    stories::open_condition,
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};
use std::collections::BTreeMap;

impl Store {
    /// Stories that are open anywhere in scope, each counted once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stories_open(&self, scope: &Scope) -> Result<u64, StoreError> {
        let row = self.reader().query_one(&open_stories(scope)).await?.ok_or(StoreError::NotFound)?;
        Ok(u64::try_from(row.try_get::<i64>("", "number")?).unwrap_or(0))
    }

    /// Stories that are open in each region in scope, each counted once a region.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stories_open_by_region(&self, scope: &Scope) -> Result<BTreeMap<u8, u64>, StoreError> {
        let mut select = open_stories(scope);
        let region = (story_facility::Entity, story_facility::Column::Region);
        select.expr_as(Expr::col(region), "region").group_by_col(region);
        let mut by_region = BTreeMap::new();
        for row in self.reader().query_all(&select).await? {
            let region = u8::try_from(row.try_get::<i32>("", "region")?).unwrap_or(0);
            by_region.insert(region, u64::try_from(row.try_get::<i64>("", "number")?).unwrap_or(0));
        }
        Ok(by_region)
    }
}

fn open_stories(scope: &Scope) -> SelectStatement {
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
