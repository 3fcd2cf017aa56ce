//! Weaknesses at hosts: one finding per host and kind.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    facilities::region_of,
    finding_write::{FindingValues, save_findings},
    ids::FindingId,
    page::{Page, PageAsk},
    recount::{self, Changed},
    rows::finding as row,
    scope::Scope,
    words::model_words::{confidence_of, response_of, severity_of, state_of, state_word},
};
use phitak_model::{Confidence, FacilityCode, FindingState, HealthRegion, Response, Severity, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Order, Query},
};

/// Most findings on one hospital's page.
pub const CARE_FINDINGS_MAX: u64 = 200;

/// A stored finding; the whole of it is JSON that the inventory wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingRecord {
    pub id: FindingId,
    pub facility: FacilityCode,
    pub region: HealthRegion,
    pub host: String,
    pub kind: String,
    pub severity: Severity,
    pub confidence: Confidence,
    pub state: FindingState,
    pub response: Option<Response>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub claimed_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub body: String,
}

/// What a list of findings is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    pub facility: Option<String>,
    pub region: Option<HealthRegion>,
    pub kind: Option<String>,
    pub states: Vec<FindingState>,
}

/// How many findings stand in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FindingCounts {
    pub open: u64,
    pub claimed: u64,
    pub verified: u64,
    pub reopened: u64,
    pub median_days_to_verified: Option<f64>,
}

/// A kind of weakness with where it is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeaknessCount {
    pub kind: String,
    pub facilities: u64,
    pub hosts: u64,
}

impl TryFrom<row::Model> for FindingRecord {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Damaged { table: "findings", what };
        Ok(Self {
            id: FindingId(row.id),
            facility: FacilityCode::new(&row.facility).map_err(|error| damaged(error.to_string()))?,
            region: region_of(row.region).map_err(damaged)?,
            host: row.host,
            kind: row.kind,
            severity: severity_of(row.severity),
            confidence: confidence_of(row.confidence),
            state: state_of(&row.state)?,
            response: row.response.as_deref().map(response_of).transpose()?,
            first_seen: Timestamp::from_micros(row.first_seen_at),
            last_seen: Timestamp::from_micros(row.last_seen_at),
            claimed_at: row.claimed_at.map(Timestamp::from_micros),
            verified_at: row.verified_at.map(Timestamp::from_micros),
            body: row.body,
        })
    }
}

fn admits(scope: &Scope) -> Condition {
    scope.admits_in(row::Column::Facility, row::Column::Region)
}

impl Store {
    /// Findings, the latest seen first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn findings(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
        ask: &PageAsk,
    ) -> Result<Page<FindingRecord>, StoreError> {
        let mut find = row::Entity::find().filter(admits(scope));
        if let Some(facility) = &filter.facility {
            find = find.filter(row::Column::Facility.eq(facility.as_str()));
        }
        if let Some(region) = filter.region {
            find = find.filter(row::Column::Region.eq(i32::from(region.number())));
        }
        if let Some(kind) = &filter.kind {
            find = find.filter(row::Column::Kind.eq(kind.as_str()));
        }
        if !filter.states.is_empty() {
            find = find.filter(row::Column::State.is_in(filter.states.iter().map(|state| state_word(*state))));
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some((last_seen_at, id)) = ask.after_pair()? {
            find = find.filter(
                Condition::any()
                    .add(row::Column::LastSeenAt.lt(last_seen_at))
                    .add(Condition::all().add(row::Column::LastSeenAt.eq(last_seen_at)).add(row::Column::Id.lt(id))),
            );
        }
        let rows = find
            .order_by_desc(row::Column::LastSeenAt)
            .order_by_desc(row::Column::Id)
            .limit(ask.rows() + 1)
            .all(self.reader())
            .await?;
        let records = rows.into_iter().map(FindingRecord::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(records, ask.rows(), total, |record| format!("{}_{}", record.last_seen.micros(), record.id)))
    }

    /// One finding.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist or lies outside the scope.
    pub async fn finding(&self, scope: &Scope, id: FindingId) -> Result<FindingRecord, StoreError> {
        row::Entity::find_by_id(id.0)
            .filter(admits(scope))
            .one(self.reader())
            .await?
            .ok_or(StoreError::NotFound)?
            .try_into()
    }

    /// What stands on a hospital's page: everything that is not verified, and what was verified since `verified_since`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn findings_of_care(
        &self,
        scope: &Scope,
        facility: &FacilityCode,
        verified_since: Timestamp,
    ) -> Result<Vec<FindingRecord>, StoreError> {
        let rows = row::Entity::find()
            .filter(admits(scope))
            .filter(row::Column::Facility.eq(facility.as_str()))
            .filter(
                Condition::any()
                    .add(row::Column::State.ne("verified"))
                    .add(row::Column::VerifiedAt.gte(verified_since.micros())),
            )
            .order_by_desc(row::Column::Severity)
            .order_by_asc(row::Column::FirstSeenAt)
            .order_by_asc(row::Column::Id)
            .limit(CARE_FINDINGS_MAX)
            .all(self.reader())
            .await?;
        rows.into_iter().map(FindingRecord::try_from).collect()
    }

    /// Findings of a facility that were verified since this moment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn verified_since(
        &self,
        scope: &Scope,
        facility: &FacilityCode,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(row::Entity::find()
            .filter(admits(scope))
            .filter(row::Column::Facility.eq(facility.as_str()))
            .filter(row::Column::State.eq("verified"))
            .filter(row::Column::VerifiedAt.gte(since.micros()))
            .count(self.reader())
            .await?)
    }

    /// Stores the hospital's answer. `answer` makes the next finding of the stored one, or says why not; it runs inside the
    /// write, so that no observation comes between.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Invalid`] with the reason of `answer`.
    pub async fn answer_finding(
        &self,
        scope: &Scope,
        id: FindingId,
        answer: impl FnOnce(&str) -> Result<FindingValues, String> + Send,
        reason: Option<&str>,
        audit: AuditLine,
    ) -> Result<FindingRecord, StoreError> {
        let tx = self.write().await?;
        let row = row::Entity::find_by_id(id.0).filter(admits(scope)).one(&tx).await?.ok_or(StoreError::NotFound)?;
        let record = FindingRecord::try_from(row)?;
        let values = answer(&record.body).map_err(StoreError::invalid)?;
        let said = values.response.map_or("none", crate::words::model_words::response_word);
        let who = audit.who.clone();
        save_findings(&tx, &record.facility, record.region, vec![values], Some((&who, reason)), audit.at).await?;
        recount::recount_alike(&tx, &[record.facility.as_str()], Changed::FINDINGS).await?;
        let detail = reason.map_or(said.to_owned(), |reason| format!("{said}: {reason}"));
        audit.about(format!("finding {id}"), Some(&record.facility)).saying(detail).store(&tx).await?;
        tx.commit().await?;
        self.finding(scope, id).await
    }

    /// How many findings stand in each state, and how long verified ones took.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finding_counts(&self, scope: &Scope) -> Result<FindingCounts, StoreError> {
        let select = Query::select()
            .column(row::Column::State)
            .expr_as(Func::count(Expr::col(row::Column::Id)), "number")
            .from(row::Entity)
            .cond_where(admits(scope))
            .group_by_col(row::Column::State)
            .to_owned();
        let mut counts = FindingCounts::default();
        for found in self.reader().query_all(&select).await? {
            let number = u64::try_from(found.try_get::<i64>("", "number")?).unwrap_or(0);
            match state_of(&found.try_get::<String>("", "state")?)? {
                FindingState::Open => counts.open = number,
                FindingState::Claimed => counts.claimed = number,
                FindingState::Verified => counts.verified = number,
                FindingState::Reopened => counts.reopened = number,
            }
        }
        counts.median_days_to_verified = self.median_days(scope, counts.verified).await?;
        Ok(counts)
    }

    async fn median_days(&self, scope: &Scope, verified: u64) -> Result<Option<f64>, StoreError> {
        if verified == 0 {
            return Ok(None);
        }
        let took = Expr::col(row::Column::VerifiedAt).sub(Expr::col(row::Column::FirstSeenAt));
        // The middle one, or the two around the middle.
        let (offset, rows) = if verified % 2 == 1 { (verified / 2, 1) } else { (verified / 2 - 1, 2) };
        let select = Query::select()
            .expr_as(took, "took")
            .from(row::Entity)
            .cond_where(admits(scope))
            .and_where(Expr::col(row::Column::State).eq("verified"))
            .order_by_expr(Expr::col("took"), Order::Asc)
            .offset(offset)
            .limit(rows)
            .to_owned();
        let mut sum = 0.0;
        let mut number = 0.0;
        for found in self.reader().query_all(&select).await? {
            if let Some(took) = found.try_get::<Option<i64>>("", "took")? {
                sum += std::cmp::max(took, 0) as f64 / 86_400_000_000.0;
                number += 1.0;
            }
        }
        Ok((number > 0.0).then(|| sum / number))
    }

    /// The kinds of weakness that are not verified at most hospitals, then on most hosts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn top_weaknesses(&self, scope: &Scope, most: u64) -> Result<Vec<WeaknessCount>, StoreError> {
        let select = Query::select()
            .column(row::Column::Kind)
            .expr_as(Func::count(Expr::col(row::Column::Id)), "hosts")
            .expr_as(Func::count_distinct(Expr::col(row::Column::Facility)), "facilities")
            .from(row::Entity)
            .cond_where(admits(scope))
            .and_where(Expr::col(row::Column::State).ne("verified"))
            .group_by_col(row::Column::Kind)
            .order_by_expr(Expr::col("facilities"), Order::Desc)
            .order_by_expr(Expr::col("hosts"), Order::Desc)
            .order_by(row::Column::Kind, Order::Asc)
            .limit(most)
            .to_owned();
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        self.reader()
            .query_all(&select)
            .await?
            .iter()
            .map(|found| {
                Ok(WeaknessCount {
                    kind: found.try_get("", "kind")?,
                    facilities: count(found.try_get("", "facilities")?),
                    hosts: count(found.try_get("", "hosts")?),
                })
            })
            .collect()
    }
}
