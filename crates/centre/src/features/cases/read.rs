//! Reading cases, as the sector's team does.

use super::{
    asks::CaseQuery,
    shapes::{
        CaseAssignee, CaseDetail, CaseLawWords, CaseMoment, CaseObservable, CasePage, CaseReference, CaseRow,
        CaseStory, CategoryWords, EventWords, LevelWords, PlaybookList, PlaybookWords,
    },
    timeline,
};
use crate::{
    ask::{Asked, Named, page, words},
    centre::Centre,
    guard::{Caller, views_one},
    names::{self, Names},
    refusal::Refusal,
    wire::{FacilityPlace, Moment, Text},
    wire_case::{CaseClock, CaseFile, CaseTask, CustodyView, Reader},
};
use axum::{Json, extract::State};
use phitak_store::{
    CaseFilter, CaseId, CaseLine, CaseStatus, EvidenceId, Facility, Scope, StoryId, ThreatLevel, case_parts::CaseLink,
};

/// Hospitals of a case that a list names.
const NAMES_SHOWN_MAX: usize = 5;

pub(super) async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<CaseQuery>,
) -> Result<Json<CasePage>, Refusal> {
    let scope = caller.scope();
    views_one(&centre, &caller, query.facility.as_deref()).await?;
    let filter = CaseFilter {
        statuses: words(query.status.as_deref(), CaseStatus::parse)?,
        levels: words(query.level.as_deref(), ThreatLevel::parse)?,
        facility: query.facility,
        assignee: Some(caller.signed_in().user.id).filter(|_| query.mine),
        due_before: Some(centre.clock.now()).filter(|_| query.overdue),
        part: query.q,
        merged_too: false,
    };
    let found = centre.store.cases(scope, &filter, &page(query.cursor, query.limit)).await?;
    let codes = found.items.iter().flat_map(|line| line.case.facilities.iter().take(NAMES_SHOWN_MAX).cloned());
    let names = Names::load(&centre.store, scope, codes).await?;
    let team = scope.is_whole_sector();
    Ok(Json(CasePage {
        items: found.items.iter().map(|line| CaseRow::of(line, &names, team)).collect(),
        total: found.total,
        next_cursor: found.next_cursor,
    }))
}

impl CaseRow {
    fn of(line: &CaseLine, names: &Names, may_name_people: bool) -> Self {
        let case = &line.case;
        let assignee = case.assignee.as_ref().filter(|_| may_name_people);
        Self {
            id: case.id.0,
            number: case.number.clone(),
            title: Some(case.title.clone()).filter(|_| may_name_people),
            told: (&case.told).into(),
            status: case.status.into(),
            level: case.level.into(),
            categories: case.categories.clone(),
            assignee: assignee.map(|(id, name)| CaseAssignee { id: id.0, name: name.clone() }),
            facilities: case.facilities.len() as u64,
            facility_names: case.facilities.iter().take(NAMES_SHOWN_MAX).map(|code| names.name(code)).collect(),
            opened_at: case.opened_at.into(),
            next_due_at: line.next_due_at.map(Moment),
            clocks_running: line.clocks_running,
            tasks_open: line.tasks_open,
        }
    }
}

pub(super) async fn detail(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
) -> Result<Json<CaseDetail>, Refusal> {
    let shown = whole(&centre, caller.scope(), CaseId(id)).await?;
    caller.views(&centre, None, format!("case {}", shown.number)).await?;
    Ok(Json(shown))
}

/// The hospitals of one answer, as far as the caller may see them.
pub(super) struct Places(Vec<Facility>);

impl Places {
    pub(super) async fn load(centre: &Centre, scope: &Scope, codes: &[String]) -> Result<Self, Refusal> {
        Ok(Self(centre.store.facilities_named(scope, codes).await?))
    }

    /// The code alone when the facility is gone.
    pub(super) fn of(&self, code: &str) -> FacilityPlace {
        let known = self.0.iter().find(|facility| facility.code.as_str() == code);
        let name = known.map_or_else(|| Text::same(code), names::text);
        FacilityPlace { code: code.to_owned(), name, region: known.map_or(0, |facility| facility.region.number()) }
    }
}

/// One case, whole: for the sector's team.
pub(super) async fn whole(centre: &Centre, scope: &Scope, id: CaseId) -> Result<CaseDetail, Refusal> {
    let (store, reader) = (&centre.store, Reader::Team);
    let case = store.case(scope, id).await?;
    let places = Places::load(centre, scope, &case.facilities).await?;
    let place = |code: &Option<String>| code.as_deref().map(|code| places.of(code));
    let stories = stories_of(centre, scope, id).await?;
    let (linked, merged) = store.case_links(id).await?;
    let merged_into = match case.merged_into {
        Some(into) => {
            let far = store.case(scope, into).await?;
            let (number, title, reason) = (far.number, far.title, case.close_reason.clone().unwrap_or_default());
            Some(CaseReference { id: into.0, number, title, status: far.status.into(), reason })
        }
        None => None,
    };
    let clocks = store.case_clocks(scope, id).await?;
    let tasks = store.case_tasks(scope, id).await?;
    Ok(CaseDetail {
        id: id.0,
        number: case.number.clone(),
        title: case.title.clone(),
        told: (&case.told).into(),
        status: case.status.into(),
        level: case.level.into(),
        categories: case.categories.clone(),
        assignee: case.assignee.as_ref().map(|(id, name)| CaseAssignee { id: id.0, name: name.clone() }),
        source: case.source.into(),
        caller: case.caller.clone(),
        called_at: case.called_at.map(Moment),
        opened_at: case.opened_at.into(),
        opened_by: case.opened_by.clone(),
        closed_at: case.closed_at.map(Moment),
        close_reason: case.close_reason.clone(),
        legal_hold: case.legal_hold,
        merged_into,
        merged_from: merged.iter().map(reference).collect(),
        links: linked.iter().map(reference).collect(),
        facilities: case.facilities.iter().map(|code| places.of(code)).collect(),
        moments: moments_of(centre, scope, id, &places).await?,
        clocks: clocks
            .iter()
            .map(|clock| CaseClock::of(clock, &centre.law, places.of(&clock.facility), reader))
            .collect(),
        tasks: tasks.iter().map(|task| CaseTask::of(task, place(&task.facility), reader)).collect(),
        observables: observables_of(centre, id).await?,
        files: files_of(centre, scope, id, &places).await?,
        timeline: timeline::of_case(centre, scope, id, &case.facilities, &places).await?,
        stories,
    })
}

fn reference(link: &CaseLink) -> CaseReference {
    CaseReference {
        id: link.other.0,
        number: link.number.clone(),
        title: link.title.clone(),
        status: link.status.into(),
        reason: link.reason.clone(),
    }
}

async fn stories_of(centre: &Centre, scope: &Scope, id: CaseId) -> Result<Vec<CaseStory>, Refusal> {
    let kept = centre.store.case_stories(id).await?;
    let ids: Vec<StoryId> = kept.iter().map(|story| story.story).collect();
    let now = centre.store.stories_by_id(scope, &Default::default(), &ids).await?;
    let stories = kept.into_iter().map(|story| {
        let there = now.iter().find(|known| known.id == story.story);
        CaseStory {
            id: story.story.0,
            title: centre.texts.of(story.signature_id, &story.signature).title,
            signature: story.signature,
            severity: story.severity.into(),
            first_at: there.map_or(story.first_at, |known| known.first_at).into(),
            last_at: there.map_or(story.last_at, |known| known.last_at).into(),
            there: there.is_some(),
        }
    });
    Ok(stories.collect())
}

async fn moments_of(centre: &Centre, scope: &Scope, id: CaseId, places: &Places) -> Result<Vec<CaseMoment>, Refusal> {
    let moments = centre.store.case_moments(scope, id).await?;
    let name = |event: &str| centre.law.event(event).map_or_else(|| Text::same(event), |known| known.name.clone());
    let moments = moments.into_iter().map(|moment| CaseMoment {
        facility: places.of(&moment.facility),
        event_name: name(&moment.event),
        event: moment.event,
        at: moment.at.into(),
        noted_at: moment.noted_at.into(),
        noted_by: moment.noted_by,
        reason: moment.reason,
    });
    Ok(moments.collect())
}

async fn observables_of(centre: &Centre, id: CaseId) -> Result<Vec<CaseObservable>, Refusal> {
    let observables = centre.store.observables(id).await?.into_iter().map(|observable| CaseObservable {
        id: observable.id,
        kind: observable.kind.into(),
        value: observable.value,
        note: observable.note,
        added_at: observable.added_at.into(),
        added_by: observable.added_by,
    });
    Ok(observables.collect())
}

async fn files_of(centre: &Centre, scope: &Scope, id: CaseId, places: &Places) -> Result<Vec<CaseFile>, Refusal> {
    let files = centre.store.evidence_of_case(scope, id).await?;
    let ids: Vec<EvidenceId> = files.iter().map(|file| file.id).collect();
    let custody = centre.store.custody_of(&ids).await?;
    let files = files.iter().map(|file| {
        let place = file.facility.as_deref().map(|code| places.of(code));
        let own = custody.iter().filter(|line| line.evidence == file.id).map(|line| CustodyView {
            line: line.id,
            at: line.at.into(),
            who: line.who.clone(),
            action: line.action.clone(),
            detail: line.detail.clone(),
        });
        CaseFile { custody: own.collect(), ..CaseFile::of(file, place, Reader::Team) }
    });
    Ok(files.collect())
}

pub(super) async fn law(State(centre): State<Centre>) -> Json<CaseLawWords> {
    let law = &centre.law;
    let categories = law.categories.all.iter().map(|category| CategoryWords {
        number: category.number,
        reportable: category.reportable,
        name: category.name.clone(),
    });
    let levels =
        law.levels.all.iter().filter_map(|level| {
            Some(LevelWords { id: ThreatLevel::parse(&level.id)?.into(), name: level.name.clone() })
        });
    let events = law.events.iter().map(|event| EventWords {
        id: event.id.clone(),
        name: event.name.clone(),
        hint: event.hint.clone(),
    });
    Json(CaseLawWords {
        categories: categories.collect(),
        categories_source: law.categories.source.clone(),
        levels: levels.collect(),
        levels_source: law.levels.source.clone(),
        events: events.collect(),
    })
}

pub(super) async fn playbooks(State(centre): State<Centre>) -> Json<PlaybookList> {
    let items = centre.playbooks.iter().map(|playbook| PlaybookWords {
        id: playbook.id.clone(),
        version: playbook.version.clone(),
        name: playbook.name.clone(),
        about: playbook.about.clone(),
        categories: playbook.categories.clone(),
        steps: playbook.steps.len() as u64,
    });
    Json(PlaybookList { items: items.collect() })
}
