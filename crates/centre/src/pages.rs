//! The web pages, built into the program. Without them a plain page says how to build them.

use crate::refusal::Refusal;
use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Files;

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Phitak</title>\
<h1>Phitak's centre is running</h1><p>This program was built without its web pages. Build them and then the program: \
<code>cd ui &amp;&amp; npm ci &amp;&amp; npm run build</code>, then <code>cargo build --release -p phitak-centre</code>, \
or use <code>./run</code>, which does both.</p><p>The API is at <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>.\
</p></html>";

/// A file of the pages, or the page itself for the addresses that it handles in the browser.
pub async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Refusal::method().into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return Refusal::not_found().into_response();
    }
    if let Some(file) = Files::get(path).filter(|_| !path.is_empty() && !path.starts_with('.')) {
        return file_response(path, file);
    }
    if is_file(path) {
        return Refusal::not_found().into_response();
    }
    match Files::get("index.html") {
        Some(file) => file_response("index.html", file),
        None => html(StatusCode::OK, NOT_BUILT.as_bytes().to_vec()),
    }
}

/// Whether this asks for a file that was built beside the page. Everything else is the page's own to understand, dots or
/// not: `/addresses/203.0.113.5`.
fn is_file(path: &str) -> bool {
    path.starts_with("assets/") || (!path.contains('/') && path.contains('.'))
}

fn file_response(path: &str, file: EmbeddedFile) -> Response {
    if path.ends_with(".html") {
        return html(StatusCode::OK, file.data.into_owned());
    }
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    // Names under assets/ hold a hash of their content.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn html(status: StatusCode, body: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (status, headers, body).into_response()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "json" | "webmanifest" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
