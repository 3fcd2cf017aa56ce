//! One HTTP/1 connection: requests, the responses that match them, and what they share.

use super::{
    body::Body,
    chunk::Chunk,
    event::Event,
    head::Scanner,
    settings::HttpSettings,
    transaction::{self, HttpTransaction},
};
use crate::{
    queue::Queue,
    session::{Context, Digests, FileEnd, Outcome, Session},
};
use phitak_model::{
    Direction,
    inspect::{Transaction, Transactions},
};
use std::ops::Range;

/// Most bytes kept while a CONNECT waits for its answer.
pub(super) const WITHHELD_BYTES_MAX: usize = 64 * 1024;
/// Transactions held beyond those that are open, before they are released.
const HELD_EXTRA: usize = 64;

/// Where one direction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Before or in a first line.
    Line,
    /// After a request line without a protocol: a field line behind it tells that one was left out.
    Short,
    Headers,
    /// So many bytes of a body are still to come.
    Sized(u64),
    Chunked(Chunk),
    /// A body that goes on to the stream's end.
    ToEnd,
    Trailer,
    /// A message has ended; what follows may still belong to it.
    After,
    /// The client asked for a tunnel and waits.
    Tunnel,
    /// Bytes are missing: looking for a first line.
    Lost,
    Failed,
}

#[derive(Debug)]
pub(super) struct Half {
    pub(super) state: State,
    /// Input that is not understood yet; bounded by the limits on lines and heads.
    pub(super) partial: Vec<u8>,
    pub(super) scanner: Scanner,
    /// The line search goes on here.
    pub(super) scanned: usize,
    /// The transaction whose message this is.
    pub(super) current: u64,
}

impl Half {
    fn new() -> Self {
        Self { state: State::Line, partial: Vec::new(), scanner: Scanner::default(), scanned: 0, current: 0 }
    }

    pub(super) fn enter(&mut self, state: State) {
        self.state = state;
        self.scanned = 0;
        self.scanner.reset();
    }
}

#[derive(Debug)]
pub(super) struct HttpSession {
    pub(super) queue: Queue<HttpTransaction>,
    pub(super) request: Half,
    pub(super) response: Half,
    /// The oldest transaction that has no response yet.
    pub(super) unanswered: u64,
    /// A 100 was seen for the current response.
    pub(super) continue_seen: bool,
    pub(super) upgrade: Option<Option<&'static str>>,
    pub(super) settings: HttpSettings,
    digests: Digests,
    files: Vec<FileEnd>,
    /// Transactions in which a file may have ended since files were last told of.
    touched: Vec<u64>,
}

impl HttpSession {
    pub(super) fn new(settings: HttpSettings, digests: Digests) -> Self {
        Self {
            queue: Queue::new(settings.transactions_max.saturating_add(HELD_EXTRA)),
            request: Half::new(),
            response: Half::new(),
            unanswered: 0,
            continue_seen: false,
            upgrade: None,
            settings,
            digests,
            files: Vec::new(),
            touched: Vec::new(),
        }
    }

    fn touch(&mut self, id: u64) {
        if self.touched.last() != Some(&id) {
            self.touched.push(id);
        }
    }

    /// Files that have ended are told of when all that came at once has been read: what looked like the end may not be.
    fn tell_files(&mut self) {
        for id in self.touched.drain(..) {
            if let Some(transaction) = self.queue.get_mut(id) {
                transaction.take_file_ends(id, &mut self.files);
            }
        }
    }

    pub(super) fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::ToServer => &mut self.request,
            Direction::ToClient => &mut self.response,
        }
    }

    pub(super) fn digests(&self) -> Digests {
        self.digests
    }

    /// Begins a transaction.
    pub(super) fn open(&mut self) -> u64 {
        let body = |settings| Body::new(settings, self.digests);
        let transaction = HttpTransaction::new(body(self.settings.request), body(self.settings.response));
        self.queue.push(transaction)
    }

    pub(super) fn raise(&mut self, id: u64, event: Event) {
        if let Some(transaction) = self.queue.get_mut(id) {
            transaction.raise(event);
        }
    }

    pub(super) fn advance(&mut self, id: u64, direction: Direction, stage: u8) {
        if let Some(transaction) = self.queue.get_mut(id) {
            transaction.advance(direction, stage);
        }
    }

    /// Body bytes of the current message.
    pub(super) fn body(&mut self, direction: Direction, data: &[u8]) {
        let id = self.half(direction).current;
        let Some(transaction) = self.queue.get_mut(id) else { return };
        transaction.advance(direction, transaction::BODY);
        transaction.raising(|parts, raise| match direction {
            Direction::ToServer => {
                let multipart = parts.multipart;
                // Files in the body are found in what is decoded, as it comes.
                let mut decoded = Vec::new();
                let mut tap = |piece: &[u8]| {
                    if multipart.is_some() {
                        decoded.extend_from_slice(piece);
                    }
                };
                parts.request_body.push(data, raise, &mut tap);
                if let Some(multipart) = multipart {
                    multipart.push(&decoded, raise);
                }
            }
            Direction::ToClient => parts.response_body.push(data, raise, &mut |_| {}),
        });
        self.touch(id);
    }

    /// The response has begun, so nothing more of a request without a protocol will come.
    pub(super) fn short_request_ends(&mut self, id: u64) {
        if self.request.state == State::Short && self.request.current == id {
            self.finish(Direction::ToServer);
        }
    }

    fn body_gap(&mut self, direction: Direction, length: u64) {
        let id = self.half(direction).current;
        let Some(transaction) = self.queue.get_mut(id) else { return };
        match direction {
            Direction::ToServer => {
                transaction.request_body.gap(length);
                if let Some(multipart) = &mut transaction.multipart {
                    multipart.gap(length);
                }
            }
            Direction::ToClient => transaction.response_body.gap(length),
        }
    }

    /// The current message has ended.
    pub(super) fn finish(&mut self, direction: Direction) {
        let id = self.half(direction).current;
        self.half(direction).enter(State::After);
        self.continue_seen &= direction == Direction::ToServer;
        let Some(transaction) = self.queue.get_mut(id) else { return };
        transaction.raising(|parts, raise| match direction {
            Direction::ToServer => {
                parts.request_body.finish(raise, &mut |_| {});
                if let Some(multipart) = parts.multipart {
                    multipart.finish(raise);
                }
            }
            Direction::ToClient => parts.response_body.finish(raise, &mut |_| {}),
        });
        transaction.advance(direction, transaction::COMPLETE);
        self.touch(id);
    }

    /// Reads on from a whole stretch of unread input; answers how much of it was used.
    fn read(&mut self, direction: Direction, bytes: &[u8], ended: bool, context: &Context) -> usize {
        match direction {
            Direction::ToServer => self.read_requests(bytes, ended, context),
            Direction::ToClient => self.read_responses(bytes, ended),
        }
    }

    fn advance_input(&mut self, direction: Direction, data: &[u8], ended: bool, context: &Context) -> usize {
        let mut partial = std::mem::take(&mut self.half(direction).partial);
        if partial.is_empty() {
            let used = self.read(direction, data, ended, context);
            let rest = data.get(used..).unwrap_or_default();
            self.half(direction).partial.extend_from_slice(rest);
            return used;
        }
        let before = partial.len();
        partial.extend_from_slice(data);
        let used = self.read(direction, &partial, ended, context);
        partial.drain(..used.min(partial.len()));
        self.half(direction).partial = partial;
        used.saturating_sub(before)
    }

    fn outcome(&mut self, direction: Direction, used: usize) -> Outcome {
        self.tell_files();
        if let Some(protocol) = self.upgrade.take() {
            self.request.state = State::Failed;
            self.response.state = State::Failed;
            if direction == Direction::ToClient {
                self.response.partial = Vec::new();
            }
            return Outcome::Upgrade { protocol, consumed: used };
        }
        if self.request.state == State::Failed && self.response.state == State::Failed {
            return Outcome::Failed;
        }
        Outcome::Continue
    }
}

impl Transactions for HttpSession {
    fn live(&self) -> Range<u64> {
        self.queue.live()
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.queue.transaction(id)
    }
}

impl Session for HttpSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let used = self.advance_input(direction, data, false, context);
        // An answered CONNECT lets the requests behind it be read.
        if direction == Direction::ToClient && self.upgrade.is_none() && !self.request.partial.is_empty() {
            self.advance_input(Direction::ToServer, b"", false, context);
        }
        self.outcome(direction, used)
    }

    fn gap(&mut self, direction: Direction, length: u64, context: &mut Context) -> Outcome {
        match self.half(direction).state {
            State::Sized(left) if length <= left => {
                self.body_gap(direction, length);
                self.half(direction).state = State::Sized(left.saturating_sub(length));
                self.advance_input(direction, b"", false, context);
            }
            State::ToEnd => self.body_gap(direction, length),
            State::Chunked(chunk) if let Some(chunk) = chunk.after_gap(length) => {
                self.body_gap(direction, length);
                self.half(direction).state = State::Chunked(chunk);
            }
            State::Failed => {}
            state => {
                // Before a message begins, nothing that is known is lost.
                let begun = !matches!(state, State::Line | State::After | State::Lost);
                if begun {
                    self.body_gap(direction, length);
                    self.finish(direction);
                }
                let half = self.half(direction);
                half.partial.clear();
                half.enter(State::Lost);
            }
        }
        self.outcome(direction, 0)
    }

    fn end(&mut self, direction: Direction, context: &mut Context) {
        self.advance_input(direction, b"", true, context);
        let state = self.half(direction).state;
        if !matches!(state, State::Line | State::After | State::Failed | State::Lost) {
            self.finish(direction);
        }
        self.tell_files();
        let half = self.half(direction);
        half.partial = Vec::new();
        half.state = State::Failed;
        // What will never come is not waited for.
        if direction == Direction::ToClient {
            let live = self.queue.live();
            for id in live {
                self.advance(id, Direction::ToClient, transaction::COMPLETE);
            }
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }

    fn left(&mut self, direction: Direction) -> Vec<u8> {
        std::mem::take(&mut self.half(direction).partial)
    }

    fn files(&mut self) -> Vec<FileEnd> {
        std::mem::take(&mut self.files)
    }
}
