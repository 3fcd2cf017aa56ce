//! A file's content as it is read or written, piece by piece.

use crate::{
    file::File,
    session::{Digests, FileState},
    window::Window,
};
use phitak_model::{Direction, inspect::BufferView};

#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) direction: Direction,
    pub(super) file: File,
    window: Window,
    /// Where the next piece of a straight transfer begins.
    next: u64,
}

/// How a piece lies to what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Next,
    /// It begins before the end of what has passed already.
    Overlap,
}

impl Transfer {
    pub(super) fn new(direction: Direction, name: Vec<u8>, digests: Digests) -> Self {
        Self { direction, file: File::new(name, digests), window: Window::default(), next: 0 }
    }

    /// A piece that begins at `offset` follows.
    pub(super) fn seek(&mut self, offset: u64) -> Place {
        match offset.checked_sub(self.next) {
            None => return Place::Overlap,
            Some(0) => {}
            Some(missing) => {
                // Reading may begin anywhere: what lies before was not asked for.
                if self.file.size > 0 {
                    self.file.gap(missing);
                }
                self.next = offset;
            }
        }
        Place::Next
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        self.next = self.next.saturating_add(data.len() as u64);
        self.file.push(data);
        self.window.push(data);
    }

    pub(super) fn gap(&mut self, length: u64) {
        self.next = self.next.saturating_add(length);
        self.file.gap(length);
    }

    pub(super) fn end(&mut self, state: FileState) {
        self.file.end(state);
    }

    pub(super) fn view(&self) -> Option<BufferView<'_>> {
        (!self.window.bytes().is_empty()).then(|| BufferView {
            bytes: self.window.bytes(),
            offset: self.window.start(),
            complete: self.file.state.is_some(),
        })
    }
}
