//! The parts of a request, read with the API's own refusals: path, query, JSON body.

use crate::{guard::BODY_BYTES_MAX, refusal::Refusal};
use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{header, request::Parts},
};
use phitak_model::HealthRegion;
use phitak_store::PageAsk;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// How long a body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(15);

/// The one varying part of the path. What cannot be an id is an unknown id.
#[derive(Clone, Debug)]
pub struct Named<T>(pub T);

/// The query.
#[derive(Clone, Debug)]
pub struct Asked<T>(pub T);

/// The JSON body.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Path::<T>::from_request_parts(parts, state).await.map(|Path(name)| Self(name)).map_err(|_| Refusal::not_found())
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(query)| Self(query))
            .map_err(|error| Refusal::bad_request(error.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = media_type
            .and_then(|value| value.split(';').next())
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(Refusal::media_type());
        }
        let read = timeout(BODY_TIME_MAX, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
        let bytes = read.map_err(|_| Refusal::bad_request("the body took too long"))?.map_err(|error| {
            let too_large = std::error::Error::source(&error)
                .is_some_and(|source| source.to_string().contains("length limit exceeded"));
            if too_large { Refusal::too_large() } else { Refusal::bad_request("the body was cut off") }
        })?;
        // serde takes a list too, for a struct's fields in their order; the description knows objects alone.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| *first != b'{') {
            return Err(Refusal::bad_request("the body must be a JSON object"));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Refusal::bad_request(error.to_string()))
    }
}

/// Which part of a list a query asks for.
#[must_use]
pub fn page(cursor: Option<String>, limit: Option<u32>) -> PageAsk {
    PageAsk { cursor, limit }
}

/// A health region in a query.
///
/// # Errors
/// When there is no such region.
pub fn region(number: Option<u8>) -> Result<Option<HealthRegion>, Refusal> {
    number.map(HealthRegion::new).transpose().map_err(|error| Refusal::bad_request(error.to_string()))
}

/// Words with commas between them.
///
/// # Errors
/// Names the first word that is none of the known ones.
pub fn words<T>(text: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
    text.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| read(word).ok_or_else(|| Refusal::bad_request(format!("{word:?} is not one of the known words"))))
        .collect()
}
