//! A port scan from a taken-over PC: SYN packets as nmap makes them (window 1024, only an MSS), to the common ports of
//! every server. Open ports answer and are reset; closed ones refuse.

use super::{Attack, Happened};
use crate::{
    hospital::{Host, Role},
    scene::{MILLISECOND, Scene},
    wire::frame::{self, ACK, Ports, RST, SYN, Segment},
};

pub const ATTACK: Attack = Attack { kind: "port_scan", sids: &[8_000_001, 8_000_002], begins_percent: 4, play };

const PORTS: [u16; 40] = [
    21, 22, 23, 25, 53, 80, 81, 88, 110, 111, 113, 135, 139, 143, 199, 256, 389, 443, 445, 515, 554, 587, 631, 993,
    995, 1025, 1433, 1720, 1723, 2049, 3306, 3389, 5432, 5900, 6000, 8000, 8080, 8443, 8888, 9100,
];
const SERVERS: [Role; 7] =
    [Role::Router, Role::Domain, Role::Files, Role::HisDatabase, Role::Intranet, Role::Pacs, Role::Laboratory];
const MSS_ONLY: [u8; 4] = [2, 4, 5, 0xb4];

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let source = scene.pc_of("fin");
    let mut ports = PORTS;
    scene.dice.shuffle(&mut ports);
    let targets: Vec<&Host> = SERVERS.iter().map(|role| scene.hospital.first(*role)).collect();
    let from_port = scene.port(source.ip);
    let mut now = at;
    for port in ports {
        for target in &targets {
            probe(scene, now, (source, from_port), (target, port));
            now += scene.dice.between(2 * MILLISECOND, 12 * MILLISECOND);
        }
    }
    Some(Happened { source: source.ip, targets: targets.iter().map(|h| h.ip).collect(), until: now })
}

fn probe(scene: &mut Scene<'_>, at: i64, source: (&Host, u16), target: (&Host, u16)) {
    let (here, there) = (source.0.end(), target.0.end());
    let seq = scene.dice.draw() as u32;
    let out_ports = Ports { from: source.1, to: target.1 };
    let back_ports = Ports { from: target.1, to: source.1 };
    let mut segment = Segment { seq, ack: 0, flags: SYN, window: 1024, options: &MSS_ONLY, payload: &[] };
    scene.frame(at, |out| frame::tcp(out, &here, &there, out_ports, &segment));
    let ack = seq.wrapping_add(1);
    let back = at + scene.dice.between(150, 800);
    if scene.answers(target.0, target.1) {
        let answer = Segment {
            seq: scene.dice.draw() as u32,
            ack,
            flags: SYN | ACK,
            window: 64_240,
            options: &MSS_ONLY,
            payload: &[],
        };
        scene.frame(back, |out| frame::tcp(out, &there, &here, back_ports, &answer));
        (segment.seq, segment.flags, segment.window, segment.options) = (ack, RST, 0, &[]);
        scene.frame(back + 40, |out| frame::tcp(out, &here, &there, out_ports, &segment));
    } else {
        let answer = Segment { seq: 0, ack, flags: RST | ACK, window: 0, options: &[], payload: &[] };
        scene.frame(back, |out| frame::tcp(out, &there, &here, back_ports, &answer));
    }
}
