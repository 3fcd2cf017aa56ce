//! The API's own description and the sign of life.

use crate::{
    centre::Centre,
    openapi,
    refusal::Refusal,
    route::{Reach, Route, Who},
};
use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Healthy {
    /// `ok`
    pub status: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/openapi.json")
            .summary("This description")
            .allow(Who::Anyone, Reach::Nothing)
            .answers::<serde_json::Value>()
            .to(description),
        Route::get("/healthz")
            .summary("Whether the centre runs and its database works; `database_away`, `no_space` or `cannot_write` when it does not")
            .allow(Who::Anyone, Reach::Nothing)
            .answers::<Healthy>()
            .to(health),
    ]
}

async fn description() -> Result<Response, Refusal> {
    let text = openapi::text().map_err(|error| {
        tracing::error!(%error, "the API's description cannot be written");
        Refusal::unavailable()
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// Asks nothing itself: anybody may call this as often as they like.
async fn health(State(centre): State<Centre>) -> Result<Json<Healthy>, Refusal> {
    match centre.condition.now() {
        None => Ok(Json(Healthy { status: "ok".to_owned() })),
        Some(hindrance) => {
            Err(Refusal::known_trouble(hindrance.trouble).with_detail(format!("since {}", hindrance.since.iso())))
        }
    }
}
