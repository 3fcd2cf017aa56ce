//! What really happened: written beside the captures, never seen by the system under test.

use crate::weakness::{Fate, Kind};
use phitak_model::{FacilityCode, Mac, Timestamp};
use serde::Serialize;
use std::net::Ipv4Addr;

/// One hospital's `truth.json`.
#[derive(Clone, Debug, Serialize)]
pub struct HospitalTruth {
    pub facility: FacilityCode,
    pub seed: u64,
    pub quiet: Span,
    pub before: Span,
    /// Begins when the mended hosts have been mended.
    pub after: Span,
    pub attacks: Vec<Attack>,
    pub weak_hosts: Vec<WeakHost>,
    /// Invented numbers that pass the national check digit, in some captures on purpose: none may leave the hospital.
    pub valid_national_ids: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// One attack in `before.pcap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attack {
    pub kind: &'static str,
    pub from: Timestamp,
    pub until: Timestamp,
    pub source: Ipv4Addr,
    pub targets: Vec<Ipv4Addr>,
    /// Each of these shipped rules must raise at least one alert between these two ends.
    pub sids: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeakHost {
    pub kind: Kind,
    pub name: String,
    pub address: Ipv4Addr,
    pub mac: Mac,
    pub port: u16,
    pub fate: Fate,
    pub mended_at: Option<Timestamp>,
}

/// What a scene notes while it plays.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub attacks: Vec<Attack>,
    pub valid_national_ids: Vec<String>,
}
