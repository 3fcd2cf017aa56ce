//! API tokens: what a program holds in place of a person's session. A token never reaches further than its maker, ends by
//! itself, and is kept as its digest.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    facilities::region_of,
    ids::{TokenId, UserId},
    page::{Page, PageAsk},
    people::User,
    rows::{token as row, user},
    scope::{Scope, ScopeReach},
    sessions::SignedIn,
    trouble::Trouble,
    words::Role,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use std::collections::BTreeMap;

/// Longest name.
pub const TOKEN_NAME_CHARS_MAX: usize = 60;
/// Longest life.
pub const TOKEN_DAYS_MAX: i64 = 366;
/// Live tokens of one account.
pub const TOKENS_PER_USER_MAX: u64 = 20;
/// Ended tokens of one account that stay in the list; the oldest go first.
pub const ENDED_KEPT_MAX: u64 = 100;
/// How often a token's last use is written down.
pub const TOKEN_TOUCH_SECS: i64 = 60;
const DAY_SECS: i64 = 86_400;

/// A token as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    /// The login of its maker.
    pub maker: String,
    pub role: Role,
    pub reach: ScopeReach,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A token as it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    pub reach: ScopeReach,
    pub days: u32,
}

impl NewToken {
    fn check(&self, maker: &User) -> Result<(), StoreError> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > TOKEN_NAME_CHARS_MAX || name.chars().any(char::is_control) {
            let rule = format!("a token's name has 1 to {TOKEN_NAME_CHARS_MAX} characters on one line");
            return Err(StoreError::invalid(rule));
        }
        if !(1..=TOKEN_DAYS_MAX).contains(&i64::from(self.days)) {
            return Err(StoreError::invalid(format!("a token lives 1 to {TOKEN_DAYS_MAX} days")));
        }
        self.role.check_reach(&self.reach)?;
        if !may_hold(maker, self.role, &self.reach) {
            return Err(StoreError::invalid("a token has no role and no scope beyond its maker's own"));
        }
        Ok(())
    }
}

/// Whether an account may give this away.
fn may_hold(maker: &User, role: Role, reach: &ScopeReach) -> bool {
    maker.role.covers(role) && (maker.reach == ScopeReach::Sector || maker.reach == *reach)
}

fn is_live(now: Timestamp) -> Condition {
    Condition::all().add(row::Column::RevokedAt.is_null()).add(row::Column::ExpiresAt.gt(now.micros()))
}

impl Store {
    /// Makes a token for an account, known by the digest of its secret.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the rule that is broken;
    /// [`StoreError::NotFound`] when the token's facility lies outside the maker's scope.
    pub async fn add_token(
        &self,
        scope: &Scope,
        maker: &User,
        new: &NewToken,
        digest: &str,
        audit: AuditLine,
    ) -> Result<Token, StoreError> {
        new.check(maker)?;
        let (region, facility) = match &new.reach {
            ScopeReach::Sector => (None, None),
            ScopeReach::Region(region) => (Some(i32::from(region.number())), None),
            ScopeReach::Facility(code) => (None, Some(self.facility(scope, code.as_str()).await?.code)),
        };
        let now = audit.at;
        let tx = self.write().await?;
        let of_maker = || row::Entity::find().filter(row::Column::UserId.eq(maker.id.0));
        if of_maker().filter(is_live(now)).count(&tx).await? >= TOKENS_PER_USER_MAX {
            let rule = format!("an account has at most {TOKENS_PER_USER_MAX} live tokens; revoke one first");
            return Err(StoreError::invalid(rule));
        }
        let surplus: Vec<i64> = of_maker()
            .select_only()
            .column(row::Column::Id)
            .filter(is_live(now).not())
            .order_by_desc(row::Column::Id)
            .offset(ENDED_KEPT_MAX)
            .limit(ENDED_KEPT_MAX)
            .into_tuple()
            .all(&tx)
            .await?;
        row::Entity::delete_many().filter(row::Column::Id.is_in(surplus)).exec(&tx).await?;
        let name = new.name.trim();
        let inserted = row::Entity::insert(row::ActiveModel {
            digest: Set(digest.to_owned()),
            user_id: Set(maker.id.0),
            name: Set(name.to_owned()),
            role: Set(new.role.as_str().to_owned()),
            region: Set(region),
            facility: Set(facility.as_ref().map(|code| code.as_str().to_owned())),
            created_at: Set(now.micros()),
            expires_at: Set(now.plus_secs(i64::from(new.days) * DAY_SECS).micros()),
            last_used_at: Set(None),
            revoked_at: Set(None),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        let id = inserted.last_insert_id;
        let told = format!("role {}, {} days: {name}", new.role.as_str(), new.days);
        audit.about(format!("token {id}"), facility.as_ref()).saying(told).store(&tx).await?;
        tx.commit().await?;
        let made = row::Entity::find_by_id(id).one(self.reader()).await?.ok_or(StoreError::NotFound)?;
        token_of(made, maker.login.clone())
    }

    /// Tokens, latest first: those of one account, or everybody's for routes whose reach is the whole sector.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn tokens(&self, whose: Option<UserId>, ask: &PageAsk) -> Result<Page<Token>, StoreError> {
        let mut find = row::Entity::find();
        if let Some(user) = whose {
            find = find.filter(row::Column::UserId.eq(user.0));
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some(before) = ask.after_number()? {
            find = find.filter(row::Column::Id.lt(before));
        }
        let rows = find.order_by_desc(row::Column::Id).limit(ask.rows() + 1).all(self.reader()).await?;
        let makers: Vec<(i64, String)> = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::Login])
            .filter(user::Column::Id.is_in(rows.iter().map(|row| row.user_id)))
            .into_tuple()
            .all(self.reader())
            .await?;
        let makers: BTreeMap<i64, String> = makers.into_iter().collect();
        let tokens = rows
            .into_iter()
            .map(|row| {
                let maker = makers.get(&row.user_id).cloned().unwrap_or_default();
                token_of(row, maker)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(tokens, ask.rows(), total, |token| token.id.to_string()))
    }

    /// Ends a token at once: one of this account, or anybody's.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such live token.
    pub async fn revoke_token(&self, whose: Option<UserId>, id: TokenId, audit: AuditLine) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let mut of_whom = is_live(audit.at).add(row::Column::Id.eq(id.0));
        if let Some(user) = whose {
            of_whom = of_whom.add(row::Column::UserId.eq(user.0));
        }
        let revoked = row::Entity::update_many()
            .col_expr(row::Column::RevokedAt, Expr::value(audit.at.micros()))
            .filter(of_whom)
            .exec(&tx)
            .await?;
        if revoked.rows_affected == 0 {
            return Err(StoreError::NotFound);
        }
        audit.about(format!("token {id}"), None).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Who calls with the token of this digest: its maker, with the token's role and scope. Gives its name too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is unknown, over or revoked, when its maker's account is disabled, or when its
    /// maker may hold as much no more.
    pub async fn token(&self, digest: &str, now: Timestamp) -> Result<(SignedIn, String), StoreError> {
        let token = live_token(self.reader(), digest, now).await?.ok_or(StoreError::NotFound)?;
        let maker = user::Entity::find_by_id(token.user_id)
            .filter(user::Column::DisabledAt.is_null())
            .one(self.reader())
            .await?
            .ok_or(StoreError::NotFound)?;
        let maker = User::try_from(maker)?;
        let (name, last_used_at, id) = (token.name.clone(), token.last_used_at, token.id);
        let token = token_of(token, maker.login.clone())?;
        if !may_hold(&maker, token.role, &token.reach) {
            return Err(StoreError::NotFound);
        }
        if last_used_at.is_none_or(|at| at <= now.plus_secs(-TOKEN_TOUCH_SECS).micros()) {
            match self.touch_token(id, now).await {
                // Where nothing can be written, programs still read.
                Err(error) if error.trouble().is_some_and(Trouble::reads) => {}
                other => other?,
            }
        }
        let scope = Scope::of_account(token.reach.clone());
        let user = User { role: token.role, reach: token.reach, ..maker };
        Ok((SignedIn { user, scope, csrf: String::new(), expires_at: token.expires_at }, name))
    }

    async fn touch_token(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        let tx = self.write().await?;
        row::Entity::update_many()
            .col_expr(row::Column::LastUsedAt, Expr::value(now.micros()))
            .filter(row::Column::Id.eq(id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether a token is still live, without using it: what a live stream asks now and then.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn token_lives(&self, digest: &str, now: Timestamp) -> Result<bool, StoreError> {
        let Some(token) = live_token(self.reader(), digest, now).await? else { return Ok(false) };
        let maker = user::Entity::find_by_id(token.user_id).one(self.reader()).await?;
        Ok(maker.is_some_and(|maker| maker.disabled_at.is_none()))
    }
}

async fn live_token(db: &impl ConnectionTrait, digest: &str, now: Timestamp) -> Result<Option<row::Model>, StoreError> {
    Ok(row::Entity::find().filter(row::Column::Digest.eq(digest)).filter(is_live(now)).one(db).await?)
}

fn token_of(row: row::Model, maker: String) -> Result<Token, StoreError> {
    let damaged = |what: String| StoreError::Damaged { table: "api_tokens", what };
    let reach = match (row.region, row.facility) {
        (None, None) => ScopeReach::Sector,
        (Some(region), None) => ScopeReach::Region(region_of(region).map_err(damaged)?),
        (_, Some(code)) => ScopeReach::Facility(FacilityCode::new(&code).map_err(|error| damaged(error.to_string()))?),
    };
    Ok(Token {
        id: TokenId(row.id),
        name: row.name,
        maker,
        role: Role::parse(&row.role).ok_or_else(|| damaged(row.role.clone()))?,
        reach,
        created_at: Timestamp::from_micros(row.created_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        last_used_at: row.last_used_at.map(Timestamp::from_micros),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    })
}
