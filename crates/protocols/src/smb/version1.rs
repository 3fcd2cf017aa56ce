//! SMB 1 messages ([MS-CIFS] §2.2.3.1).

use super::{
    ntlmssp::{self, utf16},
    pipe::{self, Carrier},
    session::{Handle, SmbSession},
    transaction::{COMPLETE, Command},
};
use crate::{bytes::Reader, krb5::message::Message, session::Context};
use phitak_model::{Direction, Fact};

const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;
const TREE_CONNECT: u8 = 0x75;
const NT_CREATE: u8 = 0xa2;
const CLOSE: u8 = 0x04;
const READ: u8 = 0x2e;
const WRITE: u8 = 0x2f;
const TRANS: u8 = 0x25;
/// A transaction's first setup word ([MS-CIFS] §2.2.5.6).
const TRANSACT_PIPE: u16 = 0x26;
const STATUS_BUFFER_OVERFLOW: u32 = 0x8000_0005;
const FLAG_REPLY: u8 = 0x80;
const FLAG_UNICODE: u16 = 0x8000;
/// Most dialects that a client may offer.
const DIALECTS_MAX: usize = 64;

struct Header {
    command: u8,
    status: u32,
    is_reply: bool,
    unicode: bool,
    tree: u16,
    user: u16,
    message: u64,
}

fn header(reader: &mut Reader<'_>) -> Option<Header> {
    reader.take(4)?;
    let command = reader.u8()?;
    let status = reader.u32_le()?;
    let flags = reader.u8()?;
    let flags2 = reader.u16_le()?;
    // The process id's high half, the signature, two bytes of nothing.
    reader.take(12)?;
    let tree = reader.u16_le()?;
    let process = reader.u16_le()?;
    let user = reader.u16_le()?;
    let multiplex = reader.u16_le()?;
    Some(Header {
        command,
        status,
        is_reply: flags & FLAG_REPLY != 0,
        unicode: flags2 & FLAG_UNICODE != 0,
        tree,
        user,
        message: u64::from(process) << 16 | u64::from(multiplex),
    })
}

pub(super) fn message(session: &mut SmbSession, direction: Direction, message: &[u8], context: &mut Context) {
    let mut reader = Reader::new(message);
    let Some(header) = header(&mut reader) else { return };
    let from_server = direction == Direction::ToClient;
    if header.is_reply != from_server {
        return;
    }
    let words = reader.u8().and_then(|count| reader.take(usize::from(count).saturating_mul(2))).unwrap_or_default();
    let count = reader.u16_le().unwrap_or(0);
    let bytes = reader.take_up_to(usize::from(count));
    if from_server {
        if header.command == READ {
            read(session, &header, words, message);
            return;
        }
        if header.command == TRANS
            && let Some((handle, _)) = session.recall_read(header.message)
        {
            if let (Some(length), Some(place)) = (u16_at(words, 12), u16_at(words, 14)) {
                through_pipe(session, Direction::ToClient, &header, handle, (message, place, length.into()));
            }
            return;
        }
        reply(session, &header, words, message, context);
    } else {
        request(session, &header, words, bytes, message);
    }
}

fn request(session: &mut SmbSession, header: &Header, words: &[u8], bytes: &[u8], message: &[u8]) {
    let is_pipe = session.pipes.get(&u32::from(header.tree)) == Some(&true);
    match header.command {
        READ => {
            if let (Some(handle), Some(offset)) = (handle(words, 4), offset(words, 6, 20)) {
                session.remember_read(header.message, handle, offset);
            }
            return;
        }
        WRITE => {
            write(session, header, words, message, is_pipe);
            return;
        }
        TRANS if u16_at(words, 28) == Some(TRANSACT_PIPE) => {
            if let (Some(handle), Some(length), Some(place)) = (handle(words, 30), u16_at(words, 22), u16_at(words, 24))
            {
                session.remember_read(header.message, handle, 0);
                through_pipe(session, Direction::ToServer, header, handle, (message, place, length.into()));
            }
            return;
        }
        _ => {}
    }
    let closed = (header.command == CLOSE).then(|| handle(words, 0)).flatten().and_then(|handle| session.close(handle));
    let dialects = if header.command == NEGOTIATE { dialects(bytes) } else { Vec::new() };
    if header.command == NEGOTIATE {
        session.offered.clone_from(&dialects);
    }
    let command = Command::Smb1(header.command);
    let Some(transaction) = session.open(command, header.message) else { return };
    transaction.session = u64::from(header.user);
    transaction.tree = u32::from(header.tree);
    transaction.client_dialects = dialects;
    transaction.file = closed;
    match header.command {
        SESSION_SETUP => {
            transaction.ntlmssp = ntlmssp::authenticate(message);
            transaction.kerberos = Message::in_token(message).map(Box::new);
        }
        TREE_CONNECT => transaction.share = share(words, bytes, header.unicode),
        NT_CREATE => {
            let text = if header.unicode { utf16(bytes.get(1..).unwrap_or_default()) } else { ascii(bytes) };
            transaction.file = Some(text).filter(|name| !name.is_empty());
        }
        _ => {}
    }
}

fn reply(session: &mut SmbSession, header: &Header, words: &[u8], message: &[u8], context: &mut Context) {
    if header.command == NEGOTIATE
        && let Some(choice) = words.first_chunk::<2>().map(|choice| u16::from_le_bytes(*choice))
        && let Some(dialect) = session.offered.get(usize::from(choice)).cloned()
    {
        session.agreed(&dialect, Some(&dialect), context);
    }
    if header.command == SESSION_SETUP {
        session.server_named(message, context);
    }
    let dialect = session.dialect.clone();
    let command = Command::Smb1(header.command);
    let Some(transaction) = session.answered(command, header.message) else { return };
    transaction.status = Some(header.status);
    transaction.dialect = dialect;
    transaction.session = u64::from(header.user);
    transaction.tree = u32::from(header.tree);
    if transaction.transfer.is_none() {
        transaction.progress = [COMPLETE, COMPLETE];
    }
    if header.command == TREE_CONNECT {
        // Until the server answers, it is a share like any other.
        transaction.is_pipe = transaction.share.as_deref().is_some_and(|share| share.ends_with("IPC$"));
    }
    let pipe = (header.command == TREE_CONNECT && header.status == 0).then_some(transaction.is_pipe);
    let opened = (header.command == NT_CREATE && header.status == 0).then(|| transaction.file.clone()).flatten();
    if let Some(names) = &transaction.ntlmssp
        && header.status == 0
        && !names.host.is_empty()
    {
        context.client_fact(Fact::Named { name: names.host.clone(), source: "ntlmssp".to_owned() });
    }
    if let Some(is_pipe) = pipe {
        session.remember_tree(u32::from(header.tree), is_pipe);
    }
    if let (Some(name), Some(handle)) = (opened, handle(words, 5)) {
        session.remember_file(handle, name);
    }
}

/// Content that goes into a file (§2.2.4.43.1).
fn write(session: &mut SmbSession, header: &Header, words: &[u8], message: &[u8], is_pipe: bool) {
    let (Some(handle), Some(offset)) = (handle(words, 4), offset(words, 6, 24)) else { return };
    let (Some(high), Some(low), Some(place)) = (u16_at(words, 18), u16_at(words, 20), u16_at(words, 22)) else {
        return;
    };
    let length = u64::from(high) << 16 | u64::from(low);
    let here = part(message, place, length);
    let command = Command::Smb1(WRITE);
    if is_pipe || session.rpc.knows(handle) || pipe::is_bind(here) {
        // A message's first piece may begin with its length (WritePipeRaw and MessageStart).
        let counted = u16_at(words, 14).is_some_and(|mode| mode & 0x0c == 0x0c);
        let (place, length) =
            if counted { (place.saturating_add(2), length.saturating_sub(2)) } else { (place, length) };
        through_pipe(session, Direction::ToServer, header, handle, (message, place, length));
        return;
    }
    let id = session.content(handle, Direction::ToServer, command, offset, here, length).map(|transaction| {
        transaction.session = u64::from(header.user);
        transaction.tree = u32::from(header.tree);
        transaction.id
    });
    if let Some(id) = id {
        session.wait_on(command, header.message, id);
    }
}

/// Content that comes out of a file (§2.2.4.42.2).
fn read(session: &mut SmbSession, header: &Header, words: &[u8], message: &[u8]) {
    let Some((handle, offset)) = session.recall_read(header.message) else { return };
    let (Some(low), Some(place), Some(high)) = (u16_at(words, 10), u16_at(words, 12), u16_at(words, 14)) else {
        return;
    };
    let length = u64::from(high) << 16 | u64::from(low);
    if !matches!(header.status, 0 | STATUS_BUFFER_OVERFLOW) || length == 0 {
        return;
    }
    if session.rpc.knows(handle) {
        through_pipe(session, Direction::ToClient, header, handle, (message, place, length));
        return;
    }
    let here = part(message, place, length);
    let command = Command::Smb1(READ);
    if let Some(transaction) = session.content(handle, Direction::ToClient, command, offset, here, length) {
        transaction.session = u64::from(header.user);
        transaction.tree = u32::from(header.tree);
        transaction.status = Some(header.status);
    }
}

/// Data through a pipe: the message, its place in it, and its length.
fn through_pipe(
    session: &mut SmbSession,
    direction: Direction,
    header: &Header,
    handle: Handle,
    (message, place, length): (&[u8], u16, u64),
) {
    let here = part(message, place, length);
    let carrier = Carrier {
        command: Command::Smb1(header.command),
        session: u64::from(header.user),
        tree: u32::from(header.tree),
        status: Some(header.status),
    };
    session.through_pipe(handle, direction, carrier, here, length.saturating_sub(here.len() as u64));
}

fn part(message: &[u8], place: u16, length: u64) -> &[u8] {
    let from = message.get(usize::from(place)..).unwrap_or_default();
    from.get(..usize::try_from(length).unwrap_or(usize::MAX).min(from.len())).unwrap_or_default()
}

fn u16_at(words: &[u8], at: usize) -> Option<u16> {
    words.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

/// A file's number, as wide as handles of later versions are.
fn handle(words: &[u8], at: usize) -> Option<Handle> {
    Some(u128::from(u16_at(words, at)?).to_le_bytes())
}

/// An offset's low half, and its high half where there is one.
fn offset(words: &[u8], low: usize, high: usize) -> Option<u64> {
    let half = |at: usize| words.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes);
    Some(u64::from(half(high).unwrap_or(0)) << 32 | u64::from(half(low)?))
}

/// Each is a byte 2 and a text with a NUL at its end (§2.2.4.52.1).
fn dialects(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| *byte == 0)
        .filter_map(|part| part.strip_prefix(b"\x02"))
        .take(DIALECTS_MAX)
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

/// A password, then the path (§2.2.4.55.1).
fn share(words: &[u8], bytes: &[u8], unicode: bool) -> Option<String> {
    let password = usize::from(u16::from_le_bytes(words.get(6..8)?.try_into().ok()?));
    let rest = bytes.get(password..)?;
    if !unicode {
        return Some(ascii(rest));
    }
    // Text begins at an even place in the message: the byte count stands at an odd one.
    let rest = if password.is_multiple_of(2) { rest.get(1..)? } else { rest };
    let end = rest.as_chunks::<2>().0.iter().position(|pair| *pair == [0, 0]).unwrap_or(rest.len() / 2);
    Some(utf16(rest.get(..end.saturating_mul(2))?))
}

fn ascii(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
