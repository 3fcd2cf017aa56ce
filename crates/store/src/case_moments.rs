//! When what the law counts from happened, at each hospital of a case: an event that a person names, with its moment, which
//! starts the clocks of the rules in force then, or moves them when it is corrected.

use crate::{
    audit::AuditLine,
    case_clocks::NewClock,
    case_entries::{NewEntry, add_entry},
    case_rows::{case_clock, case_moment},
    case_words::ClockState,
    cases::{at_facility, number_of, of_id, reason, touched},
    database::Store,
    error::StoreError,
    ids::CaseId,
    scope::Scope,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

/// Most moments of a case, corrections with them.
pub const MOMENTS_MAX: u64 = 2_000;
/// Clocks of people run apart a little.
const AHEAD_SECS_MAX: i64 = 300;

/// An event that starts clocks, at one hospital.
#[derive(Clone, Debug)]
pub struct NewMoment {
    pub facility: FacilityCode,
    pub event: String,
    pub at: Timestamp,
    /// Needed when an earlier moment of the same event is corrected.
    pub reason: Option<String>,
    /// What the rules in force at that moment make of it.
    pub clocks: Vec<NewClock>,
}

/// A moment as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub facility: String,
    pub event: String,
    pub at: Timestamp,
    pub noted_at: Timestamp,
    pub noted_by: String,
    pub reason: Option<String>,
}

pub(crate) fn not_in_the_future(at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    if at > now.plus_secs(AHEAD_SECS_MAX) {
        return Err(StoreError::invalid("the moment is still to come"));
    }
    Ok(())
}

impl Store {
    /// Notes when an event happened at a hospital, and starts or moves its clocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Invalid`] for a moment that is still to come, or a
    /// correction without a reason.
    pub async fn note_case_moment(
        &self,
        scope: &Scope,
        id: CaseId,
        moment: &NewMoment,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let case = at_facility(&tx, scope, id, &moment.facility).await?;
        add_moment(&tx, id, moment, &audit).await?;
        touched(&tx, id, audit.at).await?;
        let about = format!("case {}", number_of(case.year, case.number));
        let told = format!("{} at {}", moment.event, moment.at.iso());
        audit.about(about, Some(&moment.facility)).saying(told).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The moments of a case at the hospitals in scope, oldest note first: of one event the last one counts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope.
    pub async fn case_moments(&self, scope: &Scope, id: CaseId) -> Result<Vec<Moment>, StoreError> {
        of_id(self.reader(), scope, id).await?;
        let rows = case_moment::Entity::find()
            .filter(case_moment::Column::CaseId.eq(id.0))
            .filter(scope.admits(case_moment::Column::Facility))
            .order_by_asc(case_moment::Column::Id)
            .limit(MOMENTS_MAX)
            .all(self.reader())
            .await?;
        let moment = |row: case_moment::Model| Moment {
            facility: row.facility,
            event: row.event,
            at: Timestamp::from_micros(row.at),
            noted_at: Timestamp::from_micros(row.noted_at),
            noted_by: row.noted_by,
            reason: row.reason,
        };
        Ok(rows.into_iter().map(moment).collect())
    }
}

/// Notes a moment and starts or moves its clocks; a clock that is settled keeps that, with its new deadline.
pub(crate) async fn add_moment(
    db: &impl ConnectionTrait,
    id: CaseId,
    moment: &NewMoment,
    audit: &AuditLine,
) -> Result<(), StoreError> {
    not_in_the_future(moment.at, audit.at)?;
    let facility = moment.facility.as_str();
    let all = case_moment::Entity::find().filter(case_moment::Column::CaseId.eq(id.0));
    if all.clone().count(db).await? >= MOMENTS_MAX {
        return Err(StoreError::conflict(format!("a case has at most {MOMENTS_MAX} moments")));
    }
    let same = all
        .filter(case_moment::Column::Facility.eq(facility))
        .filter(case_moment::Column::Event.eq(moment.event.as_str()))
        .count(db)
        .await?;
    let why = moment.reason.as_deref().map(str::trim).filter(|why| !why.is_empty()).map(reason).transpose()?;
    if same > 0 && why.is_none() {
        return Err(StoreError::invalid("this moment is known already: correcting it needs a reason"));
    }
    case_moment::Entity::insert(case_moment::ActiveModel {
        case_id: Set(id.0),
        facility: Set(facility.to_owned()),
        event: Set(moment.event.clone()),
        at: Set(moment.at.micros()),
        noted_at: Set(audit.at.micros()),
        noted_by: Set(audit.who.clone()),
        reason: Set(why.clone()),
        ..Default::default()
    })
    .exec_without_returning(db)
    .await?;
    for clock in &moment.clocks {
        start(db, id, moment, clock).await?;
    }
    let entry = NewEntry {
        facility: Some(facility),
        at: moment.at,
        action: "moment",
        source: Some(&moment.event),
        text: why.as_deref(),
        ..NewEntry::event(audit)
    };
    add_entry(db, id, entry).await
}

async fn start(db: &impl ConnectionTrait, id: CaseId, moment: &NewMoment, clock: &NewClock) -> Result<(), StoreError> {
    let facility = moment.facility.as_str();
    let known = case_clock::Entity::find()
        .filter(case_clock::Column::CaseId.eq(id.0))
        .filter(case_clock::Column::Facility.eq(facility))
        .filter(case_clock::Column::Rule.eq(clock.rule.as_str()))
        .one(db)
        .await?;
    if let Some(known) = known {
        let mut moved = known.into_active_model();
        moved.started_at = Set(moment.at.micros());
        moved.due_at = Set(clock.due_at.micros());
        case_clock::Entity::update(moved).exec(db).await?;
        return Ok(());
    }
    case_clock::Entity::insert(case_clock::ActiveModel {
        case_id: Set(id.0),
        facility: Set(facility.to_owned()),
        rule: Set(clock.rule.clone()),
        event: Set(moment.event.clone()),
        unless_kept: Set(clock.unless_kept.clone()),
        started_at: Set(moment.at.micros()),
        due_at: Set(clock.due_at.micros()),
        at_once: Set(i32::from(clock.at_once)),
        state: Set(ClockState::Running.as_str().to_owned()),
        settled_at: Set(None),
        settled_by: Set(None),
        reference: Set(None),
        reason: Set(None),
        ..Default::default()
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}
