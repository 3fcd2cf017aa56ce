//! Answering links: what the message of a link told of, and that the link was used. The links themselves stand nowhere: see
//! the centre's `notify::link`.

use crate::{
    audit::AuditLine,
    database::Store,
    deliveries::Delivery,
    duty::live_user,
    error::StoreError,
    ids::{DeliveryId, UserId},
    matters::{Matter, end},
    notify_rows::{delivery as row, matter},
    notify_words::MatterState,
    people::User,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Expr,
};

/// How long an answering link holds, in seconds.
pub const LINK_SECS: i64 = 7 * 86_400;

impl Store {
    /// Whom an answering link was sent to, and when; does not use it up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was used, is too old, or its person may not sign in any more.
    pub async fn link_of(&self, id: DeliveryId, now: Timestamp) -> Result<(Delivery, Matter, User), StoreError> {
        let delivery: Delivery = live_link(self.reader(), id, now).await?.try_into()?;
        let user = live_user(self.reader(), delivery.user).await?;
        Ok((delivery.clone(), self.matter(delivery.matter).await?, user))
    }

    /// Uses an answering link up: all that its message told of is answered, and nobody further is told.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] as for [`Store::link_of`]: of two at once, one gets this.
    pub async fn answer_link(&self, id: DeliveryId, audit: AuditLine) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let link = live_link(&tx, id, audit.at).await?;
        let user = live_user(&tx, UserId(link.user_id)).await?;
        let used = row::Entity::update_many()
            .col_expr(row::Column::LinkUsedAt, Expr::value(audit.at.micros()))
            .filter(row::Column::Id.eq(id.0))
            .filter(row::Column::LinkUsedAt.is_null())
            .exec(&tx)
            .await?;
        if used.rows_affected != 1 {
            return Err(StoreError::NotFound);
        }
        let mut matters: Vec<i64> = row::Entity::find()
            .select_only()
            .column(row::Column::MatterId)
            .filter(row::Column::GatheredIn.eq(id.0))
            .into_tuple()
            .all(&tx)
            .await?;
        matters.push(link.matter_id);
        matters.sort_unstable();
        matters.dedup();
        end(&tx, &matters, MatterState::Answered, Some(&user.login), audit.at).await?;
        let facility = link.facility.as_deref().and_then(|code| FacilityCode::new(code).ok());
        let said = matters.iter().map(|id| format!("matter {id}")).collect::<Vec<_>>().join(", ");
        AuditLine { user: Some(user.id), who: user.login, ..audit }
            .about(format!("message {id}"), facility.as_ref())
            .saying(said)
            .store(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The warnings of these messages' matters that are a hospital's own to answer, with the hospital.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn matters_told_by(&self, id: DeliveryId) -> Result<Vec<Matter>, StoreError> {
        let told = row::Entity::find()
            .select_only()
            .column(row::Column::MatterId)
            .filter(Condition::any().add(row::Column::Id.eq(id.0)).add(row::Column::GatheredIn.eq(id.0)))
            .into_query();
        let rows = matter::Entity::find()
            .filter(matter::Column::Id.in_subquery(told))
            .order_by_asc(matter::Column::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Matter::try_from).collect()
    }
}

async fn live_link(db: &impl ConnectionTrait, id: DeliveryId, now: Timestamp) -> Result<row::Model, StoreError> {
    row::Entity::find_by_id(id.0)
        .filter(row::Column::LinkUsedAt.is_null())
        .filter(row::Column::CreatedAt.gt(now.plus_secs(-LINK_SECS).micros()))
        .one(db)
        .await?
        .ok_or(StoreError::NotFound)
}
