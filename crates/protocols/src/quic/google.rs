//! Google's own handshake: messages of tags, and the CYU fingerprint over them.
//!
//! Source: "QUIC Crypto" (Langley, Chang); CYU by Salesforce's GQUIC analyzer.

use super::header::Version;
use crate::{bytes::Reader, tls::fingerprint::md5_hex};

/// Tags of one message that are read.
const TAGS_MAX: usize = 128;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClientHello {
    pub(super) sni: Option<Vec<u8>>,
    pub(super) user_agent: Option<Vec<u8>>,
    tags: Vec<String>,
}

/// A fingerprint: the version's number and the tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cyu {
    pub(super) hash: String,
    pub(super) string: String,
}

/// Whether so many bytes are the beginning of such a message.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    bytes.starts_with(b"CHLO")
}

impl ClientHello {
    /// `None` as long as it is not there in whole.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        reader.take(4)?;
        let count = usize::from(reader.u16_le()?);
        reader.take(2)?;
        let mut index = Reader::new(reader.take(count.checked_mul(8)?)?);
        let values = reader.rest();
        let mut hello = Self::default();
        let mut start = 0;
        while let (Some(tag), Some(end)) = (index.take(4), index.u32_le()) {
            let end = usize::try_from(end).ok()?;
            let value = values.get(start..end)?;
            start = end;
            let name: String =
                tag.iter().filter(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect();
            match name.as_str() {
                "SNI" => hello.sni = Some(value.to_vec()),
                "UAID" => hello.user_agent = Some(value.to_vec()),
                _ => {}
            }
            if hello.tags.len() < TAGS_MAX {
                hello.tags.push(name);
            }
        }
        Some(hello)
    }

    pub(super) fn cyu(&self, version: Version) -> Option<Cyu> {
        let string = format!("{},{}", version.google_number()?, self.tags.join("-"));
        Some(Cyu { hash: md5_hex(&string), string })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"CHLO\x02\x00\x00\x00SNI\x00\x03\x00\x00\x00UAID\x05\x00\x00\x00abcxy";

    #[test]
    fn tags_name_the_server_and_the_program() {
        let hello = ClientHello::parse(HELLO).expect("whole");
        assert_eq!(hello.sni.as_deref(), Some(&b"abc"[..]));
        assert_eq!(hello.user_agent.as_deref(), Some(&b"xy"[..]));
        assert_eq!(hello.cyu(Version(u32::from_be_bytes(*b"Q046"))).expect("Google's").string, "46,SNI-UAID");
    }

    #[test]
    fn a_cut_message_waits() {
        for end in 0..HELLO.len() {
            assert_eq!(ClientHello::parse(&HELLO[..end]), None, "{end}");
        }
    }

    #[test]
    fn ends_that_go_backwards_are_refused() {
        assert_eq!(ClientHello::parse(b"CHLO\x02\x00\x00\x00SNI\x00\x03\x00\x00\x00UAID\x01\x00\x00\x00abcxy"), None);
    }
}
