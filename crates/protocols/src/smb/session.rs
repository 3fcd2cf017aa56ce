//! One SMB connection: framing, and which answer belongs to which command.

use super::{
    names, ntlmssp,
    transaction::{COMPLETE, Command, SmbTransaction},
    version1, version2,
};
use crate::{
    frames::{Frame, Frames},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Outcome, Session, Settings},
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
const TOO_MANY: u8 = 10;

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
    pub(super) files: BTreeMap<[u8; 16], String>,
    /// Which trees are pipes.
    pub(super) pipes: BTreeMap<u32, bool>,
    open_max: usize,
    failed: bool,
    told: bool,
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
        let frames = || Frames::new(4, MESSAGE_BYTES_KEPT, length);
        Self {
            queue: Queue::new(open_max.saturating_add(HELD_EXTRA)),
            frames: [frames(), frames()],
            dialect: "unknown".to_owned(),
            offered: Vec::new(),
            waiting: BTreeMap::new(),
            files: BTreeMap::new(),
            pipes: BTreeMap::new(),
            open_max,
            failed: false,
            told: false,
        }
    }

    /// Begins a transaction that waits for the answer with this id.
    pub(super) fn open(&mut self, command: Command, message: u64) -> Option<&mut SmbTransaction> {
        if self.waiting.len() >= self.open_max {
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

    pub(super) fn remember_file(&mut self, handle: [u8; 16], name: String) {
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
        match message.get(..4) {
            Some(b"\xffSMB") => version1::message(self, direction, message, context),
            Some(b"\xfeSMB") => {
                let mut rest = message;
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
                Frame::Broken => self.failed = true,
            }
        }
        if self.failed { Outcome::Failed } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(frames) = self.frames.get_mut(direction.index()) {
            frames.gap(length);
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
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
}
