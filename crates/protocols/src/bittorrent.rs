//! BitTorrent's distributed hash table: who looks for which content among its peers.
//!
//! A datagram is one transaction.
//! Source: BEP 5 (DHT), BEP 3 (bencoding), BEP 20 (client versions), BEP 32 (IPv6).

use crate::{
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferView, FieldValue, ProtocolDecl, Transaction},
    json::Writer,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Messages held at once.
const HELD_MAX: usize = 128;
/// How deep lists and dictionaries may stand in one another.
const DEPTH_MAX: u8 = 8;
/// Entries of one list or dictionary.
const ENTRIES_MAX: usize = 256;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "bittorrent-dht",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[],
    fields: &[],
    events: &["malformed_packet"],
};
const MALFORMED_PACKET: u8 = 0;

pub(crate) static BITTORRENT: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "BEP 5",
    ports: &[6881],
    only_on_ports: false,
    guess: |bytes, _, _| {
        const STARTS: [&[u8]; 4] = [b"d1:ad2:id20:", b"d1:rd2:id20:", b"d2:ip", b"d1:el"];
        if STARTS.iter().any(|start| bytes.starts_with(start)) { Guess::Yes } else { Guess::No }
    },
    open: |_, _| Box::new(DhtSession { queue: Queue::new(HELD_MAX) }),
    sample: &[
        (Direction::ToServer, b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
        (Direction::ToClient, b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"),
    ],
};

/// A bencoded value.
#[derive(Debug, PartialEq, Eq)]
enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Dictionary(Vec<(&'a [u8], Value<'a>)>),
}

/// A value from the front of `bytes`, which are moved past it.
fn value<'a>(bytes: &mut &'a [u8], depth: u8) -> Option<Value<'a>> {
    let depth = depth.checked_sub(1)?;
    let (first, rest) = bytes.split_first()?;
    match first {
        b'i' => {
            let end = memchr::memchr(b'e', rest)?;
            let number = std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()?;
            *bytes = rest.get(end.checked_add(1)?..)?;
            Some(Value::Number(number))
        }
        b'l' => {
            *bytes = rest;
            let mut list = Vec::new();
            while bytes.first()? != &b'e' {
                if list.len() >= ENTRIES_MAX {
                    return None;
                }
                list.push(value(bytes, depth)?);
            }
            *bytes = bytes.get(1..)?;
            Some(Value::List(list))
        }
        b'd' => {
            *bytes = rest;
            let mut entries = Vec::new();
            while bytes.first()? != &b'e' {
                if entries.len() >= ENTRIES_MAX {
                    return None;
                }
                let key = string(bytes)?;
                entries.push((key, value(bytes, depth)?));
            }
            *bytes = bytes.get(1..)?;
            Some(Value::Dictionary(entries))
        }
        b'0'..=b'9' => string(bytes).map(Value::Bytes),
        _ => None,
    }
}

fn string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let colon = bytes.iter().take(6).position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(bytes.get(..colon)?).ok()?.parse().ok()?;
    let (text, rest) = bytes.get(colon.checked_add(1)?..)?.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}

impl<'a> Value<'a> {
    fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dictionary(entries) => {
                entries.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    fn bytes(&self, key: &str) -> Option<&'a [u8]> {
        match self.get(key)? {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Self::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

/// A node or peer: its id where it has one, and its address.
#[derive(Debug)]
struct Node {
    id: Option<Vec<u8>>,
    ip: IpAddr,
    port: u16,
}

#[derive(Debug, Default)]
struct Message {
    transaction: Vec<u8>,
    version: Option<Vec<u8>>,
    query: Option<String>,
    /// Members of a request: name and bytes, or name and number.
    id: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    info_hash: Option<Vec<u8>>,
    token: Option<Vec<u8>>,
    implied_port: Option<u64>,
    port: Option<u64>,
    nodes: Vec<Node>,
    nodes6: Vec<Node>,
    values: Vec<Node>,
    is_response: bool,
    error: Option<(u64, Vec<u8>)>,
    events: Vec<u8>,
}

/// Compact addresses, each with an id of so many bytes before it.
fn nodes(bytes: &[u8], id_bytes: usize, address_bytes: usize) -> Vec<Node> {
    let size = id_bytes.saturating_add(address_bytes).saturating_add(2).max(1);
    let node = |chunk: &[u8]| {
        let (id, address) = chunk.split_at_checked(id_bytes)?;
        let (address, port) = address.split_at_checked(address_bytes)?;
        let ip = match address_bytes {
            4 => IpAddr::from(Ipv4Addr::from(*address.first_chunk::<4>()?)),
            _ => IpAddr::from(Ipv6Addr::from(*address.first_chunk::<16>()?)),
        };
        let port = u16::from_be_bytes(*port.first_chunk()?);
        Some(Node { id: (id_bytes > 0).then(|| id.to_vec()), ip, port })
    };
    bytes.chunks_exact(size).take(ENTRIES_MAX).filter_map(node).collect()
}

impl Message {
    fn parse(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut message = Self::default();
        let whole = value(&mut rest, DEPTH_MAX);
        let understood = whole.as_ref().and_then(|whole| message.read(whole));
        if understood.is_none() {
            message.events.push(MALFORMED_PACKET);
        }
        message
    }

    fn read(&mut self, whole: &Value<'_>) -> Option<()> {
        let owned = |bytes: &[u8]| bytes.to_vec();
        self.version = whole.bytes("v").map(owned);
        if let Some(arguments) = whole.get("a") {
            self.query = whole.bytes("q").map(|query| String::from_utf8_lossy(query).into_owned());
            self.id = arguments.bytes("id").map(owned);
            self.target = arguments.bytes("target").map(owned);
            self.info_hash = arguments.bytes("info_hash").map(owned);
            self.token = arguments.bytes("token").map(owned);
            self.implied_port = arguments.number("implied_port");
            self.port = arguments.number("port");
        }
        if let Some(answer) = whole.get("r") {
            self.is_response = true;
            self.id = answer.bytes("id").map(owned);
            self.token = answer.bytes("token").map(owned);
            self.nodes = answer.bytes("nodes").map(|bytes| nodes(bytes, 20, 4)).unwrap_or_default();
            self.nodes6 = answer.bytes("nodes6").map(|bytes| nodes(bytes, 20, 16)).unwrap_or_default();
            if let Some(Value::List(values)) = answer.get("values") {
                let peer = |value: &Value<'_>| match value {
                    Value::Bytes(bytes) => nodes(bytes, 0, if bytes.len() == 18 { 16 } else { 4 }).pop(),
                    _ => None,
                };
                self.values = values.iter().filter_map(peer).collect();
            }
        }
        if let Some(Value::List(error)) = whole.get("e")
            && let [Value::Number(number), Value::Bytes(text), ..] = error.as_slice()
        {
            self.error = Some((u64::try_from(*number).unwrap_or(0), text.to_vec()));
        }
        self.transaction = whole.bytes("t").map(owned)?;
        let told = self.query.is_some() || self.is_response || self.error.is_some();
        (whole.bytes("y").is_some() && told).then_some(())
    }

    fn write_arguments(&self, out: &mut Writer) {
        for (key, value) in
            [("id", &self.id), ("target", &self.target), ("info_hash", &self.info_hash), ("token", &self.token)]
        {
            if let Some(value) = value {
                out.member_str(key, &hex(value));
            }
        }
        for (key, value) in [("implied_port", self.implied_port), ("port", self.port)] {
            if let Some(value) = value {
                out.member_number(key, value);
            }
        }
        for (key, nodes) in [("nodes", &self.nodes), ("nodes6", &self.nodes6), ("values", &self.values)] {
            if nodes.is_empty() {
                continue;
            }
            out.key(key);
            out.begin_array();
            for node in nodes {
                out.begin_object();
                if let Some(id) = &node.id {
                    out.member_str("id", &hex(id));
                }
                out.member_str("ip", &node.ip.to_string());
                out.member_number("port", u64::from(node.port));
                out.end_object();
            }
            out.end_array();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Transaction for Message {
    fn progress(&self, _: Direction) -> u8 {
        1
    }

    fn buffer<'a>(&'a self, _: u8, _: Direction, _: u32, _: &'a mut Vec<u8>) -> Option<BufferView<'a>> {
        None
    }

    fn field(&self, _: u8, _: Direction, _: u32) -> Option<FieldValue<'_>> {
        None
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("bittorrent_dht");
        out.begin_object();
        out.member_str("transaction_id", &hex(&self.transaction));
        if let Some(version) = &self.version {
            out.member_str("client_version", &hex(version));
        }
        if let Some(query) = &self.query {
            out.member_str("request_type", query);
            out.key("request");
            out.begin_object();
            self.write_arguments(out);
            out.end_object();
        } else if self.is_response {
            out.key("response");
            out.begin_object();
            self.write_arguments(out);
            out.end_object();
        }
        if let Some((number, text)) = &self.error {
            out.key("error");
            out.begin_object();
            out.member_number("num", *number);
            out.member_bytes("msg", text);
            out.end_object();
        }
        out.end_object();
    }
}

#[derive(Debug)]
struct DhtSession {
    queue: Queue<Message>,
}

transactions_of!(DhtSession, queue);

impl Session for DhtSession {
    fn feed(&mut self, _: Direction, data: &[u8], _: &mut Context) -> Outcome {
        self.queue.push(Message::parse(data));
        Outcome::Continue
    }

    fn gap(&mut self, _: Direction, _: u64, _: &mut Context) -> Outcome {
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: &[u8]) -> String {
        let mut out = Writer::new();
        out.begin_object();
        Message::parse(bytes).write_eve(&mut out);
        out.end_object();
        String::from_utf8(out.as_bytes().to_vec()).expect("text")
    }

    #[test]
    fn a_ping_and_an_error_are_told() {
        assert_eq!(
            record(BITTORRENT.sample[0].1),
            r#"{"bittorrent_dht":{"transaction_id":"6161","request_type":"ping","request":{"id":"6162636465666768696a30313233343536373839"}}}"#
        );
        assert_eq!(
            record(b"d1:eli201e4:Oopse1:t2:aa1:y1:ee"),
            r#"{"bittorrent_dht":{"transaction_id":"6161","error":{"num":201,"msg":"Oops"}}}"#
        );
    }

    #[test]
    fn peers_are_addresses() {
        let text = record(b"d1:rd2:id20:abcdefghij01234567895:token2:ab6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re");
        assert!(text.contains(r#""values":[{"ip":"97.120.106.101","port":11893},"#), "{text}");
    }

    #[test]
    fn what_is_cut_or_too_deep_is_said() {
        let deep = vec![b'l'; 20];
        for bytes in [
            &b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:y1:qe"[..],
            b"d1:ad2:id20:abc",
            b"i99999999999999999999e",
            &deep,
        ] {
            assert_eq!(Message::parse(bytes).events, [MALFORMED_PACKET]);
        }
    }
}
