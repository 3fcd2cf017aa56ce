//! Where protocols and rules meet: named buffers and fields of transactions.
//!
//! A protocol declares what can be inspected ([`ProtocolDecl`]) and shows it ([`Transaction`]); the detection engine
//! resolves a rule's keywords against the declarations once, when rules load, and asks by number afterwards. Neither
//! side names the other.

use crate::{direction::Direction, json::Writer};

/// What one protocol offers to rules and records. All slices are static and in the order of their numbers.
#[derive(Debug)]
pub struct ProtocolDecl {
    /// The name in rules and in EVE's `app_proto`: `http`, `dns`, `tls`.
    pub name: &'static str,
    /// Stages of a request, in order; the last one means complete. A transaction's [`Transaction::progress`] is an index
    /// into this list. Also the names of hooks (`http1:request_started`).
    pub stages_to_server: &'static [&'static str],
    pub stages_to_client: &'static [&'static str],
    pub buffers: &'static [BufferDecl],
    pub fields: &'static [FieldDecl],
    /// Application events by their names in rules, without the protocol (`app-layer-event:http.{name}`).
    pub events: &'static [&'static str],
}

/// One inspectable buffer. Its number is its index in [`ProtocolDecl::buffers`].
#[derive(Debug)]
pub struct BufferDecl {
    /// The sticky buffer's name in rules: `http.uri`, `dns.query`, `file.data`.
    pub name: &'static str,
    /// The directions in which it is inspected; a buffer of both directions (`http.header`) is asked for per direction.
    pub to_server: bool,
    pub to_client: bool,
    /// The earliest stage at which it can be read, per direction (index 0 to server, 1 to client).
    pub stage: [u8; 2],
    pub shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// At most one value per transaction and direction.
    Single,
    /// Zero or more values, matched one at a time (`dns.query`, `tls.certs`).
    Multi,
    /// A value that grows (bodies, files): shown as a window that moves forward.
    Stream,
}

/// One number or word that keywords test directly (`http.response_line` is a buffer; `tls.version`, `dns.opcode` are fields).
#[derive(Debug)]
pub struct FieldDecl {
    pub name: &'static str,
    pub stage: [u8; 2],
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    Number(u64),
    Text(&'a str),
}

/// A view of a buffer at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferView<'a> {
    pub bytes: &'a [u8],
    /// Where `bytes` begins in the whole value; 0 but for [`Shape::Stream`].
    pub offset: u64,
    /// No more bytes will come.
    pub complete: bool,
}

impl<'a> BufferView<'a> {
    /// A value that is there in whole.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, complete: true }
    }
}

/// One exchange of an application protocol (a request with its answer, a DNS message, a TLS handshake).
pub trait Transaction {
    /// The stage reached in this direction: an index into the protocol's stages. It never goes back.
    fn progress(&self, direction: Direction) -> u8;

    /// The buffer with this number, for this direction; `instance` counts the values of a multi-buffer from 0. `None`
    /// when there is no such value (yet). Values that must be put together are built in `scratch`.
    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        scratch: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>>;

    /// The field with this number; `instance` as for buffers.
    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>>;

    /// Whether its numbers stand with their last byte first in this direction, where the protocol itself tells.
    fn little_endian(&self, direction: Direction) -> Option<bool> {
        let _ = direction;
        None
    }

    /// Numbers of the application events raised by this transaction so far, in order.
    fn events(&self) -> &[u8];

    /// Whether its record can be written now (EVE writes it once, when it is complete or its flow ends).
    fn loggable(&self) -> bool;

    /// Writes its EVE fields, as members of the record's object: `"http":{…}`.
    fn write_eve(&self, out: &mut Writer);

    /// Writes what could be read of something broken, as members of the record that tells of one of its events.
    fn write_remains(&self, _event: u8, _out: &mut Writer) {}

    /// The way of a single message, whose record names its sender first. `None` for an exchange, whose record names the
    /// client first.
    fn direction(&self) -> Option<Direction> {
        None
    }
}

/// The transactions that a session holds at the moment.
pub trait Transactions {
    /// Ids from the oldest that is still held to one past the newest.
    fn live(&self) -> std::ops::Range<u64>;

    /// `None` for an id that was released or never given.
    fn transaction(&self, id: u64) -> Option<&dyn Transaction>;
}
