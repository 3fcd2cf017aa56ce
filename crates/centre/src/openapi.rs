//! The API's description, made from the declared routes. `openapi.json` in this crate is its golden copy, from which the
//! web pages take their types.

use crate::{registry, route::Who};
use std::collections::BTreeMap;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, RefOr, Schema,
    path::PathItem,
    security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
pub enum OpenApiError {
    /// References go by name alone: of two shapes of one name, one slice's answers would be described as the other's.
    #[error("two shapes of the API are called {0}: name each after what it is")]
    OneNameTwoShapes(String),
    #[error("the description cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// The document of all routes.
///
/// # Errors
/// [`OpenApiError::OneNameTwoShapes`], which a test excludes.
pub fn document() -> Result<OpenApi, OpenApiError> {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new().security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "phitak_session",
            "`__Host-phitak_session` where the centre is reached by TLS. Writes also carry the header x-csrf-token with the value `csrf` of the session.",
        ))),
    );
    components = components.security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let mut shapes = BTreeMap::new();
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
        gather(&mut shapes, route.schemas)?;
    }
    components = components.schemas_from_iter(shapes);
    Ok(OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Phitak centre")
                .version("1")
                .description(Some("The API of the sector's centre. Everything is scoped to the caller's facilities.")),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build())
}

/// Adds shapes by their names; the same one may come again.
fn gather(
    known: &mut BTreeMap<String, RefOr<Schema>>,
    more: impl IntoIterator<Item = (String, RefOr<Schema>)>,
) -> Result<(), OpenApiError> {
    for (name, shape) in more {
        if known.get(&name).is_some_and(|known| *known != shape) {
            return Err(OpenApiError::OneNameTwoShapes(name));
        }
        known.insert(name, shape);
    }
    Ok(())
}

/// The document as text, ending in a line break.
///
/// # Errors
/// [`OpenApiError`], which a test excludes.
pub fn text() -> Result<String, OpenApiError> {
    let mut text = serde_json::to_string_pretty(&document()?)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Reach, Route, SIGNED_IN};
    use axum::Json;

    mod one_slice {
        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub struct Part {
            pub number: u64,
        }
    }

    mod another_slice {
        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub struct Part {
            pub words: String,
        }

        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub struct Whole {
            pub part: Part,
        }
    }

    fn shapes<B: utoipa::ToSchema>() -> Vec<(String, RefOr<Schema>)> {
        let draft = Route::get("/api/v1/nothing").allow(SIGNED_IN, Reach::Nothing).answers::<B>();
        draft.to(|| async { Json(()) }).schemas
    }

    #[test]
    fn of_two_shapes_with_one_name_neither_hides_the_other() {
        let mut known = BTreeMap::new();
        gather(&mut known, shapes::<one_slice::Part>()).expect("the first of its name");
        gather(&mut known, shapes::<one_slice::Part>()).expect("the same again");
        for other in [shapes::<another_slice::Part>(), shapes::<another_slice::Whole>()] {
            let refused = gather(&mut known.clone(), other).expect_err("another shape of that name");
            assert!(refused.to_string().contains("Part"), "{refused}");
        }
    }

    #[test]
    fn every_shape_of_the_api_has_a_name_of_its_own() {
        document().expect("no two shapes share a name");
    }
}
