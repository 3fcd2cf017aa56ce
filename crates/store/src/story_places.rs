//! Where a story was seen: its hospitals, as far as the caller may know of them.

use crate::{
    database::Store,
    error::StoreError,
    facilities,
    ids::StoryId,
    rows::story_facility,
    scope::Scope,
    stories::{StoryFilter, places, sum, unsigned},
    story_window::Window,
};
use phitak_model::{FacilityCode, HealthRegion, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query},
};

/// Most hospitals of a story that are shown one by one.
pub const FACILITIES_SHOWN_MAX: u64 = 500;

/// A story at one hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryAt {
    pub story: StoryId,
    pub facility: String,
    pub region: u8,
    pub alerts: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl Store {
    /// The stories at each hospital in scope and filter, most alerts first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn story_at(
        &self,
        scope: &Scope,
        filter: &StoryFilter,
        ids: &[StoryId],
        most: u64,
    ) -> Result<Vec<StoryAt>, StoreError> {
        let mut all = Vec::new();
        for id in ids {
            all.extend(match Window::of(filter) {
                Some(window) => self.story_at_within(window, scope, filter, *id, most).await?,
                None => self.story_at_ever(scope, filter, *id, most).await?,
            });
        }
        Ok(all)
    }

    async fn story_at_ever(
        &self,
        scope: &Scope,
        filter: &StoryFilter,
        id: StoryId,
        most: u64,
    ) -> Result<Vec<StoryAt>, StoreError> {
        let rows = story_facility::Entity::find()
            .filter(story_facility::Column::StoryId.eq(id.0))
            .filter(places(scope, filter))
            .order_by_desc(story_facility::Column::Alerts)
            .order_by_asc(story_facility::Column::Facility)
            .limit(most)
            .all(self.reader())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| StoryAt {
                story: id,
                facility: row.facility,
                region: u8::try_from(row.region).unwrap_or(0),
                alerts: unsigned(row.alerts),
                first_at: Timestamp::from_micros(row.first_at),
                last_at: Timestamp::from_micros(row.last_at),
            })
            .collect())
    }

    async fn story_at_within(
        &self,
        window: Window,
        scope: &Scope,
        filter: &StoryFilter,
        id: StoryId,
        most: u64,
    ) -> Result<Vec<StoryAt>, StoreError> {
        let column = |column| Expr::col((window.table, column));
        let region = ("facilities", "region");
        let select = Query::select()
            .expr_as(column("facility"), "facility")
            .expr_as(Expr::col(region), "region")
            .expr_as(sum(column("alerts")), "number")
            .expr_as(Func::min(column("first_at")), "first_at")
            .expr_as(Func::max(column("last_at")), "last_at")
            .from(window.table)
            .inner_join("facilities", Expr::col(("facilities", "code")).equals((window.table, "facility")))
            .cond_where(window.rows_of(scope, filter, &[id.0]))
            .group_by_columns([(window.table, "facility"), region])
            .order_by_expr(Expr::col("number"), Order::Desc)
            .order_by((window.table, "facility"), Order::Asc)
            .limit(most)
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        rows.iter()
            .map(|row| {
                Ok(StoryAt {
                    story: id,
                    facility: row.try_get("", "facility")?,
                    region: u8::try_from(row.try_get::<i32>("", "region")?).unwrap_or(0),
                    alerts: unsigned(row.try_get("", "number")?),
                    first_at: Timestamp::from_micros(row.try_get("", "first_at")?),
                    last_at: Timestamp::from_micros(row.try_get("", "last_at")?),
                })
            })
            .collect()
    }

    /// The hospitals in scope where a story was seen: whom a change of it concerns.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn story_places(
        &self,
        scope: &Scope,
        id: StoryId,
    ) -> Result<Vec<(FacilityCode, HealthRegion)>, StoreError> {
        let most = facilities::IMPORT_FACILITIES_MAX as u64;
        let places = self.story_at(scope, &StoryFilter::default(), &[id], most).await?;
        places
            .into_iter()
            .map(|place| {
                let damaged = |what: String| StoreError::Damaged { table: "story_facilities", what };
                let code = FacilityCode::new(&place.facility).map_err(|error| damaged(error.to_string()))?;
                let region = HealthRegion::new(place.region).map_err(|error| damaged(error.to_string()))?;
                Ok((code, region))
            })
            .collect()
    }
}
