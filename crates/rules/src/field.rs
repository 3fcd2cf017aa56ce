//! Keywords that test one number or word of a transaction: `tls.version`, `dns.opcode`, `filesize`…

mod names;
mod special;

use crate::{
    condition::{FieldCheck, FieldIndex, FieldTest},
    date,
    number::{self, Names, NumberTest},
    text::{Fault, Text},
};
use phitak_model::Direction;

use names::*;

/// How a keyword's value is written.
#[derive(Clone, Copy)]
enum Form {
    /// A comparison with a number of at most so many, with words that stand for numbers.
    Number(u64, Names),
    /// The same, for several values: `value[,index]` or `count N`.
    Numbers(u64, Names),
    /// One word, perhaps negated, perhaps quoted.
    Word,
    /// The keyword alone.
    Present,
    /// A list of numbers and ranges: `1,5-8`.
    Ranges,
    Special(Special),
}

type Special = fn(Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault>;

const U8: u64 = u8::MAX as u64;
const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;

/// Keyword, declared field, form. Sorted by keyword.
const FIELDS: &[(&str, &str, Form)] = &[
    ("dce_iface", "dcerpc.iface", Form::Special(special::interface)),
    ("dce_opnum", "dcerpc.opnum", Form::Ranges),
    ("dcerpc.iface", "dcerpc.iface", Form::Special(special::interface)),
    ("dcerpc.opnum", "dcerpc.opnum", Form::Ranges),
    ("dhcp.leasetime", "dhcp.leasetime", Form::Number(U32, &[])),
    ("dhcp.rebinding_time", "dhcp.rebinding_time", Form::Number(U32, &[])),
    ("dhcp.renewal_time", "dhcp.renewal_time", Form::Number(U32, &[])),
    ("dnp3_func", "dnp3_func", Form::Number(U8, DNP3_FUNCTIONS)),
    ("dnp3_ind", "dnp3_ind", Form::Special(dnp3_indications)),
    ("dnp3_obj", "dnp3_obj", Form::Special(dnp3_object)),
    ("dns.opcode", "dns.opcode", Form::Number(U8, &[])),
    ("dns.rcode", "dns.rcode", Form::Number(U16, DNS_CODES)),
    ("dns.rrtype", "dns.rrtype", Form::Number(U16, DNS_TYPES)),
    ("dns_opcode", "dns.opcode", Form::Number(U8, &[])),
    ("enip_command", "enip.command", Form::Number(U16, &[])),
    ("filesize", "file.size", Form::Number(u64::MAX, &[])),
    ("ftp.dynamic_port", "ftp.dynamic_port", Form::Number(U16, &[])),
    ("ftp.mode", "ftp.mode", Form::Word),
    ("ftp.reply_received", "ftp.reply_received", Form::Word),
    ("ftpbounce", "ftpbounce", Form::Present),
    ("ftpdata_command", "ftpdata_command", Form::Word),
    ("http2.errorcode", "http2.errorcode", Form::Number(U32, HTTP2_ERRORS)),
    ("http2.frametype", "http2.frametype", Form::Numbers(U8, HTTP2_FRAMES)),
    ("http2.priority", "http2.priority", Form::Numbers(U8, &[])),
    ("http2.settings", "http2.settings", Form::Special(http2_setting)),
    ("http2.size_update", "http2.size_update", Form::Numbers(u64::MAX, &[])),
    ("http2.window", "http2.window", Form::Numbers(U32, &[])),
    ("ike.chosen_sa_attribute", "ike.chosen_sa_attribute", Form::Word),
    ("ike.exchtype", "ike.exchtype", Form::Number(U8, &[])),
    ("ike.key_exchange_payload_length", "ike.key_exchange_payload_length", Form::Number(U32, &[])),
    ("ike.nonce_payload_length", "ike.nonce_payload_length", Form::Number(U32, &[])),
    ("krb5.ticket_encryption", "krb5.ticket_encryption", Form::Special(special::ticket_encryption)),
    ("krb5.weak_encryption", "krb5.weak_encryption", Form::Present),
    ("krb5_err_code", "krb5_err_code", Form::Number(U32, &[])),
    ("krb5_msg_type", "krb5_msg_type", Form::Number(U32, &[])),
    ("ldap.request.operation", "ldap.request.operation", Form::Number(U8, LDAP_OPERATIONS)),
    ("ldap.responses.count", "ldap.responses.count", Form::Number(U32, &[])),
    ("ldap.responses.operation", "ldap.responses.operation", Form::Numbers(U8, LDAP_OPERATIONS)),
    ("ldap.responses.result_code", "ldap.responses.result_code", Form::Numbers(U32, LDAP_RESULTS)),
    ("mdns.opcode", "mdns.opcode", Form::Number(U8, &[])),
    ("mdns.rcode", "mdns.rcode", Form::Number(U16, DNS_CODES)),
    ("mdns.rrtype", "mdns.rrtype", Form::Number(U16, DNS_TYPES)),
    ("mqtt.connack.session_present", "mqtt.connack.session_present", Form::Word),
    ("mqtt.connect.flags", "mqtt.connect.flags", Form::Special(|text| flags(text, MQTT_CONNECT_FLAGS))),
    ("mqtt.flags", "mqtt.flags", Form::Special(|text| flags(text, MQTT_FLAGS))),
    ("mqtt.protocol_version", "mqtt.protocol_version", Form::Number(U8, &[])),
    ("mqtt.qos", "mqtt.qos", Form::Number(U8, &[])),
    ("mqtt.reason_code", "mqtt.reason_code", Form::Number(U8, &[])),
    ("mqtt.type", "mqtt.type", Form::Number(U8, MQTT_TYPES)),
    ("nfs_procedure", "nfs_procedure", Form::Number(U32, &[])),
    ("nfs_version", "nfs_version", Form::Number(U32, &[])),
    ("rfb.secresult", "rfb.secresult", Form::Number(U32, &[("ok", 0), ("fail", 1), ("toomany", 2)])),
    ("rfb.sectype", "rfb.sectype", Form::Number(U32, &[])),
    ("smb.version", "smb.version", Form::Number(U8, &[])),
    ("snmp.pdu_type", "snmp.pdu_type", Form::Number(U32, SNMP_PDUS)),
    ("snmp.version", "snmp.version", Form::Number(U32, &[])),
    ("ssh.protoversion", "ssh.protoversion", Form::Word),
    ("ssl_state", "ssl_state", Form::Special(special::ssl_state)),
    ("ssl_version", "tls.version", Form::Special(special::ssl_version)),
    ("tls.cert_chain_len", "tls.cert_chain_len", Form::Number(U32, &[])),
    ("tls.version", "tls.version", Form::Special(special::tls_version)),
    ("tls_cert_expired", "tls_cert_notafter", Form::Special(|_| Ok((FieldCheck::BeforeNow, FieldIndex::Any)))),
    ("tls_cert_notafter", "tls_cert_notafter", Form::Special(date::parse)),
    ("tls_cert_notbefore", "tls_cert_notbefore", Form::Special(date::parse)),
    ("websocket.flags", "websocket.flags", Form::Special(|text| flags(text, WEBSOCKET_FLAGS))),
    ("websocket.mask", "websocket.mask", Form::Number(U32, &[])),
    ("websocket.opcode", "websocket.opcode", Form::Number(U8, WEBSOCKET_CODES)),
];

pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, ..)| *name)
}

/// Reads a field keyword; `None` when the keyword is none of these.
pub(crate) fn parse(
    keyword: Text<'_>,
    value: Option<Text<'_>>,
    declared: &[String],
) -> Option<Result<FieldTest, Fault>> {
    let listed = FIELDS.binary_search_by(|(name, ..)| (*name).cmp(keyword.text)).ok().and_then(|i| FIELDS.get(i));
    let (name, form) = match listed {
        Some((_, name, form)) => (*name, *form),
        // Fields of protocols that Suricata does not know: a number or a word.
        None if declared.iter().any(|d| d == keyword.text) => (keyword.text, own_form(value)),
        None => return None,
    };
    Some(read(name, form, keyword, value.filter(|v| !v.is_empty())))
}

fn own_form(value: Option<Text<'_>>) -> Form {
    let Some(value) = value.filter(|v| !v.is_empty()) else { return Form::Present };
    let body = value.text.trim_start_matches(['!', '=', '<', '>', '&']);
    if Text::new(body, 0).looks_numeric() || body.starts_with("count ") {
        Form::Numbers(u64::MAX, &[])
    } else {
        Form::Word
    }
}

fn read(name: &str, form: Form, keyword: Text<'_>, value: Option<Text<'_>>) -> Result<FieldTest, Fault> {
    let needed = || value.ok_or_else(|| keyword.fault(format!("{} needs a value", keyword.text)));
    let mut direction = None;
    let (check, index) = match form {
        Form::Present => match value {
            Some(value) => return Err(value.fault(format!("{} takes no value", keyword.text))),
            None => (FieldCheck::Present, FieldIndex::Any),
        },
        Form::Number(max, names) => {
            let (way, value) = direction_prefix(needed()?);
            direction = way;
            (FieldCheck::Number(number::parse(value, max, names)?), FieldIndex::Any)
        }
        Form::Numbers(max, names) => numbers(needed()?, max, names)?,
        Form::Word => word(needed()?)?,
        Form::Ranges => ranges(needed()?)?,
        Form::Special(special) => special(value.unwrap_or_else(|| keyword.from(keyword.text.len())))?,
    };
    Ok(FieldTest { name: name.to_owned(), check, index, direction })
}

/// `to_client, >100`: the direction of a transactional rule's field.
fn direction_prefix(text: Text<'_>) -> (Option<Direction>, Text<'_>) {
    let Some((first, rest)) = text.split_once(',') else { return (None, text) };
    match first.trim().text {
        "to_server" => (Some(Direction::ToServer), rest.trim()),
        "to_client" => (Some(Direction::ToClient), rest.trim()),
        _ => (None, text),
    }
}

fn numbers(text: Text<'_>, max: u64, names: Names) -> Result<(FieldCheck, FieldIndex), Fault> {
    if let Some(rest) = text.strip_prefix("count").filter(|r| r.text.starts_with(char::is_whitespace)) {
        return Ok((FieldCheck::Count(number::parse(rest, U32, &[])?), FieldIndex::Any));
    }
    let (test, index) = match text.split_once(',') {
        Some((test, index)) => (test, self::index(index.trim())?),
        None => (text, FieldIndex::Any),
    };
    Ok((FieldCheck::Number(number::parse(test, max, names)?), index))
}

fn index(text: Text<'_>) -> Result<FieldIndex, Fault> {
    if let Some(rest) = text.strip_prefix("nb") {
        return Ok(FieldIndex::Number(number::parse(rest, U32, &[])?));
    }
    if let Some(rest) = text.strip_prefix("oob_or") {
        return Ok(FieldIndex::OutOfBoundsOr(rest.signed()?));
    }
    Ok(match text.text {
        "any" => FieldIndex::Any,
        "all" => FieldIndex::All,
        "all_or_absent" => FieldIndex::AllOrAbsent,
        "or_absent" => FieldIndex::OrAbsent,
        _ => FieldIndex::At(text.signed()?),
    })
}

fn word(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let (negated, text) = match text.strip_prefix("!") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let word = text.unquote();
    if word.is_empty() {
        return Err(text.fault("a word is missing"));
    }
    Ok((FieldCheck::Word { word: word.text.to_ascii_lowercase(), negated }, FieldIndex::Any))
}

fn ranges(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let mut ranges = Vec::new();
    for item in text.split(',') {
        let (first, last): (u16, u16) = match item.split_once('-') {
            Some((first, last)) => (first.number()?, last.number()?),
            None => (item.number()?, item.number()?),
        };
        if first > last {
            return Err(item.fault(format!("the range {first}-{last} ends before it begins")));
        }
        ranges.push((u64::from(first), u64::from(last)));
    }
    Ok((FieldCheck::OneOf { ranges, negated: false }, FieldIndex::Any))
}

/// `SETTINGS_ENABLE_PUSH=0`: the protocol shows a setting's number above the 32 bits of its value.
fn http2_setting(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let end = text.text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.text.len());
    let (name, test) = (text.to(end), text.from(end).trim());
    let Some((_, id)) = HTTP2_SETTINGS.iter().find(|(known, _)| name.is(known)) else {
        return Err(name.fault(format!("{:?} is not a setting", name.text)).hint("SETTINGS_ENABLE_PUSH=0"));
    };
    let (low, high) = (id << 32, (id + 1) << 32);
    let test = match number::parse(test, U32, &[])? {
        NumberTest::Equal(v) => NumberTest::Equal(low | v),
        NumberTest::Greater(v) => NumberTest::Between(low | v, high),
        NumberTest::GreaterOrEqual(v) => NumberTest::Between((low | v) - 1, high),
        NumberTest::Less(v) => NumberTest::Between(low - 1, low | v),
        NumberTest::LessOrEqual(v) => NumberTest::Between(low - 1, (low | v) + 1),
        NumberTest::Between(a, b) => NumberTest::Between(low | a, low | b),
        NumberTest::Mask { mask, value, equal: true } => {
            NumberTest::Mask { mask: mask | 0xffff << 32, value: value | low, equal: true }
        }
        NumberTest::NotEqual(_) | NumberTest::Outside(..) | NumberTest::Mask { .. } => {
            return Err(text.fault("a setting is compared with =, <, >, a range or bits that are set"));
        }
    };
    Ok((FieldCheck::Number(test), FieldIndex::Any))
}

/// A number, or bits by their names, each of which has to be set or, with `!`, not: `fin,!comp`.
fn flags(text: Text<'_>, names: Names) -> Result<(FieldCheck, FieldIndex), Fault> {
    let first = text.text.trim_start_matches(['!', ' ', '<', '>', '=', '&']);
    if first.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok((FieldCheck::Number(number::parse(text, U8, &[])?), FieldIndex::Any));
    }
    let (mut mask, mut value) = (0, 0);
    for item in text.split(',') {
        let (negated, name) = match item.strip_prefix("!") {
            Some(rest) => (true, rest.trim()),
            None => (false, item),
        };
        let bit = flag(name, names)?;
        mask |= bit;
        value |= if negated { 0 } else { bit };
    }
    Ok((FieldCheck::Number(NumberTest::Mask { mask, value, equal: true }), FieldIndex::Any))
}

fn flag(name: Text<'_>, names: Names) -> Result<u64, Fault> {
    let found = names.iter().find(|(known, _)| name.is(known));
    found.map(|(_, bit)| *bit).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
        name.fault(format!("{:?} is not a flag", name.text)).hint(known.join(", "))
    })
}

/// One of several bits, by name or number.
fn dnp3_indications(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let mut mask = 0;
    for item in text.split(',') {
        mask |= match item.number::<u16>() {
            Ok(bits) => u64::from(bits),
            Err(_) => flag(item, DNP3_INDICATIONS)?,
        };
    }
    Ok((FieldCheck::Number(NumberTest::Mask { mask, value: 0, equal: false }), FieldIndex::Any))
}

/// `group,variation`: the protocol shows the group above the eight bits of the variation.
fn dnp3_object(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let Some((group, variation)) = text.split_once(',') else {
        return Err(text.fault("a group and a variation are needed").hint("99,1"));
    };
    let (group, variation): (u8, u8) = (group.trim().number()?, variation.trim().number()?);
    let number = u64::from(group) << 8 | u64::from(variation);
    Ok((FieldCheck::Number(NumberTest::Equal(number)), FieldIndex::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keyword: &str, value: &str) -> Result<FieldTest, Fault> {
        parse(Text::new(keyword, 0), Some(Text::new(value, 20)), &["hl7.count".into()]).expect("known")
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(FIELDS.is_sorted_by_key(|(name, ..)| *name));
    }

    #[test]
    fn values_are_numbers_names_and_lists() {
        assert_eq!(read("dns.rrtype", "!aaaa").expect("name").check, FieldCheck::Number(NumberTest::NotEqual(28)));
        let field = read("ldap.responses.operation", "search_result_done,-1").expect("index");
        assert_eq!((field.check, field.index), (FieldCheck::Number(NumberTest::Equal(5)), FieldIndex::At(-1)));
        assert_eq!(
            read("dcerpc.opnum", "1,5-8").expect("ranges").check,
            FieldCheck::OneOf { ranges: vec![(1, 1), (5, 8)], negated: false }
        );
        assert!(matches!(
            read("ssl_version", "!tls1.3,tls1.2").expect("versions").check,
            FieldCheck::OneOf { negated: true, .. }
        ));
        assert_eq!(
            read("http2.settings", "SETTINGS_ENABLE_PUSH=0").expect("setting").check,
            FieldCheck::Number(NumberTest::Equal(2 << 32))
        );
        assert_eq!(read("http2.settings", "SETTINGS_PUSH=0").expect_err("setting").at, 20);
        assert_eq!(read("filesize", "to_client, >100").expect("direction").direction, Some(Direction::ToClient));
        assert_eq!(read("hl7.count", ">3").expect("own").check, FieldCheck::Number(NumberTest::Greater(3)));
        assert_eq!(read("dcerpc.iface", "367abb81").expect_err("uuid").at, 20);
        assert_eq!(read("tls.version", "1.4").expect_err("version").at, 20);
        let interface = read("dce_iface", "367abb81-9844-35f1-ad32-98f038001003,>2,any_frag").expect("interface");
        let word = "367abb81-9844-35f1-ad32-98f038001003".to_owned();
        let versioned = FieldCheck::Versioned { word, version: Some(NumberTest::Greater(2)) };
        assert_eq!((interface.name.as_str(), interface.check), ("dcerpc.iface", versioned));
        assert!(read("dcerpc.iface", "367abb81-9844-35f1-ad32-98f038001003,two").is_err());
        assert_eq!(
            read("krb5.ticket_encryption", "rc4-hmac,3").expect("ciphers").check,
            FieldCheck::OneOf { ranges: vec![(23, 23), (3, 3)], negated: false }
        );
    }
}
