//! Fingerprints of hellos: JA3, JA3S (Salesforce, 2017) and JA4's TLS client part (FoxIO, BSD 3-Clause).

use super::hello::{EXTENSION_ALPN, EXTENSION_SNI, Hello};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use std::fmt::{Display, Write as _};

/// RFC 8701: values that clients add so that servers keep ignoring the unknown.
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn joined<T: Display>(values: impl Iterator<Item = T>, between: char) -> String {
    let mut out = String::new();
    for value in values {
        if !out.is_empty() {
            out.push(between);
        }
        let _ = write!(out, "{value}");
    }
    out
}

fn without_grease(values: &[u16]) -> impl Iterator<Item = u16> {
    values.iter().copied().filter(|value| !is_grease(*value))
}

pub(crate) fn ja3(hello: &Hello) -> String {
    format!(
        "{},{},{},{},{}",
        hello.version,
        joined(without_grease(&hello.ciphers), '-'),
        joined(without_grease(&hello.extensions), '-'),
        joined(without_grease(&hello.groups), '-'),
        joined(hello.points.iter(), '-'),
    )
}

pub(crate) fn ja3s(hello: &Hello) -> String {
    format!("{},{},{}", hello.version, joined(hello.ciphers.iter(), '-'), joined(hello.extensions.iter(), '-'))
}

pub(crate) fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// What carries the hello: the first letter of a JA4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    Quic,
}

impl Carrier {
    fn letter(self) -> char {
        match self {
            Self::Tcp => 't',
            Self::Quic => 'q',
        }
    }
}

/// JA4: `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub(crate) fn ja4(hello: &Hello, carrier: Carrier) -> String {
    let mut ciphers: Vec<u16> = without_grease(&hello.ciphers).collect();
    let mut extensions: Vec<u16> = without_grease(&hello.extensions).collect();
    let version = without_grease(&hello.versions).max().unwrap_or(hello.version);
    let version = match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0200 | 0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    };
    let sni = if hello.extensions.contains(&EXTENSION_SNI) { 'd' } else { 'i' };
    let alpn = alpn_letters(hello.alpn.first().map(Vec::as_slice).unwrap_or_default());
    let carrier = carrier.letter();
    let first = format!("{carrier}{version}{sni}{:02}{:02}{alpn}", ciphers.len().min(99), extensions.len().min(99));
    ciphers.sort_unstable();
    extensions.retain(|kind| *kind != EXTENSION_SNI && *kind != EXTENSION_ALPN);
    extensions.sort_unstable();
    let words = |values: &[u16]| joined(values.iter().map(|value| format!("{value:04x}")), ',');
    let second = truncated_hash(&words(&ciphers));
    let mut third = words(&extensions);
    let signatures: Vec<u16> = without_grease(&hello.signatures).collect();
    if !signatures.is_empty() {
        third.push('_');
        third.push_str(&words(&signatures));
    }
    let third = if extensions.is_empty() { "000000000000".to_owned() } else { truncated_hash(&third) };
    format!("{first}_{second}_{third}")
}

fn truncated_hash(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".to_owned();
    }
    hex(Sha256::digest(text.as_bytes()).get(..6).unwrap_or_default())
}

/// The first and last letter of the first protocol; of its hexadecimal form when either is no letter or digit. FoxIO's
/// own tools write 9 for what is not ASCII at all.
fn alpn_letters(protocol: &[u8]) -> String {
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    if !first.is_ascii() && !last.is_ascii() {
        return "99".to_owned();
    }
    let text = hex(protocol);
    let mut letters = text.chars();
    match (letters.next(), letters.next_back()) {
        (Some(first), Some(last)) => [first, last].iter().collect(),
        _ => "00".to_owned(),
    }
}
