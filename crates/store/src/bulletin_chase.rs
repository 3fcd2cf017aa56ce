//! Asking again: a hospital that has not answered a warning is asked once more, then its province and region are told, then
//! the sector. And the numbers by which the chase is judged.
//!
//! A level is reached by one conditional update, together with its line in the history: whatever dies when, each level of
//! each hospital happens once.

use crate::{
    bulletin_content::BulletinContent,
    bulletin_events::{NewEvent, add_event},
    database::Store,
    error::StoreError,
    ids::BulletinId,
    page::PAGE_ROWS_MAX,
    rows::{bulletin, bulletin_recipient as row},
    scope::Scope,
    words::{BulletinState, RecipientState},
};
use phitak_model::{FacilityCode, Severity, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Order, Query},
};

/// The levels: the hospital again, province and region, the sector.
pub const CHASE_LEVELS: usize = 3;
/// Hospitals that one round raises at most.
pub const RAISED_PER_ROUND: u64 = 500;
/// Hospitals without an answer that are listed.
pub const UNANSWERED_SHOWN_MAX: u64 = PAGE_ROWS_MAX;

/// A hospital that has just been raised to a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    pub bulletin: BulletinId,
    pub facility: FacilityCode,
    /// 1 to [`CHASE_LEVELS`].
    pub level: u8,
}

/// A hospital that has not answered a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    pub bulletin: BulletinId,
    pub content: BulletinContent,
    pub facility: FacilityCode,
    pub sent_at: Timestamp,
    pub level: u8,
}

/// How warnings are answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerNumbers {
    /// Sent and not closed.
    pub bulletins_open: u64,
    /// Hospitals that have not answered one of them, each as often as it has not.
    pub unanswered: u64,
    /// That need help.
    pub need_help: u64,
    pub median_hours_to_acknowledged: Option<f64>,
    pub median_hours_to_done: Option<f64>,
    pub useful: u64,
    pub not_useful: u64,
}

impl Store {
    /// Raises every hospital that has not answered so long after it was sent (microseconds a level), a bounded number of a
    /// level; call again while something was raised. After a pause each level that was missed happens now, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn raise_unanswered(
        &self,
        after_micros: [i64; CHASE_LEVELS],
        now: Timestamp,
    ) -> Result<Vec<Raised>, StoreError> {
        let mut raised = Vec::new();
        for (level, after) in (1_i32..).zip(after_micros) {
            let sent_before = now.micros().saturating_sub(after);
            let due: Vec<(i64, String)> = row::Entity::find()
                .select_only()
                .columns([row::Column::BulletinId, row::Column::Facility])
                .filter(row::Column::State.eq(RecipientState::Sent.as_str()))
                .filter(row::Column::ChaseLevel.eq(level - 1))
                .filter(row::Column::SentAt.lte(sent_before))
                .filter(row::Column::BulletinId.in_subquery(published().into_query()))
                .order_by_asc(row::Column::BulletinId)
                .order_by_asc(row::Column::Facility)
                .limit(RAISED_PER_ROUND)
                .into_tuple()
                .all(self.reader())
                .await?;
            if due.is_empty() {
                continue;
            }
            let tx = self.write().await?;
            for (id, facility) in due {
                let reached = row::Entity::update_many()
                    .col_expr(row::Column::ChaseLevel, Expr::value(level))
                    .filter(row::Column::BulletinId.eq(id))
                    .filter(row::Column::Facility.eq(facility.as_str()))
                    .filter(row::Column::State.eq(RecipientState::Sent.as_str()))
                    .filter(row::Column::ChaseLevel.eq(level - 1))
                    .filter(row::Column::BulletinId.in_subquery(published().into_query()))
                    .exec(&tx)
                    .await?;
                if reached.rows_affected != 1 {
                    continue;
                }
                let event =
                    NewEvent { facility: Some(&facility), action: "chased", level: Some(level), ..NewEvent::default() };
                add_event(&tx, id, now, event).await?;
                let code = FacilityCode::new(&facility)
                    .map_err(|error| StoreError::Damaged { table: "bulletin_recipients", what: error.to_string() })?;
                let level = u8::try_from(level).unwrap_or(u8::MAX);
                raised.push(Raised { bulletin: BulletinId(id), facility: code, level });
            }
            tx.commit().await?;
        }
        Ok(raised)
    }

    /// Hospitals in scope that have not answered, those asked most often first, then the longest waiting.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unanswered(&self, scope: &Scope, most: u64) -> Result<Vec<Unanswered>, StoreError> {
        let rows = waiting(scope)
            .order_by_desc(row::Column::ChaseLevel)
            .order_by_asc(row::Column::SentAt)
            .order_by_asc(row::Column::BulletinId)
            .order_by_asc(row::Column::Facility)
            .limit(std::cmp::min(most, UNANSWERED_SHOWN_MAX))
            .all(self.reader())
            .await?;
        let mut contents: Vec<(i64, BulletinContent)> = Vec::new();
        let mut unanswered = Vec::with_capacity(rows.len());
        for row in rows {
            let known = contents.iter().find(|(id, _)| *id == row.bulletin_id).map(|(_, content)| content.clone());
            let content = match known {
                Some(content) => content,
                None => {
                    let content = self.bulletin(scope, BulletinId(row.bulletin_id)).await?.content;
                    contents.push((row.bulletin_id, content.clone()));
                    content
                }
            };
            let facility = FacilityCode::new(&row.facility)
                .map_err(|error| StoreError::Damaged { table: "bulletin_recipients", what: error.to_string() })?;
            unanswered.push(Unanswered {
                bulletin: BulletinId(row.bulletin_id),
                content,
                facility,
                sent_at: Timestamp::from_micros(row.sent_at),
                level: u8::try_from(row.chase_level).unwrap_or(0),
            });
        }
        Ok(unanswered)
    }

    /// How warnings are answered by the hospitals in scope.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn answer_numbers(&self, scope: &Scope) -> Result<AnswerNumbers, StoreError> {
        let here = || row::Entity::find().filter(scope.admits(row::Column::Facility));
        let open = published().filter(
            bulletin::Column::Id.in_subquery(here().select_only().column(row::Column::BulletinId).into_query()),
        );
        let need_help = here()
            .filter(row::Column::State.eq(RecipientState::NeedHelp.as_str()))
            .filter(row::Column::BulletinId.in_subquery(published().into_query()));
        let rated = |useful: i32| here().filter(row::Column::Useful.eq(useful));
        Ok(AnswerNumbers {
            bulletins_open: open.count(self.reader()).await?,
            unanswered: waiting(scope).count(self.reader()).await?,
            need_help: need_help.count(self.reader()).await?,
            median_hours_to_acknowledged: self.median_hours(scope, row::Column::AcknowledgedAt).await?,
            median_hours_to_done: self.median_hours(scope, row::Column::DoneAt).await?,
            useful: rated(1).count(self.reader()).await?,
            not_useful: rated(0).count(self.reader()).await?,
        })
    }

    /// The median of hours from sending to this moment, over the recipients in scope that have reached it.
    async fn median_hours(&self, scope: &Scope, column: row::Column) -> Result<Option<f64>, StoreError> {
        let reached = row::Entity::find()
            .filter(scope.admits(row::Column::Facility))
            .filter(column.is_not_null())
            .count(self.reader())
            .await?;
        if reached == 0 {
            return Ok(None);
        }
        // The middle one, or the two around the middle.
        let (offset, rows) = if reached % 2 == 1 { (reached / 2, 1) } else { (reached / 2 - 1, 2) };
        let select = Query::select()
            .expr_as(Expr::col(column).sub(Expr::col(row::Column::SentAt)), "took")
            .from(row::Entity)
            .cond_where(scope.admits(row::Column::Facility))
            .and_where(Expr::col(column).is_not_null())
            .order_by_expr(Expr::col("took"), Order::Asc)
            .offset(offset)
            .limit(rows)
            .to_owned();
        let (mut sum, mut number) = (0.0, 0.0);
        for found in self.reader().query_all(&select).await? {
            if let Some(took) = found.try_get::<Option<i64>>("", "took")? {
                sum += std::cmp::max(took, 0) as f64 / 3_600_000_000.0;
                number += 1.0;
            }
        }
        Ok((number > 0.0).then(|| sum / number))
    }
}

/// The ids of warnings that are sent and not closed.
fn published() -> sea_orm::Select<bulletin::Entity> {
    bulletin::Entity::find()
        .select_only()
        .column(bulletin::Column::Id)
        .filter(bulletin::Column::State.eq(BulletinState::Published.as_str()))
}

fn waiting(scope: &Scope) -> sea_orm::Select<row::Entity> {
    row::Entity::find()
        .filter(scope.admits(row::Column::Facility))
        .filter(row::Column::State.eq(RecipientState::Sent.as_str()))
        .filter(row::Column::BulletinId.in_subquery(published().into_query()))
}

impl Unanswered {
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.content.severity
    }
}
