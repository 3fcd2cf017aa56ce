//! Accounts, and the one-time links with which they choose their first password.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    facilities::region_of,
    ids::UserId,
    page::{Page, PageAsk},
    rows::{first_link, session, token, user as row},
    scope::{Scope, ScopeReach},
    words::Role,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use sha2::{Digest, Sha256};

/// Longest login.
pub const LOGIN_CHARS_MAX: usize = 64;
/// Longest name.
pub const NAME_CHARS_MAX: usize = 120;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub reach: ScopeReach,
    pub created_at: Timestamp,
    pub last_sign_in_at: Option<Timestamp>,
    pub has_password: bool,
    /// Since when it has a second factor.
    pub second_factor_at: Option<Timestamp>,
}

/// An account as it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    pub login: String,
    pub name: String,
    pub role: Role,
    pub reach: ScopeReach,
}

/// What is kept of a secret that a person holds: its SHA-256. The secret has 256 bits of chance, so no salt is needed.
#[must_use]
pub fn secret_digest(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl TryFrom<row::Model> for User {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Damaged { table: "users", what };
        let role = Role::parse(&row.role).ok_or_else(|| damaged(row.role.clone()))?;
        let reach = match (role, row.region, row.facility) {
            (Role::Administrator | Role::Analyst, None, None) => ScopeReach::Sector,
            (Role::RegionOfficer, Some(region), None) => ScopeReach::Region(region_of(region).map_err(damaged)?),
            (Role::Hospital, None, Some(code)) => {
                ScopeReach::Facility(FacilityCode::new(&code).map_err(|error| damaged(error.to_string()))?)
            }
            (role, ..) => return Err(damaged(format!("a {} with another scope", role.as_str()))),
        };
        Ok(Self {
            id: UserId(row.id),
            login: row.login,
            name: row.name,
            role,
            reach,
            created_at: Timestamp::from_micros(row.created_at),
            last_sign_in_at: row.last_sign_in_at.map(Timestamp::from_micros),
            has_password: row.password_hash.is_some(),
            second_factor_at: row.second_factor_at.map(Timestamp::from_micros),
        })
    }
}

impl Role {
    /// Whether this role may do all that the other may, where both may see. A region officer reads and answers nothing, so
    /// it does not cover a hospital.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        match self {
            Self::Administrator => true,
            Self::Analyst => other != Self::Administrator,
            Self::RegionOfficer | Self::Hospital => self == other,
        }
    }

    pub(crate) fn check_reach(self, reach: &ScopeReach) -> Result<(), StoreError> {
        match (self, reach) {
            (Self::Administrator | Self::Analyst, ScopeReach::Sector)
            | (Self::RegionOfficer, ScopeReach::Region(_))
            | (Self::Hospital, ScopeReach::Facility(_)) => Ok(()),
            _ => Err(StoreError::invalid(
                "administrators and analysts have the sector as their scope, region officers one region, hospitals one facility",
            )),
        }
    }
}

impl NewUser {
    fn check(&self) -> Result<(), StoreError> {
        let good_letters = |text: &str| {
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
        };
        if !(2..=LOGIN_CHARS_MAX).contains(&self.login.len()) || !good_letters(&self.login) {
            return Err(StoreError::invalid(format!(
                "a login has 2 to {LOGIN_CHARS_MAX} of the letters a-z, digits, dot, dash and underscore"
            )));
        }
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(StoreError::invalid(format!("a name has 1 to {NAME_CHARS_MAX} characters on one line")));
        }
        self.role.check_reach(&self.reach)
    }
}

impl Store {
    /// Makes an account, with a one-time link of this digest.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the rule that is broken; [`StoreError::Conflict`] when the login is taken;
    /// [`StoreError::NotFound`] when its facility does not exist in the scope of who makes it.
    pub async fn add_user(
        &self,
        scope: &Scope,
        new: &NewUser,
        link_digest: &str,
        link_expires_at: Timestamp,
        audit: AuditLine,
    ) -> Result<User, StoreError> {
        new.check()?;
        let (region, facility) = match &new.reach {
            ScopeReach::Sector => (None, None),
            ScopeReach::Region(region) => (Some(i32::from(region.number())), None),
            ScopeReach::Facility(code) => (None, Some(self.facility(scope, code.as_str()).await?.code)),
        };
        let tx = self.write().await?;
        if row::Entity::find().filter(row::Column::Login.eq(new.login.as_str())).one(&tx).await?.is_some() {
            return Err(StoreError::conflict(format!("the login {} is taken", new.login)));
        }
        let inserted = row::Entity::insert(row::ActiveModel {
            login: Set(new.login.clone()),
            name: Set(new.name.trim().to_owned()),
            role: Set(new.role.as_str().to_owned()),
            region: Set(region),
            facility: Set(facility.as_ref().map(|code| code.as_str().to_owned())),
            password_hash: Set(None),
            created_at: Set(audit.at.micros()),
            last_sign_in_at: Set(None),
            disabled_at: Set(None),
            second_factor_at: Set(None),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        let id = UserId(inserted.last_insert_id);
        add_link(&tx, id, link_digest, audit.at, link_expires_at).await?;
        audit
            .about(format!("user {}", new.login), facility.as_ref())
            .saying(format!("role {}", new.role.as_str()))
            .store(&tx)
            .await?;
        tx.commit().await?;
        self.user_by_login(&new.login).await?.ok_or(StoreError::NotFound)
    }

    /// Gives an existing account a new one-time link; earlier links that were not used stop working.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account.
    pub async fn renew_link(
        &self,
        login: &str,
        link_digest: &str,
        link_expires_at: Timestamp,
        audit: AuditLine,
    ) -> Result<User, StoreError> {
        let user = self.user_by_login(login).await?.ok_or(StoreError::NotFound)?;
        let tx = self.write().await?;
        first_link::Entity::delete_many().filter(first_link::Column::UserId.eq(user.id.0)).exec(&tx).await?;
        add_link(&tx, user.id, link_digest, audit.at, link_expires_at).await?;
        // Whoever gives a disabled account a new link means it to work again.
        row::Entity::update_many()
            .col_expr(row::Column::DisabledAt, Expr::value(Option::<i64>::None))
            .filter(row::Column::Id.eq(user.id.0))
            .exec(&tx)
            .await?;
        audit.about(format!("user {login}"), None).store(&tx).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Ends an account: its sessions, links and tokens stop at once, and it can sign in no more. A new link brings back the
    /// account, not its tokens.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account.
    pub async fn disable_user(&self, login: &str, audit: AuditLine) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let user = row::Entity::find().filter(row::Column::Login.eq(login)).one(&tx).await?;
        let user = user.ok_or(StoreError::NotFound)?;
        session::Entity::delete_many().filter(session::Column::UserId.eq(user.id)).exec(&tx).await?;
        first_link::Entity::delete_many().filter(first_link::Column::UserId.eq(user.id)).exec(&tx).await?;
        token::Entity::update_many()
            .col_expr(token::Column::RevokedAt, Expr::value(audit.at.micros()))
            .filter(token::Column::UserId.eq(user.id))
            .filter(token::Column::RevokedAt.is_null())
            .exec(&tx)
            .await?;
        let mut disabled = user.into_active_model();
        disabled.disabled_at = Set(Some(audit.at.micros()));
        row::Entity::update(disabled).exec(&tx).await?;
        audit.about(format!("user {login}"), None).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets an account's own new password; ends its other sessions and the links that were not used.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn change_password(
        &self,
        user: &User,
        password_hash: String,
        kept_session: &str,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let tx = self.write().await?;
        row::Entity::update_many()
            .col_expr(row::Column::PasswordHash, Expr::value(password_hash))
            .filter(row::Column::Id.eq(user.id.0))
            .exec(&tx)
            .await?;
        session::Entity::delete_many()
            .filter(session::Column::UserId.eq(user.id.0))
            .filter(session::Column::Digest.ne(kept_session))
            .exec(&tx)
            .await?;
        first_link::Entity::delete_many().filter(first_link::Column::UserId.eq(user.id.0)).exec(&tx).await?;
        audit.about(format!("user {}", user.login), None).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The account of this login.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn user_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        let row = row::Entity::find().filter(row::Column::Login.eq(login)).one(self.reader()).await?;
        row.map(User::try_from).transpose()
    }

    /// The stored password hash of an account that may sign in.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn password_hash(&self, login: &str) -> Result<Option<(UserId, String)>, StoreError> {
        let row = row::Entity::find()
            .filter(row::Column::Login.eq(login))
            .filter(row::Column::DisabledAt.is_null())
            .one(self.reader())
            .await?;
        Ok(row.and_then(|row| row.password_hash.map(|hash| (UserId(row.id), hash))))
    }

    /// Accounts by login. Only routes whose reach is the whole sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn users(&self, ask: &PageAsk) -> Result<Page<User>, StoreError> {
        let total = row::Entity::find().count(self.reader()).await?;
        let mut find = row::Entity::find().order_by_asc(row::Column::Login).limit(ask.rows() + 1);
        if let Some(after) = ask.after()? {
            find = find.filter(row::Column::Login.gt(after));
        }
        let users = find.all(self.reader()).await?.into_iter().map(User::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(users, ask.rows(), total, |user| user.login.clone()))
    }

    /// Whom a one-time link is for; does not use it up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is unknown, used or expired.
    pub async fn link_owner(&self, link_digest: &str, now: Timestamp) -> Result<User, StoreError> {
        let link = live_link(self.reader(), link_digest, now).await?;
        row::Entity::find_by_id(link.user_id)
            .filter(row::Column::DisabledAt.is_null())
            .one(self.reader())
            .await?
            .ok_or(StoreError::NotFound)?
            .try_into()
    }

    /// Uses a one-time link up: sets the password and ends the account's other sessions.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is unknown, used or expired: of two at once, one gets this.
    pub async fn use_link(
        &self,
        link_digest: &str,
        password_hash: String,
        audit: AuditLine,
    ) -> Result<User, StoreError> {
        let tx = self.write().await?;
        let link = live_link(&tx, link_digest, audit.at).await?;
        let user = row::Entity::find_by_id(link.user_id)
            .filter(row::Column::DisabledAt.is_null())
            .one(&tx)
            .await?
            .ok_or(StoreError::NotFound)?;
        let mut used = link.into_active_model();
        used.used_at = Set(Some(audit.at.micros()));
        first_link::Entity::update(used).exec(&tx).await?;
        let mut changed = user.clone().into_active_model();
        changed.password_hash = Set(Some(password_hash));
        row::Entity::update(changed).exec(&tx).await?;
        session::Entity::delete_many().filter(session::Column::UserId.eq(user.id)).exec(&tx).await?;
        let user = User::try_from(user)?;
        AuditLine { user: Some(user.id), who: user.login.clone(), ..audit }
            .about(format!("user {}", user.login), None)
            .store(&tx)
            .await?;
        tx.commit().await?;
        Ok(user)
    }
}

async fn add_link(
    db: &impl ConnectionTrait,
    user: UserId,
    digest: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    first_link::Entity::insert(first_link::ActiveModel {
        digest: Set(digest.to_owned()),
        user_id: Set(user.0),
        created_at: Set(now.micros()),
        expires_at: Set(expires_at.micros()),
        used_at: Set(None),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

async fn live_link(db: &impl ConnectionTrait, digest: &str, now: Timestamp) -> Result<first_link::Model, StoreError> {
    first_link::Entity::find_by_id(digest)
        .filter(first_link::Column::UsedAt.is_null())
        .filter(first_link::Column::ExpiresAt.gt(now.micros()))
        .one(db)
        .await?
        .ok_or(StoreError::NotFound)
}
