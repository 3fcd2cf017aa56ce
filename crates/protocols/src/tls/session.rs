//! One TLS connection up to the point where nothing more can be read.
//!
//! Source: RFC 8446 §5, RFC 5246 §6–7, RFC 6520 (heartbeats), the SSL 2.0 draft for hellos in its records.

use super::{
    certificate::Certificate,
    event::Event,
    handshake::{
        CERTIFICATE, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, Handshake, SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE,
    },
    hello::{Hello, served},
};
use crate::{
    bytes::Reader,
    session::{Context, Outcome, Session},
};
use phitak_model::{
    Direction, Fact, TlsVersion,
    inspect::{Transaction, Transactions},
};
use std::ops::Range;

/// Most bytes of one handshake message: chains of certificates are far smaller.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// RFC 8446 §5.2 allows 2^14 + 256; older versions 2^14 + 2048.
const RECORD_BYTES_MAX: u16 = 16_384 + 2_048;
/// Most bytes of a server's chain that are kept.
const CHAIN_BYTES_MAX: usize = 64 * 1024;
const CHAIN_LENGTH_MAX: usize = 32;
/// What is looked at of an alert or a heartbeat.
const SHORT_BYTES: usize = 3;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

#[derive(Debug, Default)]
struct Half {
    /// The beginning of a record's header.
    header: Vec<u8>,
    kind: u8,
    length: u16,
    /// Bytes of the current record still to come.
    left: usize,
    /// An SSL 2.0 record: gathered in `message`.
    is_ssl2: bool,
    message: Vec<u8>,
    short: Vec<u8>,
    records_seen: bool,
    /// Handshake records can no longer be read.
    encrypted: bool,
    data_seen: bool,
    lost: bool,
    heartbeat_length: Option<u16>,
}

#[derive(Debug)]
pub(super) struct TlsSession {
    halves: [Half; 2],
    handshake: Handshake,
    released: bool,
    failed: bool,
}

impl TlsSession {
    pub(super) fn new() -> Self {
        Self { halves: Default::default(), handshake: Handshake::default(), released: false, failed: false }
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        let [to_server, to_client] = &mut self.halves;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    fn fail(&mut self, event: Event) {
        self.handshake.fail(event);
        self.failed = true;
    }

    /// Gathers a record's header; answers how many bytes it used.
    fn header(&mut self, direction: Direction, data: &[u8]) -> usize {
        let half = self.half(direction);
        let wanted = match half.header.as_slice() {
            // An SSL 2.0 hello can only come first; its third byte tells.
            [first, _, ..] if !half.records_seen && *first & 0x80 != 0 => 3,
            [first, ..] if !half.records_seen && *first & 0x80 != 0 => 3,
            [] if !half.records_seen && data.first().is_some_and(|byte| byte & 0x80 != 0) => 3,
            _ => 5_usize,
        };
        let used = wanted.saturating_sub(half.header.len()).min(data.len());
        half.header.extend_from_slice(data.get(..used).unwrap_or_default());
        match *half.header.as_slice() {
            [high, low, kind] if wanted == 3 => {
                half.header.clear();
                half.records_seen = true;
                if !matches!(kind, 1 | 4) {
                    self.fail(Event::InvalidSslv2Header);
                    return used;
                }
                half.is_ssl2 = true;
                half.message.clear();
                half.message.push(kind);
                half.left = usize::from(u16::from_be_bytes([high & 0x7f, low])).saturating_sub(1);
            }
            [kind, major, _, high, low] => {
                half.header.clear();
                half.records_seen = true;
                half.is_ssl2 = false;
                half.kind = kind;
                half.length = u16::from_be_bytes([high, low]);
                half.left = usize::from(half.length);
                half.short.clear();
                let length = half.length;
                if !(20..=24).contains(&kind) {
                    self.fail(Event::InvalidRecordType);
                } else if major != 3 {
                    self.fail(Event::InvalidRecordVersion);
                } else if length > RECORD_BYTES_MAX {
                    self.fail(Event::InvalidRecordLength);
                } else {
                    self.record_begins(direction, kind);
                }
            }
            _ => {}
        }
        used
    }

    fn record_begins(&mut self, direction: Direction, kind: u8) {
        let half = self.half(direction);
        match kind {
            CHANGE_CIPHER_SPEC => {
                half.encrypted = true;
                self.handshake.keys_changed(direction);
            }
            APPLICATION_DATA => {
                half.encrypted = true;
                half.data_seen = true;
                self.handshake.data_begins(direction);
            }
            _ => {}
        }
    }

    /// Content of the current record.
    fn content(&mut self, direction: Direction, data: &[u8], context: &mut Context) {
        let half = self.half(direction);
        half.left = half.left.saturating_sub(data.len());
        let (is_last, kind) = (half.left == 0, half.kind);
        if half.is_ssl2 {
            half.message.extend_from_slice(data);
            if is_last {
                let message = std::mem::take(&mut half.message);
                self.ssl2(direction, &message, context);
            }
            return;
        }
        match kind {
            HANDSHAKE if !half.encrypted => self.handshake_bytes(direction, data, context),
            HEARTBEAT => {
                let room = SHORT_BYTES.saturating_sub(half.short.len()).min(data.len());
                half.short.extend_from_slice(data.get(..room).unwrap_or_default());
                if is_last {
                    self.heartbeat(direction);
                }
            }
            _ => {}
        }
    }

    /// Handshake messages run over records (RFC 8446 §5.1).
    fn handshake_bytes(&mut self, direction: Direction, data: &[u8], context: &mut Context) {
        let mut held = std::mem::take(&mut self.half(direction).message);
        let whole = if held.is_empty() {
            data
        } else {
            held.extend_from_slice(data);
            &held
        };
        let mut at = 0;
        while let Some(rest) = whole.get(at..) {
            let mut reader = Reader::new(rest);
            let (Some(kind), Some(length)) = (reader.u8(), reader.u24()) else { break };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let known = matches!(kind, 0..=25 | 67 | 254);
            if !known || length > MESSAGE_BYTES_MAX {
                let event = if known { Event::HandshakeInvalidLength } else { Event::InvalidHandshakeMessage };
                self.handshake.raise(event);
                self.half(direction).encrypted = true;
                at = whole.len();
                break;
            }
            let Some(body) = reader.take(length) else { break };
            self.message(direction, kind, body, context);
            at = at.saturating_add(4).saturating_add(length);
        }
        let rest = whole.get(at..).unwrap_or_default();
        let kept = if held.is_empty() {
            rest.to_vec()
        } else {
            let from = held.len().saturating_sub(rest.len());
            held.drain(..from);
            held
        };
        self.half(direction).message = kept;
    }

    fn message(&mut self, direction: Direction, kind: u8, body: &[u8], context: &mut Context) {
        let from_server = direction == Direction::ToClient;
        match kind {
            CLIENT_HELLO if !from_server && self.handshake.client.is_none() => {
                let mut events = Vec::new();
                let hello = Hello::client(body, &mut |event| events.push(event));
                self.handshake.client_hello(hello, events);
            }
            SERVER_HELLO if from_server && self.handshake.server.is_none() => {
                let mut events = Vec::new();
                let hello = Hello::server(body, &mut |event| events.push(event));
                if let Some(version) = served(hello.chosen_version()) {
                    context.server_fact(Fact::TlsServed { port: context.server_port, version });
                }
                self.handshake.server_hello(hello, events);
            }
            CERTIFICATE => self.certificates(direction, body, context),
            SERVER_KEY_EXCHANGE | CLIENT_KEY_EXCHANGE | SERVER_HELLO_DONE => self.handshake.passed(kind),
            _ => {}
        }
    }

    /// RFC 5246 §7.4.2: a chain, the sender's own certificate first.
    fn certificates(&mut self, direction: Direction, body: &[u8], context: &mut Context) {
        let mut reader = Reader::new(body);
        let total = reader.u24().and_then(|total| usize::try_from(total).ok()).unwrap_or(0);
        if total > reader.rest().len() {
            self.handshake.raise(Event::CertificateInvalidLength);
        }
        let mut list = Reader::new(reader.take_up_to(total));
        let mut chain = Vec::new();
        let mut kept: usize = 0;
        while !list.is_empty() && chain.len() < CHAIN_LENGTH_MAX {
            let length = list.u24().and_then(|length| usize::try_from(length).ok());
            let Some(der) = length.and_then(|length| list.take(length)) else {
                self.handshake.raise(Event::CertificateInvalidLength);
                break;
            };
            kept = kept.saturating_add(der.len());
            if kept > CHAIN_BYTES_MAX {
                break;
            }
            chain.push(der.to_vec());
        }
        let own = match chain.first().map(|der| Certificate::parse(der)) {
            Some(Ok(own)) => Some(own),
            Some(Err(event)) => {
                self.fail(event);
                None
            }
            None => None,
        };
        if let (Some(own), Direction::ToClient) = (&own, direction) {
            context.server_fact(Fact::Certificate {
                port: context.server_port,
                subject: own.subject_4514.clone(),
                issuer: own.issuer_4514.clone(),
                not_after: own.not_after,
                fingerprint_sha256: own.sha256.clone(),
            });
        }
        self.handshake.certificates(direction, chain, own);
    }

    /// A hello in an SSL 2.0 record: of that version, or of a later one for the sake of old servers.
    fn ssl2(&mut self, direction: Direction, message: &[u8], context: &mut Context) {
        match direction {
            Direction::ToServer => match Hello::ssl2_client(message) {
                Some(hello) => self.handshake.client_hello(hello, Vec::new()),
                None => self.fail(Event::InvalidSslv2Header),
            },
            Direction::ToClient => {
                let mut reader = Reader::new(message);
                let parts = (reader.u8(), reader.u16(), reader.u16());
                let (Some(4), Some(_), Some(version)) = parts else {
                    self.fail(Event::InvalidSslv2Header);
                    return;
                };
                let lengths = (reader.u16(), reader.u16(), reader.u16());
                let certificate = lengths.0.and_then(|length| reader.take(usize::from(length)));
                context.server_fact(Fact::TlsServed { port: context.server_port, version: TlsVersion::Ssl2 });
                self.handshake.server_hello(Hello { version, ..Hello::default() }, Vec::new());
                if let Some(der) = certificate.filter(|der| !der.is_empty()) {
                    self.handshake.certificates(direction, vec![der.to_vec()], Certificate::parse(der).ok());
                }
                for half in &mut self.halves {
                    half.encrypted = true;
                    half.data_seen = true;
                }
            }
        }
    }

    /// RFC 6520 §4; a claim of more than the record holds is how Heartbleed (CVE-2014-0160) asks.
    fn heartbeat(&mut self, direction: Direction) {
        let other = self.half(direction.opposite()).heartbeat_length;
        let half = self.half(direction);
        half.heartbeat_length = Some(half.length);
        let (length, encrypted) = (half.length, half.encrypted);
        let short = std::mem::take(&mut half.short);
        self.handshake.raise(Event::HeartbeatMessage);
        if encrypted {
            if direction == Direction::ToClient && other.is_some_and(|asked| asked < length) {
                self.handshake.raise(Event::DataleakHeartbeatMismatch);
            }
            return;
        }
        let [kind, high, low] = *short.as_slice() else {
            self.handshake.raise(Event::InvalidHeartbeatMessage);
            return;
        };
        let claimed = u32::from(u16::from_be_bytes([high, low]));
        if claimed.saturating_add(3) > u32::from(length) {
            self.handshake.raise(Event::OverflowHeartbeatMessage);
        } else if kind == 1 && claimed.saturating_add(3).saturating_add(16) > u32::from(length) {
            self.handshake.raise(Event::InvalidHeartbeatMessage);
        }
    }

    fn outcome(&self) -> Outcome {
        if self.failed {
            return Outcome::Failed;
        }
        let spent = |half: &Half| half.lost || half.data_seen;
        if self.halves.iter().all(spent) { Outcome::Done } else { Outcome::Continue }
    }
}

impl Transactions for TlsSession {
    fn live(&self) -> Range<u64> {
        if self.released { 1..1 } else { 0..1 }
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        (id == 0 && !self.released).then_some(&self.handshake as &dyn Transaction)
    }
}

impl Session for TlsSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let mut rest = data;
        while !rest.is_empty() && !self.failed && !self.half(direction).lost {
            let left = self.half(direction).left;
            let used = if left == 0 {
                self.header(direction, rest)
            } else {
                let used = left.min(rest.len());
                self.content(direction, rest.get(..used).unwrap_or_default(), context);
                used
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        self.outcome()
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if !self.half(direction).encrypted {
            self.handshake.missed();
        }
        let half = self.half(direction);
        match (half.left as u64).checked_sub(length) {
            Some(left) if !half.is_ssl2 => {
                half.left = usize::try_from(left).unwrap_or(0);
                if half.kind == HANDSHAKE {
                    half.encrypted = true;
                    half.message = Vec::new();
                }
            }
            // Where the next record begins is unknown.
            _ => {
                half.lost = true;
                half.message = Vec::new();
            }
        }
        self.outcome()
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        let half = self.half(direction);
        half.lost = true;
        half.message = Vec::new();
        self.handshake.ended(direction);
    }

    fn release(&mut self, id: u64) {
        self.released |= id == 0;
    }

    fn follows(&mut self, protocol: &'static str) {
        self.handshake.begun_as = Some(protocol);
    }
}
