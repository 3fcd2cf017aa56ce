//! The catalogue of keywords: what is known, what is refused and why.

use crate::{
    buffer, field,
    text::{Fault, Text, nearest},
    transform,
};

/// Keywords that the builder takes itself, sorted.
pub(crate) const TAKEN: &[&str] = &[
    "absent",
    "ack",
    "app-layer-event",
    "app-layer-protocol",
    "asn1",
    "base64_data",
    "base64_decode",
    "bsize",
    "bypass",
    "byte_extract",
    "byte_jump",
    "byte_math",
    "byte_test",
    "classtype",
    "config",
    "content",
    "datarep",
    "dataset",
    "decode-event",
    "depth",
    "detection_filter",
    "distance",
    "dsize",
    "endswith",
    "engine-event",
    "entropy",
    "fast_pattern",
    "fileext",
    "filemagic",
    "filename",
    "filestore",
    "flags",
    "flow",
    "flow.age",
    "flow.bytes",
    "flow.bytes_toclient",
    "flow.bytes_toserver",
    "flow.pkts",
    "flow.pkts_toclient",
    "flow.pkts_toserver",
    "flowbits",
    "flowint",
    "fragbits",
    "fragoffset",
    "frame",
    "gid",
    "hostbits",
    "icmp_id",
    "icmp_seq",
    "icmpv4-csum",
    "icmpv6-csum",
    "icmpv6.mtu",
    "icode",
    "id",
    "ip_proto",
    "ipopts",
    "iprep",
    "ipv4-csum",
    "isdataat",
    "itype",
    "metadata",
    "msg",
    "noalert",
    "nocase",
    "offset",
    "pcre",
    "pkt_data",
    "prefilter",
    "priority",
    "rawbytes",
    "reference",
    "requires",
    "rev",
    "rpc",
    "sameip",
    "seq",
    "sid",
    "ssh.softwareversion",
    "startswith",
    "stream-event",
    "stream_size",
    "tag",
    "target",
    "tcp.ack",
    "tcp.flags",
    "tcp.mss",
    "tcp.seq",
    "tcp.window",
    "tcp.wscale",
    "tcpv4-csum",
    "tcpv6-csum",
    "threshold",
    "tls.fingerprint",
    "tls.issuerdn",
    "tls.store",
    "tls.subject",
    "tls_cert_valid",
    "tls_store",
    "tos",
    "ttl",
    "udpv4-csum",
    "udpv6-csum",
    "uricontent",
    "urilen",
    "vlan.id",
    "vlan.layers",
    "window",
    "within",
    "xbits",
];

/// Documented keywords that are not supported, sorted, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("cip_service", "ENIP/CIP services are not parsed"),
    ("filemd5", "lists of file hashes are not read; use a dataset"),
    ("filesha1", "lists of file hashes are not read; use a dataset"),
    ("filesha256", "lists of file hashes are not read; use a dataset"),
    ("flow.elephant", "elephant flows are not told apart"),
    ("flowvar", "flow variables are not compared"),
    ("geoip", "no geographical database is read"),
    ("l3_proto", "write the protocol in the rule's head"),
    ("lua", "scripts do not run in this engine"),
    ("luajit", "scripts do not run in this engine"),
    ("luaxform", "scripts do not run in this engine"),
    ("modbus", "Modbus functions are not shown to rules"),
    ("nfq_set_mark", "packets are not marked: this engine only watches"),
    ("pktvar", "packet variables are not compared"),
    ("replace", "traffic is never changed: this engine only watches"),
    ("snmp.usm_user", "SNMP users are not shown to rules"),
];

/// Whether the language knows a keyword and can use it.
pub(crate) fn is_known(keyword: &str) -> bool {
    TAKEN.binary_search(&keyword).is_ok() || all().any(|k| k == keyword)
}

fn all() -> impl Iterator<Item = &'static str> {
    TAKEN.iter().copied().chain(buffer::keywords()).chain(field::keywords()).chain(transform::keywords())
}

/// Why a keyword cannot be used.
pub(crate) fn unusable(keyword: Text<'_>) -> Fault {
    if let Some((_, reason)) = REFUSED.iter().find(|(name, _)| *name == keyword.text) {
        return keyword.fault(format!("the keyword {} is not supported: {reason}", keyword.text));
    }
    let fault = keyword.fault(format!("the keyword {:?} is not known", keyword.text));
    match nearest(keyword.text, all()) {
        Some(near) => fault.hint(format!("did you mean {near}?")),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_do_not_overlap() {
        assert!(TAKEN.is_sorted());
        assert!(REFUSED.is_sorted());
        for (name, _) in REFUSED {
            assert!(!is_known(name), "{name}");
        }
    }
}
