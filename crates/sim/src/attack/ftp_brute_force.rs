//! A taken-over PC guesses FTP passwords at a server that takes them in clear text.

use super::{Attack, Happened, attacker::USERS};
use crate::{
    hospital::Host,
    scene::{MILLISECOND, Scene},
    weakness::Kind,
    wire::Side,
};

pub const ATTACK: Attack = Attack { kind: "ftp_brute_force", sids: &[8_000_104], begins_percent: 45, play };

const CONNECTIONS: usize = 8;
const PASSWORDS: [&str; 5] = ["1234", "password", "hospital", "P@ssw0rd", "admin123"];

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let hospital = scene.hospital;
    let weak: Vec<&Host> = hospital.hosts.iter().filter(|h| scene.is_weak(h, Kind::Ftp)).collect();
    let target = *weak.first()?;
    let source = scene.pc_of("fin");
    let mut now = at;
    for number in 0..CONNECTIONS {
        let mut tcp = scene.connect(now, source.end(), target.end(), 21);
        tcp.think().server(b"220 (vsFTPd 3.0.5)\r\n");
        for password in PASSWORDS.iter().take(3) {
            let user = USERS[number % USERS.len()];
            tcp.client(format!("USER {user}\r\n").as_bytes()).think().server(b"331 Please specify the password.\r\n");
            tcp.client(format!("PASS {password}\r\n").as_bytes())
                .wait(120 * MILLISECOND)
                .server(b"530 Login incorrect.\r\n");
        }
        now = tcp.now + 80 * MILLISECOND;
        scene.keep(tcp.close(Side::Client));
    }
    Some(Happened { source: source.ip, targets: vec![target.ip], until: now })
}
