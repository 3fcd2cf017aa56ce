//! Who did what, when, to what. Every write that a person asks for takes an [`AuditLine`] and stores it in the same
//! transaction: there is no write without its line.

use crate::{
    audit_chain::{self, Fields},
    database::Store,
    error::StoreError,
    ids::UserId,
    page::{Page, PageAsk},
    rows::audit as row,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::ExprTrait,
};

/// Longest detail that is kept, in characters.
pub const DETAIL_CHARS_MAX: usize = 500;

/// A line of the audit, to be stored with the write that it tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    pub at: Timestamp,
    /// None for the operator at the command line and for the centre itself.
    pub user: Option<UserId>,
    pub who: String,
    /// What the route declares.
    pub action: &'static str,
    /// What it was done to, such as `finding 12`.
    pub object: String,
    pub facility: Option<FacilityCode>,
    pub detail: String,
}

/// Which lines are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditFilter {
    #[default]
    All,
    /// What was done.
    Changes,
    /// Who looked at another's data.
    Views,
}

/// What the action of a view begins with.
pub(crate) const VIEW: &str = "view.";

/// A stored line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    pub id: i64,
    pub at: Timestamp,
    pub who: String,
    pub action: String,
    pub object: String,
    pub facility: Option<String>,
    pub detail: String,
}

impl AuditLine {
    /// By the operator of the machine, at its command line.
    #[must_use]
    pub fn of_operator(at: Timestamp, action: &'static str) -> Self {
        Self {
            at,
            user: None,
            who: "operator (command line)".to_owned(),
            action,
            object: String::new(),
            facility: None,
            detail: String::new(),
        }
    }

    pub(crate) fn about(&self, object: impl Into<String>, facility: Option<&FacilityCode>) -> Self {
        Self { object: object.into(), facility: facility.cloned(), ..self.clone() }
    }

    pub(crate) fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds the line to the end of the chain. Lines are added one after the other: see [`audit_chain`].
    pub(crate) async fn store(self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        let head = audit_chain::take_head(db).await?;
        let (who, object) = (on_one_line(&self.who), on_one_line(&self.object));
        let detail: String = shown(&self.detail).take(DETAIL_CHARS_MAX).collect();
        let facility = self.facility.map(String::from);
        let hash = audit_chain::hash(
            &head,
            &Fields {
                at: self.at.micros(),
                user_id: self.user.map(|id| id.0),
                who: &who,
                action: self.action,
                object: &object,
                facility: facility.as_deref(),
                detail: &detail,
            },
        );
        let inserted = row::Entity::insert(row::ActiveModel {
            at: Set(self.at.micros()),
            user_id: Set(self.user.map(|id| id.0)),
            who: Set(who),
            action: Set(self.action.to_owned()),
            object: Set(object),
            facility: Set(facility),
            detail: Set(detail),
            hash: Set(hash.clone()),
            ..Default::default()
        })
        .exec(db)
        .await?;
        audit_chain::set_head(db, inserted.last_insert_id, hash).await
    }
}

/// Control characters that somebody typed do not reach a reader's terminal, nor a database that refuses them.
fn shown(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter })
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

impl Store {
    /// Stores a line that stands for itself, such as a refused sign-in.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note(&self, line: AuditLine) -> Result<(), StoreError> {
        let tx = self.write().await?;
        line.store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The audit, latest first. Only routes whose reach is the whole sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn audit(&self, filter: AuditFilter, ask: &PageAsk) -> Result<Page<AuditRecord>, StoreError> {
        let mut find = row::Entity::find().order_by_desc(row::Column::Id).limit(ask.rows() + 1);
        find = match filter {
            AuditFilter::All => find,
            AuditFilter::Changes => find.filter(row::Column::Action.starts_with(VIEW).not()),
            AuditFilter::Views => find.filter(row::Column::Action.starts_with(VIEW)),
        };
        if let Some(after) = ask.after_number()? {
            find = find.filter(row::Column::Id.lt(after));
        }
        let rows = find.all(self.reader()).await?;
        let page = Page::of(rows, ask.rows(), 0, |row| row.id.to_string());
        Ok(page.map(|row| AuditRecord {
            id: row.id,
            at: Timestamp::from_micros(row.at),
            who: row.who,
            action: row.action,
            object: row.object,
            facility: row.facility,
            detail: row.detail,
        }))
    }
}
