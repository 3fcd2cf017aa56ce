//! One SMB connection: framing, and which answer belongs to which command.

use super::{
    names, ntlmssp,
    pipe::Pipes,
    transaction::{COMPLETE, Command, SmbTransaction},
    version1, version2,
};
use crate::{
    content::{Content, Place},
    frames::{Frame, Frames},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Digests, FileEnd, FileState, Outcome, Session, Settings},
};
use phitak_model::{Direction, Fact};
use std::collections::BTreeMap;

/// Bytes kept of each message: heads, names and log-ins stand in front.
const MESSAGE_BYTES_KEPT: usize = 16 * 1024;
/// Messages in one compound.
const COMPOUND_MAX: usize = 64;
/// Commands without an answer (`max-tx`).
const OPEN_MAX: u64 = 1024;
const HELD_EXTRA: usize = 64;
/// Names of files and shares remembered for later commands.
const NAMES_MAX: usize = 1024;
/// Files whose content is followed at once; each has a window.
const TRANSFERS_MAX: usize = 16;
const FILE_OVERLAP: u8 = 7;
const TOO_MANY: u8 = 10;

/// A file that is open, by the id of its handle.
pub(super) type Handle = [u8; 16];

#[derive(Debug)]
pub(super) struct SmbSession {
    pub(super) queue: Queue<SmbTransaction>,
    frames: [Frames; 2],
    /// What the two agreed on; EVE says `unknown` before.
    pub(super) dialect: String,
    /// Dialects that a client offered in SMB 1.
    pub(super) offered: Vec<String>,
    /// Commands that wait for their answer, by the message's id.
    waiting: BTreeMap<(bool, u64), u64>,
    /// Names of open files by handle.
    pub(super) files: BTreeMap<Handle, String>,
    /// Which trees are pipes.
    pub(super) pipes: BTreeMap<u32, bool>,
    /// The file that the current compound's last CREATE names: related commands mean it.
    pub(super) related_file: Option<String>,
    /// Transactions of files whose content passes, by handle and direction.
    transfers: BTreeMap<(Handle, bool), u64>,
    /// What a read asked for, by the message's id: handle and offset.
    reads: BTreeMap<u64, (Handle, u64)>,
    /// Content of the current message that is still to come, per direction: its transaction and bytes.
    content: [Option<(u64, u64)>; 2],
    pub(super) rpc: Pipes,
    digests: Digests,
    ends: Vec<FileEnd>,
    open_max: usize,
    failed: bool,
    told: bool,
    server_seen: bool,
}

transactions_of!(SmbSession, queue);

/// RFC 1002 §4.3.1: a type, and 17 bits of length; on port 445 all 24 bits count.
fn length(header: &[u8]) -> Option<u64> {
    let [kind, a, b, c] = *header else { return None };
    let length = u64::from(u32::from_be_bytes([0, a, b, c])).saturating_add(4);
    matches!(kind, 0x00 | 0x81..=0x85).then_some(length)
}

impl SmbSession {
    pub(super) fn new(settings: &Settings) -> Self {
        let open_max = settings.number("app-layer.protocols.smb.max-tx", OPEN_MAX);
        let open_max = usize::try_from(open_max.clamp(1, OPEN_MAX)).unwrap_or(1);
        let frames = || Frames::new(4, MESSAGE_BYTES_KEPT, length).telling_the_rest();
        Self {
            queue: Queue::new(open_max.saturating_add(HELD_EXTRA)),
            frames: [frames(), frames()],
            dialect: "unknown".to_owned(),
            offered: Vec::new(),
            waiting: BTreeMap::new(),
            files: BTreeMap::new(),
            pipes: BTreeMap::new(),
            related_file: None,
            transfers: BTreeMap::new(),
            reads: BTreeMap::new(),
            content: [None, None],
            rpc: Pipes::default(),
            digests: settings.digests,
            ends: Vec::new(),
            open_max,
            failed: false,
            told: false,
            server_seen: false,
        }
    }

    /// Begins a transaction that waits for the answer with this id.
    pub(super) fn open(&mut self, command: Command, message: u64) -> Option<&mut SmbTransaction> {
        if self.waiting.len() >= self.open_max && !self.server_seen {
            // Only the client is heard: its oldest command will not be answered.
            if let Some((_, id)) = self.waiting.pop_first()
                && let Some(transaction) = self.queue.get_mut(id)
            {
                transaction.progress = [COMPLETE, COMPLETE];
            }
        } else if self.waiting.len() >= self.open_max {
            if let Some(last) = self.queue.get_mut(self.queue.next_id().saturating_sub(1))
                && !last.events.contains(&TOO_MANY)
            {
                last.events.push(TOO_MANY);
            }
            self.failed = true;
            return None;
        }
        let id = self.queue.next_id();
        let mut transaction = SmbTransaction::new(id, command, &self.dialect);
        transaction.message = message;
        self.queue.push(transaction);
        self.waiting.insert((matches!(command, Command::Smb1(_)), message), id);
        self.queue.get_mut(id)
    }

    /// The transaction that an answer with this id ends.
    pub(super) fn answered(&mut self, command: Command, message: u64) -> Option<&mut SmbTransaction> {
        let id = self.waiting.remove(&(matches!(command, Command::Smb1(_)), message))?;
        self.queue.get_mut(id).filter(|transaction| transaction.command == command)
    }

    /// Puts back a transaction whose answer says that another one follows.
    pub(super) fn wait_on(&mut self, command: Command, message: u64, id: u64) {
        self.waiting.insert((matches!(command, Command::Smb1(_)), message), id);
    }

    pub(super) fn remember_file(&mut self, handle: Handle, name: String) {
        if self.files.len() >= NAMES_MAX {
            self.files.pop_first();
        }
        self.files.insert(handle, name);
    }

    pub(super) fn remember_tree(&mut self, tree: u32, is_pipe: bool) {
        if self.pipes.len() >= NAMES_MAX {
            self.pipes.pop_first();
        }
        self.pipes.insert(tree, is_pipe);
    }

    /// What a read asks for, until its answer comes.
    pub(super) fn remember_read(&mut self, message: u64, handle: Handle, offset: u64) {
        if self.reads.len() >= NAMES_MAX {
            self.reads.pop_first();
        }
        self.reads.insert(message, (handle, offset));
    }

    pub(super) fn recall_read(&mut self, message: u64) -> Option<(Handle, u64)> {
        self.reads.remove(&message)
    }

    /// The transaction of a file's content, begun when there is none. `None` for what is no file with a name.
    fn transfer(&mut self, handle: Handle, direction: Direction, command: Command) -> Option<u64> {
        let key = (handle, direction == Direction::ToServer);
        if let Some(id) = self.transfers.get(&key) {
            return Some(*id);
        }
        let name = self.files.get(&handle)?.clone();
        if self.transfers.len() >= TRANSFERS_MAX
            && let Some((_, id)) = self.transfers.pop_first()
        {
            self.end_transfer(id, FileState::Truncated);
        }
        let id = self.queue.next_id();
        let mut transaction = SmbTransaction::new(id, command, &self.dialect);
        transaction.progress = [0, 0];
        transaction.transfer = Some(Box::new(Content::new(direction, name.clone().into_bytes(), self.digests)));
        transaction.file = Some(name);
        self.queue.push(transaction);
        self.transfers.insert(key, id);
        Some(id)
    }

    /// Content of a file: `here` is in the message's kept part, `length` is all of it. Answers the transaction.
    pub(super) fn content(
        &mut self,
        handle: Handle,
        direction: Direction,
        command: Command,
        offset: u64,
        here: &[u8],
        length: u64,
    ) -> Option<&mut SmbTransaction> {
        let id = self.transfer(handle, direction, command)?;
        let transaction = self.queue.get_mut(id)?;
        let transfer = transaction.transfer.as_deref_mut()?;
        match transfer.seek(offset) {
            Place::Next => {
                transfer.push(here);
                let left = length.saturating_sub(here.len() as u64);
                if let Some(content) = self.content.get_mut(direction.index()) {
                    *content = (left > 0).then_some((id, left));
                }
            }
            Place::Overlap => {
                if !transaction.events.contains(&FILE_OVERLAP) {
                    transaction.events.push(FILE_OVERLAP);
                }
            }
        }
        Some(transaction)
    }

    /// More content of the message before.
    fn more_content(&mut self, direction: Direction, data: &[u8]) {
        let Some(slot) = self.content.get_mut(direction.index()) else { return };
        let Some((id, left)) = *slot else { return };
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
        let left = left.saturating_sub(fits as u64);
        *slot = (left > 0).then_some((id, left));
        if let Some(transfer) = self.queue.get_mut(id).and_then(|transaction| transaction.transfer.as_deref_mut()) {
            transfer.push(data.get(..fits).unwrap_or_default());
        }
    }

    /// A handle is closed: so are the transfers over it.
    pub(super) fn close(&mut self, handle: Handle) -> Option<String> {
        for id in self.rpc.close(handle) {
            if let Some(transaction) = self.queue.get_mut(id) {
                transaction.progress = [COMPLETE, COMPLETE];
            }
        }
        for is_write in [false, true] {
            if let Some(id) = self.transfers.remove(&(handle, is_write)) {
                self.end_transfer(id, FileState::Closed);
            }
        }
        self.files.remove(&handle)
    }

    fn end_transfer(&mut self, id: u64, state: FileState) {
        if let Some(transaction) = self.queue.get_mut(id)
            && let Some(transfer) = transaction.transfer.as_deref_mut()
        {
            transfer.end(state);
            transaction.progress = [COMPLETE, COMPLETE];
            self.ends.extend(transfer.take_end(id));
        }
    }

    /// A server's choice, once.
    pub(super) fn agreed(&mut self, eve: &str, fact: Option<&str>, context: &mut Context) {
        eve.clone_into(&mut self.dialect);
        if let Some(fact) = fact.filter(|_| !self.told) {
            self.told = true;
            context.server_fact(Fact::SmbDialect { port: context.server_port, dialect: fact.to_owned() });
        }
    }

    pub(super) fn agreed_smb2(&mut self, revision: u16, context: &mut Context) {
        let (eve, fact) = names::dialect(revision);
        self.agreed(&eve, fact, context);
    }

    /// A server's NTLM challenge says what it is called.
    pub(super) fn server_named(&self, message: &[u8], context: &mut Context) {
        if let Some(name) = ntlmssp::server_name(message) {
            context.server_fact(Fact::Named { name, source: "ntlmssp".to_owned() });
        }
    }

    fn message(&mut self, direction: Direction, message: &[u8], context: &mut Context) {
        self.server_seen |= direction == Direction::ToClient;
        if let Some(content) = self.content.get_mut(direction.index()) {
            *content = None;
        }
        match message.get(..4) {
            Some(b"\xffSMB") => version1::message(self, direction, message, context),
            Some(b"\xfeSMB") => {
                let mut rest = message;
                self.related_file = None;
                for _ in 0..COMPOUND_MAX {
                    let Some(next) = version2::message(self, direction, rest, context) else { break };
                    let Some(after) = rest.get(next..).filter(|after| next > 0 && !after.is_empty()) else { break };
                    rest = after;
                }
            }
            // Compressed and encrypted messages (0xfc, 0xfd) cannot be read.
            _ => {}
        }
    }
}

impl Session for SmbSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let mut rest = data;
        while !self.failed
            && let Some(frames) = self.frames.get_mut(direction.index())
            && let Some(frame) = frames.next(&mut rest)
        {
            match frame {
                Frame::Message(message) => self.message(direction, message.get(4..).unwrap_or_default(), context),
                Frame::More(data) => self.more_content(direction, data),
                Frame::Broken => self.failed = true,
            }
        }
        if self.failed { Outcome::Failed } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        let index = direction.index();
        if let (Some(Some((id, left))), Some(frames)) = (self.content.get(index).copied(), self.frames.get(index))
            && !frames.is_lost()
        {
            if let Some(transfer) = self.queue.get_mut(id).and_then(|transaction| transaction.transfer.as_deref_mut()) {
                transfer.gap(length.min(left));
            }
            if let Some(content) = self.content.get_mut(index) {
                *content = left.checked_sub(length).filter(|left| *left > 0).map(|left| (id, left));
            }
        }
        if let Some(frames) = self.frames.get_mut(index) {
            frames.gap(length);
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        let open: Vec<((Handle, bool), u64)> = self.transfers.iter().map(|(key, id)| (*key, *id)).collect();
        for (key, id) in open {
            if key.1 == (direction == Direction::ToServer) {
                self.transfers.remove(&key);
                self.end_transfer(id, FileState::Truncated);
            }
        }
        if direction == Direction::ToClient {
            self.waiting.clear();
            for id in phitak_model::inspect::Transactions::live(&self.queue) {
                if let Some(transaction) = self.queue.get_mut(id) {
                    transaction.progress = [COMPLETE, COMPLETE];
                }
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }

    fn open_files(&self, transaction: u64) -> Vec<FileEnd> {
        let transfer = self.queue.get(transaction).and_then(|transaction| transaction.transfer.as_deref());
        transfer.and_then(|transfer| transfer.so_far(transaction)).into_iter().collect()
    }

    fn files(&mut self) -> Vec<FileEnd> {
        std::mem::take(&mut self.ends)
    }
}
