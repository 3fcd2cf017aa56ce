//! Weaknesses at hosts, one finding per host and kind, from seen to seen to be gone.

use crate::{
    ask::{Asked, page, region, words},
    centre::Centre,
    guard::{Caller, views_one},
    names::Names,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
    wire::{Confidence, FacilityPlace, FindingState, HostName, Labelled, Moment, Response, Severity, Text},
};
use axum::{Json, extract::State};
use phitak_store::{FindingFilter, FindingRecord, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub struct Finding {
    pub id: i64,
    pub facility: FacilityPlace,
    pub kind: String,
    pub title: Text,
    pub severity: Severity,
    pub confidence: Confidence,
    pub state: FindingState,
    pub response: Option<Response>,
    pub host: HostName,
    pub port: Option<u16>,
    pub first_seen_at: Moment,
    pub last_seen_at: Moment,
    pub claimed_at: Option<Moment>,
    pub verified_at: Option<Moment>,
    pub evidence: Vec<Labelled>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FindingPage {
    pub items: Vec<Finding>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FindingQuery {
    /// A facility's code
    pub facility: Option<String>,
    pub region: Option<u8>,
    pub kind: Option<String>,
    /// One or more of `open`, `claimed`, `verified`, `reopened`, with commas
    pub state: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/findings")
            .summary("Findings, the latest seen first")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.facility")
            .query::<FindingQuery>()
            .answers::<FindingPage>()
            .to(list),
    ]
}

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<FindingQuery>,
) -> Result<Json<FindingPage>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    views_one(&centre, &caller, query.facility.as_deref()).await?;
    let filter = FindingFilter {
        facility: query.facility,
        region: region(query.region)?,
        kind: query.kind,
        states: words(query.state.as_deref(), |word| FINDING_STATES.iter().find(|(w, _)| *w == word).map(|(_, s)| *s))?,
    };
    let found = store.findings(scope, &filter, &page(query.cursor, query.limit)).await?;
    let names = Names::load(store, scope, found.items.iter().map(|record| record.facility.to_string())).await?;
    let hosts: Vec<(&str, &str)> =
        found.items.iter().map(|record| (record.facility.as_str(), record.host.as_str())).collect();
    let host_names = store.names_of_hosts(scope, &hosts).await?;
    let items = found
        .items
        .iter()
        .zip(host_names)
        .map(|(record, host)| Finding::of(record, host, &names))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Json(FindingPage { items, total: found.total, next_cursor: found.next_cursor }))
}

const FINDING_STATES: [(&str, phitak_model::FindingState); 4] = [
    ("open", phitak_model::FindingState::Open),
    ("claimed", phitak_model::FindingState::Claimed),
    ("verified", phitak_model::FindingState::Verified),
    ("reopened", phitak_model::FindingState::Reopened),
];

impl Finding {
    fn of(record: &FindingRecord, host_name: Option<String>, names: &Names) -> Result<Self, Refusal> {
        let whole: phitak_assets::Finding = serde_json::from_str(&record.body)
            .map_err(|error| StoreError::Damaged { table: "findings", what: error.to_string() })?;
        let title = phitak_assets::weakness(&record.kind).map_or_else(|| Text::same(&record.kind), |w| w.title.into());
        Ok(Self {
            id: record.id.0,
            facility: names.place(record.facility.as_str(), record.region.number()),
            kind: record.kind.clone(),
            title,
            severity: record.severity.into(),
            confidence: record.confidence.into(),
            state: record.state.into(),
            response: record.response.map(Response::from),
            host: HostName { address: record.host.clone(), mac: whole.mac.map(|mac| mac.to_string()), name: host_name },
            port: Some(whole.port),
            first_seen_at: record.first_seen.into(),
            last_seen_at: record.last_seen.into(),
            claimed_at: record.claimed_at.map(Moment),
            verified_at: record.verified_at.map(Moment),
            evidence: whole
                .traces
                .iter()
                .map(|trace| Labelled { label: trace.label.text().into(), value: trace.value.clone() })
                .collect(),
        })
    }
}
