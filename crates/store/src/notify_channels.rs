//! The channels by which people are told: how each is set up, and how it fares.
//!
//! What a setting means is the centre's business; a secret is sealed before it comes here.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    notify_rows::{channel as row, delivery, mark},
    notify_words::DeliveryState,
};
use phitak_model::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use std::collections::BTreeMap;

/// Failures in a row after which a channel counts as failing.
pub const FAILING_AFTER: u32 = 3;
/// Longest error that is kept, in characters.
pub const ERROR_CHARS_MAX: usize = 200;
/// Since when something is told.
pub(crate) const BEGUN: &str = "begun";
/// Up to which arrival stories were looked at.
pub(crate) const STORIES: &str = "stories";

/// How a channel is set up, and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRecord {
    pub kind: String,
    pub enabled: bool,
    pub settings: BTreeMap<String, String>,
    /// Sealed.
    pub secret: Option<String>,
    pub changed_at: Timestamp,
    pub changed_by: String,
    /// In a row.
    pub failures: u32,
    pub failing_since: Option<Timestamp>,
    pub last_error: Option<String>,
    pub last_sent_at: Option<Timestamp>,
}

impl ChannelRecord {
    /// Whether another channel should be used in its place.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failures >= FAILING_AFTER
    }
}

/// How a channel is to be set up.
#[derive(Clone, Debug, Default)]
pub struct ChannelSetup {
    pub enabled: bool,
    pub settings: BTreeMap<String, String>,
    /// A new one, sealed; the earlier one stays where none is given.
    pub secret: Option<String>,
}

impl TryFrom<row::Model> for ChannelRecord {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let settings = serde_json::from_str(&row.settings)
            .map_err(|error| StoreError::Damaged { table: "notify_channels", what: error.to_string() })?;
        Ok(Self {
            kind: row.kind,
            enabled: row.enabled != 0,
            settings,
            secret: row.secret,
            changed_at: Timestamp::from_micros(row.changed_at),
            changed_by: row.changed_by,
            failures: u32::try_from(row.failures).unwrap_or(0),
            failing_since: row.failing_since.map(Timestamp::from_micros),
            last_error: row.last_error,
            last_sent_at: row.last_sent_at.map(Timestamp::from_micros),
        })
    }
}

impl Store {
    /// Channels that were ever set up, by their names.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn channels(&self) -> Result<Vec<ChannelRecord>, StoreError> {
        let rows = row::Entity::find().order_by_asc(row::Column::Kind).all(self.reader()).await?;
        rows.into_iter().map(ChannelRecord::try_from).collect()
    }

    /// One channel.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was never set up.
    pub async fn channel(&self, kind: &str) -> Result<ChannelRecord, StoreError> {
        row::Entity::find_by_id(kind).one(self.reader()).await?.ok_or(StoreError::NotFound)?.try_into()
    }

    /// Sets a channel up. What happens is told from the moment on at which the first channel is switched on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_channel(&self, kind: &str, setup: ChannelSetup, audit: AuditLine) -> Result<(), StoreError> {
        let settings =
            serde_json::to_string(&setup.settings).map_err(|error| StoreError::invalid(error.to_string()))?;
        let tx = self.write().await?;
        let enabled = row::Entity::find().filter(row::Column::Enabled.eq(1)).count(&tx).await?;
        if setup.enabled && enabled == 0 {
            for name in [BEGUN, STORIES] {
                set_mark(&tx, name, audit.at.micros()).await?;
            }
        }
        let mut changed = vec![
            row::Column::Enabled,
            row::Column::Settings,
            row::Column::ChangedAt,
            row::Column::ChangedBy,
            row::Column::Failures,
            row::Column::FailingSince,
            row::Column::LastError,
        ];
        if setup.secret.is_some() {
            changed.push(row::Column::Secret);
        }
        row::Entity::insert(row::ActiveModel {
            kind: Set(kind.to_owned()),
            enabled: Set(i32::from(setup.enabled)),
            settings: Set(settings),
            secret: Set(setup.secret),
            changed_at: Set(audit.at.micros()),
            changed_by: Set(audit.who.clone()),
            failures: Set(0),
            failing_since: Set(None),
            last_error: Set(None),
            last_sent_at: Set(None),
        })
        .on_conflict(OnConflict::column(row::Column::Kind).update_columns(changed).to_owned())
        .exec_without_returning(&tx)
        .await?;
        // What waited for a better setting is tried at once.
        delivery::Entity::update_many()
            .col_expr(delivery::Column::DueAt, Expr::value(audit.at.micros()))
            .filter(delivery::Column::Channel.eq(kind))
            .filter(delivery::Column::State.eq(DeliveryState::Waiting.as_str()))
            .filter(delivery::Column::Attempts.gt(0))
            .exec(&tx)
            .await?;
        let said = if setup.enabled { "on" } else { "off" };
        audit.about(format!("channel {kind}"), None).saying(said).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Since when something is told; `None` while no channel was ever switched on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn telling_since(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(mark_of(self.reader(), BEGUN).await?.map(Timestamp::from_micros))
    }
}

pub(crate) async fn mark_of(db: &impl ConnectionTrait, name: &str) -> Result<Option<i64>, StoreError> {
    Ok(mark::Entity::find_by_id(name).one(db).await?.map(|row| row.at))
}

pub(crate) async fn set_mark(db: &impl ConnectionTrait, name: &str, at: i64) -> Result<(), StoreError> {
    mark::Entity::insert(mark::ActiveModel { name: Set(name.to_owned()), at: Set(at) })
        .on_conflict(OnConflict::column(mark::Column::Name).update_column(mark::Column::At).to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Notes how a channel fared with one message.
pub(crate) async fn note_outcome(
    db: &impl ConnectionTrait,
    kind: &str,
    error: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = row::Entity::update_many().filter(row::Column::Kind.eq(kind));
    let update = match error {
        None => update
            .col_expr(row::Column::Failures, Expr::value(0))
            .col_expr(row::Column::FailingSince, Expr::value(Option::<i64>::None))
            .col_expr(row::Column::LastError, Expr::value(Option::<String>::None))
            .col_expr(row::Column::LastSentAt, Expr::value(now.micros())),
        Some(error) => update
            .col_expr(row::Column::Failures, Expr::col(row::Column::Failures).add(1))
            .col_expr(row::Column::FailingSince, Expr::cust(format!("COALESCE(failing_since, {})", now.micros())))
            .col_expr(row::Column::LastError, Expr::value(short(error))),
    };
    update.exec(db).await?;
    Ok(())
}

/// An error as it is kept.
pub(crate) fn short(error: &str) -> String {
    error.chars().filter(|letter| !letter.is_control()).take(ERROR_CHARS_MAX).collect()
}
