//! SMB 1 messages ([MS-CIFS] §2.2.3.1).

use super::{
    ntlmssp::{self, utf16},
    session::SmbSession,
    transaction::{COMPLETE, Command},
};
use crate::{bytes::Reader, session::Context};
use phitak_model::{Direction, Fact};

const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;
const TREE_CONNECT: u8 = 0x75;
const NT_CREATE: u8 = 0xa2;
/// Commands that only move content: no record of their own.
const CONTENT: &[u8] = &[0x0a, 0x0b, 0x2e, 0x2f];
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
        reply(session, &header, words, message, context);
    } else {
        request(session, &header, words, bytes, message);
    }
}

fn request(session: &mut SmbSession, header: &Header, words: &[u8], bytes: &[u8], message: &[u8]) {
    if CONTENT.contains(&header.command) {
        return;
    }
    let dialects = if header.command == NEGOTIATE { dialects(bytes) } else { Vec::new() };
    if header.command == NEGOTIATE {
        session.offered.clone_from(&dialects);
    }
    let command = Command::Smb1(header.command);
    let Some(transaction) = session.open(command, header.message) else { return };
    transaction.session = u64::from(header.user);
    transaction.tree = u32::from(header.tree);
    transaction.client_dialects = dialects;
    match header.command {
        SESSION_SETUP => transaction.ntlmssp = ntlmssp::authenticate(message),
        TREE_CONNECT => {
            transaction.share = share(words, bytes, header.unicode);
            transaction.is_pipe = transaction.share.as_deref().is_some_and(|share| share.ends_with("IPC$"));
        }
        NT_CREATE => {
            let text = if header.unicode { utf16(bytes.get(1..).unwrap_or_default()) } else { ascii(bytes) };
            transaction.file = Some(text.trim_start_matches('\\').to_owned()).filter(|name| !name.is_empty());
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
    transaction.progress = [COMPLETE, COMPLETE];
    if let Some(names) = &transaction.ntlmssp
        && header.status == 0
        && !names.host.is_empty()
    {
        context.client_fact(Fact::Named { name: names.host.clone(), source: "ntlmssp".to_owned() });
    }
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
