//! A mail's message as it comes: after DATA line by line, or in the chunks of BDAT.

use super::{
    mail::{COMPLETE, DATA},
    session::SmtpSession,
};
use crate::{
    lines::{Piece, Pieces},
    mime::Mime,
    session::FileState,
};

/// Pieces in which a message's lines are read.
const PIECE_BYTES_MAX: usize = 4096;

pub(super) fn pieces() -> Pieces {
    Pieces::new(PIECE_BYTES_MAX)
}

impl SmtpSession {
    /// The mail's message begins.
    pub(super) fn begin_message(&mut self) {
        let mime = self.mime.as_ref().map(|settings| Box::new(Mime::new(settings)));
        if let Some(mail) = self.mail() {
            mail.progress = mail.progress.max(DATA);
            if mail.message.is_none() {
                mail.message = mime;
            }
        }
        self.pieces = pieces();
    }

    pub(super) fn complete(&mut self, state: FileState) {
        let mut pieces = std::mem::replace(&mut self.pieces, pieces());
        let id = self.queue.next_id().saturating_sub(1);
        let Some(mail) = self.mail() else { return };
        if let Some(message) = mail.message.as_deref_mut() {
            pieces.rest(&mut |piece| message.line(piece));
            message.finish(state);
        }
        mail.take_faults();
        mail.progress = COMPLETE;
        self.collect(id);
    }

    pub(super) fn collect(&mut self, id: u64) {
        let Self { queue, ends, .. } = self;
        if let Some(message) = queue.get_mut(id).and_then(|mail| mail.message.as_deref_mut()) {
            message.take_ends(id, ends);
        }
    }

    /// A piece of the message; `true` at its end.
    pub(super) fn data_line(&mut self, data: &mut &[u8]) -> bool {
        let Self { pieces, queue, .. } = self;
        let mail = queue.next_id().checked_sub(1).and_then(|id| queue.get_mut(id));
        let mut is_end = false;
        let mut message = mail.and_then(|mail| mail.message.as_deref_mut());
        pieces.next(data, &mut |piece| {
            is_end = piece.is_start && piece.text == b"." && !piece.end.is_empty();
            // A dot that was put in front of another (RFC 5321 §4.5.2).
            let text = piece.text.strip_prefix(b".").filter(|_| piece.is_start).unwrap_or(piece.text);
            if let Some(message) = message.as_deref_mut().filter(|_| !is_end) {
                message.line(Piece { text, ..piece });
            }
        });
        is_end
    }

    pub(super) fn chunk(&mut self, mut data: &[u8]) {
        let Self { pieces, queue, .. } = self;
        let mail = queue.next_id().checked_sub(1).and_then(|id| queue.get_mut(id));
        let Some(message) = mail.and_then(|mail| mail.message.as_deref_mut()) else { return };
        while !data.is_empty() {
            pieces.next(&mut data, &mut |piece| message.line(piece));
        }
    }

    pub(super) fn message_gap(&mut self, length: u64) {
        let mut pieces = std::mem::replace(&mut self.pieces, pieces());
        let last = self.queue.next_id().checked_sub(1);
        if let Some(message) = last.and_then(|id| self.queue.get_mut(id)).and_then(|mail| mail.message.as_deref_mut()) {
            pieces.rest(&mut |piece| message.line(piece));
            message.gap(length);
        }
    }
}
