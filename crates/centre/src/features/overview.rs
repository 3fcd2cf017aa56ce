//! The sector, or the caller's part of it, on one page: coverage, states, what is open, where.

use crate::{
    centre::Centre,
    guard::Caller,
    names,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
    wire::{FacilityPlace, Moment, Severity, Text},
};
use axum::{Json, extract::State};
use phitak_model::Timestamp;
use phitak_store::{
    CaseFilter, CaseStatus, Facility, PageAsk, Scope, Standing,
    bulletin_chase::Unanswered,
    findings::WeaknessCount,
    provinces::{PROVINCES, Province},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    pub at: Moment,
    pub facilities_total: u64,
    /// Facilities with a sensor that speaks
    pub watching: u64,
    pub silent: Vec<SilentFacility>,
    /// Facilities in each state
    pub states: StateCounts,
    pub stories_open: u64,
    pub alerts_24h: u64,
    pub findings: FindingCounts,
    pub provinces: Vec<ProvinceTile>,
    pub regions: Vec<RegionRow>,
    pub top_weaknesses: Vec<TopWeakness>,
    pub warnings: WarningCounts,
    pub cases: CaseCounts,
}

/// Cases in which the caller's hospitals have a part.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseCounts {
    /// Not closed
    pub open: u64,
    /// Of those, with a deadline or a task that is past its time
    pub overdue: u64,
    /// At most 8, what is due next first
    pub next: Vec<DueCase>,
}

/// An open case with what is due next in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DueCase {
    pub id: i64,
    pub number: String,
    /// Null for those outside the sector's own team
    pub title: Option<String>,
    /// What the hospitals read
    pub told: Text,
    pub facilities: u64,
    pub next_due_at: Option<Moment>,
}

/// How early warnings are answered by the caller's hospitals.
#[derive(Debug, Serialize, ToSchema)]
pub struct WarningCounts {
    /// Sent and not closed
    pub open: u64,
    /// Answers that are missing: a hospital counts once for each warning
    pub unanswered_total: u64,
    pub need_help: u64,
    /// From sending, over all that did; null while none did
    pub median_hours_to_acknowledged: Option<f64>,
    pub median_hours_to_done: Option<f64>,
    pub useful: u64,
    pub not_useful: u64,
    /// At most 50: those asked most often first, then the longest waiting
    pub unanswered: Vec<UnansweredWarning>,
}

/// A hospital that has not answered an early warning.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnansweredWarning {
    pub bulletin_id: i64,
    pub title: Text,
    pub severity: Severity,
    pub facility: FacilityPlace,
    pub sent_at: Moment,
    /// Who is to see to it now: 1 the hospital, 2 province and region, 3 the sector
    pub level: u8,
}

/// A facility whose sensor went silent.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilentFacility {
    pub code: String,
    pub name: Text,
    pub since: Moment,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct StateCounts {
    pub calm: u64,
    pub act: u64,
    pub call: u64,
    pub blind: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FindingCounts {
    pub open: u64,
    pub claimed: u64,
    pub verified: u64,
    pub reopened: u64,
    /// From first seen to seen to be gone, over the verified; null while none is
    pub median_days_to_verified: Option<f64>,
}

/// One of the 77 provinces; `none` when no facility of the caller's lies there.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProvinceTile {
    pub province_code: String,
    pub name: Text,
    pub region: u8,
    pub facilities: u64,
    pub state: TileState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TileState {
    None,
    Calm,
    Act,
    Call,
    Blind,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RegionRow {
    pub region: u8,
    pub facilities: u64,
    pub watching: u64,
    pub stories_open: u64,
    pub findings_open: u64,
    pub findings_verified: u64,
    pub state: TileState,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TopWeakness {
    pub kind: String,
    pub title: Text,
    pub facilities: u64,
    pub hosts: u64,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/overview")
            .summary("The caller's part of the sector on one page")
            .allow(SIGNED_IN, Reach::Tenant)
            .answers::<Overview>()
            .to(overview),
    ]
}

/// Most kinds of weakness that are shown.
const TOP_WEAKNESSES_MAX: u64 = 6;
/// Missing answers to early warnings that are listed.
const UNANSWERED_NAMED_MAX: u64 = 50;
/// Open cases that are named; the count goes on.
const CASES_NAMED_MAX: u32 = 8;
/// Most silent facilities that are named; the counts go on.
const SILENT_NAMED_MAX: usize = 200;

async fn overview(State(centre): State<Centre>, caller: Caller) -> Result<Json<Overview>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let silent_before = centre.silent_before(now);
    let facilities = store.all_facilities(scope).await?;
    let counts = store.finding_counts(scope).await?;
    let open_by_region = store.stories_open_by_region(scope).await?;
    let silent = facilities
        .iter()
        .filter_map(|facility| {
            let since = facility.heard_at.filter(|at| *at < silent_before)?;
            Some(SilentFacility { code: facility.code.to_string(), name: names::text(facility), since: since.into() })
        })
        .take(SILENT_NAMED_MAX)
        .collect();
    let top = store.top_weaknesses(scope, TOP_WEAKNESSES_MAX).await?;
    Ok(Json(Overview {
        at: now.into(),
        facilities_total: facilities.len() as u64,
        watching: watching(&facilities, silent_before),
        silent,
        states: states(&facilities, silent_before),
        stories_open: store.stories_open(scope).await?,
        alerts_24h: store.alerts_of_a_day(scope, now).await?,
        findings: FindingCounts {
            open: counts.open,
            claimed: counts.claimed,
            verified: counts.verified,
            reopened: counts.reopened,
            median_days_to_verified: counts.median_days_to_verified,
        },
        provinces: PROVINCES.iter().map(|province| tile(province, &facilities, silent_before)).collect(),
        regions: regions(&facilities, &open_by_region, silent_before),
        top_weaknesses: top.into_iter().map(TopWeakness::of).collect(),
        warnings: warnings(&centre, scope, &facilities).await?,
        cases: cases(&centre, scope, now).await?,
    }))
}

async fn cases(centre: &Centre, scope: &Scope, now: Timestamp) -> Result<CaseCounts, Refusal> {
    let statuses = vec![CaseStatus::Open, CaseStatus::Contained, CaseStatus::Recovered];
    let open = CaseFilter { statuses, ..CaseFilter::default() };
    let late = CaseFilter { due_before: Some(now), ..open.clone() };
    let one = PageAsk { cursor: None, limit: Some(1) };
    let found = centre.store.cases(scope, &open, &PageAsk { cursor: None, limit: Some(CASES_NAMED_MAX) }).await?;
    let next = found.items.iter().map(|line| DueCase {
        id: line.case.id.0,
        number: line.case.number.clone(),
        title: scope.is_whole_sector().then(|| line.case.title.clone()),
        told: (&line.case.told).into(),
        facilities: line.case.facilities.len() as u64,
        next_due_at: line.next_due_at.map(Moment),
    });
    let overdue = centre.store.cases(scope, &late, &one).await?.total;
    Ok(CaseCounts { open: found.total, overdue, next: next.collect() })
}

async fn warnings(centre: &Centre, scope: &Scope, facilities: &[Facility]) -> Result<WarningCounts, Refusal> {
    let numbers = centre.store.answer_numbers(scope).await?;
    let unanswered = centre.store.unanswered(scope, UNANSWERED_NAMED_MAX).await?;
    let line = |waiting: &Unanswered| {
        let facility = facilities.iter().find(|facility| facility.code == waiting.facility)?;
        Some(UnansweredWarning {
            bulletin_id: waiting.bulletin.0,
            title: (&waiting.content.title).into(),
            severity: waiting.severity().into(),
            facility: FacilityPlace {
                code: facility.code.to_string(),
                name: names::text(facility),
                region: facility.region.number(),
            },
            sent_at: waiting.sent_at.into(),
            level: waiting.level,
        })
    };
    Ok(WarningCounts {
        open: numbers.bulletins_open,
        unanswered_total: numbers.unanswered,
        need_help: numbers.need_help,
        median_hours_to_acknowledged: numbers.median_hours_to_acknowledged,
        median_hours_to_done: numbers.median_hours_to_done,
        useful: numbers.useful,
        not_useful: numbers.not_useful,
        unanswered: unanswered.iter().filter_map(line).collect(),
    })
}

fn watching(facilities: &[Facility], silent_before: Timestamp) -> u64 {
    facilities.iter().filter(|facility| facility.heard_at.is_some_and(|at| at >= silent_before)).count() as u64
}

fn states(facilities: &[Facility], silent_before: Timestamp) -> StateCounts {
    let mut counts = StateCounts::default();
    for facility in facilities {
        let count = match facility.standing(silent_before) {
            Standing::Call => &mut counts.call,
            Standing::Blind => &mut counts.blind,
            Standing::Act => &mut counts.act,
            Standing::Calm => &mut counts.calm,
        };
        *count = count.saturating_add(1);
    }
    counts
}

/// The most urgent standing of these facilities.
fn worst<'a>(facilities: impl Iterator<Item = &'a Facility>, silent_before: Timestamp) -> TileState {
    match facilities.map(|facility| facility.standing(silent_before)).min() {
        None => TileState::None,
        Some(Standing::Call) => TileState::Call,
        Some(Standing::Blind) => TileState::Blind,
        Some(Standing::Act) => TileState::Act,
        Some(Standing::Calm) => TileState::Calm,
    }
}

fn tile(province: &Province, facilities: &[Facility], silent_before: Timestamp) -> ProvinceTile {
    let here = || facilities.iter().filter(|facility| facility.province_code == province.code);
    ProvinceTile {
        province_code: province.code.to_owned(),
        name: Text::new(province.name_th, province.name_en),
        region: province.region,
        facilities: here().count() as u64,
        state: worst(here(), silent_before),
    }
}

fn regions(facilities: &[Facility], open_by_region: &BTreeMap<u8, u64>, silent_before: Timestamp) -> Vec<RegionRow> {
    let mut by_region: BTreeMap<u8, Vec<&Facility>> = BTreeMap::new();
    for facility in facilities {
        by_region.entry(facility.region.number()).or_default().push(facility);
    }
    by_region
        .into_iter()
        .map(|(region, here)| RegionRow {
            region,
            facilities: here.len() as u64,
            watching: here.iter().filter(|f| f.heard_at.is_some_and(|at| at >= silent_before)).count() as u64,
            stories_open: open_by_region.get(&region).copied().unwrap_or(0),
            findings_open: here.iter().map(|f| f.findings_open).sum(),
            findings_verified: here.iter().map(|f| f.findings_verified).sum(),
            state: worst(here.iter().copied(), silent_before),
        })
        .collect()
}

impl TopWeakness {
    fn of(count: WeaknessCount) -> Self {
        let title = phitak_assets::weakness(&count.kind).map_or_else(|| Text::same(&count.kind), |w| w.title.into());
        Self { kind: count.kind, title, facilities: count.facilities, hosts: count.hosts }
    }
}
