//! DNS over UDP (RFC 1035): clients ask the domain controller, which asks the resolver outside for what it does not know.

use super::Service;
use crate::{
    hospital::{Host, Role},
    internet::{self, Site},
    scene::Scene,
    wire::Put,
};
use std::net::Ipv4Addr;

pub const SERVICE: Service = Service { name: "dns", per_minute: 24, play };

pub const A: u16 = 1;
pub const PTR: u16 = 12;
pub const TXT: u16 = 16;
pub const AAAA: u16 = 28;
pub const HTTPS: u16 = 65;

/// No error, authoritative or recursive answers both set "recursion available".
const ANSWER_FLAGS: u16 = 0x8180;
const NAME_ERROR: u16 = 3;

fn play(scene: &mut Scene<'_>, at: i64) {
    let client = scene.any_pc();
    match scene.dice.below(6) {
        0 => local(scene, at, client),
        1 => reverse(scene, at, client),
        2 => missing(scene, at, client),
        _ => {
            let site = scene.dice.pick(&internet::SECURE);
            lookup_site(scene, at, client, site);
        }
    }
}

/// Asks for a site outside. Gives the moment after the answer.
pub fn lookup_site(scene: &mut Scene<'_>, at: i64, client: &Host, site: &Site) -> i64 {
    lookup(scene, at, client, site.name, site.ip)
}

/// Asks for `name` at the domain controller, which sometimes has to ask outside first.
pub fn lookup(scene: &mut Scene<'_>, at: i64, client: &Host, name: &str, ip: Ipv4Addr) -> i64 {
    let mut now = at;
    if scene.dice.one_in(3) {
        now = forward(scene, at + 400, name, A, Some(record(A, 300, &ip.octets())));
    }
    let after = ask(scene, now, client, name, A, Some(record(A, 299, &ip.octets())));
    if scene.dice.one_in(2) {
        let kind = if scene.dice.one_in(2) { AAAA } else { HTTPS };
        ask(scene, now + 90, client, name, kind, None);
    }
    after
}

/// The domain controller asks the resolver outside.
pub fn forward(scene: &mut Scene<'_>, at: i64, name: &str, kind: u16, answer: Option<Vec<u8>>) -> i64 {
    let server = scene.hospital.first(Role::Domain).end();
    let outside = scene.hospital.beyond(internet::RESOLVER);
    exchange(scene, at, (server, outside), name, kind, answer)
}

/// `client` asks the domain controller; without an answer record the answer is empty.
pub fn ask(scene: &mut Scene<'_>, at: i64, client: &Host, name: &str, kind: u16, answer: Option<Vec<u8>>) -> i64 {
    let server = scene.hospital.first(Role::Domain).end();
    exchange(scene, at, (client.end(), server), name, kind, answer)
}

fn exchange(
    scene: &mut Scene<'_>,
    at: i64,
    (client, server): (crate::wire::End, crate::wire::End),
    name: &str,
    kind: u16,
    answer: Option<Vec<u8>>,
) -> i64 {
    let id = scene.dice.draw() as u16;
    let port = scene.port(client.ip);
    let question = query(id, name, kind);
    let reply = response(id, name, kind, ANSWER_FLAGS, answer.as_deref());
    scene.ask_udp(at, (client, port), (server, 53), &question, &reply)
}

fn local(scene: &mut Scene<'_>, at: i64, client: &Host) {
    let hosts = scene.present(*scene.dice.clone().pick(&[Role::HisDatabase, Role::Pacs, Role::Files, Role::Intranet]));
    let host = *scene.dice.pick(&hosts);
    let name = scene.hospital.full_name(host);
    ask(scene, at, client, &name, A, Some(record(A, 1200, &host.ip.octets())));
}

fn reverse(scene: &mut Scene<'_>, at: i64, client: &Host) {
    let host = scene.any_pc();
    let [a, b, c, d] = host.ip.octets();
    let mut target = Vec::new();
    name_into(&mut target, &scene.hospital.full_name(host));
    ask(scene, at, client, &format!("{d}.{c}.{b}.{a}.in-addr.arpa"), PTR, Some(record(PTR, 1200, &target)));
}

/// A proxy's name that nobody has: Windows asks for it all day.
fn missing(scene: &mut Scene<'_>, at: i64, client: &Host) {
    let name = format!("wpad.{}", scene.hospital.domain);
    let server = scene.hospital.first(Role::Domain).end();
    let (id, port) = (scene.dice.draw() as u16, scene.port(client.ip));
    let reply = response(id, &name, A, ANSWER_FLAGS | NAME_ERROR, None);
    scene.ask_udp(at, (client.end(), port), (server, 53), &query(id, &name, A), &reply);
}

#[must_use]
pub fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut out = Vec::new();
    out.be16(id).be16(0x0100).be16(1).be16(0).be16(0).be16(0);
    name_into(&mut out, name);
    out.be16(kind).be16(1);
    out
}

/// `answer` is what [`record`] gives.
#[must_use]
pub fn response(id: u16, name: &str, kind: u16, flags: u16, answer: Option<&[u8]>) -> Vec<u8> {
    let mut out = query(id, name, kind);
    out[2..4].copy_from_slice(&flags.to_be_bytes());
    if let Some(answer) = answer {
        out[6..8].copy_from_slice(&1_u16.to_be_bytes());
        out.be16(0xc00c).raw(answer);
    }
    out
}

/// A resource record after its name: type, class IN, time to live, data.
#[must_use]
pub fn record(kind: u16, ttl_secs: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.be16(kind).be16(1).be32(ttl_secs).part16(data);
    out
}

pub fn name_into(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.u8(label.len() as u8).raw(label.as_bytes());
    }
    out.u8(0);
}
