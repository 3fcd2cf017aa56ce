//! The hospital information system: Windows clients straight to MySQL (client/server protocol of MySQL 5.7, "Connection
//! Phase" and "Command Phase"). A healthy server wants TLS before the log-in; a weak one does not.

use super::{Service, tls};
use crate::{
    certificate::Validity,
    dice::Dice,
    hospital::{Host, Role},
    patient::{self, Patient},
    scene::Scene,
    weakness::Kind,
    wire::{Put, Side, Tcp},
};
use phitak_model::TlsVersion;

pub const SERVICE: Service = Service { name: "mysql", per_minute: 16, play };

const LONG_PASSWORD_ETC: u32 = 0x0000_a205; // long password, long flag, protocol 4.1, transactions, secure connection
const CONNECT_WITH_DB: u32 = 0x0000_0008;
const SSL: u32 = 0x0000_0800;
const PLUGIN_AUTH: u32 = 0x0008_0000;
const UTF8MB4: u8 = 45;
const QUERY: u8 = 3;
const QUIT: u8 = 1;
const PLUGIN: &[u8] = b"mysql_native_password\0";

const DEPARTMENTS: [&str; 6] = ["reg", "opd", "er", "phar", "ward5", "fin"];

pub fn play(scene: &mut Scene<'_>, at: i64) {
    let department = *scene.dice.pick(&DEPARTMENTS);
    let client = scene.pc_of(department);
    let server = scene.hospital.first(Role::HisDatabase);
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client.end(), server.end(), 3306);
    tcp.think().server(&packet(0, &greeting(&mut dice)));
    if scene.is_weak(server, Kind::Database) {
        in_the_clear(scene, &mut tcp, &mut dice);
    } else {
        inside_tls(scene, &mut tcp, &mut dice, server);
    }
    scene.keep(tcp.close(Side::Client));
}

fn in_the_clear(scene: &mut Scene<'_>, tcp: &mut Tcp, dice: &mut Dice) {
    tcp.think().client(&packet(1, &log_in(dice)));
    tcp.think().server(&packet(2, &OK));
    tcp.client(&packet(0, &command("SET NAMES utf8mb4"))).think().server(&packet(1, &OK));
    for _ in 0..dice.between(1, 4) {
        let patient = patient::next(scene);
        let query = format!(
            "SELECT p.hn, p.cid, CONCAT(p.fname,' ',p.lname) AS ptname, p.birthday, v.vstdate FROM patient p \
             LEFT OUTER JOIN ovst v ON v.hn = p.hn WHERE p.hn = '{}' ORDER BY v.vstdate DESC LIMIT 20",
            patient.hn
        );
        tcp.wait(dice.between(40_000, 900_000)).client(&packet(0, &command(&query)));
        tcp.think().server(&result_set(&patient, dice));
        let insert = format!(
            "INSERT INTO opdscreen (hn, vstdate, bps, bpd, pulse, cc) VALUES ('{}', CURDATE(), {}, {}, {}, 'ปวดศีรษะ')",
            patient.hn,
            dice.between(95, 160),
            dice.between(60, 100),
            dice.between(55, 110)
        );
        tcp.wait(dice.between(90_000, 700_000)).client(&packet(0, &command(&insert)));
        tcp.think().server(&packet(1, &[0, 1, 0, 2, 0, 0, 0]));
    }
    tcp.client(&packet(0, &[QUIT]));
}

fn inside_tls(scene: &Scene<'_>, tcp: &mut Tcp, dice: &mut Dice, server: &Host) {
    let mut request = Vec::new();
    request.le32(LONG_PASSWORD_ETC | SSL | PLUGIN_AUTH).le32(1 << 24).u8(UTF8MB4).zeros(23);
    tcp.think().client(&packet(1, &request));
    let name = scene.hospital.full_name(server);
    let chain = scene.authority.chain(&name, Validity::Good);
    let session = tls::Session { server_name: None, version: TlsVersion::Tls12, chain, alpn: &[] };
    tls::play_handshake(tcp, &session, dice);
    for (up, down) in [(90, 11), (24, 11), (230, 800), (180, 11), (230, 700)] {
        tcp.wait(dice.between(2_000, 600_000)).client(&tls::sealed(session.version, up, dice));
        tcp.think().server(&tls::sealed(session.version, down, dice));
    }
}

/// Protocol 10, with everything that 5.7 can do.
fn greeting(dice: &mut Dice) -> Vec<u8> {
    let salt: Vec<u8> = dice.bytes(20).into_iter().map(|b| b'!' + b % 90).collect();
    let mut out = vec![10];
    out.raw(b"5.7.42-log\0").le32(dice.between(900, 99_000) as u32);
    out.raw(&salt[..8]).u8(0).le16(0xffff).u8(UTF8MB4).le16(2).le16(0x81ff).u8(21).zeros(10);
    out.raw(&salt[8..]).u8(0).raw(PLUGIN);
    out
}

fn log_in(dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    out.le32(LONG_PASSWORD_ETC | CONNECT_WITH_DB | PLUGIN_AUTH).le32(1 << 24).u8(UTF8MB4).zeros(23);
    out.raw(b"his\0").u8(20).raw(&dice.bytes(20)).raw(b"hos\0").raw(PLUGIN);
    out
}

/// OK_Packet: no rows, no insert id, autocommit, no warnings.
const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];

fn command(text: &str) -> Vec<u8> {
    let mut out = vec![QUERY];
    out.raw(text.as_bytes());
    out
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.le24(payload.len()).u8(number).raw(payload);
    out
}

fn result_set(patient: &Patient, dice: &mut Dice) -> Vec<u8> {
    let columns = ["hn", "cid", "ptname", "birthday", "vstdate"];
    let mut number = 1;
    let mut out = packet(number, &[columns.len() as u8]);
    let mut add = |payload: &[u8], out: &mut Vec<u8>| {
        number += 1;
        out.extend(packet(number, payload));
    };
    for column in columns {
        add(&column_definition(column), &mut out);
    }
    let end = [0xfe, 0, 0, 2, 0];
    add(&end, &mut out);
    for visit in 0..dice.between(1, 12) {
        let name = format!("{} {}", patient.first_th, patient.last_th);
        let seen = format!("2026-{:02}-{:02}", 12 - visit % 12, 1 + visit);
        let mut row = Vec::new();
        for value in [&patient.hn, &patient.national_id, &name, &patient.born, &seen] {
            string(&mut row, value);
        }
        add(&row, &mut out);
    }
    add(&end, &mut out);
    out
}

fn column_definition(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for part in ["def", "hos", "p", "patient", name, name] {
        string(&mut out, part);
    }
    out.u8(0x0c).le16(u16::from(UTF8MB4)).le32(400).u8(253).le16(0).u8(0).le16(0);
    out
}

/// A string with its length in one byte: all here are shorter than 251 bytes.
fn string(out: &mut Vec<u8>, text: &str) {
    out.u8(text.len() as u8).raw(text.as_bytes());
}
