//! FastCGI: which page a web server has a program make (PHP-FPM), for which site. Who reaches that port may run programs.
//!
//! A transaction is a request's parameters.
//! Source: FastCGI Specification 1.0 §3.3 (records), §3.4 (pairs), §5.1 and §5.2 (beginning and parameters).

use crate::{
    bytes::Reader,
    frames::Frames,
    quiet::declare,
    session::{Guess, Protocol},
    told::{Telling, Told},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl, json::Writer};

const HEADER_BYTES: usize = 8;
/// Header, the longest content and its padding.
const RECORD_BYTES_MAX: usize = HEADER_BYTES + 0xffff + 0xff;
/// Bytes of one request's parameters that are held.
const PARAMETERS_BYTES_MAX: usize = 64 * 1024;
/// Pairs of one request that are looked at.
const PAIRS_MAX: usize = 512;
/// Bytes of a value that are kept.
const VALUE_BYTES_MAX: usize = 1024;

const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMETERS: u8 = 4;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;

/// The record's members and the parameters that they come from.
const KNOWN: [(&str, &[u8]); 5] = [
    ("host", b"HTTP_HOST"),
    ("method", b"REQUEST_METHOD"),
    ("uri", b"REQUEST_URI"),
    ("script", b"SCRIPT_FILENAME"),
    ("remote_addr", b"REMOTE_ADDR"),
];

static DECL: ProtocolDecl = declare("fastcgi");

pub(crate) static FASTCGI: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "FastCGI Specification 1.0",
    ports: &[9000],
    only_on_ports: false,
    guess: |bytes, direction, _| match direction {
        Direction::ToServer => fits(bytes, &BEGINS),
        Direction::ToClient => fits(bytes, &ANSWERS),
    },
    open: |_, _| {
        let frames = || Frames::new(HEADER_BYTES, RECORD_BYTES_MAX, record_bytes);
        let mut held = None;
        Telling::stream([frames(), frames()], move |direction, record, found| {
            if direction == Direction::ToServer {
                found.extend(read(record, &mut held));
            }
        })
    },
    sample: &[
        (
            Direction::ToServer,
            b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\
              \x01\x04\x00\x01\x00\x29\x07\x00\x09\x0bHTTP_HOSThis.example\x0e\x03REQUEST_METHODGET\0\0\0\0\0\0\0\
              \x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00",
        ),
        (Direction::ToClient, b"\x01\x03\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    ],
};

type Fits = fn(u8) -> bool;

/// A record that begins a request: of version 1, with a number, and one of the three roles.
const BEGINS: [Fits; 11] = [
    |version| version == 1,
    |kind| kind == BEGIN_REQUEST,
    |_| true,
    |_| true,
    |length| length == 0,
    |length| length == 8,
    |_| true,
    |reserved| reserved == 0,
    |role| role == 0,
    |role| matches!(role, 1..=3),
    |flags| flags <= 1,
];

/// A record of what the program says: its output, its errors, its end.
const ANSWERS: [Fits; HEADER_BYTES] = [
    |version| version == 1,
    |kind| matches!(kind, END_REQUEST | STDOUT | STDERR),
    |_| true,
    |_| true,
    |_| true,
    |_| true,
    |_| true,
    |reserved| reserved == 0,
];

fn fits(bytes: &[u8], all: &[Fits]) -> Guess {
    match all.iter().zip(bytes).all(|(fits, byte)| fits(*byte)) {
        false => Guess::No,
        true if bytes.len() < all.len() => Guess::More,
        true => Guess::Yes,
    }
}

fn record_bytes(header: &[u8]) -> Option<u64> {
    let [1, _, _, _, high, low, padding, _] = *header.first_chunk::<HEADER_BYTES>()? else { return None };
    Some(HEADER_BYTES as u64 + u64::from(u16::from_be_bytes([high, low])) + u64::from(padding))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    /// In the order of [`KNOWN`].
    values: [Option<Vec<u8>>; KNOWN.len()],
}

/// Gathers parameters from a request's beginning until the empty record that ends them, once: what comes after it is no
/// parameter any more. Web servers do not mix the requests of one connection.
fn read(record: &[u8], held: &mut Option<Vec<u8>>) -> Option<Request> {
    let mut reader = Reader::new(record);
    reader.u8()?;
    let kind = reader.u8()?;
    reader.u16()?;
    let length = usize::from(reader.u16()?);
    reader.u16()?;
    match kind {
        BEGIN_REQUEST => *held = Some(Vec::new()),
        PARAMETERS if length == 0 => return held.take().map(|parameters| Request::of(&parameters)),
        PARAMETERS => {
            let held = held.as_mut()?;
            let room = PARAMETERS_BYTES_MAX.saturating_sub(held.len());
            held.extend_from_slice(reader.take_up_to(length.min(room)));
        }
        _ => {}
    }
    None
}

/// One byte, or four of which the first has its highest bit set.
fn length(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.u8()?;
    if first & 0x80 == 0 {
        return Some(usize::from(first));
    }
    usize::try_from(u32::from(first & 0x7f) << 24 | reader.u24()?).ok()
}

impl Request {
    fn of(parameters: &[u8]) -> Self {
        let mut request = Self::default();
        request.pairs(Reader::new(parameters));
        request
    }

    fn pairs(&mut self, mut reader: Reader<'_>) -> Option<()> {
        for _ in 0..PAIRS_MAX {
            let (name, value) = (length(&mut reader)?, length(&mut reader)?);
            let name = reader.take(name)?;
            let value = reader.take(value)?;
            let known = KNOWN.iter().zip(&mut self.values).find(|((_, known), _)| *known == name);
            if let Some((_, kept)) = known {
                *kept = Some(value.get(..VALUE_BYTES_MAX).unwrap_or(value).to_vec());
            }
        }
        Some(())
    }
}

impl Told for Request {
    fn write(&self, out: &mut Writer) {
        if let Some(host) = self.values.first().and_then(Option::as_ref) {
            out.member_bytes("host_name", host);
        }
        out.key("fastcgi");
        out.begin_object();
        for ((key, _), value) in KNOWN.iter().zip(&self.values) {
            if let Some(value) = value {
                out.member_bytes(key, value);
            }
        }
        out.end_object();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::record;

    #[test]
    fn parameters_name_the_site() {
        let request = Request::of(b"\x09\x0bHTTP_HOSThis.example\x0e\x03REQUEST_METHODGET\x01\x00X");
        assert_eq!(record(&request), r#"{"host_name":"his.example","fastcgi":{"host":"his.example","method":"GET"}}"#);
    }

    #[test]
    fn a_long_value_has_its_length_in_four_bytes() {
        let mut bytes = b"\x0b\x80\x00\x01\x00REQUEST_URI".to_vec();
        bytes.extend([b'/'; 256]);
        assert_eq!(Request::of(&bytes).values[2].as_ref().map(Vec::len), Some(256));
        bytes.pop();
        assert_eq!(Request::of(&bytes), Request::default(), "cut");
    }

    #[test]
    fn parameters_may_come_in_parts_and_are_bounded() {
        let mut held = None;
        let begin = b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0";
        assert_eq!(read(begin, &mut held), None);
        for part in [&b"\x01\x04\0\x01\0\x05\0\0\x09\x01HTT"[..], b"\x01\x04\0\x01\0\x07\0\0P_HOSTa"] {
            assert_eq!(read(part, &mut held), None);
        }
        let request = read(b"\x01\x04\0\x01\0\0\0\0", &mut held).expect("the end");
        assert_eq!(request.values[0].as_deref(), Some(&b"a"[..]));
        assert_eq!(read(b"\x01\x04\0\x01\0\0\0\0", &mut held), None, "once for each beginning");
        let part = [&b"\x01\x04\0\x01\xff\xff\0\0"[..], &[b'a'; 0xffff]].concat();
        read(begin, &mut held);
        for _ in 0..3 {
            read(&part, &mut held);
        }
        assert_eq!(held.map(|held| held.len()), Some(PARAMETERS_BYTES_MAX));
    }

    #[test]
    fn another_beginning_is_none() {
        assert_eq!(fits(b"\x01\x01\0\x01\0\x08\0\0\0\x04\0", &BEGINS), Guess::No);
        assert_eq!(fits(b"\x01\x04", &BEGINS), Guess::No);
        assert_eq!(fits(b"\x01\x01\0", &BEGINS), Guess::More);
        assert_eq!(fits(FASTCGI.sample[1].1, &ANSWERS), Guess::Yes);
    }
}
