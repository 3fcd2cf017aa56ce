//! What the centre can do, one slice a file: types, logic, routes. Slices do not import each other.

pub mod addresses;
pub mod alerts;
pub mod audit;
pub mod bulletins;
pub mod care;
pub mod cases;
pub mod description;
pub mod enrolment;
pub mod facilities;
pub mod findings;
pub mod indicators;
pub mod listed_rules;
pub mod live;
pub mod notification;
pub mod overview;
pub mod own_password;
pub mod people;
pub mod saved_views;
pub mod second_factor;
pub mod selections;
pub mod session;
pub mod stories;
pub mod suppressions;
pub mod techniques;
pub mod tokens;
