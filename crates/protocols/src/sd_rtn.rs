//! SD-RTN: Agora's network for calls in real time, which telemedicine uses: which of its servers is called.
//!
//! A client's hello is one transaction; the rest is encrypted.
//! Source: none is published. The hello is a list of tags as in Google's "QUIC Crypto", each with its length behind it.

use crate::{
    bytes::Reader,
    quiet::declare,
    session::{Guess, Protocol},
    told::{Telling, Told},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl, json::Writer};

/// Tags of one hello that are looked at.
const TAGS_MAX: usize = 32;
/// RFC 1035 §2.3.4.
const NAME_BYTES_MAX: usize = 255;
const CLIENT_HELLO: [u8; 3] = [0, 0x21, 0];

static DECL: ProtocolDecl = declare("sd-rtn");

pub(crate) static SD_RTN: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "observed: tags as in Google's QUIC Crypto",
    ports: &[8130],
    only_on_ports: false,
    guess: |bytes, _, _| if Hello::parse(bytes).is_some() { Guess::Yes } else { Guess::No },
    open: |_, _| Telling::datagrams(|_, bytes, found| found.extend(Hello::parse(bytes))),
    sample: &[(
        Direction::ToServer,
        b"\x00\x01\x02\x03\x04\x00\x21\x00\x00\x00\x00\x00\x04SNI\x00\x12\x00edge.agora.exampleAEAD\x04\x00AESG",
    )],
};

#[derive(Debug, PartialEq, Eq)]
struct Hello {
    server_name: String,
}

impl Hello {
    /// A zero, the sender's number, the kind, the receiver's number (not known yet), a count; then tags.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let is_hello = reader.u8()? == 0 && reader.u32()? != 0 && reader.take(3)? == CLIENT_HELLO && reader.u32()? == 0;
        if !is_hello {
            return None;
        }
        reader.u8()?;
        for _ in 0..TAGS_MAX {
            let tag = reader.take(4)?;
            let length = usize::from(reader.u16_le()?);
            let value = reader.take(length)?;
            if tag == b"SNI\0" {
                let is_name = (1..=NAME_BYTES_MAX).contains(&length)
                    && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
                let name = std::str::from_utf8(value).ok().filter(|_| is_name)?;
                return Some(Self { server_name: name.to_owned() });
            }
        }
        None
    }
}

impl Told for Hello {
    fn write(&self, out: &mut Writer) {
        out.member_str("server_name", &self.server_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::record;

    const HELLO: &[u8] = SD_RTN.sample[0].1;

    #[test]
    fn a_hello_names_the_server() {
        let hello = Hello::parse(HELLO).expect("a hello");
        assert_eq!(record(&hello), r#"{"server_name":"edge.agora.example"}"#);
    }

    #[test]
    fn the_name_may_stand_behind_other_tags() {
        let bytes = [&HELLO[..13], b"AEAD\x04\x00AESGPDMD\x00\x00", &HELLO[13..]].concat();
        assert_eq!(Hello::parse(&bytes), Hello::parse(HELLO));
        let many = [&HELLO[..13], &b"AEAD\x04\x00AESG".repeat(TAGS_MAX), &HELLO[13..]].concat();
        assert_eq!(Hello::parse(&many), None);
    }

    #[test]
    fn a_name_that_is_cut_or_no_text_is_none() {
        assert_eq!(Hello::parse(&HELLO[..30]), None);
        let mut bytes = HELLO.to_vec();
        bytes[20] = b' ';
        assert_eq!(Hello::parse(&bytes), None);
    }
}
