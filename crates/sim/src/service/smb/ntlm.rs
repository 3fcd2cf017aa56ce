//! NTLM (MS-NLMP) inside SPNEGO (RFC 4178): the three tokens of a log-in.

use super::{Account, file_time};
use crate::{dice::Dice, wire::Put};

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const MECHANISM: [u8; 12] = [0x06, 0x0a, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a];
const SPNEGO: [u8; 8] = [0x06, 0x06, 0x2b, 6, 1, 5, 5, 2];
/// Windows 10.0, build 19041, NTLM revision 15.
const VERSION: [u8; 8] = [10, 0, 0x61, 0x4a, 0, 0, 0, 15];

/// What the server offers when dialects are negotiated.
#[must_use]
pub fn offer() -> Vec<u8> {
    let inner = der(0x30, &der(0xa0, &der(0x30, &MECHANISM)));
    der(0x60, &[SPNEGO.to_vec(), der(0xa0, &inner)].concat())
}

/// The client's first token.
#[must_use]
pub fn negotiate() -> Vec<u8> {
    let mut token = SIGNATURE.to_vec();
    token.le32(1).le32(0xe208_8297).zeros(16).raw(&VERSION);
    let inner = der(0x30, &[der(0xa0, &der(0x30, &MECHANISM)), der(0xa2, &der(4, &token))].concat());
    der(0x60, &[SPNEGO.to_vec(), der(0xa0, &inner)].concat())
}

/// The server's challenge: it tells its names.
#[must_use]
pub fn challenge(account: &Account, now: i64, dice: &mut Dice) -> Vec<u8> {
    let target = wide(&account.domain);
    let mut info = Vec::new();
    let texts = [(2, &account.domain), (1, &account.server), (4, &account.dns_domain), (3, &account.server_dns)];
    for (id, text) in texts {
        let value = wide(text);
        info.le16(id).le16(value.len() as u16).raw(&value);
    }
    info.le16(7).le16(8).le64(file_time(now)).le32(0);
    let mut token = SIGNATURE.to_vec();
    token.le32(2);
    field(&mut token, target.len(), 56);
    token.le32(0xe289_8215).raw(&dice.bytes(8)).zeros(8);
    field(&mut token, info.len(), 56 + target.len());
    token.raw(&VERSION).raw(&target).raw(&info);
    let parts = [der(0xa0, &der(0x0a, &[1])), der(0xa1, &MECHANISM), der(0xa2, &der(4, &token))];
    der(0xa1, &der(0x30, &parts.concat()))
}

/// The client's answer, with the shapes of NTLMv2 and random proofs.
#[must_use]
pub fn authenticate(account: &Account, now: i64, dice: &mut Dice) -> Vec<u8> {
    let mut proof = dice.bytes(16);
    proof.raw(&[1, 1, 0, 0, 0, 0, 0, 0]).le64(file_time(now)).raw(&dice.bytes(8)).le32(0).le32(0).le32(0);
    let texts = [vec![0; 24], proof, wide(&account.domain), wide(&account.user), wide(&account.client), dice.bytes(16)];
    let mut token = SIGNATURE.to_vec();
    token.le32(3);
    let mut at = 88;
    for text in &texts {
        field(&mut token, text.len(), at);
        at += text.len();
    }
    token.le32(0xe288_8215).raw(&VERSION).raw(&dice.bytes(16));
    for text in &texts {
        token.raw(text);
    }
    der(0xa1, &der(0x30, &der(0xa2, &der(4, &token))))
}

/// The server is content.
#[must_use]
pub fn accepted() -> Vec<u8> {
    der(0xa1, &der(0x30, &der(0xa0, &der(0x0a, &[0]))))
}

fn field(out: &mut Vec<u8>, length: usize, at: usize) {
    out.le16(length as u16).le16(length as u16).le32(at as u32);
}

pub fn wide(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    out.utf16(text);
    out
}

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match body.len() {
        length @ 0..=127 => out.u8(length as u8),
        length @ 128..=255 => out.u8(0x81).u8(length as u8),
        length => out.u8(0x82).be16(length as u16),
    };
    out.raw(body);
    out
}
