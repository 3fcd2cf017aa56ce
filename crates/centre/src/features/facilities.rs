//! Hospitals: list, detail with sensors, and the hosts seen in each.

use crate::{
    ask::{Asked, Named, page, region},
    centre::Centre,
    guard::Caller,
    names,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
    wire::{FacilityState, Moment, SensorStatus, Text},
};
use axum::{Json, extract::State};
use phitak_assets::Host;
use phitak_model::Timestamp;
use phitak_store::{
    FacilityFilter, Scope, SensorList, SensorRules, Standing, StoreError,
    hosts::HostRecord,
    sensors::{LossRecord, Sensor as StoredSensor},
};
use phitak_uplink::FeedPosition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub struct Facility {
    pub code: String,
    pub name: Text,
    pub province_code: String,
    pub province: Text,
    pub region: u8,
    pub state: FacilityState,
    /// The sensor heard last
    pub sensor: SensorBrief,
    pub findings_open: u64,
    pub findings_verified: u64,
    pub stories_open: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SensorBrief {
    pub id: Option<String>,
    pub status: SensorStatus,
    pub last_seen_at: Option<Moment>,
    /// None while there is no list of indicators
    pub indicators: Option<SensorIndicators>,
}

/// Whether a sensor looks for what the newest list of indicators says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SensorIndicators {
    Current,
    /// It has an older one
    Behind,
    /// It has told of none
    Missing,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FacilityPage {
    pub items: Vec<Facility>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FacilityDetail {
    #[serde(flatten)]
    pub facility: Facility,
    pub sensors: Vec<Sensor>,
    pub hosts: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Sensor {
    pub id: String,
    pub status: SensorStatus,
    pub enrolled_at: Moment,
    pub last_seen_at: Option<Moment>,
    pub version: Option<String>,
    pub packets: u64,
    pub rules_loaded: u32,
    pub rules_failed: u32,
    pub losses: Vec<Loss>,
    /// None while there is no list of indicators
    pub indicators: Option<SensorIndicators>,
    /// How many it looks for, and since when
    pub indicators_active: Option<u64>,
    pub indicators_since: Option<Moment>,
    /// How many of the team's rules it uses, and how many it does not take; None before it has said so
    pub listed_rules: Option<u64>,
    pub listed_rules_refused: Option<u64>,
    /// The first of those that it does not take
    pub refusals: Vec<RefusedRule>,
}

/// One of the team's rules that a sensor does not take.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedRule {
    pub sid: u32,
    pub why: String,
}

/// Something that was not seen or not kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct Loss {
    /// `capture_damaged`, `spool_full`, `spool_damaged`, `flow_table_full`, `inventory_full`, `records_lost`, `refused`, `clock_ahead`,
    /// `packets_dropped`, `records_unreadable`, `alerts_held_back`, `messages_dropped`, `senders_refused`, `messages_not_eve`,
    /// `records_not_alerts`, `moments_ahead`,
    /// or `sequence_gap` (records that the centre had once and lost, as after the restoring of a backup)
    pub cause: String,
    pub count: u64,
    pub from: Moment,
    pub until: Moment,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Asset {
    pub address: String,
    pub mac: Option<String>,
    pub names: Vec<String>,
    pub speaks: Vec<Spoken>,
    pub first_seen_at: Moment,
    pub last_seen_at: Moment,
    pub findings_open: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Spoken {
    pub protocol: String,
    pub port: Option<u16>,
    pub role: SpokenRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpokenRole {
    Server,
    Client,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AssetPage {
    pub items: Vec<Asset>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FacilityQuery {
    pub region: Option<u8>,
    /// A province's code
    pub province: Option<String>,
    #[param(inline)]
    pub state: Option<FacilityState>,
    /// Part of the code or of a name
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AssetQuery {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/facilities")
            .summary("Hospitals, by code")
            .allow(SIGNED_IN, Reach::Tenant)
            .query::<FacilityQuery>()
            .answers::<FacilityPage>()
            .to(list),
        Route::get("/api/v1/facilities/{code}")
            .summary("One hospital with its sensors")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.facility")
            .answers::<FacilityDetail>()
            .to(detail),
        Route::get("/api/v1/facilities/{code}/assets")
            .summary("The hosts seen in one hospital")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.hosts")
            .query::<AssetQuery>()
            .answers::<AssetPage>()
            .to(assets),
    ]
}

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<FacilityQuery>,
) -> Result<Json<FacilityPage>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let silent_before = centre.silent_before(centre.clock.now());
    let filter = FacilityFilter {
        region: region(query.region)?,
        province_code: query.province,
        standing: query.state.map(Standing::from),
        part: query.q,
    };
    let found = store.facilities(scope, &filter, silent_before, &page(query.cursor, query.limit)).await?;
    let codes: Vec<String> = found.items.iter().map(|facility| facility.code.to_string()).collect();
    let sensors = store.sensors_of(scope, &codes).await?;
    let lists = Lists::load(&centre, scope, &codes).await?;
    let items = found.items.iter().map(|facility| Facility::of(facility, &sensors, &lists, silent_before)).collect();
    Ok(Json(FacilityPage { items, total: found.total, next_cursor: found.next_cursor }))
}

async fn detail(
    State(centre): State<Centre>,
    caller: Caller,
    Named(code): Named<String>,
) -> Result<Json<FacilityDetail>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let silent_before = centre.silent_before(centre.clock.now());
    let facility = store.facility(scope, &code).await?;
    caller.views(&centre, Some(&facility.code), format!("facility {code}")).await?;
    let sensors = store.sensors_of(scope, &[facility.code.to_string()]).await?;
    let losses = store.losses_of(scope, &facility.code).await?;
    let lists = Lists::load(&centre, scope, &[facility.code.to_string()]).await?;
    Ok(Json(FacilityDetail {
        facility: Facility::of(&facility, &sensors, &lists, silent_before),
        hosts: facility.hosts,
        sensors: sensors.iter().map(|sensor| Sensor::of(sensor, &losses, &lists, silent_before)).collect(),
    }))
}

async fn assets(
    State(centre): State<Centre>,
    caller: Caller,
    Named(code): Named<String>,
    Asked(query): Asked<AssetQuery>,
) -> Result<Json<AssetPage>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let facility = store.facility(scope, &code).await?;
    caller.views(&centre, Some(&facility.code), format!("facility {code}")).await?;
    let hosts = store.hosts(scope, &facility.code, &page(query.cursor, query.limit)).await?;
    let items = hosts.items.into_iter().map(Asset::of).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(AssetPage { items, total: hosts.total, next_cursor: hosts.next_cursor }))
}

impl Facility {
    fn of(
        facility: &phitak_store::Facility,
        sensors: &[StoredSensor],
        lists: &Lists,
        silent_before: Timestamp,
    ) -> Self {
        let latest = sensors
            .iter()
            .filter(|sensor| sensor.facility == facility.code)
            .max_by_key(|sensor| (sensor.last_seen_at, std::cmp::Reverse(&sensor.id)));
        let heard_at = latest.and_then(|sensor| sensor.last_seen_at);
        Self {
            code: facility.code.to_string(),
            name: names::text(facility),
            province_code: facility.province_code.clone(),
            province: Text::province(&facility.province_code),
            region: facility.region.number(),
            state: facility.standing(silent_before).into(),
            sensor: SensorBrief {
                id: latest.map(|sensor| sensor.id.to_string()),
                status: SensorStatus::of(heard_at, silent_before),
                last_seen_at: heard_at.map(Moment),
                indicators: latest.and_then(|sensor| lists.standing(sensor)),
            },
            findings_open: facility.findings_open,
            findings_verified: facility.findings_verified,
            stories_open: facility.stories_open,
        }
    }
}

impl Sensor {
    fn of(sensor: &StoredSensor, losses: &[LossRecord], lists: &Lists, silent_before: Timestamp) -> Self {
        let list = lists.of_sensors.get(sensor.id.as_str());
        let rules = lists.rules.get(sensor.id.as_str());
        let refused = |rule: &phitak_model::RefusedRule| RefusedRule { sid: rule.sid, why: rule.why.clone() };
        Self {
            listed_rules: rules.map(|rules| rules.entries),
            listed_rules_refused: rules.map(|rules| rules.refused_count),
            refusals: rules.map_or_else(Vec::new, |rules| rules.refused.iter().map(refused).collect()),
            indicators: lists.standing(sensor),
            indicators_active: list.map(|list| list.entries),
            indicators_since: list.map(|list| list.at.into()),
            id: sensor.id.to_string(),
            status: SensorStatus::of(sensor.last_seen_at, silent_before),
            enrolled_at: sensor.enrolled_at.into(),
            last_seen_at: sensor.last_seen_at.map(Moment),
            version: sensor.version.clone(),
            packets: sensor.packets,
            rules_loaded: sensor.rules_loaded,
            rules_failed: sensor.rules_failed,
            losses: losses.iter().filter(|loss| loss.sensor == sensor.id.as_str()).map(Loss::of).collect(),
        }
    }
}

/// How far sensors have come with the list of indicators and rules.
struct Lists {
    head: FeedPosition,
    of_sensors: BTreeMap<String, SensorList>,
    rules: BTreeMap<String, SensorRules>,
}

impl Lists {
    async fn load(centre: &Centre, scope: &Scope, codes: &[String]) -> Result<Self, Refusal> {
        let rules = centre.store.sensor_rules(scope, codes).await?;
        Ok(Self { head: centre.feed.head(), of_sensors: centre.store.sensor_lists(scope, codes).await?, rules })
    }

    fn standing(&self, sensor: &StoredSensor) -> Option<SensorIndicators> {
        if self.head.is_none() {
            return None;
        }
        let has = self.of_sensors.get(sensor.id.as_str());
        let has = has.map(|list| FeedPosition { generation: list.generation, part: list.part });
        Some(match has {
            Some(position) if position >= self.head => SensorIndicators::Current,
            Some(_) => SensorIndicators::Behind,
            None => SensorIndicators::Missing,
        })
    }
}

impl Loss {
    fn of(loss: &LossRecord) -> Self {
        Self { cause: loss.cause.clone(), count: loss.count, from: loss.from.into(), until: loss.until.into() }
    }
}

impl Asset {
    fn of(record: HostRecord) -> Result<Self, Refusal> {
        let host: Host = serde_json::from_str(&record.body)
            .map_err(|error| StoreError::Damaged { table: "hosts", what: error.to_string() })?;
        let role = |role| match role {
            phitak_assets::Role::Server => SpokenRole::Server,
            phitak_assets::Role::Client => SpokenRole::Client,
        };
        let mut names: Vec<String> = Vec::new();
        for name in host.names {
            if !names.contains(&name.name) {
                names.push(name.name);
            }
        }
        Ok(Self {
            address: record.address,
            mac: record.mac,
            names,
            speaks: host
                .speaks
                .into_iter()
                .map(|spoken| Spoken { protocol: spoken.protocol, port: spoken.port, role: role(spoken.role) })
                .collect(),
            first_seen_at: record.first_seen.into(),
            last_seen_at: record.last_seen.into(),
            findings_open: record.findings_open,
        })
    }
}
