//! What answers about cases hold.

use crate::{
    wire::{FacilityName, FacilityPlace, Moment, Severity, Text},
    wire_case::{CaseClock, CaseFile, CaseSource, CaseStatus, CaseTask, ObservableKind, ThreatLevel, TimelineLine},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A case in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseRow {
    pub id: i64,
    /// Such as `2569-0001`
    pub number: String,
    /// Null for those outside the sector's own team
    pub title: Option<String>,
    /// What its hospitals read
    pub told: Text,
    pub status: CaseStatus,
    pub level: ThreatLevel,
    pub categories: Vec<u8>,
    /// Null for those outside the sector's own team
    pub assignee: Option<CaseAssignee>,
    pub facilities: u64,
    /// At most 5
    pub facility_names: Vec<FacilityName>,
    pub opened_at: Moment,
    /// The earliest of what is due at the caller's hospitals
    pub next_due_at: Option<Moment>,
    pub clocks_running: u64,
    pub tasks_open: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CaseAssignee {
    pub id: i64,
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CasePage {
    pub items: Vec<CaseRow>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

/// A case, whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseDetail {
    pub id: i64,
    pub number: String,
    pub title: String,
    pub told: Text,
    pub status: CaseStatus,
    pub level: ThreatLevel,
    pub categories: Vec<u8>,
    pub assignee: Option<CaseAssignee>,
    pub source: CaseSource,
    pub caller: Option<String>,
    pub called_at: Option<Moment>,
    pub opened_at: Moment,
    pub opened_by: String,
    pub closed_at: Option<Moment>,
    pub close_reason: Option<String>,
    pub legal_hold: bool,
    pub merged_into: Option<CaseReference>,
    pub merged_from: Vec<CaseReference>,
    pub links: Vec<CaseReference>,
    pub facilities: Vec<FacilityPlace>,
    pub stories: Vec<CaseStory>,
    pub moments: Vec<CaseMoment>,
    /// Running ones first, what is due next before the rest
    pub clocks: Vec<CaseClock>,
    pub tasks: Vec<CaseTask>,
    pub observables: Vec<CaseObservable>,
    pub files: Vec<CaseFile>,
    /// By when it happened
    pub timeline: Vec<TimelineLine>,
}

/// Another case.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseReference {
    pub id: i64,
    pub number: String,
    pub title: String,
    pub status: CaseStatus,
    pub reason: String,
}

/// A story of a case, as it stood when it was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseStory {
    pub id: i64,
    pub title: Text,
    pub signature: String,
    pub severity: Severity,
    pub first_at: Moment,
    pub last_at: Moment,
    /// Whether the queue still has it
    pub there: bool,
}

/// When what the law counts from happened; of one event the last one counts.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseMoment {
    pub facility: FacilityPlace,
    pub event: String,
    pub event_name: Text,
    pub at: Moment,
    pub noted_at: Moment,
    pub noted_by: String,
    /// Of a correction
    pub reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CaseObservable {
    pub id: i64,
    pub kind: ObservableKind,
    pub value: String,
    pub note: String,
    pub added_at: Moment,
    pub added_by: String,
}

/// A case as a hospital sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedCase {
    pub id: i64,
    pub number: String,
    pub told: Text,
    pub status: CaseStatus,
    pub opened_at: Moment,
    pub closed_at: Option<Moment>,
    /// The caller's hospitals in it
    pub facilities: Vec<FacilityPlace>,
    pub clocks: Vec<CaseClock>,
    pub tasks: Vec<CaseTask>,
    pub files: Vec<CaseFile>,
    /// Notes, and what became of the case, oldest first
    pub notes: Vec<SharedNote>,
    /// Whom to call
    pub phone: String,
    /// Whether something may still be written
    pub open: bool,
}

/// A note, or what became of the case.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedNote {
    pub at: Moment,
    pub facility: Option<FacilityPlace>,
    pub action: String,
    /// Null: the centre
    pub who: Option<String>,
    pub text: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SharedCaseRow {
    pub id: i64,
    pub number: String,
    pub told: Text,
    pub status: CaseStatus,
    pub opened_at: Moment,
    pub next_due_at: Option<Moment>,
    pub clocks_running: u64,
    pub tasks_open: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SharedCases {
    /// At most 200, what is due next first
    pub items: Vec<SharedCaseRow>,
    pub total: u64,
}

/// What the law says.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseLawWords {
    pub categories: Vec<CategoryWords>,
    pub categories_source: Text,
    pub levels: Vec<LevelWords>,
    pub levels_source: Text,
    pub events: Vec<EventWords>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryWords {
    pub number: u8,
    pub reportable: bool,
    pub name: Text,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LevelWords {
    pub id: ThreatLevel,
    pub name: Text,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EventWords {
    pub id: String,
    pub name: Text,
    pub hint: Text,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybookList {
    pub items: Vec<PlaybookWords>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybookWords {
    pub id: String,
    pub version: String,
    pub name: Text,
    pub about: Text,
    pub categories: Vec<u8>,
    pub steps: u64,
}
