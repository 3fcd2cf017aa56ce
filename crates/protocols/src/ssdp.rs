//! SSDP: which devices and services hosts announce and look for by UPnP.
//!
//! A datagram is one transaction.
//! Source: UPnP Device Architecture 2.0 §1.2 (announcements) and §1.3 (searches and their answers).

use crate::{
    quiet::declare,
    session::{Guess, Protocol},
    told::{Telling, Told},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl, json::Writer};

/// Header lines of one message that are looked at.
const LINES_MAX: usize = 64;
/// Bytes of a value that are kept.
const VALUE_BYTES_MAX: usize = 512;

/// The record's members and the headers that they come from.
const HEADERS: [(&str, &[u8]); 8] = [
    ("host", b"HOST"),
    ("st", b"ST"),
    ("nt", b"NT"),
    ("nts", b"NTS"),
    ("usn", b"USN"),
    ("location", b"LOCATION"),
    ("server", b"SERVER"),
    ("user_agent", b"USER-AGENT"),
];

const SEARCH: &[u8] = b"M-SEARCH * HTTP/1.";
const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.";
const ANSWER: &[u8] = b"HTTP/1.1 200";

static DECL: ProtocolDecl = declare("ssdp");

pub(crate) static SSDP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "UPnP Device Architecture 2.0",
    ports: &[1900],
    only_on_ports: false,
    guess: |bytes, _, _| if Message::parse(bytes).is_some() { Guess::Yes } else { Guess::No },
    open: |_, _| Telling::datagrams(|_, bytes, found| found.extend(Message::parse(bytes))),
    sample: &[
        (
            Direction::ToServer,
            b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n",
        ),
        (
            Direction::ToClient,
            b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: http://10.0.0.7:80/d.xml\r\n\
              SERVER: unix/5.1 UPnP/2.0 printer/1\r\nST: upnp:rootdevice\r\nUSN: uuid:7::upnp:rootdevice\r\n\r\n",
        ),
    ],
};

#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    /// `None` for an answer.
    method: Option<&'static str>,
    /// In the order of [`HEADERS`].
    values: [Option<Vec<u8>>; HEADERS.len()],
}

impl Message {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let method = if bytes.starts_with(SEARCH) {
            Some("M-SEARCH")
        } else if bytes.starts_with(NOTIFY) {
            Some("NOTIFY")
        } else if bytes.starts_with(ANSWER) {
            None
        } else {
            return None;
        };
        let mut message = Self { method, ..Self::default() };
        for line in bytes.split(|byte| *byte == b'\n').skip(1).take(LINES_MAX) {
            let Some(colon) = memchr::memchr(b':', line) else { break };
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let known = HEADERS.iter().zip(&mut message.values);
            for (_, kept) in known.filter(|((_, header), _)| name.trim_ascii().eq_ignore_ascii_case(header)) {
                kept.get_or_insert_with(|| value.get(..VALUE_BYTES_MAX).unwrap_or(value).to_vec());
            }
        }
        // An answer looks like any of HTTP's but for what it was searched by, and who answers.
        (method.is_some() || (message.value("st").is_some() && message.value("usn").is_some())).then_some(message)
    }

    fn value(&self, key: &str) -> Option<&[u8]> {
        HEADERS.iter().zip(&self.values).find(|((name, _), _)| *name == key)?.1.as_deref()
    }
}

impl Told for Message {
    fn write(&self, out: &mut Writer) {
        out.key("ssdp");
        out.begin_object();
        match self.method {
            Some(method) => out.member_str("method", method),
            None => out.member_number("status", 200),
        }
        for ((key, _), value) in HEADERS.iter().zip(&self.values) {
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
    fn a_search_tells_what_is_looked_for() {
        let message = Message::parse(SSDP.sample[0].1).expect("a message");
        assert_eq!(record(&message), r#"{"ssdp":{"method":"M-SEARCH","host":"239.255.255.250:1900","st":"ssdp:all"}}"#);
    }

    #[test]
    fn an_answer_tells_the_device_and_where_it_is_described() {
        let message = Message::parse(SSDP.sample[1].1).expect("a message");
        assert_eq!(message.value("location"), Some(&b"http://10.0.0.7:80/d.xml"[..]));
        assert_eq!(message.value("server"), Some(&b"unix/5.1 UPnP/2.0 printer/1"[..]));
    }

    #[test]
    fn an_announcement_is_read_whatever_the_case_of_its_headers() {
        let message = Message::parse(b"NOTIFY * HTTP/1.1\r\nHost:[ff02::c]:1900\r\nnts : ssdp:byebye\r\n\r\nNT: no")
            .expect("a message");
        assert_eq!(
            (message.value("host"), message.value("nts")),
            (Some(&b"[ff02::c]:1900"[..]), Some(&b"ssdp:byebye"[..]))
        );
        assert_eq!(message.value("nt"), None);
    }

    #[test]
    fn other_http_is_none() {
        assert_eq!(Message::parse(b"HTTP/1.1 200 OK\r\nServer: a\r\n\r\n"), None);
        assert_eq!(Message::parse(b"NOTIFY sip:a@b SIP/2.0\r\n\r\n"), None);
    }

    #[test]
    fn a_value_is_kept_up_to_its_limit() {
        let long = [b"NOTIFY * HTTP/1.1\r\nUSN: ".as_slice(), &[b'u'; VALUE_BYTES_MAX + 1], b"\r\n\r\n"].concat();
        let message = Message::parse(&long).expect("a message");
        assert_eq!(message.value("usn").map(<[u8]>::len), Some(VALUE_BYTES_MAX));
    }
}
