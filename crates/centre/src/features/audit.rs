//! Who did what, when, to what.

use crate::{
    ask::{Asked, page},
    centre::Centre,
    refusal::Refusal,
    route::{ADMINISTRATORS, Reach, Route},
    wire::Moment,
};
use axum::{Json, extract::State};
use phitak_store::AuditFilter;
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
    /// The end of the chain: noted elsewhere, it proves later that nothing up to here was changed
    pub chain: ChainEnd,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChainEnd {
    /// The last line's number
    pub line: i64,
    /// Its SHA-256, hexadecimal
    pub hash: String,
}

/// Which lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditKind {
    /// What was done
    Changes,
    /// Who looked at another's data
    Views,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Without it, all
    #[param(inline)]
    pub kind: Option<AuditKind>,
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
    let filter = match query.kind {
        None => AuditFilter::All,
        Some(AuditKind::Changes) => AuditFilter::Changes,
        Some(AuditKind::Views) => AuditFilter::Views,
    };
    let lines = centre.store.audit(filter, &page(query.cursor, query.limit)).await?;
    let (line, hash) = centre.store.audit_head().await?;
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
    Ok(Json(AuditPage { items, next_cursor: lines.next_cursor, chain: ChainEnd { line, hash } }))
}
