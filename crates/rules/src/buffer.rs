//! Names of inspectable buffers: Suricata's documented sticky buffers, their older names, and content modifiers.
//!
//! Which of them this engine can show is decided by what protocols declare, when rules are compiled.

use serde::{Deserialize, Serialize};

/// What a rule's contents are looked for in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Buffer {
    /// The packet's payload and the reassembled stream.
    Payload,
    /// A buffer that a protocol declares, by its name.
    Named(String),
    /// A frame: the protocol when it is written, and the frame's type.
    Frame {
        protocol: Option<String>,
        kind: String,
    },
    Header(Header),
    /// The packet's addresses as bytes in network order.
    SourceAddress,
    DestinationAddress,
    /// What `base64_decode` gave.
    Base64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Header {
    Ipv4,
    Ipv6,
    Tcp,
    Udp,
    Icmpv4,
    Icmpv6,
}

/// Older or other names of sticky buffers, and what they are called now.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("dce_stub_data", "dcerpc.stub_data"),
    ("dns.answer.name", "dns.answers.rrname"),
    ("dns.query.name", "dns.queries.rrname"),
    ("dns_query", "dns.query"),
    ("dnp3_data", "dnp3.data"),
    ("file_data", "file.data"),
    ("http.response_header_names", "http.header_names"),
    ("http_accept", "http.accept"),
    ("http_accept_enc", "http.accept_enc"),
    ("http_accept_lang", "http.accept_lang"),
    ("http_connection", "http.connection"),
    ("http_content_len", "http.content_len"),
    ("http_content_type", "http.content_type"),
    ("http_header_names", "http.header_names"),
    ("http_protocol", "http.protocol"),
    ("http_referer", "http.referer"),
    ("http_request_line", "http.request_line"),
    ("http_response_line", "http.response_line"),
    ("http_start", "http.start"),
    ("ja3_hash", "ja3.hash"),
    ("ja3_string", "ja3.string"),
    ("ja4_hash", "ja4.hash"),
    ("krb5.cname", "krb5_cname"),
    ("krb5.sname", "krb5_sname"),
    ("sip.ua", "sip.user_agent"),
    ("smb_named_pipe", "smb.named_pipe"),
    ("smb_share", "smb.share"),
    ("ssh_proto", "ssh.proto"),
    ("ssh_software", "ssh.software"),
    ("tls_cert_fingerprint", "tls.cert_fingerprint"),
    ("tls_cert_issuer", "tls.cert_issuer"),
    ("tls_cert_serial", "tls.cert_serial"),
    ("tls_cert_subject", "tls.cert_subject"),
    ("tls_certs", "tls.certs"),
    ("tls_sni", "tls.sni"),
];

/// Content modifiers: they move the content before them into a buffer.
const MODIFIERS: &[(&str, &str)] = &[
    ("http_client_body", "http.request_body"),
    ("http_cookie", "http.cookie"),
    ("http_header", "http.header"),
    ("http_host", "http.host"),
    ("http_method", "http.method"),
    ("http_raw_header", "http.header.raw"),
    ("http_raw_host", "http.host.raw"),
    ("http_raw_uri", "http.uri.raw"),
    ("http_server_body", "http.response_body"),
    ("http_stat_code", "http.stat_code"),
    ("http_stat_msg", "http.stat_msg"),
    ("http_uri", "http.uri"),
    ("http_user_agent", "http.user_agent"),
];

/// Suricata 8's sticky buffers of application protocols.
const STICKY: &[&str] = &[
    "cip.service_name",
    "dcerpc.stub_data",
    "dnp3.data",
    "dns.additionals.rrname",
    "dns.answers.rrname",
    "dns.authorities.rrname",
    "dns.queries.rrname",
    "dns.query",
    "dns.response.rrname",
    "email.body_md5",
    "email.cc",
    "email.command",
    "email.date",
    "email.from",
    "email.message_id",
    "email.received",
    "email.subject",
    "email.to",
    "email.url",
    "email.x_mailer",
    "enip.product_name",
    "enip.service_name",
    "file.data",
    "file.magic",
    "file.name",
    "ftp.command",
    "ftp.command_data",
    "ftp.completion_code",
    "ftp.reply",
    "http.accept",
    "http.accept_enc",
    "http.accept_lang",
    "http.connection",
    "http.content_len",
    "http.content_type",
    "http.cookie",
    "http.header",
    "http.header.raw",
    "http.header_names",
    "http.host",
    "http.host.raw",
    "http.location",
    "http.method",
    "http.protocol",
    "http.referer",
    "http.request_body",
    "http.request_header",
    "http.request_line",
    "http.response_body",
    "http.response_header",
    "http.response_line",
    "http.server",
    "http.start",
    "http.stat_code",
    "http.stat_msg",
    "http.uri",
    "http.uri.raw",
    "http.user_agent",
    "http2.header",
    "http2.header_name",
    "ike.init_spi",
    "ike.key_exchange_payload",
    "ike.nonce_payload",
    "ike.resp_spi",
    "ike.vendor",
    "ja3.hash",
    "ja3.string",
    "ja3s.hash",
    "ja3s.string",
    "ja4.hash",
    "krb5_cname",
    "krb5_sname",
    "ldap.request.attribute_type",
    "ldap.request.dn",
    "ldap.responses.attribute_type",
    "ldap.responses.dn",
    "ldap.responses.message",
    "llmnr.additionals.rrname",
    "llmnr.answers.rrname",
    "llmnr.authorities.rrname",
    "llmnr.queries.rrname",
    "llmnr.response.rrname",
    "mdns.additionals.rrname",
    "mdns.answers.rrname",
    "mdns.authorities.rrname",
    "mdns.queries.rrname",
    "mdns.response.rrname",
    "mqtt.connect.clientid",
    "mqtt.connect.password",
    "mqtt.connect.protocol_string",
    "mqtt.connect.username",
    "mqtt.connect.willmessage",
    "mqtt.connect.willtopic",
    "mqtt.publish.message",
    "mqtt.publish.topic",
    "mqtt.subscribe.topic",
    "mqtt.unsubscribe.topic",
    "pgsql.query",
    "quic.cyu.hash",
    "quic.cyu.string",
    "quic.sni",
    "quic.ua",
    "quic.version",
    "rfb.name",
    "sdp.attribute",
    "sdp.bandwidth",
    "sdp.connection_data",
    "sdp.email",
    "sdp.encryption_key",
    "sdp.media.connection_data",
    "sdp.media.encryption_key",
    "sdp.media.media",
    "sdp.media.media_info",
    "sdp.origin",
    "sdp.phone_number",
    "sdp.repeat_time",
    "sdp.session_info",
    "sdp.session_name",
    "sdp.time",
    "sdp.timezone",
    "sdp.uri",
    "sip.content_length",
    "sip.content_type",
    "sip.from",
    "sip.method",
    "sip.protocol",
    "sip.request_line",
    "sip.response_line",
    "sip.stat_code",
    "sip.stat_msg",
    "sip.to",
    "sip.uri",
    "sip.user_agent",
    "sip.via",
    "smb.named_pipe",
    "smb.ntlmssp_domain",
    "smb.ntlmssp_user",
    "smb.share",
    "smtp.helo",
    "smtp.mail_from",
    "smtp.rcpt_to",
    "snmp.community",
    "snmp.usm",
    "ssh.hassh",
    "ssh.hassh.server",
    "ssh.hassh.server.string",
    "ssh.hassh.string",
    "ssh.proto",
    "ssh.software",
    "tls.alpn",
    "tls.cert_fingerprint",
    "tls.cert_issuer",
    "tls.cert_serial",
    "tls.cert_subject",
    "tls.certs",
    "tls.random",
    "tls.random_bytes",
    "tls.random_time",
    "tls.sni",
    "tls.subjectaltname",
    "websocket.payload",
];

/// Buffers of the packet itself.
const PACKET: &[(&str, Buffer)] = &[
    ("icmpv4.hdr", Buffer::Header(Header::Icmpv4)),
    ("icmpv6.hdr", Buffer::Header(Header::Icmpv6)),
    ("ip.dst", Buffer::DestinationAddress),
    ("ip.src", Buffer::SourceAddress),
    ("ipv4.hdr", Buffer::Header(Header::Ipv4)),
    ("ipv6.hdr", Buffer::Header(Header::Ipv6)),
    ("tcp.hdr", Buffer::Header(Header::Tcp)),
    ("udp.hdr", Buffer::Header(Header::Udp)),
];

/// The sticky buffer of a keyword.
pub(crate) fn sticky(keyword: &str, declared: &[String]) -> Option<Buffer> {
    if let Some((_, buffer)) = PACKET.iter().find(|(name, _)| *name == keyword) {
        return Some(buffer.clone());
    }
    let name = OTHER_NAMES.iter().find(|(other, _)| *other == keyword).map_or(keyword, |(_, name)| name);
    let known = STICKY.binary_search(&name).is_ok() || declared.iter().any(|d| d == name);
    known.then(|| Buffer::Named(name.to_owned()))
}

/// The buffer of a content modifier.
pub(crate) fn modifier(keyword: &str) -> Option<&'static str> {
    MODIFIERS.iter().find(|(name, _)| *name == keyword).map(|(_, buffer)| *buffer)
}

pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    let others = OTHER_NAMES.iter().chain(MODIFIERS).map(|(name, _)| *name);
    STICKY.iter().copied().chain(others).chain(PACKET.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_other_names_lead_into_it() {
        assert!(STICKY.is_sorted());
        for (other, name) in OTHER_NAMES {
            assert!(STICKY.contains(name), "{other} leads to {name}");
        }
        for (modifier, name) in MODIFIERS {
            assert!(STICKY.contains(name), "{modifier} leads to {name}");
        }
    }
}
