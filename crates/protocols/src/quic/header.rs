//! The part of a packet that nobody encrypts: version, kind, connection ids.
//!
//! Source: RFC 8999, RFC 9000 §17.2, RFC 9369 §3.2; Google's wire layout for versions up to Q046.

use crate::bytes::Reader;
use phitak_model::Direction;

/// RFC 9000 §17.2: longer ids exist in no version that is known.
const CONNECTION_ID_BYTES_MAX: usize = 20;
/// RFC 9000 §14.1: a client's first datagram is at least this long.
const FIRST_DATAGRAM_BYTES_MIN: usize = 1200;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version(pub(super) u32);

/// How a version's packets are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// RFC 9000 and its drafts.
    Ietf,
    /// Long headers of Google's own versions: Q044 to Q046.
    GoogleLong,
    /// Public headers of Google's older versions.
    GooglePublic,
    /// Q050, T050, T051: the drafts' packets with Google's keys.
    GoogleProtected,
    Unknown,
}

impl Version {
    pub(super) const V1: Self = Self(1);
    pub(super) const V2: Self = Self(0x6b33_43cf);

    /// The number in Google's names: 46 of `Q046`.
    pub(super) fn google_number(self) -> Option<u16> {
        let [letter, hundreds, tens, ones] = self.0.to_be_bytes();
        if !matches!(letter, b'Q' | b'T') || ![hundreds, tens, ones].iter().all(u8::is_ascii_digit) {
            return None;
        }
        [hundreds, tens, ones]
            .iter()
            .try_fold(0_u16, |number, digit| number.checked_mul(10)?.checked_add(u16::from(digit.wrapping_sub(b'0'))))
    }

    /// The number of a draft of RFC 9000; mvfst's versions follow drafts.
    pub(super) fn draft(self) -> Option<u32> {
        match self.0 {
            0xff00_000a..=0xff00_0022 => Some(self.0 & 0xff),
            0xface_b001 => Some(22),
            0xface_b002 => Some(27),
            0xface_b000..=0xface_b0ff => Some(29),
            _ => None,
        }
    }

    /// RFC 9000 §15: reserved so that servers keep answering the unknown.
    fn is_reserved(self) -> bool {
        self.0 & 0x0f0f_0f0f == 0x0a0a_0a0a
    }

    pub(super) fn layout(self) -> Layout {
        match (self.google_number(), self.draft()) {
            (Some(..=43), _) => Layout::GooglePublic,
            (Some(44..=46), _) => Layout::GoogleLong,
            (Some(_), _) => Layout::GoogleProtected,
            (None, Some(_)) => Layout::Ietf,
            _ if self == Self::V1 || self == Self::V2 || self.is_reserved() => Layout::Ietf,
            _ => Layout::Unknown,
        }
    }
}

/// As EVE and `quic.version` show it.
impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.google_number(), std::str::from_utf8(&self.0.to_be_bytes())) {
            (Some(_), Ok(name)) => f.write_str(name),
            _ => write!(f, "{:x}", self.0),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    VersionNegotiation,
    /// A short header, or a public one without a version: nothing of use can be read.
    Short,
}

/// A header; the packet's protected part follows it.
#[derive(Clone, Debug)]
pub(super) struct Header<'a> {
    pub(super) version: Version,
    pub(super) kind: Kind,
    pub(super) dcid: &'a [u8],
    /// The bytes from the first one to where the packet number begins.
    pub(super) length: usize,
    /// The packet's bytes behind the header.
    pub(super) rest: &'a [u8],
    /// What comes after the packet in its datagram.
    pub(super) next: &'a [u8],
}

impl<'a> Header<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        if first & 0x80 == 0 {
            return Self::short_or_public(bytes, first);
        }
        let mut reader = Reader::new(bytes.get(1..)?);
        let version = Version(reader.u32()?);
        let layout = version.layout();
        let (dcid, scid) = if layout == Layout::GoogleLong {
            let lengths = reader.u8()?;
            let length = |nibble: u8| if nibble == 0 { 0 } else { usize::from(nibble).saturating_add(3) };
            (length(lengths >> 4), length(lengths & 0xf))
        } else {
            let dcid = usize::from(reader.u8()?);
            (dcid, 0)
        };
        if dcid > CONNECTION_ID_BYTES_MAX && version.0 != 0 {
            return None;
        }
        let dcid = reader.take(dcid)?;
        let scid = if layout == Layout::GoogleLong { scid } else { usize::from(reader.u8()?) };
        if scid > CONNECTION_ID_BYTES_MAX && version.0 != 0 {
            return None;
        }
        reader.take(scid)?;
        let kind = kind(version, layout, first)?;
        let mut next: &[u8] = &[];
        match (layout, kind) {
            (Layout::GoogleLong, Kind::Initial) => {
                // Packet number and the hash of "null encryption".
                reader.take(4 + 12)?;
            }
            (Layout::Ietf | Layout::GoogleProtected, Kind::Initial | Kind::Handshake | Kind::ZeroRtt) => {
                if kind == Kind::Initial {
                    let token = usize::try_from(variable(&mut reader)?).ok()?;
                    reader.take(token)?;
                }
                let length = usize::try_from(variable(&mut reader)?).ok()?;
                let (inside, after) = reader.rest().split_at_checked(length)?;
                next = after;
                reader = Reader::new(inside);
            }
            _ => {}
        }
        let rest = reader.rest();
        let length = bytes.len().saturating_sub(next.len()).saturating_sub(rest.len());
        Some(Self { version, kind, dcid, length, rest, next })
    }

    /// Google's public header: flags, connection id, version, packet number, hash.
    fn short_or_public(bytes: &'a [u8], flags: u8) -> Option<Self> {
        let short = Self { version: Version(0), kind: Kind::Short, dcid: &[], length: 1, rest: &[], next: &[] };
        if flags & 0x01 == 0 || flags & 0x08 == 0 {
            return Some(short);
        }
        let mut reader = Reader::new(bytes.get(1..)?);
        let (Some(dcid), Some(version)) = (reader.take(8), reader.u32().map(Version)) else { return Some(short) };
        if version.layout() != Layout::GooglePublic {
            return Some(short);
        }
        let number = [1, 2, 4, 6].get(usize::from(flags >> 4 & 3)).copied()?;
        reader.take(number + 12)?;
        let rest = reader.rest();
        let length = bytes.len().saturating_sub(rest.len());
        Some(Self { version, kind: Kind::Initial, dcid, length, rest, next: &[] })
    }
}

fn kind(version: Version, layout: Layout, first: u8) -> Option<Kind> {
    const KINDS: [Kind; 4] = [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry];
    const KINDS_V2: [Kind; 4] = [Kind::Retry, Kind::Initial, Kind::ZeroRtt, Kind::Handshake];
    if version.0 == 0 {
        return Some(Kind::VersionNegotiation);
    }
    if layout == Layout::GoogleLong && version.google_number() != Some(46) {
        return match first & 0x7f {
            0x7f => Some(Kind::Initial),
            0x7e => Some(Kind::Retry),
            0x7d => Some(Kind::Handshake),
            0x7c => Some(Kind::ZeroRtt),
            _ => None,
        };
    }
    let kinds = if version == Version::V2 { KINDS_V2 } else { KINDS };
    kinds.get(usize::from(first >> 4 & 3)).copied()
}

/// RFC 9000 §16.
pub(super) fn variable(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    let more = (1_usize << (first >> 6)).saturating_sub(1);
    let start = u64::from(first & 0x3f);
    Some(reader.take(more)?.iter().fold(start, |value, byte| value << 8 | u64::from(*byte)))
}

/// Whether a datagram begins with a packet that tells its version.
pub(super) fn is_quic(bytes: &[u8], direction: Direction) -> bool {
    let Some(header) = Header::parse(bytes) else { return false };
    let is_fixed = bytes.first().is_some_and(|first| first & 0x40 != 0);
    match header.version.layout() {
        Layout::GooglePublic => header.kind == Kind::Initial,
        Layout::GoogleLong => true,
        Layout::Ietf if header.version.is_reserved() => {
            direction == Direction::ToServer
                && is_fixed
                && header.kind == Kind::Initial
                && bytes.len() >= FIRST_DATAGRAM_BYTES_MIN
        }
        Layout::Ietf | Layout::GoogleProtected => is_fixed,
        // The versions that a server offers.
        Layout::Unknown if header.kind == Kind::VersionNegotiation && direction == Direction::ToClient => {
            let (offers, rest) = header.rest.as_chunks::<4>();
            let known = |offer: &[u8; 4]| Version(u32::from_be_bytes(*offer)).layout() != Layout::Unknown;
            rest.is_empty() && offers.iter().any(known)
        }
        Layout::Unknown => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_lengths() {
        let read = |bytes: &[u8]| variable(&mut Reader::new(bytes));
        assert_eq!(read(&[0x25]), Some(37));
        assert_eq!(read(&[0x7b, 0xbd]), Some(15_293));
        assert_eq!(read(&[0x9d, 0x7f, 0x3e, 0x7d]), Some(494_878_333));
        assert_eq!(read(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]), Some(151_288_809_941_952_652));
        assert_eq!(read(&[0xc2, 0x19]), None);
    }

    #[test]
    fn versions_have_names_and_layouts() {
        let shown = |number: u32| (Version(number).to_string(), Version(number).layout());
        assert_eq!(shown(1), ("1".to_owned(), Layout::Ietf));
        assert_eq!(shown(0x6b33_43cf), ("6b3343cf".to_owned(), Layout::Ietf));
        assert_eq!(shown(0xff00_001d), ("ff00001d".to_owned(), Layout::Ietf));
        assert_eq!(shown(0x5130_3433), ("Q043".to_owned(), Layout::GooglePublic));
        assert_eq!(shown(0x5130_3436), ("Q046".to_owned(), Layout::GoogleLong));
        assert_eq!(shown(0x5430_3531), ("T051".to_owned(), Layout::GoogleProtected));
        assert_eq!(shown(0x1234_5678).1, Layout::Unknown);
    }

    #[test]
    fn what_is_no_quic_is_refused() {
        assert!(!is_quic(b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00", Direction::ToServer));
        assert!(!is_quic(b"\xc0\x00\x00\x00\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x01", Direction::ToServer));
        // An id of 21 bytes.
        assert!(!is_quic(
            &[0xc0, 0, 0, 0, 1, 21, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
            Direction::ToServer
        ));
    }
}
