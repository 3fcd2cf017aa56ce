//! collectd: which host sends its measurements, and whether they are signed or encrypted.
//!
//! Measurements come every few seconds. A transaction is a datagram that names another host than the one before it.
//! Source: collectd's "Binary protocol" (parts, their types and lengths).

use crate::{
    bytes::Reader,
    quiet::declare,
    session::{Guess, Protocol},
    told::{Telling, Told},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl, json::Writer};

/// Bytes of a host's name, with the zero at its end, as collectd's own buffers hold it.
const NAME_BYTES_MAX: usize = 128;

const HOST: u16 = 0x0000;
/// Plugin, its instance, type, its instance: text as the host's name.
const TEXTS: std::ops::RangeInclusive<u16> = 0x0002..=0x0005;
/// Time, interval, both of high resolution, severity: eight bytes.
const NUMBERS: [u16; 5] = [0x0001, 0x0007, 0x0008, 0x0009, 0x0101];
const SIGNATURE: u16 = 0x0200;
const ENCRYPTION: u16 = 0x0210;
const PART_HEADER_BYTES: usize = 4;
const NUMBER_BYTES: usize = 8;
/// HMAC-SHA-256, before the name of the one who signs.
const SIGNATURE_BYTES: usize = 32;
/// Initial vector and checksum, behind the name of the one who encrypts.
const ENCRYPTION_BYTES_MIN: usize = 16 + 20;

static DECL: ProtocolDecl = declare("collectd");

pub(crate) static COLLECTD: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "collectd's Binary protocol",
    ports: &[25826],
    only_on_ports: false,
    guess: |bytes, _, _| if Message::parse(bytes).is_some() { Guess::Yes } else { Guess::No },
    open: |_, _| {
        let mut before = None;
        Telling::datagrams(move |_, bytes, found| {
            let message = Message::parse(bytes);
            if message.is_some() && message != before {
                before.clone_from(&message);
                found.extend(message);
            }
        })
    },
    sample: &[(
        Direction::ToServer,
        b"\x00\x00\x00\x10his.example\x00\x00\x08\x00\x0c\x18\xaa\x87\x48\x08\x81\x8d\xf4\x00\x02\x00\x08cpu\x00",
    )],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    Clear,
    Signed,
    Encrypted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    /// `None` where it is encrypted.
    host: Option<String>,
    protection: Protection,
}

/// A part's type and content.
fn part<'a>(reader: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let kind = reader.u16()?;
    let length = usize::from(reader.u16()?).checked_sub(PART_HEADER_BYTES)?;
    Some((kind, reader.take(length)?))
}

/// Text with its zero, of a name's length at most.
fn text(content: &[u8]) -> Option<&str> {
    let (zero, text) = content.split_last().filter(|_| content.len() <= NAME_BYTES_MAX)?;
    let is_text = *zero == 0 && text.iter().all(|byte| !byte.is_ascii_control());
    std::str::from_utf8(text).ok().filter(|_| is_text)
}

impl Message {
    /// A host's name and one part of a known shape behind it; or what is signed so; or what is encrypted to the end.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (mut kind, mut content) = part(&mut reader)?;
        let mut protection = Protection::Clear;
        match kind {
            HOST => {}
            SIGNATURE if content.len() > SIGNATURE_BYTES => {
                protection = Protection::Signed;
                (kind, content) = part(&mut reader)?;
            }
            ENCRYPTION if reader.is_empty() => {
                let mut inner = Reader::new(content);
                let user = usize::from(inner.u16()?);
                let name = inner.take(user).filter(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic));
                name.filter(|_| inner.rest().len() > ENCRYPTION_BYTES_MIN)?;
                return Some(Self { host: None, protection: Protection::Encrypted });
            }
            _ => return None,
        }
        let host = text(content).filter(|host| kind == HOST && !host.is_empty())?;
        let (next, content) = part(&mut reader)?;
        let is_known = (TEXTS.contains(&next) && text(content).is_some())
            || (NUMBERS.contains(&next) && content.len() == NUMBER_BYTES);
        is_known.then(|| Self { host: Some(host.to_owned()), protection })
    }
}

impl Told for Message {
    fn write(&self, out: &mut Writer) {
        if let Some(host) = &self.host {
            out.member_str("host_name", host);
        }
        out.key("collectd");
        out.begin_object();
        if let Some(host) = &self.host {
            out.member_str("host", host);
        }
        out.member_bool("signed", self.protection == Protection::Signed);
        out.member_bool("encrypted", self.protection == Protection::Encrypted);
        out.end_object();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::record;

    const CLEAR: &[u8] = COLLECTD.sample[0].1;

    #[test]
    fn measurements_name_their_host() {
        let message = Message::parse(CLEAR).expect("a message");
        assert_eq!(
            record(&message),
            r#"{"host_name":"his.example","collectd":{"host":"his.example","signed":false,"encrypted":false}}"#
        );
    }

    #[test]
    fn a_signature_stands_before_what_it_signs() {
        let signed = [b"\x02\x00\x00\x28", [7; 32].as_slice(), b"ward", CLEAR].concat();
        let message = Message::parse(&signed).expect("a message");
        assert_eq!((message.host.as_deref(), message.protection), (Some("his.example"), Protection::Signed));
    }

    #[test]
    fn what_is_encrypted_names_nobody() {
        let encrypted = [b"\x02\x10\x00\x3c\x00\x04ward", [9; 50].as_slice()].concat();
        assert_eq!(Message::parse(&encrypted).map(|m| (m.host, m.protection)), Some((None, Protection::Encrypted)));
        assert_eq!(Message::parse(&[encrypted.as_slice(), b"\0"].concat()), None);
    }

    #[test]
    fn another_shape_is_none() {
        for end in 0..28 {
            assert_eq!(Message::parse(&CLEAR[..end]), None, "{end}");
        }
        assert_eq!(Message::parse(b"\0\0\0\x05\0\0\x02\0\x08cpu\0"), None, "no name");
        assert_eq!(Message::parse(b"\0\0\0\x06a\0\0\x09\0\x08cpu\0"), None, "a number of four bytes");
        let long = [b"\0\0\0\x86", [b'a'; NAME_BYTES_MAX + 1].as_slice(), b"\0\0\x02\0\x08cpu\0"].concat();
        assert_eq!(Message::parse(&long), None, "too long a name");
    }
}
