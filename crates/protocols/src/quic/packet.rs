//! One packet with a long header, and what its hello told: a transaction.

use super::{
    eve,
    google::{ClientHello, Cyu},
    header::Version,
};
use crate::tls::{
    fingerprint::{self, Carrier},
    hello::Hello,
};
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldValue, Shape, Transaction},
    json::Writer,
};

const COMPLETE: u8 = 1;

const fn buffer(name: &'static str, to_server: bool, to_client: bool, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client, stage: [COMPLETE, COMPLETE], shape }
}

/// Their numbers are used below.
pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("quic.version", true, true, Shape::Single),
    buffer("quic.sni", true, false, Shape::Single),
    buffer("quic.ua", true, false, Shape::Single),
    buffer("quic.cyu.hash", true, false, Shape::Multi),
    buffer("quic.cyu.string", true, false, Shape::Multi),
    buffer("ja3.hash", true, false, Shape::Single),
    buffer("ja3.string", true, false, Shape::Single),
    buffer("ja3s.hash", false, true, Shape::Single),
    buffer("ja3s.string", false, true, Shape::Single),
    buffer("ja4.hash", true, false, Shape::Single),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    FailedDecrypt,
    ErrorOnData,
    ErrorOnHeader,
    CryptoFragTooLong,
}

#[derive(Debug)]
pub(super) struct Packet {
    pub(super) direction: Direction,
    pub(super) version: String,
    pub(super) sni: Option<Vec<u8>>,
    pub(super) user_agent: Option<Vec<u8>>,
    pub(super) cyu: Option<Cyu>,
    pub(super) hello: Option<Hello>,
    pub(super) ja3: String,
    pub(super) ja3_hash: String,
    pub(super) ja4: String,
    events: Vec<u8>,
}

impl Packet {
    pub(super) fn new(direction: Direction, version: Option<Version>) -> Self {
        Self {
            direction,
            version: version.map_or_else(String::new, |version| version.to_string()),
            sni: None,
            user_agent: None,
            cyu: None,
            hello: None,
            ja3: String::new(),
            ja3_hash: String::new(),
            ja4: String::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn raise(&mut self, event: Event) {
        self.events.push(event as u8);
    }

    pub(super) fn tls_hello(&mut self, hello: Hello) {
        if self.direction == Direction::ToServer {
            self.ja3 = fingerprint::ja3(&hello);
            self.ja4 = fingerprint::ja4(&hello, Carrier::Quic);
            self.sni.clone_from(&hello.sni);
        } else {
            self.ja3 = fingerprint::ja3s(&hello);
        }
        self.ja3_hash = fingerprint::md5_hex(&self.ja3);
        self.hello = Some(hello);
    }

    pub(super) fn google_hello(&mut self, mut hello: ClientHello, version: Version) {
        self.cyu = hello.cyu(version);
        self.sni = hello.sni.take();
        self.user_agent = hello.user_agent.take();
    }
}

fn text(text: &str) -> Option<&[u8]> {
    (!text.is_empty()).then_some(text.as_bytes())
}

impl Transaction for Packet {
    fn progress(&self, _: Direction) -> u8 {
        COMPLETE
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let decl = BUFFERS.get(usize::from(number))?;
        let offered = if direction == Direction::ToServer { decl.to_server } else { decl.to_client };
        if instance > 0 || direction != self.direction || !offered {
            return None;
        }
        let bytes = match number {
            0 => text(&self.version),
            1 => self.sni.as_deref(),
            2 => self.user_agent.as_deref(),
            3 => self.cyu.as_ref().map(|cyu| cyu.hash.as_bytes()),
            4 => self.cyu.as_ref().map(|cyu| cyu.string.as_bytes()),
            5 | 7 => text(&self.ja3_hash),
            6 | 8 => text(&self.ja3),
            9 => text(&self.ja4),
            _ => None,
        };
        bytes.map(BufferView::whole)
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
        eve::write(self, out);
    }
}
