//! What protocols share that are read only up to their switch to TLS: one transaction, without buffers and records.

use crate::{
    lines::Lines,
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Outcome, Session},
};
use phitak_model::{
    Direction,
    inspect::{BufferView, FieldValue, Transaction},
    json::Writer,
};

/// Most bytes of a piece that are kept; what is beyond tells nothing of the switch.
const PIECE_BYTES_MAX: usize = 4096;
const COMPLETE: u8 = 1;

/// How one protocol asks for TLS. Pieces are lines, or tags, without the byte that ends them.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// The byte that ends a piece.
    pub end: u8,
    /// What the client asks for TLS with: the mark that the answer must bear, empty where answers bear none.
    pub asks: fn(&[u8]) -> Option<&[u8]>,
    /// What a server's piece says to it; `None` when it is about something else.
    pub answers: fn(&[u8], mark: &[u8]) -> Option<bool>,
}

/// The whole conversation.
#[derive(Debug, Default)]
struct Exchange {
    progress: [u8; 2],
}

impl Transaction for Exchange {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress.get(direction.index()).copied().unwrap_or(0)
    }

    fn buffer<'a>(&'a self, _: u8, _: Direction, _: u32, _: &'a mut Vec<u8>) -> Option<BufferView<'a>> {
        None
    }

    fn field(&self, _: u8, _: Direction, _: u32) -> Option<FieldValue<'_>> {
        None
    }

    fn events(&self) -> &[u8] {
        &[]
    }

    fn loggable(&self) -> bool {
        false
    }

    fn write_eve(&self, _: &mut Writer) {}
}

#[derive(Debug)]
pub(crate) struct Dialog {
    dialect: &'static Dialect,
    queue: Queue<Exchange>,
    pieces: [Lines; 2],
    /// The mark of the question for TLS that has no answer yet.
    asked: Option<Vec<u8>>,
    upgraded: bool,
}

transactions_of!(Dialog, queue);

impl Dialog {
    pub(crate) fn new(dialect: &'static Dialect) -> Self {
        let mut queue = Queue::new(1);
        queue.push(Exchange::default());
        let pieces = || Lines::ending_in(PIECE_BYTES_MAX, dialect.end);
        Self { dialect, queue, pieces: [pieces(), pieces()], asked: None, upgraded: false }
    }

    fn pieces(&mut self, direction: Direction) -> &mut Lines {
        let [to_server, to_client] = &mut self.pieces;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    fn complete(&mut self, direction: Direction) {
        if let Some(progress) = self.queue.get_mut(0).and_then(|exchange| exchange.progress.get_mut(direction.index()))
        {
            *progress = COMPLETE;
        }
    }
}

impl Session for Dialog {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.upgraded {
            return Outcome::Done;
        }
        let mut rest = data;
        while let Some(piece) = self.pieces(direction).next(&mut rest) {
            if direction == Direction::ToServer {
                if let Some(mark) = (self.dialect.asks)(&piece.text) {
                    self.asked = Some(mark.to_vec());
                }
                continue;
            }
            let answer = self.asked.as_ref().and_then(|mark| (self.dialect.answers)(&piece.text, mark));
            if answer.is_some() {
                self.asked = None;
            }
            if answer == Some(true) {
                self.upgraded = true;
                self.complete(Direction::ToServer);
                self.complete(Direction::ToClient);
                return Outcome::Upgrade { protocol: Some("tls"), consumed: data.len().saturating_sub(rest.len()) };
            }
        }
        Outcome::Continue
    }

    fn gap(&mut self, direction: Direction, _: u64, _: &mut Context) -> Outcome {
        self.pieces(direction).clear();
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        self.complete(direction);
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Plays turns; how many bytes of the last one belonged to the conversation before TLS began.
    pub(crate) fn upgraded_after(dialect: &'static Dialect, turns: &[(Direction, &[u8])]) -> Option<usize> {
        let mut session = Dialog::new(dialect);
        let mut last = Outcome::Continue;
        for (direction, bytes) in turns {
            last = session.feed(*direction, bytes, &mut Context::default());
        }
        match last {
            Outcome::Upgrade { protocol: Some("tls"), consumed } => Some(consumed),
            _ => None,
        }
    }
}
