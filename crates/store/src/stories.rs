//! Stories: one a signature, with all its alerts at all its hospitals.
//!
//! A story is counted per hospital, and what a caller sees of it is made of the hospitals in the caller's scope alone.
//! Its status is the sector's. Lists go by **arrival** at the centre, not by packet time: a hospital whose link was down
//! for a week is still at the top when its alerts arrive.
//!
//! Triage freezes what was seen (`up_to`, by arrival): closing leaves a story new when alerts have arrived since, and new
//! alerts open a closed story again, for the hospitals where they arrived.

use crate::{
    database::Store,
    error::StoreError,
    ids::{StoryId, SuppressionId, UserId},
    page::{COUNT_MAX, PageAsk, holds_part},
    rows::{story as row, story_facility},
    scope::Scope,
    story_window::{Window, WindowSums},
    techniques,
    words::{
        StoryStatus, Verdict,
        model_words::{severity_of, severity_rank},
    },
};
use phitak_model::{FacilityCode, HealthRegion, Severity, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, Order, QueryFilter,
    sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement},
};
use std::collections::BTreeMap;

/// A story as the caller may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub id: StoryId,
    pub gid: u32,
    pub signature_id: u32,
    pub signature: String,
    pub category: String,
    pub severity: Severity,
    pub status: StoryStatus,
    /// What hides it.
    pub suppression: Option<SuppressionId>,
    pub verdict: Option<Verdict>,
    pub assignee: Option<(UserId, String)>,
    pub attack: Vec<String>,
    /// Of the hospitals in scope and of the time that was asked for, like all that follow.
    pub facilities: u64,
    pub regions: u64,
    pub alerts: u64,
    /// Of all time.
    pub alerts_all: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub arrived_at: Timestamp,
}

/// What a list of stories is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct StoryFilter {
    pub statuses: Vec<StoryStatus>,
    pub severities: Vec<Severity>,
    pub region: Option<HealthRegion>,
    pub facility: Option<String>,
    pub signature_id: Option<u32>,
    pub window: Option<ArrivedWithin>,
    /// With its sub-techniques; [`crate::techniques::is_technique`].
    pub technique: Option<String>,
    /// Part of the signature's text, or its id.
    pub part: Option<String>,
}

/// A time of arrival, up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrivedWithin {
    pub since: Timestamp,
    pub now: Timestamp,
}

/// A page of stories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryList {
    pub items: Vec<Story>,
    pub total: u64,
    /// False when counting stopped at [`COUNT_MAX`].
    pub total_exact: bool,
    pub next_cursor: Option<String>,
    pub latest_at: Option<Timestamp>,
}

/// An open story at one hospital, as its own page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenStory {
    pub story: Story,
    /// Whether the centre has looked at it for this hospital.
    pub acknowledged: bool,
}

#[derive(Debug, FromQueryResult)]
struct Sums {
    story_id: i64,
    facilities: i64,
    regions: i64,
    alerts: i64,
    first_at: i64,
    last_at: i64,
    arrived_at: i64,
}

impl Store {
    /// The queue, the latest arrived first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn stories(&self, scope: &Scope, filter: &StoryFilter, ask: &PageAsk) -> Result<StoryList, StoreError> {
        let after = ask.after_pair()?;
        let matching = matching(scope, filter);
        let counted = Query::select()
            .expr_as(Func::count(Expr::col("id")), "number")
            .expr_as(Func::max(Expr::col("arrived_at")), "latest")
            .from_subquery(matching.clone().limit(COUNT_MAX + 1).to_owned(), "m")
            .to_owned();
        let count = self.reader().query_one(&counted).await?.ok_or(StoreError::NotFound)?;
        let number: i64 = count.try_get("", "number")?;
        let latest: Option<i64> = count.try_get("", "latest")?;
        let mut page = Query::select();
        page.columns(["id", "arrived_at"]).from_subquery(matching, "m");
        if let Some((arrived_at, id)) = after {
            page.cond_where(
                Condition::any()
                    .add(Expr::col("arrived_at").lt(arrived_at))
                    .add(Condition::all().add(Expr::col("arrived_at").eq(arrived_at)).add(Expr::col("id").lt(id))),
            );
        }
        page.order_by("arrived_at", Order::Desc).order_by("id", Order::Desc).limit(ask.rows() + 1);
        let mut keys = Vec::new();
        for found in self.reader().query_all(&page).await? {
            keys.push((found.try_get::<i64>("", "arrived_at")?, found.try_get::<i64>("", "id")?));
        }
        let limit = usize::try_from(ask.rows()).unwrap_or(usize::MAX);
        let more = keys.len() > limit;
        keys.truncate(limit);
        let next_cursor = keys.last().filter(|_| more).map(|(arrived_at, id)| format!("{arrived_at}_{id}"));
        let ids: Vec<i64> = keys.into_iter().map(|(_, id)| id).collect();
        let total = u64::try_from(number).unwrap_or(0);
        Ok(StoryList {
            items: self.stories_of(scope, filter, &ids).await?,
            total: std::cmp::min(total, COUNT_MAX),
            total_exact: total <= COUNT_MAX,
            next_cursor,
            latest_at: latest.map(Timestamp::from_micros),
        })
    }

    /// One story, as far as it lies in the scope.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when none of its hospitals lies in the scope.
    pub async fn story(&self, scope: &Scope, id: StoryId) -> Result<Story, StoreError> {
        self.stories_of(scope, &StoryFilter::default(), &[id.0]).await?.pop().ok_or(StoreError::NotFound)
    }

    /// These stories in this order, as far as they lie in the scope.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stories_by_id(
        &self,
        scope: &Scope,
        filter: &StoryFilter,
        ids: &[StoryId],
    ) -> Result<Vec<Story>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        self.stories_of(scope, filter, &ids).await
    }

    /// These stories in this order, counted over the hospitals in scope and filter; those with none are left out.
    async fn stories_of(&self, scope: &Scope, filter: &StoryFilter, ids: &[i64]) -> Result<Vec<Story>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = row::Entity::find().filter(row::Column::Id.is_in(ids.iter().copied())).all(self.reader()).await?;
        let all = Sums::of_all_time(self, scope, filter, ids).await?;
        let recent = match Window::of(filter) {
            Some(window) => window.sums(self, scope, filter, ids).await?,
            None => BTreeMap::new(),
        };
        let mut stories = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some((row, sums)) = rows.iter().find(|row| row.id == *id).zip(all.get(id)) {
                stories.push(seen(row, sums, recent.get(id))?);
            }
        }
        Ok(stories)
    }

    /// Stories that are not closed for what arrived at this hospital, of medium severity or more, most urgent first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open_stories_at(
        &self,
        scope: &Scope,
        facility: &FacilityCode,
        most: u64,
    ) -> Result<Vec<OpenStory>, StoreError> {
        let here = |column| Expr::col((story_facility::Entity, column));
        let of_story = |column| Expr::col((row::Entity, column));
        let select = Query::select()
            .columns([(story_facility::Entity, story_facility::Column::StoryId)])
            .column((story_facility::Entity, story_facility::Column::FirstArrivedAt))
            .from(story_facility::Entity)
            .inner_join(row::Entity, of_story(row::Column::Id).eq(here(story_facility::Column::StoryId)))
            .and_where(here(story_facility::Column::Facility).eq(facility.as_str()))
            .cond_where(scope.admits((story_facility::Entity, story_facility::Column::Facility)))
            .and_where(of_story(row::Column::Severity).gte(severity_rank(Severity::Medium)))
            .cond_where(open_condition())
            .order_by((row::Entity, row::Column::Severity), Order::Desc)
            .order_by((story_facility::Entity, story_facility::Column::ArrivedAt), Order::Desc)
            .limit(most)
            .to_owned();
        let mut keys = Vec::new();
        for found in self.reader().query_all(&select).await? {
            keys.push((found.try_get::<i64>("", "story_id")?, found.try_get::<i64>("", "first_arrived_at")?));
        }
        let ids: Vec<i64> = keys.iter().map(|(id, _)| *id).collect();
        let filter = StoryFilter { facility: Some(facility.to_string()), ..StoryFilter::default() };
        let stories = self.stories_of(scope, &filter, &ids).await?;
        let rows = row::Entity::find().filter(row::Column::Id.is_in(ids.iter().copied())).all(self.reader()).await?;
        Ok(stories
            .into_iter()
            .map(|story| {
                let up_to = rows.iter().find(|row| row.id == story.id.0).and_then(|row| row.acknowledged_up_to);
                let first = keys.iter().find(|(id, _)| *id == story.id.0).map_or(i64::MAX, |(_, first)| *first);
                let acknowledged =
                    story.status == StoryStatus::Acknowledged && up_to.is_some_and(|up_to| first <= up_to);
                OpenStory { story, acknowledged }
            })
            .collect())
    }
}

/// `(id, arrived_at)` of the stories that match, unordered. Over the whole sector the story's own row suffices; a
/// narrower view goes by what arrived at its hospitals.
pub(crate) fn matching(scope: &Scope, filter: &StoryFilter) -> SelectStatement {
    let mut select = Query::select();
    let narrow = !scope.is_whole_sector() || filter.region.is_some() || filter.facility.is_some();
    if narrow {
        // Each hospital's rows are gathered first: that is the index's own order, and stories are then met once.
        let mut gathered = Query::select();
        gathered
            .expr_as(Expr::col(story_facility::Column::StoryId), "story_id")
            .expr_as(Func::max(Expr::col(story_facility::Column::ArrivedAt)), "arrived_at")
            .from(story_facility::Entity)
            .cond_where(places(scope, filter))
            .group_by_col(story_facility::Column::StoryId);
        if let Some(ArrivedWithin { since, .. }) = filter.window {
            gathered.and_where(Expr::col(story_facility::Column::ArrivedAt).gte(since.micros()));
        }
        select
            .expr_as(Expr::col((row::Entity, row::Column::Id)), "id")
            .expr_as(Expr::col(("p", "arrived_at")), "arrived_at")
            .from_subquery(gathered, "p")
            .inner_join(row::Entity, Expr::col((row::Entity, row::Column::Id)).equals(("p", "story_id")));
    } else {
        select
            .expr_as(Expr::col((row::Entity, row::Column::Id)), "id")
            .expr_as(Expr::col((row::Entity, row::Column::ArrivedAt)), "arrived_at")
            .from(row::Entity);
        if let Some(ArrivedWithin { since, .. }) = filter.window {
            select.and_where(Expr::col((row::Entity, row::Column::ArrivedAt)).gte(since.micros()));
        }
    }
    select.cond_where(own_conditions(filter));
    select
}

/// The conditions on the story itself.
fn own_conditions(filter: &StoryFilter) -> Condition {
    let column = |column| Expr::col((row::Entity, column));
    let mut all = Condition::all();
    if !filter.statuses.is_empty() {
        all = all.add(column(row::Column::Status).is_in(filter.statuses.iter().map(|status| status.as_str())));
    }
    if !filter.severities.is_empty() {
        all = all.add(column(row::Column::Severity).is_in(filter.severities.iter().map(|s| severity_rank(*s))));
    }
    if let Some(signature_id) = filter.signature_id {
        all = all.add(column(row::Column::SignatureId).eq(i64::from(signature_id)));
    }
    if let Some(technique) = filter.technique.as_deref().filter(|text| techniques::is_technique(text)) {
        all = all.add(techniques::shows(technique));
    }
    if let Some(part) = filter.part.as_deref().map(str::trim).filter(|part| !part.is_empty()) {
        let mut any = Condition::any().add(holds_part((row::Entity, row::Column::Signature), part));
        if let Ok(number) = part.parse::<u32>() {
            any = any.add(column(row::Column::SignatureId).eq(i64::from(number)));
        }
        all = all.add(any);
    }
    all
}

/// The conditions on where a story was seen.
pub(crate) fn places(scope: &Scope, filter: &StoryFilter) -> Condition {
    let mut all = scope.admits_in(
        (story_facility::Entity, story_facility::Column::Facility),
        (story_facility::Entity, story_facility::Column::Region),
    );
    if let Some(region) = filter.region {
        let column = Expr::col((story_facility::Entity, story_facility::Column::Region));
        all = all.add(column.eq(i32::from(region.number())));
    }
    if let Some(facility) = &filter.facility {
        let column = Expr::col((story_facility::Entity, story_facility::Column::Facility));
        all = all.add(column.eq(facility.as_str()));
    }
    all
}

/// A story is open at a hospital while it is not closed for what arrived there. The same words stand in
/// `recount::Changed`.
pub(crate) fn open_condition() -> Condition {
    let of_story = |column| Expr::col((row::Entity, column));
    Condition::all().add(of_story(row::Column::Status).is_in(StoryStatus::OPEN.map(StoryStatus::as_str))).add(
        Condition::any().add(of_story(row::Column::ClosedUpTo).is_null()).add(
            Expr::col((story_facility::Entity, story_facility::Column::ArrivedAt))
                .gt(Expr::col((row::Entity, row::Column::ClosedUpTo))),
        ),
    )
}

impl Sums {
    async fn of_all_time(
        store: &Store,
        scope: &Scope,
        filter: &StoryFilter,
        ids: &[i64],
    ) -> Result<BTreeMap<i64, Self>, StoreError> {
        let column = |column| Expr::col((story_facility::Entity, column));
        let select = Query::select()
            .expr_as(column(story_facility::Column::StoryId), "story_id")
            .expr_as(Func::count(column(story_facility::Column::Facility)), "facilities")
            .expr_as(Func::count_distinct(column(story_facility::Column::Region)), "regions")
            .expr_as(sum(column(story_facility::Column::Alerts)), "alerts")
            .expr_as(Func::min(column(story_facility::Column::FirstAt)), "first_at")
            .expr_as(Func::max(column(story_facility::Column::LastAt)), "last_at")
            .expr_as(Func::max(column(story_facility::Column::ArrivedAt)), "arrived_at")
            .from(story_facility::Entity)
            .and_where(column(story_facility::Column::StoryId).is_in(ids.iter().copied()))
            .cond_where(places(scope, filter))
            .group_by_col((story_facility::Entity, story_facility::Column::StoryId))
            .to_owned();
        let rows = store.reader().query_all(&select).await?;
        let sums = rows.iter().map(|row| Self::from_query_result(row, ""));
        Ok(sums.map(|sums| sums.map(|sums| (sums.story_id, sums))).collect::<Result<_, DbErr>>()?)
    }
}

/// A sum of whole numbers as a whole number on every database.
pub(crate) fn sum(of: Expr) -> Expr {
    Expr::from(Func::sum(of)).cast_as(Alias::new("BIGINT"))
}

fn seen(row: &row::Model, all: &Sums, recent: Option<&WindowSums>) -> Result<Story, StoreError> {
    let damaged = |what: &str| StoreError::Damaged { table: "stories", what: what.to_owned() };
    Ok(Story {
        id: StoryId(row.id),
        gid: u32::try_from(row.gid).unwrap_or(0),
        signature_id: u32::try_from(row.signature_id).unwrap_or(0),
        signature: row.signature.clone(),
        category: row.category.clone(),
        severity: severity_of(row.severity),
        status: StoryStatus::parse(&row.status).ok_or_else(|| damaged(&row.status))?,
        suppression: Some(row.suppression_id).filter(|id| *id != 0).map(SuppressionId),
        verdict: row.verdict.as_deref().and_then(Verdict::parse),
        assignee: row.assignee_id.map(UserId).zip(row.assignee_name.clone()),
        attack: serde_json::from_str(&row.attack).map_err(|_| damaged(&row.attack))?,
        facilities: unsigned(recent.map_or(all.facilities, |recent| recent.facilities)),
        regions: unsigned(recent.map_or(all.regions, |recent| recent.regions)),
        alerts: unsigned(recent.map_or(all.alerts, |recent| recent.alerts)),
        alerts_all: unsigned(all.alerts),
        first_at: Timestamp::from_micros(recent.map_or(all.first_at, |recent| recent.first_at)),
        last_at: Timestamp::from_micros(recent.map_or(all.last_at, |recent| recent.last_at)),
        arrived_at: Timestamp::from_micros(all.arrived_at),
    })
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
