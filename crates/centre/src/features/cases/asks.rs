//! What requests for cases carry.

use crate::{
    wire::{Moment, Text},
    wire_case::{CaseSource, CaseStatus, ClockState, ObservableKind, TaskState, ThreatLevel},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

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
