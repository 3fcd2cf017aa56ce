//! Suppressions as they are listed: whether each still hides anything, and what it hid at the caller's hospitals.

use crate::{
    database::Store,
    error::StoreError,
    facilities::region_of,
    ids::{StoryId, SuppressionId},
    page::{Page, PageAsk, holds_part},
    rows::{facility, story, story_facility, suppression as row},
    scope::{Scope, ScopeReach, codes_of_region},
    stories::{sum, unsigned},
    words::{model_words::severity_of, words},
};
use phitak_model::{Severity, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

words!(
    /// Whether a suppression hides anything.
    SuppressionStanding {
        Active = "active",
        /// Somebody ended it.
        Lifted = "lifted",
        /// Its time ended it.
        Expired = "expired",
    }
);

/// A kept one, with what it hid in the caller's scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    pub id: SuppressionId,
    pub gid: u32,
    pub signature_id: u32,
    pub signature: String,
    /// What is more severe is shown.
    pub severity: Severity,
    pub region: Option<u8>,
    pub facility: Option<String>,
    pub source: Option<String>,
    pub destination: Option<String>,
    pub reason: String,
    pub standing: SuppressionStanding,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub ended_by: Option<String>,
    pub end_reason: Option<String>,
    pub hidden: Hidden,
}

/// What was hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    pub alerts: u64,
    pub facilities: u64,
    pub last_at: Option<Timestamp>,
    /// Where these alerts stand.
    pub story: Option<StoryId>,
}

/// What a list is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuppressionFilter {
    pub standing: Option<SuppressionStanding>,
    pub signature_id: Option<u32>,
    /// Part of the signature or of the reason.
    pub part: Option<String>,
}

impl Store {
    /// Suppressions that concern the caller's hospitals, the latest first, with what each hid there.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn suppressions(
        &self,
        scope: &Scope,
        filter: &SuppressionFilter,
        now: Timestamp,
        ask: &PageAsk,
    ) -> Result<Page<Suppression>, StoreError> {
        let mut find = row::Entity::find().filter(concerning(scope));
        if let Some(standing) = filter.standing {
            find = find.filter(stands(standing, now));
        }
        if let Some(signature_id) = filter.signature_id {
            find = find.filter(row::Column::SignatureId.eq(i64::from(signature_id)));
        }
        if let Some(part) = filter.part.as_deref().map(str::trim).filter(|part| !part.is_empty()) {
            let words = holds_part(row::Column::Signature, part);
            find = find.filter(Condition::any().add(words).add(holds_part(row::Column::Reason, part)));
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some(before) = ask.after_number()? {
            find = find.filter(row::Column::Id.lt(before));
        }
        let rows = find.order_by_desc(row::Column::Id).limit(ask.rows() + 1).all(self.reader()).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut hidden = self.hidden_by(scope, &ids).await?;
        let page = Page::of(rows, ask.rows(), total, |row| row.id.to_string());
        Ok(page.map(|row| {
            let hidden = hidden.remove(&row.id).unwrap_or_default();
            Suppression::of(row, hidden, now)
        }))
    }

    /// One that concerns the caller's hospitals.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn suppression(
        &self,
        scope: &Scope,
        id: SuppressionId,
        now: Timestamp,
    ) -> Result<Suppression, StoreError> {
        let found = row::Entity::find_by_id(id.0).filter(concerning(scope)).one(self.reader()).await?;
        let row = found.ok_or(StoreError::NotFound)?;
        let hidden = self.hidden_by(scope, &[row.id]).await?.remove(&row.id).unwrap_or_default();
        Ok(Suppression::of(row, hidden, now))
    }

    /// What these hid at the caller's hospitals.
    async fn hidden_by(&self, scope: &Scope, ids: &[i64]) -> Result<BTreeMap<i64, Hidden>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let place = |column| Expr::col((story_facility::Entity, column));
        let of_story = |column| Expr::col((story::Entity, column));
        let select = Query::select()
            .expr_as(of_story(story::Column::SuppressionId), "id")
            .expr_as(sum(place(story_facility::Column::Alerts)), "alerts")
            .expr_as(Func::count_distinct(place(story_facility::Column::Facility)), "facilities")
            .expr_as(Func::max(place(story_facility::Column::ArrivedAt)), "last_at")
            .expr_as(Func::max(of_story(story::Column::Id)), "story_id")
            .from(story::Entity)
            .inner_join(
                story_facility::Entity,
                place(story_facility::Column::StoryId).equals((story::Entity, story::Column::Id)),
            )
            .and_where(of_story(story::Column::SuppressionId).is_in(ids.iter().copied()))
            .cond_where(scope.admits_in(
                (story_facility::Entity, story_facility::Column::Facility),
                (story_facility::Entity, story_facility::Column::Region),
            ))
            .group_by_col((story::Entity, story::Column::SuppressionId))
            .to_owned();
        let mut hidden = BTreeMap::new();
        for found in self.reader().query_all(&select).await? {
            let own = Hidden {
                alerts: unsigned(found.try_get("", "alerts")?),
                facilities: unsigned(found.try_get("", "facilities")?),
                last_at: Some(Timestamp::from_micros(found.try_get("", "last_at")?)),
                story: Some(StoryId(found.try_get("", "story_id")?)),
            };
            hidden.insert(found.try_get("", "id")?, own);
        }
        Ok(hidden)
    }
}

/// Those that reach into the scope.
fn concerning(scope: &Scope) -> Condition {
    let everywhere = Condition::all().add(row::Column::Facility.is_null()).add(row::Column::Region.is_null());
    match scope.reach() {
        ScopeReach::Sector => Condition::all(),
        ScopeReach::Region(region) => {
            own(scope).add(row::Column::Region.eq(i32::from(region.number()))).add(everywhere)
        }
        ScopeReach::Facility(code) => {
            let region_of_own = facility::Entity::find()
                .select_only()
                .column(facility::Column::Region)
                .filter(facility::Column::Code.eq(code.as_str()))
                .into_query();
            own(scope).add(row::Column::Region.in_subquery(region_of_own)).add(everywhere)
        }
    }
}

/// Those that lie in the scope whole.
pub(crate) fn own(scope: &Scope) -> Condition {
    match scope.reach() {
        ScopeReach::Sector => Condition::any().add(row::Column::Id.gt(0)),
        ScopeReach::Region(region) => Condition::any()
            .add(row::Column::Facility.in_subquery(codes_of_region(*region)))
            .add(row::Column::Region.eq(i32::from(region.number()))),
        ScopeReach::Facility(code) => Condition::any().add(row::Column::Facility.eq(code.as_str())),
    }
}

pub(crate) fn stands(standing: SuppressionStanding, now: Timestamp) -> Condition {
    let unended = row::Column::EndedAt.is_null();
    let (later, past) = (row::Column::ExpiresAt.gt(now.micros()), row::Column::ExpiresAt.lte(now.micros()));
    match standing {
        SuppressionStanding::Active => Condition::all().add(unended).add(later),
        SuppressionStanding::Expired => Condition::all().add(unended).add(past),
        SuppressionStanding::Lifted => Condition::all().add(row::Column::EndedAt.is_not_null()),
    }
}

pub(crate) fn standing_of(row: &row::Model, now: Timestamp) -> SuppressionStanding {
    match row.ended_at {
        Some(_) => SuppressionStanding::Lifted,
        None if row.expires_at <= now.micros() => SuppressionStanding::Expired,
        None => SuppressionStanding::Active,
    }
}

impl Suppression {
    fn of(row: row::Model, hidden: Hidden, now: Timestamp) -> Self {
        Self {
            standing: standing_of(&row, now),
            id: SuppressionId(row.id),
            gid: u32::try_from(row.gid).unwrap_or(0),
            signature_id: u32::try_from(row.signature_id).unwrap_or(0),
            signature: row.signature,
            severity: severity_of(row.severity),
            region: row.region.and_then(|number| region_of(number).ok()).map(|region| region.number()),
            facility: row.facility,
            source: row.source,
            destination: row.destination,
            reason: row.reason,
            created_at: Timestamp::from_micros(row.created_at),
            created_by: row.created_by,
            expires_at: Timestamp::from_micros(row.expires_at),
            ended_at: row.ended_at.map(Timestamp::from_micros),
            ended_by: row.ended_by,
            end_reason: row.end_reason,
            hidden,
        }
    }
}
