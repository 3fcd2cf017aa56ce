//! The centre's tables: facilities, sensors, alerts, stories, hosts, findings, early warnings, cases, people,
//! sessions, audit, notification.
//!
//! Two laws hold by construction: a query that can reach a tenant's rows takes a [`Scope`], and a write that a person asks
//! for takes an [`AuditLine`] and stores it in the same transaction.

pub mod addresses;
mod alert_body;
mod alert_days;
pub mod alerts;
pub mod answering_links;
pub mod audit;
pub mod audit_chain;
pub mod backup;
mod bearing;
mod bulk;
pub mod bulletin_answers;
pub mod bulletin_chase;
pub mod bulletin_content;
pub mod bulletin_events;
pub mod bulletin_proof;
pub mod bulletin_recipients;
pub mod bulletins;
pub mod case_clocks;
mod case_due;
pub mod case_entries;
pub mod case_list;
mod case_merge;
pub mod case_moments;
pub mod case_observables;
pub mod case_parts;
pub mod case_retention;
mod case_rows;
pub mod case_tasks;
pub mod case_words;
pub mod cases;
pub mod concern;
pub mod contacts;
pub mod custody;
pub mod database;
pub mod deliveries;
pub mod delivery_log;
pub mod duty;
pub mod error;
pub mod evidence;
pub mod facilities;
pub mod finding_write;
pub mod findings;
pub mod hosts;
pub mod ids;
mod indicator_hits;
pub mod indicator_list;
pub mod indicators;
pub mod ingest;
pub mod matters;
mod migration;
pub mod notify_channels;
mod notify_rows;
pub mod notify_sources;
pub mod notify_words;
pub mod overview;
pub mod page;
pub mod people;
pub mod provinces;
mod recount;
pub mod retention;
mod rows;
pub mod scope;
pub mod second_factors;
pub mod sensors;
pub mod sessions;
pub mod stories;
pub mod story_places;
mod story_window;
pub mod tokens;
pub mod triage;
pub mod views;
pub mod words;

pub use audit::{AuditFilter, AuditLine, AuditRecord};
pub use audit_chain::Chain;
pub use bulletin_content::{BulletinContent, BulletinText, Check};
pub use bulletin_proof::Settlement;
pub use bulletin_recipients::{NewRecipient, Recipient};
pub use bulletins::{Bulletin, BulletinFilter};
pub use case_clocks::{Clock, NewClock, Settling};
pub use case_entries::{Entry, NewNote};
pub use case_list::{CaseFilter, CaseLine};
pub use case_moments::{Moment, NewMoment};
pub use case_observables::{NewObservable, Observable};
pub use case_parts::CaseStory;
pub use case_tasks::{NewTask, Task, TaskSettling};
pub use case_words::{CaseSource, CaseStatus, ClockState, EntryKind, ObservableKind, TaskState, ThreatLevel};
pub use cases::{Assessment, Case, NewCase};
pub use concern::{Reason, Reasons};
pub use contacts::{Contact, ContactBook, QuietHours};
pub use custody::{CustodyChain, CustodyLine};
pub use database::Store;
pub use deliveries::{Attempt, Claimed, Delivery, NewDelivery};
pub use duty::{Duty, Roster};
pub use error::StoreError;
pub use evidence::{Evidence, NewEvidence};
pub use facilities::{Facility, FacilityFilter, NewFacility, Standing};
pub use finding_write::FindingValues;
pub use findings::{FindingFilter, FindingRecord};
pub use ids::{
    AlertId, BulletinId, CaseId, ClockId, DeliveryId, EnrolmentId, EvidenceId, FindingId, IndicatorId, MatterId,
    StoryId, TaskId, TokenId, UserId,
};
pub use indicator_list::{ListedPart, SensorList, ToList};
pub use indicators::{IndicatorFilter, IndicatorRecord, IndicatorStanding, NewIndicator};
pub use ingest::{ArrivedAlert, HostValues, Ingest, Source, TouchedStory};
pub use matters::{Matter, Step};
pub use notify_channels::{ChannelRecord, ChannelSetup};
pub use notify_words::{DeliveryState, MatterKind, MatterState};
pub use page::{Page, PageAsk};
pub use people::{NewUser, User};
pub use retention::{Forgotten, Retention};
pub use scope::{Scope, ScopeReach};
pub use sessions::SignedIn;
pub use stories::{Story, StoryFilter};
pub use tokens::{NewToken, Token};
pub use triage::Triage;
pub use words::{
    BulletinAnswer, BulletinState, CheckOutcome, RecipientSource, RecipientState, Role, StoryStatus, Tlp, TriageAction,
    Verdict,
};
