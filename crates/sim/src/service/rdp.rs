//! Remote desktops: the connection request of MS-RDPBCGR 2.2.1.1 with its cookie, then TLS.

use super::{Service, tls};
use crate::{
    certificate::Validity,
    dice::Dice,
    hospital::{Host, Role},
    scene::Scene,
    wire::{Put, Side, Tcp},
};
use phitak_model::TlsVersion;

pub const SERVICE: Service = Service { name: "rdp", per_minute: 1, play };

/// TLS and CredSSP.
const PROTOCOLS: u32 = 3;
const CREDSSP: u32 = 2;

fn play(scene: &mut Scene<'_>, at: i64) {
    let admin = scene.hospital.first(Role::AdminPc);
    let role = *scene.dice.pick(&[Role::Files, Role::Stock, Role::Backup]);
    let server = scene.hospital.first(role);
    let session = session(scene, server);
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, admin.end(), server.end(), 3389);
    knock(&mut tcp, "itadmin", &session, &mut dice);
    for _ in 0..dice.between(20, 80) {
        tcp.wait(dice.between(20_000, 120_000)).client(&tls::sealed(session.version, 38, &mut dice));
        // One record a segment, as a busy screen sends them.
        let length = dice.between(60, 1_300) as usize;
        tcp.think().server(&tls::sealed(session.version, length, &mut dice));
    }
    scene.keep(tcp.close(Side::Client));
}

/// The TLS of this server.
pub fn session(scene: &Scene<'_>, server: &Host) -> tls::Session {
    let name = scene.hospital.full_name(server);
    let chain = scene.authority.chain(&name, Validity::Good);
    tls::Session { server_name: Some(name), version: TlsVersion::Tls12, chain, alpn: &[] }
}

/// Everything up to the log-in: request with cookie, TLS, and the three CredSSP turns.
pub fn knock(tcp: &mut Tcp, user: &str, session: &tls::Session, dice: &mut Dice) {
    let cookie = format!("Cookie: mstshash={user}\r\n");
    let mut request = vec![0xe0, 0, 0, 0, 0, 0];
    request.raw(cookie.as_bytes()).u8(1).u8(0).le16(8).le32(PROTOCOLS);
    tcp.client(&packet(&request));
    let mut confirm = vec![0xd0, 0, 0, 0x12, 0x34, 0];
    confirm.u8(2).u8(0x1f).le16(8).le32(CREDSSP);
    tcp.think().server(&packet(&confirm));
    tls::play_handshake(tcp, session, dice);
    for (up, down) in [(57, 270), (620, 90)] {
        tcp.client(&tls::sealed(session.version, up, dice));
        tcp.think().server(&tls::sealed(session.version, down, dice));
    }
}

/// TPKT (RFC 1006) around an X.224 unit.
fn packet(unit: &[u8]) -> Vec<u8> {
    let mut out = vec![3, 0];
    out.be16(unit.len() as u16 + 5).u8(unit.len() as u8).raw(unit);
    out
}
