//! Headers of messages: connection-oriented (C706 §12.6) and of datagrams (§12.5).

use crate::bytes::Reader;

pub(crate) const HEADER_BYTES: usize = 16;
pub(crate) const DATAGRAM_HEADER_BYTES: usize = 80;
pub(super) const KIND_MAX: u8 = 20;

pub(crate) const REQUEST: u8 = 0;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const FAULT: u8 = 3;
pub(crate) const REJECT: u8 = 6;
pub(crate) const BIND: u8 = 11;
pub(crate) const BIND_ACK: u8 = 12;
pub(crate) const BIND_NAK: u8 = 13;
pub(crate) const ALTER_CONTEXT: u8 = 14;
pub(crate) const ALTER_CONTEXT_RESPONSE: u8 = 15;

const FLAG_FIRST: u8 = 0x01;
const FLAG_LAST: u8 = 0x02;
/// Of datagrams.
const FLAG_FRAGMENT: u8 = 0x04;

/// A message's kind as EVE writes it.
pub(crate) fn kind_name(kind: u8) -> String {
    const NAMES: &[&str] = &[
        "REQUEST",
        "PING",
        "RESPONSE",
        "FAULT",
        "WORKING",
        "NOCALL",
        "REJECT",
        "ACK",
        "CL_CANCEL",
        "FACK",
        "CANCEL_ACK",
        "BIND",
        "BINDACK",
        "BINDNAK",
        "ALTER_CONTEXT",
        "ALTER_CONTEXT_RESP",
        "AUTH3",
        "SHUTDOWN",
        "CO_CANCEL",
        "ORPHANED",
        "RTS",
    ];
    NAMES.get(usize::from(kind)).map_or_else(|| format!("UNKNOWN ({kind})"), |name| (*name).to_owned())
}

/// A number's bytes stand in the order that the header tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers<'a> {
    reader: Reader<'a>,
    little: bool,
}

impl<'a> Numbers<'a> {
    pub(crate) fn new(bytes: &'a [u8], little: bool) -> Self {
        Self { reader: Reader::new(bytes), little }
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.reader.u8()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        if self.little { self.reader.u16_le() } else { self.reader.u16() }
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        if self.little { self.reader.u32_le() } else { self.reader.u32() }
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        self.reader.take(length)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// In the order in which it is written.
    pub(crate) fn uuid(&mut self) -> Option<Uuid> {
        let bytes: [u8; 16] = self.take(16)?.try_into().ok()?;
        if !self.little {
            return Some(Uuid(bytes));
        }
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let mut out = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
        if let Some(tail) = out.get_mut(8..) {
            tail.copy_from_slice(&rest);
        }
        Some(Uuid(out))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uuid(pub(crate) [u8; 16]);

impl std::fmt::Display for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// What stands before each message of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) minor: u8,
    pub(crate) kind: u8,
    flags: u8,
    pub(crate) little: bool,
    pub(crate) length: u16,
    pub(crate) call: u32,
}

impl Header {
    /// `None` for what is too short or another version.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let [version, minor, kind, flags, order, ..] = *bytes else { return None };
        let little = order & 0x10 != 0;
        let mut numbers = Numbers::new(bytes.get(8..)?, little);
        // Between them stands how much of the end proves who speaks.
        let (length, _, call) = (numbers.u16()?, numbers.u16()?, numbers.u32()?);
        (version == 5).then_some(Self { minor, kind, flags, little, length, call })
    }

    pub(crate) fn is_sound(&self) -> bool {
        usize::from(self.length) >= HEADER_BYTES && self.minor <= 1 && self.kind <= KIND_MAX
    }

    pub(crate) fn is_first(&self) -> bool {
        self.flags & FLAG_FIRST != 0
    }

    pub(crate) fn is_last(&self) -> bool {
        self.flags & FLAG_LAST != 0
    }
}

/// What stands before the arguments in a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    pub(crate) kind: u8,
    pub(crate) is_last: bool,
    pub(crate) little: bool,
    pub(crate) interface: Uuid,
    pub(crate) activity: Uuid,
    pub(crate) version: u32,
    pub(crate) sequence: u32,
    pub(crate) operation: u16,
    pub(crate) length: u16,
}

impl Datagram {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let [4, kind, flags, flags2, order, float, third, _, ..] = *bytes else { return None };
        if kind > 10 || order & 0xee != 0 || float > 3 || third != 0 || flags & 0x80 != 0 || flags2 & 0xfc != 0 {
            return None;
        }
        let little = order & 0x10 != 0;
        let mut numbers = Numbers::new(bytes.get(8..)?, little);
        numbers.take(16)?;
        let (interface, activity) = (numbers.uuid()?, numbers.uuid()?);
        numbers.u32()?;
        let (version, sequence, operation) = (numbers.u32()?, numbers.u32()?, numbers.u16()?);
        numbers.take(4)?;
        let length = numbers.u16()?;
        numbers.take(4)?;
        let is_last = flags & FLAG_FRAGMENT == 0 || flags & FLAG_LAST != 0;
        Some(Self { kind, is_last, little, interface, activity, version, sequence, operation, length })
    }
}
