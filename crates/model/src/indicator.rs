//! Indicators: what is known to belong to attackers, in the one form in which it is stored, sent to sensors and looked for.
//!
//! A value is refused when it would hit what it must not: addresses inside of hospitals or of no one, networks so wide and
//! names so short that half of the internet lies in them.

use crate::{severity::Severity, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// The group of rules to which hits of indicators belong: no rules file uses it.
pub const INDICATOR_GID: u32 = 0x7068;
/// The category of their alerts.
pub const INDICATOR_CATEGORY: &str = "Phitak indicator";
/// Most indicators that are looked for at a time.
pub const INDICATORS_MAX: usize = 1_000_000;
/// Longest domain (RFC 1035, section 2.3.4).
pub const DOMAIN_BYTES_MAX: usize = 253;
/// Longest host and path.
pub const URL_BYTES_MAX: usize = 1_024;
/// Longest plain text of an indicator, in characters.
pub const TEXT_CHARS_MAX: usize = 160;
/// The widest network, by the length of its prefix.
pub const PREFIX_V4_MIN: u8 = 16;
pub const PREFIX_V6_MIN: u8 = 32;
const LABEL_BYTES_MAX: usize = 63;

/// What kind of thing an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndicatorKind {
    /// An address, or a network of them.
    Address,
    /// A name and all names below it.
    Domain,
    /// A host with a path, without scheme, port and query.
    Url,
    /// Digests of a whole file.
    Sha256,
    Sha1,
    Md5,
    /// How a client's TLS handshake looks.
    Ja3,
    Ja4,
}

/// A value in its one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndicatorValue {
    /// The first address and the length of the prefix; a single one has 32 or 128.
    Address(IpAddr, u8),
    Domain(String),
    Url(String),
    Sha256([u8; 32]),
    Sha1([u8; 20]),
    Md5([u8; 16]),
    Ja3([u8; 16]),
    Ja4(String),
}

/// One indicator, as sensors get it: nothing in it tells where it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator {
    /// Stands as the signature's number in its alerts. Never given twice.
    pub id: u32,
    pub value: IndicatorValue,
    pub severity: Severity,
    /// From then on it does not hit any more.
    pub expires_at: Timestamp,
    /// Plain words for the hospital: see [`text`].
    pub text: String,
}

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} {why}")]
pub struct IndicatorError {
    value: String,
    why: &'static str,
}

impl IndicatorKind {
    pub const ALL: &'static [Self] =
        &[Self::Address, Self::Domain, Self::Url, Self::Sha256, Self::Sha1, Self::Md5, Self::Ja3, Self::Ja4];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Ja3 => "ja3",
            Self::Ja4 => "ja4",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

impl IndicatorValue {
    /// Reads a value as people write it.
    ///
    /// # Errors
    /// [`IndicatorError`] says why it cannot be looked for.
    pub fn parse(kind: IndicatorKind, text: &str) -> Result<Self, IndicatorError> {
        let text = text.trim();
        let read = match kind {
            IndicatorKind::Address => address(text),
            IndicatorKind::Domain => domain(text).map(Self::Domain),
            IndicatorKind::Url => url(text).map(Self::Url),
            IndicatorKind::Sha256 => hex(text).map(Self::Sha256).ok_or("is not 64 hexadecimal digits"),
            IndicatorKind::Sha1 => hex(text).map(Self::Sha1).ok_or("is not 40 hexadecimal digits"),
            IndicatorKind::Md5 => hex(text).map(Self::Md5).ok_or("is not 32 hexadecimal digits"),
            IndicatorKind::Ja3 => hex(text).map(Self::Ja3).ok_or("is not 32 hexadecimal digits"),
            IndicatorKind::Ja4 => ja4(text).map(Self::Ja4),
        };
        read.map_err(|why| IndicatorError { value: text.chars().take(80).collect(), why })
    }

    #[must_use]
    pub fn kind(&self) -> IndicatorKind {
        match self {
            Self::Address(..) => IndicatorKind::Address,
            Self::Domain(_) => IndicatorKind::Domain,
            Self::Url(_) => IndicatorKind::Url,
            Self::Sha256(_) => IndicatorKind::Sha256,
            Self::Sha1(_) => IndicatorKind::Sha1,
            Self::Md5(_) => IndicatorKind::Md5,
            Self::Ja3(_) => IndicatorKind::Ja3,
            Self::Ja4(_) => IndicatorKind::Ja4,
        }
    }
}

/// The form that [`IndicatorValue::parse`] reads back to the same.
impl fmt::Display for IndicatorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| bytes.iter().try_for_each(|b| write!(f, "{b:02x}"));
        match self {
            Self::Address(address, length) if *length == width(*address) => write!(f, "{address}"),
            Self::Address(address, length) => write!(f, "{address}/{length}"),
            Self::Domain(text) | Self::Url(text) | Self::Ja4(text) => f.write_str(text),
            Self::Sha256(bytes) => digest(f, bytes),
            Self::Sha1(bytes) => digest(f, bytes),
            Self::Md5(bytes) | Self::Ja3(bytes) => digest(f, bytes),
        }
    }
}

/// A plain text held to its form: one line, nothing that cannot be shown.
///
/// # Errors
/// [`IndicatorError`] when it is empty, too long or has other characters.
pub fn text(text: &str) -> Result<String, IndicatorError> {
    let text = text.trim();
    let refuse = |why| Err(IndicatorError { value: text.chars().take(80).collect(), why });
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return refuse("has to have 1 to 160 characters");
    }
    if text.chars().any(char::is_control) {
        return refuse("has characters that cannot be shown");
    }
    Ok(text.to_owned())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Addresses of nobody outside: first address and length of the prefix.
const RESERVED_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    ([224, 0, 0, 0], 3),
];
const RESERVED_V6: &[(u128, u8)] = &[
    // Unspecified, loopback and what maps IPv4.
    (0, 64),
    (0xfc << 120, 7),
    (0xfe80 << 112, 10),
    (0xff << 120, 8),
];

/// The address as a number of 128 bits, and the length of the prefix there.
fn wide(address: IpAddr, length: u8) -> (u128, u8) {
    match address {
        IpAddr::V4(four) => (u128::from(u32::from(four)) << 96, length),
        IpAddr::V6(six) => (six.into(), length),
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128u32.saturating_sub(length.into())).unwrap_or(0)
}

fn is_reserved(address: IpAddr, length: u8) -> bool {
    let (number, length) = wide(address, length);
    // Two networks overlap when they are the same as far as the wider one goes.
    let overlaps = |(other, wide): (u128, u8)| (number ^ other) & mask(length.min(wide)) == 0;
    match address {
        IpAddr::V4(_) => RESERVED_V4.iter().any(|(first, l)| overlaps(self::wide(IpAddr::from(*first), *l))),
        IpAddr::V6(_) => RESERVED_V6.iter().copied().any(overlaps),
    }
}

fn address(text: &str) -> Result<IndicatorValue, &'static str> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| "is no address")?;
    let address = if length.is_none() { address.to_canonical() } else { address };
    let widest = width(address);
    let length: u8 = match length {
        None => widest,
        Some(text) => text.parse().ok().filter(|length| *length <= widest).ok_or("has no length of a prefix")?,
    };
    let least = if address.is_ipv4() { PREFIX_V4_MIN } else { PREFIX_V6_MIN };
    if length < least {
        return Err("is too wide: at most /16 of IPv4 or /32 of IPv6");
    }
    let (number, _) = wide(address, length);
    let first = number & mask(length);
    let address = match address {
        IpAddr::V4(_) => IpAddr::from(((first >> 96) as u32).to_be_bytes()),
        IpAddr::V6(_) => IpAddr::from(first.to_be_bytes()),
    };
    if is_reserved(address, length) {
        return Err("is private or reserved: the same address is another machine in each hospital, or none");
    }
    Ok(IndicatorValue::Address(address, length))
}

fn domain(text: &str) -> Result<String, &'static str> {
    let text = text.strip_prefix("*.").unwrap_or(text);
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.len() > DOMAIN_BYTES_MAX {
        return Err("is longer than a name can be");
    }
    let good = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !name.split('.').all(good) {
        return Err("is no name: letters, digits, dashes and dots only (others in their xn-- form)");
    }
    let Some((_, last)) = name.rsplit_once('.') else { return Err("is too short: everything below it would hit") };
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err("is no name; is it an address?");
    }
    Ok(name)
}

fn url(text: &str) -> Result<String, &'static str> {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) => rest,
        Some(_) => return Err("is no address of the web"),
        None => text,
    };
    let (host, path) = rest.split_once('/').ok_or("has no path: give the name or the address alone")?;
    if host.contains('@') {
        return Err("has a name of a user in it");
    }
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    let host = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(number) => match address(&number.to_string())? {
            IndicatorValue::Address(number, _) => number.to_string(),
            _ => return Err("is no address"),
        },
        Err(_) => domain(host)?,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() {
        return Err("has no path: give the name or the address alone");
    }
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("has other characters than an address of the web can have");
    }
    let whole = format!("{host}/{path}");
    if whole.len() > URL_BYTES_MAX { Err("is too long") } else { Ok(whole) }
}

/// `t13d1516h2_8daaf6152771_b186095e22b6` (FoxIO's description of JA4).
fn ja4(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    let hex = |part: &str| part.len() == 12 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let mut parts = text.split('_');
    let good = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(head), Some(ciphers), Some(extensions), None) => {
            head.len() == 10
                && head.starts_with(['t', 'q', 'd'])
                && head.bytes().all(|b| b.is_ascii_alphanumeric())
                && hex(ciphers)
                && hex(extensions)
        }
        _ => false,
    };
    if good { Ok(text) } else { Err("is no JA4, such as t13d1516h2_8daaf6152771_b186095e22b6") }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    // A sign is taken for a digit by the reading of numbers.
    text.bytes().all(|b| b.is_ascii_hexdigit()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use IndicatorKind::{Address, Domain, Ja3, Ja4, Md5, Sha1, Sha256, Url};

    fn read(kind: IndicatorKind, text: &str) -> Option<String> {
        let value = IndicatorValue::parse(kind, text).ok()?;
        assert_eq!(value.kind(), kind);
        let shown = value.to_string();
        assert_eq!(IndicatorValue::parse(kind, &shown), Ok(value), "{text} is read back from its own form");
        Some(shown)
    }

    #[test]
    fn each_value_has_one_form() {
        let digest = "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789";
        for (kind, written, form) in [
            (Address, " 203.0.113.9 ", "203.0.113.9"),
            (Address, "::ffff:203.0.113.9", "203.0.113.9"),
            (Address, "198.51.100.77/24", "198.51.100.0/24"),
            (Address, "2001:DB8::1", "2001:db8::1"),
            (Address, "2001:db8:1:2::/48", "2001:db8:1::/48"),
            (Domain, "*.Evil.Example.", "evil.example"),
            (Url, "HTTPS://Evil.example:8443/Drop/x.php?id=1#a", "evil.example/Drop/x.php"),
            (Url, "203.0.113.9/x", "203.0.113.9/x"),
            (Sha256, digest, &digest.to_ascii_lowercase()),
            (Sha1, &digest[..40], &digest[..40].to_ascii_lowercase()),
            (Md5, &digest[..32], &digest[..32].to_ascii_lowercase()),
            (Ja3, &digest[..32], &digest[..32].to_ascii_lowercase()),
            (Ja4, "t13d1516h2_8DAAF6152771_b186095e22b6", "t13d1516h2_8daaf6152771_b186095e22b6"),
        ] {
            assert_eq!(read(kind, written).as_deref(), Some(form), "{written}");
        }
    }

    #[test]
    fn what_would_hit_the_innocent_is_refused() {
        for (kind, text) in [
            (Address, "10.1.2.3"),
            (Address, "172.31.0.1"),
            (Address, "192.168.1.0/24"),
            (Address, "100.64.1.1"),
            (Address, "127.0.0.1"),
            (Address, "224.0.0.1"),
            (Address, "255.255.255.255"),
            (Address, "203.0.0.0/8"),
            (Address, "0.0.0.0/0"),
            (Address, "::1"),
            (Address, "fe80::1"),
            (Address, "fd00::1"),
            (Address, "::ffff:10.0.0.1"),
            (Address, "::ffff:10.0.0.1/128"),
            (Address, "2001::/16"),
            (Address, "203.0.113.9/33"),
            (Address, "evil.example"),
            (Domain, "com"),
            (Domain, ""),
            (Domain, "a..b"),
            (Domain, "ไทย.example"),
            (Domain, "203.0.113.9"),
            (Domain, "evil.example/x"),
            (Url, "evil.example"),
            (Url, "evil.example/"),
            (Url, "ftp://evil.example/x"),
            (Url, "user@evil.example/x"),
            (Url, "10.0.0.1/x"),
            (Url, "evil.example/a b"),
            (Sha256, "abc"),
            (Md5, "+bcdef0123456789abcdef012345678+"),
            (Ja4, "t13d1516h2_8daaf6152771"),
        ] {
            assert!(IndicatorValue::parse(kind, text).is_err(), "{kind:?} {text}");
        }
        let long = format!("{}.example", "a.".repeat(200));
        assert!(IndicatorValue::parse(Domain, &long).is_err());
        assert!(IndicatorValue::parse(Url, &format!("evil.example/{}", "a".repeat(URL_BYTES_MAX))).is_err());
    }

    #[test]
    fn a_text_stands_on_one_line() {
        assert_eq!(text(" เว็บไซต์ปลอม ").as_deref(), Ok("เว็บไซต์ปลอม"));
        let long = "ก".repeat(TEXT_CHARS_MAX + 1);
        for bad in ["", " ", "a\tb", "a\nb", long.as_str()] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
    }
}
