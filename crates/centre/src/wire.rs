//! Words that several answers of the API share. Names and shapes are part of the contract: see `openapi.json`.

use phitak_model::{FacilityCode, HealthRegion, Timestamp};
use phitak_store::{ScopeReach, Standing, provinces};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
    },
};

/// A text for people, in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Text {
    pub th: String,
    pub en: String,
}

impl Text {
    #[must_use]
    pub fn new(th: impl Into<String>, en: impl Into<String>) -> Self {
        Self { th: th.into(), en: en.into() }
    }

    /// The same words in both: names from the wire, rule titles without a translation.
    #[must_use]
    pub fn same(text: &str) -> Self {
        Self::new(text, text)
    }

    /// A province's names; the code itself when it is unknown.
    #[must_use]
    pub fn province(code: &str) -> Self {
        provinces::by_code(code).map_or_else(|| Self::same(code), |p| Self::new(p.name_th, p.name_en))
    }
}

/// A moment: ISO 8601 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub Timestamp);

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A moment: ISO 8601 in UTC"))
            .into()
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Moment")
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// A facility as lists name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FacilityName {
    pub code: String,
    pub name: Text,
}

/// A facility with its health region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FacilityPlace {
    pub code: String,
    pub name: Text,
    /// 1 to 13
    pub region: u8,
}

/// A host as a person may recognise it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HostName {
    pub address: String,
    pub mac: Option<String>,
    pub name: Option<String>,
}

/// A technical detail with its label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Labelled {
    pub label: Text,
    pub value: String,
}

/// How a facility stands, most urgent first: people at once, nobody sees it, something to do, nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FacilityState {
    Call,
    Blind,
    Act,
    Calm,
}

impl From<Standing> for FacilityState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Call => Self::Call,
            Standing::Blind => Self::Blind,
            Standing::Act => Self::Act,
            Standing::Calm => Self::Calm,
        }
    }
}

impl From<FacilityState> for Standing {
    fn from(state: FacilityState) -> Self {
        match state {
            FacilityState::Call => Self::Call,
            FacilityState::Blind => Self::Blind,
            FacilityState::Act => Self::Act,
            FacilityState::Calm => Self::Calm,
        }
    }
}

/// Whether a sensor speaks to the centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensorStatus {
    Watching,
    Silent,
    Never,
}

/// Which facilities the account may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeView {
    pub kind: ScopeKind,
    /// 1 to 13, with `kind` = `region`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub region: Option<u8>,
    /// A facility's code, with `kind` = `facility`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub facility: Option<String>,
}

impl From<&ScopeReach> for ScopeView {
    fn from(reach: &ScopeReach) -> Self {
        match reach {
            ScopeReach::Sector => Self { kind: ScopeKind::Sector, region: None, facility: None },
            ScopeReach::Region(region) => {
                Self { kind: ScopeKind::Region, region: Some(region.number()), facility: None }
            }
            ScopeReach::Facility(code) => {
                Self { kind: ScopeKind::Facility, region: None, facility: Some(code.to_string()) }
            }
        }
    }
}

impl TryFrom<&ScopeView> for ScopeReach {
    type Error = String;

    fn try_from(view: &ScopeView) -> Result<Self, String> {
        match (view.kind, view.region, view.facility.as_deref()) {
            (ScopeKind::Sector, None, None) => Ok(Self::Sector),
            (ScopeKind::Region, Some(region), None) => {
                HealthRegion::new(region).map(Self::Region).map_err(|error| error.to_string())
            }
            (ScopeKind::Facility, None, Some(code)) => {
                FacilityCode::new(code).map(Self::Facility).map_err(|error| error.to_string())
            }
            _ => Err("a scope is the sector, or one region with its number, or one facility with its code".to_owned()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    Sector,
    Region,
    Facility,
}

impl SensorStatus {
    /// Of a sensor heard last at this moment, when those before `silent_before` are silent.
    #[must_use]
    pub fn of(heard_at: Option<Timestamp>, silent_before: Timestamp) -> Self {
        match heard_at {
            None => Self::Never,
            Some(at) if at < silent_before => Self::Silent,
            Some(_) => Self::Watching,
        }
    }
}

impl From<phitak_assets::Text> for Text {
    fn from(text: phitak_assets::Text) -> Self {
        Self::new(text.th, text.en)
    }
}

/// An enumeration of the model's, with its schema.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident = $model:ty, $rename:tt { $($variant:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = $rename)]
        pub enum $name { $($variant),+ }

        impl From<$model> for $name {
            fn from(value: $model) -> Self {
                match value { $(<$model>::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $model {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}
pub(crate) use mirror;

mirror!(
    /// How urgent.
    Severity = phitak_model::Severity, "lowercase" { Low, Medium, High, Critical }
);
mirror!(
    /// Where a finding stands between seen and seen to be gone.
    FindingState = phitak_model::FindingState, "snake_case" { Open, Claimed, Verified, Reopened }
);
mirror!(
    /// What the hospital answered to a finding.
    Response = phitak_model::Response, "snake_case" { Done, NeedHelp, NotOurs, Cannot }
);
mirror!(
    /// How sure the evidence makes us.
    Confidence = phitak_model::Confidence, "lowercase" { Low, Medium, High }
);
mirror!(
    /// Where a story stands with the analysts.
    StoryStatus = phitak_store::StoryStatus, "snake_case" { New, Acknowledged, Closed, Suppressed }
);
mirror!(
    /// What a closed story turned out to be.
    Verdict = phitak_store::Verdict, "snake_case" { True, Benign, False, Duplicate }
);
mirror!(
    /// What an account may do.
    Role = phitak_store::Role, "snake_case" { Administrator, Analyst, RegionOfficer, Hospital }
);
mirror!(
    /// Where an early warning stands.
    BulletinState = phitak_store::BulletinState, "snake_case" { Draft, Published, Closed }
);
mirror!(
    /// How far a text may be passed on (Traffic Light Protocol 2.0).
    Tlp = phitak_store::Tlp, "snake_case" { Clear, Green, Amber, AmberStrict, Red }
);
mirror!(
    /// How far a hospital has come with an early warning.
    RecipientState = phitak_store::RecipientState, "snake_case"
        { Sent, Acknowledged, Done, NotOurs, Cannot, NeedHelp, Verified, Reopened }
);
mirror!(
    /// Why a hospital gets an early warning: the check found it concerned, a person added it, or it went to everyone.
    RecipientSource = phitak_store::RecipientSource, "snake_case" { Found, Hand, Everyone }
);
mirror!(
    /// What a hospital answers to an early warning.
    BulletinAnswer = phitak_store::BulletinAnswer, "snake_case" { Acknowledged, Done, NotOurs, Cannot, NeedHelp }
);
mirror!(
    /// What the check says of a hospital that answered `done`; the last three: cannot tell.
    CheckOutcome = phitak_store::CheckOutcome, "snake_case" { Found, Clear, NotWatching, TooSoon, NotSeen }
);
