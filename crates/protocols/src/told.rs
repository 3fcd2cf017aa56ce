//! Messages that stand alone and are told by records; no rule looks into them. A datagram is one, or a frame of a stream.

use crate::{
    frames::{Frame, Frames},
    queue::Queue,
    session::{Context, Outcome, Session},
};
use phitak_model::{
    Direction,
    inspect::{BufferView, FieldValue, Transaction, Transactions},
    json::Writer,
};
use std::{fmt, ops::Range};

/// Messages held at once.
const HELD_MAX: usize = 256;
/// The last stage of [`crate::quiet::declare`].
const COMPLETE: u8 = 1;

/// What a record says of a message.
pub(crate) trait Told: fmt::Debug + Send + 'static {
    fn write(&self, out: &mut Writer);
}

#[derive(Debug)]
struct Message<T> {
    told: T,
    direction: Direction,
}

impl<T: Told> Transaction for Message<T> {
    fn progress(&self, _: Direction) -> u8 {
        COMPLETE
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
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        self.told.write(out);
    }

    fn direction(&self) -> Option<Direction> {
        Some(self.direction)
    }
}

/// Reads a datagram or frame: what in it is worth a record is added to the list.
type Read<T> = Box<dyn FnMut(Direction, &[u8], &mut Vec<T>) + Send>;

/// A session that tells.
pub(crate) struct Telling<T> {
    queue: Queue<Message<T>>,
    read: Read<T>,
    /// How a stream is cut, each way; `None` for datagrams.
    frames: Option<[Frames; 2]>,
    /// Empty between datagrams.
    found: Vec<T>,
}

impl<T> fmt::Debug for Telling<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telling").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl<T: Told> Telling<T> {
    pub(crate) fn datagrams(read: impl FnMut(Direction, &[u8], &mut Vec<T>) + Send + 'static) -> Box<dyn Session> {
        Box::new(Self { queue: Queue::new(HELD_MAX), read: Box::new(read), frames: None, found: Vec::new() })
    }

    pub(crate) fn stream(
        frames: [Frames; 2],
        read: impl FnMut(Direction, &[u8], &mut Vec<T>) + Send + 'static,
    ) -> Box<dyn Session> {
        Box::new(Self { queue: Queue::new(HELD_MAX), read: Box::new(read), frames: Some(frames), found: Vec::new() })
    }

    fn read(&mut self, direction: Direction, bytes: &[u8]) {
        (self.read)(direction, bytes, &mut self.found);
        for told in self.found.drain(..) {
            self.queue.push(Message { told, direction });
        }
    }

    /// The next frame that is whole; `data` is moved past what was used.
    fn frame<'a>(&mut self, direction: Direction, data: &mut &'a [u8]) -> Option<Frame<'a>> {
        self.frames.as_mut()?.get_mut(direction.index())?.next(data)
    }
}

impl<T: Told> Transactions for Telling<T> {
    fn live(&self) -> Range<u64> {
        self.queue.live()
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.queue.transaction(id)
    }
}

impl<T: Told> Session for Telling<T> {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.frames.is_none() {
            self.read(direction, data);
            return Outcome::Continue;
        }
        let mut rest = data;
        while let Some(frame) = self.frame(direction, &mut rest) {
            match frame {
                Frame::Message(bytes) => self.read(direction, &bytes),
                Frame::More(_) => {}
                Frame::Broken => return Outcome::Failed,
            }
        }
        Outcome::Continue
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        let frames = self.frames.as_mut().and_then(|frames| frames.get_mut(direction.index()));
        match frames {
            Some(frames) => {
                frames.gap(length);
                if frames.is_lost() { Outcome::Failed } else { Outcome::Continue }
            }
            None => Outcome::Continue,
        }
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

/// A record's members as text.
#[cfg(test)]
pub(crate) fn record(told: &impl Told) -> String {
    let mut out = Writer::new();
    out.begin_object();
    told.write(&mut out);
    out.end_object();
    String::from_utf8(out.as_bytes().to_vec()).expect("text")
}
