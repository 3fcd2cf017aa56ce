//! What the routes of early warnings ask and answer.

use crate::{
    wire::{
        BulletinAnswer, BulletinState, CheckOutcome, FacilityPlace, Moment, RecipientSource, RecipientState, Severity,
        Text, Tlp,
    },
    wire_bulletin::{BulletinCheck, BulletinDraft, BulletinReasons, CheckKind},
};
use phitak_store::bulletins::RecipientCounts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An early warning as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bulletin {
    pub id: i64,
    pub state: BulletinState,
    pub title: Text,
    pub severity: Severity,
    pub tlp: Tlp,
    pub due_hours: u32,
    pub check: BulletinCheck,
    pub created_at: Moment,
    pub changed_at: Moment,
    pub published_at: Option<Moment>,
    pub closed_at: Option<Moment>,
    /// Null for those outside the sector's own team, as `published_by` and `closed_by`
    pub created_by: Option<String>,
    pub published_by: Option<String>,
    pub closed_by: Option<String>,
    pub counts: BulletinCounts,
}

/// How many of the caller's hospitals stand where.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulletinCounts {
    pub recipients: u64,
    /// Not answered yet
    pub sent: u64,
    pub acknowledged: u64,
    pub done: u64,
    pub not_ours: u64,
    pub cannot: u64,
    pub need_help: u64,
    pub verified: u64,
    pub reopened: u64,
    pub useful: u64,
    pub not_useful: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BulletinPage {
    pub items: Vec<Bulletin>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BulletinDetail {
    #[serde(flatten)]
    pub bulletin: Bulletin,
    /// What stands in it
    pub content: BulletinDraft,
    /// As the hospital reads it
    pub who: Text,
    pub undo: Text,
    pub risk: Text,
    pub proof: Text,
    /// Null for those outside the sector's own team
    pub close_reason: Option<String>,
    /// Of the caller's hospitals and of the warning itself; the latest 500, oldest first
    pub history: Vec<BulletinEvent>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BulletinEvent {
    pub at: Moment,
    /// Null when the centre did it by itself, and for the team's people outside the team
    pub who: Option<String>,
    pub facility: Option<FacilityPlace>,
    /// `drafted`, `published`, `added`, `closed`, `chased`, or what became of the hospital's part
    pub action: String,
    /// Of `chased`: 1 the hospital again, 2 province and region, 3 the sector
    pub level: Option<u8>,
    pub detail: Option<String>,
}

/// One hospital's part in a warning.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulletinRecipient {
    pub facility: FacilityPlace,
    pub province: Text,
    /// Whether a sensor there speaks
    pub watching: bool,
    pub source: RecipientSource,
    pub reasons: BulletinReasons,
    pub hand_reason: Option<String>,
    pub state: RecipientState,
    pub sent_at: Moment,
    pub acknowledged_at: Option<Moment>,
    pub answer: Option<BulletinAnswer>,
    pub answer_reason: Option<String>,
    pub answered_at: Option<Moment>,
    pub done_at: Option<Moment>,
    pub verified_at: Option<Moment>,
    /// How often it was asked again: 1 the hospital, 2 province and region, 3 the sector
    pub level: u8,
    /// When the next level comes, while there is no answer
    pub next_at: Option<Moment>,
    pub check_outcome: Option<CheckOutcome>,
    /// What the check found after `done`
    pub found_again: Option<BulletinReasons>,
    pub useful: Option<bool>,
    pub useful_words: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RecipientPage {
    pub items: Vec<BulletinRecipient>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

/// Whom a check concerns.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConcernPage {
    /// At most 500, by code
    pub items: Vec<ConcernedFacility>,
    /// All that it concerns
    pub total: u64,
    /// The others in the caller's scope whose sensor watches
    pub not_seen: u64,
    /// The others whose sensor does not: cannot tell
    pub blind: u64,
    /// False when there was more than one question takes
    pub whole: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ConcernedFacility {
    pub facility: FacilityPlace,
    pub province: Text,
    pub watching: bool,
    pub reasons: BulletinReasons,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WeaknessKinds {
    pub items: Vec<WeaknessKind>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WeaknessKind {
    pub id: String,
    pub title: Text,
    pub severity: Severity,
}

/// The early warning that can be drafted from a story.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggested {
    /// Hospitals within the 24 hours before the story's latest alert
    pub hospitals: u64,
    /// Null when it is no campaign: fewer than 3 hospitals, or below high
    pub draft: Option<BulletinDraft>,
    /// A warning that was drafted from this story already
    pub bulletin_id: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publishing {
    /// To all hospitals, whether the check finds them or not
    #[serde(default)]
    pub everyone: bool,
    /// Hospitals that a person adds
    #[serde(default)]
    pub by_hand: Vec<ByHand>,
    /// To how many hospitals it is meant to go: what the page showed
    pub expected: u64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Added {
    pub by_hand: Vec<ByHand>,
}

/// A hospital that a person adds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// Its code
    pub facility: String,
    /// At most 1000 characters; the hospital reads it
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// At most 1000 characters
    pub reason: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct BulletinQuery {
    /// One or more of `draft`, `published`, `closed`, with commas
    pub state: Option<String>,
    /// One or more of `low`, `medium`, `high`, `critical`, with commas
    pub severity: Option<String>,
    /// Only those that wait for a first answer of some hospital
    #[serde(default)]
    pub unanswered: bool,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct RecipientQuery {
    /// One or more states of a recipient, with commas
    pub state: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ConcernQuery {
    #[param(inline)]
    pub kind: CheckKind,
    /// With commas, at most 50
    pub addresses: Option<String>,
    pub weakness: Option<String>,
    pub protocol: Option<String>,
    pub port: Option<u16>,
}

impl From<&RecipientCounts> for BulletinCounts {
    fn from(counts: &RecipientCounts) -> Self {
        use phitak_store::RecipientState as State;
        Self {
            recipients: counts.all(),
            sent: counts.of(State::Sent),
            acknowledged: counts.of(State::Acknowledged),
            done: counts.of(State::Done),
            not_ours: counts.of(State::NotOurs),
            cannot: counts.of(State::Cannot),
            need_help: counts.of(State::NeedHelp),
            verified: counts.of(State::Verified),
            reopened: counts.of(State::Reopened),
            useful: counts.useful,
            not_useful: counts.not_useful,
        }
    }
}

impl Bulletin {
    /// `names`: whether the caller may know who of the team did what.
    pub(super) fn of(bulletin: &phitak_store::Bulletin, may_name_people: bool) -> Self {
        let named = |who: Option<&String>| who.filter(|_| may_name_people).cloned();
        let content = &bulletin.content;
        Self {
            id: bulletin.id.0,
            state: bulletin.state.into(),
            title: (&content.title).into(),
            severity: content.severity.into(),
            tlp: content.tlp.into(),
            due_hours: content.due_hours,
            check: (&content.check).into(),
            created_at: bulletin.created_at.into(),
            changed_at: bulletin.changed_at.into(),
            published_at: bulletin.published_at.map(Moment),
            closed_at: bulletin.closed_at.map(Moment),
            created_by: named(Some(&bulletin.created_by)),
            published_by: named(bulletin.published_by.as_ref()),
            closed_by: named(bulletin.closed_by.as_ref()),
            counts: (&bulletin.counts).into(),
        }
    }
}
