//! FTP (RFC 959): analysers' results to the laboratory, pictures to storage. Healthy servers want AUTH TLS (RFC 4217)
//! first; weak ones take the password as it is; some are switched off when they are mended, and SSH takes over.

use super::{Service, ssh, tls};
use crate::{
    certificate::Validity,
    hospital::{Host, Role},
    scene::{SECOND, Scene},
    weakness::{Condition, Kind},
    wire::{Side, Tcp},
};
use phitak_model::TlsVersion;

pub const SERVICE: Service = Service { name: "ftp", per_minute: 2, play };

const GREETING: &[u8] = b"220 (vsFTPd 3.0.5)\r\n";

fn play(scene: &mut Scene<'_>, at: i64) {
    let hosts: Vec<&Host> = scene
        .present(Role::Laboratory)
        .into_iter()
        .chain(scene.present(Role::Storage))
        .filter(|h| scene.answers(h, 21))
        .collect();
    if hosts.is_empty() {
        return;
    }
    let client = scene.pc_of("lab");
    let host = *scene.dice.pick(&hosts);
    visit(scene, at, client, host);
}

/// Whether the host's FTP is switched off for good once it is mended.
#[must_use]
pub fn is_given_up(host: &Host) -> bool {
    host.name == "nas-xray"
}

/// One upload, in the condition that the scene gives the server.
pub fn visit(scene: &mut Scene<'_>, at: i64, client: &Host, host: &Host) {
    match scene.condition(host, Kind::Ftp) {
        Condition::Weak => in_the_clear(scene, at, client, host),
        Condition::Mended if is_given_up(host) => {
            let after = scene.refused(at, client.end(), host.end(), 21);
            ssh::visit(scene, after + SECOND, client, host);
        }
        Condition::Mended | Condition::Healthy => inside_tls(scene, at, client, host),
    }
}

fn in_the_clear(scene: &mut Scene<'_>, at: i64, client: &Host, host: &Host) {
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client.end(), host.end(), 21);
    tcp.think().server(GREETING);
    say(&mut tcp, "USER labresult", "331 Please specify the password.");
    say(&mut tcp, "PASS Inven7ed-lab", "230 Login successful.");
    say(&mut tcp, "SYST", "215 UNIX Type: L8");
    say(&mut tcp, "CWD /results", "250 Directory successfully changed.");
    say(&mut tcp, "TYPE I", "200 Switching to Binary mode.");
    let port = 50_000 + dice.below(10_000) as u16;
    let [a, b, c, d] = host.ip.octets();
    say(&mut tcp, "PASV", &format!("227 Entering Passive Mode ({a},{b},{c},{d},{},{}).", port / 256, port % 256));
    tcp.client(format!("STOR R{:08}.txt\r\n", dice.below(100_000_000)).as_bytes());
    let mut data = scene.connect(tcp.now, client.end(), host.end(), port);
    tcp.wait(data.now - tcp.now + 400).server(b"150 Ok to send data.\r\n");
    data.wait(2_000);
    for sample in 0..dice.between(20, 90) {
        data.client(format!("{sample:04}|GLU|{}|mg/dL|70-100|N\r\n", dice.between(70, 180)).repeat(8).as_bytes());
    }
    let until = data.now;
    scene.keep(data.close(Side::Client));
    tcp.wait(until - tcp.now + 1_500).server(b"226 Transfer complete.\r\n");
    say(&mut tcp, "QUIT", "221 Goodbye.");
    scene.keep(tcp.close(Side::Server));
}

fn inside_tls(scene: &mut Scene<'_>, at: i64, client: &Host, host: &Host) {
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client.end(), host.end(), 21);
    tcp.think().server(GREETING);
    say(&mut tcp, "AUTH TLS", "234 Proceed with negotiation.");
    let name = scene.hospital.full_name(host);
    let chain = scene.authority.chain(&name, Validity::Good);
    let session = tls::Session { server_name: Some(name), version: TlsVersion::Tls12, chain, alpn: &[] };
    tls::play_handshake(&mut tcp, &session, &mut dice);
    for (up, down) in [(16, 35), (20, 24), (8, 51), (6, 20), (22, 22), (6, 14)] {
        tcp.wait(dice.between(1_000, 80_000)).client(&tls::sealed(session.version, up, &mut dice));
        tcp.think().server(&tls::sealed(session.version, down, &mut dice));
    }
    scene.keep(tcp.close(Side::Client));
}

fn say(tcp: &mut Tcp, command: &str, answer: &str) {
    tcp.wait(3_000).client(format!("{command}\r\n").as_bytes());
    tcp.think().server(format!("{answer}\r\n").as_bytes());
}
