//! The centre's own judgement of who said ทำแล้ว: proved, or found again.

use crate::{
    bulletin_events::{NewEvent, add_event},
    bulletin_recipients::{Recipient, find},
    bulletins::{of_id, recount_waiting, state_of},
    concern::Reasons,
    database::Store,
    error::StoreError,
    ids::BulletinId,
    rows::{bulletin, bulletin_recipient as row},
    scope::Scope,
    words::{BulletinState, CheckOutcome, RecipientState},
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

/// What the check says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    pub outcome: CheckOutcome,
    /// With [`CheckOutcome::Found`].
    pub found: Reasons,
}

impl Store {
    /// Recipients that said ทำแล้ว, proved or not, of warnings that are not closed: a step of the round that asks the check
    /// again, after the last of the step before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn recipients_to_check(
        &self,
        after: Option<&(BulletinId, FacilityCode)>,
        most: u64,
    ) -> Result<Vec<Recipient>, StoreError> {
        let published = bulletin::Entity::find()
            .select_only()
            .column(bulletin::Column::Id)
            .filter(bulletin::Column::State.eq(BulletinState::Published.as_str()));
        let checked = [RecipientState::Done, RecipientState::Verified].map(RecipientState::as_str);
        let mut find = row::Entity::find()
            .filter(row::Column::State.is_in(checked))
            .filter(row::Column::BulletinId.in_subquery(published.into_query()));
        if let Some((id, facility)) = after {
            find = find.filter(Condition::any().add(row::Column::BulletinId.gt(id.0)).add(
                Condition::all().add(row::Column::BulletinId.eq(id.0)).add(row::Column::Facility.gt(facility.as_str())),
            ));
        }
        let rows = find
            .order_by_asc(row::Column::BulletinId)
            .order_by_asc(row::Column::Facility)
            .limit(most)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Recipient::try_from).collect()
    }

    /// Stores what the check said of a recipient as it was looked at: when somebody answered meanwhile, nothing is stored.
    /// Gives the new state when it changed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settle_recipient(
        &self,
        looked_at: &Recipient,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<Option<RecipientState>, StoreError> {
        let next = match (settlement.outcome, looked_at.state) {
            (CheckOutcome::Found, _) => RecipientState::Reopened,
            (CheckOutcome::Clear, _) => RecipientState::Verified,
            (_, as_before) => as_before,
        };
        if next == looked_at.state && looked_at.check_outcome == Some(settlement.outcome) {
            return Ok(None);
        }
        let (id, facility) = (looked_at.bulletin, &looked_at.facility);
        let tx = self.write().await?;
        let known = find(&tx, &Scope::of_the_centre_itself(), id, facility).await?;
        let same = known.state == looked_at.state.as_str()
            && known.done_at == looked_at.done_at.map(Timestamp::micros)
            && state_of(&of_id(&tx, id).await?)? == BulletinState::Published;
        if !same {
            return Ok(None);
        }
        let mut changed = known.into_active_model();
        changed.check_outcome = Set(Some(settlement.outcome.as_str().to_owned()));
        changed.state = Set(next.as_str().to_owned());
        match next {
            RecipientState::Verified if looked_at.state != next => changed.verified_at = Set(Some(now.micros())),
            RecipientState::Reopened => {
                let found = serde_json::to_string(&settlement.found);
                changed.found_again = Set(Some(found.map_err(|error| StoreError::invalid(error.to_string()))?));
                changed.verified_at = Set(None);
            }
            _ => {}
        }
        row::Entity::update(changed).exec(&tx).await?;
        if next != looked_at.state {
            recount_waiting(&tx, &[facility.to_string()]).await?;
            let event = NewEvent { facility: Some(facility.as_str()), action: next.as_str(), ..NewEvent::default() };
            add_event(&tx, id.0, now, event).await?;
        }
        tx.commit().await?;
        Ok(Some(next).filter(|next| *next != looked_at.state))
    }
}
