//! One case merged into another: the first is closed and read only, and keeps everything that was written there; its
//! hospitals, stories and running clocks go on in the second. Taken out again, it is open once more, and what the second
//! received stays there.

use crate::{
    audit::AuditLine,
    case_due::recount_due,
    case_entries::{NewEntry, add_entry},
    case_parts::{FACILITIES_MAX, STORIES_MAX},
    case_rows::{case as row, case_clock, case_facility, case_story},
    case_words::{CaseStatus, ClockState},
    cases::{number_of, of_id, reason, to_write, touched},
    database::Store,
    error::StoreError,
    ids::CaseId,
    scope::Scope,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
};

impl Store {
    /// Merges a case into another.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a case with itself; [`StoreError::Conflict`] when either was merged already.
    pub async fn merge_case(
        &self,
        scope: &Scope,
        id: CaseId,
        into: CaseId,
        why: &str,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let why = reason(why)?;
        if id == into {
            return Err(StoreError::invalid("a case is not merged into itself"));
        }
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let target = to_write(&tx, scope, into).await?;
        if target.status == CaseStatus::Closed.as_str() {
            return Err(StoreError::conflict("the other case is closed: open it again first"));
        }
        let (own, far) = (number_of(case.year, case.number), number_of(target.year, target.number));
        bring_facilities(&tx, id, into, audit.at.micros()).await?;
        bring_stories(&tx, id, into).await?;
        bring_clocks(&tx, id, into).await?;
        let mut closed = case.into_active_model();
        closed.merged_into = Set(Some(into.0));
        closed.status = Set(CaseStatus::Closed.as_str().to_owned());
        closed.closed_at = Set(Some(audit.at.micros()));
        closed.close_reason = Set(Some(why.clone()));
        row::Entity::update(closed).exec(&tx).await?;
        for (one, action, label) in [(id, "merged_into", &far), (into, "merged_from", &own)] {
            let entry = NewEntry { action, source: Some(label), text: Some(&why), ..NewEntry::event(&audit) };
            add_entry(&tx, one, entry).await?;
        }
        touched(&tx, into, audit.at).await?;
        recount_due(&tx, id).await?;
        audit.about(format!("case {own}"), None).saying(format!("into {far}: {why}")).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a merged case out again: it is open once more.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was not merged.
    pub async fn take_case_out(
        &self,
        scope: &Scope,
        id: CaseId,
        why: &str,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let why = reason(why)?;
        let tx = self.write().await?;
        let case = of_id(&tx, scope, id).await?;
        let Some(into) = case.merged_into else {
            return Err(StoreError::conflict("it was not merged into another"));
        };
        let label = number_of(case.year, case.number);
        let mut open = case.into_active_model();
        open.merged_into = Set(None);
        open.status = Set(CaseStatus::Open.as_str().to_owned());
        open.closed_at = Set(None);
        open.close_reason = Set(None);
        row::Entity::update(open).exec(&tx).await?;
        for (one, action) in [(id, "taken_out"), (CaseId(into), "given_back")] {
            let entry = NewEntry { action, source: Some(&label), text: Some(&why), ..NewEntry::event(&audit) };
            add_entry(&tx, one, entry).await?;
        }
        touched(&tx, id, audit.at).await?;
        audit.about(format!("case {label}"), None).saying(why).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn bring_facilities(tx: &DatabaseTransaction, id: CaseId, into: CaseId, now: i64) -> Result<(), StoreError> {
    let of = |case: CaseId| case_facility::Entity::find().filter(case_facility::Column::CaseId.eq(case.0));
    let there = of(into).all(tx).await?;
    let mut number = there.len() as u64;
    for place in of(id).all(tx).await? {
        if there.iter().any(|known| known.facility == place.facility) {
            continue;
        }
        number += 1;
        if number > FACILITIES_MAX {
            return Err(StoreError::invalid(format!("a case has at most {FACILITIES_MAX} hospitals")));
        }
        let place = case_facility::ActiveModel {
            case_id: Set(into.0),
            facility: Set(place.facility),
            added_at: Set(now),
            next_due_at: Set(None),
        };
        case_facility::Entity::insert(place).exec_without_returning(tx).await?;
    }
    Ok(())
}

async fn bring_stories(tx: &DatabaseTransaction, id: CaseId, into: CaseId) -> Result<(), StoreError> {
    let of = |case: CaseId| case_story::Entity::find().filter(case_story::Column::CaseId.eq(case.0));
    let there = of(into).all(tx).await?;
    let mut number = there.len() as u64;
    for story in of(id).all(tx).await? {
        if there.iter().any(|known| known.story_id == story.story_id) {
            continue;
        }
        number += 1;
        if number > STORIES_MAX {
            return Err(StoreError::invalid(format!("a case has at most {STORIES_MAX} stories")));
        }
        let mut story = story.into_active_model().reset_all();
        story.case_id = Set(into.0);
        case_story::Entity::insert(story).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// A duty does not end because two cases become one. Where both have the clock of one rule at one hospital, the one that is
/// due earlier goes on.
async fn bring_clocks(tx: &DatabaseTransaction, id: CaseId, into: CaseId) -> Result<(), StoreError> {
    let of = |case: CaseId| case_clock::Entity::find().filter(case_clock::Column::CaseId.eq(case.0));
    let there = of(into).all(tx).await?;
    let running = of(id).filter(case_clock::Column::State.eq(ClockState::Running.as_str())).all(tx).await?;
    for clock in running {
        let same = there.iter().find(|known| known.facility == clock.facility && known.rule == clock.rule);
        match same {
            None => {
                let mut moved = clock.into_active_model();
                moved.case_id = Set(into.0);
                case_clock::Entity::update(moved).exec(tx).await?;
            }
            Some(known) if known.state == ClockState::Running.as_str() && clock.due_at < known.due_at => {
                let mut earlier = known.clone().into_active_model();
                earlier.started_at = Set(clock.started_at);
                earlier.due_at = Set(clock.due_at);
                case_clock::Entity::update(earlier).exec(tx).await?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}
