//! A file whose content is looked at: what it is, and the window of it that rules see.

use crate::{
    file::File,
    session::{Digests, FileEnd, FileState},
    window::Window,
};
use phitak_model::{
    Direction,
    inspect::{BufferView, FieldValue},
};

#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) direction: Direction,
    pub(crate) file: File,
    window: Window,
    /// Where the next piece of a straight transfer begins.
    next: u64,
}

/// How a piece lies to what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Next,
    /// It begins before the end of what has passed already.
    Overlap,
}

impl Content {
    pub(crate) fn new(direction: Direction, name: Vec<u8>, digests: Digests) -> Self {
        Self { direction, file: File::new(name, digests), window: Window::default(), next: 0 }
    }

    /// A piece that begins at `offset` follows.
    pub(crate) fn seek(&mut self, offset: u64) -> Place {
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

    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.file.state.is_some() {
            return;
        }
        self.next = self.next.saturating_add(data.len() as u64);
        self.file.push(data);
        self.window.push(data);
    }

    pub(crate) fn gap(&mut self, length: u64) {
        self.next = self.next.saturating_add(length);
        self.file.gap(length);
    }

    pub(crate) fn end(&mut self, state: FileState) {
        self.file.end(state);
    }

    pub(crate) fn take_end(&mut self, transaction: u64) -> Option<FileEnd> {
        self.file.take_end(transaction, self.direction)
    }

    /// The file as far as it has come, when nobody was told of its end.
    pub(crate) fn so_far(&self, transaction: u64) -> Option<FileEnd> {
        self.file.so_far(transaction, self.direction)
    }

    /// What was shown is forgotten: its memory can go.
    pub(crate) fn forget(&mut self) {
        self.window = Window::default();
    }

    /// `file.data`
    pub(crate) fn view(&self) -> Option<BufferView<'_>> {
        (!self.window.bytes().is_empty()).then(|| self.view_even_empty())
    }

    /// `file.data` of one file among several, so that those behind an empty one are reached.
    pub(crate) fn view_even_empty(&self) -> BufferView<'_> {
        BufferView { bytes: self.window.bytes(), offset: self.window.start(), complete: self.file.state.is_some() }
    }

    /// `file.name`
    pub(crate) fn name(&self) -> BufferView<'_> {
        BufferView::whole(&self.file.name)
    }

    /// `file.magic`
    pub(crate) fn magic(&self) -> Option<BufferView<'_>> {
        self.file.magic().map(|magic| BufferView::whole(magic.as_bytes()))
    }

    /// `file.size`
    pub(crate) fn size(&self) -> FieldValue<'_> {
        FieldValue::Number(self.file.size)
    }
}
