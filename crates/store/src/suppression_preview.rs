//! What a suppression would have hidden lately, told before it is set.

use crate::{
    database::Store,
    error::StoreError,
    ids::StoryId,
    rows::{alert, story},
    scope::Scope,
    stories::{ArrivedWithin, StoryFilter, sum, unsigned},
    story_window::Window,
    suppressions::SuppressionReach,
};
use phitak_model::Timestamp;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// How far back a preview looks, in days.
pub const PREVIEW_DAYS: i64 = 7;
/// Latest alerts that are looked at one by one, where addresses narrow what is meant.
pub const PREVIEW_ALERTS_MAX: u64 = 50_000;
/// Stories of one signature that are looked at.
const STORIES_MAX: u64 = 100;
/// Pairs of story and hospital that are looked at.
const PLACES_MAX: u64 = 10_000;
const ALERTS_PER_STEP: u64 = 2_000;
const DAY_SECS: i64 = 86_400;

/// What would have been hidden, in the caller's scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    pub since: Timestamp,
    pub alerts: u64,
    pub stories: u64,
    /// Most alerts first.
    pub facilities: Vec<(String, u64)>,
    /// False when it is at least so many.
    pub exact: bool,
}

/// A story at a hospital, with its alerts in the time.
struct Place {
    story: i64,
    facility: String,
    alerts: u64,
}

impl Store {
    /// What a suppression set from this story would have hidden in the last [`PREVIEW_DAYS`] days: by whole days of
    /// arrival (UTC).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a story or a hospital outside the scope.
    pub async fn preview_suppression(
        &self,
        scope: &Scope,
        id: StoryId,
        reach: &SuppressionReach,
        now: Timestamp,
    ) -> Result<Preview, StoreError> {
        let own = self.story(scope, id).await?;
        if let Some(code) = &reach.facility {
            self.facility(scope, code).await?;
        }
        let stories: Vec<i64> = story::Entity::find()
            .select_only()
            .column(story::Column::Id)
            .filter(story::Column::Gid.eq(own.gid))
            .filter(story::Column::SignatureId.eq(own.signature_id))
            .filter(story::Column::SuppressionId.eq(0))
            .order_by_desc(story::Column::ArrivedAt)
            .limit(STORIES_MAX)
            .into_tuple()
            .all(self.reader())
            .await?;
        let window = ArrivedWithin { since: now.plus_secs(-PREVIEW_DAYS * DAY_SECS), now };
        let filter = StoryFilter { facility: reach.facility.clone(), window: Some(window), ..StoryFilter::default() };
        let Some(window) = Window::of(&filter) else { return Ok(Preview::default()) };
        let mut places = self.places_within(window, scope, &filter, &stories).await?;
        let mut exact = (places.len() as u64) < PLACES_MAX && (stories.len() as u64) < STORIES_MAX;
        if reach.source.is_some() || reach.destination.is_some() {
            let mut left = PREVIEW_ALERTS_MAX;
            for place in &mut places {
                place.alerts = self.alerts_between(scope, place, reach, window.begins_at(), &mut left).await?;
            }
            exact &= left > 0;
            places.retain(|place| place.alerts > 0);
        }
        let mut by_facility: BTreeMap<&str, u64> = BTreeMap::new();
        for place in &places {
            let own = by_facility.entry(&place.facility).or_default();
            *own = own.saturating_add(place.alerts);
        }
        let mut facilities: Vec<(String, u64)> = by_facility.iter().map(|(code, n)| ((*code).to_owned(), *n)).collect();
        facilities.sort_by_key(|(_, alerts)| std::cmp::Reverse(*alerts));
        let stories: BTreeSet<i64> = places.iter().map(|place| place.story).collect();
        Ok(Preview {
            since: window.begins_at(),
            alerts: places.iter().fold(0, |sum, place| sum.saturating_add(place.alerts)),
            stories: stories.len() as u64,
            facilities,
            exact,
        })
    }

    /// Where these stories brought something, most alerts first.
    async fn places_within(
        &self,
        window: Window,
        scope: &Scope,
        filter: &StoryFilter,
        stories: &[i64],
    ) -> Result<Vec<Place>, StoreError> {
        if stories.is_empty() {
            return Ok(Vec::new());
        }
        let column = |column| (window.table, column);
        let select = Query::select()
            .columns([column("story_id"), column("facility")])
            .expr_as(sum(Expr::col(column("alerts"))), "number")
            .from(window.table)
            .cond_where(window.rows_of(scope, filter, stories))
            .group_by_columns([column("story_id"), column("facility")])
            .order_by_expr(Expr::col("number"), Order::Desc)
            .order_by(column("facility"), Order::Asc)
            .order_by(column("story_id"), Order::Asc)
            .limit(PLACES_MAX)
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        let place = |row: &sea_orm::QueryResult| {
            let alerts = unsigned(row.try_get("", "number")?);
            Ok(Place { story: row.try_get("", "story_id")?, facility: row.try_get("", "facility")?, alerts })
        };
        rows.iter().map(place).collect()
    }

    /// How many of a story's alerts at a hospital since then are between these addresses. `left` is how many may still be
    /// looked at.
    async fn alerts_between(
        &self,
        scope: &Scope,
        place: &Place,
        reach: &SuppressionReach,
        since: Timestamp,
        left: &mut u64,
    ) -> Result<u64, StoreError> {
        let (mut before, mut found) = (i64::MAX, 0_u64);
        while *left > 0 {
            let step = std::cmp::min(*left, ALERTS_PER_STEP);
            let rows: Vec<(i64, i64, String, String)> = alert::Entity::find()
                .select_only()
                .columns([alert::Column::Id, alert::Column::ArrivedAt, alert::Column::SrcIp, alert::Column::DestIp])
                .filter(alert::Column::StoryId.eq(place.story))
                .filter(alert::Column::Facility.eq(place.facility.as_str()))
                .filter(scope.admits(alert::Column::Facility))
                .filter(alert::Column::Id.lt(before))
                .order_by_desc(alert::Column::Id)
                .limit(step)
                .into_tuple()
                .all(self.reader())
                .await?;
            *left = left.saturating_sub(rows.len() as u64);
            let within = rows.iter().take_while(|(_, arrived_at, ..)| *arrived_at >= since.micros());
            found = found.saturating_add(within.filter(|(_, _, from, to)| is_between(reach, from, to)).count() as u64);
            match rows.last() {
                Some((id, arrived_at, ..)) if rows.len() as u64 == step && *arrived_at >= since.micros() => {
                    before = *id
                }
                _ => break,
            }
        }
        Ok(found)
    }
}

fn is_between(reach: &SuppressionReach, from: &str, to: &str) -> bool {
    let holds = |network: Option<phitak_model::Network>, address: &str| {
        network.is_none_or(|network| address.parse::<IpAddr>().is_ok_and(|address| network.contains(address)))
    };
    holds(reach.source, from) && holds(reach.destination, to)
}
