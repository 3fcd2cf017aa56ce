//! A taken-over PC asks its commander for orders at steady intervals, over plain HTTP to a bare address, the state of the
//! machine sealed in a cookie; now and then it posts a result.

use super::{Attack, Happened, attacker::COMMANDER};
use crate::{
    scene::{SECOND, Scene},
    service::http,
    wire::Side,
};

pub const ATTACK: Attack = Attack { kind: "beacon", sids: &[8_000_401, 8_000_402], begins_percent: 36, play };

const ROUNDS: i64 = 11;
const INTERVAL_MICROS: i64 = 5 * SECOND;
/// Sleep times vary by this much, so that the rhythm is not exact.
const JITTER_PERCENT: i64 = 12;
const AGENT: &str = "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; WOW64; Trident/5.0)";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let source = scene.pc_of("reg");
    let commander = scene.hospital.beyond(COMMANDER);
    let mut dice = scene.dice.fork();
    let sealed = format!("{}=", dice.text(BASE64, 171));
    let id = dice.between(10_000, 99_999);
    let mut now = at;
    for round in 0..ROUNDS {
        let mut tcp = scene.connect(now, source.end(), commander, 80);
        let head = format!(
            "Host: {COMMANDER}\r\nUser-Agent: {AGENT}\r\nConnection: Keep-Alive\r\nCache-Control: no-cache\r\n"
        );
        if round % 4 == 3 {
            let length = dice.between(60, 900) as usize;
            let result = dice.bytes(length);
            let post = format!(
                "POST /submit.php?id={id} HTTP/1.1\r\nAccept: */*\r\nContent-Type: application/octet-stream\r\n{head}Content-Length: {length}\r\n\r\n"
            );
            tcp.client(&[post.as_bytes(), &result].concat()).think();
            tcp.server(&http::answer("200 OK", "text/html", b"", false));
        } else {
            tcp.client(format!("GET /ptj HTTP/1.1\r\nAccept: */*\r\nCookie: {sealed}\r\n{head}\r\n").as_bytes())
                .think();
            let length = if dice.one_in(3) { 48 } else { 0 };
            tcp.server(&http::answer("200 OK", "application/octet-stream", &dice.bytes(length), false));
        }
        scene.keep(tcp.close(Side::Client));
        let jitter = INTERVAL_MICROS * JITTER_PERCENT / 100;
        now += INTERVAL_MICROS + dice.between(-jitter, jitter);
    }
    Some(Happened { source: source.ip, targets: vec![commander.ip], until: now })
}
