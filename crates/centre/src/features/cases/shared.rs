//! The hospitals' part of a case: what they see, and what they may write. Of the team's own words nothing is here.

use super::{
    asks::{NewNote, TaskDone},
    read::Places,
    shapes::{SharedCase, SharedCaseRow, SharedCases, SharedNote},
    told::changed_part,
    work::code_of,
};
use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    named::names_no_other,
    refusal::Refusal,
    wire::Moment,
    wire_case::{CaseClock, CaseFile, CaseStatus, CaseTask, Reader},
};
use axum::{Json, extract::State};
use phitak_store::{CaseFilter, CaseId, Entry, EntryKind, PageAsk, Scope, ScopeReach, TaskId, TaskSettling};

/// Cases of one hospital that are shown.
const CASES_SHOWN_MAX: u32 = 200;

/// Whether a caller stands on the hospital's own side.
fn is_hospital(scope: &Scope) -> bool {
    matches!(scope.reach(), ScopeReach::Facility(_))
}

pub(super) async fn one(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
) -> Result<Json<SharedCase>, Refusal> {
    let shown = part(&centre, caller.scope(), CaseId(id)).await?;
    caller.views(&centre, None, format!("case {}", shown.number)).await?;
    Ok(Json(shown))
}

/// A case as the hospitals in scope see it.
pub(super) async fn part(centre: &Centre, scope: &Scope, id: CaseId) -> Result<SharedCase, Refusal> {
    let (store, reader) = (&centre.store, Reader::Outside);
    let case = store.case(scope, id).await?;
    let places = Places::load(centre, scope, &case.facilities).await?;
    let place = |code: &Option<String>| code.as_deref().map(|code| places.of(code));
    let clocks = store.case_clocks(scope, id).await?;
    let tasks = store.case_tasks(scope, id).await?;
    let files = store.evidence_of_case(scope, id).await?;
    let entries = store.case_entries(scope, id).await?;
    let own = is_hospital(scope);
    Ok(SharedCase {
        id: id.0,
        number: case.number.clone(),
        told: (&case.told).into(),
        status: case.status.into(),
        opened_at: case.opened_at.into(),
        closed_at: case.closed_at.map(Moment),
        facilities: case.facilities.iter().map(|code| places.of(code)).collect(),
        clocks: clocks
            .iter()
            .map(|clock| CaseClock::of(clock, &centre.law, places.of(&clock.facility), reader))
            .collect(),
        // The centre's own tasks have no hospital: they are not in a hospital's scope, but in the sector's.
        tasks: tasks
            .iter()
            .filter(|task| task.facility.is_some())
            .map(|task| CaseTask::of(task, place(&task.facility), reader))
            .collect(),
        files: files
            .iter()
            .filter(|file| file.facility.is_some())
            .map(|file| CaseFile::of(file, place(&file.facility), reader))
            .collect(),
        notes: notes(centre, &entries, &places, own).await?,
        phone: centre.settings.phone.clone(),
        open: CaseStatus::from(case.status) != CaseStatus::Closed,
    })
}

/// Notes with their writers where those are the hospital's own, and what became of the case without anybody's reason.
async fn notes(centre: &Centre, entries: &[Entry], places: &Places, own: bool) -> Result<Vec<SharedNote>, Refusal> {
    let mut notes = Vec::new();
    for entry in entries.iter().filter(|entry| entry.shared) {
        let said = entry.kind == EntryKind::Note;
        let titled = entry.action.starts_with("task_") || entry.action == "evidence" || entry.action == "clock_done";
        let text = match (said, titled) {
            (true, _) => entry.text.clone(),
            (false, true) => entry.source.clone().unwrap_or_default(),
            (false, false) => String::new(),
        };
        let text = if entry.action == "clock_done" { rule_title(centre, &text) } else { text };
        notes.push(SharedNote {
            at: entry.at.into(),
            facility: entry.facility.as_deref().map(|code| places.of(code)),
            action: entry.action.clone(),
            who: writer(centre, &entry.who, own).await?,
            text,
        });
    }
    Ok(notes)
}

fn rule_title(centre: &Centre, id: &str) -> String {
    let known = centre.law.rules.iter().find(|rule| rule.id == id);
    known.map_or_else(|| id.to_owned(), |rule| rule.title.th.clone())
}

/// A hospital's account by its login; who of the team it was is not told.
async fn writer(centre: &Centre, who: &str, own: bool) -> Result<Option<String>, Refusal> {
    if !own {
        return Ok(None);
    }
    let login = who.split(crate::guard::BY_TOKEN).next().unwrap_or(who);
    let user = centre.store.user_by_login(login).await?;
    Ok(user.filter(|user| user.role == phitak_store::Role::Hospital).map(|user| user.name))
}

pub(super) async fn of_facility(
    State(centre): State<Centre>,
    caller: Caller,
    Named(code): Named<String>,
) -> Result<Json<SharedCases>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let facility = store.facility(scope, &code).await?;
    caller.views(&centre, Some(&facility.code), format!("facility {code}")).await?;
    let filter = CaseFilter { facility: Some(facility.code.to_string()), ..CaseFilter::default() };
    let ask = PageAsk { cursor: None, limit: Some(CASES_SHOWN_MAX) };
    let found = store.cases(scope, &filter, &ask).await?;
    let items = found.items.iter().map(|line| SharedCaseRow {
        id: line.case.id.0,
        number: line.case.number.clone(),
        told: (&line.case.told).into(),
        status: line.case.status.into(),
        opened_at: line.case.opened_at.into(),
        next_due_at: line.next_due_at.map(Moment),
        clocks_running: line.clocks_running,
        tasks_open: line.tasks_open,
    });
    Ok(Json(SharedCases { items: items.collect(), total: found.total }))
}

pub(super) async fn note(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(new): Body<NewNote>,
) -> Result<Json<SharedCase>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let facility = code_of(&new.facility)?;
    if !is_hospital(scope) {
        let known = centre.store.all_facilities(scope).await?;
        names_no_other(&known, Some(facility.as_str()), &[&new.text])?;
    }
    let note = phitak_store::NewNote {
        kind: EntryKind::Note,
        facility: Some(facility),
        at: None,
        source: None,
        text: new.text,
    };
    centre.store.add_case_note(scope, id, &note, audit).await?;
    changed_part(&centre, scope, id).await
}

pub(super) async fn settle_task(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(done): Body<TaskDone>,
) -> Result<Json<SharedCase>, Refusal> {
    let (scope, audit) = (caller.scope(), caller.audit(centre.clock.now())?);
    let settling = TaskSettling { state: done.state.into(), note: done.note };
    let case = centre.store.settle_task(scope, TaskId(id), &settling, audit).await?;
    changed_part(&centre, scope, case).await
}
