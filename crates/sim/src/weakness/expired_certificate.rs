//! A server whose certificate has ended (RFC 5280 §4.1.2.5); mended, it has a new one.

use super::{Kind, Weakness};
use crate::{hospital::Host, scene::Scene, service::https};

pub const WEAKNESS: Weakness = Weakness {
    kind: Kind::ExpiredCertificate,
    places: &[("intranet", 443), ("nas01", 443), ("hl7-gw", 443), ("fw01", 443)],
    play,
};

fn play(scene: &mut Scene<'_>, at: i64, host: &Host) {
    let client = scene.any_pc();
    https::visit_host(scene, at, client, host);
}
