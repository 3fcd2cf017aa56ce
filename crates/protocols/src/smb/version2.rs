//! SMB 2 and 3 messages ([MS-SMB2] §2.2).

use super::{
    names,
    ntlmssp::{self, utf16},
    pipe::{self, Carrier},
    session::{Handle, SmbSession},
    transaction::{COMPLETE, Command},
};
use crate::{bytes::Reader, krb5::message::Message, session::Context};
use phitak_model::{Direction, Fact};
use std::fmt::Write as _;

const HEADER_BYTES: usize = 64;
const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const TREE_CONNECT: u16 = 3;
const CREATE: u16 = 5;
const CLOSE: u16 = 6;
const READ: u16 = 8;
const WRITE: u16 = 9;
const IOCTL: u16 = 11;
const CANCEL: u16 = 12;
const GET_INFO: u16 = 16;
const SET_INFO: u16 = 17;
const FLAG_RESPONSE: u32 = 1;
const FLAG_ASYNC: u32 = 2;
const STATUS_PENDING: u32 = 0x103;
const STATUS_BUFFER_OVERFLOW: u32 = 0x8000_0005;
/// [MS-FSCC] §2.3
const PIPE_TRANSCEIVE: u32 = 0x0011_c017;
/// Most dialects that a client may offer.
const DIALECTS_MAX: u16 = 64;

struct Header {
    command: u16,
    status: u32,
    is_response: bool,
    next: usize,
    message: u64,
    tree: u32,
    session: u64,
}

fn header(message: &[u8]) -> Option<Header> {
    let mut reader = Reader::new(message);
    reader.take(8)?;
    let status = reader.u32_le()?;
    let command = reader.u16_le()?;
    reader.u16_le()?;
    let flags = reader.u32_le()?;
    let next = usize::try_from(reader.u32_le()?).ok()?;
    let id = reader.u64_le()?;
    reader.u32_le()?;
    let tree = reader.u32_le()?;
    let session = reader.u64_le()?;
    reader.take(16)?;
    Some(Header {
        command,
        status,
        is_response: flags & FLAG_RESPONSE != 0,
        next,
        message: id,
        tree: if flags & FLAG_ASYNC != 0 { 0 } else { tree },
        session,
    })
}

/// Reads one message; answers where the next of a compound begins, 0 when there is none.
pub(super) fn message(
    session: &mut SmbSession,
    direction: Direction,
    message: &[u8],
    context: &mut Context,
) -> Option<usize> {
    let header = header(message)?;
    let end = if header.next > 0 { header.next.min(message.len()) } else { message.len() };
    let whole = message.get(..end)?;
    let body = whole.get(HEADER_BYTES..)?;
    match (direction, header.is_response) {
        (Direction::ToServer, false) => request(session, &header, whole, body),
        (Direction::ToClient, true) => response(session, &header, whole, body, context),
        _ => {}
    }
    Some(header.next)
}

fn request(session: &mut SmbSession, header: &Header, whole: &[u8], body: &[u8]) {
    let is_pipe = session.pipes.get(&header.tree) == Some(&true);
    let (mut rename, mut deletes) = (None, false);
    match header.command {
        CANCEL | GET_INFO => return,
        READ => {
            if let (Some(handle), Some(offset)) = (handle(body, 16), u64_at(body, 8)) {
                session.remember_read(header.message, handle, offset);
            }
            return;
        }
        WRITE => {
            write(session, header, whole, body, is_pipe);
            return;
        }
        IOCTL if u32_at(body, 4) == Some(PIPE_TRANSCEIVE) => {
            transceive(session, Direction::ToServer, header, whole, body);
            return;
        }
        SET_INFO => {
            rename = new_name(whole, body);
            deletes = is_deletion(whole, body);
            if rename.is_none() && !deletes {
                return;
            }
        }
        _ => {}
    }
    let place = match header.command {
        CLOSE => Some(8),
        SET_INFO => Some(16),
        _ => None,
    };
    let handle = place.and_then(|at| handle(body, at));
    let file = match (header.command, handle) {
        (_, Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ..])) => session.related_file.clone(),
        (CLOSE, Some(handle)) => session.close(handle),
        (_, Some(handle)) => session.files.get(&handle).cloned(),
        _ => None,
    };
    let created = (header.command == CREATE).then(|| text(whole, body, 44)).flatten();
    if created.is_some() {
        session.related_file.clone_from(&created);
    }
    let Some(transaction) = session.open(Command::Smb2(header.command), header.message) else { return };
    transaction.session = header.session;
    transaction.tree = header.tree;
    transaction.fuid = handle.map(fuid);
    transaction.rename = rename.map(|to| (file.clone().unwrap_or_default(), to));
    transaction.file = file;
    transaction.access = deletes.then_some("delete on close");
    match header.command {
        IOCTL => transaction.function = u32_at(body, 4).map(names::function),
        NEGOTIATE => transaction.client_dialects = dialects(body).unwrap_or_default(),
        SESSION_SETUP => {
            transaction.ntlmssp = ntlmssp::authenticate(body);
            transaction.kerberos = Message::in_token(body).map(Box::new);
        }
        TREE_CONNECT => transaction.share = text(whole, body, 4),
        CREATE => {
            transaction.file = created;
            transaction.disposition = disposition(body);
            let options = body.get(40..44).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
            transaction.access = Some(if options & 0x1000 != 0 { "delete on close" } else { "normal" });
        }
        _ => {}
    }
}

/// Content that goes into a file (§2.2.21).
fn write(session: &mut SmbSession, header: &Header, whole: &[u8], body: &[u8], is_pipe: bool) {
    let mut reader = Reader::new(body);
    let parts = (reader.u16_le(), reader.u16_le(), reader.u32_le(), reader.u64_le());
    let (_, Some(place), Some(length), Some(offset)) = parts else { return };
    let Some(handle) = handle(body, 16) else { return };
    let from = whole.get(usize::from(place)..).unwrap_or_default();
    let length = u64::from(length);
    let here = from.get(..usize::try_from(length).unwrap_or(usize::MAX).min(from.len())).unwrap_or_default();
    let command = Command::Smb2(WRITE);
    if is_pipe || session.rpc.knows(handle) || pipe::is_bind(here) {
        let missing = length.saturating_sub(here.len() as u64);
        session.through_pipe(handle, Direction::ToServer, carrier(header), here, missing);
        return;
    }
    let id = session.content(handle, Direction::ToServer, command, offset, here, length).map(|transaction| {
        transaction.session = header.session;
        transaction.tree = header.tree;
        transaction.fuid = Some(fuid(handle));
        transaction.id
    });
    if let Some(id) = id {
        session.wait_on(command, header.message, id);
    }
}

/// Content that comes out of a file (§2.2.20).
fn read(session: &mut SmbSession, header: &Header, whole: &[u8], body: &[u8]) {
    let Some((handle, offset)) = session.recall_read(header.message) else { return };
    let (Some(place), Some(length)) = (body.get(2).copied(), u32_at(body, 4)) else { return };
    if !matches!(header.status, 0 | STATUS_BUFFER_OVERFLOW) || length == 0 {
        return;
    }
    let from = whole.get(usize::from(place)..).unwrap_or_default();
    let here = from.get(..usize::try_from(length).unwrap_or(usize::MAX).min(from.len())).unwrap_or_default();
    if session.rpc.knows(handle) {
        let missing = u64::from(length).saturating_sub(here.len() as u64);
        session.through_pipe(handle, Direction::ToClient, carrier(header), here, missing);
        return;
    }
    let (direction, command) = (Direction::ToClient, Command::Smb2(READ));
    if let Some(transaction) = session.content(handle, direction, command, offset, here, u64::from(length)) {
        transaction.session = header.session;
        if header.tree != 0 {
            transaction.tree = header.tree;
        }
        transaction.fuid = Some(fuid(handle));
        transaction.status = Some(header.status);
    }
}

/// Data through a pipe there and back in one exchange (§2.2.31, §2.2.32).
fn transceive(session: &mut SmbSession, direction: Direction, header: &Header, whole: &[u8], body: &[u8]) {
    let at = if direction == Direction::ToServer { 24 } else { 32 };
    let (Some(handle), Some(place), Some(length)) = (handle(body, 8), u32_at(body, at), u32_at(body, at + 4)) else {
        return;
    };
    let from = usize::try_from(place).ok().and_then(|place| whole.get(place..)).unwrap_or_default();
    let here = from.get(..usize::try_from(length).unwrap_or(usize::MAX).min(from.len())).unwrap_or_default();
    let missing = u64::from(length).saturating_sub(here.len() as u64);
    session.through_pipe(handle, direction, carrier(header), here, missing);
}

fn carrier(header: &Header) -> Carrier {
    Carrier {
        command: Command::Smb2(header.command),
        session: header.session,
        tree: header.tree,
        status: Some(header.status),
    }
}

/// The new name that a SET_INFO of class 10 gives (§2.2.39, [MS-FSCC] §2.4.42.2).
fn new_name(whole: &[u8], body: &[u8]) -> Option<String> {
    let mut reader = Reader::new(body);
    reader.u16_le()?;
    let (kind, class) = (reader.u8()?, reader.u8()?);
    if (kind, class) != (1, 10) {
        return None;
    }
    reader.u32_le()?;
    let place = usize::from(reader.u16_le()?);
    let mut information = Reader::new(whole.get(place..)?);
    information.take(16)?;
    let length = usize::try_from(information.u32_le()?).ok()?;
    Some(utf16(information.take(length)?))
}

/// Whether a SET_INFO of class 13 marks the file to be deleted ([MS-FSCC] §2.4.11).
fn is_deletion(whole: &[u8], body: &[u8]) -> bool {
    let place = body.get(8..10).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes);
    body.get(2..4) == Some(&[1, 13]) && whole.get(usize::from(place)) == Some(&1)
}

fn u32_at(body: &[u8], at: usize) -> Option<u32> {
    body.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(body: &[u8], at: usize) -> Option<u64> {
    body.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

fn response(session: &mut SmbSession, header: &Header, whole: &[u8], body: &[u8], context: &mut Context) {
    match header.command {
        NEGOTIATE if header.status == 0 => {
            if let Some(revision) = body.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes) {
                session.agreed_smb2(revision, context);
            }
        }
        SESSION_SETUP => session.server_named(whole, context),
        READ => {
            read(session, header, whole, body);
            return;
        }
        IOCTL if u32_at(body, 4) == Some(PIPE_TRANSCEIVE) => {
            transceive(session, Direction::ToClient, header, whole, body);
            return;
        }
        _ => {}
    }
    let share_type = (header.command == TREE_CONNECT && header.status == 0).then(|| body.get(2).copied()).flatten();
    if let Some(kind) = share_type {
        session.remember_tree(header.tree, kind == 2);
    }
    let dialect = session.dialect.clone();
    let command = Command::Smb2(header.command);
    let created = (header.command == CREATE && header.status == 0).then(|| handle(body, 64)).flatten();
    let Some(transaction) = session.answered(command, header.message) else { return };
    if header.status == STATUS_PENDING {
        let id = transaction.id;
        session.wait_on(command, header.message, id);
        return;
    }
    transaction.status = Some(header.status);
    transaction.dialect = dialect;
    transaction.session = header.session;
    if header.tree != 0 {
        transaction.tree = header.tree;
    }
    // A file's transaction goes on to its end.
    if transaction.transfer.is_none() {
        transaction.progress = [COMPLETE, COMPLETE];
    }
    if let Some(kind) = share_type {
        transaction.is_pipe = kind == 2;
        transaction.share_type = Some(match kind {
            1 => "FILE",
            2 => "PIPE",
            3 => "PRINT",
            _ => "UNKNOWN",
        });
    }
    if let Some(names) = &transaction.ntlmssp
        && header.status == 0
        && !names.host.is_empty()
    {
        context.client_fact(Fact::Named { name: names.host.clone(), source: "ntlmssp".to_owned() });
    }
    if let Some(handle) = created {
        let time = |at| u64_at(body, at).map_or(0, names::unix_time);
        transaction.times = Some(([time(8), time(16), time(24), time(32)], u64_at(body, 48).unwrap_or(0)));
        transaction.fuid = Some(fuid(handle));
        if let Some(name) = transaction.file.clone() {
            session.remember_file(handle, name);
        }
    }
}

fn dialects(body: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader::new(body);
    reader.u16_le()?;
    let count = reader.u16_le()?.min(DIALECTS_MAX);
    reader.take(32)?;
    Some((0..count).map_while(|_| reader.u16_le()).map(|revision| names::dialect(revision).0).collect())
}

/// A text given by its place and length at `at` of the body.
fn text(whole: &[u8], body: &[u8], at: usize) -> Option<String> {
    let mut reader = Reader::new(body.get(at..)?);
    let (offset, length) = (usize::from(reader.u16_le()?), usize::from(reader.u16_le()?));
    Some(utf16(whole.get(offset..offset.checked_add(length)?)?)).filter(|text| !text.is_empty())
}

fn disposition(body: &[u8]) -> Option<&'static str> {
    const NAMES: &[&str] =
        &["FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF"];
    let number = u32::from_le_bytes(body.get(36..40)?.try_into().ok()?);
    Some(NAMES.get(usize::try_from(number).ok()?).copied().unwrap_or("UNKNOWN"))
}

fn handle(body: &[u8], at: usize) -> Option<Handle> {
    body.get(at..at.checked_add(16)?)?.try_into().ok()
}

/// A handle as EVE writes it: numbers of 32, 16, 16, 16, 16 and 32 bits.
fn fuid(handle: Handle) -> String {
    let mut out = String::new();
    for (at, byte) in [3, 2, 1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 15, 14, 13, 12].iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{:02x}", handle.get(*byte).copied().unwrap_or(0));
    }
    out
}
