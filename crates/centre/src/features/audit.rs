//! Who did what, when, to what.

use crate::{
    ask::{Asked, page},
    centre::Centre,
    refusal::Refusal,
    route::{ADMINISTRATORS, Reach, Route},
    wire::Moment,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    pub at: Moment,
    pub who: String,
    pub action: String,
    pub object: String,
    /// A facility's code
    pub facility: Option<String>,
    pub detail: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    pub items: Vec<AuditEntry>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/audit")
            .summary("The audit, the latest first")
            .allow(ADMINISTRATORS, Reach::Sector)
            .query::<AuditQuery>()
            .answers::<AuditPage>()
            .to(list),
    ]
}

async fn list(State(centre): State<Centre>, Asked(query): Asked<AuditQuery>) -> Result<Json<AuditPage>, Refusal> {
    let lines = centre.store.audit(&page(query.cursor, query.limit)).await?;
    let items = lines
        .items
        .into_iter()
        .map(|line| AuditEntry {
            at: line.at.into(),
            who: line.who,
            action: line.action,
            object: line.object,
            facility: line.facility,
            detail: line.detail,
        })
        .collect();
    Ok(Json(AuditPage { items, next_cursor: lines.next_cursor }))
}
