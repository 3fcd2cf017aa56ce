//! The second factor of an account: the sealed secret of its authenticator app, the last time step that was used, and
//! recovery codes as digests. They stand in tables of their own that no list or page reads, and the secret is sealed
//! before it comes here.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    ids::UserId,
    people::User,
    rows::{recovery_code, second_factor as row, session, user},
};
use phitak_model::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

/// Recovery codes of one account.
pub const RECOVERY_CODES: usize = 10;
/// Before any step.
const NO_STEP: i64 = -1;

impl Store {
    /// Keeps a sealed secret that is not proved yet; an earlier proved one stays in use until this one is proved.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_factor(&self, user: &User, sealed: &str, audit: AuditLine) -> Result<(), StoreError> {
        let tx = self.write().await?;
        row::Entity::insert(row::ActiveModel {
            user_id: Set(user.id.0),
            secret: Set(None),
            pending: Set(Some(sealed.to_owned())),
            last_step: Set(NO_STEP),
        })
        .on_conflict(OnConflict::column(row::Column::UserId).update_column(row::Column::Pending).to_owned())
        .exec_without_returning(&tx)
        .await?;
        audit.about(format!("user {}", user.login), None).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The sealed secret that waits for its proof.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn pending_factor(&self, user: UserId) -> Result<Option<String>, StoreError> {
        Ok(row::Entity::find_by_id(user.0).one(self.reader()).await?.and_then(|row| row.pending))
    }

    /// The sealed secret that is in use.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn factor(&self, user: UserId) -> Result<Option<String>, StoreError> {
        Ok(row::Entity::find_by_id(user.0).one(self.reader()).await?.and_then(|row| row.secret))
    }

    /// Puts a proved secret into use, with new recovery codes, and ends the account's other sessions.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the secret waits no more: another one was begun, or this one is in use.
    pub async fn confirm_factor(
        &self,
        user: &User,
        sealed: &str,
        step: i64,
        recovery_digests: &[String],
        kept_session: &str,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let confirmed = row::Entity::update_many()
            .col_expr(row::Column::Secret, Expr::value(sealed))
            .col_expr(row::Column::Pending, Expr::value(Option::<String>::None))
            .col_expr(row::Column::LastStep, Expr::value(step))
            .filter(row::Column::UserId.eq(user.id.0))
            .filter(row::Column::Pending.eq(sealed))
            .exec(&tx)
            .await?;
        if confirmed.rows_affected == 0 {
            return Err(StoreError::NotFound);
        }
        mark_user(&tx, user.id, Some(audit.at)).await?;
        replace_codes(&tx, user.id, recovery_digests).await?;
        session::Entity::delete_many()
            .filter(session::Column::UserId.eq(user.id.0))
            .filter(session::Column::Digest.ne(kept_session))
            .exec(&tx)
            .await?;
        audit.about(format!("user {}", user.login), None).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Uses a time step up. Says whether it, or a later one, had not been used before: of two at once, one is told so.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn use_step(&self, user: UserId, step: i64) -> Result<bool, StoreError> {
        let tx = self.write().await?;
        let used = row::Entity::update_many()
            .col_expr(row::Column::LastStep, Expr::value(step))
            .filter(row::Column::UserId.eq(user.0))
            .filter(row::Column::LastStep.lt(step))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(used.rows_affected == 1)
    }

    /// Uses a recovery code up. Says whether it was one of the account's and unused.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn use_recovery_code(&self, user: UserId, digest: &str, now: Timestamp) -> Result<bool, StoreError> {
        let tx = self.write().await?;
        let used = recovery_code::Entity::update_many()
            .col_expr(recovery_code::Column::UsedAt, Expr::value(now.micros()))
            .filter(
                Condition::all()
                    .add(recovery_code::Column::Digest.eq(digest))
                    .add(recovery_code::Column::UserId.eq(user.0))
                    .add(recovery_code::Column::UsedAt.is_null()),
            )
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(used.rows_affected == 1)
    }

    /// Recovery codes that are not used yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn recovery_codes_left(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(recovery_code::Entity::find()
            .filter(recovery_code::Column::UserId.eq(user.0))
            .filter(recovery_code::Column::UsedAt.is_null())
            .count(self.reader())
            .await?)
    }

    /// New recovery codes in place of all earlier ones.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn renew_recovery_codes(
        &self,
        user: &User,
        digests: &[String],
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let tx = self.write().await?;
        replace_codes(&tx, user.id, digests).await?;
        audit.about(format!("user {}", user.login), None).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes an account's second factor away and ends its sessions: its owner lost it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the account has none.
    pub async fn reset_factor(&self, user: UserId, audit: AuditLine) -> Result<User, StoreError> {
        let tx = self.write().await?;
        let known = user::Entity::find_by_id(user.0)
            .filter(user::Column::SecondFactorAt.is_not_null())
            .one(&tx)
            .await?
            .ok_or(StoreError::NotFound)?;
        row::Entity::delete_by_id(user.0).exec(&tx).await?;
        replace_codes(&tx, user, &[]).await?;
        mark_user(&tx, user, None).await?;
        session::Entity::delete_many().filter(session::Column::UserId.eq(user.0)).exec(&tx).await?;
        audit.about(format!("user {}", known.login), None).store(&tx).await?;
        tx.commit().await?;
        User::try_from(user::Model { second_factor_at: None, ..known })
    }
}

async fn mark_user(db: &impl ConnectionTrait, id: UserId, since: Option<Timestamp>) -> Result<(), StoreError> {
    user::Entity::update_many()
        .col_expr(user::Column::SecondFactorAt, Expr::value(since.map(Timestamp::micros)))
        .filter(user::Column::Id.eq(id.0))
        .exec(db)
        .await?;
    Ok(())
}

async fn replace_codes(db: &impl ConnectionTrait, id: UserId, digests: &[String]) -> Result<(), StoreError> {
    recovery_code::Entity::delete_many().filter(recovery_code::Column::UserId.eq(id.0)).exec(db).await?;
    if digests.is_empty() {
        return Ok(());
    }
    let rows = digests.iter().map(|digest| recovery_code::ActiveModel {
        digest: Set(digest.clone()),
        user_id: Set(id.0),
        used_at: Set(None),
    });
    recovery_code::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}
