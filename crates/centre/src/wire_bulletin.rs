//! Parts of an early warning that several answers share: its check, and why it concerns a hospital.

use crate::{
    refusal::Refusal,
    wire::{HostName, Moment, Severity, Text, Tlp},
};
use phitak_store::{BulletinContent, BulletinText, Check, Reason, Reasons, StoryId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a check looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Addresses outside, in alerts
    Indicators,
    /// A kind of weakness
    Weakness,
    /// Machines that serve a protocol or a port
    Service,
}

/// A check: which of the other fields count depends on `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulletinCheck {
    pub kind: CheckKind,
    /// At most 50
    #[serde(default)]
    pub addresses: Vec<String>,
    /// A kind's id, as `/api/v1/weakness-kinds` lists them
    #[serde(default)]
    pub weakness: Option<String>,
    #[serde(default)]
    pub protocol: Option<String>,
    #[serde(default)]
    pub port: Option<u16>,
}

/// What is written in a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulletinDraft {
    /// At most 160 characters, as `who`; the other texts 1200, a step 600. Thai is needed before it is sent.
    pub title: Text,
    /// What happened
    pub what: Text,
    /// Why it matters for patients and work
    pub why: Text,
    /// At most 10, in order
    pub steps: Vec<Text>,
    /// How to go back
    pub undo: Text,
    pub who: Text,
    pub tlp: Tlp,
    pub severity: Severity,
    /// From sending until it should be done: 1 to 720
    pub due_hours: u32,
    pub check: BulletinCheck,
    /// The story from which it was drafted
    #[serde(default)]
    pub story_id: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    Sighting,
    Finding,
    Service,
}

/// One thing in the data that makes a warning concern a hospital.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BulletinReason {
    pub kind: ReasonKind,
    pub host: HostName,
    /// Of a sighting: the address outside, and in how many alerts
    pub address: Option<String>,
    pub alerts: Option<u64>,
    pub finding_id: Option<i64>,
    pub protocol: Option<String>,
    pub port: Option<u16>,
    pub first_at: Moment,
    pub last_at: Moment,
}

/// The reasons of one hospital, the latest first; at most 20 are shown.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct BulletinReasons {
    pub shown: Vec<BulletinReason>,
    pub more: u64,
}

impl BulletinCheck {
    /// # Errors
    /// When a field that the kind needs lacks or cannot be read.
    pub fn read(&self) -> Result<Check, Refusal> {
        let check = match self.kind {
            CheckKind::Indicators => {
                let addresses = self.addresses.iter().map(|text| {
                    text.trim().parse().map_err(|_| Refusal::invalid(format!("{text:?} is not an IP address")))
                });
                Check::Indicators { addresses: addresses.collect::<Result<Vec<_>, _>>()? }
            }
            CheckKind::Weakness => {
                let id = self.weakness.as_deref().unwrap_or_default().trim();
                if phitak_assets::weakness(id).is_none() {
                    return Err(Refusal::invalid(format!("there is no kind of weakness {id:?}")));
                }
                Check::Weakness { weakness: id.to_owned() }
            }
            CheckKind::Service => {
                let protocol = self.protocol.clone().filter(|protocol| !protocol.trim().is_empty());
                Check::Service { protocol, port: self.port }
            }
        };
        Ok(check.checked()?)
    }
}

impl From<&Check> for BulletinCheck {
    fn from(check: &Check) -> Self {
        let none = |kind| Self { kind, addresses: Vec::new(), weakness: None, protocol: None, port: None };
        match check {
            Check::Indicators { addresses } => {
                Self { addresses: addresses.iter().map(ToString::to_string).collect(), ..none(CheckKind::Indicators) }
            }
            Check::Weakness { weakness } => Self { weakness: Some(weakness.clone()), ..none(CheckKind::Weakness) },
            Check::Service { protocol, port } => {
                Self { protocol: protocol.clone(), port: *port, ..none(CheckKind::Service) }
            }
        }
    }
}

impl From<&BulletinText> for Text {
    fn from(text: &BulletinText) -> Self {
        Self::new(&text.th, &text.en)
    }
}

impl From<&Text> for BulletinText {
    fn from(text: &Text) -> Self {
        Self::new(&text.th, &text.en)
    }
}

impl BulletinDraft {
    /// # Errors
    /// When the check cannot be read.
    pub fn read(&self) -> Result<BulletinContent, Refusal> {
        Ok(BulletinContent {
            title: (&self.title).into(),
            what: (&self.what).into(),
            why: (&self.why).into(),
            steps: self.steps.iter().map(BulletinText::from).collect(),
            undo: (&self.undo).into(),
            who: (&self.who).into(),
            tlp: self.tlp.into(),
            severity: self.severity.into(),
            due_hours: self.due_hours,
            check: self.check.read()?,
            story: self.story_id.map(StoryId),
        })
    }
}

impl From<&BulletinContent> for BulletinDraft {
    fn from(content: &BulletinContent) -> Self {
        Self {
            title: (&content.title).into(),
            what: (&content.what).into(),
            why: (&content.why).into(),
            steps: content.steps.iter().map(Text::from).collect(),
            undo: (&content.undo).into(),
            who: (&content.who).into(),
            tlp: content.tlp.into(),
            severity: content.severity.into(),
            due_hours: content.due_hours,
            check: (&content.check).into(),
            story_id: content.story.map(|story| story.0),
        }
    }
}

impl From<&Reason> for BulletinReason {
    fn from(reason: &Reason) -> Self {
        let (address, name) = reason.host();
        let mut view = Self {
            kind: ReasonKind::Sighting,
            host: HostName { address: address.to_owned(), mac: None, name: name.map(str::to_owned) },
            address: None,
            alerts: None,
            finding_id: None,
            protocol: None,
            port: None,
            first_at: reason.last_at().into(),
            last_at: reason.last_at().into(),
        };
        match reason {
            Reason::Sighting { address, alerts, first_at, .. } => {
                view.address = Some(address.clone());
                view.alerts = Some(*alerts);
                view.first_at = (*first_at).into();
            }
            Reason::Finding { finding, first_at, .. } => {
                view.kind = ReasonKind::Finding;
                view.finding_id = Some(finding.0);
                view.first_at = (*first_at).into();
            }
            Reason::Service { protocol, port, first_at, .. } => {
                view.kind = ReasonKind::Service;
                view.protocol = Some(protocol.clone());
                view.port = *port;
                view.first_at = (*first_at).into();
            }
        }
        view
    }
}

impl From<&Reasons> for BulletinReasons {
    fn from(reasons: &Reasons) -> Self {
        Self { shown: reasons.shown.iter().map(BulletinReason::from).collect(), more: reasons.more }
    }
}
