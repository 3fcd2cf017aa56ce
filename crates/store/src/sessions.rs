//! Live sessions: who is signed in, and the scope of what they may see.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    people::User,
    rows::{session as row, user},
    scope::Scope,
    trouble::Trouble,
};
use phitak_model::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

/// A session ends after this long without a request.
pub const SESSION_IDLE_SECS: i64 = 2 * 3_600;
/// A session ends after this long in any case.
pub const SESSION_SECS_MAX: i64 = 12 * 3_600;
/// How often a session's last use is written down.
pub const SESSION_TOUCH_SECS: i64 = 60;
/// Most live sessions of one account; the oldest end first.
pub const SESSIONS_PER_USER_MAX: u64 = 10;

/// A live session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: User,
    pub scope: Scope,
    /// What writes carry in their header.
    pub csrf: String,
    pub expires_at: Timestamp,
}

impl Store {
    /// Begins a session for an account. The secret's digest names it; the secret stays with the browser.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_session(
        &self,
        user: &User,
        digest: &str,
        csrf: &str,
        audit: AuditLine,
    ) -> Result<SignedIn, StoreError> {
        let now = audit.at;
        let tx = self.write().await?;
        let expires_at = now.plus_secs(SESSION_SECS_MAX);
        row::Entity::insert(row::ActiveModel {
            digest: Set(digest.to_owned()),
            user_id: Set(user.id.0),
            csrf: Set(csrf.to_owned()),
            created_at: Set(now.micros()),
            used_at: Set(now.micros()),
            expires_at: Set(expires_at.micros()),
        })
        .exec_without_returning(&tx)
        .await?;
        user::Entity::update_many()
            .col_expr(user::Column::LastSignInAt, Expr::value(now.micros()))
            .filter(user::Column::Id.eq(user.id.0))
            .exec(&tx)
            .await?;
        let surplus: Vec<String> = row::Entity::find()
            .select_only()
            .column(row::Column::Digest)
            .filter(row::Column::UserId.eq(user.id.0))
            .order_by_desc(row::Column::CreatedAt)
            .offset(SESSIONS_PER_USER_MAX)
            .limit(SESSIONS_PER_USER_MAX)
            .into_tuple()
            .all(&tx)
            .await?;
        row::Entity::delete_many()
            .filter(
                Condition::any()
                    .add(row::Column::Digest.is_in(surplus))
                    .add(row::Column::ExpiresAt.lt(now.micros()))
                    .add(row::Column::UsedAt.lt(now.plus_secs(-SESSION_IDLE_SECS).micros())),
            )
            .exec(&tx)
            .await?;
        AuditLine { user: Some(user.id), who: user.login.clone(), ..audit }
            .about(format!("user {}", user.login), None)
            .store(&tx)
            .await?;
        tx.commit().await?;
        Ok(SignedIn {
            user: user.clone(),
            scope: Scope::of_account(user.reach.clone()),
            csrf: csrf.to_owned(),
            expires_at,
        })
    }

    /// The live session of this digest: this is where a request's [`Scope`] comes from.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is unknown, over, idle for too long, or its account is disabled.
    pub async fn session(&self, digest: &str, now: Timestamp) -> Result<SignedIn, StoreError> {
        let session = row::Entity::find_by_id(digest)
            .filter(row::Column::ExpiresAt.gt(now.micros()))
            .filter(row::Column::UsedAt.gt(now.plus_secs(-SESSION_IDLE_SECS).micros()))
            .one(self.reader())
            .await?
            .ok_or(StoreError::NotFound)?;
        let user = user::Entity::find_by_id(session.user_id)
            .filter(user::Column::DisabledAt.is_null())
            .one(self.reader())
            .await?
            .ok_or(StoreError::NotFound)?;
        let user = User::try_from(user)?;
        let (csrf, expires_at) = (session.csrf.clone(), Timestamp::from_micros(session.expires_at));
        if session.used_at <= now.plus_secs(-SESSION_TOUCH_SECS).micros() {
            match self.touch_session(session, now).await {
                // Where nothing can be written, people still read; their session only ends earlier.
                Err(error) if error.trouble().is_some_and(Trouble::reads) => {}
                other => other?,
            }
        }
        Ok(SignedIn { scope: Scope::of_account(user.reach.clone()), user, csrf, expires_at })
    }

    async fn touch_session(&self, session: row::Model, now: Timestamp) -> Result<(), StoreError> {
        let tx = self.write().await?;
        // It may have been ended since it was read.
        let digest = session.digest.clone();
        let mut touched = session.into_active_model();
        touched.used_at = Set(now.micros());
        row::Entity::update_many().set(touched).filter(row::Column::Digest.eq(digest)).exec(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether a session is still live, without using it: what a live stream asks now and then.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn session_lives(&self, digest: &str, now: Timestamp) -> Result<bool, StoreError> {
        let session = row::Entity::find_by_id(digest).one(self.reader()).await?;
        Ok(session.is_some_and(|session| {
            session.expires_at > now.micros() && session.used_at > now.plus_secs(-SESSION_IDLE_SECS).micros()
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_session(&self, digest: &str, audit: AuditLine) -> Result<(), StoreError> {
        let tx = self.write().await?;
        row::Entity::delete_by_id(digest).exec(&tx).await?;
        let who = audit.who.clone();
        audit.about(format!("user {who}"), None).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
