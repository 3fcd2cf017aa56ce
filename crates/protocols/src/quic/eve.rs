//! A packet as EVE's `quic` object.

use super::packet::Packet;
use crate::tls::hello::{EXTENSION_ALPN, EXTENSION_SNI};
use phitak_model::{Direction, json::Writer};

/// IANA's names of TLS extensions; Suricata shortens the one of ALPN.
const EXTENSIONS: &[(u16, &str)] = &[
    (0, "server_name"),
    (1, "max_fragment_length"),
    (2, "client_certificate_url"),
    (3, "trusted_ca_keys"),
    (4, "truncated_hmac"),
    (5, "status_request"),
    (6, "user_mapping"),
    (7, "client_authz"),
    (8, "server_authz"),
    (9, "cert_type"),
    (10, "supported_groups"),
    (11, "ec_point_formats"),
    (12, "srp"),
    (13, "signature_algorithms"),
    (14, "use_srtp"),
    (15, "heartbeat"),
    (16, "alpn"),
    (17, "status_request_v2"),
    (18, "signed_certificate_timestamp"),
    (19, "client_certificate_type"),
    (20, "server_certificate_type"),
    (21, "padding"),
    (22, "encrypt_then_mac"),
    (23, "extended_master_secret"),
    (24, "token_binding"),
    (25, "cached_info"),
    (27, "compress_certificate"),
    (28, "record_size_limit"),
    (34, "delegated_credentials"),
    (35, "session_ticket"),
    (41, "pre_shared_key"),
    (42, "early_data"),
    (43, "supported_versions"),
    (44, "cookie"),
    (45, "psk_key_exchange_modes"),
    (47, "certificate_authorities"),
    (48, "oid_filters"),
    (49, "post_handshake_auth"),
    (50, "signature_algorithms_cert"),
    (51, "key_share"),
    (57, "quic_transport_parameters"),
    (13172, "next_protocol_negotiation"),
    (17513, "application_settings"),
    (65281, "renegotiation_info"),
];

pub(super) fn write(packet: &Packet, out: &mut Writer) {
    out.key("quic");
    out.begin_object();
    if !packet.version.is_empty() {
        out.member_str("version", &packet.version);
    }
    for (key, value) in [("sni", &packet.sni), ("ua", &packet.user_agent)] {
        if let Some(value) = value {
            out.member_bytes(key, value);
        }
    }
    if let Some(cyu) = &packet.cyu {
        out.key("cyu");
        out.begin_array();
        pair(&cyu.hash, &cyu.string, out);
        out.end_array();
    }
    if !packet.ja3.is_empty() {
        out.key(if packet.direction == Direction::ToServer { "ja3" } else { "ja3s" });
        pair(&packet.ja3_hash, &packet.ja3, out);
    }
    if !packet.ja4.is_empty() {
        out.member_str("ja4", &packet.ja4);
    }
    extensions(packet, out);
    out.end_object();
}

fn pair(hash: &str, string: &str, out: &mut Writer) {
    out.begin_object();
    out.member_str("hash", hash);
    out.member_str("string", string);
    out.end_object();
}

fn extensions(packet: &Packet, out: &mut Writer) {
    let Some(hello) = packet.hello.as_ref().filter(|hello| !hello.extensions.is_empty()) else { return };
    out.key("extensions");
    out.begin_array();
    for kind in &hello.extensions {
        out.begin_object();
        if let Ok(at) = EXTENSIONS.binary_search_by_key(kind, |(number, _)| *number)
            && let Some((_, name)) = EXTENSIONS.get(at)
        {
            out.member_str("name", name);
        }
        out.member_number("type", u64::from(*kind));
        let values: &[Vec<u8>] = match *kind {
            EXTENSION_SNI => hello.sni.as_slice(),
            EXTENSION_ALPN => &hello.alpn,
            _ => &[],
        };
        if !values.is_empty() {
            out.key("values");
            out.begin_array();
            for value in values {
                out.bytes(value);
            }
            out.end_array();
        }
        out.end_object();
    }
    out.end_array();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted() {
        assert!(EXTENSIONS.is_sorted_by_key(|(number, _)| *number));
    }
}
