//! DNS records as EVE's third version writes them.

use super::{
    message::{Data, Message, Name, Record},
    record_type,
};
use phitak_model::json::Writer;
use std::fmt::Write as _;

/// Multicast DNS and LLMNR: data under a key named after its type.
pub(crate) fn write_multicast(key: &str, message: &Message, out: &mut Writer) {
    out.key(key);
    out.begin_object();
    out.member_str("type", if message.is_response() { "response" } else { "request" });
    out.member_number("id", u64::from(message.id));
    let mut text = String::new();
    let _ = write!(text, "{:x}", message.flags);
    out.member_str("flags", &text);
    out.member_str("rcode", &record_type::rcode(message.rcode()));
    if !message.questions.is_empty() {
        out.key("queries");
        out.begin_array();
        for question in &message.questions {
            out.begin_object();
            name(message, "rrname", question.name, out);
            out.member_str("rrtype", &record_type::name(question.kind).to_ascii_lowercase());
            out.end_object();
        }
        out.end_array();
    }
    for (key, records) in
        [("answers", message.answers()), ("authorities", message.authorities()), ("additionals", message.additionals())]
    {
        multicast_section(message, key, records, out);
    }
    out.end_object();
}

/// The name that a message asks for first, and nothing else of it.
pub(crate) fn write_question(key: &str, message: &Message, out: &mut Writer) {
    let Some(question) = message.questions.first() else { return };
    out.key(key);
    out.begin_object();
    out.member_str("type", if message.is_response() { "response" } else { "request" });
    out.member_number("id", u64::from(message.id));
    name(message, "rrname", question.name, out);
    out.member_str("rrtype", &record_type::name(question.kind));
    out.end_object();
}

fn multicast_section(message: &Message, key: &str, records: &[Record], out: &mut Writer) {
    if records.is_empty() {
        return;
    }
    out.key(key);
    out.begin_array();
    let mut rest = records.iter().peekable();
    while let Some(record) = rest.next() {
        out.begin_object();
        name(message, "rrname", record.name, out);
        out.member_str("rrtype", &record_type::name(record.kind).to_ascii_lowercase());
        out.member_number("ttl", u64::from(record.ttl));
        let kind = record_type::name(record.kind).to_ascii_lowercase();
        match record.data {
            Data::Address(span) => out.member_str(&kind, &address(message.text(span))),
            Data::Name(target) => name(message, &kind, target, out),
            Data::Text(span) => {
                out.key(&kind);
                out.begin_array();
                out.bytes(message.text(span));
                // The further strings of the same record follow it.
                while let Some(Record { data: Data::Text(span), first: false, .. }) = rest.peek() {
                    out.bytes(message.text(*span));
                    rest.next();
                }
                out.end_array();
            }
            Data::Soa { .. } | Data::Srv { .. } | Data::Sshfp { .. } => {
                out.key(&kind);
                structured(message, record.data, out);
            }
            Data::Opt(span) => options(message.text(span), out),
            Data::Other(_) => {}
        }
        out.end_object();
    }
    out.end_array();
}

pub(crate) fn write(message: &Message, id: u64, out: &mut Writer) {
    out.key("dns");
    out.begin_object();
    out.member_number("version", 3);
    out.member_str("type", if message.is_response() { "response" } else { "request" });
    out.member_number("tx_id", id);
    out.member_number("id", u64::from(message.id));
    let mut text = String::new();
    let _ = write!(text, "{:x}", message.flags);
    out.member_str("flags", &text);
    for (bit, name) in [(0x8000, "qr"), (0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0040, "z")] {
        if message.flags & bit != 0 {
            out.member_bool(name, true);
        }
    }
    out.member_number("opcode", u64::from(message.opcode()));
    out.member_str("rcode", &record_type::rcode(message.rcode()));
    if !message.questions.is_empty() {
        out.key("queries");
        out.begin_array();
        for question in &message.questions {
            out.begin_object();
            name(message, "rrname", question.name, out);
            out.member_str("rrtype", &record_type::name(question.kind));
            out.end_object();
        }
        out.end_array();
    }
    section(message, "answers", message.answers(), out);
    section(message, "authorities", message.authorities(), out);
    section(message, "additionals", message.additionals(), out);
    if message.is_response() {
        grouped(message, out);
    }
    out.end_object();
}

fn name(message: &Message, key: &str, name: Name, out: &mut Writer) {
    out.member_bytes(key, message.text(name.span));
    if name.truncated {
        let mut flag = String::from(key);
        flag.push_str("_truncated");
        out.member_bool(&flag, true);
    }
}

fn section(message: &Message, key: &str, records: &[Record], out: &mut Writer) {
    if records.is_empty() {
        return;
    }
    out.key(key);
    out.begin_array();
    for record in records {
        out.begin_object();
        name(message, "rrname", record.name, out);
        out.member_str("rrtype", &record_type::name(record.kind));
        out.member_number("ttl", u64::from(record.ttl));
        data(message, record, out);
        out.end_object();
    }
    out.end_array();
}

fn data(message: &Message, record: &Record, out: &mut Writer) {
    match record.data {
        Data::Address(span) => out.member_str("rdata", &address(message.text(span))),
        Data::Name(target) => name(message, "rdata", target, out),
        Data::Text(span) => out.member_bytes("rdata", message.text(span)),
        Data::Soa { .. } | Data::Srv { .. } | Data::Sshfp { .. } => {
            out.key(match record.data {
                Data::Soa { .. } => "soa",
                Data::Srv { .. } => "srv",
                _ => "sshfp",
            });
            structured(message, record.data, out);
        }
        Data::Opt(span) => options(message.text(span), out),
        // NULL carries free data; of other types only the name is known.
        Data::Other(span) if record.kind == 10 => out.member_bytes("rdata", message.text(span)),
        Data::Other(_) => {}
    }
}

/// Data with a shape of its own.
fn structured(message: &Message, data: Data, out: &mut Writer) {
    match data {
        Data::Soa { primary, mailbox, numbers } => {
            out.begin_object();
            name(message, "mname", primary, out);
            name(message, "rname", mailbox, out);
            for (key, number) in ["serial", "refresh", "retry", "expire", "minimum"].iter().zip(numbers) {
                out.member_number(key, u64::from(number));
            }
            out.end_object();
        }
        Data::Srv { priority, weight, port, target } => {
            out.begin_object();
            out.member_number("priority", u64::from(priority));
            out.member_number("weight", u64::from(weight));
            out.member_number("port", u64::from(port));
            name(message, "name", target, out);
            out.end_object();
        }
        Data::Sshfp { algorithm, kind, fingerprint } => {
            out.begin_object();
            out.member_str("fingerprint", &hex_with_colons(message.text(fingerprint)));
            out.member_number("algo", u64::from(algorithm));
            out.member_number("type", u64::from(kind));
            out.end_object();
        }
        _ => {}
    }
}

fn options(mut wire: &[u8], out: &mut Writer) {
    out.key("opt");
    out.begin_array();
    while let Some((head, rest)) = wire.split_at_checked(4) {
        let [a, b, c, d] = *head else { break };
        let length = usize::from(u16::from_be_bytes([c, d]));
        let Some((value, after)) = rest.split_at_checked(length) else { break };
        out.begin_object();
        out.member_number("code", u64::from(u16::from_be_bytes([a, b])));
        let mut text = String::new();
        for byte in value {
            let _ = write!(text, "{byte:02x}");
        }
        out.member_str("data", &text);
        out.end_object();
        wire = after;
    }
    out.end_array();
}

/// Answers by type, types in the order of their names.
fn grouped(message: &Message, out: &mut Writer) {
    let mut kinds: Vec<u16> = message.answers().iter().filter(|r| is_groupable(r.data)).map(|r| r.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return;
    }
    out.key("grouped");
    out.begin_object();
    for kind in kinds {
        out.key(&record_type::name(kind));
        out.begin_array();
        for record in message.answers().iter().filter(|record| record.kind == kind) {
            match record.data {
                Data::Address(span) => out.string(&address(message.text(span))),
                Data::Name(target) => out.bytes(message.text(target.span)),
                Data::Text(span) => out.bytes(message.text(span)),
                Data::Soa { .. } | Data::Srv { .. } | Data::Sshfp { .. } => structured(message, record.data, out),
                Data::Opt(_) | Data::Other(_) => {}
            }
        }
        out.end_array();
    }
    out.end_object();
}

fn is_groupable(data: Data) -> bool {
    !matches!(data, Data::Opt(_) | Data::Other(_))
}

/// IPv4 with dots; IPv6 written out in full, as EVE does.
pub(crate) fn address(bytes: &[u8]) -> String {
    let mut text = String::new();
    if let [a, b, c, d] = bytes {
        let _ = write!(text, "{a}.{b}.{c}.{d}");
        return text;
    }
    for pair in bytes.chunks(2) {
        if !text.is_empty() {
            text.push(':');
        }
        for byte in pair {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

fn hex_with_colons(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if !text.is_empty() {
            text.push(':');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}
