//! A flow's application protocol: recognised, parsed, and what is known of its transactions.

mod begin;
mod ledger;
mod side;

use crate::recognition::Candidates;
use ledger::Ledger;
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    Transport,
};
use phitak_protocols::{Context, Expectation, FileEnd, Outcome, Session, Settings};
use side::Side;

/// Files of one flow that are remembered for alerts.
const FILES_HELD_MAX: usize = 64;

/// Application events that belong to the flow and not to a protocol, by their names in rules.
pub static FLOW_EVENTS: &[&str] = &[
    "applayer_mismatch_protocol_both_directions",
    "applayer_wrong_direction_first_data",
    "applayer_detect_protocol_only_one_direction",
    "applayer_proto_detection_skipped",
    "applayer_no_tls_after_starttls",
    "applayer_unexpected_protocol",
];

/// The numbers of [`FLOW_EVENTS`] that are raised here.
pub(crate) mod flow_event {
    pub const MISMATCH: u8 = 0;
    pub const ONE_DIRECTION: u8 = 2;
    pub const NO_TLS: u8 = 4;
    pub const UNEXPECTED: u8 = 5;
}

/// What stands outside the flow while its bytes are taken.
pub(crate) struct Surroundings<'a> {
    pub candidates: &'a Candidates,
    pub settings: &'a Settings,
    pub context: &'a mut Context,
    pub transport: Transport,
    /// Ports of client and server.
    pub ports: [u16; 2],
    /// The handshake was not seen, so that client and server may be mixed up.
    pub may_turn: bool,
    /// The client has sent its FIN.
    pub client_gone: bool,
}

/// What taking bytes led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Nothing,
    /// A protocol was recognised.
    Recognised,
    /// Client and server have to change places first; the bytes were not taken.
    Turn,
    /// The session ends here and another protocol begins: what it holds has to be inspected, then
    /// [`AppLayer::change`] called.
    Change,
}

pub(crate) struct AppLayer {
    sides: [Side; 2],
    session: Option<Box<dyn Session>>,
    protocol: Option<u16>,
    /// The protocol before a change, and the one that was expected after it.
    pub before: Option<u16>,
    pub expected: Option<u16>,
    /// The session was fed or ended since its last inspection, per direction.
    pub advanced: [bool; 2],
    /// The session was fed or ended since what it holds was last recorded.
    pub stirred: bool,
    /// A request or an answer was complete, per direction: the raw bytes that brought it are to be inspected with it.
    pub raw_due: [bool; 2],
    /// The newest transaction and its stage, per direction, when the session was last fed.
    reached: [(u64, u8); 2],
    pub ledger: Ledger,
    /// Events of this packet.
    pub events: Vec<u8>,
    /// Files that have ended, until their transactions are gone.
    pub files: Vec<HeldFile>,
    change: Option<Change>,
    /// The direction whose bytes were not of the protocol after all: the other one's turn is over with it.
    failed: Option<Direction>,
    /// What another flow said of this one, until its first bytes come.
    pub announced: Option<Expectation>,
}

/// A file that has ended.
pub(crate) struct HeldFile {
    pub end: FileEnd,
    pub recorded: bool,
}

struct Change {
    to: Option<&'static str>,
    direction: Direction,
    rest: Vec<u8>,
}

impl AppLayer {
    pub(crate) fn new() -> Self {
        Self {
            sides: <[Side; 2]>::default(),
            session: None,
            protocol: None,
            before: None,
            expected: None,
            advanced: [false; 2],
            stirred: false,
            raw_due: [false; 2],
            reached: [(0, 0); 2],
            ledger: Ledger::default(),
            events: Vec::new(),
            files: Vec::new(),
            change: None,
            failed: None,
            announced: None,
        }
    }

    pub(crate) fn session(&self) -> Option<&dyn Session> {
        self.session.as_deref()
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut (dyn Session + 'static)> {
        self.session.as_deref_mut()
    }

    pub(crate) fn protocol(&self) -> Option<u16> {
        self.protocol
    }

    /// The protocol of one side, as far as it is known.
    pub(crate) fn protocol_of(&self, direction: Direction) -> Option<u16> {
        self.side(direction).found.or(self.protocol)
    }

    /// Recognition of this side has ended, with or without success.
    pub(crate) fn is_settled(&self, direction: Direction) -> bool {
        let side = self.side(direction);
        side.done || side.unknown || side.found.is_some()
    }

    /// What was sent is no protocol that is known.
    pub(crate) fn has_failed(&self) -> bool {
        self.protocol.is_none() && self.sides.iter().any(|side| side.done || side.unknown)
    }

    /// The session was given bytes of this direction.
    pub(crate) fn has_spoken(&self, direction: Direction) -> bool {
        self.side(direction).fed
    }

    /// What this direction carries from now on is of no use to anybody.
    pub(crate) fn is_let_go(&self, direction: Direction) -> bool {
        self.side(direction).let_go
    }

    /// Takes over the files that have ended.
    pub(crate) fn collect_files(&mut self) {
        let Some(session) = &mut self.session else { return };
        let first = session.live().start;
        self.files.retain(|held| !held.recorded || held.end.transaction >= first);
        for end in session.files() {
            if self.files.len() >= FILES_HELD_MAX {
                self.files.remove(0);
            }
            self.files.push(HeldFile { end, recorded: false });
        }
    }

    /// Transactions are still inspected in this direction.
    pub(crate) fn is_inspected(&self, direction: Direction) -> bool {
        self.failed.is_none_or(|failed| failed == direction)
    }

    pub(crate) fn is_ended(&self, direction: Direction) -> bool {
        self.side(direction).ended
    }

    fn side(&self, direction: Direction) -> &Side {
        let [client, server] = &self.sides;
        if direction == ToServer { client } else { server }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side {
        let [client, server] = &mut self.sides;
        if direction == ToServer { client } else { server }
    }

    fn mark(&mut self, direction: Direction) {
        self.stirred = true;
        if let Some(advanced) = self.advanced.get_mut(direction.index()) {
            *advanced = true;
        }
    }

    /// Stream bytes in order, or one datagram.
    pub(crate) fn take(&mut self, direction: Direction, bytes: &[u8], around: &mut Surroundings<'_>) -> Taken {
        if bytes.is_empty() {
            return Taken::Nothing;
        }
        if self.session.is_some() {
            self.check_other_side(direction, bytes, around);
            return self.feed(direction, bytes, around);
        }
        if self.protocol.is_some() {
            return Taken::Nothing;
        }
        if let Some(expectation) = self.announced.take()
            && let Some(number) = around.candidates.number(expectation.protocol)
        {
            for side in &mut self.sides {
                side.found = Some(number);
            }
            return self.open(number, direction, bytes, Some(&expectation), around);
        }
        self.recognise(direction, bytes, around)
    }

    /// Bytes that will never come.
    pub(crate) fn miss(&mut self, direction: Direction, length: u64, around: &mut Surroundings<'_>) -> Taken {
        let closed = self.side(direction).closed;
        match &mut self.session {
            Some(session) if !closed => {
                let outcome = session.gap(direction, length, around.context);
                self.mark(direction);
                self.follow(direction, outcome, &[])
            }
            Some(_) => Taken::Nothing,
            None => {
                let side = self.side_mut(direction);
                side.missed = side.missed.saturating_add(length).saturating_add(side.held.len() as u64);
                side.held.clear();
                side.done = true;
                Taken::Nothing
            }
        }
    }

    /// This direction brings no more bytes.
    pub(crate) fn end(&mut self, direction: Direction, context: &mut Context) {
        let side = self.side_mut(direction);
        if std::mem::replace(&mut side.ended, true) {
            return;
        }
        if let Some(session) = &mut self.session {
            session.end(direction, context);
            self.mark(direction);
        }
    }

    fn feed(&mut self, direction: Direction, bytes: &[u8], around: &mut Surroundings<'_>) -> Taken {
        if self.side(direction).closed {
            return Taken::Nothing;
        }
        let Some(session) = &mut self.session else { return Taken::Nothing };
        let outcome = session.feed(direction, bytes, around.context);
        let newest = session.live().end;
        let stage = newest.checked_sub(1).and_then(|id| session.transaction(id)).map_or(0, |t| t.progress(direction));
        let index = direction.index();
        if let (Some(reached), Some(due)) = (self.reached.get_mut(index), self.raw_due.get_mut(index)) {
            let by_message = self.protocol.is_some_and(|number| around.candidates.is_raw_by_message(number));
            *due |= by_message && *reached != (newest, stage);
            *reached = (newest, stage);
        }
        self.mark(direction);
        self.side_mut(direction).fed = true;
        self.follow(direction, outcome, bytes)
    }

    fn follow(&mut self, direction: Direction, outcome: Outcome, bytes: &[u8]) -> Taken {
        match outcome {
            Outcome::Continue => Taken::Nothing,
            Outcome::Done => {
                let side = self.side_mut(direction);
                side.closed = true;
                side.let_go = true;
                Taken::Nothing
            }
            Outcome::Failed => {
                self.failed = Some(direction);
                for side in &mut self.sides {
                    side.closed = true;
                }
                Taken::Nothing
            }
            Outcome::Upgrade { protocol, consumed } => {
                let rest = bytes.get(consumed..).unwrap_or_default().to_vec();
                self.change = Some(Change { to: protocol, direction, rest });
                Taken::Change
            }
        }
    }

    /// Ends the session that asked for it, and begins the next protocol with what is left of both sides' bytes.
    pub(crate) fn change(&mut self, around: &mut Surroundings<'_>) -> Taken {
        let Some(change) = self.change.take() else { return Taken::Nothing };
        let mut left: [Vec<u8>; 2] = Default::default();
        if let Some(mut session) = self.session.take() {
            left = [session.left(ToServer), session.left(ToClient)];
        }
        if let Some(bytes) = left.get_mut(change.direction.index()) {
            bytes.extend_from_slice(&change.rest);
        }
        for bytes in &mut left {
            // Lines often end once more than needed before the new protocol begins.
            let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            bytes.drain(..blank);
        }
        self.files.clear();
        self.before = self.protocol.take();
        self.expected = change.to.and_then(|name| around.candidates.number(name));
        self.sides = <[Side; 2]>::default();
        self.ledger = Ledger::default();
        let [to_server, to_client] = left;
        let turns = if change.direction == ToServer {
            [(ToClient, to_client), (ToServer, to_server)]
        } else {
            [(ToServer, to_server), (ToClient, to_client)]
        };
        let mut taken = Taken::Nothing;
        for (direction, bytes) in turns {
            match self.take(direction, &bytes, around) {
                Taken::Nothing => {}
                other => taken = other,
            }
        }
        taken
    }

    /// After a change: the protocol that was expected did not come.
    pub(crate) fn note_expectation(&mut self, tls: Option<u16>) {
        let (Some(expected), Some(found)) = (self.expected, self.protocol) else { return };
        if expected != found {
            let event = if Some(expected) == tls { flow_event::NO_TLS } else { flow_event::UNEXPECTED };
            self.events.push(event);
        }
    }

    /// The name for EVE.
    pub(crate) fn name(&self, candidates: &Candidates) -> Option<&'static str> {
        let own = self.session.as_ref().and_then(|session| session.name());
        own.or_else(|| self.protocol.and_then(|number| candidates.get(number)).map(|p| p.decl.name))
    }
}
