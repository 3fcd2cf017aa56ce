//! A handshake as EVE's `tls` object, extended form.

use super::{certificate::moment, handshake::Handshake};
use phitak_model::{Direction, json::Writer};

pub(super) fn write(handshake: &Handshake, out: &mut Writer) {
    out.key("tls");
    out.begin_object();
    let certificate = handshake.certificate(Direction::ToClient);
    if let Some(certificate) = certificate {
        out.member_str("subject", &certificate.subject);
        out.member_str("issuerdn", &certificate.issuer);
        if !certificate.alternative_names.is_empty() {
            list("subjectaltname", certificate.alternative_names.iter().map(String::as_bytes), out);
        }
    }
    if let Some(protocol) = handshake.begun_as {
        out.member_str("from_proto", protocol);
    }
    if handshake.resumed {
        out.member_bool("session_resumed", true);
    }
    if let Some(certificate) = certificate {
        out.member_str("serial", &certificate.serial);
        out.member_str("fingerprint", &certificate.fingerprint);
    }
    if let Some(sni) = handshake.client.as_ref().and_then(|hello| hello.sni.as_deref()) {
        out.member_bytes("sni", sni);
    }
    out.member_str("version", &version(handshake.version()));
    if let Some(certificate) = certificate {
        out.member_str("notbefore", &moment(certificate.not_before));
        out.member_str("notafter", &moment(certificate.not_after));
    }
    for (key, hash, string) in
        [("ja3", &handshake.ja3_hash, &handshake.ja3), ("ja3s", &handshake.ja3s_hash, &handshake.ja3s)]
    {
        if !hash.is_empty() {
            out.key(key);
            out.begin_object();
            out.member_str("hash", hash);
            out.member_str("string", string);
            out.end_object();
        }
    }
    if !handshake.ja4.is_empty() {
        out.member_str("ja4", &handshake.ja4);
    }
    if let Some(hello) = handshake.client.as_ref().filter(|hello| !hello.alpn.is_empty()) {
        list("client_alpns", hello.alpn.iter().map(Vec::as_slice), out);
    }
    if let Some(alpn) = handshake.server.as_ref().and_then(|hello| hello.alpn.first()) {
        out.member_bytes("server_alpn", alpn);
    }
    out.end_object();
}

fn list<'a>(key: &str, values: impl Iterator<Item = &'a [u8]>, out: &mut Writer) {
    out.key(key);
    out.begin_array();
    for value in values {
        out.bytes(value);
    }
    out.end_array();
}

fn version(number: u16) -> String {
    match number {
        0 => "UNDETERMINED".to_owned(),
        0x0002 => "SSLv2".to_owned(),
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv1".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        draft @ 0x7f00..=0x7fff => format!("TLS 1.3 draft-{}", draft & 0xff),
        other => format!("0x{other:04x}"),
    }
}
