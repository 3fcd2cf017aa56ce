//! Addresses: DHCP (RFC 2131) with the client's host name (option 12), given by the domain controller.

use super::Service;
use crate::{
    hospital::{Host, Role},
    scene::{MILLISECOND, Scene},
    wire::{End, Put},
};
use std::net::Ipv4Addr;

pub const SERVICE: Service = Service { name: "dhcp", per_minute: 10, play };

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const LEASE_SECS: u32 = 86_400;

fn play(scene: &mut Scene<'_>, at: i64) {
    let client = scene.any_pc();
    if client.dhcp {
        lease(scene, at, client);
    }
}

fn lease(scene: &mut Scene<'_>, at: i64, client: &Host) {
    let server = scene.hospital.first(Role::Domain);
    let id = scene.dice.draw() as u32;
    let nobody = End { ip: Ipv4Addr::UNSPECIFIED, ..client.end() };
    let all = End::broadcast();
    let mut now = at;
    for kind in [DISCOVER, OFFER, REQUEST, ACK] {
        let asks = kind == DISCOVER || kind == REQUEST;
        let message = message(scene, kind, id, client, server);
        if asks {
            scene.udp(now, (nobody, 68), (all, 67), &message);
        } else {
            scene.udp(now, (server.end(), 67), (all, 68), &message);
        }
        now += scene.dice.between(300, 3 * MILLISECOND);
    }
}

fn message(scene: &Scene<'_>, kind: u8, id: u32, client: &Host, server: &Host) -> Vec<u8> {
    let asks = kind == DISCOVER || kind == REQUEST;
    let given = if asks { Ipv4Addr::UNSPECIFIED } else { client.ip };
    let mut out = vec![if asks { 1 } else { 2 }, 1, 6, 0];
    out.be32(id).be16(0).be16(0x8000).be32(0).raw(&given.octets()).be32(0).be32(0);
    out.raw(&client.mac.0).zeros(10).zeros(192).be32(0x6382_5363);
    option(&mut out, 53, &[kind]);
    if asks {
        option(&mut out, 61, &[&[1], client.mac.0.as_slice()].concat());
        option(&mut out, 12, client.name.as_bytes());
        option(&mut out, 60, b"MSFT 5.0");
        if kind == REQUEST {
            option(&mut out, 50, &client.ip.octets());
            option(&mut out, 54, &server.ip.octets());
        }
        option(&mut out, 55, &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252]);
    } else {
        option(&mut out, 54, &server.ip.octets());
        option(&mut out, 51, &LEASE_SECS.to_be_bytes());
        option(&mut out, 1, &scene.hospital.netmask.octets());
        option(&mut out, 3, &scene.hospital.first(Role::Router).ip.octets());
        option(&mut out, 6, &server.ip.octets());
        option(&mut out, 15, scene.hospital.domain.as_bytes());
    }
    out.u8(255);
    // BOOTP's smallest message (RFC 951) is 300 bytes.
    let short = 300_usize.saturating_sub(out.len());
    out.zeros(short);
    out
}

fn option(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    out.u8(code).u8(value.len() as u8).raw(value);
}
