//! People change their own password.

use super::{
    second_factor::{Proof, prove},
    session::check_password,
};
use crate::{
    ask::Body,
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
};
use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The present one
    pub password: String,
    /// From the authenticator app or a recovery code; needed when the account has a second factor
    #[serde(default)]
    pub code: Option<String>,
    /// At least 12 characters
    pub new_password: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/session/password")
            .summary("Change the caller's password; ends the account's other sessions and unused links")
            .allow(SIGNED_IN, Reach::OwnSession)
            .audited("session.password")
            .takes::<NewPassword>()
            .answers_nothing()
            .to(change),
    ]
}

async fn change(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<NewPassword>,
) -> Result<StatusCode, Refusal> {
    let now = centre.clock.now();
    let user = &caller.signed_in().user;
    // First what costs no code.
    check_password(&ask.new_password, &user.login)?;
    prove(&centre, &caller, Proof { password: ask.password, code: ask.code }, now).await?;
    let hash = centre.passwords.hash(ask.new_password).await?;
    centre.store.change_password(user, hash, caller.key_digest(), caller.audit(now)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
