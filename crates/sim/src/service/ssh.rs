//! SSH 2 (RFC 4253): banners and key exchange as they are, random bytes where packets are encrypted.

use super::Service;
use crate::{
    dice::Dice,
    hospital::{Host, Role},
    scene::Scene,
    wire::{Put, Side, Tcp},
};

pub const SERVICE: Service = Service { name: "ssh", per_minute: 2, play };

const PUTTY: &str = "SSH-2.0-PuTTY_Release_0.81";
const OPENSSH: &str = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3";

const KEX_INIT: u8 = 20;
const NEW_KEYS: u8 = 21;
const ECDH_INIT: u8 = 30;
const ECDH_REPLY: u8 = 31;

const ALGORITHMS: [&str; 10] = [
    "ecdh-sha2-nistp256,ecdh-sha2-nistp384,diffie-hellman-group14-sha256",
    "ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
    "aes192-ctr,aes256-ctr,aes128-ctr",
    "aes192-ctr,aes256-ctr,aes128-ctr",
    "hmac-sha2-256,hmac-sha2-512",
    "hmac-sha2-256,hmac-sha2-512",
    "none,zlib@openssh.com",
    "none,zlib@openssh.com",
    "",
    "",
];

const MANAGED: [Role; 5] = [Role::HisDatabase, Role::Intranet, Role::Pacs, Role::Switch, Role::Router];

fn play(scene: &mut Scene<'_>, at: i64) {
    let admin = scene.hospital.first(Role::AdminPc);
    let role = *scene.dice.pick(&MANAGED);
    let hosts: Vec<&Host> = scene.present(role).into_iter().filter(|h| scene.answers(h, 22)).collect();
    let host = *scene.dice.pick(&hosts);
    visit(scene, at, admin, host);
}

/// A log-in and some commands.
pub fn visit(scene: &mut Scene<'_>, at: i64, client: &Host, host: &Host) {
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client.end(), host.end(), 22);
    exchange_keys(&mut tcp, PUTTY, &mut dice);
    attempt(&mut tcp, &mut dice);
    for _ in 0..dice.between(4, 14) {
        tcp.wait(dice.between(60_000, 500_000)).client(&sealed(2, &mut dice));
        let blocks = dice.between(3, 60) as usize;
        tcp.think().server(&sealed(blocks, &mut dice));
    }
    scene.keep(tcp.close(Side::Client));
}

/// Banners, algorithms, keys.
pub fn exchange_keys(tcp: &mut Tcp, client_banner: &str, dice: &mut Dice) {
    tcp.client(format!("{client_banner}\r\n").as_bytes());
    tcp.think().server(format!("{OPENSSH}\r\n").as_bytes());
    tcp.client(&packet(&key_init(dice), dice)).server(&packet(&key_init(dice), dice));
    let mut ask = vec![ECDH_INIT];
    string(&mut ask, &point(dice));
    tcp.client(&packet(&ask, dice));
    let (mut blob, mut signature) = (Vec::new(), Vec::new());
    string(&mut blob, b"ssh-ed25519");
    string(&mut blob, &dice.bytes(32));
    string(&mut signature, b"ssh-ed25519");
    string(&mut signature, &dice.bytes(64));
    let mut reply = vec![ECDH_REPLY];
    for part in [&blob, &point(dice), &signature] {
        string(&mut reply, part);
    }
    let mut answer = packet(&reply, dice);
    answer.extend(packet(&[NEW_KEYS], dice));
    tcp.think().server(&answer);
    tcp.client(&packet(&[NEW_KEYS], dice));
}

/// Service request and one password, encrypted.
pub fn attempt(tcp: &mut Tcp, dice: &mut Dice) {
    tcp.client(&sealed(2, dice)).think().server(&sealed(2, dice));
    tcp.client(&sealed(5, dice)).wait(dice.between(30_000, 90_000)).server(&sealed(3, dice));
}

/// A packet under AES-CTR with HMAC-SHA-256 (RFC 4344, RFC 6668): nothing of it is readable, not even its length.
fn sealed(blocks: usize, dice: &mut Dice) -> Vec<u8> {
    dice.bytes(blocks * 16 + 32)
}

/// An uncompressed point of P-256.
fn point(dice: &mut Dice) -> Vec<u8> {
    let mut out = vec![4];
    out.raw(&dice.bytes(64));
    out
}

fn key_init(dice: &mut Dice) -> Vec<u8> {
    let mut out = vec![KEX_INIT];
    out.raw(&dice.bytes(16));
    for list in ALGORITHMS {
        string(&mut out, list.as_bytes());
    }
    out.u8(0).be32(0);
    out
}

/// The binary packet of RFC 4253 §6 before encryption: whole size a multiple of 8, at least 4 bytes of padding.
fn packet(payload: &[u8], dice: &mut Dice) -> Vec<u8> {
    let padding = 4 + (8 - (payload.len() + 9) % 8) % 8;
    let mut out = Vec::new();
    out.be32((payload.len() + padding + 1) as u32).u8(padding as u8).raw(payload).raw(&dice.bytes(padding));
    out
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.be32(bytes.len() as u32).raw(bytes);
}
