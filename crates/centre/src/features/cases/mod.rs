//! Cases: an incident is handled as one, from the first call to its closing, with the hospitals' own part in it.

mod asks;
mod files;
mod read;
mod shapes;
mod shared;
mod timeline;
mod told;
mod work;
mod write;

use crate::route::{RESPONDERS, Reach, Route, SECTOR, SIGNED_IN, Who};
use asks::{
    Assessing, CaseQuery, FileQuery, Holding, Linking, Merging, Noting, Observing, Opening, Parting, Saying, Settled,
    StatusChange, TaskDone, TaskNew, TimelineHide, UsingPlaybook, WithReason, Wording,
};
use phitak_store::Role;
use shapes::{CaseDetail, CaseLawWords, CasePage, PlaybookList, SharedCase, SharedCases};

/// Those who look after several hospitals.
const OVERSEERS: Who = Who::Roles(&[Role::Administrator, Role::Analyst, Role::RegionOfficer]);

pub(crate) fn routes() -> Vec<Route> {
    reading().into_iter().chain(writing()).chain(working()).chain(shared_work()).collect()
}

fn reading() -> Vec<Route> {
    vec![
        Route::get("/api/v1/cases")
            .summary(
                "Cases of the caller's hospitals, what is due next first; titles and people only for the sector's team",
            )
            .allow(OVERSEERS, Reach::Tenant)
            .viewed("view.cases")
            .query::<CaseQuery>()
            .answers::<CasePage>()
            .to(read::list),
        Route::get("/api/v1/cases/{id}")
            .summary("One case, whole")
            .allow(SECTOR, Reach::Tenant)
            .viewed("view.case")
            .answers::<CaseDetail>()
            .to(read::detail),
        Route::get("/api/v1/cases/{id}/shared")
            .summary("One case as the caller's hospitals see it: their words, tasks, deadlines, notes and files")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.case")
            .answers::<SharedCase>()
            .to(shared::one),
        Route::get("/api/v1/facilities/{code}/cases")
            .summary("The cases of one hospital, as it sees them")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.facility_cases")
            .answers::<SharedCases>()
            .to(shared::of_facility),
        Route::get("/api/v1/evidence/{id}")
            .summary("A file, as it was stored: never shown, only saved")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.evidence")
            .answers_a_file()
            .to(files::hand),
        Route::get("/api/v1/case-law")
            .summary("Categories, levels, events and deadlines, with their sources")
            .allow(SIGNED_IN, Reach::Nothing)
            .answers::<CaseLawWords>()
            .to(read::law),
        Route::get("/api/v1/playbooks")
            .summary("What is done in which kind of incident")
            .allow(SECTOR, Reach::Nothing)
            .answers::<PlaybookList>()
            .to(read::playbooks),
    ]
}

/// What the sector's team does with a case as such.
fn writing() -> Vec<Route> {
    vec![
        Route::post("/api/v1/cases")
            .summary("Opens a case, from stories or from a call")
            .allow(SECTOR, Reach::Sector)
            .audited("case.open")
            .takes::<Opening>()
            .answers::<CaseDetail>()
            .to(write::open),
        Route::post("/api/v1/cases/{id}/status")
            .summary("Moves it on, or back; closing needs a reason and every deadline settled")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.status")
            .takes::<StatusChange>()
            .answers::<CaseDetail>()
            .to(write::status),
        Route::post("/api/v1/cases/{id}/assessment")
            .summary("A person's judgement of level and categories, with the reason")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.assess")
            .takes::<Assessing>()
            .answers::<CaseDetail>()
            .to(write::assess),
        Route::post("/api/v1/cases/{id}/words")
            .summary("Changes its words, or who looks after it")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.edit")
            .takes::<Wording>()
            .answers::<CaseDetail>()
            .to(write::words),
        Route::post("/api/v1/cases/{id}/parts")
            .summary("Adds hospitals and stories")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.parts")
            .takes::<Parting>()
            .answers::<CaseDetail>()
            .to(write::parts),
        Route::post("/api/v1/cases/{id}/merge")
            .summary("Merges it into another: its deadlines go on there, what was written stays here")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.merge")
            .takes::<Merging>()
            .answers::<CaseDetail>()
            .to(write::merge),
        Route::post("/api/v1/cases/{id}/take-out")
            .summary("Takes a merged case out again")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.take_out")
            .takes::<WithReason>()
            .answers::<CaseDetail>()
            .to(write::take_out),
        Route::post("/api/v1/cases/{id}/links")
            .summary("Links it with another case")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.link")
            .takes::<Linking>()
            .answers::<CaseDetail>()
            .to(write::link),
        Route::post("/api/v1/cases/{id}/hold")
            .summary("Begins or ends a legal hold: while it holds, nothing of the case is removed with age")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.hold")
            .takes::<Holding>()
            .answers::<CaseDetail>()
            .to(write::hold),
    ]
}

/// What the sector's team does within a case.
fn working() -> Vec<Route> {
    vec![
        Route::post("/api/v1/cases/{id}/moments")
            .summary("Notes when what the law counts from happened at a hospital, or corrects it with a reason")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.moment")
            .takes::<Noting>()
            .answers::<CaseDetail>()
            .to(work::moment),
        Route::post("/api/v1/case-clocks/{id}/settle")
            .summary("A deadline was kept, or does not bind here, or runs again")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.clock")
            .takes::<Settled>()
            .answers::<CaseDetail>()
            .to(work::settle_clock),
        Route::post("/api/v1/cases/{id}/tasks")
            .summary("Adds a task, for a hospital or for the centre")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.task")
            .takes::<TaskNew>()
            .answers::<CaseDetail>()
            .to(work::task),
        Route::post("/api/v1/cases/{id}/playbook")
            .summary("Adds the tasks of a playbook, and keeps its version")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.playbook")
            .takes::<UsingPlaybook>()
            .answers::<CaseDetail>()
            .to(work::playbook),
        Route::post("/api/v1/cases/{id}/comments")
            .summary("A comment or an entry of the timeline, for the sector's team alone")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.comment")
            .takes::<Saying>()
            .answers::<CaseDetail>()
            .to(work::comment),
        Route::post("/api/v1/cases/{id}/timeline")
            .summary("Hides a line of the timeline with a reason, or shows it again")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.timeline")
            .takes::<TimelineHide>()
            .answers::<CaseDetail>()
            .to(work::timeline),
        Route::post("/api/v1/cases/{id}/observables")
            .summary("Adds an address, domain, hash or account")
            .allow(SECTOR, Reach::Tenant)
            .audited("case.observable")
            .takes::<Observing>()
            .answers::<CaseDetail>()
            .to(work::observable),
    ]
}

/// What a hospital's people do too.
fn shared_work() -> Vec<Route> {
    vec![
        Route::post("/api/v1/cases/{id}/notes")
            .summary("A note between a hospital and the centre")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("case.note")
            .takes::<asks::NewNote>()
            .answers::<SharedCase>()
            .to(shared::note),
        Route::post("/api/v1/case-tasks/{id}/settle")
            .summary("A task was done, or is not needed, or is open again")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("case.task_settle")
            .takes::<TaskDone>()
            .answers::<SharedCase>()
            .to(shared::settle_task),
        Route::post("/api/v1/cases/{id}/evidence")
            .summary("Stores a file as evidence: its name is shown and never a path, and nothing is unpacked")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("case.evidence")
            .query::<FileQuery>()
            .takes_a_file()
            .answers::<SharedCase>()
            .to(files::store),
    ]
}
