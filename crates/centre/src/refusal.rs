//! Refusals: what happened, detail, hint; one JSON shape for every error of the API.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use phitak_store::{StoreError, Trouble};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorWords,
}

/// What happened, in words for the person at the page.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorWords {
    /// Stable, for programs: `signed_out`, `wrong_credentials`, `second_factor_needed`, `wrong_code`,
    /// `second_factor_missing`, `wrong_proof`, `forbidden`, `csrf`, `not_found`, `invalid`, `conflict`, `too_large`,
    /// `no_room`, `too_many`, `media_type`, `method`, `unavailable`, `database_away`, `no_space`,
    /// `cannot_write`
    pub code: String,
    pub what: String,
    pub detail: String,
    pub hint: String,
}

/// An answer that is not a success.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    what: &'static str,
    detail: String,
    hint: &'static str,
    retry_after_secs: Option<i64>,
    /// What the guard tells the centre's condition.
    trouble: Option<Trouble>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, what: &'static str, hint: &'static str) -> Self {
        Self { status, code, what, detail: String::new(), hint, retry_after_secs: None, trouble: None }
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    #[must_use]
    pub fn signed_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "signed_out", "You are not signed in.", "Sign in and try again.")
    }

    #[must_use]
    pub fn wrong_credentials() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "wrong_credentials",
            "The login or the password is wrong.",
            "Check both; an administrator can make a new sign-in link.",
        )
    }

    /// Right so far; the account's second factor is still to come.
    #[must_use]
    pub fn second_factor_needed() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "second_factor_needed",
            "This account signs in with a code from an authenticator app.",
            "Send the code, or a recovery code, with the same request.",
        )
    }

    /// The centre's policy: this role needs a second factor before anything else.
    #[must_use]
    pub fn second_factor_missing() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "second_factor_missing",
            "Your role needs a second factor here.",
            "Set it up on the page of your account.",
        )
    }

    #[must_use]
    pub fn wrong_code() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "wrong_code",
            "The code is wrong, or was used already.",
            "Wait for the app's next code; each works once.",
        )
    }

    /// For somebody who is signed in and was asked again.
    #[must_use]
    pub fn wrong_proof() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "wrong_proof",
            "The password or the code is wrong.",
            "Wait for the app's next code and try again.",
        )
    }

    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Your role does not include this.",
            "Ask an administrator if you need it.",
        )
    }

    #[must_use]
    pub fn csrf() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "The request did not come from this site's own page.",
            "Reload the page and try again.",
        )
    }

    /// The same for what does not exist and for what belongs to somebody else.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here.", "Check the address.")
    }

    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "Something in the request is not valid.",
            "Correct it and send again.",
        )
        .with_detail(detail)
    }

    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be read.", "Correct it and send again.")
            .with_detail(detail)
    }

    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "This exists already.", "Choose another name.").with_detail(detail)
    }

    #[must_use]
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large.", "Send less.")
    }

    /// Nothing is wrong with what was sent: there is no place for it.
    #[must_use]
    pub fn no_room() -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "no_room",
            "There is no room for this file at the centre.",
            "Keep the file; tell the centre's administrator that the space for evidence is used up.",
        )
    }

    #[must_use]
    pub fn too_many(retry_after_secs: i64) -> Self {
        let mut refusal = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many",
            "Too many attempts.",
            "Wait a little, then try again.",
        );
        refusal.retry_after_secs = Some(retry_after_secs.max(1));
        refusal
    }

    #[must_use]
    pub fn too_many_streams(retry_after_secs: i64) -> Self {
        let mut refusal = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many",
            "Too many pages are open at once.",
            "Close some; this page still works, but does not change by itself.",
        );
        refusal.retry_after_secs = Some(retry_after_secs.max(1));
        refusal
    }

    /// Whatever is wrong with an answering link: made up, used, too old, or of somebody who may not sign in any more.
    #[must_use]
    pub fn dead_link() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "This link does not work, or not any more.",
            "Each works once, for seven days. Sign in to see what there is, or call the team.",
        )
    }

    #[must_use]
    pub fn media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            "The body must be JSON.",
            "Send content-type: application/json.",
        )
    }

    #[must_use]
    pub fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This address does not do that.", "Check the method.")
    }

    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The centre cannot answer this just now.",
            "Try again in a minute; the cause stands in the centre's log.",
        )
    }

    /// The centre is well and its database does not answer.
    #[must_use]
    pub fn database_away() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database_away",
            "The centre's database does not answer.",
            "Nothing that was stored is lost, and sensors keep what they see. The page works again by itself; if it \
             lasts, tell the centre's administrator.",
        )
    }

    /// The centre is well and its disk is full.
    #[must_use]
    pub fn no_space() -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "no_space",
            "The centre's disk is full: nothing can be written.",
            "Nothing that was stored is lost, and sensors keep what they see. Tell the centre's administrator to make room.",
        )
    }

    /// The centre is well and its database takes nothing in.
    #[must_use]
    pub fn cannot_write() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "cannot_write",
            "The centre's database cannot be written.",
            "Nothing that was stored is lost, and sensors keep what they see. Tell the centre's administrator to look at \
             the disk and whether the database may be written.",
        )
    }

    /// What keeps the centre from working, as it is known.
    #[must_use]
    pub fn known_trouble(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Away => Self::database_away(),
            Trouble::Full => Self::no_space(),
            Trouble::Unwritable => Self::cannot_write(),
            Trouble::Busy => Self::unavailable(),
        }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::Conflict { what } => Self::conflict(what),
            StoreError::Invalid { what } => Self::invalid(what),
            StoreError::Database { .. } | StoreError::Damaged { .. } => {
                tracing::error!(error = %chain(&error), "a query failed");
                let refusal = error.trouble().map_or_else(Self::unavailable, Self::known_trouble);
                Self { trouble: error.trouble(), ..refusal }
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: ErrorWords {
                code: self.code.to_owned(),
                what: self.what.to_owned(),
                detail: self.detail,
                hint: self.hint.to_owned(),
            },
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(trouble) = self.trouble {
            response.extensions_mut().insert(trouble);
        }
        if let Some(seconds) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
