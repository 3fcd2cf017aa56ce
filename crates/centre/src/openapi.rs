//! The API's description, made from the declared routes. `openapi.json` in this crate is its golden copy, from which the
//! web pages take their types.

use crate::{registry, route::Who};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder,
    path::PathItem,
    security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

/// The document of all routes.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new().security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "phitak_session",
            "`__Host-phitak_session` where the centre is reached by TLS. Writes also carry the header x-csrf-token with the value `csrf` of the session.",
        ))),
    );
    components = components.security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for route in registry::routes() {
        let mut operation = route.operation;
        if route.who != Who::Anyone {
            let mut ways = vec![SecurityRequirement::new("session", Vec::<String>::new())];
            if route.by_token {
                ways.push(SecurityRequirement::new("token", Vec::<String>::new()));
            }
            operation.security = Some(ways);
        }
        paths = paths.path(route.path, PathItem::new(route.http_method, operation));
        components = components.schemas_from_iter(route.schemas);
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Phitak centre")
                .version("1")
                .description(Some("The API of the sector's centre. Everything is scoped to the caller's facilities.")),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// The document as text, ending in a line break.
///
/// # Errors
/// When it cannot be written as JSON, which a test excludes.
pub fn text() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&document())?;
    text.push('\n');
    Ok(text)
}
