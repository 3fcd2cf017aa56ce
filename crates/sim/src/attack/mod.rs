//! Attacks with known truth, one file each. To add one: copy a file, add one line to [`ATTACKS`], and write its rules
//! (with their plain words) under `content/rules/`.

mod attacker;
mod beacon;
mod data_theft;
mod dns_tunnel;
mod ftp_brute_force;
mod ransomware;
mod rdp_brute_force;
mod scan;
mod ssh_brute_force;
mod web_exploit;

use crate::{scene::Scene, truth};
use phitak_model::Timestamp;
use std::net::Ipv4Addr;

pub struct Attack {
    pub kind: &'static str,
    /// Shipped rules that must each raise an alert.
    pub sids: &'static [u32],
    /// When it begins, in hundredths of the capture.
    pub begins_percent: i64,
    /// Plays it from this moment on; `None` when this hospital has nothing that it could be played on.
    pub play: fn(&mut Scene<'_>, i64) -> Option<Happened>,
}

/// What an attack did.
#[derive(Clone, Debug)]
pub struct Happened {
    pub source: Ipv4Addr,
    pub targets: Vec<Ipv4Addr>,
    pub until: i64,
}

/// In the order of an intrusion.
pub static ATTACKS: [Attack; 9] = [
    scan::ATTACK,
    ssh_brute_force::ATTACK,
    web_exploit::ATTACK,
    rdp_brute_force::ATTACK,
    beacon::ATTACK,
    ftp_brute_force::ATTACK,
    data_theft::ATTACK,
    dns_tunnel::ATTACK,
    ransomware::ATTACK,
];

/// Beyond the first hospital, which meets all attacks, one attack in so many comes by chance.
const BY_CHANCE_ONE_IN: u64 = 4;

/// One hospital in so many is left alone: a sector in which every page is red teaches nobody what calm looks like.
const SPARED_ONE_IN: usize = 3;

/// The attacks that this hospital meets: the first all, each third none, the others one of their own at least.
pub fn chosen(scene: &mut Scene<'_>) -> Vec<&'static Attack> {
    let number = scene.hospital.number;
    if number % SPARED_ONE_IN == SPARED_ONE_IN - 1 {
        return Vec::new();
    }
    let own = (number * 2) % ATTACKS.len();
    let mut list = Vec::new();
    for (index, attack) in ATTACKS.iter().enumerate() {
        let by_chance = scene.dice.one_in(BY_CHANCE_ONE_IN);
        if number == 0 || index == own || by_chance {
            list.push(attack);
        }
    }
    list
}

impl Attack {
    /// Plays the attack and notes its truth.
    pub fn perform(&self, scene: &mut Scene<'_>, at: i64) {
        let Some(happened) = (self.play)(scene, at) else { return };
        scene.truth.attacks.push(truth::Attack {
            kind: self.kind,
            from: Timestamp::from_micros(at),
            until: Timestamp::from_micros(happened.until),
            source: happened.source,
            targets: happened.targets,
            sids: self.sids.to_vec(),
        });
    }
}
