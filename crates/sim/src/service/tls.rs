//! TLS as a watcher sees it (RFC 2246, 4346, 5246, 8446): hellos, real certificates, and records of random bytes where
//! the real ones are encrypted.

use crate::{
    dice::Dice,
    wire::{Put, Side, Tcp},
};
use phitak_model::TlsVersion;

const HANDSHAKE: u8 = 22;
const CHANGE_CIPHER_SPEC: u8 = 20;
const APPLICATION_DATA: u8 = 23;
const RECORD_BYTES_MAX: usize = 16_384;
/// What authenticated encryption adds to a record.
const SEAL_BYTES: usize = 24;

/// A session to be.
#[derive(Clone, Debug)]
pub struct Session {
    /// The name in the client's hello; none when it knows only an address.
    pub server_name: Option<String>,
    /// What the server chooses.
    pub version: TlsVersion,
    pub chain: Vec<Vec<u8>>,
    /// Protocols offered by ALPN; the first is chosen.
    pub alpn: &'static [&'static str],
}

/// Whole handshake, in turns.
#[must_use]
pub fn handshake(session: &Session, dice: &mut Dice) -> Vec<(Side, Vec<u8>)> {
    let session_id = dice.bytes(32);
    let hello = record(HANDSHAKE, 0x0301, &client_hello(session, &session_id, dice));
    let mut turns = vec![(Side::Client, hello)];
    if session.version == TlsVersion::Tls13 {
        turns.extend(rest_of_tls13(session, &session_id, dice));
    } else {
        turns.extend(rest_before_tls13(session, &session_id, dice));
    }
    turns
}

/// Plays the handshake on a connection.
pub fn play_handshake(tcp: &mut Tcp, session: &Session, dice: &mut Dice) {
    for (side, bytes) in handshake(session, dice) {
        tcp.think().send(side, &bytes);
    }
}

/// `length` bytes of plain text, as they look sealed.
#[must_use]
pub fn sealed(version: TlsVersion, length: usize, dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    let mut left = length;
    while left > 0 {
        let part = left.min(RECORD_BYTES_MAX);
        let body = dice.bytes(part + SEAL_BYTES);
        out.extend(record(APPLICATION_DATA, record_version(version), &body));
        left -= part;
    }
    out
}

fn rest_of_tls13(session: &Session, session_id: &[u8], dice: &mut Dice) -> Vec<(Side, Vec<u8>)> {
    let certificates: usize = session.chain.iter().map(Vec::len).sum();
    let mut server = record(HANDSHAKE, 0x0303, &server_hello(session, session_id, dice));
    server.extend(record(CHANGE_CIPHER_SPEC, 0x0303, &[1]));
    for length in [40, certificates + 30, 100, 52] {
        server.extend(record(APPLICATION_DATA, 0x0303, &dice.bytes(length + 17)));
    }
    let mut client = record(CHANGE_CIPHER_SPEC, 0x0303, &[1]);
    client.extend(record(APPLICATION_DATA, 0x0303, &dice.bytes(53)));
    let tickets = record(APPLICATION_DATA, 0x0303, &dice.bytes(234));
    vec![(Side::Server, server), (Side::Client, client), (Side::Server, tickets)]
}

fn rest_before_tls13(session: &Session, session_id: &[u8], dice: &mut Dice) -> Vec<(Side, Vec<u8>)> {
    let version = record_version(session.version);
    let mut server = record(HANDSHAKE, version, &server_hello(session, session_id, dice));
    server.extend(record(HANDSHAKE, version, &certificate(&session.chain)));
    server.extend(record(HANDSHAKE, version, &server_key_exchange(session.version, dice)));
    server.extend(record(HANDSHAKE, version, &message(14, &[])));
    let mut exchange = vec![32];
    exchange.raw(&dice.bytes(32));
    let mut client = record(HANDSHAKE, version, &message(16, &exchange));
    client.extend(finish(version, dice));
    vec![(Side::Server, server), (Side::Client, client), (Side::Server, finish(version, dice))]
}

fn finish(version: u16, dice: &mut Dice) -> Vec<u8> {
    let mut out = record(CHANGE_CIPHER_SPEC, version, &[1]);
    out.extend(record(HANDSHAKE, version, &dice.bytes(40)));
    out
}

fn client_hello(session: &Session, session_id: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut body = Vec::new();
    body.be16(0x0303).raw(&dice.bytes(32)).u8(32).raw(session_id);
    let suites: [u16; 15] = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
        0xc009,
    ];
    body.be16(suites.len() as u16 * 2);
    for suite in suites {
        body.be16(suite);
    }
    body.u8(1).u8(0);
    let mut extensions = Vec::new();
    if let Some(name) = &session.server_name {
        let mut list = vec![0];
        list.part16(name.as_bytes());
        let mut value = Vec::new();
        value.part16(&list);
        extension(&mut extensions, 0, &value);
    }
    extension(&mut extensions, 23, &[]);
    extension(&mut extensions, 0xff01, &[0]);
    extension(&mut extensions, 10, &[0, 8, 0, 0x1d, 0, 0x17, 0, 0x18, 0, 0x19]);
    extension(&mut extensions, 11, &[1, 0]);
    extension(&mut extensions, 35, &[]);
    if !session.alpn.is_empty() {
        extension(&mut extensions, 16, &alpn(session.alpn));
    }
    extension(&mut extensions, 5, &[1, 0, 0, 0, 0]);
    extension(&mut extensions, 13, &[0, 14, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 7]);
    let mut share = Vec::new();
    share.be16(36).be16(0x1d).part16(&dice.bytes(32));
    extension(&mut extensions, 51, &share);
    extension(&mut extensions, 45, &[1, 1]);
    extension(&mut extensions, 43, &[8, 3, 4, 3, 3, 3, 2, 3, 1]);
    body.part16(&extensions);
    message(1, &body)
}

fn server_hello(session: &Session, session_id: &[u8], dice: &mut Dice) -> Vec<u8> {
    let tls13 = session.version == TlsVersion::Tls13;
    let mut body = Vec::new();
    body.be16(record_version(session.version)).raw(&dice.bytes(32)).u8(32);
    body.raw(&if tls13 { session_id.to_vec() } else { dice.bytes(32) });
    body.be16(match session.version {
        TlsVersion::Tls13 => 0x1301,
        TlsVersion::Tls12 => 0xc02b,
        _ => 0xc009,
    });
    body.u8(0);
    let mut extensions = Vec::new();
    if tls13 {
        let mut share = Vec::new();
        share.be16(0x1d).part16(&dice.bytes(32));
        extension(&mut extensions, 51, &share);
        extension(&mut extensions, 43, &[3, 4]);
    } else {
        extension(&mut extensions, 0xff01, &[0]);
        extension(&mut extensions, 23, &[]);
        extension(&mut extensions, 11, &[1, 0]);
        if let Some(chosen) = session.alpn.get(..1).filter(|_| session.version == TlsVersion::Tls12) {
            extension(&mut extensions, 16, &alpn(chosen));
        }
    }
    body.part16(&extensions);
    message(2, &body)
}

fn certificate(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut list = Vec::new();
    for certificate in chain {
        list.be24(certificate.len()).raw(certificate);
    }
    let mut body = Vec::new();
    body.be24(list.len()).raw(&list);
    message(11, &body)
}

/// An X25519 share, signed: RFC 8422 §5.4; the signature's algorithm is named from TLS 1.2 on.
fn server_key_exchange(version: TlsVersion, dice: &mut Dice) -> Vec<u8> {
    let mut body = Vec::new();
    body.u8(3).be16(0x1d).u8(32).raw(&dice.bytes(32));
    if version == TlsVersion::Tls12 {
        body.be16(0x0807);
    }
    body.part16(&dice.bytes(64));
    message(12, &body)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.be24(body.len()).raw(body);
    out
}

fn record(kind: u8, version: u16, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.be16(version).part16(body);
    out
}

fn record_version(version: TlsVersion) -> u16 {
    match version {
        TlsVersion::Ssl2 | TlsVersion::Ssl3 => 0x0300,
        TlsVersion::Tls10 => 0x0301,
        TlsVersion::Tls11 => 0x0302,
        TlsVersion::Tls12 | TlsVersion::Tls13 => 0x0303,
    }
}

fn extension(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.be16(kind).part16(value);
}

fn alpn(names: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        list.u8(name.len() as u8).raw(name.as_bytes());
    }
    let mut value = Vec::new();
    value.part16(&list);
    value
}
