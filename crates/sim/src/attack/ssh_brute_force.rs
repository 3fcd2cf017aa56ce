//! Somebody outside guesses SSH passwords at the public web server: one connection after another, a few tries in each.

use super::{Attack, Happened, attacker::GUESSER};
use crate::{
    hospital::Role,
    scene::{MILLISECOND, Scene},
    service::ssh,
    wire::Side,
};

pub const ATTACK: Attack = Attack { kind: "ssh_brute_force", sids: &[8_000_101, 8_000_102], begins_percent: 12, play };

const CONNECTIONS: usize = 18;
const BANNER: &str = "SSH-2.0-libssh2_1.10.0";

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let source = scene.hospital.beyond(GUESSER);
    let target = scene.hospital.first(Role::PublicWeb);
    let mut now = at;
    for _ in 0..CONNECTIONS {
        let mut dice = scene.dice.fork();
        let mut tcp = scene.connect(now, source, target.end(), 22);
        ssh::exchange_keys(&mut tcp, BANNER, &mut dice);
        for _ in 0..dice.between(1, 3) {
            ssh::attempt(&mut tcp, &mut dice);
        }
        now += dice.between(300 * MILLISECOND, 700 * MILLISECOND);
        scene.keep(tcp.close(Side::Client));
    }
    Some(Happened { source: source.ip, targets: vec![target.ip], until: now })
}
