//! What requests for cases carry and their answers hold.

use crate::{
    wire::{FacilityName, FacilityPlace, Moment, Severity, Text},
    wire_case::{
        CaseClock, CaseFile, CaseSource, CaseStatus, CaseTask, ClockState, ObservableKind, TaskState, ThreatLevel,
        TimelineLine,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// At most 200 characters, as `told`; only the sector's team reads it
    pub title: String,
    /// What the hospitals read: it names none of them
    pub told: Text,
    pub source: CaseSource,
    /// Codes
    pub facilities: Vec<String>,
    #[serde(default)]
    pub stories: Vec<i64>,
    /// Who called: needed with `phone`
    #[serde(default)]
    pub caller: Option<String>,
    #[serde(default)]
    pub called_at: Option<Moment>,
    /// When the incident was noticed, at each of the hospitals: starts the clocks
    #[serde(default)]
    pub noticed_at: Option<Moment>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    pub status: CaseStatus,
    /// Needed to close, and to open again
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assessing {
    #[serde(default)]
    pub level: Option<ThreatLevel>,
    /// 0 to 9
    #[serde(default)]
    pub categories: Option<Vec<u8>>,
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub told: Option<Text>,
    /// The login of the new one; empty takes the person away
    #[serde(default)]
    pub assignee: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parting {
    #[serde(default)]
    pub facilities: Vec<String>,
    #[serde(default)]
    pub stories: Vec<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merging {
    /// The id of the case that goes on
    pub into: i64,
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithReason {
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Linking {
    pub other: i64,
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    pub hold: bool,
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Noting {
    /// A code
    pub facility: String,
    /// As `/api/v1/case-law` lists them
    pub event: String,
    pub at: Moment,
    /// Needed to correct one that is known
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    pub state: ClockState,
    /// When it was done; now when it is left out
    #[serde(default)]
    pub at: Option<Moment>,
    /// Of the report: needed with `done`, at most 200 characters
    #[serde(default)]
    pub reference: Option<String>,
    /// Needed with `not_applicable` and `running`
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskNew {
    /// A code; none for the centre's own
    #[serde(default)]
    pub facility: Option<String>,
    /// At most 400 characters; names no other hospital
    pub title: Text,
    #[serde(default)]
    pub who: Option<String>,
    #[serde(default)]
    pub due_at: Option<Moment>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsingPlaybook {
    pub playbook: String,
}

/// A comment; with a moment and a source, an entry of the timeline.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Saying {
    /// At most 4000 characters
    pub text: String,
    /// When it happened
    #[serde(default)]
    pub at: Option<Moment>,
    /// Where that is known from
    #[serde(default)]
    pub source: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimelineHide {
    /// The line's key
    pub line: String,
    /// False shows it again
    pub hide: bool,
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Observing {
    pub kind: ObservableKind,
    pub value: String,
    /// At most 400 characters
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// A code of the caller's, in the case
    pub facility: String,
    /// At most 4000 characters
    pub text: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskDone {
    pub state: TaskState,
    /// Needed with `dropped`
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct CaseQuery {
    /// One or more of `open`, `contained`, `recovered`, `closed`, with commas
    pub status: Option<String>,
    /// One or more levels, with commas
    pub level: Option<String>,
    /// A code
    pub facility: Option<String>,
    /// Only the caller's own
    #[serde(default)]
    pub mine: bool,
    /// Only those of which something is overdue
    #[serde(default)]
    pub overdue: bool,
    /// A number, or part of the words
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FileQuery {
    /// What the file is called: at most 200 characters are kept
    pub name: String,
    /// A code of the caller's, in the case; left out, only the sector's team sees the file
    pub facility: Option<String>,
    /// At most 1000 characters
    pub note: Option<String>,
}
