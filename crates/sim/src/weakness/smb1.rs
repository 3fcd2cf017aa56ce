//! A file server that still speaks SMB 1 (MS-CIFS, MS-SMB); mended, it speaks SMB 3 only.

use super::{Kind, Weakness};
use crate::{hospital::Host, scene::Scene, service::smb};

pub const WEAKNESS: Weakness =
    Weakness { kind: Kind::Smb1, places: &[("nas01", 445), ("nas-xray", 445), ("ct01", 445), ("chem01", 445)], play };

fn play(scene: &mut Scene<'_>, at: i64, host: &Host) {
    let client = scene.any_pc();
    smb::visit(scene, at, client, host);
}
