//! The outbox: one row a message to one person by one channel, kept until the channel has taken it.
//!
//! A message is claimed before it is sent and marked after: one that was being sent when the centre died is sent again,
//! under the same idempotency key.

use crate::{
    database::Store,
    duty::live_user,
    error::StoreError,
    ids::{DeliveryId, MatterId, UserId},
    matters::Matter,
    notify_channels::{note_outcome, short},
    notify_rows::{delivery as row, matter},
    notify_words::{DeliveryState, MatterState},
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use sha2::{Digest, Sha256};

/// Messages that wait or are being sent; while there are so many nothing new is taken, and what happens meanwhile is found
/// when there is room.
pub const OUTBOX_MAX: u64 = 50_000;
/// Messages that one channel takes at a time.
pub const CLAIMED_MAX: u64 = 8;
/// Messages of one person that are told together.
pub const GATHERED_MAX: u64 = 200;
/// After so long without success a message is given up, in seconds.
pub const GIVEN_UP_AFTER_SECS: i64 = 86_400;
/// Hexadecimal digits of an idempotency key.
const KEY_DIGITS: usize = 32;

/// A message as it is put into the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    pub user: UserId,
    /// Where the person is told as one of a hospital's own.
    pub facility: Option<FacilityCode>,
    pub channel: String,
    pub address: String,
    pub due_at: Timestamp,
    /// Whether it waits to be told together with others.
    pub gathers: bool,
}

/// A message of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub matter: MatterId,
    pub user: UserId,
    pub channel: String,
    pub address: String,
    /// The same at each attempt: 32 hexadecimal digits.
    pub key: String,
    pub state: DeliveryState,
    pub gathers: bool,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub attempts: u32,
    pub sent_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// A claimed message with what it tells, and how many others are told with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub delivery: Delivery,
    pub matter: Matter,
    /// Where the person is told as one of a hospital's own.
    pub facility: Option<FacilityCode>,
    pub others: Vec<DeliveryId>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    Taken,
    /// It may go well later.
    Failed {
        error: String,
        again_at: Timestamp,
    },
    /// It was not tried: the channel fails, and another message tries it.
    Postponed {
        again_at: Timestamp,
    },
    /// It never will at this address; the channel itself works.
    Refused {
        error: String,
    },
}

impl TryFrom<row::Model> for Delivery {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let state = DeliveryState::parse(&row.state)
            .ok_or_else(|| StoreError::Damaged { table: "deliveries", what: row.state.clone() })?;
        Ok(Self {
            id: DeliveryId(row.id),
            matter: MatterId(row.matter_id),
            user: UserId(row.user_id),
            channel: row.channel,
            address: row.address,
            key: row.idempotency_key,
            state,
            gathers: row.gathers != 0,
            created_at: Timestamp::from_micros(row.created_at),
            due_at: Timestamp::from_micros(row.due_at),
            attempts: u32::try_from(row.attempts).unwrap_or(0),
            sent_at: row.sent_at.map(Timestamp::from_micros),
            last_error: row.last_error,
        })
    }
}

impl Store {
    /// Messages that wait or are being sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn outbox(&self) -> Result<u64, StoreError> {
        Ok(row::Entity::find().filter(unsent()).count(self.reader()).await?)
    }

    /// How many messages were made for a person since this moment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn deliveries_to(&self, user: UserId, since: Timestamp) -> Result<u64, StoreError> {
        let find = row::Entity::find()
            .filter(row::Column::UserId.eq(user.0))
            .filter(row::Column::CreatedAt.gte(since.micros()));
        Ok(find.count(self.reader()).await?)
    }

    /// Claims messages of a channel that are due, until the lease ends; the others that wait for the same person to be
    /// told together are claimed with the first of them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim(
        &self,
        channel: &str,
        most: u64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        let due = |rows: sea_orm::Select<row::Entity>| {
            rows.filter(row::Column::Channel.eq(channel)).filter(unsent()).filter(row::Column::DueAt.lte(now.micros()))
        };
        if due(row::Entity::find()).one(self.reader()).await?.is_none() {
            return Ok(Vec::new());
        }
        let tx = self.write().await?;
        let rows = due(row::Entity::find())
            .order_by_asc(row::Column::DueAt)
            .order_by_asc(row::Column::Id)
            .limit(std::cmp::min(most, CLAIMED_MAX))
            .all(&tx)
            .await?;
        let mut claimed = Vec::with_capacity(rows.len());
        let mut told: Vec<i64> = Vec::new();
        for found in rows {
            if told.contains(&found.id) {
                continue;
            }
            let matter = matter::Entity::find_by_id(found.matter_id).one(&tx).await?;
            let matter = matter.map(Matter::try_from).transpose()?;
            let open = matter.filter(|matter| matches!(matter.state, MatterState::Open | MatterState::Unanswered));
            let lives = live_user(&tx, UserId(found.user_id)).await;
            let (Some(matter), Ok(_)) = (open, &lives) else {
                if !matches!(lives, Ok(_) | Err(StoreError::NotFound)) {
                    lives?;
                }
                withdraw_one(&tx, found.id).await?;
                continue;
            };
            let mut others: Vec<i64> = Vec::new();
            if found.gathers != 0 {
                others = due(row::Entity::find().select_only().column(row::Column::Id))
                    .filter(row::Column::Gathers.eq(1))
                    .filter(row::Column::UserId.eq(found.user_id))
                    .filter(row::Column::Address.eq(found.address.as_str()))
                    .filter(row::Column::Id.ne(found.id))
                    .order_by_asc(row::Column::Id)
                    .limit(GATHERED_MAX)
                    .into_tuple()
                    .all(&tx)
                    .await?;
            }
            let ids: Vec<i64> = others.iter().copied().chain([found.id]).collect();
            row::Entity::update_many()
                .col_expr(row::Column::State, Expr::value(DeliveryState::Sending.as_str()))
                .col_expr(row::Column::DueAt, Expr::value(lease_until.micros()))
                .filter(row::Column::Id.is_in(ids.iter().copied()))
                .exec(&tx)
                .await?;
            told.extend(ids);
            let others = others.into_iter().map(DeliveryId).collect();
            let facility = found.facility.as_deref().and_then(|code| FacilityCode::new(code).ok());
            claimed.push(Claimed { delivery: Delivery::try_from(found)?, matter, facility, others });
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Gives back what was claimed by a centre that has died: it is sent again at once. Only for a centre that starts, and
    /// so is the only one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_claims(&self, now: Timestamp) -> Result<u64, StoreError> {
        let tx = self.write().await?;
        let released = row::Entity::update_many()
            .col_expr(row::Column::State, Expr::value(DeliveryState::Waiting.as_str()))
            .col_expr(row::Column::DueAt, Expr::value(now.micros()))
            .filter(row::Column::State.eq(DeliveryState::Sending.as_str()))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(released.rows_affected)
    }

    /// Notes what became of an attempt, for the message, those told with it, and the channel. After a failure the given
    /// messages by other channels are put into the outbox.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_attempt(
        &self,
        claimed: &Claimed,
        attempt: &Attempt,
        stand_ins: &[NewDelivery],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let delivery = &claimed.delivery;
        let ids: Vec<i64> = claimed.others.iter().chain([&delivery.id]).map(|id| id.0).collect();
        let tx = self.write().await?;
        let attempts = Expr::col(row::Column::Attempts).add(1);
        let update = row::Entity::update_many()
            .col_expr(row::Column::Attempts, attempts)
            .filter(row::Column::Id.is_in(ids.iter().copied()));
        let update = match attempt {
            Attempt::Taken => update
                .col_expr(row::Column::State, Expr::value(DeliveryState::Sent.as_str()))
                .col_expr(row::Column::SentAt, Expr::value(now.micros()))
                .col_expr(row::Column::GatheredIn, Expr::value(delivery.id.0)),
            Attempt::Failed { error, again_at } if *again_at < delivery.created_at.plus_secs(GIVEN_UP_AFTER_SECS) => {
                update
                    .col_expr(row::Column::State, Expr::value(DeliveryState::Waiting.as_str()))
                    .col_expr(row::Column::DueAt, Expr::value(again_at.micros()))
                    .col_expr(row::Column::LastError, Expr::value(short(error)))
            }
            Attempt::Postponed { again_at } => update
                .col_expr(row::Column::State, Expr::value(DeliveryState::Waiting.as_str()))
                .col_expr(row::Column::DueAt, Expr::value(again_at.micros())),
            Attempt::Failed { error, .. } | Attempt::Refused { error } => update
                .col_expr(row::Column::State, Expr::value(DeliveryState::Failed.as_str()))
                .col_expr(row::Column::LastError, Expr::value(short(error))),
        };
        update.exec(&tx).await?;
        match attempt {
            Attempt::Taken => {
                note_outcome(&tx, &delivery.channel, None, now).await?;
                replace_others(&tx, delivery).await?;
            }
            Attempt::Failed { error, .. } => note_outcome(&tx, &delivery.channel, Some(error), now).await?,
            Attempt::Postponed { .. } | Attempt::Refused { .. } => {}
        }
        add_rows(&tx, delivery.matter, step_of(&tx, delivery.id).await?, stand_ins, true, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

pub(crate) fn unsent() -> Condition {
    Condition::any()
        .add(row::Column::State.eq(DeliveryState::Waiting.as_str()))
        .add(row::Column::State.eq(DeliveryState::Sending.as_str()))
}

async fn step_of(db: &impl ConnectionTrait, id: DeliveryId) -> Result<u32, StoreError> {
    let row = row::Entity::find_by_id(id.0).one(db).await?.ok_or(StoreError::NotFound)?;
    Ok(u32::try_from(row.step).unwrap_or(0))
}

/// What failed before, or stands in for what failed, is not needed once one of the person's channels has taken it.
async fn replace_others(db: &impl ConnectionTrait, taken: &Delivery) -> Result<(), StoreError> {
    row::Entity::update_many()
        .col_expr(row::Column::State, Expr::value(DeliveryState::Replaced.as_str()))
        .filter(row::Column::MatterId.eq(taken.matter.0))
        .filter(row::Column::UserId.eq(taken.user.0))
        .filter(row::Column::State.eq(DeliveryState::Waiting.as_str()))
        .filter(Condition::any().add(row::Column::Attempts.gt(0)).add(row::Column::StandsIn.eq(1)))
        .exec(db)
        .await?;
    Ok(())
}

pub(crate) async fn add_deliveries(
    db: &impl ConnectionTrait,
    matter: MatterId,
    step: u32,
    new: &[NewDelivery],
    now: Timestamp,
) -> Result<(), StoreError> {
    add_rows(db, matter, step, new, false, now).await
}

async fn add_rows(
    db: &impl ConnectionTrait,
    matter: MatterId,
    step: u32,
    new: &[NewDelivery],
    stands_in: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    for delivery in new {
        let words = format!(
            "matter {matter} step {step} user {} {} {} at {}",
            delivery.user,
            delivery.channel,
            delivery.address,
            now.micros()
        );
        let key: String = Sha256::digest(words.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        // A person is told of one step by one channel once.
        let again = row::Entity::find()
            .filter(row::Column::MatterId.eq(matter.0))
            .filter(row::Column::Step.eq(i32::try_from(step).unwrap_or(i32::MAX)))
            .filter(row::Column::UserId.eq(delivery.user.0))
            .filter(row::Column::Channel.eq(delivery.channel.as_str()))
            .count(db)
            .await?;
        if again > 0 {
            continue;
        }
        let new = row::ActiveModel {
            matter_id: Set(matter.0),
            step: Set(i32::try_from(step).unwrap_or(i32::MAX)),
            user_id: Set(delivery.user.0),
            facility: Set(delivery.facility.as_ref().map(|code| code.as_str().to_owned())),
            channel: Set(delivery.channel.clone()),
            address: Set(delivery.address.clone()),
            idempotency_key: Set(key.chars().take(KEY_DIGITS).collect()),
            state: Set(DeliveryState::Waiting.as_str().to_owned()),
            gathers: Set(i32::from(delivery.gathers)),
            stands_in: Set(i32::from(stands_in)),
            created_at: Set(now.micros()),
            due_at: Set(delivery.due_at.micros()),
            attempts: Set(0),
            sent_at: Set(None),
            last_error: Set(None),
            gathered_in: Set(None),
            link_used_at: Set(None),
            ..Default::default()
        };
        row::Entity::insert(new)
            .on_conflict(OnConflict::column(row::Column::IdempotencyKey).do_nothing().to_owned())
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// Takes back what was not sent of these matters.
pub(crate) async fn withdraw(db: &impl ConnectionTrait, matters: &[i64]) -> Result<(), StoreError> {
    row::Entity::update_many()
        .col_expr(row::Column::State, Expr::value(DeliveryState::Withdrawn.as_str()))
        .filter(row::Column::MatterId.is_in(matters.iter().copied()))
        .filter(row::Column::State.eq(DeliveryState::Waiting.as_str()))
        .exec(db)
        .await?;
    Ok(())
}

async fn withdraw_one(db: &impl ConnectionTrait, id: i64) -> Result<(), StoreError> {
    row::Entity::update_many()
        .col_expr(row::Column::State, Expr::value(DeliveryState::Withdrawn.as_str()))
        .filter(row::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}
