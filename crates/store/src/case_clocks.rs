//! The law's deadlines in a case. Each hospital has its own duty and its own moment of knowing, so a clock belongs to one
//! hospital; it is started by an event that a person names, with the moment when it happened, and moved when that moment
//! is corrected. Which rules an event starts, and how long they give, is the caller's: rules are dated data, not code here.

use crate::{
    audit::AuditLine,
    case_entries::{NewEntry, add_entry},
    case_moments::not_in_the_future,
    case_rows::case_clock as row,
    case_words::ClockState,
    cases::{number_of, of_id, reason, text_of, to_write, touched},
    database::Store,
    error::StoreError,
    ids::{CaseId, ClockId},
    scope::Scope,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder,
};

/// Longest reference of a report, in characters.
pub const REFERENCE_CHARS_MAX: usize = 200;
/// Who settled a clock that another's settling decided.
const BY_THE_CENTRE: &str = "centre";

/// A deadline at one hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    pub id: ClockId,
    pub case: CaseId,
    pub facility: String,
    /// The rule with its version, such as `pdpa-72h@2022-12-15`.
    pub rule: String,
    pub event: String,
    pub started_at: Timestamp,
    pub due_at: Timestamp,
    /// The law names no hours: at once.
    pub at_once: bool,
    pub state: ClockState,
    /// When it was done.
    pub settled_at: Option<Timestamp>,
    pub settled_by: Option<String>,
    pub reference: Option<String>,
    pub reason: Option<String>,
}

/// A deadline that an event starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClock {
    pub rule: String,
    pub due_at: Timestamp,
    pub at_once: bool,
    /// It binds only when the rule of this name was not kept in time.
    pub unless_kept: Option<String>,
}

/// What became of a deadline.
#[derive(Clone, Debug)]
pub struct Settling {
    pub state: ClockState,
    /// When it was done.
    pub at: Option<Timestamp>,
    /// Of the report: needed with done.
    pub reference: Option<String>,
    /// Needed with not applicable, and to let it run again.
    pub reason: Option<String>,
}

/// The name of a rule without its version.
fn name_of(rule: &str) -> &str {
    rule.split_once('@').map_or(rule, |(name, _)| name)
}

impl TryFrom<row::Model> for Clock {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged { table: "case_clocks", what: row.state.clone() };
        Ok(Self {
            id: ClockId(row.id),
            case: CaseId(row.case_id),
            state: ClockState::parse(&row.state).ok_or_else(damaged)?,
            facility: row.facility,
            rule: row.rule,
            event: row.event,
            started_at: Timestamp::from_micros(row.started_at),
            due_at: Timestamp::from_micros(row.due_at),
            at_once: row.at_once != 0,
            settled_at: row.settled_at.map(Timestamp::from_micros),
            settled_by: row.settled_by,
            reference: row.reference,
            reason: row.reason,
        })
    }
}

impl Store {
    /// The clocks of a case at the hospitals in scope: running ones first, what is due next before the rest.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope.
    pub async fn case_clocks(&self, scope: &Scope, id: CaseId) -> Result<Vec<Clock>, StoreError> {
        of_id(self.reader(), scope, id).await?;
        let rows = row::Entity::find()
            .filter(row::Column::CaseId.eq(id.0))
            .filter(scope.admits(row::Column::Facility))
            .order_by_asc(row::Column::DueAt)
            .order_by_asc(row::Column::Id)
            .all(self.reader())
            .await?;
        let mut clocks = rows.into_iter().map(Clock::try_from).collect::<Result<Vec<_>, _>>()?;
        clocks.sort_by_key(|clock| clock.state != ClockState::Running);
        Ok(clocks)
    }

    /// Settles a clock, or lets it run again. Gives its case.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Invalid`] without the reference or reason that is needed.
    pub async fn settle_clock(
        &self,
        scope: &Scope,
        id: ClockId,
        settling: &Settling,
        audit: AuditLine,
    ) -> Result<CaseId, StoreError> {
        let tx = self.write().await?;
        let clock = row::Entity::find_by_id(id.0).filter(scope.admits(row::Column::Facility)).one(&tx).await?;
        let clock = clock.ok_or(StoreError::NotFound)?;
        let case_id = CaseId(clock.case_id);
        let case = to_write(&tx, scope, case_id).await?;
        let facility = FacilityCode::new(&clock.facility)
            .map_err(|error| StoreError::Damaged { table: "case_clocks", what: error.to_string() })?;
        let settled = settled(&clock, settling, &audit)?;
        let kept = settling.state == ClockState::NotApplicable
            || settled.settled_at.as_ref().is_some_and(|at| *at <= clock.due_at || clock.at_once != 0);
        let (reference, why) = (settled.reference.clone(), settled.reason.clone());
        row::Entity::update(settled.into_row(&clock)).exec(&tx).await?;
        let decides = settling.state != ClockState::Running && kept;
        settle_dependents(&tx, &clock, if decides { Some(audit.at) } else { None }).await?;
        let entry = NewEntry {
            facility: Some(facility.as_str()),
            action: match settling.state {
                ClockState::Running => "clock_running",
                ClockState::Done => "clock_done",
                ClockState::NotApplicable => "clock_not_applicable",
            },
            source: Some(name_of(&clock.rule)),
            text: reference.as_deref().or(why.as_deref()),
            shared: true,
            ..NewEntry::event(&audit)
        };
        add_entry(&tx, case_id, entry).await?;
        touched(&tx, case_id, audit.at).await?;
        let told = format!("{} {}: {}", clock.rule, settling.state.as_str(), reference.or(why).unwrap_or_default());
        audit
            .about(format!("case {}", number_of(case.year, case.number)), Some(&facility))
            .saying(told)
            .store(&tx)
            .await?;
        tx.commit().await?;
        Ok(case_id)
    }
}

/// The columns that settling changes.
struct Settled {
    state: ClockState,
    settled_at: Option<i64>,
    settled_by: Option<String>,
    reference: Option<String>,
    reason: Option<String>,
}

impl Settled {
    fn into_row(self, clock: &row::Model) -> row::ActiveModel {
        let mut changed = clock.clone().into_active_model();
        changed.state = Set(self.state.as_str().to_owned());
        changed.settled_at = Set(self.settled_at);
        changed.settled_by = Set(self.settled_by);
        changed.reference = Set(self.reference);
        changed.reason = Set(self.reason);
        changed
    }
}

fn settled(clock: &row::Model, settling: &Settling, audit: &AuditLine) -> Result<Settled, StoreError> {
    let why = settling.reason.as_deref().map(str::trim).filter(|why| !why.is_empty()).map(reason).transpose()?;
    let needed = || why.clone().ok_or_else(|| StoreError::invalid("a reason is needed"));
    let by = Some(audit.who.clone());
    match settling.state {
        ClockState::Running if clock.state == ClockState::Running.as_str() => {
            Err(StoreError::conflict("it runs already"))
        }
        ClockState::Running => {
            let reason = Some(needed()?);
            Ok(Settled { state: settling.state, settled_at: None, settled_by: None, reference: None, reason })
        }
        ClockState::Done => {
            let at = settling.at.unwrap_or(audit.at);
            not_in_the_future(at, audit.at)?;
            let reference = settling.reference.as_deref().unwrap_or_default();
            let reference = text_of(reference, "the reference of the report", REFERENCE_CHARS_MAX)?;
            let settled_at = Some(at.micros());
            Ok(Settled { state: settling.state, settled_at, settled_by: by, reference: Some(reference), reason: why })
        }
        ClockState::NotApplicable => {
            let (settled_at, reason) = (Some(audit.at.micros()), Some(needed()?));
            Ok(Settled { state: settling.state, settled_at, settled_by: by, reference: None, reason })
        }
    }
}

/// What binds only when this one was not kept: set aside when it was, running again when it was not.
async fn settle_dependents(
    db: &impl ConnectionTrait,
    clock: &row::Model,
    kept_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let dependents = row::Entity::find()
        .filter(row::Column::CaseId.eq(clock.case_id))
        .filter(row::Column::Facility.eq(clock.facility.as_str()))
        .filter(row::Column::UnlessKept.eq(name_of(&clock.rule)))
        .all(db)
        .await?;
    for dependent in dependents {
        let running = dependent.state == ClockState::Running.as_str();
        let by_us = dependent.settled_by.as_deref() == Some(BY_THE_CENTRE);
        let settled = match kept_at {
            Some(at) if running => Settled {
                state: ClockState::NotApplicable,
                settled_at: Some(at.micros()),
                settled_by: Some(BY_THE_CENTRE.to_owned()),
                reference: None,
                reason: None,
            },
            None if by_us => Settled {
                state: ClockState::Running,
                settled_at: None,
                settled_by: None,
                reference: None,
                reason: None,
            },
            _ => continue,
        };
        row::Entity::update(settled.into_row(&dependent)).exec(db).await?;
    }
    Ok(())
}

pub(crate) async fn count_in_state(
    db: &impl ConnectionTrait,
    id: CaseId,
    state: ClockState,
) -> Result<u64, StoreError> {
    let of_case = row::Entity::find().filter(row::Column::CaseId.eq(id.0));
    Ok(of_case.filter(row::Column::State.eq(state.as_str())).count(db).await?)
}
