//! The laboratory's system on PostgreSQL (frontend/backend protocol 3.0): inside TLS when healthy, readable when weak.

use super::{Service, tls};
use crate::{
    certificate::Validity,
    dice::Dice,
    hospital::Role,
    patient,
    scene::Scene,
    weakness::Kind,
    wire::{Put, Side, Tcp},
};
use phitak_model::TlsVersion;

pub const SERVICE: Service = Service { name: "postgresql", per_minute: 4, play };

const PROTOCOL_3: u32 = 196_608;
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
const TEXT: u32 = 25;

pub fn play(scene: &mut Scene<'_>, at: i64) {
    let client = scene.pc_of("lab");
    let server = scene.hospital.first(Role::Laboratory);
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client.end(), server.end(), 5432);
    if scene.is_weak(server, Kind::Database) {
        // This client asks for TLS, is told no, and goes on without.
        tcp.client(&SSL_REQUEST).think().server(b"N");
        in_the_clear(scene, &mut tcp, &mut dice);
    } else {
        tcp.client(&SSL_REQUEST).think().server(b"S");
        let name = scene.hospital.full_name(server);
        let chain = scene.authority.chain(&name, Validity::Good);
        let session = tls::Session { server_name: Some(name), version: TlsVersion::Tls13, chain, alpn: &[] };
        tls::play_handshake(&mut tcp, &session, &mut dice);
        for (up, down) in [(60, 24), (70, 350), (180, 900), (210, 700), (5, 0)] {
            tcp.wait(dice.between(2_000, 700_000)).client(&tls::sealed(session.version, up, &mut dice));
            if down > 0 {
                tcp.think().server(&tls::sealed(session.version, down, &mut dice));
            }
        }
    }
    scene.keep(tcp.close(Side::Client));
}

fn in_the_clear(scene: &mut Scene<'_>, tcp: &mut Tcp, dice: &mut Dice) {
    let mut start = Vec::new();
    start.be32(PROTOCOL_3).raw(b"user\0lis\0database\0lis\0application_name\0lis-client\0client_encoding\0UTF8\0\0");
    let mut startup = Vec::new();
    startup.be32(start.len() as u32 + 4).raw(&start);
    tcp.client(&startup).think();
    let mut challenge = vec![0, 0, 0, 5];
    challenge.raw(&dice.bytes(4));
    tcp.server(&message(b'R', &challenge));
    tcp.client(&message(b'p', format!("md5{}\0", dice.text("0123456789abcdef", 32)).as_bytes())).think();
    let mut ready = message(b'R', &[0; 4]);
    for parameter in ["server_version\x0014.11\0", "server_encoding\0UTF8\0", "TimeZone\0Asia/Bangkok\0"] {
        ready.extend(message(b'S', parameter.as_bytes()));
    }
    ready.extend(message(b'K', &dice.bytes(8)));
    ready.extend(message(b'Z', b"I"));
    tcp.server(&ready);
    for _ in 0..dice.between(1, 4) {
        let patient = patient::next(scene);
        let query = format!("SELECT hn, test, result FROM lab_result WHERE hn = '{}'\0", patient.hn);
        tcp.wait(dice.between(50_000, 800_000)).client(&message(b'Q', query.as_bytes())).think();
        tcp.server(&rows(&patient.hn, dice));
    }
    tcp.client(&message(b'X', &[]));
}

fn rows(hn: &str, dice: &mut Dice) -> Vec<u8> {
    let columns = ["hn", "test", "result"];
    let mut description = Vec::new();
    description.be16(3);
    for (number, column) in columns.iter().enumerate() {
        description.raw(column.as_bytes()).u8(0).be32(16_388).be16(number as u16 + 1).be32(TEXT).be16(0xffff);
        description.be32(0xffff_ffff).be16(0);
    }
    let mut out = message(b'T', &description);
    for test in ["GLU", "BUN", "CREA", "NA", "K"] {
        let mut row = Vec::new();
        row.be16(3);
        for value in [hn, test, &dice.between(3, 180).to_string()] {
            row.be32(value.len() as u32).raw(value.as_bytes());
        }
        out.extend(message(b'D', &row));
    }
    out.extend(message(b'C', b"SELECT 5\0"));
    out.extend(message(b'Z', b"I"));
    out
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.be32(body.len() as u32 + 4).raw(body);
    out
}
