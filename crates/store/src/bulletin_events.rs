//! The history of early warnings: who wrote, sent, answered and closed, and each level of the chase.

use crate::{database::Store, error::StoreError, ids::BulletinId, rows::bulletin_event, scope::Scope};
use phitak_model::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

/// Latest events of a warning that are shown.
pub const EVENTS_SHOWN_MAX: u64 = 500;

/// What happened to a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulletinEvent {
    pub at: Timestamp,
    pub who: Option<String>,
    pub facility: Option<String>,
    pub action: String,
    pub level: Option<u8>,
    pub detail: Option<String>,
}

/// An event as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewEvent<'a> {
    pub facility: Option<&'a str>,
    pub who: Option<&'a str>,
    pub action: &'a str,
    pub level: Option<i32>,
    pub detail: Option<&'a str>,
}

impl Store {
    /// A warning's history, oldest first: of the hospitals in scope, and of the warning itself. Who of the team it was is the
    /// sector's own business.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope, [`StoreError::Database`].
    pub async fn bulletin_events(&self, scope: &Scope, id: BulletinId) -> Result<Vec<BulletinEvent>, StoreError> {
        self.bulletin(scope, id).await?;
        let whole = scope.is_whole_sector();
        let mut find = bulletin_event::Entity::find().filter(bulletin_event::Column::BulletinId.eq(id.0));
        if !whole {
            find = find.filter(
                Condition::any()
                    .add(bulletin_event::Column::Action.is_in(["published", "closed"]))
                    .add(scope.admits(bulletin_event::Column::Facility)),
            );
        }
        let mut rows =
            find.order_by_desc(bulletin_event::Column::Id).limit(EVENTS_SHOWN_MAX).all(self.reader()).await?;
        rows.reverse();
        Ok(rows
            .into_iter()
            .map(|row| {
                let own = whole || row.facility.is_some();
                BulletinEvent {
                    at: Timestamp::from_micros(row.at),
                    who: row.who.filter(|_| own),
                    facility: row.facility,
                    action: row.action,
                    level: row.level.and_then(|level| u8::try_from(level).ok()),
                    detail: row.detail.filter(|_| own),
                }
            })
            .collect())
    }
}

pub(crate) async fn add_event(
    db: &impl ConnectionTrait,
    bulletin: i64,
    at: Timestamp,
    event: NewEvent<'_>,
) -> Result<(), StoreError> {
    bulletin_event::Entity::insert(bulletin_event::ActiveModel {
        bulletin_id: Set(bulletin),
        facility: Set(event.facility.map(str::to_owned)),
        at: Set(at.micros()),
        who: Set(event.who.map(str::to_owned)),
        action: Set(event.action.to_owned()),
        level: Set(event.level),
        detail: Set(event.detail.map(str::to_owned)),
        ..Default::default()
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}
