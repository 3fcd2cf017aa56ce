//! All routes of the API: one entry a slice.

use crate::{features, route::Route};

/// Every declared route, in the order of the slices.
#[must_use]
pub fn routes() -> Vec<Route> {
    [
        features::session::routes(),
        features::own_password::routes(),
        features::second_factor::routes(),
        features::people::routes(),
        features::tokens::routes(),
        features::overview::routes(),
        features::facilities::routes(),
        features::care::routes(),
        features::findings::routes(),
        features::stories::routes(),
        features::suppressions::routes(),
        features::selections::routes(),
        features::saved_views::routes(),
        features::techniques::routes(),
        features::alerts::routes(),
        features::addresses::routes(),
        features::bulletins::routes(),
        features::notification::routes(),
        features::cases::routes(),
        features::indicators::routes(),
        features::listed_rules::routes(),
        features::live::routes(),
        features::enrolment::routes(),
        features::audit::routes(),
        features::description::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
