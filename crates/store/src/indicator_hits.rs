//! What indicators hit, as far as the caller may see it: counted from the stories of their alerts.

use crate::{
    database::Store,
    error::StoreError,
    ids::StoryId,
    rows::{story, story_facility},
    scope::Scope,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use std::collections::BTreeMap;

/// Of one indicator.
#[derive(Default)]
pub(crate) struct Hits {
    pub story: Option<StoryId>,
    pub alerts: u64,
    pub hospitals: u64,
}

impl Store {
    /// By indicator, or by whatever else alerts under a group of its own: the story of its alerts, how many there are in scope,
    /// and of how many hospitals.
    pub(crate) async fn hits_of(
        &self,
        scope: &Scope,
        gid: u32,
        ids: &[i64],
    ) -> Result<BTreeMap<i64, Hits>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let stories: Vec<(i64, i64)> = story::Entity::find()
            .select_only()
            .columns([story::Column::Id, story::Column::SignatureId])
            .filter(story::Column::Gid.eq(gid))
            .filter(story::Column::SignatureId.is_in(ids.iter().copied()))
            .order_by_asc(story::Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?;
        if stories.is_empty() {
            return Ok(BTreeMap::new());
        }
        let select = Query::select()
            .column(story_facility::Column::StoryId)
            .expr_as(Func::sum(Expr::col(story_facility::Column::Alerts)).cast_as("BIGINT"), "alerts")
            .expr_as(Func::count(Expr::col(story_facility::Column::Facility)), "hospitals")
            .from(story_facility::Entity)
            .cond_where(scope.admits_in(story_facility::Column::Facility, story_facility::Column::Region))
            .and_where(Expr::col(story_facility::Column::StoryId).is_in(stories.iter().map(|(story, _)| *story)))
            .group_by_col(story_facility::Column::StoryId)
            .to_owned();
        let mut hits: BTreeMap<i64, Hits> = BTreeMap::new();
        for found in self.reader().query_all(&select).await? {
            let story: i64 = found.try_get("", "story_id")?;
            let Some((_, id)) = stories.iter().find(|(known, _)| *known == story) else { continue };
            let own = hits.entry(*id).or_default();
            own.story = Some(StoryId(story));
            own.alerts = own.alerts.saturating_add(u64::try_from(found.try_get::<i64>("", "alerts")?).unwrap_or(0));
            let hospitals = u64::try_from(found.try_get::<i64>("", "hospitals")?).unwrap_or(0);
            own.hospitals = std::cmp::max(own.hospitals, hospitals);
        }
        Ok(hits)
    }
}
