//! Hosts that make themselves known: ARP, NetBIOS names (RFC 1002 §4.2), multicast DNS (RFC 6762), pings.

use super::{Service, dns};
use crate::{
    hospital::Host,
    scene::{MILLISECOND, Scene},
    wire::{End, Put, frame},
};
use std::net::Ipv4Addr;

pub const SERVICE: Service = Service { name: "presence", per_minute: 60, play };

const MDNS_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const NETBIOS_NAME: u16 = 0x20;

fn play(scene: &mut Scene<'_>, at: i64) {
    let hospital = scene.hospital;
    let present: Vec<&Host> = hospital.hosts.iter().filter(|h| scene.is_present(h)).collect();
    let (one, other) = (*scene.dice.pick(&present), *scene.dice.pick(&present));
    match scene.dice.below(5) {
        0 => netbios(scene, at, one),
        1 => multicast_dns(scene, at, one),
        2 if one.ip != other.ip => ping(scene, at, one, other),
        _ if one.ip != other.ip => arp(scene, at, one, other),
        _ => {}
    }
}

fn arp(scene: &mut Scene<'_>, at: i64, one: &Host, other: &Host) {
    scene.frame(at, |out| frame::arp(out, &one.end(), &other.end(), false));
    let back = at + scene.dice.between(60, 400);
    scene.frame(back, |out| frame::arp(out, &other.end(), &one.end(), true));
}

fn ping(scene: &mut Scene<'_>, at: i64, one: &Host, other: &Host) {
    let id = scene.dice.draw() as u16;
    for number in 1..=4_u16 {
        let now = at + i64::from(number) * 1_000 * MILLISECOND;
        let back = now + scene.dice.between(150, 900);
        scene.frame(now, |out| frame::icmp_echo(out, &one.end(), &other.end(), 8, id, number));
        scene.frame(back, |out| frame::icmp_echo(out, &other.end(), &one.end(), 0, id, number));
    }
}

/// "Is this name mine?": three registrations to everybody.
fn netbios(scene: &mut Scene<'_>, at: i64, host: &Host) {
    let all = End { ip: scene.hospital.broadcast, ..End::broadcast() };
    let id = scene.dice.draw() as u16;
    let mut message = Vec::new();
    message.be16(id).be16(0x2910).be16(1).be16(0).be16(0).be16(1);
    message.u8(32).raw(&netbios_name(&host.netbios())).u8(0).be16(NETBIOS_NAME).be16(1);
    message.be16(0xc00c).be16(NETBIOS_NAME).be16(1).be32(300_000).be16(6).be16(0).raw(&host.ip.octets());
    for number in 0..3 {
        scene.udp(at + number * 250 * MILLISECOND, (host.end(), 137), (all, 137), &message);
    }
}

/// First-level encoding (RFC 1001 §14.1) of a workstation's name.
fn netbios_name(name: &str) -> Vec<u8> {
    let padded = format!("{name:<15}\0");
    padded.bytes().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]).collect()
}

fn multicast_dns(scene: &mut Scene<'_>, at: i64, host: &Host) {
    let name = format!("{}.local", host.name);
    let mut message = Vec::new();
    message.be16(0).be16(0x8400).be16(0).be16(1).be16(0).be16(0);
    dns::name_into(&mut message, &name);
    // Class IN with "flush the cache".
    message.be16(dns::A).be16(0x8001).be32(120).part16(&host.ip.octets());
    // RFC 6762 §11: always the full time to live.
    let sender = End { ttl: 255, ..host.end() };
    scene.udp(at, (sender, 5353), (End { ttl: 255, ..End::group(MDNS_GROUP) }, 5353), &message);
}
