//! The log of messages: to whom, by which channel, how far each has come. And what is forgotten of it.

use crate::{
    database::Store,
    deliveries::{Delivery, unsent},
    error::StoreError,
    matters::Matter,
    notify_rows::{delivery as row, matter},
    notify_words::DeliveryState,
    page::{Page, PageAsk},
    retention::Retention,
    rows::user,
    scope::Scope,
};
use phitak_model::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use std::collections::BTreeMap;

/// Matters that one round forgets.
const FORGOTTEN_PER_ROUND: u64 = 500;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    pub delivery: Delivery,
    pub matter: Matter,
    /// Whom it told.
    pub name: String,
}

/// What the log is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    pub states: Vec<DeliveryState>,
}

impl Store {
    /// How many messages wait, by channel.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn outbox_by_channel(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows: Vec<(String, i64)> = row::Entity::find()
            .select_only()
            .column(row::Column::Channel)
            .column_as(row::Column::Id.count(), "number")
            .filter(unsent())
            .group_by(row::Column::Channel)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(|(channel, number)| (channel, u64::try_from(number).unwrap_or(0))).collect())
    }

    /// Messages, the latest first: all for the sector's team, else those to the own people of the hospitals in scope.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn delivery_log(
        &self,
        scope: &Scope,
        filter: &DeliveryFilter,
        ask: &PageAsk,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        let mut find = row::Entity::find().filter(scope.admits(row::Column::Facility));
        if !filter.states.is_empty() {
            find = find.filter(row::Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
        }
        if let Some(before) = ask.after_number()? {
            find = find.filter(row::Column::Id.lt(before));
        }
        let rows = find.order_by_desc(row::Column::Id).limit(ask.rows() + 1).all(self.reader()).await?;
        let page = Page::of(rows, ask.rows(), 0, |row| row.id.to_string());
        let matters: BTreeMap<i64, matter::Model> = matter::Entity::find()
            .filter(matter::Column::Id.is_in(page.items.iter().map(|row| row.matter_id)))
            .all(self.reader())
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let names: BTreeMap<i64, String> = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::Name])
            .filter(user::Column::Id.is_in(page.items.iter().map(|row| row.user_id)))
            .into_tuple::<(i64, String)>()
            .all(self.reader())
            .await?
            .into_iter()
            .collect();
        let mut items = Vec::with_capacity(page.items.len());
        for row in page.items {
            // A matter and its messages are forgotten together.
            let Some(matter) = matters.get(&row.matter_id) else { continue };
            let name = names.get(&row.user_id).cloned().unwrap_or_default();
            items.push(DeliveryRecord { matter: Matter::try_from(matter.clone())?, name, delivery: row.try_into()? });
        }
        Ok(Page { items, total: page.total, next_cursor: page.next_cursor })
    }

    /// Removes ended matters past the time of alerts, with their messages, a bounded number; says how many went.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_matters(&self, keep: &Retention, now: Timestamp) -> Result<u64, StoreError> {
        let before = now.plus_secs(i64::from(keep.alert_days).saturating_mul(-86_400)).micros();
        let old: Vec<i64> = matter::Entity::find()
            .select_only()
            .column(matter::Column::Id)
            .filter(matter::Column::CreatedAt.lt(before))
            .filter(Expr::cust(
                "NOT EXISTS (SELECT 1 FROM bulletin_recipients r WHERE r.bulletin_id = matters.bulletin_id \
                 AND r.facility = matters.facility AND r.state = 'sent')",
            ))
            .order_by_asc(matter::Column::Id)
            .limit(FORGOTTEN_PER_ROUND)
            .into_tuple()
            .all(self.reader())
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let tx = self.write().await?;
        row::Entity::delete_many().filter(row::Column::MatterId.is_in(old.iter().copied())).exec(&tx).await?;
        let gone = matter::Entity::delete_many().filter(matter::Column::Id.is_in(old)).exec(&tx).await?;
        tx.commit().await?;
        Ok(gone.rows_affected)
    }
}
