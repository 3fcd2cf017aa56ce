//! Stock and accounting on SQL Server (MS-TDS 7.4): healthy servers encrypt (TLS inside pre-login packets), weak ones say
//! that they cannot.

use super::{Service, tls};
use crate::{
    certificate::Validity,
    dice::Dice,
    hospital::{Host, Role},
    scene::Scene,
    weakness::Kind,
    wire::{Put, Side, Tcp},
};
use phitak_model::TlsVersion;

pub const SERVICE: Service = Service { name: "mssql", per_minute: 4, play };

const BATCH: u8 = 0x01;
const ANSWER: u8 = 0x04;
const LOGIN: u8 = 0x10;
const PRELOGIN: u8 = 0x12;
const ENCRYPT_ON: u8 = 1;
const ENCRYPT_NOT_SUPPORTED: u8 = 2;

pub fn play(scene: &mut Scene<'_>, at: i64) {
    let department = *scene.dice.pick(&["fin", "phar"]);
    let client = scene.pc_of(department);
    let server = scene.hospital.first(Role::Stock);
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client.end(), server.end(), 1433);
    let weak = scene.is_weak(server, Kind::Database);
    let encryption = if weak { ENCRYPT_NOT_SUPPORTED } else { ENCRYPT_ON };
    tcp.client(&packet(PRELOGIN, &prelogin([16, 0, 0, 0, 0, 0], encryption)));
    tcp.think().server(&packet(ANSWER, &prelogin([15, 0, 0x10, 0xcc, 0, 0], encryption)));
    if weak {
        in_the_clear(&mut tcp, client, server, &mut dice);
    } else {
        let name = scene.hospital.full_name(server);
        let chain = scene.authority.chain(&name, Validity::Good);
        let session = tls::Session { server_name: None, version: TlsVersion::Tls12, chain, alpn: &[] };
        for (side, bytes) in tls::handshake(&session, &mut dice) {
            tcp.think().send(side, &packet(PRELOGIN, &bytes));
        }
        for (up, down) in [(280, 420), (160, 900), (180, 700)] {
            tcp.wait(dice.between(2_000, 500_000)).client(&tls::sealed(session.version, up, &mut dice));
            tcp.think().server(&tls::sealed(session.version, down, &mut dice));
        }
    }
    scene.keep(tcp.close(Side::Client));
}

fn in_the_clear(tcp: &mut Tcp, client: &Host, server: &Host, dice: &mut Dice) {
    tcp.think().client(&packet(LOGIN, &login(client, server)));
    tcp.think().server(&packet(ANSWER, &login_answer()));
    for table in ["drug_stock", "purchase_order"] {
        let mut batch = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0];
        batch.zeros(8).le32(1);
        batch.utf16(&format!("SELECT TOP 20 qty FROM dbo.{table} WHERE lot = {}", dice.below(9_999)));
        tcp.wait(dice.between(90_000, 700_000)).client(&packet(BATCH, &batch)).think();
        tcp.server(&packet(ANSWER, &rows(dice)));
    }
}

/// One packet that ends its message. Nothing here reaches the negotiated 4,096 bytes but TLS certificates, and those go
/// in packets of their own size.
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 1];
    out.be16(body.len() as u16 + 8).be16(0).u8(1).u8(0).raw(body);
    out
}

fn prelogin(version: [u8; 6], encryption: u8) -> Vec<u8> {
    let mut out = vec![0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 4, 0, 23, 0, 1, 0xff];
    out.raw(&version).u8(encryption).u8(0);
    out
}

/// LOGIN7 (MS-TDS 2.2.6.4).
fn login(client: &Host, server: &Host) -> Vec<u8> {
    let server_name = server.netbios();
    let client_name = client.netbios();
    let texts = [&client_name, "stock", "Inven7ed", "StockClient", &server_name, "", "ODBC", "", "stock"];
    let mut head = Vec::new();
    head.le32(0x7400_0004)
        .le32(4096)
        .le32(7)
        .le32(4321)
        .le32(0)
        .u8(0xe0)
        .u8(3)
        .u8(0)
        .u8(0)
        .le32(0xffff_fe5c)
        .le32(0x041e);
    let mut data = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        head.le16(94 + data.len() as u16).le16(text.encode_utf16().count() as u16);
        let mut value = Vec::new();
        value.utf16(text);
        if number == 2 {
            value.iter_mut().for_each(|byte| *byte = byte.rotate_left(4) ^ 0xa5);
        }
        data.extend(value);
    }
    head.raw(&client.mac.0);
    for _ in 0..3 {
        head.le16(94 + data.len() as u16).le16(0);
    }
    head.le32(0);
    let mut out = Vec::new();
    out.le32((head.len() + data.len() + 4) as u32).raw(&head).raw(&data);
    out
}

/// LOGINACK and DONE.
fn login_answer() -> Vec<u8> {
    let mut name = Vec::new();
    name.utf16("Microsoft SQL Server\0\0");
    let mut ack = vec![1];
    ack.be32(0x7400_0004).u8(name.len() as u8 / 2).raw(&name).raw(&[15, 0, 0x10, 0xcc]);
    let mut out = vec![0xad];
    out.le16(ack.len() as u16).raw(&ack);
    done(&mut out, 0, 0);
    out
}

/// One column of four-byte integers.
fn rows(dice: &mut Dice) -> Vec<u8> {
    let mut out = vec![0x81];
    out.le16(1).le32(0).le16(0).u8(0x38).u8(3).utf16("qty");
    let count = dice.between(2, 20);
    for _ in 0..count {
        out.u8(0xd1).le32(dice.below(5_000) as u32);
    }
    done(&mut out, 0x10, count as u64);
    out
}

fn done(out: &mut Vec<u8>, status: u16, rows: u64) {
    out.u8(0xfd).le16(status).le16(0xc1).le64(rows);
}
