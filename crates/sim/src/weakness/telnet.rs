//! A device that lets people log in over Telnet (RFC 854); mended, it refuses Telnet and is managed over SSH.

use super::{Condition, Kind, Weakness};
use crate::{
    hospital::{Host, Role},
    scene::{SECOND, Scene},
    service::{ssh, telnet},
};

pub const WEAKNESS: Weakness =
    Weakness { kind: Kind::Telnet, places: &[("sw-core", 23), ("sw-ward", 23), ("nvr-cctv", 23)], play };

fn play(scene: &mut Scene<'_>, at: i64, host: &Host) {
    let admin = scene.hospital.first(Role::AdminPc);
    match scene.condition(host, Kind::Telnet) {
        Condition::Weak => telnet::visit(scene, at, admin, host),
        Condition::Mended | Condition::Healthy => {
            // Old habit first, then the new way.
            let after = scene.refused(at, admin.end(), host.end(), 23);
            ssh::visit(scene, after + SECOND, admin, host);
        }
    }
}
