//! One body: bytes off the wire, decoded, looked at through a window, and followed as a file.

use super::{decode::Decoder, event::Event, settings::BodySettings};
use crate::{
    file::File,
    session::{Digests, FileState},
    window::Window,
};
use phitak_model::inspect::BufferView;

#[derive(Debug)]
pub(crate) struct Body {
    settings: BodySettings,
    digests: Digests,
    /// Bytes without transfer coding but with content coding: EVE's `length`.
    pub(crate) wire_bytes: u64,
    /// Decoded bytes taken in, within the limit.
    taken: u64,
    window: Window,
    decoder: Option<Box<Decoder>>,
    complete: bool,
    /// The limit was reached and more came.
    cut: bool,
    /// The name for the file, until its first byte comes.
    file_name: Option<Vec<u8>>,
    pub(crate) file: Option<File>,
}

impl Body {
    pub(crate) fn new(settings: BodySettings, digests: Digests) -> Self {
        Self {
            settings,
            digests,
            wire_bytes: 0,
            taken: 0,
            window: Window::default(),
            decoder: None,
            complete: false,
            cut: false,
            file_name: None,
            file: None,
        }
    }

    pub(crate) fn set_decoder(&mut self, decoder: Option<Decoder>) {
        self.decoder = decoder.map(Box::new);
    }

    /// The body is a file of this name, as soon as it has a byte.
    pub(crate) fn set_file_name(&mut self, name: Vec<u8>) {
        self.file_name = Some(name);
    }

    /// Takes in bytes; `tap` sees those that are decoded and within the limit.
    pub(crate) fn push(&mut self, data: &[u8], raise: &mut dyn FnMut(Event), tap: &mut dyn FnMut(&[u8])) {
        if data.is_empty() {
            return;
        }
        self.wire_bytes = self.wire_bytes.saturating_add(data.len() as u64);
        if self.cut {
            return;
        }
        match self.decoder.take() {
            None => {
                self.take_in(data, tap);
            }
            Some(mut decoder) => {
                decoder.push(data, false, raise, &mut |piece| self.take_in(piece, tap));
                self.decoder = Some(decoder).filter(|_| !self.cut);
            }
        }
    }

    /// Whether more is wanted.
    fn take_in(&mut self, data: &[u8], tap: &mut dyn FnMut(&[u8])) -> bool {
        let room = match self.settings.bytes_max {
            0 => u64::MAX,
            most => most.saturating_sub(self.taken),
        };
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(data.len());
        let data_fits = data.get(..fits).unwrap_or_default();
        if !data_fits.is_empty() {
            if let Some(name) = self.file_name.take() {
                self.file = Some(File::new(name, self.digests));
            }
            if let Some(file) = &mut self.file {
                file.push(data_fits);
            }
            self.taken = self.taken.saturating_add(fits as u64);
            self.window.push(data_fits);
            tap(data_fits);
        }
        if fits < data.len() {
            self.cut = true;
            if let Some(file) = &mut self.file {
                file.end(FileState::Truncated);
            }
        }
        !self.cut
    }

    /// Bytes of the body are missing.
    pub(crate) fn gap(&mut self, length: u64) {
        self.wire_bytes = self.wire_bytes.saturating_add(length);
        if let Some(name) = self.file_name.take() {
            self.file = Some(File::new(name, self.digests));
        }
        if let Some(file) = &mut self.file {
            file.gap(length);
        }
        // What is compressed cannot be read on.
        if self.decoder.take().is_some() {
            self.cut = true;
        }
    }

    /// No more will come.
    pub(crate) fn finish(&mut self, raise: &mut dyn FnMut(Event), tap: &mut dyn FnMut(&[u8])) {
        if let Some(mut decoder) = self.decoder.take()
            && !self.cut
        {
            decoder.push(b"", true, raise, &mut |piece| self.take_in(piece, tap));
        }
        self.complete = true;
        if let Some(file) = &mut self.file {
            file.end(FileState::Closed);
        }
    }

    /// More bytes came after the end and belong here all the same.
    pub(crate) fn reopen(&mut self) {
        self.complete = false;
        if let Some(file) = &mut self.file {
            file.reopen();
        }
    }

    /// The window, once enough is there to be looked at.
    pub(crate) fn view(&self) -> Option<BufferView<'_>> {
        let complete = self.complete || self.cut;
        if self.taken == 0 || (!complete && self.taken < self.settings.shown_from) {
            return None;
        }
        Some(BufferView { bytes: self.window.bytes(), offset: self.window.start(), complete })
    }
}
