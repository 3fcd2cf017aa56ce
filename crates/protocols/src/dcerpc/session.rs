//! One connection, or the datagrams between two ports.

use super::{
    binding::Binding,
    call::{Call, Over},
    pdu::{self, Datagram, Header, Uuid},
    transaction::{COMPLETE, MALFORMED, RpcTransaction, TOO_MANY},
};
use crate::{
    frames::{Frame, Frames},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Outcome, Session},
};
use phitak_model::{Direction, Transport, inspect::Transactions};
use std::collections::BTreeMap;

/// Calls held at once; each keeps its arguments.
const HELD_MAX: usize = 256;
/// The longest message: its length has 16 bits.
const MESSAGE_BYTES_MAX: usize = 65_535;

#[derive(Debug)]
pub(super) struct RpcSession {
    transport: Transport,
    queue: Queue<RpcTransaction>,
    frames: [Frames; 2],
    binding: Binding,
    /// Calls that are not over, by their number.
    open: BTreeMap<u32, u64>,
    /// The same for datagrams, by activity and sequence number.
    activities: BTreeMap<([u8; 16], u32), u64>,
}

transactions_of!(RpcSession, queue);

fn length(header: &[u8]) -> Option<u64> {
    Header::read(header).filter(Header::is_sound).map(|header| u64::from(header.length))
}

impl RpcSession {
    pub(super) fn new(transport: Transport) -> Self {
        let frames = || Frames::new(pdu::HEADER_BYTES, MESSAGE_BYTES_MAX, length);
        Self {
            transport,
            queue: Queue::new(HELD_MAX),
            frames: [frames(), frames()],
            binding: Binding::default(),
            open: BTreeMap::new(),
            activities: BTreeMap::new(),
        }
    }

    fn message(&mut self, direction: Direction, message: &[u8]) {
        let Some(header) = Header::read(message) else { return };
        let of_client = matches!(header.kind, pdu::REQUEST | pdu::BIND | pdu::ALTER_CONTEXT);
        let of_server = matches!(
            header.kind,
            pdu::RESPONSE | pdu::FAULT | pdu::BIND_ACK | pdu::BIND_NAK | pdu::ALTER_CONTEXT_RESPONSE
        );
        // What else there is (AUTH3, CO_CANCEL, SHUTDOWN…) belongs to no call's arguments.
        match direction {
            Direction::ToServer if !of_client => return,
            Direction::ToClient if !of_server => return,
            _ => {}
        }
        let id = self.call(&header, direction);
        let Some(transaction) = self.queue.get_mut(id) else { return };
        let read = match direction {
            Direction::ToServer => transaction.call.ask(&header, message, &mut self.binding),
            Direction::ToClient => transaction.call.answer(&header, message, &mut self.binding),
        };
        if !read {
            transaction.raise(MALFORMED);
        }
        transaction.settle();
        if direction == Direction::ToClient && transaction.call.response.is_complete {
            transaction.progress = [COMPLETE, COMPLETE];
            self.open.remove(&header.call);
        }
    }

    /// The transaction of a message: an open call's, or a new one.
    fn call(&mut self, header: &Header, direction: Direction) -> u64 {
        if let Some(id) = self.open.get(&header.call).copied().filter(|id| self.queue.get(*id).is_some()) {
            let begins_anew = direction == Direction::ToServer
                && self.queue.get(id).is_some_and(|transaction| transaction.call.request.is_complete);
            if !begins_anew {
                return id;
            }
            // The number was used again without an answer.
            self.give_up(id);
        }
        let id = self.push(Call::new(header.call, header.minor, Over::Connection));
        self.open.insert(header.call, id);
        id
    }

    fn push(&mut self, call: Call) -> u64 {
        let live = self.queue.live();
        let is_full = live.end.saturating_sub(live.start) >= HELD_MAX as u64;
        let id = self.queue.push(RpcTransaction::new(call));
        if is_full {
            let first = self.queue.live().start;
            self.open.retain(|_, id| *id >= first);
            self.activities.retain(|_, id| *id >= first);
            if let Some(transaction) = self.queue.get_mut(id) {
                transaction.raise(TOO_MANY);
            }
        }
        id
    }

    fn give_up(&mut self, id: u64) {
        if let Some(transaction) = self.queue.get_mut(id) {
            transaction.progress = [COMPLETE, COMPLETE];
        }
    }

    fn datagram(&mut self, direction: Direction, bytes: &[u8]) {
        let Some(datagram) = Datagram::read(bytes) else { return };
        // Acknowledgements and pings belong to no call's arguments.
        if !matches!(datagram.kind, pdu::REQUEST | pdu::RESPONSE | pdu::FAULT | pdu::REJECT) {
            return;
        }
        // In answers too the client's call is meant; who asks is told by the kind.
        let from_client = datagram.kind == pdu::REQUEST;
        if from_client != (direction == Direction::ToServer) {
            return;
        }
        let Uuid(activity) = datagram.activity;
        let key = (activity, datagram.sequence);
        let known = self.activities.get(&key).copied().filter(|id| self.queue.get(*id).is_some());
        let id = known.unwrap_or_else(|| {
            let mut call = Call::new(0, 0, Over::Datagrams);
            call.activity = Some((datagram.activity, datagram.sequence));
            let id = self.push(call);
            self.activities.insert(key, id);
            id
        });
        let Some(transaction) = self.queue.get_mut(id) else { return };
        let stub = bytes.get(pdu::DATAGRAM_HEADER_BYTES..).unwrap_or_default();
        let length = usize::from(datagram.length);
        if stub.len() < length {
            transaction.raise(MALFORMED);
        }
        transaction.call.datagram(direction, &datagram, stub.get(..length).unwrap_or(stub));
        transaction.settle();
        if direction == Direction::ToClient && transaction.call.response.is_complete {
            transaction.progress = [COMPLETE, COMPLETE];
            self.activities.remove(&key);
        }
    }
}

impl Session for RpcSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.transport == Transport::Udp {
            self.datagram(direction, data);
            return Outcome::Continue;
        }
        let mut rest = data;
        loop {
            let Some(frames) = self.frames.get_mut(direction.index()) else { return Outcome::Continue };
            match frames.next(&mut rest) {
                Some(Frame::Message(message)) => self.message(direction, &message),
                Some(Frame::More(_)) => {}
                Some(Frame::Broken) => return Outcome::Failed,
                None => return Outcome::Continue,
            }
        }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(frames) = self.frames.get_mut(direction.index()) {
            frames.gap(length);
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        if direction == Direction::ToClient {
            for id in self.queue.live() {
                self.give_up(id);
            }
            self.open.clear();
            self.activities.clear();
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}
