//! The beginning of a flow's protocol: first bytes told apart, and the session that they open.

use super::{AppLayer, Ledger, Side, Surroundings, Taken, flow_event};
use crate::recognition::{Answer, GUESS_BYTES_MAX, GUESS_DATAGRAMS_MAX, RuledOut};
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    Transport,
};
use phitak_protocols::{Expectation, Guess};

impl AppLayer {
    pub(super) fn recognise(&mut self, direction: Direction, bytes: &[u8], around: &mut Surroundings<'_>) -> Taken {
        let stream = around.transport == Transport::Tcp;
        let first = self.sides.iter().all(|side| !side.first);
        let expected = self.expected;
        let side = self.side_mut(direction);
        side.first |= first;
        if side.done {
            side.hold(bytes, stream);
            return Taken::Nothing;
        }
        let mut joined = std::mem::take(&mut side.held);
        let whole = if joined.is_empty() || !stream {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        // What an upgrade announced is tried first: some protocols can only be told by that.
        let announced = expected
            .filter(|number| around.candidates.agrees(*number, whole, direction, around.transport) == Guess::Yes);
        let answer = match announced {
            Some(number) => Answer::Found(number),
            None => around.candidates.ask(whole, direction, around.transport, around.ports, &mut side.ruled_out),
        };
        side.datagrams = side.datagrams.saturating_add(1);
        let spent = if stream { whole.len() >= GUESS_BYTES_MAX } else { side.datagrams >= GUESS_DATAGRAMS_MAX };
        // A protocol that only the answer tells is not believed once the client has gone, as Suricata does not.
        let [client, _] = &mut self.sides;
        if matches!(answer, Answer::Found(_)) && direction == ToClient && around.client_gone && client.unknown {
            client.done = true;
            client.held = Vec::new();
            self.side_mut(direction).done = true;
            return Taken::Nothing;
        }
        let side = self.side_mut(direction);
        match answer {
            Answer::Found(number)
                if stream
                    && direction == ToServer
                    && around.may_turn
                    && around.candidates.is_turned(number, whole, around.transport, around.ports) =>
            {
                let held = whole.len().saturating_sub(bytes.len());
                self.turn(direction, whole.get(..held).unwrap_or_default().to_vec())
            }
            Answer::Found(number) => {
                side.found = Some(number);
                let whole = if joined.is_empty() { bytes.to_vec() } else { joined };
                self.open(number, direction, &whole, None, around)
            }
            Answer::More | Answer::Unknown => {
                let mut answer = answer;
                if answer == Answer::Unknown && direction == ToServer && around.may_turn {
                    let [client_port, _] = around.ports;
                    match around.candidates.ask_turned(whole, around.transport, client_port) {
                        Guess::Yes => {
                            let held = whole.len().saturating_sub(bytes.len());
                            let held = whole.get(..held).unwrap_or_default().to_vec();
                            return self.turn(direction, held);
                        }
                        Guess::More => answer = Answer::More,
                        Guess::No => {}
                    }
                }
                if !stream {
                    side.ruled_out = RuledOut::default();
                }
                side.unknown = answer == Answer::Unknown;
                side.done = spent || (answer == Answer::Unknown && stream);
                if joined.is_empty() {
                    side.hold(bytes, stream);
                } else {
                    side.held = joined;
                }
                if self.sides.iter().all(|side| side.done) {
                    for side in &mut self.sides {
                        side.held = Vec::new();
                    }
                }
                Taken::Nothing
            }
        }
    }

    /// Client and server change places; what was held before is the other side's now.
    fn turn(&mut self, direction: Direction, held: Vec<u8>) -> Taken {
        self.sides = <[Side; 2]>::default();
        let other = self.side_mut(direction.opposite());
        other.first = !held.is_empty();
        other.held = held;
        Taken::Turn
    }

    /// Opens the session and gives it what both sides have sent so far, in the order in which they began.
    pub(super) fn open(
        &mut self,
        number: u16,
        direction: Direction,
        bytes: &[u8],
        announced: Option<&Expectation>,
        around: &mut Surroundings<'_>,
    ) -> Taken {
        let Some(protocol) = around.candidates.get(number) else { return Taken::Nothing };
        self.protocol = Some(number);
        let mut session = (protocol.open)(around.transport, around.settings);
        if let Some(before) = self.before.and_then(|number| around.candidates.get(number)) {
            session.follows(before.decl.name);
        }
        if let Some(expectation) = announced {
            session.announced(expectation);
        }
        self.session = Some(session);
        self.ledger = Ledger::default();
        let other = direction.opposite();
        let held = std::mem::take(&mut self.side_mut(other).held);
        let missed = std::mem::take(&mut self.side_mut(other).missed);
        let other_first = self.side(other).first;
        if !held.is_empty() {
            self.check_other_side(other, &held, around);
        }
        let mut taken = Taken::Recognised;
        for turn in [other_first, !other_first] {
            let outcome = if turn {
                if missed > 0 {
                    self.miss(other, missed, around);
                }
                if held.is_empty() { Taken::Nothing } else { self.feed(other, &held, around) }
            } else {
                self.feed(direction, bytes, around)
            };
            if outcome == Taken::Change {
                taken = outcome;
                break;
            }
        }
        if self.side(other).ended
            && let Some(session) = &mut self.session
        {
            session.end(other, around.context);
            self.mark(other);
        }
        taken
    }

    /// The second side's own first bytes may tell another protocol than the first side's did.
    pub(super) fn check_other_side(&mut self, direction: Direction, bytes: &[u8], around: &Surroundings<'_>) {
        let Some(number) = self.protocol else { return };
        let side = self.side_mut(direction);
        if side.found.is_some() || side.done {
            return;
        }
        // What was not enough to tell is looked at again with what follows, so that it does not matter how it was cut.
        let mut joined = std::mem::take(&mut side.held);
        let whole = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        match around.candidates.agrees(number, whole, direction, around.transport) {
            Guess::More if around.transport == Transport::Tcp && whole.len() < GUESS_BYTES_MAX => {
                side.held = if joined.is_empty() { bytes.to_vec() } else { joined };
            }
            Guess::Yes | Guess::More => side.found = Some(number),
            Guess::No => {
                let answer =
                    around.candidates.ask(whole, direction, around.transport, around.ports, &mut RuledOut::default());
                let may_tell = around.transport == Transport::Tcp && whole.len() < GUESS_BYTES_MAX;
                match answer {
                    Answer::More if may_tell => {
                        side.held = if joined.is_empty() { bytes.to_vec() } else { joined };
                        return;
                    }
                    Answer::Found(other) => {
                        side.found = Some(other);
                        self.events.push(flow_event::MISMATCH);
                    }
                    Answer::More | Answer::Unknown => self.events.push(flow_event::ONE_DIRECTION),
                }
                self.side_mut(direction).done = true;
            }
        }
    }
}
