//! Values of field keywords that have a form of their own: interfaces, versions, states, ciphers.

use crate::{
    condition::{FieldCheck, FieldIndex},
    number::{self, Names},
    text::{Fault, Text},
};

const U32: u64 = u32::MAX as u64;

pub(super) fn interface(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let parts = text.split(',');
    let uuid = parts.first().copied().unwrap_or(text);
    let groups: Vec<usize> = uuid.text.split('-').map(str::len).collect();
    let hex = uuid.text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    if groups != [8, 4, 4, 4, 12] || !hex {
        return Err(uuid
            .fault(format!("{:?} is not the UUID of an interface", uuid.text))
            .hint("367abb81-9844-35f1-ad32-98f038001003"));
    }
    let mut version = None;
    for option in parts.get(1..).unwrap_or_default() {
        // Fragments are put together before a rule sees them, so that it does not matter which one is meant.
        if option.text == "any_frag" {
            continue;
        }
        let (test, rest) = match option.text.split_at_checked(1) {
            Some(("=", _)) => ("", option.from(1)),
            Some(("!", _)) => ("!", option.from(1)),
            Some(("<", _)) => ("<", option.from(1)),
            Some((">", _)) => (">", option.from(1)),
            _ => return Err(option.fault("an interface is followed by its version, such as =3 or <2, or by any_frag")),
        };
        let number: u16 = rest.trim().number()?;
        version = Some(match test {
            "!" => number::NumberTest::NotEqual(number.into()),
            "<" => number::NumberTest::Less(number.into()),
            ">" => number::NumberTest::Greater(number.into()),
            _ => number::NumberTest::Equal(number.into()),
        });
    }
    Ok((FieldCheck::Versioned { word: uuid.text.to_ascii_lowercase(), version }, FieldIndex::Any))
}

/// Kerberos' encryption types by their names (IANA).
const TICKET_CIPHERS: Names = &[
    ("des-cbc-crc", 1),
    ("des-cbc-md4", 2),
    ("des-cbc-md5", 3),
    ("des3-cbc-md5", 5),
    ("des3-cbc-sha1", 7),
    ("des3-cbc-sha1-kd", 16),
    ("aes128-cts-hmac-sha1-96", 17),
    ("aes256-cts-hmac-sha1-96", 18),
    ("aes128-cts-hmac-sha256-128", 19),
    ("aes256-cts-hmac-sha384-192", 20),
    ("rc4-hmac", 23),
    ("rc4-hmac-exp", 24),
    ("camellia128-cts-cmac", 25),
    ("camellia256-cts-cmac", 26),
];

/// `weak`, or a list of names and numbers.
pub(super) fn ticket_encryption(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    if text.is("weak") {
        let ranges = vec![(0, 16), (21, 24), (27, U32)];
        return Ok((FieldCheck::OneOf { ranges, negated: false }, FieldIndex::Any));
    }
    let mut ranges = Vec::new();
    for item in text.split(',') {
        let named = TICKET_CIPHERS.iter().find(|(name, _)| item.is(name)).map(|(_, number)| *number);
        let number = match named {
            Some(number) => number,
            None => item.number::<u32>()?.into(),
        };
        ranges.push((number, number));
    }
    Ok((FieldCheck::OneOf { ranges, negated: false }, FieldIndex::Any))
}

const TLS_VERSIONS: &[(&str, u64)] = &[
    ("sslv2", 0x0200),
    ("sslv3", 0x0300),
    ("tls1.0", 0x0301),
    ("tls1.1", 0x0302),
    ("tls1.2", 0x0303),
    ("tls1.3", 0x0304),
];

pub(super) fn ssl_version(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let (mut negated, mut ranges) = (false, Vec::new());
    for (position, item) in text.split(',').into_iter().enumerate() {
        let (item_negated, item) = match item.strip_prefix("!") {
            Some(rest) => (true, rest.trim()),
            None => (false, item),
        };
        if position == 0 {
            negated = item_negated;
        }
        let found = TLS_VERSIONS.iter().find(|(name, _)| item.is(name));
        let Some((_, version)) = found else {
            return Err(item
                .fault(format!("{:?} is not a version", item.text))
                .hint("sslv2, sslv3, tls1.0, tls1.1, tls1.2, tls1.3"));
        };
        ranges.push((*version, *version));
    }
    Ok((FieldCheck::OneOf { ranges, negated }, FieldIndex::Any))
}

pub(super) fn tls_version(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let text = text.unquote();
    let version = match text.text {
        "1.0" => 0x0301,
        "1.1" => 0x0302,
        "1.2" => 0x0303,
        "1.3" => 0x0304,
        _ => {
            text.number::<u16>().map(u64::from).map_err(|f| f.hint("1.0, 1.1, 1.2, 1.3 or a number such as 0x7f12"))?
        }
    };
    Ok((FieldCheck::OneOf { ranges: vec![(version, version)], negated: false }, FieldIndex::Any))
}

pub(super) fn ssl_state(text: Text<'_>) -> Result<(FieldCheck, FieldIndex), Fault> {
    let states = [("client_hello", 1u64), ("server_hello", 2), ("client_keyx", 4), ("server_keyx", 8), ("unknown", 16)];
    let mut mask = 0;
    let mut negated = false;
    for item in text.split('|').into_iter().flat_map(|t| t.split(',')) {
        let item = match item.strip_prefix("!") {
            Some(rest) => {
                negated = true;
                rest.trim()
            }
            None => item,
        };
        let found = states.iter().find(|(name, _)| item.is(name));
        let Some((_, bit)) = found else {
            return Err(item
                .fault(format!("{:?} is not a state", item.text))
                .hint("client_hello, server_hello, client_keyx, server_keyx, unknown"));
        };
        mask |= bit;
    }
    let test = number::NumberTest::Mask { mask, value: 0, equal: negated };
    Ok((FieldCheck::Number(test), FieldIndex::Any))
}
