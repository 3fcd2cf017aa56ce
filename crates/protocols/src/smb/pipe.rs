//! Named pipes: DCE/RPC inside of what is written to and read from them ([MS-SMB2] §3.2.4.20, [MS-RPCE] §2.1.1.2).

use super::{
    session::{Handle, SmbSession},
    transaction::{COMPLETE, Command, SmbTransaction},
};
use crate::{
    dcerpc::{
        binding::Binding,
        call::{Call, Over},
        pdu::{self, Header},
    },
    frames::{Frame, Frames},
};
use phitak_model::Direction;
use std::collections::BTreeMap;

/// Pipes that are followed at once, and calls over them that have no answer.
const PIPES_MAX: usize = 64;
const CALLS_MAX: usize = 256;
const MESSAGE_BYTES_MAX: usize = 65_535;

/// What a message over a pipe came with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carrier {
    pub(super) command: Command,
    pub(super) session: u64,
    pub(super) tree: u32,
    pub(super) status: Option<u32>,
}

#[derive(Debug)]
struct Pipe {
    binding: Binding,
    frames: [Frames; 2],
}

#[derive(Debug, Default)]
pub(super) struct Pipes {
    pipes: BTreeMap<Handle, Pipe>,
    /// Transactions by pipe and call.
    calls: BTreeMap<(Handle, u32), u64>,
}

impl Pipes {
    /// Whether RPC was seen on this handle.
    pub(super) fn knows(&self, handle: Handle) -> bool {
        self.pipes.contains_key(&handle)
    }

    /// Forgets a pipe; answers the calls over it that are left without an answer.
    pub(super) fn close(&mut self, handle: Handle) -> Vec<u64> {
        self.pipes.remove(&handle);
        let (first, last) = ((handle, 0), (handle, u32::MAX));
        let left: Vec<((Handle, u32), u64)> = self.calls.range(first..=last).map(|(key, id)| (*key, *id)).collect();
        for (key, _) in &left {
            self.calls.remove(key);
        }
        left.into_iter().map(|(_, id)| id).collect()
    }

    fn pipe(&mut self, handle: Handle) -> &mut Pipe {
        if self.pipes.len() >= PIPES_MAX
            && !self.pipes.contains_key(&handle)
            && let Some((oldest, _)) = self.pipes.pop_first()
        {
            self.calls.retain(|(of, _), _| *of != oldest);
        }
        self.pipes.entry(handle).or_insert_with(|| {
            let frames = || Frames::new(pdu::HEADER_BYTES, MESSAGE_BYTES_MAX, length);
            Pipe { binding: Binding::default(), frames: [frames(), frames()] }
        })
    }
}

fn length(header: &[u8]) -> Option<u64> {
    Header::read(header).filter(Header::is_sound).map(|header| u64::from(header.length))
}

/// Whether data begins as a client does that binds an interface: a pipe shows itself by that even when its opening was
/// not seen.
pub(super) fn is_bind(data: &[u8]) -> bool {
    let header = Header::read(data).filter(Header::is_sound);
    header
        .is_some_and(|header| header.kind == pdu::BIND && header.is_first() && usize::from(header.length) <= data.len())
}

impl SmbSession {
    /// Data that goes through a pipe; `missing` bytes of it were not kept.
    pub(super) fn through_pipe(
        &mut self,
        handle: Handle,
        direction: Direction,
        carrier: Carrier,
        data: &[u8],
        missing: u64,
    ) {
        let mut rest = data;
        loop {
            let pipe = self.rpc.pipe(handle);
            let Some(frames) = pipe.frames.get_mut(direction.index()) else { return };
            match frames.next(&mut rest) {
                Some(Frame::Message(message)) => self.rpc_message(handle, direction, carrier, &message),
                Some(Frame::More(_)) => {}
                Some(Frame::Broken) | None => break,
            }
        }
        if missing > 0
            && let Some(frames) = self.rpc.pipe(handle).frames.get_mut(direction.index())
        {
            frames.gap(missing);
        }
    }

    fn rpc_message(&mut self, handle: Handle, direction: Direction, carrier: Carrier, message: &[u8]) {
        let Some(header) = Header::read(message) else { return };
        let asks = matches!(header.kind, pdu::REQUEST | pdu::BIND | pdu::ALTER_CONTEXT);
        let answers = matches!(
            header.kind,
            pdu::RESPONSE | pdu::FAULT | pdu::BIND_ACK | pdu::BIND_NAK | pdu::ALTER_CONTEXT_RESPONSE
        );
        let key = (handle, header.call);
        let known = self.rpc.calls.get(&key).copied();
        let id = match direction {
            Direction::ToServer if asks => match known {
                Some(id) if self.is_asking(id) => id,
                _ => self.begin_call(key, carrier, header),
            },
            Direction::ToClient if answers => match known {
                Some(id) => id,
                None => return,
            },
            _ => return,
        };
        let Some(pipe) = self.rpc.pipes.get_mut(&handle) else { return };
        let Some(transaction) = self.queue.get_mut(id) else { return };
        let Some(call) = transaction.rpc.as_deref_mut() else { return };
        match direction {
            Direction::ToServer => {
                call.ask(&header, message, &mut pipe.binding);
            }
            Direction::ToClient => {
                call.answer(&header, message, &mut pipe.binding);
                transaction.status = carrier.status;
            }
        }
        let (asked, answered) = (call.request.is_complete, call.response.is_complete);
        let accepted = call.interface.as_ref().filter(|i| i.answer.is_none() || i.is_accepted());
        transaction.interface = accepted.map(|interface| interface.text());
        if asked {
            transaction.progress[0] = COMPLETE;
        }
        if answered {
            transaction.progress = [COMPLETE, COMPLETE];
            self.rpc.calls.remove(&key);
        }
    }

    /// Whether more fragments of a call's request are to come.
    fn is_asking(&self, id: u64) -> bool {
        let call = self.queue.get(id).and_then(|transaction| transaction.rpc.as_deref());
        call.is_some_and(|call| !call.request.is_complete)
    }

    fn begin_call(&mut self, key: (Handle, u32), carrier: Carrier, header: Header) -> u64 {
        if self.rpc.calls.len() >= CALLS_MAX {
            let first = self.rpc.calls.pop_first().map(|(_, id)| id);
            if let Some(transaction) = first.and_then(|id| self.queue.get_mut(id)) {
                transaction.progress = [COMPLETE, COMPLETE];
            }
        }
        let id = self.queue.next_id();
        let mut transaction = SmbTransaction::new(id, carrier.command, &self.dialect);
        transaction.session = carrier.session;
        transaction.tree = carrier.tree;
        transaction.progress = [0, 0];
        transaction.rpc = Some(Box::new(Call::new(header.call, header.minor, Over::Pipe)));
        self.queue.push(transaction);
        self.rpc.calls.insert(key, id);
        id
    }
}
