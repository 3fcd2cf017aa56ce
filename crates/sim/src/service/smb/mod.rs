//! File sharing: SMB 3.1.1 (MS-SMB2) where healthy, SMB 1 (MS-CIFS, MS-SMB) at weak hosts.

mod dialogue;
mod ntlm;
pub mod smb1;
pub mod smb2;

use super::Service;
use crate::{
    dice::Dice,
    hospital::{Host, Role},
    scene::Scene,
    weakness::Kind,
};
pub use dialogue::Account;

pub const SERVICE: Service = Service { name: "smb", per_minute: 8, play };

/// What staff keeps on shares, with the first bytes of its format.
const DOCUMENTS: [(&str, &[u8]); 7] = [
    ("ward5\\ตารางเวร_พย_2569.xlsx", b"PK\x03\x04\x14\x00\x06\x00"),
    ("fin\\budget-2570.xlsx", b"PK\x03\x04\x14\x00\x06\x00"),
    ("opd\\คู่มือคัดกรอง.docx", b"PK\x03\x04\x14\x00\x06\x00"),
    ("phar\\stock-count.csv", b"code,name,qty,lot\r\n"),
    ("reg\\แบบฟอร์มลงทะเบียน.pdf", b"%PDF-1.7\n"),
    ("scan\\SCN_0001.pdf", b"%PDF-1.4\n"),
    ("quality\\minutes-2569-11.docx", b"PK\x03\x04\x14\x00\x06\x00"),
];

fn play(scene: &mut Scene<'_>, at: i64) {
    let client = scene.any_pc();
    let role = if scene.dice.one_in(4) { Role::Storage } else { Role::Files };
    let hosts = scene.present(role);
    let host = *scene.dice.pick(&hosts);
    visit(scene, at, client, host);
}

/// Somebody works on the shares of `host` for a moment, in the dialect that the scene gives it.
pub fn visit(scene: &mut Scene<'_>, at: i64, client: &Host, host: &Host) {
    let account = Account::of_staff(scene, client, host);
    let mut dice = scene.dice.fork();
    let tcp = scene.connect(at, client.end(), host.end(), 445);
    let share = format!("\\\\{}\\share", host.netbios());
    let tape = if scene.is_weak(host, Kind::Smb1) {
        smb1::work(tcp, &account, &share, &mut dice, at)
    } else {
        smb2::work(tcp, &account, &share, &mut dice, at)
    };
    scene.keep(tape);
}

/// A document's name and its bytes.
fn document(dice: &mut Dice) -> (&'static str, Vec<u8>) {
    let (name, magic) = *dice.pick(&DOCUMENTS);
    let length = dice.between(2_000, 40_000) as usize;
    let mut body = magic.to_vec();
    if name.ends_with(".csv") {
        body.extend(b"1000123,PARACETAMOL 500 MG,4200,L2569A\r\n".repeat(length / 40));
    } else {
        body.extend(dice.bytes(length));
    }
    (name, body)
}

/// Windows counts 100 ns from 1601.
fn file_time(micros: i64) -> u64 {
    (micros.max(0) as u64 + 11_644_473_600_000_000) * 10
}
