//! The six kinds of weakness, one file each: at which hosts it can stand, and what the wire shows while it stands and
//! after it is mended. To add one: copy a file, add one line to [`WEAKNESSES`].

mod database;
mod expired_certificate;
mod ftp;
mod old_tls;
mod smb1;
mod telnet;

use crate::{
    dice::Dice,
    hospital::{Hospital, Host},
    scene::Scene,
};
use serde::Serialize;

/// Serialized by the ids of the inventory's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Kind {
    #[serde(rename = "smb1_spoken")]
    Smb1,
    #[serde(rename = "telnet_login")]
    Telnet,
    #[serde(rename = "ftp_clear_login")]
    Ftp,
    #[serde(rename = "old_tls_served")]
    OldTls,
    #[serde(rename = "expired_certificate")]
    ExpiredCertificate,
    #[serde(rename = "database_clear_login")]
    Database,
}

/// How a host stands where one kind is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Healthy,
    Weak,
    Mended,
}

/// What becomes of a weak host half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Mended,
    /// Nobody does anything.
    Weak,
    /// Switched off: nothing can be told.
    Silent,
}

#[derive(Clone, Debug)]
pub struct WeakHost {
    pub kind: Kind,
    /// The host's name.
    pub host: String,
    pub port: u16,
    pub fate: Fate,
}

pub struct Weakness {
    pub kind: Kind,
    /// Hosts (by name, with the port) at which it can stand.
    pub places: &'static [(&'static str, u16)],
    /// One use of the service in the condition that the scene gives the host.
    pub play: fn(&mut Scene<'_>, i64, &Host),
}

pub static WEAKNESSES: [Weakness; 6] = [
    smb1::WEAKNESS,
    telnet::WEAKNESS,
    ftp::WEAKNESS,
    old_tls::WEAKNESS,
    expired_certificate::WEAKNESS,
    database::WEAKNESS,
];

/// Hosts that may fall silent: nothing else depends on them.
const MAY_FALL_SILENT: [(Kind, &str); 4] =
    [(Kind::Smb1, "xray01"), (Kind::Smb1, "cbc01"), (Kind::Telnet, "nvr-park"), (Kind::Telnet, "sw-opd")];

/// Chooses the hospital's weak hosts. The sector's first hospital has every kind twice, once mended and once left weak.
#[must_use]
pub fn assign(hospital: &Hospital, dice: &Dice) -> Vec<WeakHost> {
    let mut dice = dice.split("weakness");
    let mut weak = Vec::new();
    for weakness in &WEAKNESSES {
        let mut places = weakness.places.to_vec();
        dice.shuffle(&mut places);
        let fates: &[Fate] = match (hospital.number, dice.below(4)) {
            (0, _) | (_, 0) => &[Fate::Mended, Fate::Weak],
            (_, 1) => &[Fate::Mended],
            (_, 2) => &[Fate::Weak],
            _ => &[],
        };
        for ((host, port), fate) in places.into_iter().zip(fates) {
            weak.push(WeakHost { kind: weakness.kind, host: host.to_owned(), port, fate: *fate });
        }
    }
    let (kind, silent) = *dice.pick(&MAY_FALL_SILENT);
    let port = if kind == Kind::Smb1 { 445 } else { 23 };
    weak.push(WeakHost { kind, host: silent.to_owned(), port, fate: Fate::Silent });
    weak
}
