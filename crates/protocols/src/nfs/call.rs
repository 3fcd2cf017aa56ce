//! What a call asks for: procedures of versions 2 and 3, operations of version 4, in one shape.

use super::rpc::opaque;
use crate::bytes::Reader;

/// Operations of one compound (version 4).
const OPERATIONS_MAX: u32 = 64;
/// RFC 1813: a handle has at most 64 bytes, in version 4 128.
const HANDLE_BYTES_MAX: usize = 128;
const NAME_BYTES_MAX: usize = 255;

/// What is done with a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Read,
    Write,
    /// All that was written is to be kept: a file is complete.
    Commit,
    Rename,
    /// A name becomes a handle by the reply.
    Find,
    Other,
}

#[derive(Debug)]
pub(super) struct Asked {
    /// Of version 4: the operation that matters.
    pub(super) procedure: u32,
    pub(super) act: Act,
    pub(super) handle: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) new_name: Vec<u8>,
    pub(super) offset: u64,
    /// Bytes that are written: where they begin in the arguments, and how many there are.
    pub(super) data: Option<(usize, u64)>,
}

impl Asked {
    fn new(procedure: u32) -> Self {
        Self {
            procedure,
            act: Act::Other,
            handle: Vec::new(),
            name: Vec::new(),
            new_name: Vec::new(),
            offset: 0,
            data: None,
        }
    }

    /// As far as it can be read; `false` when it broke off.
    pub(super) fn read(version: u32, procedure: u32, arguments: &[u8]) -> (Self, bool) {
        let mut asked = Self::new(procedure);
        let mut reader = Reader::new(arguments);
        let whole = match version {
            2 => asked.version2(&mut reader, arguments.len()),
            3 => asked.version3(&mut reader, arguments.len()),
            _ if procedure == 1 => asked.compound(&mut reader, arguments.len()),
            _ => Some(()),
        };
        (asked, whole.is_some())
    }

    fn take_handle(&mut self, bytes: &[u8]) {
        self.handle = bytes.get(..HANDLE_BYTES_MAX).unwrap_or(bytes).to_vec();
    }

    fn take_data(&mut self, reader: &mut Reader<'_>, total: usize) -> Option<()> {
        let length = u64::from(reader.u32()?);
        self.data = Some((total.saturating_sub(reader.rest().len()), length));
        Some(())
    }

    fn version2(&mut self, reader: &mut Reader<'_>, total: usize) -> Option<()> {
        if matches!(self.procedure, 0 | 3 | 7) {
            return Some(());
        }
        self.take_handle(reader.take(32)?);
        match self.procedure {
            6 => {
                self.act = Act::Read;
                self.offset = reader.u32()?.into();
            }
            8 => {
                self.act = Act::Write;
                reader.u32()?;
                self.offset = reader.u32()?.into();
                reader.u32()?;
                self.take_data(reader, total)?;
            }
            4 | 9 | 14 => {
                self.act = Act::Find;
                self.name = name(reader)?;
            }
            10 | 13 | 15 => self.name = name(reader)?,
            11 => {
                self.act = Act::Rename;
                self.name = name(reader)?;
                reader.take(32)?;
                self.new_name = name(reader)?;
            }
            _ => {}
        }
        Some(())
    }

    fn version3(&mut self, reader: &mut Reader<'_>, total: usize) -> Option<()> {
        if self.procedure == 0 {
            return Some(());
        }
        self.take_handle(opaque(reader)?);
        match self.procedure {
            6 => {
                self.act = Act::Read;
                self.offset = offset(reader)?;
            }
            7 => {
                self.act = Act::Write;
                self.offset = offset(reader)?;
                reader.take(8)?;
                self.take_data(reader, total)?;
            }
            3 | 8 | 9 => {
                self.act = Act::Find;
                self.name = name(reader)?;
            }
            10..=13 => self.name = name(reader)?,
            14 => {
                self.act = Act::Rename;
                self.name = name(reader)?;
                opaque(reader)?;
                self.new_name = name(reader)?;
            }
            21 => self.act = Act::Commit,
            _ => {}
        }
        Some(())
    }

    /// RFC 8881 §16.2: operations one after the other, on the handle that PUTFH set.
    fn compound(&mut self, reader: &mut Reader<'_>, total: usize) -> Option<()> {
        opaque(reader)?;
        reader.u32()?;
        let count = reader.u32()?;
        for _ in 0..count.min(OPERATIONS_MAX) {
            let operation = reader.u32()?;
            // What only prepares is not what the compound is about.
            if !matches!(operation, 9 | 10 | 22 | 24 | 31 | 32 | 53) || self.procedure == 1 {
                self.procedure = operation;
            }
            if !self.operation(operation, reader, total)? {
                break;
            }
        }
        Some(())
    }

    /// `false` for an operation behind which nothing can be read.
    fn operation(&mut self, operation: u32, reader: &mut Reader<'_>, total: usize) -> Option<bool> {
        match operation {
            // GETFH, LOOKUPP, PUTPUBFH, PUTROOTFH, READLINK, RESTOREFH, SAVEFH
            10 | 16 | 23 | 24 | 27 | 31 | 32 => {}
            3 | 45 | 58 => drop(reader.take(4)?),
            4 => {
                self.act = Act::Commit;
                reader.take(20)?;
            }
            5 => {
                self.act = Act::Commit;
                reader.take(12)?;
            }
            9 => drop(bitmap(reader)?),
            15 | 28 => self.name = name(reader)?,
            22 => {
                let handle = opaque(reader)?;
                self.take_handle(handle);
            }
            25 => {
                self.act = Act::Read;
                reader.take(16)?;
                self.offset = offset(reader)?;
                reader.take(4)?;
            }
            29 => {
                self.act = Act::Rename;
                self.name = name(reader)?;
                self.new_name = name(reader)?;
            }
            38 => {
                self.act = Act::Write;
                reader.take(16)?;
                self.offset = offset(reader)?;
                reader.take(4)?;
                self.take_data(reader, total)?;
                return Some(false);
            }
            53 => drop(reader.take(32)?),
            18 => {
                self.name = opened(reader)?;
            }
            _ => return Some(false),
        }
        Some(true)
    }
}

/// OPEN's name (RFC 8881 §18.16).
fn opened(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    reader.take(20)?;
    opaque(reader)?;
    if reader.u32()? == 1 {
        let mode = reader.u32()?;
        if mode >= 2 {
            reader.take(8)?;
        }
        if mode != 2 {
            bitmap(reader)?;
            opaque(reader)?;
        }
    }
    match reader.u32()? {
        0 => name(reader),
        1 => reader.take(4).map(|_| Vec::new()),
        _ => Some(Vec::new()),
    }
}

fn bitmap(reader: &mut Reader<'_>) -> Option<()> {
    let words = usize::try_from(reader.u32()?).ok()?.min(16);
    reader.take(words.saturating_mul(4)).map(|_| ())
}

fn offset(reader: &mut Reader<'_>) -> Option<u64> {
    Some(u64::from(reader.u32()?) << 32 | u64::from(reader.u32()?))
}

fn name(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    opaque(reader).map(|name| name.get(..NAME_BYTES_MAX).unwrap_or(name).to_vec())
}

/// What a reply to a read brings: where its bytes begin in the results, and how many there are.
pub(super) fn read_data(version: u32, results: &[u8]) -> Option<(usize, u64)> {
    let mut reader = Reader::new(results);
    reader.u32()?;
    match version {
        2 => drop(reader.take(68)?),
        3 => {
            if reader.u32()? == 1 {
                reader.take(84)?;
            }
            reader.take(8)?;
        }
        _ => return None,
    }
    let length = u64::from(reader.u32()?);
    Some((results.len().saturating_sub(reader.rest().len()), length))
}

/// The handle that a reply gives to a name.
pub(super) fn found_handle(version: u32, procedure: u32, results: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(results);
    reader.u32()?;
    let handle = match (version, procedure) {
        (2, _) => reader.take(32)?,
        (3, 3) => opaque(&mut reader)?,
        (3, _) if reader.u32()? == 1 => opaque(&mut reader)?,
        _ => return None,
    };
    Some(handle.get(..HANDLE_BYTES_MAX).unwrap_or(handle).to_vec())
}
