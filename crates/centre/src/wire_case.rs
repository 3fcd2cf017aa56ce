//! Parts of a case that several answers share: its deadlines, tasks, files, and the lines of its timeline.

use crate::{
    case_law::CaseLaw,
    wire::{FacilityPlace, Moment, Text, mirror},
};
use phitak_store::{Clock, Evidence, Task};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mirror!(
    /// Where a case stands.
    CaseStatus = phitak_store::CaseStatus, "snake_case" { Open, Contained, Recovered, Closed }
);
mirror!(
    /// The level of a threat (section 60): a person's decision.
    ThreatLevel = phitak_store::ThreatLevel, "snake_case" { Undetermined, NotSerious, Serious, CriticalA, CriticalB }
);
mirror!(
    /// From what a case was opened.
    CaseSource = phitak_store::CaseSource, "snake_case" { Story, Phone }
);
mirror!(
    /// Where a deadline of the law stands.
    ClockState = phitak_store::ClockState, "snake_case" { Running, Done, NotApplicable }
);
mirror!(
    /// Where a task stands.
    TaskState = phitak_store::TaskState, "snake_case" { Open, Done, Dropped }
);
mirror!(
    /// What an observable is.
    ObservableKind = phitak_store::ObservableKind, "snake_case" { Address, Domain, Hash, Account }
);

/// A deadline of the law at one hospital.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CaseClock {
    pub id: i64,
    pub facility: FacilityPlace,
    /// The rule with its version, such as `pdpa-72h@2022-12-15`
    pub rule: String,
    pub title: Text,
    /// To whom
    pub to: Text,
    pub note: Text,
    /// Law and section
    pub source: Text,
    pub event: String,
    pub event_name: Text,
    pub started_at: Moment,
    pub due_at: Moment,
    /// The law names no hours
    pub at_once: bool,
    pub state: ClockState,
    /// When it was done
    pub settled_at: Option<Moment>,
    /// Null for those outside the sector's own team
    pub settled_by: Option<String>,
    pub reference: Option<String>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CaseTask {
    pub id: i64,
    /// Null: the centre's own
    pub facility: Option<FacilityPlace>,
    pub title: Text,
    pub who: Option<String>,
    pub due_at: Option<Moment>,
    pub state: TaskState,
    /// The playbook's id and version by which it came
    pub playbook: Option<String>,
    pub settled_at: Option<Moment>,
    pub settled_by: Option<String>,
    pub note: Option<String>,
}

/// A file kept as evidence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CaseFile {
    pub id: i64,
    /// Null: only the sector's team sees it
    pub facility: Option<FacilityPlace>,
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
    pub note: String,
    pub stored_at: Moment,
    pub stored_by: Option<String>,
    /// Its latest handlings, oldest first; empty for those outside the sector's own team
    pub custody: Vec<CustodyView>,
}

/// What was done with a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustodyView {
    /// In the log of all files
    pub line: i64,
    pub at: Moment,
    pub who: String,
    /// `stored`, `handed`, `held_by_law`, `hold_ended`, `removed`
    pub action: String,
    pub detail: String,
}

/// What a line of a timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Drafted from an alert
    Alert,
    /// Drafted from what an analyst did with a story
    Triage,
    /// Drafted from a hospital's answer to an early warning
    Answer,
    /// Written by the centre when something was done
    Event,
    /// Between analysts
    Comment,
    /// Between a hospital and the centre
    Note,
    /// Added by a person
    Added,
}

/// A line of a case's timeline.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimelineLine {
    /// By which it is hidden
    pub key: String,
    pub kind: LineKind,
    /// When it happened
    pub at: Moment,
    /// When it was written down; null for what is drafted
    pub noted_at: Option<Moment>,
    pub facility: Option<FacilityPlace>,
    pub action: String,
    /// Of what it tells, or where it comes from
    pub source: Option<String>,
    pub text: String,
    pub who: Option<String>,
    pub hidden: Option<HiddenView>,
}

/// Who hid a line, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HiddenView {
    pub at: Moment,
    pub who: String,
    pub reason: String,
}

/// Who reads: names of the team are its own business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Team,
    Outside,
}

impl Reader {
    /// What only the team reads.
    pub(crate) fn inside<T>(self, value: Option<T>) -> Option<T> {
        value.filter(|_| self == Self::Team)
    }
}

impl CaseClock {
    /// Under a rule that is not shipped any more, its name stands for its words.
    pub(crate) fn of(clock: &Clock, law: &CaseLaw, facility: FacilityPlace, reader: Reader) -> Self {
        let rule = law.rule(&clock.rule);
        let words = |of: fn(&crate::case_law::Rule) -> &Text| {
            rule.map_or_else(|| Text::same(&clock.rule), |rule| of(rule).clone())
        };
        Self {
            id: clock.id.0,
            facility,
            rule: clock.rule.clone(),
            title: words(|rule| &rule.title),
            to: words(|rule| &rule.to),
            note: words(|rule| &rule.note),
            source: words(|rule| &rule.source),
            event_name: law.event(&clock.event).map_or_else(|| Text::same(&clock.event), |event| event.name.clone()),
            event: clock.event.clone(),
            started_at: clock.started_at.into(),
            due_at: clock.due_at.into(),
            at_once: clock.at_once,
            state: clock.state.into(),
            settled_at: clock.settled_at.map(Moment),
            settled_by: reader.inside(clock.settled_by.clone()),
            reference: clock.reference.clone(),
            reason: reader.inside(clock.reason.clone()),
        }
    }
}

impl CaseTask {
    pub(crate) fn of(task: &Task, facility: Option<FacilityPlace>, reader: Reader) -> Self {
        Self {
            id: task.id.0,
            facility,
            title: (&task.title).into(),
            who: task.who.clone(),
            due_at: task.due_at.map(Moment),
            state: task.state.into(),
            playbook: reader.inside(task.playbook.as_ref().map(|(book, version)| format!("{book}@{version}"))),
            settled_at: task.settled_at.map(Moment),
            settled_by: reader.inside(task.settled_by.clone()),
            note: task.note.clone(),
        }
    }
}

impl CaseFile {
    pub(crate) fn of(file: &Evidence, facility: Option<FacilityPlace>, reader: Reader) -> Self {
        Self {
            id: file.id.0,
            facility,
            name: file.name.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            note: file.note.clone(),
            stored_at: file.stored_at.into(),
            stored_by: reader.inside(Some(file.stored_by.clone())),
            custody: Vec::new(),
        }
    }
}
