//! Early warnings: written, sent, closed, and the lists of them.
//!
//! A draft is the sector's own. From a sent one, everybody sees what concerns the hospitals in scope: the text, and of the
//! recipients only those; counts are made of them alone.

use crate::{
    audit::AuditLine,
    bulletin_content::BulletinContent,
    bulletin_events::{NewEvent, add_event},
    database::Store,
    error::StoreError,
    ids::{BulletinId, StoryId},
    page::{Page, PageAsk},
    retention::Retention,
    rows::{bulletin as row, bulletin_event, bulletin_recipient as recipient, facility},
    scope::Scope,
    triage::REASON_CHARS_MAX,
    words::{BulletinState, RecipientState, model_words::severity_rank},
};
use phitak_model::{Severity, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use std::collections::BTreeMap;

/// Most warnings that are drafts or sent: nobody can follow more.
pub const OPEN_MAX: u64 = 500;
/// Closed warnings that one round forgets.
const FORGOTTEN_PER_ROUND: u64 = 50;

/// A warning as the caller may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulletin {
    pub id: BulletinId,
    pub state: BulletinState,
    pub content: BulletinContent,
    pub created_at: Timestamp,
    pub created_by: String,
    pub changed_at: Timestamp,
    pub published_at: Option<Timestamp>,
    pub published_by: Option<String>,
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<String>,
    pub close_reason: Option<String>,
    pub counts: RecipientCounts,
}

/// How many hospitals in scope stand where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientCounts {
    pub by_state: BTreeMap<RecipientState, u64>,
    pub useful: u64,
    pub not_useful: u64,
}

/// What a list of warnings is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct BulletinFilter {
    pub states: Vec<BulletinState>,
    pub severities: Vec<Severity>,
    /// Only those that wait for a first answer of some hospital in scope.
    pub unanswered: bool,
}

impl RecipientCounts {
    #[must_use]
    pub fn all(&self) -> u64 {
        self.by_state.values().sum()
    }

    #[must_use]
    pub fn of(&self, state: RecipientState) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }
}

fn seen(row: row::Model, counts: RecipientCounts) -> Result<Bulletin, StoreError> {
    let damaged = |what: String| StoreError::Damaged { table: "bulletins", what };
    let moment = |at: Option<i64>| at.map(Timestamp::from_micros);
    Ok(Bulletin {
        id: BulletinId(row.id),
        state: state_of(&row)?,
        content: serde_json::from_str(&row.body).map_err(|error| damaged(error.to_string()))?,
        created_at: Timestamp::from_micros(row.created_at),
        created_by: row.created_by,
        changed_at: Timestamp::from_micros(row.changed_at),
        published_at: moment(row.published_at),
        published_by: row.published_by,
        closed_at: moment(row.closed_at),
        closed_by: row.closed_by,
        close_reason: row.close_reason,
        counts,
    })
}

pub(crate) fn state_of(row: &row::Model) -> Result<BulletinState, StoreError> {
    BulletinState::parse(&row.state).ok_or_else(|| StoreError::Damaged { table: "bulletins", what: row.state.clone() })
}

fn body_of(content: &BulletinContent) -> Result<String, StoreError> {
    serde_json::to_string(content).map_err(|error| StoreError::invalid(error.to_string()))
}

/// What the scope lets through: everything for the sector, else what was sent to one of its hospitals.
fn visible(scope: &Scope) -> sea_orm::Condition {
    if scope.is_whole_sector() {
        return sea_orm::Condition::all();
    }
    sea_orm::Condition::all().add(row::Column::Id.in_subquery(recipients_of(scope).into_query()))
}

fn recipients_of(scope: &Scope) -> sea_orm::Select<recipient::Entity> {
    recipient::Entity::find()
        .select_only()
        .column(recipient::Column::BulletinId)
        .filter(scope.admits(recipient::Column::Facility))
}

impl Store {
    /// Keeps a new draft.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the rule that is broken; [`StoreError::Conflict`] when there are [`OPEN_MAX`] already.
    pub async fn draft_bulletin(&self, content: BulletinContent, audit: AuditLine) -> Result<Bulletin, StoreError> {
        let content = content.checked()?;
        let tx = self.write().await?;
        let open = row::Entity::find().filter(row::Column::State.ne(BulletinState::Closed.as_str())).count(&tx).await?;
        if open >= OPEN_MAX {
            return Err(StoreError::conflict(format!("{OPEN_MAX} warnings are open; close some first")));
        }
        let inserted = row::Entity::insert(row::ActiveModel {
            state: Set(BulletinState::Draft.as_str().to_owned()),
            severity: Set(content.rank()),
            body: Set(body_of(&content)?),
            story_id: Set(content.story.map(|story| story.0)),
            created_at: Set(audit.at.micros()),
            created_by: Set(audit.who.clone()),
            changed_at: Set(audit.at.micros()),
            published_at: Set(None),
            published_by: Set(None),
            closed_at: Set(None),
            closed_by: Set(None),
            close_reason: Set(None),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        let id = inserted.last_insert_id;
        let event = NewEvent { who: Some(&audit.who), action: "drafted", ..NewEvent::default() };
        add_event(&tx, id, audit.at, event).await?;
        audit.about(format!("bulletin {id}"), None).store(&tx).await?;
        tx.commit().await?;
        self.bulletin_of_sector(BulletinId(id)).await
    }

    /// Changes a draft.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not a draft any more; [`StoreError::Invalid`] names the rule that is broken.
    pub async fn edit_bulletin(
        &self,
        id: BulletinId,
        content: BulletinContent,
        audit: AuditLine,
    ) -> Result<Bulletin, StoreError> {
        let content = content.checked()?;
        let tx = self.write().await?;
        let row = of_id(&tx, id).await?;
        if state_of(&row)? != BulletinState::Draft {
            return Err(StoreError::conflict("it was sent already: what hospitals have read does not change any more"));
        }
        let mut changed = row.into_active_model();
        changed.severity = Set(content.rank());
        changed.body = Set(body_of(&content)?);
        changed.story_id = Set(content.story.map(|story| story.0));
        changed.changed_at = Set(audit.at.micros());
        row::Entity::update(changed).exec(&tx).await?;
        audit.about(format!("bulletin {id}"), None).store(&tx).await?;
        tx.commit().await?;
        self.bulletin_of_sector(id).await
    }

    /// Ends a warning: nobody is asked any more, and it leaves the hospitals' pages. A draft is thrown away so.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is closed already; [`StoreError::Invalid`] when the reason lacks or is too long.
    pub async fn close_bulletin(&self, id: BulletinId, reason: &str, audit: AuditLine) -> Result<Bulletin, StoreError> {
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(StoreError::invalid(format!("closing needs a reason of 1 to {REASON_CHARS_MAX} characters")));
        }
        let tx = self.write().await?;
        let row = of_id(&tx, id).await?;
        if state_of(&row)? == BulletinState::Closed {
            return Err(StoreError::conflict("it is closed already"));
        }
        let mut changed = row.into_active_model();
        changed.state = Set(BulletinState::Closed.as_str().to_owned());
        changed.closed_at = Set(Some(audit.at.micros()));
        changed.closed_by = Set(Some(audit.who.clone()));
        changed.close_reason = Set(Some(reason.to_owned()));
        row::Entity::update(changed).exec(&tx).await?;
        recount_waiting(&tx, &recipients_in(&tx, id).await?).await?;
        let event = NewEvent { who: Some(&audit.who), action: "closed", detail: Some(reason), ..NewEvent::default() };
        add_event(&tx, id.0, audit.at, event).await?;
        audit.about(format!("bulletin {id}"), None).saying(reason).store(&tx).await?;
        tx.commit().await?;
        self.bulletin_of_sector(id).await
    }

    /// Warnings, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn bulletins(
        &self,
        scope: &Scope,
        filter: &BulletinFilter,
        ask: &PageAsk,
    ) -> Result<Page<Bulletin>, StoreError> {
        let mut find = row::Entity::find().filter(visible(scope));
        if !filter.states.is_empty() {
            find = find.filter(row::Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
        }
        if !filter.severities.is_empty() {
            find = find.filter(row::Column::Severity.is_in(filter.severities.iter().map(|s| severity_rank(*s))));
        }
        if filter.unanswered {
            let waiting = recipients_of(scope).filter(recipient::Column::State.eq(RecipientState::Sent.as_str()));
            find = find
                .filter(row::Column::State.eq(BulletinState::Published.as_str()))
                .filter(row::Column::Id.in_subquery(waiting.into_query()));
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some(after) = ask.after_number()? {
            find = find.filter(row::Column::Id.lt(after));
        }
        let rows = find.order_by_desc(row::Column::Id).limit(ask.rows() + 1).all(self.reader()).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut counts = self.recipient_counts(scope, &ids).await?;
        let bulletins = rows
            .into_iter()
            .map(|row| {
                let own = counts.remove(&row.id).unwrap_or_default();
                seen(row, own)
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Page::of(bulletins, ask.rows(), total, |bulletin| bulletin.id.to_string()))
    }

    /// One warning.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist, or was sent to no hospital in the scope.
    pub async fn bulletin(&self, scope: &Scope, id: BulletinId) -> Result<Bulletin, StoreError> {
        let row = row::Entity::find_by_id(id.0).filter(visible(scope)).one(self.reader()).await?;
        let row = row.ok_or(StoreError::NotFound)?;
        let counts = self.recipient_counts(scope, &[id.0]).await?.remove(&id.0).unwrap_or_default();
        seen(row, counts)
    }

    /// The latest warning that was drafted from a campaign, if there is one. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bulletin_of_story(&self, story: StoryId) -> Result<Option<BulletinId>, StoreError> {
        let row = row::Entity::find()
            .filter(row::Column::StoryId.eq(story.0))
            .order_by_desc(row::Column::Id)
            .one(self.reader())
            .await?;
        Ok(row.map(|row| BulletinId(row.id)))
    }

    async fn bulletin_of_sector(&self, id: BulletinId) -> Result<Bulletin, StoreError> {
        self.bulletin(&Scope::of_the_centre_itself(), id).await
    }

    async fn recipient_counts(&self, scope: &Scope, ids: &[i64]) -> Result<BTreeMap<i64, RecipientCounts>, StoreError> {
        let mut all: BTreeMap<i64, RecipientCounts> = BTreeMap::new();
        if ids.is_empty() {
            return Ok(all);
        }
        let select = Query::select()
            .columns([recipient::Column::BulletinId, recipient::Column::State, recipient::Column::Useful])
            .expr_as(Func::count(Expr::col(recipient::Column::Facility)), "number")
            .from(recipient::Entity)
            .cond_where(scope.admits(recipient::Column::Facility))
            .and_where(Expr::col(recipient::Column::BulletinId).is_in(ids.iter().copied()))
            .group_by_columns([recipient::Column::BulletinId, recipient::Column::State, recipient::Column::Useful])
            .to_owned();
        for found in self.reader().query_all(&select).await? {
            let word: String = found.try_get("", "state")?;
            let damaged = || StoreError::Damaged { table: "bulletin_recipients", what: word.clone() };
            let state = RecipientState::parse(&word).ok_or_else(damaged)?;
            let number = u64::try_from(found.try_get::<i64>("", "number")?).unwrap_or(0);
            let counts = all.entry(found.try_get("", "bulletin_id")?).or_default();
            *counts.by_state.entry(state).or_default() += number;
            match found.try_get::<Option<i32>>("", "useful")? {
                Some(0) => counts.not_useful += number,
                Some(_) => counts.useful += number,
                None => {}
            }
        }
        Ok(all)
    }

    /// Removes closed warnings that are past the time of the audit log, a bounded number; says how many went.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_bulletins(&self, keep: &Retention, now: Timestamp) -> Result<u64, StoreError> {
        let before = now.plus_secs(i64::from(keep.audit_days).saturating_mul(-86_400)).micros();
        let tx = self.write().await?;
        let old: Vec<i64> = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .filter(row::Column::State.eq(BulletinState::Closed.as_str()))
            .filter(row::Column::ClosedAt.lt(before))
            .limit(FORGOTTEN_PER_ROUND)
            .into_tuple()
            .all(&tx)
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let ids = || old.iter().copied();
        recipient::Entity::delete_many().filter(recipient::Column::BulletinId.is_in(ids())).exec(&tx).await?;
        bulletin_event::Entity::delete_many().filter(bulletin_event::Column::BulletinId.is_in(ids())).exec(&tx).await?;
        let gone = row::Entity::delete_many().filter(row::Column::Id.is_in(ids())).exec(&tx).await?;
        tx.commit().await?;
        Ok(gone.rows_affected)
    }
}

pub(crate) async fn of_id(db: &impl ConnectionTrait, id: BulletinId) -> Result<row::Model, StoreError> {
    row::Entity::find_by_id(id.0).one(db).await?.ok_or(StoreError::NotFound)
}

pub(crate) async fn recipients_in(db: &impl ConnectionTrait, id: BulletinId) -> Result<Vec<String>, StoreError> {
    Ok(recipient::Entity::find()
        .select_only()
        .column(recipient::Column::Facility)
        .filter(recipient::Column::BulletinId.eq(id.0))
        .order_by_asc(recipient::Column::Facility)
        .into_tuple()
        .all(db)
        .await?)
}

/// Facilities of one statement: SQLite takes at most 32,766 values.
const FACILITIES_PER_UPDATE: usize = 500;

/// Brings the counters of warnings of these hospitals up to date, inside the write that changed what they count.
pub(crate) async fn recount_waiting(db: &impl ConnectionTrait, facilities: &[String]) -> Result<(), StoreError> {
    let of_recipient = |column| Expr::col((recipient::Entity, column));
    for part in facilities.chunks(FACILITIES_PER_UPDATE) {
        let waiting = Query::select()
            .expr(Func::count(of_recipient(recipient::Column::BulletinId)))
            .from(recipient::Entity)
            .inner_join(
                row::Entity,
                Expr::col((row::Entity, row::Column::Id)).equals((recipient::Entity, recipient::Column::BulletinId)),
            )
            .and_where(of_recipient(recipient::Column::Facility).equals((facility::Entity, facility::Column::Code)))
            .and_where(Expr::col((row::Entity, row::Column::State)).eq(BulletinState::Published.as_str()))
            .and_where(
                of_recipient(recipient::Column::State).is_in(RecipientState::WAITING.map(RecipientState::as_str)),
            )
            .to_owned();
        facility::Entity::update_many()
            .col_expr(facility::Column::BulletinsOpen, Expr::SubQuery(None, Box::new(waiting.into())))
            .filter(facility::Column::Code.is_in(part.iter().map(String::as_str)))
            .exec(db)
            .await?;
    }
    Ok(())
}
