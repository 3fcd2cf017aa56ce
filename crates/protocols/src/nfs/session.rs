//! One connection to an NFS server, or the datagrams between two ports.

use super::{
    PROGRAM,
    call::{self, Act, Asked},
    rpc::{Credentials, Message},
    transaction::{COMPLETE, MALFORMED, NO_SUCH_VERSION, NfsTransaction},
};
use crate::{
    content::{Content, Place},
    frames::{Frame, Frames},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Digests, FileEnd, FileState, Outcome, Session, Settings},
};
use phitak_model::{Direction, Transport, inspect::Transactions};
use std::collections::BTreeMap;

/// Bytes kept of each message: what is asked stands in front of the data.
const MESSAGE_BYTES_KEPT: usize = 8 * 1024;
const RECORD_BYTES_MAX: u32 = 16 << 20;
/// Transactions held, calls without a reply, names of handles, files whose content is followed.
const HELD_MAX: usize = 1024;
const CALLS_MAX: usize = 1024;
const NAMES_MAX: usize = 1024;
const FILES_MAX: usize = 16;

/// A call that waits for its reply.
#[derive(Debug)]
struct Waiting {
    /// The transaction that the reply ends; `None` for a read or write, which a file's transaction tells.
    transaction: Option<u64>,
    version: u32,
    asked: Asked,
    credentials: Credentials,
}

/// A file whose content passes: its handle, and whether it is written.
type FileKey = (Vec<u8>, bool);

#[derive(Debug)]
pub(super) struct NfsSession {
    transport: Transport,
    queue: Queue<NfsTransaction>,
    frames: [Frames; 2],
    waiting: BTreeMap<u32, Waiting>,
    names: BTreeMap<Vec<u8>, Vec<u8>>,
    files: BTreeMap<FileKey, u64>,
    /// Content of the current message that is still to come, per direction: its transaction and bytes.
    coming: [Option<(u64, u64)>; 2],
    digests: Digests,
    ends: Vec<FileEnd>,
}

transactions_of!(NfsSession, queue);

/// A record's mark: the last fragment's bit, and 31 bits of length (RFC 5531 §11).
fn length(header: &[u8]) -> Option<u64> {
    let mark = u32::from_be_bytes(header.try_into().ok()?);
    let length = mark & 0x7fff_ffff;
    (length <= RECORD_BYTES_MAX).then(|| u64::from(length).saturating_add(4))
}

impl NfsSession {
    pub(super) fn new(transport: Transport, settings: &Settings) -> Self {
        let frames = || Frames::new(4, MESSAGE_BYTES_KEPT, length).telling_the_rest();
        Self {
            transport,
            queue: Queue::new(HELD_MAX),
            frames: [frames(), frames()],
            waiting: BTreeMap::new(),
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            coming: [None, None],
            digests: settings.digests,
            ends: Vec::new(),
        }
    }

    fn message(&mut self, direction: Direction, bytes: &[u8]) {
        if let Some(coming) = self.coming.get_mut(direction.index()) {
            *coming = None;
        }
        match (direction, Message::read(bytes)) {
            (Direction::ToServer, Some(Message::Call { id, program, version, procedure, credentials, arguments }))
                if program == PROGRAM =>
            {
                self.call(id, version, procedure, credentials, arguments);
            }
            (Direction::ToClient, Some(Message::Reply { id, status, results })) => self.reply(id, status, results),
            // The server's own calls (version 4) and other programs are not looked at.
            _ => {}
        }
    }

    fn call(&mut self, id: u32, version: u32, procedure: u32, credentials: Credentials, arguments: &[u8]) {
        let (asked, whole) = Asked::read(version, procedure, arguments);
        if self.waiting.len() >= CALLS_MAX
            && let Some((_, left)) = self.waiting.pop_first()
        {
            self.complete(left.transaction);
        }
        let is_content = matches!(asked.act, Act::Read | Act::Write);
        let transaction = if is_content { None } else { Some(self.push(id, version, &asked, &credentials)) };
        if let Some(transaction) = transaction.and_then(|id| self.queue.get_mut(id)) {
            if !whole {
                transaction.events.push(MALFORMED);
            }
            if !(2..=4).contains(&version) {
                transaction.events.push(NO_SUCH_VERSION);
            }
        }
        if asked.act == Act::Write
            && let Some((at, length)) = asked.data
        {
            let here = arguments.get(at..).unwrap_or_default();
            self.content(Direction::ToServer, id, version, &asked, &credentials, (here, length));
        }
        if asked.act == Act::Commit {
            self.close(&asked.handle, true);
        }
        self.waiting.insert(id, Waiting { transaction, version, asked, credentials });
    }

    fn push(&mut self, call: u32, version: u32, asked: &Asked, credentials: &Credentials) -> u64 {
        let id = self.queue.next_id();
        let known = self.names.get(&asked.handle).filter(|_| asked.name.is_empty());
        let name = known.unwrap_or(&asked.name).clone();
        self.queue.push(NfsTransaction {
            id,
            call,
            version,
            procedure: asked.procedure,
            credentials: credentials.clone(),
            handle: asked.handle.clone(),
            name,
            new_name: (asked.act == Act::Rename).then(|| asked.new_name.clone()),
            rpc_status: 0,
            status: None,
            content: None,
            is_write: asked.act == Act::Write,
            is_last: false,
            chunks: 0,
            progress: [COMPLETE, 0],
            events: Vec::new(),
        })
    }

    fn reply(&mut self, call: u32, status: u32, results: Option<&[u8]>) {
        let Some(waiting) = self.waiting.remove(&call) else { return };
        let nfs_status = results.and_then(|results| results.first_chunk::<4>()).map(|word| u32::from_be_bytes(*word));
        if let Some(transaction) = waiting.transaction.and_then(|id| self.queue.get_mut(id)) {
            transaction.rpc_status = status;
            transaction.status = nfs_status;
        }
        self.complete(waiting.transaction);
        let Some(results) = results.filter(|_| nfs_status == Some(0)) else { return };
        let Waiting { version, asked, credentials, .. } = waiting;
        match asked.act {
            Act::Find => {
                if let Some(handle) = call::found_handle(version, asked.procedure, results) {
                    if self.names.len() >= NAMES_MAX {
                        self.names.pop_first();
                    }
                    self.names.insert(handle, asked.name);
                }
            }
            Act::Read => {
                if let Some((at, length)) = call::read_data(version, results) {
                    let here = results.get(at..).unwrap_or_default();
                    self.content(Direction::ToClient, call, version, &asked, &credentials, (here, length));
                }
            }
            _ => {}
        }
    }

    fn complete(&mut self, id: Option<u64>) {
        if let Some(transaction) = id.and_then(|id| self.queue.get_mut(id)) {
            transaction.progress = [COMPLETE, COMPLETE];
        }
    }

    /// Bytes of a file: those at hand, and how many there are in all.
    fn content(
        &mut self,
        direction: Direction,
        call: u32,
        version: u32,
        asked: &Asked,
        credentials: &Credentials,
        (here, length): (&[u8], u64),
    ) {
        let is_write = direction == Direction::ToServer;
        let key = (asked.handle.clone(), is_write);
        let known = self.files.get(&key).copied().filter(|id| self.queue.get(*id).is_some());
        let id = known.unwrap_or_else(|| {
            if self.files.len() >= FILES_MAX
                && let Some((_, id)) = self.files.pop_first()
            {
                self.end_file(id, FileState::Truncated);
            }
            let id = self.push(call, version, asked, credentials);
            let digests = self.digests;
            if let Some(transaction) = self.queue.get_mut(id) {
                transaction.progress = [0, 0];
                transaction.content = Some(Box::new(Content::new(direction, transaction.name.clone(), digests)));
            }
            self.files.insert(key, id);
            id
        });
        let Some(transaction) = self.queue.get_mut(id) else { return };
        transaction.call = call;
        transaction.chunks = transaction.chunks.saturating_add(1);
        let Some(content) = transaction.content.as_deref_mut() else { return };
        if content.seek(asked.offset) == Place::Overlap {
            return;
        }
        let fits = usize::try_from(length).unwrap_or(usize::MAX).min(here.len());
        content.push(here.get(..fits).unwrap_or_default());
        let left = length.saturating_sub(fits as u64);
        if let Some(coming) = self.coming.get_mut(direction.index()) {
            *coming = (left > 0).then_some((id, left));
        }
    }

    /// More bytes of the message before.
    fn more(&mut self, direction: Direction, data: &[u8]) {
        let Some(slot) = self.coming.get_mut(direction.index()) else { return };
        let Some((id, left)) = *slot else { return };
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
        let left = left.saturating_sub(fits as u64);
        *slot = (left > 0).then_some((id, left));
        if let Some(content) = self.queue.get_mut(id).and_then(|transaction| transaction.content.as_deref_mut()) {
            content.push(data.get(..fits).unwrap_or_default());
        }
    }

    fn close(&mut self, handle: &[u8], is_write: bool) {
        if let Some(id) = self.files.remove(&(handle.to_vec(), is_write)) {
            if let Some(transaction) = self.queue.get_mut(id) {
                transaction.is_last = true;
            }
            self.end_file(id, FileState::Closed);
        }
    }

    fn end_file(&mut self, id: u64, state: FileState) {
        let Some(transaction) = self.queue.get_mut(id) else { return };
        transaction.progress = [COMPLETE, COMPLETE];
        if let Some(content) = transaction.content.as_deref_mut() {
            content.end(state);
            self.ends.extend(content.take_end(id));
        }
    }
}

impl Session for NfsSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.transport == Transport::Udp {
            self.message(direction, data);
            return Outcome::Continue;
        }
        let mut rest = data;
        loop {
            let Some(frames) = self.frames.get_mut(direction.index()) else { return Outcome::Continue };
            match frames.next(&mut rest) {
                Some(Frame::Message(record)) => self.message(direction, record.get(4..).unwrap_or_default()),
                Some(Frame::More(data)) => self.more(direction, data),
                Some(Frame::Broken) => return Outcome::Failed,
                None => return Outcome::Continue,
            }
        }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        let index = direction.index();
        if let Some(slot) = self.coming.get_mut(index)
            && let Some((id, left)) = *slot
        {
            *slot = left.checked_sub(length).filter(|left| *left > 0).map(|left| (id, left));
            if let Some(content) = self.queue.get_mut(id).and_then(|transaction| transaction.content.as_deref_mut()) {
                content.gap(length.min(left));
            }
        }
        if let Some(frames) = self.frames.get_mut(index) {
            frames.gap(length);
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        let is_write = direction == Direction::ToServer;
        let open: Vec<FileKey> = self.files.keys().filter(|(_, written)| *written == is_write).cloned().collect();
        for key in open {
            if let Some(id) = self.files.remove(&key) {
                self.end_file(id, FileState::Closed);
            }
        }
        if direction == Direction::ToClient {
            self.waiting.clear();
            for id in self.queue.live() {
                self.complete(Some(id));
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }

    fn files(&mut self) -> Vec<FileEnd> {
        std::mem::take(&mut self.ends)
    }

    fn open_files(&self, transaction: u64) -> Vec<FileEnd> {
        let content = self.queue.get(transaction).and_then(|transaction| transaction.content.as_deref());
        content.and_then(|content| content.so_far(transaction)).into_iter().collect()
    }
}
