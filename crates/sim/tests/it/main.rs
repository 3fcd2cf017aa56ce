//! The simulator against the tools and crates that read what it makes.

mod captures;
mod shipped_rules;
mod story;
mod world;
