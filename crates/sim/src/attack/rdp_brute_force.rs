//! Somebody outside guesses remote-desktop passwords at the backup server, which a forgotten port forwarding exposes.

use super::{
    Attack, Happened,
    attacker::{GUESSER, USERS},
};
use crate::{
    hospital::Role,
    scene::{MILLISECOND, Scene},
    service::rdp,
    wire::Side,
};

pub const ATTACK: Attack = Attack { kind: "rdp_brute_force", sids: &[8_000_103], begins_percent: 32, play };

const CONNECTIONS: usize = 20;

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let source = scene.hospital.beyond(GUESSER);
    let target = scene.hospital.first(Role::Backup);
    let session = rdp::session(scene, target);
    let mut now = at;
    for number in 0..CONNECTIONS {
        let mut dice = scene.dice.fork();
        let mut tcp = scene.connect(now, source, target.end(), 3389);
        let user = USERS[number % 3];
        rdp::knock(&mut tcp, user, &session, &mut dice);
        now += dice.between(250 * MILLISECOND, 600 * MILLISECOND);
        scene.keep(tcp.close(Side::Server));
    }
    Some(Happened { source: source.ip, targets: vec![target.ip], until: now })
}
