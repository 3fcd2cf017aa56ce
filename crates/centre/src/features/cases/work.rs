//! What the sector's team does within a case: moments and deadlines, tasks, comments, the timeline, observables.

use super::{
    asks::{Noting, Observing, Saying, Settled, TaskNew, TimelineHide, UsingPlaybook},
    read::whole,
    shapes::CaseDetail,
    told::{Circle, changed},
};
use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    named::names_no_other,
    refusal::Refusal,
};
use axum::{Json, extract::State};
use phitak_model::FacilityCode;
use phitak_store::{
    CaseId, ClockId, EntryKind, NewMoment, NewNote, NewObservable, NewTask, Settling, case_entries::Hide,
};

/// What cannot be a code belongs to nobody.
pub(super) fn code_of(text: &str) -> Result<FacilityCode, Refusal> {
    FacilityCode::new(text.trim()).map_err(|_| Refusal::not_found())
}

pub(super) async fn moment(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(noting): Body<Noting>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    if centre.law.event(&noting.event).is_none() {
        return Err(Refusal::invalid(format!("the law counts from no event {:?}", noting.event)));
    }
    let moment = NewMoment {
        facility: code_of(&noting.facility)?,
        clocks: centre.law.clocks_of(&noting.event, noting.at.0),
        event: noting.event,
        at: noting.at.0,
        reason: noting.reason,
    };
    centre.store.note_case_moment(scope, id, &moment, audit).await?;
    changed(&centre, scope, id, Circle::All).await
}

pub(super) async fn settle_clock(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(settled): Body<Settled>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (scope, audit) = (caller.scope(), caller.audit(centre.clock.now())?);
    let settling = Settling {
        state: settled.state.into(),
        at: settled.at.map(|at| at.0),
        reference: settled.reference,
        reason: settled.reason,
    };
    let case = centre.store.settle_clock(scope, ClockId(id), &settling, audit).await?;
    changed(&centre, scope, case, Circle::All).await
}

pub(super) async fn task(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(task): Body<TaskNew>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let facility = task.facility.as_deref().map(code_of).transpose()?;
    if let Some(own) = &facility {
        let texts = [task.title.th.as_str(), task.title.en.as_str(), task.who.as_deref().unwrap_or_default()];
        names_no_other(&centre.store.all_facilities(scope).await?, Some(own.as_str()), &texts)?;
    }
    let new = NewTask {
        facility,
        title: (&task.title).into(),
        who: task.who,
        due_at: task.due_at.map(|at| at.0),
        from: None,
    };
    centre.store.add_case_tasks(scope, id, &[new], audit).await?;
    changed(&centre, scope, id, Circle::All).await
}

pub(super) async fn playbook(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(using): Body<UsingPlaybook>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, now) = (CaseId(id), caller.scope(), centre.clock.now());
    let playbook = centre.playbooks.get(&using.playbook);
    let playbook = playbook.ok_or_else(|| Refusal::invalid(format!("there is no playbook {:?}", using.playbook)))?;
    let case = centre.store.case(scope, id).await?;
    let facilities: Vec<FacilityCode> =
        case.facilities.iter().map(|code| code_of(code)).collect::<Result<_, Refusal>>()?;
    let tasks = playbook.tasks(&facilities, now);
    centre.store.add_case_tasks(scope, id, &tasks, caller.audit(now)?).await?;
    changed(&centre, scope, id, Circle::All).await
}

pub(super) async fn comment(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(added): Body<Saying>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let kind = if added.at.is_some() { EntryKind::Added } else { EntryKind::Comment };
    if kind == EntryKind::Added && added.source.as_deref().is_none_or(|source| source.trim().is_empty()) {
        return Err(Refusal::invalid("an entry of the timeline needs its source"));
    }
    let note = NewNote { kind, facility: None, at: added.at.map(|at| at.0), source: added.source, text: added.text };
    centre.store.add_case_note(scope, id, &note, audit).await?;
    changed(&centre, scope, id, Circle::Team).await
}

pub(super) async fn timeline(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(hiding): Body<TimelineHide>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let shown = whole(&centre, scope, id).await?;
    if !shown.timeline.iter().any(|line| line.key == hiding.line) {
        return Err(Refusal::not_found());
    }
    let hide = if hiding.hide { Hide::Away } else { Hide::ShowAgain };
    centre.store.hide_case_line(scope, id, &hiding.line, &hiding.reason, hide, audit).await?;
    changed(&centre, scope, id, Circle::Team).await
}

pub(super) async fn observable(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(observing): Body<Observing>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let new = NewObservable { kind: observing.kind.into(), value: observing.value, note: observing.note };
    centre.store.add_observable(scope, id, &new, audit).await?;
    changed(&centre, scope, id, Circle::Team).await
}
