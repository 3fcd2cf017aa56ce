//! Plain HTTP/1.1 (RFC 9112): the intranet, the public queue page, and a few sites outside.

use super::{Service, dns};
use crate::{
    dice::Dice,
    hospital::{Host, Role},
    internet,
    scene::Scene,
    wire::{End, Put, Side, Tcp},
};
use flate2::{
    Compression, Crc,
    write::{GzEncoder, ZlibEncoder},
};
use std::io::Write;

pub const SERVICE: Service = Service { name: "http", per_minute: 14, play };

pub const BROWSER: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";

const PAGES: [(&str, &str); 8] = [
    ("/", "text/html; charset=utf-8"),
    ("/news/2569/11/flu-vaccine.html", "text/html; charset=utf-8"),
    ("/css/style.css?v=12", "text/css"),
    ("/js/app.min.js", "application/javascript"),
    ("/img/logo.png", "image/png"),
    ("/img/banner-clean-hands.png", "image/png"),
    ("/duty-roster?ward=5&month=11", "text/html; charset=utf-8"),
    ("/forms/leave-request.pdf", "application/pdf"),
];

fn play(scene: &mut Scene<'_>, at: i64) {
    let client = scene.any_pc();
    match scene.dice.below(4) {
        0 => {
            let site = scene.dice.pick(&internet::PLAIN);
            let now = dns::lookup_site(scene, at, client, site);
            let server = scene.hospital.beyond(site.ip);
            visit(scene, now, client.end(), server, site.name);
        }
        1 => {
            // A patient outside looks at the public page.
            let visitor = scene.hospital.beyond([198, 18, 200, scene.dice.between(1, 250) as u8].into());
            let web = scene.hospital.first(Role::PublicWeb);
            visit(scene, at, visitor, web.end(), &format!("queue.{}", scene.hospital.domain));
        }
        _ => {
            let web: &Host = scene.hospital.first(Role::Intranet);
            visit(scene, at, client.end(), web.end(), &scene.hospital.full_name(web));
        }
    }
}

fn visit(scene: &mut Scene<'_>, at: i64, client: End, server: End, host: &str) {
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client, server, 80);
    for _ in 0..dice.between(1, 4) {
        let (path, kind) = *dice.pick(&PAGES);
        get(&mut tcp, host, path, kind, &mut dice);
        tcp.wait(dice.between(30_000, 700_000));
    }
    scene.keep(tcp.close(Side::Client));
}

/// One request as a browser makes it, and its answer.
fn get(tcp: &mut Tcp, host: &str, path: &str, kind: &str, dice: &mut Dice) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\nUser-Agent: {BROWSER}\r\nAccept: */*\r\n\
         Referer: http://{host}/\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: th-TH,th;q=0.9,en;q=0.8\r\n\r\n"
    );
    tcp.client(request.as_bytes()).think();
    if dice.one_in(9) {
        tcp.server(b"HTTP/1.1 304 Not Modified\r\nServer: nginx\r\nETag: \"66f1-3a\"\r\n\r\n");
        return;
    }
    let body = content(kind, dice);
    tcp.server(&answer("200 OK", kind, &body, kind.starts_with("text/")));
}

/// A response with its length, compressed on demand.
#[must_use]
pub fn answer(status: &str, kind: &str, body: &[u8], gzip: bool) -> Vec<u8> {
    let body = if gzip { compress(body) } else { body.to_vec() };
    let encoding = if gzip { "Content-Encoding: gzip\r\n" } else { "" };
    let mut out = format!(
        "HTTP/1.1 {status}\r\nServer: nginx\r\nContent-Type: {kind}\r\n{encoding}Content-Length: {}\r\nConnection: keep-alive\r\n\r\n",
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(&body);
    out
}

fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

fn content(kind: &str, dice: &mut Dice) -> Vec<u8> {
    match kind {
        "image/png" => png(dice),
        "application/pdf" => {
            let length = dice.between(4_000, 60_000) as usize;
            [b"%PDF-1.7\n%".to_vec(), dice.bytes(length), b"\n%%EOF\n".to_vec()].concat()
        }
        "text/css" => b".card{margin:0 auto;padding:8px;color:#123}\n".repeat(dice.between(10, 60) as usize),
        "application/javascript" => {
            b"function show(i){return document.getElementById(i)}\n".repeat(dice.between(10, 90) as usize)
        }
        _ => page(dice),
    }
}

/// A grey picture of noise (PNG, W3C REC third edition): header, one block of compressed rows, end.
fn png(dice: &mut Dice) -> Vec<u8> {
    let (width, height) = (dice.between(60, 200) as u32, dice.between(40, 150) as u32);
    let mut header = Vec::new();
    header.be32(width).be32(height).raw(&[8, 0, 0, 0, 0]);
    let mut rows = Vec::new();
    for _ in 0..height {
        rows.u8(0).raw(&dice.bytes(width as usize));
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(&rows).and_then(|()| encoder.finish()).expect("writing to memory cannot fail");
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", packed), (b"IEND", Vec::new())] {
        let mut check = Crc::new();
        check.update(kind);
        check.update(&data);
        out.be32(data.len() as u32).raw(kind).raw(&data).be32(check.sum());
    }
    out
}

fn page(dice: &mut Dice) -> Vec<u8> {
    let mut html = String::from("<!doctype html><html lang=\"th\"><head><title>ข่าวประชาสัมพันธ์</title></head><body>\n");
    for _ in 0..dice.between(4, 40) {
        html.push_str("<p>ขอเชิญเจ้าหน้าที่รับวัคซีนไข้หวัดใหญ่ที่ห้องตรวจสุขภาพ ชั้น 2 เวลา 08:30–15:30 น.</p>\n");
    }
    html.push_str("</body></html>\n");
    html.into_bytes()
}
