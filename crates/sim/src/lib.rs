//! An invented health sector from one seed: hospitals, their traffic, weaknesses that are mended, attacks with a known
//! truth, as captures that any tool reads. Nothing else in the workspace imports this, except tests.

pub mod attack;
pub mod certificate;
pub mod dice;
pub mod generate;
pub mod hospital;
pub mod internet;
pub mod patient;
pub mod scene;
pub mod sector;
pub mod service;
pub mod truth;
pub mod weakness;
pub mod wire;

pub use generate::{Order, Scale, generate};
