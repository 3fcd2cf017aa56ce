//! The HTTP router, made from the declared routes, with the web pages and the headers that every answer carries.

use crate::{
    centre::Centre,
    guard::{Post, guard},
    pages,
    refusal::Refusal,
    registry,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use std::time::Instant;

/// Only what this site itself serves; nothing inline, no frames, no plug-ins.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A year, RFC 6797. Only where people come by TLS: a browser that has seen it takes no plain HTTP from here again.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=31536000; includeSubDomains";

/// All routes of the API, each behind its guard, and the web pages.
pub fn router(centre: &Centre) -> Router {
    let mut router = Router::new();
    for route in registry::routes() {
        let post = Post {
            centre: centre.clone(),
            who: route.who,
            reach: route.reach,
            audit: route.audit,
            view: route.view,
            by_token: route.by_token,
            takes_file: route.takes_file,
        };
        let service = route.service.layer(middleware::from_fn_with_state(post, guard));
        router = router.route(route.path, service);
    }
    router
        .route("/api/{*rest}", any(nothing_here))
        .fallback(pages::serve)
        .method_not_allowed_fallback(wrong_method)
        .with_state(centre.clone())
        .layer(middleware::from_fn_with_state(centre.is_behind_tls(), dress))
}

async fn nothing_here() -> Refusal {
    Refusal::not_found()
}

async fn wrong_method() -> Refusal {
    Refusal::method()
}

/// Adds the headers that every answer carries, and writes the request's log line: no query, no cookie, no body.
async fn dress(State(behind_tls): State<bool>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = logged_path(request.uri().path());
    let is_api = path.starts_with("/api/") || path == "/healthz";
    let mut response = next.run(request).await.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if behind_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT_SECURITY));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let status = response.status().as_u16();
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%method, path, status, took_ms, "request");
    response
}

/// The token of a first sign-in link or an answering link is a secret and stands in the path.
fn logged_path(path: &str) -> String {
    const SECRET_AFTER: [&str; 3] = ["first-sign-in/", "acknowledge/", "acknowledgements/"];
    let ends = SECRET_AFTER.iter().filter_map(|before| Some(path.find(before)?.saturating_add(before.len())));
    match ends.min() {
        Some(end) => format!("{}…", path.get(..end).unwrap_or_default()),
        None => path.chars().take(200).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_never_holds_a_sign_in_link() {
        assert_eq!(logged_path("/api/v1/first-sign-in/abcdef"), "/api/v1/first-sign-in/…");
        assert_eq!(logged_path("/first-sign-in/abcdef"), "/first-sign-in/…");
        assert_eq!(logged_path("/api/v1/acknowledgements/1-2-ab"), "/api/v1/acknowledgements/…");
        assert_eq!(logged_path("/acknowledge/1-2-ab"), "/acknowledge/…");
        assert_eq!(logged_path("/api/v1/stories"), "/api/v1/stories");
    }
}
