//! Printers: raw jobs on port 9100 (PJL and PCL), LPD (RFC 1179), and IPP 2.0 over HTTP (RFC 8010).

use super::Service;
use crate::{
    dice::Dice,
    hospital::Role,
    scene::Scene,
    wire::{Put, Side, Tcp},
};

pub const SERVICE: Service = Service { name: "printing", per_minute: 5, play };

const OPERATION: u8 = 1;
const END: u8 = 3;
const CHARSET: u8 = 0x47;
const LANGUAGE: u8 = 0x48;
const URI: u8 = 0x45;
const NAME: u8 = 0x42;
const KEYWORD: u8 = 0x44;
const MEDIA: u8 = 0x49;

fn play(scene: &mut Scene<'_>, at: i64) {
    let client = scene.any_pc();
    let printers = scene.present(Role::Printer);
    let printer = *scene.dice.pick(&printers);
    let mut dice = scene.dice.fork();
    let port = *dice.pick(&[9100, 9100, 631, 515]);
    let mut tcp = scene.connect(at, client.end(), printer.end(), port);
    match port {
        631 => ipp(&mut tcp, &printer.name, &client.name, &mut dice),
        515 => lpd(&mut tcp, &client.name, &mut dice),
        _ => raw(&mut tcp, &client.name, &mut dice),
    }
    scene.keep(tcp.close(Side::Client));
}

fn raw(tcp: &mut Tcp, user: &str, dice: &mut Dice) {
    let mut job = format!(
        "\x1b%-12345X@PJL JOB NAME=\"queue-slip\"\r\n@PJL SET USERNAME=\"{user}\"\r\n@PJL ENTER LANGUAGE=PCL\r\n"
    );
    job.push_str("\x1bE\x1b&l26A\x1b&l0O\x1b(s10H");
    for line in 0..dice.between(20, 200) {
        job.push_str(&format!("OPD QUEUE {:04} ROOM {}\r\n", dice.below(2000), line % 12));
    }
    job.push_str("\x1bE\x1b%-12345X@PJL EOJ\r\n\x1b%-12345X");
    tcp.client(job.as_bytes());
    tcp.wait(dice.between(200_000, 900_000)).server(b"@PJL USTATUS JOB\r\nEND\r\n\x0c");
}

fn lpd(tcp: &mut Tcp, client: &str, dice: &mut Dice) {
    let number = dice.below(1000);
    let control = format!("H{client}\nP{client}\nJqueue-slip\nldfA{number:03}{client}\nNslip.txt\n");
    let data = b"DRUG LABEL: TAKE ONE TABLET AFTER MEALS\r\n".repeat(dice.between(20, 300) as usize);
    tcp.client(b"\x02lp\n").think().server(&[0]);
    tcp.client(format!("\x02{} cfA{number:03}{client}\n", control.len()).as_bytes()).think().server(&[0]);
    tcp.client(format!("{control}\0").as_bytes()).think().server(&[0]);
    tcp.client(format!("\x03{} dfA{number:03}{client}\n", data.len()).as_bytes()).think().server(&[0]);
    tcp.client(&[data, vec![0]].concat()).think().server(&[0]);
}

fn ipp(tcp: &mut Tcp, printer: &str, user: &str, dice: &mut Dice) {
    let uri = format!("ipp://{printer}:631/ipp/print");
    let mut job = vec![2, 0];
    job.be16(0x0002).be32(dice.below(9000) as u32 + 1).u8(OPERATION);
    attribute(&mut job, CHARSET, "attributes-charset", "utf-8");
    attribute(&mut job, LANGUAGE, "attributes-natural-language", "th");
    attribute(&mut job, URI, "printer-uri", &uri);
    attribute(&mut job, NAME, "requesting-user-name", user);
    attribute(&mut job, NAME, "job-name", "appointment");
    attribute(&mut job, MEDIA, "document-format", "application/octet-stream");
    job.u8(END);
    let length = dice.between(3_000, 40_000) as usize;
    job.raw(&dice.bytes(length));
    let head = format!(
        "POST /ipp/print HTTP/1.1\r\nHost: {printer}:631\r\nUser-Agent: Windows-IPP/10.0\r\nContent-Type: application/ipp\r\nContent-Length: {}\r\n\r\n",
        job.len()
    );
    tcp.client(&[head.into_bytes(), job].concat()).think();
    let mut answer = vec![2, 0];
    answer.be16(0).be32(1).u8(OPERATION);
    attribute(&mut answer, CHARSET, "attributes-charset", "utf-8");
    attribute(&mut answer, LANGUAGE, "attributes-natural-language", "th");
    answer.u8(2);
    attribute(&mut answer, KEYWORD, "job-state-reasons", "none");
    answer.u8(END);
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: Printer\r\nContent-Type: application/ipp\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    );
    tcp.server(&[head.into_bytes(), answer].concat());
}

fn attribute(out: &mut Vec<u8>, kind: u8, name: &str, value: &str) {
    out.u8(kind).part16(name.as_bytes()).part16(value.as_bytes());
}
