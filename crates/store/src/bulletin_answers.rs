//! What a hospital answers to an early warning, and whether it was useful.

use crate::{
    audit::AuditLine,
    bulletin_events::{NewEvent, add_event},
    bulletin_recipients::{Recipient, find, reason_of},
    bulletins::{of_id, recount_waiting, state_of},
    database::Store,
    error::StoreError,
    ids::BulletinId,
    rows::bulletin_recipient as row,
    scope::Scope,
    words::{BulletinAnswer, BulletinState, RecipientState},
};
use phitak_model::FacilityCode;
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel};

/// Longest words of a rating, in characters.
pub const RATING_CHARS_MAX: usize = 500;

impl Store {
    /// Stores a hospital's answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Conflict`] when the warning is closed or the matter is
    /// proved to be done; [`StoreError::Invalid`] when a needed reason lacks or it is too long.
    pub async fn answer_bulletin(
        &self,
        scope: &Scope,
        id: BulletinId,
        facility: &FacilityCode,
        answer: BulletinAnswer,
        reason: Option<&str>,
        audit: AuditLine,
    ) -> Result<Recipient, StoreError> {
        let reason = reason_of(reason)?;
        if answer == BulletinAnswer::Cannot && reason.is_none() {
            return Err(StoreError::invalid("ทำไม่ได้ needs its reason"));
        }
        let tx = self.write().await?;
        let known = find(&tx, scope, id, facility).await?;
        if state_of(&of_id(&tx, id).await?)? != BulletinState::Published {
            return Err(StoreError::conflict("the warning is closed: nothing needs to be done any more"));
        }
        let before = Recipient::try_from(known.clone())?;
        if before.state == RecipientState::Verified {
            return Err(StoreError::conflict("it is proved to be done: there is nothing left to answer"));
        }
        let says_more = answer != BulletinAnswer::Acknowledged;
        if says_more || before.state == RecipientState::Sent {
            let mut changed = known.into_active_model();
            let now = Some(audit.at.micros());
            if before.acknowledged_at.is_none() {
                changed.acknowledged_at = Set(now);
            }
            changed.state = Set(state_after(answer).as_str().to_owned());
            if says_more {
                changed.answer = Set(Some(answer.as_str().to_owned()));
                changed.answer_reason = Set(reason.map(str::to_owned));
                changed.answered_at = Set(now);
                // The check counts from this answer on, and what it said of an earlier one is over.
                changed.done_at = Set(now.filter(|_| answer == BulletinAnswer::Done));
                changed.check_outcome = Set(None);
                changed.found_again = Set(None);
            }
            row::Entity::update(changed).exec(&tx).await?;
            recount_waiting(&tx, &[facility.to_string()]).await?;
            let event = NewEvent {
                facility: Some(facility.as_str()),
                who: Some(&audit.who),
                action: answer.as_str(),
                detail: reason,
                ..NewEvent::default()
            };
            add_event(&tx, id.0, audit.at, event).await?;
        }
        let said = reason.map_or(answer.as_str().to_owned(), |reason| format!("{}: {reason}", answer.as_str()));
        audit.about(format!("bulletin {id}"), Some(facility)).saying(said).store(&tx).await?;
        tx.commit().await?;
        self.recipient(scope, id, facility).await
    }

    /// Stores whether a warning was useful to the hospital that got it; a later word replaces an earlier one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Invalid`] when the words are too long.
    pub async fn rate_bulletin(
        &self,
        scope: &Scope,
        id: BulletinId,
        facility: &FacilityCode,
        rating: (bool, Option<&str>),
        audit: AuditLine,
    ) -> Result<Recipient, StoreError> {
        let words = rating.1.map(str::trim).filter(|words| !words.is_empty());
        if words.is_some_and(|words| words.chars().count() > RATING_CHARS_MAX) {
            return Err(StoreError::invalid(format!("at most {RATING_CHARS_MAX} characters")));
        }
        let tx = self.write().await?;
        let mut rated = find(&tx, scope, id, facility).await?.into_active_model();
        rated.useful = Set(Some(i32::from(rating.0)));
        rated.useful_words = Set(words.map(str::to_owned));
        row::Entity::update(rated).exec(&tx).await?;
        let said = if rating.0 { "useful" } else { "not useful" };
        audit.about(format!("bulletin {id}"), Some(facility)).saying(said).store(&tx).await?;
        tx.commit().await?;
        self.recipient(scope, id, facility).await
    }
}

fn state_after(answer: BulletinAnswer) -> RecipientState {
    match answer {
        BulletinAnswer::Acknowledged => RecipientState::Acknowledged,
        BulletinAnswer::Done => RecipientState::Done,
        BulletinAnswer::NotOurs => RecipientState::NotOurs,
        BulletinAnswer::Cannot => RecipientState::Cannot,
        BulletinAnswer::NeedHelp => RecipientState::NeedHelp,
    }
}
