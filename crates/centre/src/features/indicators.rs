//! Indicators: what every sensor looks for. Added and ended by the sector's team, each with a reason.

use crate::{
    ask::{Asked, Body, Named, page},
    centre::Centre,
    guard::Caller,
    indicator_feed,
    named::is_named,
    protected,
    refusal::Refusal,
    route::{Reach, Route, SECTOR, Who},
    wire::{Moment, Severity, Tlp},
    wire_list::{ListState, Standing},
};
use axum::{Json, extract::State, http::StatusCode};
use phitak_model::{IndicatorKind as Kind, IndicatorValue};
use phitak_store::{IndicatorFilter, IndicatorId, IndicatorRecord, IndicatorStanding, NewIndicator, Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most values of one request.
pub const VALUES_MAX: usize = 500;
const DAY_SECS: i64 = 86_400;

/// Those who look after several hospitals.
const OVERSEERS: Who = Who::Roles(&[Role::Administrator, Role::Analyst, Role::RegionOfficer]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IndicatorKind {
    /// An address or a network, at most /16 or /32 of IPv6
    Address,
    /// A name with all names below it
    Domain,
    /// A host with a path, without what stands after a question mark
    Url,
    /// A file's digest
    Sha256,
    Sha1,
    Md5,
    /// How a client's TLS begins
    Ja3,
    Ja4,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Indicator {
    /// Stands as the signature's number in its alerts
    pub id: i64,
    pub kind: IndicatorKind,
    pub value: String,
    pub severity: Severity,
    pub tlp: Tlp,
    /// What hospitals read
    pub words: String,
    pub standing: Standing,
    pub created_at: Moment,
    pub expires_at: Moment,
    pub ended_at: Option<Moment>,
    pub bulletin_id: Option<i64>,
    /// Of the team's own: who gave it, why, who added and who ended it
    pub team: Option<TeamPart>,
    /// Alerts at the caller's hospitals, and how many of them
    pub hits: u64,
    pub hospitals: u64,
    /// The story of its alerts
    pub story_id: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TeamPart {
    pub source: String,
    pub reason: String,
    pub created_by: String,
    pub ended_by: Option<String>,
    pub end_reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct IndicatorPage {
    pub items: Vec<Indicator>,
    pub total: u64,
    pub next_cursor: Option<String>,
    pub list: ListState,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct IndicatorQuery {
    #[param(inline)]
    pub standing: Option<Standing>,
    #[param(inline)]
    pub kind: Option<IndicatorKind>,
    /// Part of the value or of the words
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIndicators {
    pub kind: IndicatorKind,
    /// At most 500 of this kind
    pub values: Vec<String>,
    pub severity: Severity,
    /// Not amber_strict and not red: those stay with whoever got them
    pub tlp: Tlp,
    /// Who gave it; at most 120 characters
    pub source: String,
    /// For the team; at most 1000 characters
    pub reason: String,
    /// For hospitals, in Thai; at most 160 characters, without a hospital's name
    pub words: String,
    /// 1 to 730
    pub days: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct IndicatorsAdded {
    /// Those that were not looked for already
    pub added: u64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicatorEnd {
    pub reason: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/indicators")
            .summary("Indicators, the latest first, with what they hit at the caller's hospitals")
            .allow(OVERSEERS, Reach::Tenant)
            .query::<IndicatorQuery>()
            .answers::<IndicatorPage>()
            .to(list),
        Route::post("/api/v1/indicators")
            .summary("Has every sensor look for these")
            .allow(SECTOR, Reach::Sector)
            .audited("indicator.add")
            .takes::<NewIndicators>()
            .answers::<IndicatorsAdded>()
            .to(add),
        Route::post("/api/v1/indicators/{id}/end")
            .summary("Ends an indicator before its time, with a reason")
            .allow(SECTOR, Reach::Sector)
            .audited("indicator.end")
            .takes::<IndicatorEnd>()
            .answers_nothing()
            .to(end),
    ]
}

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<IndicatorQuery>,
) -> Result<Json<IndicatorPage>, Refusal> {
    let (scope, now) = (caller.scope(), centre.clock.now());
    let filter = IndicatorFilter {
        standing: query.standing.map(IndicatorStanding::from),
        kind: query.kind.map(Kind::from),
        part: query.q,
    };
    let found = centre.store.indicators(scope, &filter, now, &page(query.cursor, query.limit)).await?;
    let (sensors, sensors_current) = indicator_feed::up_to_date(&centre, scope).await?;
    let head = centre.feed.head();
    let is_team = scope.is_whole_sector();
    Ok(Json(IndicatorPage {
        total: found.total,
        next_cursor: found.next_cursor,
        items: found.items.into_iter().map(|record| Indicator::of(record, now, is_team)).collect(),
        list: ListState { generation: head.generation, part: head.part, sensors, sensors_current },
    }))
}

async fn add(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<NewIndicators>,
) -> Result<Json<IndicatorsAdded>, Refusal> {
    let (store, now) = (&centre.store, centre.clock.now());
    if ask.values.is_empty() || ask.values.len() > VALUES_MAX {
        return Err(Refusal::invalid(format!("1 to {VALUES_MAX} values are added at a time")));
    }
    let facilities = store.all_facilities(caller.scope()).await?;
    if let Some(facility) = facilities.iter().find(|facility| is_named(facility, &ask.words)) {
        let why = format!("the words for hospitals name {} ({})", facility.name_th, facility.code);
        return Err(Refusal::invalid(format!("{why}: hospitals are not named to each other")));
    }
    let values = ask.values.iter().map(|text| read(ask.kind, text)).collect::<Result<Vec<_>, _>>()?;
    let new: Vec<NewIndicator> = values
        .into_iter()
        .map(|value| NewIndicator {
            value,
            severity: ask.severity.into(),
            tlp: ask.tlp.into(),
            source: ask.source.clone(),
            reason: ask.reason.clone(),
            words: ask.words.clone(),
            expires_at: now.plus_secs(i64::from(ask.days) * DAY_SECS),
        })
        .collect();
    let added = store.add_indicators(&new, caller.audit(now)?).await?;
    centre.feed.wake();
    Ok(Json(IndicatorsAdded { added }))
}

fn read(kind: IndicatorKind, text: &str) -> Result<IndicatorValue, Refusal> {
    let value = IndicatorValue::parse(kind.into(), text).map_err(|error| Refusal::invalid(error.to_string()))?;
    match protected::why_not(&value) {
        Some(why) => Err(Refusal::invalid(why)),
        None => Ok(value),
    }
}

async fn end(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(ask): Body<IndicatorEnd>,
) -> Result<StatusCode, Refusal> {
    centre.store.end_indicator(IndicatorId(id), &ask.reason, caller.audit(centre.clock.now())?).await?;
    centre.feed.wake();
    Ok(StatusCode::NO_CONTENT)
}

impl Indicator {
    fn of(record: IndicatorRecord, now: phitak_model::Timestamp, is_team: bool) -> Self {
        let is_active = record.ended_at.is_none() && record.expires_at > now;
        let team = TeamPart {
            source: record.source,
            reason: record.reason,
            created_by: record.created_by,
            ended_by: record.ended_by,
            end_reason: record.end_reason,
        };
        Self {
            id: record.id.0,
            kind: record.kind.into(),
            value: record.value,
            severity: record.severity.into(),
            tlp: record.tlp.into(),
            words: record.words,
            standing: if is_active { Standing::Active } else { Standing::Over },
            created_at: record.created_at.into(),
            expires_at: record.expires_at.into(),
            ended_at: record.ended_at.map(Moment),
            // Which warnings there are is told to those who got them.
            bulletin_id: record.bulletin.filter(|_| is_team).map(|id| id.0),
            team: is_team.then_some(team),
            hits: record.hits,
            hospitals: record.hospitals,
            story_id: record.story.map(|id| id.0),
        }
    }
}

impl From<IndicatorKind> for Kind {
    fn from(kind: IndicatorKind) -> Self {
        match kind {
            IndicatorKind::Address => Self::Address,
            IndicatorKind::Domain => Self::Domain,
            IndicatorKind::Url => Self::Url,
            IndicatorKind::Sha256 => Self::Sha256,
            IndicatorKind::Sha1 => Self::Sha1,
            IndicatorKind::Md5 => Self::Md5,
            IndicatorKind::Ja3 => Self::Ja3,
            IndicatorKind::Ja4 => Self::Ja4,
        }
    }
}

impl From<Kind> for IndicatorKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Address => Self::Address,
            Kind::Domain => Self::Domain,
            Kind::Url => Self::Url,
            Kind::Sha256 => Self::Sha256,
            Kind::Sha1 => Self::Sha1,
            Kind::Md5 => Self::Md5,
            Kind::Ja3 => Self::Ja3,
            Kind::Ja4 => Self::Ja4,
        }
    }
}
