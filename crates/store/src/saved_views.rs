//! Saved views: the queue's filters under a name, a person's own or shared with all of the sector's team.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    ids::{SavedViewId, UserId},
    people::User,
    rows::saved_view as row,
    words::Role,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

/// Most views of one person.
pub const SAVED_VIEWS_PER_PERSON_MAX: u64 = 30;
/// Most shared views.
pub const SAVED_VIEWS_SHARED_MAX: u64 = 50;
/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 60;
/// Longest filter, in bytes of JSON.
pub const FILTER_BYTES_MAX: usize = 2_000;

/// A view as it is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSavedView {
    pub name: String,
    /// As JSON.
    pub filter: String,
    pub is_shared: bool,
}

/// A kept one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    pub id: SavedViewId,
    pub name: String,
    pub filter: String,
    pub is_shared: bool,
    pub owner: UserId,
}

impl Store {
    /// A person's own views, and the shared ones for whoever sees the whole sector: those alone, since a filter may name
    /// a hospital.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn saved_views(&self, user: &User) -> Result<Vec<SavedView>, StoreError> {
        let rows = row::Entity::find()
            .filter(seen_by(user))
            .order_by_desc(row::Column::IsShared)
            .order_by_asc(row::Column::Name)
            .order_by_asc(row::Column::Id)
            .limit(SAVED_VIEWS_PER_PERSON_MAX + SAVED_VIEWS_SHARED_MAX)
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(SavedView::of).collect())
    }

    /// # Errors
    /// [`StoreError::Invalid`] when the name is empty or too long, or who is no administrator shares;
    /// [`StoreError::Conflict`] when there is no room.
    pub async fn save_view(&self, user: &User, new: NewSavedView, audit: AuditLine) -> Result<SavedView, StoreError> {
        let name = checked_name(&new.name)?;
        if new.filter.len() > FILTER_BYTES_MAX {
            return Err(StoreError::invalid("the filter is too long to be kept"));
        }
        if new.is_shared && user.role != Role::Administrator {
            return Err(StoreError::invalid("only administrators share a view with all"));
        }
        let tx = self.write().await?;
        let own = row::Entity::find().filter(row::Column::UserId.eq(user.id.0)).count(&tx).await?;
        if own >= SAVED_VIEWS_PER_PERSON_MAX {
            let why = format!("a person keeps at most {SAVED_VIEWS_PER_PERSON_MAX} views: remove one first");
            return Err(StoreError::conflict(why));
        }
        let shared = row::Entity::find().filter(row::Column::IsShared.eq(1)).count(&tx).await?;
        if new.is_shared && shared >= SAVED_VIEWS_SHARED_MAX {
            return Err(StoreError::conflict(format!("at most {SAVED_VIEWS_SHARED_MAX} views are shared")));
        }
        let row = row::ActiveModel {
            user_id: Set(user.id.0),
            name: Set(name.to_owned()),
            filter: Set(new.filter),
            is_shared: Set(i32::from(new.is_shared)),
            created_at: Set(audit.at.micros()),
            ..Default::default()
        };
        let id = row::Entity::insert(row).exec(&tx).await?.last_insert_id;
        let kept = row::Entity::find_by_id(id).one(&tx).await?.ok_or(StoreError::NotFound)?;
        audit.about(format!("saved view {id}"), None).saying(name).store(&tx).await?;
        tx.commit().await?;
        Ok(SavedView::of(kept))
    }

    /// # Errors
    /// [`StoreError::NotFound`] for a view that is neither the person's own nor, for an administrator, shared.
    pub async fn rename_view(
        &self,
        user: &User,
        id: SavedViewId,
        name: &str,
        audit: AuditLine,
    ) -> Result<SavedView, StoreError> {
        let name = checked_name(name)?;
        let tx = self.write().await?;
        let old = changeable(&tx, user, id).await?;
        let told = format!("{} → {name}", old.name);
        let mut renamed = old.into_active_model();
        renamed.name = Set(name.to_owned());
        let kept = row::Entity::update(renamed).exec(&tx).await?;
        audit.about(format!("saved view {id}"), None).saying(told).store(&tx).await?;
        tx.commit().await?;
        Ok(SavedView::of(kept))
    }

    /// # Errors
    /// As [`Store::rename_view`].
    pub async fn remove_view(&self, user: &User, id: SavedViewId, audit: AuditLine) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let old = changeable(&tx, user, id).await?;
        row::Entity::delete_by_id(id.0).exec(&tx).await?;
        audit.about(format!("saved view {id}"), None).saying(old.name).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn checked_name(name: &str) -> Result<&str, StoreError> {
    let name = name.trim();
    let chars = name.chars().count();
    if chars == 0 || chars > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(StoreError::invalid(format!("a view's name has 1 to {NAME_CHARS_MAX} characters on one line")));
    }
    Ok(name)
}

fn seen_by(user: &User) -> Condition {
    let own = Condition::any().add(row::Column::UserId.eq(user.id.0));
    match user.role {
        Role::Administrator | Role::Analyst => own.add(row::Column::IsShared.eq(1)),
        Role::RegionOfficer | Role::Hospital => own,
    }
}

async fn changeable(db: &impl ConnectionTrait, user: &User, id: SavedViewId) -> Result<row::Model, StoreError> {
    let row = row::Entity::find_by_id(id.0).one(db).await?.ok_or(StoreError::NotFound)?;
    let of_all = row.is_shared == 1 && user.role == Role::Administrator;
    if row.user_id == user.id.0 || of_all { Ok(row) } else { Err(StoreError::NotFound) }
}

impl SavedView {
    fn of(row: row::Model) -> Self {
        Self {
            id: SavedViewId(row.id),
            name: row.name,
            filter: row.filter,
            is_shared: row.is_shared == 1,
            owner: UserId(row.user_id),
        }
    }
}
