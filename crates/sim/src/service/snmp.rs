//! Counters of switches and printers: SNMPv2c (RFC 3416), asked by the administrator's PC.

use super::Service;
use crate::{hospital::Role, scene::Scene, wire::Put};

pub const SERVICE: Service = Service { name: "snmp", per_minute: 6, play };

/// ifInOctets of interface 1 to 8, without the last number.
const IF_IN_OCTETS: [u8; 9] = [0x2b, 6, 1, 2, 1, 2, 2, 1, 10];
const GET: u8 = 0xa0;
const RESPONSE: u8 = 0xa2;

fn play(scene: &mut Scene<'_>, at: i64) {
    let admin = scene.hospital.first(Role::AdminPc);
    let devices: Vec<_> = scene.present(Role::Switch).into_iter().chain(scene.present(Role::Printer)).collect();
    let device = *scene.dice.pick(&devices);
    let (id, interface) = (scene.dice.below(1 << 30) as u32, scene.dice.between(1, 8) as u8);
    let octets = scene.dice.draw() as u32;
    let port = scene.port(admin.ip);
    let ask = message(GET, id, interface, &[5, 0]);
    let answer = message(RESPONSE, id, interface, &[&[0x41, 5, 0], octets.to_be_bytes().as_slice()].concat());
    scene.ask_udp(at, (admin.end(), port), (device.end(), 161), &ask, &answer);
}

fn message(kind: u8, id: u32, interface: u8, value: &[u8]) -> Vec<u8> {
    let name = tagged(6, &[IF_IN_OCTETS.as_slice(), &[interface]].concat());
    let bindings = tagged(0x30, &tagged(0x30, &[name, value.to_vec()].concat()));
    let id = tagged(2, &id.to_be_bytes());
    let body = tagged(kind, &[id, vec![2, 1, 0, 2, 1, 0], bindings].concat());
    tagged(0x30, &[vec![2, 1, 1], tagged(4, b"hospital-read"), body].concat())
}

/// Lengths here stay below 128.
fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag, body.len() as u8];
    out.raw(body);
    out
}
