//! Attacks with known truth, one file each. To add one: copy a file, add one line to [`ATTACKS`], and write its rules
//! (with their plain words) under `content/rules/`.

mod scan;

use crate::{scene::Scene, truth};
use phitak_model::Timestamp;
use std::net::Ipv4Addr;

pub struct Attack {
    pub kind: &'static str,
    /// Shipped rules that must each raise an alert.
    pub sids: &'static [u32],
    /// Plays it from this moment on.
    pub play: fn(&mut Scene<'_>, i64) -> Happened,
}

/// What an attack did.
#[derive(Clone, Debug)]
pub struct Happened {
    pub source: Ipv4Addr,
    pub targets: Vec<Ipv4Addr>,
    pub until: i64,
}

pub static ATTACKS: [Attack; 1] = [scan::ATTACK];

impl Attack {
    /// Plays the attack and notes its truth.
    pub fn perform(&self, scene: &mut Scene<'_>, at: i64) {
        let happened = (self.play)(scene, at);
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
