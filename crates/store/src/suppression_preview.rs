//! What a suppression would have hidden lately, told before it is set.

use crate::{
    address::Address,
    alert_days::arrived_on,
    database::Store,
    error::StoreError,
    ids::StoryId,
    rows::{alert, story},
    scope::Scope,
    stories::{ArrivedWithin, StoryFilter, sum, unsigned},
    story_window::Window,
    suppressing::hider,
    suppressions::SuppressionReach,
    words::model_words::severity_rank,
};
use phitak_model::Timestamp;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Query},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// How far back a preview looks, in days.
pub const PREVIEW_DAYS: i64 = 7;
/// Alerts that are looked at one by one, the latest days first, where addresses narrow what is meant.
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
            // What is more severe would be shown.
            .filter(story::Column::Severity.lte(severity_rank(own.severity)))
            .filter(hider().eq(0))
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
            let stories: BTreeSet<i64> = places.iter().map(|place| place.story).collect();
            let (between, is_whole) = self.alerts_between(scope, reach, window, &stories).await?;
            exact &= is_whole;
            places = between;
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

    /// Where these stories' alerts in the time are between these addresses, and whether all could be looked at: a walk
    /// through each day of arrival and story, all hospitals after each other.
    async fn alerts_between(
        &self,
        scope: &Scope,
        reach: &SuppressionReach,
        window: Window,
        stories: &BTreeSet<i64>,
    ) -> Result<(Vec<Place>, bool), StoreError> {
        let mut found: BTreeMap<(i64, String), u64> = BTreeMap::new();
        let mut left = PREVIEW_ALERTS_MAX;
        for day in window.days().rev() {
            for story in stories {
                let mut after: Option<(String, i64)> = None;
                loop {
                    if left == 0 {
                        return Ok((places_of(found), false));
                    }
                    let step = std::cmp::min(left, ALERTS_PER_STEP);
                    let walk = of_day(scope, reach, (day, *story), after.as_ref()).limit(step);
                    let rows: Vec<(String, i64, Address, Address)> = walk.into_tuple().all(self.reader()).await?;
                    left = left.saturating_sub(rows.len() as u64);
                    for (facility, _, from, to) in &rows {
                        if is_between(reach, from.0, to.0) {
                            let own = found.entry((*story, facility.clone())).or_default();
                            *own = own.saturating_add(1);
                        }
                    }
                    let is_full = rows.len() as u64 == step;
                    match rows.into_iter().next_back().filter(|_| is_full) {
                        Some((facility, id, ..)) => after = Some((facility, id)),
                        None => break,
                    }
                }
            }
        }
        Ok((places_of(found), true))
    }
}

/// A story's alerts of one day of arrival past this hospital and number, in the order of their index.
fn of_day(
    scope: &Scope,
    reach: &SuppressionReach,
    (day, story): (i64, i64),
    after: Option<&(String, i64)>,
) -> Select<alert::Entity> {
    let mut find = alert::Entity::find()
        .select_only()
        .columns([alert::Column::Facility, alert::Column::Id, alert::Column::SrcIp, alert::Column::DestIp])
        .filter(arrived_on().eq(day))
        .filter(alert::Column::StoryId.eq(story))
        .filter(scope.admits(alert::Column::Facility));
    if let Some(code) = &reach.facility {
        find = find.filter(alert::Column::Facility.eq(code.as_str()));
    }
    if let Some((facility, id)) = after {
        let own = [alert::Column::Facility, alert::Column::Id].map(|column| Expr::col((alert::Entity, column)));
        let last = [Expr::val(facility.as_str()), Expr::val(*id)];
        find = find.filter(Expr::tuple(own).gt(Expr::tuple(last)));
    }
    find.order_by_asc(alert::Column::Facility).order_by_asc(alert::Column::Id)
}

fn places_of(found: BTreeMap<(i64, String), u64>) -> Vec<Place> {
    found.into_iter().map(|((story, facility), alerts)| Place { story, facility, alerts }).collect()
}

fn is_between(reach: &SuppressionReach, from: IpAddr, to: IpAddr) -> bool {
    let holds = |network: Option<phitak_model::Network>, address: IpAddr| {
        network.is_none_or(|network| network.contains(address))
    };
    holds(reach.source, from) && holds(reach.destination, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::ScopeReach;
    use phitak_model::FacilityCode;
    use sea_orm::{DbBackend, QueryTrait, Statement};

    #[tokio::test]
    async fn a_walk_through_a_day_goes_along_its_index_from_where_it_stood() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let after = ("66101".to_owned(), 2_000);
        let one = SuppressionReach { facility: Some("66101".to_owned()), ..SuppressionReach::default() };
        let hospital = Scope::of_account(ScopeReach::Facility(FacilityCode::new("66101").expect("a code")));
        for scope in [Scope::of_the_centre_itself(), hospital] {
            for reach in [&one, &SuppressionReach::default()] {
                for after in [None, Some(&after)] {
                    let asked = of_day(&scope, reach, (20_000, 7), after).limit(9).build(DbBackend::Sqlite);
                    let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {}", asked.sql), ..asked };
                    let rows = store.reader().query_all_raw(explain).await.expect("plans");
                    let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").expect("words")).collect();
                    let along =
                        |step: &String| step.contains("INDEX alerts_arrived_on_story_id (<expr>=? AND story_id=?");
                    assert!(plan.iter().any(along), "{plan:?}");
                    assert!(!plan.iter().any(|step| step.contains("ORDER BY")), "{plan:?}");
                }
            }
        }
    }
}
