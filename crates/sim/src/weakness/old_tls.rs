//! A server that chooses TLS 1.0 or 1.1 (deprecated by RFC 8996); mended, it chooses 1.2 or 1.3.

use super::{Kind, Weakness};
use crate::{hospital::Host, scene::Scene, service::https};

pub const WEAKNESS: Weakness = Weakness {
    kind: Kind::OldTls,
    places: &[("pacs01", 443), ("nvr-cctv", 443), ("lis-db", 443), ("nas-xray", 443)],
    play,
};

fn play(scene: &mut Scene<'_>, at: i64, host: &Host) {
    let client = scene.any_pc();
    https::visit_host(scene, at, client, host);
}
