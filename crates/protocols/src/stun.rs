//! STUN and TURN: how calls find their way out of the network, by whose relay, and as which address they are seen there.
//!
//! A transaction is a message that tells something which the flow has not told before: keepalives tell nothing new.
//! Source: RFC 8489 §5 (message), §14 (attributes), §6.3 (telling it from other protocols); RFC 8656 §18 (TURN).

use crate::{
    bytes::Reader,
    frames::Frames,
    quiet::declare,
    session::{Guess, Protocol},
    told::{Telling, Told},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl, json::Writer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const HEADER_BYTES: usize = 20;
const COOKIE: u32 = 0x2112_a442;
/// Kind and length: what a stream's messages and relayed data have alike.
const FRAME_HEADER_BYTES: usize = 4;
/// Bytes of a stream's message that are held; one that is longer is not read.
const FRAME_BYTES_KEPT: usize = 4 * 1024;
/// Attributes of one message that are looked at.
const ATTRIBUTES_MAX: usize = 64;
/// Messages of one flow that are told.
const TOLD_MAX: usize = 64;
/// RFC 8489 §14.9 and §14.14: fewer than 128 characters, at most 763 bytes.
const TEXT_BYTES_MAX: usize = 763;

const MAPPED_ADDRESS: u16 = 0x0001;
const ERROR_CODE: u16 = 0x0009;
const REALM: u16 = 0x0014;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const SOFTWARE: u16 = 0x8022;

static DECL: ProtocolDecl = declare("stun");

pub(crate) static STUN: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp, Transport::Tcp],
    source: "RFC 8489, RFC 8656",
    ports: &[3478],
    only_on_ports: false,
    guess: |bytes, _, transport| match transport {
        Transport::Udp if is_message(bytes) => Guess::Yes,
        Transport::Udp => Guess::No,
        Transport::Tcp => begins(bytes),
    },
    open: |transport, _| {
        // Each end tells of itself: in a call both ask and both answer.
        let mut before = [Known::default(), Known::default()];
        let mut told = 0;
        let read = move |direction: Direction, bytes: &[u8], found: &mut Vec<_>| {
            let Some(before) = before.get_mut(direction.index()) else { return };
            if told < TOLD_MAX
                && let Some(message) = Message::parse(bytes).filter(|message| before.learn(message))
            {
                told += 1;
                found.push(message);
            }
        };
        match transport {
            Transport::Udp => Telling::datagrams(read),
            Transport::Tcp => {
                let frames = || Frames::new(FRAME_HEADER_BYTES, FRAME_BYTES_KEPT, frame_bytes);
                Telling::stream([frames(), frames()], read)
            }
        }
    },
    sample: &[
        (Direction::ToServer, b"\x00\x03\x00\x08\x21\x12\xa4\x42abcdefghijkl\x00\x19\x00\x04\x11\x00\x00\x00"),
        (
            Direction::ToClient,
            b"\x01\x13\x00\x28\x21\x12\xa4\x42abcdefghijkl\
              \x00\x09\x00\x10\x00\x00\x04\x01Unauthorized\
              \x00\x14\x00\x10hospital.example",
        ),
    ],
};

/// Two bits of zero, the cookie, and a length that is the datagram's and a multiple of four.
fn is_message(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let (Some(kind), Some(length), Some(cookie)) = (reader.u16(), reader.u16(), reader.u32()) else { return false };
    cookie == COOKIE
        && kind & 0xc000 == 0
        && length & 3 == 0
        && bytes.len() == HEADER_BYTES.saturating_add(usize::from(length))
}

/// A stream begins with a binding or an allocation, or with the answer to one.
fn begins(bytes: &[u8]) -> Guess {
    const KINDS: [[u8; 2]; 6] = [[0, 1], [0, 3], [1, 1], [1, 3], [1, 0x11], [1, 0x13]];
    let kind = bytes.get(..2).unwrap_or(bytes);
    let cookie = bytes.get(4..bytes.len().min(8)).unwrap_or_default();
    let may_be = KINDS.iter().any(|known| known.starts_with(kind))
        && bytes.get(3).is_none_or(|length| length & 3 == 0)
        && COOKIE.to_be_bytes().starts_with(cookie);
    match may_be {
        false => Guess::No,
        true if bytes.len() < 8 => Guess::More,
        true => Guess::Yes,
    }
}

/// A message, or relayed data with its padding (RFC 8656 §12.5).
fn frame_bytes(header: &[u8]) -> Option<u64> {
    let [high, _, length @ ..] = *header.first_chunk::<FRAME_HEADER_BYTES>()?;
    let length = u64::from(u16::from_be_bytes(length));
    match high >> 6 {
        0 => Some(length + HEADER_BYTES as u64),
        1 => Some(length.next_multiple_of(4) + FRAME_HEADER_BYTES as u64),
        _ => None,
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    method: u16,
    class: u8,
    id: [u8; 12],
    known: Known,
    error: Option<u16>,
}

/// What messages tell of the two ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    realm: Option<Vec<u8>>,
    software: Option<Vec<u8>>,
    /// The address under which an end is seen by the one that answers it.
    mapped: Option<SocketAddr>,
}

impl Known {
    /// Remembers what the message tells; whether any of it is new.
    fn learn(&mut self, message: &Message) -> bool {
        let before = self.clone();
        let new = message.known.clone();
        self.realm = new.realm.or(self.realm.take());
        self.software = new.software.or(self.software.take());
        self.mapped = new.mapped.or(self.mapped);
        *self != before
    }
}

impl Message {
    fn parse(bytes: &[u8]) -> Option<Self> {
        if !is_message(bytes) {
            return None;
        }
        let mut reader = Reader::new(bytes);
        let kind = reader.u16()?;
        reader.take(6)?;
        let id = *reader.take(12)?.first_chunk()?;
        // The class's two bits stand between the method's (§5, figure 3).
        let method = kind & 0xf | kind >> 1 & 0x70 | kind >> 2 & 0xf80;
        let class = u8::from(kind & 0x100 != 0) << 1 | u8::from(kind & 0x10 != 0);
        let mut message = Self { method, class, id, ..Self::default() };
        message.attributes(reader);
        Some(message)
    }

    fn attributes(&mut self, mut reader: Reader<'_>) -> Option<()> {
        let text = |value: &[u8]| value.get(..value.len().min(TEXT_BYTES_MAX)).map(<[u8]>::to_vec);
        for _ in 0..ATTRIBUTES_MAX {
            let kind = reader.u16()?;
            let length = usize::from(reader.u16()?);
            let value = reader.take(length)?;
            reader.take_up_to(length.wrapping_neg() & 3);
            match kind {
                REALM => self.known.realm = text(value),
                SOFTWARE => self.known.software = text(value),
                MAPPED_ADDRESS if self.known.mapped.is_none() => self.known.mapped = address(value, [0; 16]),
                XOR_MAPPED_ADDRESS => self.known.mapped = address(value, self.mask()).or(self.known.mapped),
                ERROR_CODE => {
                    if let Some([_, _, hundreds, rest]) = value.first_chunk() {
                        self.error = Some(u16::from(hundreds & 7) * 100 + u16::from(*rest));
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    /// What mapped addresses are hidden with, so that no translator on the way changes them (§14.2).
    fn mask(&self) -> [u8; 16] {
        let mut mask = [0; 16];
        let (cookie, id) = mask.split_at_mut(4);
        cookie.copy_from_slice(&COOKIE.to_be_bytes());
        id.copy_from_slice(&self.id);
        mask
    }
}

fn address(value: &[u8], mask: [u8; 16]) -> Option<SocketAddr> {
    let mut reader = Reader::new(value);
    reader.u8()?;
    let family = reader.u8()?;
    let [first, second, ..] = mask;
    let port = reader.u16()? ^ u16::from_be_bytes([first, second]);
    let mut bytes = [0; 16];
    for ((to, byte), mask) in bytes.iter_mut().zip(reader.rest()).zip(mask) {
        *to = byte ^ mask;
    }
    let ip = match (family, reader.rest().len()) {
        (1, 4) => IpAddr::V4(Ipv4Addr::from(*bytes.first_chunk::<4>()?)),
        (2, 16) => IpAddr::V6(Ipv6Addr::from(bytes)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

impl Told for Message {
    fn write(&self, out: &mut Writer) {
        out.key("stun");
        out.begin_object();
        let class = match self.class {
            0 => "request",
            1 => "indication",
            2 => "response",
            _ => "error",
        };
        out.member_str("class", class);
        let method = match self.method {
            1 => "binding",
            3 => "allocate",
            4 => "refresh",
            6 => "send",
            7 => "data",
            8 => "create_permission",
            9 => "channel_bind",
            _ => "unknown",
        };
        out.member_str("method", method);
        for (key, text) in [("realm", &self.known.realm), ("software", &self.known.software)] {
            if let Some(text) = text {
                out.member_bytes(key, text);
            }
        }
        if let Some(mapped) = self.known.mapped {
            out.member_str("mapped_ip", &mapped.ip().to_string());
            out.member_number("mapped_port", u64::from(mapped.port()));
        }
        if let Some(error) = self.error {
            out.member_number("error_code", u64::from(error));
        }
        out.end_object();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::record;

    /// RFC 5769 §2.2, without its last two attributes.
    const ANSWER: &[u8] = b"\x01\x01\x00\x1c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
        \x80\x22\x00\x0btest vector\x20\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43";

    #[test]
    fn an_answer_tells_the_clients_address_and_the_servers_program() {
        let message = Message::parse(ANSWER).expect("a message");
        assert_eq!(
            record(&message),
            r#"{"stun":{"class":"response","method":"binding","software":"test vector","mapped_ip":"192.0.2.1","mapped_port":32853}}"#
        );
    }

    #[test]
    fn a_refusal_tells_the_relays_realm_once() {
        let message = Message::parse(STUN.sample[1].1).expect("a message");
        assert_eq!(
            record(&message),
            r#"{"stun":{"class":"error","method":"allocate","realm":"hospital.example","error_code":401}}"#
        );
        let mut known = Known::default();
        assert!(known.learn(&message) && !known.learn(&message));
    }

    #[test]
    fn a_length_that_is_not_the_datagrams_is_none() {
        assert!(is_message(ANSWER));
        assert!(!is_message(&ANSWER[..ANSWER.len() - 4]));
        assert!(!is_message(&[ANSWER, b"\0\0\0\0"].concat()));
    }

    #[test]
    fn an_attribute_beyond_the_end_keeps_what_came_before() {
        let mut bytes = ANSWER.to_vec();
        bytes[39] = 0x7f;
        let known = Message::parse(&bytes).expect("a message").known;
        assert_eq!((known.software.as_deref(), known.mapped), (Some(&b"test vector"[..]), None));
    }

    #[test]
    fn a_stream_carries_messages_and_relayed_data() {
        let mut session = (STUN.open)(Transport::Tcp, &crate::Settings::default());
        let data = b"\x40\x01\x00\x05relay\0\0\0";
        let bytes = [ANSWER, data, STUN.sample[1].1].concat();
        for byte in &bytes {
            session.feed(Direction::ToClient, std::slice::from_ref(byte), &mut crate::Context::default());
        }
        assert_eq!(session.live(), 0..2);
        for end in 0..ANSWER.len() {
            let expected = if end < 8 { Guess::More } else { Guess::Yes };
            assert_eq!(begins(&ANSWER[..end]), expected, "{end}");
        }
        assert_eq!(begins(b"\x00\x01\x00\x01"), Guess::No);
        assert_eq!(begins(b"GET"), Guess::No);
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let six = [&[0, 2, 0, 80][..], &[0xff; 16]].concat();
        assert_eq!(address(&six, [0xff; 16]).map(|a| a.ip().to_string()).as_deref(), Some("::"));
        assert_eq!(address(&[0, 1, 0, 80, 1, 2, 3], [0; 16]), None);
    }
}
