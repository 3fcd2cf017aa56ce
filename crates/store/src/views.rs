//! Who looked at another's data: a line of the audit for the first look of an hour, so that an analyst's day is told and
//! the audit does not drown in it.

use crate::{audit::AuditLine, database::Store, error::StoreError, rows::audit_view as row};
use phitak_model::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

/// One person's looks of one kind at one place leave one line in so long.
pub const VIEW_SECS: i64 = 3_600;

impl Store {
    /// Stores the line of a view, unless the same person's last one of its kind at this place is younger than
    /// [`VIEW_SECS`]. Says whether it was stored. What is remembered for that is never older than this either.
    ///
    /// # Errors
    /// [`StoreError::Database`]: then nobody was shown anything.
    pub async fn note_view(&self, line: AuditLine, place: &str) -> Result<bool, StoreError> {
        let (now, since) = (line.at.micros(), line.at.plus_secs(-VIEW_SECS));
        if is_noted(self.reader(), &line, place, since).await? {
            return Ok(false);
        }
        let tx = self.write().await?;
        // Two at once: the second finds the first's.
        if is_noted(&tx, &line, place, since).await? {
            return Ok(false);
        }
        row::Entity::delete_many().filter(row::Column::At.lte(since.micros())).exec(&tx).await?;
        row::Entity::insert(row::ActiveModel {
            who: Set(line.who.clone()),
            action: Set(line.action.to_owned()),
            place: Set(place.to_owned()),
            at: Set(now),
        })
        .on_conflict(
            OnConflict::columns([row::Column::Who, row::Column::Action, row::Column::Place])
                .update_column(row::Column::At)
                .to_owned(),
        )
        .exec_without_returning(&tx)
        .await?;
        line.store(&tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn is_noted(
    db: &impl ConnectionTrait,
    line: &AuditLine,
    place: &str,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let key = (line.who.clone(), line.action.to_owned(), place.to_owned());
    let noted = row::Entity::find_by_id(key).filter(row::Column::At.gt(since.micros())).one(db).await?;
    Ok(noted.is_some())
}
