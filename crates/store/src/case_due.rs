//! What is due next in a case, of clocks and of tasks: written down in the case and at each of its hospitals by every write
//! that can change it, so that lists read rows and compute nothing.

use crate::{
    case_rows::{case, case_clock, case_facility, case_task},
    case_words::{CaseStatus, ClockState, TaskState},
    error::StoreError,
    ids::CaseId,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use std::collections::BTreeMap;

/// Writes down what is due next: in the case, and at each of its hospitals. A closed case has nothing due.
pub(crate) async fn recount_due(db: &impl ConnectionTrait, id: CaseId) -> Result<(), StoreError> {
    let case = case::Entity::find_by_id(id.0).one(db).await?.ok_or(StoreError::NotFound)?;
    let mut dues: Vec<(Option<String>, i64)> = Vec::new();
    if case.status != CaseStatus::Closed.as_str() {
        let clocks: Vec<(String, i64)> = case_clock::Entity::find()
            .select_only()
            .columns([case_clock::Column::Facility, case_clock::Column::DueAt])
            .filter(case_clock::Column::CaseId.eq(id.0))
            .filter(case_clock::Column::State.eq(ClockState::Running.as_str()))
            .into_tuple()
            .all(db)
            .await?;
        dues.extend(clocks.into_iter().map(|(facility, due)| (Some(facility), due)));
        let tasks: Vec<(Option<String>, Option<i64>)> = case_task::Entity::find()
            .select_only()
            .columns([case_task::Column::Facility, case_task::Column::DueAt])
            .filter(case_task::Column::CaseId.eq(id.0))
            .filter(case_task::Column::State.eq(TaskState::Open.as_str()))
            .into_tuple()
            .all(db)
            .await?;
        dues.extend(tasks.into_iter().filter_map(|(facility, due)| Some((facility, due?))));
    }
    let next = dues.iter().map(|(_, due)| *due).min();
    if case.next_due_at != next {
        let changed = case::ActiveModel { id: Set(id.0), next_due_at: Set(next), ..Default::default() };
        case::Entity::update(changed).exec(db).await?;
    }
    let mut by_facility: BTreeMap<&str, i64> = BTreeMap::new();
    for (facility, due) in dues.iter().filter_map(|(facility, due)| Some((facility.as_deref()?, *due))) {
        by_facility.entry(facility).and_modify(|known| *known = due.min(*known)).or_insert(due);
    }
    let places = case_facility::Entity::find().filter(case_facility::Column::CaseId.eq(id.0)).all(db).await?;
    for place in places {
        let next = by_facility.get(place.facility.as_str()).copied();
        if place.next_due_at != next {
            let mut changed = place.into_active_model();
            changed.next_due_at = Set(next);
            case_facility::Entity::update(changed).exec(db).await?;
        }
    }
    Ok(())
}
