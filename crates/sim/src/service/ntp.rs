//! Clocks: NTP version 4 (RFC 5905), PCs from the domain controller, that one from outside.

use super::Service;
use crate::{hospital::Role, internet, scene::Scene, wire::Put};

pub const SERVICE: Service = Service { name: "ntp", per_minute: 6, play };

/// Seconds from 1900 to 1970.
const ERA_SECS: u64 = 2_208_988_800;

fn play(scene: &mut Scene<'_>, at: i64) {
    let domain = scene.hospital.first(Role::Domain);
    let (client, server) = if scene.dice.one_in(4) {
        (domain.end(), scene.hospital.beyond(internet::TIME_SERVER))
    } else {
        (scene.any_pc().end(), domain.end())
    };
    let mut ask = vec![0x23, 0, 6, 0xec];
    ask.zeros(36).be64(stamp(at));
    let mut answer = vec![0x24, 2, 6, 0xe9];
    answer.be32(0x0000_0521).be32(0x0000_0233).raw(&[198, 18, 0, 1]);
    answer.be64(stamp(at - 9_000_000)).be64(stamp(at)).be64(stamp(at + 300)).be64(stamp(at + 320));
    scene.ask_udp(at, (client, 123), (server, 123), &ask, &answer);
}

fn stamp(micros: i64) -> u64 {
    let seconds = micros.div_euclid(1_000_000) as u64 + ERA_SECS;
    let fraction = (micros.rem_euclid(1_000_000) as u64) << 32;
    (seconds << 32) | (fraction / 1_000_000)
}
