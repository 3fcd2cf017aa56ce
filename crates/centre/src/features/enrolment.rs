//! One-time codes with which a hospital's sensor gets its certificate.

use crate::{
    ask::{Asked, Body, page},
    centre::Centre,
    enrol,
    guard::Caller,
    names::Names,
    refusal::Refusal,
    route::{ADMINISTRATORS, Reach, Route},
    wire::{Moment, Text},
};
use axum::{Json, extract::State};
use phitak_model::FacilityCode;
use phitak_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentCode {
    pub id: i64,
    pub facility: String,
    pub facility_name: Text,
    pub created_at: Moment,
    pub expires_at: Moment,
    pub used_at: Option<Moment>,
    /// The sensor that used it
    pub sensor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentCodePage {
    pub items: Vec<EnrolmentCode>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolmentCode {
    /// A facility's code
    pub facility: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentCodeCreated {
    /// Shown only now; works once
    pub code: String,
    pub expires_at: Moment,
    pub facility: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentQuery {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/enrolment-codes")
            .summary("Codes, the latest first; the code itself is never shown again")
            .allow(ADMINISTRATORS, Reach::Sector)
            .query::<EnrolmentQuery>()
            .answers::<EnrolmentCodePage>()
            .to(list),
        Route::post("/api/v1/enrolment-codes")
            .summary("Make a code for a hospital's sensor")
            .allow(ADMINISTRATORS, Reach::Sector)
            .audited("enrolment.create")
            .takes::<NewEnrolmentCode>()
            .answers::<EnrolmentCodeCreated>()
            .to(create),
    ]
}

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<EnrolmentQuery>,
) -> Result<Json<EnrolmentCodePage>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let codes = store.enrolment_codes(scope, &page(query.cursor, query.limit)).await?;
    let names = Names::load(store, scope, codes.items.iter().map(|code| code.facility.to_string())).await?;
    let items = codes
        .items
        .into_iter()
        .map(|code| EnrolmentCode {
            id: code.id.0,
            facility_name: names.name(code.facility.as_str()).name,
            facility: code.facility.to_string(),
            created_at: code.created_at.into(),
            expires_at: code.expires_at.into(),
            used_at: code.used_at.map(Moment),
            sensor: code.sensor,
        })
        .collect();
    Ok(Json(EnrolmentCodePage { items, total: codes.total, next_cursor: codes.next_cursor }))
}

async fn create(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<NewEnrolmentCode>,
) -> Result<Json<EnrolmentCodeCreated>, Refusal> {
    let now = centre.clock.now();
    let facility = FacilityCode::new(&ask.facility).map_err(|error| Refusal::invalid(error.to_string()))?;
    let audit = caller.audit(now)?;
    let (code, expires_at) = match enrol::give_code(&centre, caller.scope(), &facility, audit).await {
        Err(StoreError::NotFound) => return Err(Refusal::invalid("there is no facility of this code")),
        other => other?,
    };
    Ok(Json(EnrolmentCodeCreated { code, expires_at: expires_at.into(), facility: facility.to_string() }))
}
