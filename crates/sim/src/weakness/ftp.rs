//! A server that takes FTP log-ins in clear text (RFC 959); mended, it wants AUTH TLS first (RFC 4217), or is off.

use super::{Kind, Weakness};
use crate::{hospital::Host, scene::Scene, service::ftp};

pub const WEAKNESS: Weakness =
    Weakness { kind: Kind::Ftp, places: &[("lis-db", 21), ("nas01", 21), ("nas-xray", 21)], play };

fn play(scene: &mut Scene<'_>, at: i64, host: &Host) {
    let client = scene.pc_of("lab");
    ftp::visit(scene, at, client, host);
}
