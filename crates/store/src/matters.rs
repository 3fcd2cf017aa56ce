//! Matters: what has to be told to people until somebody answers. Each goes along its roster step by step.

use crate::{
    database::Store,
    deliveries::{NewDelivery, add_deliveries, withdraw},
    duty::{place_of, word_of},
    error::StoreError,
    ids::{BulletinId, MatterId, StoryId},
    notify_channels::{STORIES, set_mark},
    notify_rows::matter as row,
    notify_sources::Found,
    notify_words::{MatterKind, MatterState},
    scope::ScopeReach,
    words::model_words::{severity_of, severity_rank},
};
use phitak_model::{FacilityCode, Severity, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

/// Matters that one round moves a step on.
pub const STEPS_PER_ROUND: u64 = 100;
/// Rows of one insert statement: SQLite takes at most 32,766 values.
const ROWS_PER_INSERT: usize = 500;

/// Something that is found and not told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMatter {
    pub subject: String,
    pub kind: MatterKind,
    /// Whose roster is told, as it stands in the tables.
    pub(crate) place: String,
    pub facility: FacilityCode,
    pub story: Option<StoryId>,
    pub bulletin: Option<BulletinId>,
    pub sensor: Option<String>,
    pub severity: Severity,
    pub caused_at: Timestamp,
}

/// Something that is being told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    pub id: MatterId,
    pub kind: MatterKind,
    pub place: ScopeReach,
    pub facility: Option<FacilityCode>,
    pub story: Option<StoryId>,
    pub bulletin: Option<BulletinId>,
    pub severity: Severity,
    pub created_at: Timestamp,
    pub state: MatterState,
    /// How many steps were made.
    pub step: u32,
    pub ended_at: Option<Timestamp>,
    pub answered_by: Option<String>,
}

/// One step of a matter: who is told now, and when the next one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub matter: MatterId,
    /// The step that is made; it happens once.
    pub step: u32,
    /// Without any the step is still to be made.
    pub deliveries: Vec<NewDelivery>,
    /// `None` ends the telling: everybody was told, or nobody can be.
    pub next_at: Option<Timestamp>,
}

pub(crate) fn of_facility(kind: MatterKind, facility: FacilityCode) -> NewMatter {
    NewMatter {
        subject: String::new(),
        kind,
        place: word_of(&ScopeReach::Facility(facility.clone())),
        facility,
        story: None,
        bulletin: None,
        sensor: None,
        severity: Severity::Low,
        caused_at: Timestamp::from_micros(0),
    }
}

impl TryFrom<row::Model> for Matter {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Damaged { table: "matters", what };
        let facility = row.facility.as_deref().map(FacilityCode::new).transpose();
        Ok(Self {
            id: MatterId(row.id),
            kind: MatterKind::parse(&row.kind).ok_or_else(|| damaged(row.kind.clone()))?,
            place: place_of(&row.place)?,
            facility: facility.map_err(|error| damaged(error.to_string()))?,
            story: row.story_id.map(StoryId),
            bulletin: row.bulletin_id.map(BulletinId),
            severity: severity_of(row.severity),
            created_at: Timestamp::from_micros(row.created_at),
            state: MatterState::parse(&row.state).ok_or_else(|| damaged(row.state.clone()))?,
            step: u32::try_from(row.step).unwrap_or(0),
            ended_at: row.ended_at.map(Timestamp::from_micros),
            answered_by: row.answered_by,
        })
    }
}

impl Store {
    /// Keeps what was found, to be told from now on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_matters(&self, found: Found, now: Timestamp) -> Result<(), StoreError> {
        if found.matters.is_empty() && found.stories_up_to.is_none() {
            return Ok(());
        }
        let tx = self.write().await?;
        for part in found.matters.chunks(ROWS_PER_INSERT) {
            let rows = part.iter().map(|new| new.row(now));
            row::Entity::insert_many(rows)
                .on_conflict(OnConflict::column(row::Column::Subject).do_nothing().to_owned())
                .exec_without_returning(&tx)
                .await?;
        }
        if let Some(at) = found.stories_up_to {
            set_mark(&tx, STORIES, at.micros()).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Matters whose next step is due, the most severe first, then the longest waiting.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn matters_due(&self, now: Timestamp) -> Result<Vec<Matter>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::State.eq(MatterState::Open.as_str()))
            .filter(row::Column::NextAt.lte(now.micros()))
            .order_by_desc(row::Column::Severity)
            .order_by_asc(row::Column::NextAt)
            .order_by_asc(row::Column::Id)
            .limit(STEPS_PER_ROUND)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Matter::try_from).collect()
    }

    /// Makes steps, each with its messages, all at once. One that was made already, or whose matter is not open any more,
    /// is left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn make_steps(&self, steps: Vec<Step>, now: Timestamp) -> Result<(), StoreError> {
        if steps.is_empty() {
            return Ok(());
        }
        let tx = self.write().await?;
        for step in steps {
            let number = i32::try_from(step.step).unwrap_or(i32::MAX);
            let state = if step.next_at.is_some() { MatterState::Open } else { MatterState::Unanswered };
            let after = if step.deliveries.is_empty() { number } else { number.saturating_add(1) };
            let made = row::Entity::update_many()
                .col_expr(row::Column::Step, Expr::value(after))
                .col_expr(row::Column::NextAt, Expr::value(step.next_at.map(|at| at.micros())))
                .col_expr(row::Column::State, Expr::value(state.as_str()))
                .filter(row::Column::Id.eq(step.matter.0))
                .filter(row::Column::Step.eq(number))
                .filter(row::Column::State.eq(MatterState::Open.as_str()))
                .exec(&tx)
                .await?;
            if made.rows_affected == 1 {
                add_deliveries(&tx, step.matter, step.step, &step.deliveries, now).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// Ends matters that were answered on the pages, or are over by themselves.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settle_matters(&self, settled: &[(MatterId, MatterState)], now: Timestamp) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        let tx = self.write().await?;
        for (id, state) in settled {
            end(&tx, &[id.0], *state, None, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// One matter. For what no person asks for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn matter(&self, id: MatterId) -> Result<Matter, StoreError> {
        row::Entity::find_by_id(id.0).one(self.reader()).await?.ok_or(StoreError::NotFound)?.try_into()
    }
}

/// Ends matters that are not ended yet, and takes back what was not sent of them.
pub(crate) async fn end(
    db: &impl ConnectionTrait,
    ids: &[i64],
    state: MatterState,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    row::Entity::update_many()
        .col_expr(row::Column::State, Expr::value(state.as_str()))
        .col_expr(row::Column::NextAt, Expr::value(Option::<i64>::None))
        .col_expr(row::Column::EndedAt, Expr::value(now.micros()))
        .col_expr(row::Column::AnsweredBy, Expr::value(by.map(str::to_owned)))
        .filter(row::Column::Id.is_in(ids.iter().copied()))
        .filter(
            Condition::any()
                .add(row::Column::State.eq(MatterState::Open.as_str()))
                .add(row::Column::State.eq(MatterState::Unanswered.as_str())),
        )
        .exec(db)
        .await?;
    withdraw(db, ids).await
}

impl NewMatter {
    fn row(&self, now: Timestamp) -> row::ActiveModel {
        row::ActiveModel {
            subject: Set(self.subject.clone()),
            kind: Set(self.kind.as_str().to_owned()),
            place: Set(self.place.clone()),
            facility: Set(Some(self.facility.as_str().to_owned())),
            story_id: Set(self.story.map(|id| id.0)),
            bulletin_id: Set(self.bulletin.map(|id| id.0)),
            sensor: Set(self.sensor.clone()),
            severity: Set(severity_rank(self.severity)),
            caused_at: Set(self.caused_at.micros()),
            created_at: Set(now.micros()),
            state: Set(MatterState::Open.as_str().to_owned()),
            step: Set(0),
            next_at: Set(Some(now.micros())),
            ended_at: Set(None),
            answered_by: Set(None),
            ..Default::default()
        }
    }
}
