//! SMB 2 and 3 messages ([MS-SMB2] §2.2).

use super::{
    ntlmssp::{self, utf16},
    session::SmbSession,
    transaction::{COMPLETE, Command},
};
use crate::{bytes::Reader, session::Context};
use phitak_model::{Direction, Fact};
use std::fmt::Write as _;

const HEADER_BYTES: usize = 64;
const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const TREE_CONNECT: u16 = 3;
const CREATE: u16 = 5;
const CLOSE: u16 = 6;
const CANCEL: u16 = 12;
/// Commands that move content or ask about it: no record of their own.
const CONTENT: &[u16] = &[8, 9, 16, 17];
const FLAG_RESPONSE: u32 = 1;
const FLAG_ASYNC: u32 = 2;
const STATUS_PENDING: u32 = 0x103;
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
    if CONTENT.contains(&header.command) || header.command == CANCEL {
        return;
    }
    let handle = (header.command == CLOSE).then(|| handle(body, 8)).flatten();
    let closed = handle.and_then(|handle| session.files.remove(&handle));
    let Some(transaction) = session.open(Command::Smb2(header.command), header.message) else { return };
    transaction.session = header.session;
    transaction.tree = header.tree;
    match header.command {
        NEGOTIATE => transaction.client_dialects = dialects(body).unwrap_or_default(),
        SESSION_SETUP => transaction.ntlmssp = ntlmssp::authenticate(body),
        TREE_CONNECT => {
            transaction.share = text(whole, body, 4);
            transaction.is_pipe = transaction.share.as_deref().is_some_and(|share| share.ends_with("IPC$"));
        }
        CREATE => {
            transaction.file = text(whole, body, 44);
            transaction.disposition = disposition(body);
            let options = body.get(40..44).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
            transaction.access = Some(if options & 0x1000 != 0 { "delete on close" } else { "normal" });
        }
        CLOSE => {
            transaction.file = closed;
            transaction.fuid = handle.map(fuid);
        }
        _ => {}
    }
}

fn response(session: &mut SmbSession, header: &Header, whole: &[u8], body: &[u8], context: &mut Context) {
    match header.command {
        NEGOTIATE if header.status == 0 => {
            if let Some(revision) = body.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes) {
                session.agreed_smb2(revision, context);
            }
        }
        SESSION_SETUP => session.server_named(whole, context),
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
    transaction.progress = [COMPLETE, COMPLETE];
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
    Some((0..count).map_while(|_| reader.u16_le()).map(|revision| super::names::dialect(revision).0).collect())
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

fn handle(body: &[u8], at: usize) -> Option<[u8; 16]> {
    body.get(at..at.checked_add(16)?)?.try_into().ok()
}

/// A handle as EVE writes it: a GUID's groups, the first three turned round.
fn fuid(handle: [u8; 16]) -> String {
    let mut out = String::new();
    for (at, byte) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{:02x}", handle.get(*byte).copied().unwrap_or(0));
    }
    out
}
