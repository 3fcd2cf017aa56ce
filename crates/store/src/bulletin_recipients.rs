//! Whom an early warning was sent to, with the reasons frozen as they stood then, and what each hospital answered.
//!
//! ```text
//!   sent ──รับทราบ──▶ acknowledged ──▶ done ──the check finds nothing──▶ verified
//!     └───────────any answer──────────▲  │ ◀────── still found ──▶ reopened │
//!                  not ours · cannot · need help (each may be changed until it is verified)
//! ```
//! Whoever answers at all has acknowledged.

use crate::{
    audit::AuditLine,
    bulletin_events::{NewEvent, add_event},
    bulletins::{of_id, recipients_in, recount_waiting, state_of},
    concern::Reasons,
    database::Store,
    error::StoreError,
    facilities::{self, IMPORT_FACILITIES_MAX},
    ids::BulletinId,
    page::{Page, PageAsk},
    rows::{bulletin, bulletin_recipient as row},
    scope::Scope,
    triage::REASON_CHARS_MAX,
    words::{BulletinAnswer, BulletinState, CheckOutcome, RecipientSource, RecipientState},
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use std::collections::BTreeSet;

/// Most recipients of a warning.
pub const RECIPIENTS_MAX: usize = IMPORT_FACILITIES_MAX;
/// Rows of one insert statement: SQLite takes at most 32,766 values.
const ROWS_PER_INSERT: usize = 500;

/// A hospital to which a warning is being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecipient {
    pub facility: FacilityCode,
    pub source: RecipientSource,
    pub reasons: Reasons,
    /// Why a person added it.
    pub hand_reason: Option<String>,
}

/// A hospital that got a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub bulletin: BulletinId,
    pub facility: FacilityCode,
    pub source: RecipientSource,
    pub reasons: Reasons,
    pub hand_reason: Option<String>,
    pub state: RecipientState,
    pub sent_at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
    pub answer: Option<BulletinAnswer>,
    pub answer_reason: Option<String>,
    pub answered_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    /// How often it was asked again: 1 the hospital, 2 province and region, 3 the sector.
    pub chase_level: u8,
    pub check_outcome: Option<CheckOutcome>,
    /// What the check found after ทำแล้ว.
    pub found_again: Option<Reasons>,
    pub useful: Option<bool>,
    pub useful_words: Option<String>,
}

impl TryFrom<row::Model> for Recipient {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Damaged { table: "bulletin_recipients", what };
        let moment = |at: Option<i64>| at.map(Timestamp::from_micros);
        let reasons = |text: &str| serde_json::from_str(text).map_err(|error| damaged(error.to_string()));
        Ok(Self {
            bulletin: BulletinId(row.bulletin_id),
            facility: FacilityCode::new(&row.facility).map_err(|error| damaged(error.to_string()))?,
            source: RecipientSource::parse(&row.source).ok_or_else(|| damaged(row.source.clone()))?,
            reasons: reasons(&row.reasons)?,
            hand_reason: row.hand_reason,
            state: RecipientState::parse(&row.state).ok_or_else(|| damaged(row.state.clone()))?,
            sent_at: Timestamp::from_micros(row.sent_at),
            acknowledged_at: moment(row.acknowledged_at),
            answer: row.answer.as_deref().and_then(BulletinAnswer::parse),
            answer_reason: row.answer_reason,
            answered_at: moment(row.answered_at),
            done_at: moment(row.done_at),
            verified_at: moment(row.verified_at),
            chase_level: u8::try_from(row.chase_level).unwrap_or(0),
            check_outcome: row.check_outcome.as_deref().and_then(CheckOutcome::parse),
            found_again: row.found_again.as_deref().map(reasons).transpose()?,
            useful: row.useful.map(|useful| useful != 0),
            useful_words: row.useful_words,
        })
    }
}

impl NewRecipient {
    fn row(&self, id: BulletinId, now: Timestamp) -> Result<row::ActiveModel, StoreError> {
        let reasons = serde_json::to_string(&self.reasons).map_err(|error| StoreError::invalid(error.to_string()))?;
        Ok(row::ActiveModel {
            bulletin_id: Set(id.0),
            facility: Set(self.facility.as_str().to_owned()),
            source: Set(self.source.as_str().to_owned()),
            reasons: Set(reasons),
            hand_reason: Set(self.hand_reason.clone()),
            state: Set(RecipientState::Sent.as_str().to_owned()),
            sent_at: Set(now.micros()),
            acknowledged_at: Set(None),
            answer: Set(None),
            answer_reason: Set(None),
            answered_at: Set(None),
            done_at: Set(None),
            verified_at: Set(None),
            chase_level: Set(0),
            check_outcome: Set(None),
            found_again: Set(None),
            useful: Set(None),
            useful_words: Set(None),
        })
    }
}

/// A reason without spaces around it; `None` when nothing is left of it.
pub(crate) fn reason_of(text: Option<&str>) -> Result<Option<&str>, StoreError> {
    let reason = text.map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
        return Err(StoreError::invalid(format!("a reason has at most {REASON_CHARS_MAX} characters")));
    }
    Ok(reason)
}

impl Store {
    /// Sends a draft to these hospitals, which freezes who they are and why.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not a draft any more; [`StoreError::Invalid`] when its words lack, when there is
    /// nobody to send it to, or too many.
    pub async fn publish_bulletin(
        &self,
        id: BulletinId,
        recipients: &[NewRecipient],
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let draft = of_id(&tx, id).await?;
        if state_of(&draft)? != BulletinState::Draft {
            return Err(StoreError::conflict("it was sent already, or is closed"));
        }
        let content: crate::BulletinContent = serde_json::from_str(&draft.body)
            .map_err(|error| StoreError::Damaged { table: "bulletins", what: error.to_string() })?;
        content.is_whole()?;
        let mut sent = draft.into_active_model();
        sent.state = Set(BulletinState::Published.as_str().to_owned());
        sent.published_at = Set(Some(audit.at.micros()));
        sent.published_by = Set(Some(audit.who.clone()));
        bulletin::Entity::update(sent).exec(&tx).await?;
        let added = add(&tx, id, recipients, &audit).await?;
        let detail = format!("{added} hospitals");
        let event =
            NewEvent { who: Some(&audit.who), action: "published", detail: Some(&detail), ..NewEvent::default() };
        add_event(&tx, id.0, audit.at, event).await?;
        audit.about(format!("bulletin {id}"), None).saying(format!("sent to {detail}")).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sends a warning that was sent already to more hospitals. Those that have it keep what they have.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is a draft or closed; [`StoreError::Invalid`] when nobody new is named.
    pub async fn add_recipients(
        &self,
        id: BulletinId,
        recipients: &[NewRecipient],
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let tx = self.write().await?;
        if state_of(&of_id(&tx, id).await?)? != BulletinState::Published {
            return Err(StoreError::conflict("only a warning that was sent takes more hospitals"));
        }
        let added = add(&tx, id, recipients, &audit).await?;
        audit.about(format!("bulletin {id}"), None).saying(format!("{added} hospitals added")).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Recipients of a warning in scope, by code; in any state when none is named.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn recipients(
        &self,
        scope: &Scope,
        id: BulletinId,
        states: &[RecipientState],
        ask: &PageAsk,
    ) -> Result<Page<Recipient>, StoreError> {
        let mut find =
            row::Entity::find().filter(row::Column::BulletinId.eq(id.0)).filter(scope.admits(row::Column::Facility));
        if !states.is_empty() {
            find = find.filter(row::Column::State.is_in(states.iter().map(|state| state.as_str())));
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some(after) = ask.after()? {
            find = find.filter(row::Column::Facility.gt(after));
        }
        let rows = find.order_by_asc(row::Column::Facility).limit(ask.rows() + 1).all(self.reader()).await?;
        let recipients = rows.into_iter().map(Recipient::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(recipients, ask.rows(), total, |recipient| recipient.facility.to_string()))
    }

    /// The codes of all recipients of a warning. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn recipient_codes(&self, id: BulletinId) -> Result<BTreeSet<String>, StoreError> {
        Ok(recipients_in(self.reader(), id).await?.into_iter().collect())
    }

    /// One hospital's part in a warning.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is outside the scope or did not get it.
    pub async fn recipient(
        &self,
        scope: &Scope,
        id: BulletinId,
        facility: &FacilityCode,
    ) -> Result<Recipient, StoreError> {
        find(self.reader(), scope, id, facility).await?.try_into()
    }

    /// The warnings that stand on one hospital's page: those that are sent and not closed, the latest first. Verified ones
    /// stay until `verified_since` has passed them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bulletins_of_care(
        &self,
        scope: &Scope,
        facility: &FacilityCode,
        verified_since: Timestamp,
        most: u64,
    ) -> Result<Vec<Recipient>, StoreError> {
        let published = bulletin::Entity::find()
            .select_only()
            .column(bulletin::Column::Id)
            .filter(bulletin::Column::State.eq(BulletinState::Published.as_str()));
        let rows = row::Entity::find()
            .filter(scope.admits(row::Column::Facility))
            .filter(row::Column::Facility.eq(facility.as_str()))
            .filter(row::Column::BulletinId.in_subquery(published.into_query()))
            .filter(
                Condition::any()
                    .add(row::Column::State.ne(RecipientState::Verified.as_str()))
                    .add(row::Column::VerifiedAt.gte(verified_since.micros())),
            )
            .order_by_desc(row::Column::BulletinId)
            .limit(most)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Recipient::try_from).collect()
    }

    /// Content of these warnings, for recipients that are at hand already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bulletin_contents(
        &self,
        scope: &Scope,
        recipients: &[Recipient],
    ) -> Result<Vec<(BulletinId, crate::BulletinContent)>, StoreError> {
        let ids: BTreeSet<BulletinId> = recipients.iter().map(|recipient| recipient.bulletin).collect();
        let mut contents = Vec::with_capacity(ids.len());
        for id in ids {
            contents.push((id, self.bulletin(scope, id).await?.content));
        }
        Ok(contents)
    }
}

pub(crate) async fn find(
    db: &impl ConnectionTrait,
    scope: &Scope,
    id: BulletinId,
    facility: &FacilityCode,
) -> Result<row::Model, StoreError> {
    row::Entity::find_by_id((id.0, facility.as_str().to_owned()))
        .filter(scope.admits(row::Column::Facility))
        .one(db)
        .await?
        .ok_or(StoreError::NotFound)
}

/// Adds those that are not there yet; each that a person named gets its own line in the history.
async fn add(
    tx: &DatabaseTransaction,
    id: BulletinId,
    recipients: &[NewRecipient],
    audit: &AuditLine,
) -> Result<usize, StoreError> {
    let mut there: BTreeSet<String> = recipients_in(tx, id).await?.into_iter().collect();
    let before = there.len();
    let mut fresh = Vec::new();
    for recipient in recipients {
        if !there.insert(recipient.facility.as_str().to_owned()) {
            continue;
        }
        let hand_reason = reason_of(recipient.hand_reason.as_deref())?;
        if recipient.source == RecipientSource::Hand && hand_reason.is_none() {
            return Err(StoreError::invalid("a hospital that a person adds needs a reason"));
        }
        fresh.push((recipient, hand_reason));
    }
    if fresh.is_empty() {
        return Err(StoreError::invalid("it would go to no hospital"));
    }
    if before.saturating_add(fresh.len()) > RECIPIENTS_MAX {
        return Err(StoreError::invalid(format!("a warning goes to at most {RECIPIENTS_MAX} hospitals")));
    }
    for (recipient, hand_reason) in &fresh {
        if recipient.source != RecipientSource::Hand {
            continue;
        }
        facilities::of_code(tx, &recipient.facility).await?;
        let event = NewEvent {
            facility: Some(recipient.facility.as_str()),
            who: Some(&audit.who),
            action: "added",
            detail: *hand_reason,
            ..NewEvent::default()
        };
        add_event(tx, id.0, audit.at, event).await?;
    }
    for part in fresh.chunks(ROWS_PER_INSERT) {
        let rows = part.iter().map(|(recipient, _)| recipient.row(id, audit.at)).collect::<Result<Vec<_>, _>>()?;
        row::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    let codes: Vec<String> = fresh.iter().map(|(recipient, _)| recipient.facility.to_string()).collect();
    recount_waiting(tx, &codes).await?;
    Ok(fresh.len())
}
