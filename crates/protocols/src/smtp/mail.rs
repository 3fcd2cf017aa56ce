//! One mail: envelope, message, files.

use super::{record, settings::SmtpSettings};
use crate::mime::{Fault, Mime};
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};
use std::sync::Arc;

pub(super) const STARTED: u8 = 0;
pub(super) const DATA: u8 = 1;
pub(super) const COMPLETE: u8 = 2;

const fn buffer(name: &'static str, stage: u8, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: false, stage: [stage, stage], shape }
}

pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("smtp.helo", STARTED, Shape::Single),
    buffer("smtp.mail_from", STARTED, Shape::Single),
    buffer("smtp.rcpt_to", STARTED, Shape::Multi),
    buffer("email.from", DATA, Shape::Single),
    buffer("email.to", DATA, Shape::Single),
    buffer("email.cc", DATA, Shape::Single),
    buffer("email.subject", DATA, Shape::Single),
    buffer("email.date", DATA, Shape::Single),
    buffer("email.message_id", DATA, Shape::Single),
    buffer("email.x_mailer", DATA, Shape::Single),
    buffer("email.received", DATA, Shape::Multi),
    buffer("email.url", DATA, Shape::Multi),
    buffer("email.body_md5", COMPLETE, Shape::Single),
    buffer("file.data", DATA, Shape::Stream),
    buffer("file.name", DATA, Shape::Multi),
    buffer("file.magic", DATA, Shape::Multi),
];

/// The header fields that the buffers 3 to 9 show.
const HEADER_FIELDS: [&str; 7] = ["from", "to", "cc", "subject", "date", "message-id", "x-mailer"];

pub(super) const FIELDS: &[FieldDecl] = &[FieldDecl { name: "file.size", stage: [DATA, DATA] }];

pub(super) const EVENTS: &[&str] = &[
    "invalid_reply",
    "unable_to_match_reply_with_request",
    "max_command_line_len_exceeded",
    "max_reply_line_len_exceeded",
    "invalid_pipelined_sequence",
    "bdat_chunk_len_exceeded",
    "no_server_welcome_message",
    "tls_rejected",
    "data_command_rejected",
    "failed_protocol_change",
    "mime_parse_failed",
    "mime_malformed_msg",
    "mime_invalid_base64",
    "mime_invalid_qp",
    "mime_long_line",
    "mime_long_enc_line",
    "mime_long_header_name",
    "mime_long_header_value",
    "mime_long_boundary",
    "mime_long_filename",
    "truncated_line",
    "duplicate_fields",
    "unparsable_content",
];

/// Numbers of [`EVENTS`] that are raised here.
pub(super) mod event {
    pub const INVALID_REPLY: u8 = 0;
    pub const UNMATCHED_REPLY: u8 = 1;
    pub const COMMAND_TOO_LONG: u8 = 2;
    pub const REPLY_TOO_LONG: u8 = 3;
    pub const PIPELINED: u8 = 4;
    pub const CHUNK_LENGTH: u8 = 5;
    pub const NO_WELCOME: u8 = 6;
    pub const TLS_REJECTED: u8 = 7;
    pub const DATA_REJECTED: u8 = 8;
    pub const TRUNCATED_LINE: u8 = 20;
    pub const DUPLICATE_FIELDS: u8 = 21;
    pub const UNPARSABLE_CONTENT: u8 = 22;
}

fn number(fault: Fault) -> u8 {
    match fault {
        Fault::InvalidBase64 => 12,
        Fault::InvalidQuotedPrintable => 13,
        Fault::LongLine => 14,
        Fault::LongEncodedLine => 15,
        Fault::LongHeaderName => 16,
        Fault::LongHeaderValue => 17,
        Fault::LongBoundary => 18,
        Fault::LongFilename => 19,
    }
}

#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) helo: Vec<u8>,
    pub(super) server_name: Vec<u8>,
    pub(super) from: Option<Vec<u8>>,
    pub(super) to: Vec<Vec<u8>>,
    pub(super) message: Option<Box<Mime>>,
    pub(super) progress: u8,
    pub(super) events: Vec<u8>,
    pub(super) settings: Arc<SmtpSettings>,
}

impl Mail {
    pub(super) fn raise(&mut self, event: u8) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// What is wrong with the message becomes events.
    pub(super) fn take_faults(&mut self) {
        let faults = self.message.as_deref_mut().map(Mime::take_faults).unwrap_or_default();
        faults.into_iter().for_each(|fault| self.raise(number(fault)));
    }
}

impl Transaction for Mail {
    fn progress(&self, _: Direction) -> u8 {
        self.progress
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        if direction == Direction::ToClient {
            return None;
        }
        let at = usize::try_from(instance).ok()?;
        let message = self.message.as_deref();
        let file = || message?.files().get(at);
        let bytes = match (number, instance) {
            (0, 0) => Some(self.helo.as_slice()).filter(|helo| !helo.is_empty()),
            (1, 0) => self.from.as_deref(),
            (2, _) => self.to.get(at).map(Vec::as_slice),
            (3..=9, 0) => message?.field(HEADER_FIELDS.get(usize::from(number).checked_sub(3)?)?),
            (10, _) => message?.fields("received").nth(at),
            (11, _) => message?.links().get(at).map(Vec::as_slice),
            (12, 0) => message?.body_digest().map(str::as_bytes),
            (13, _) => return Some(file()?.view_even_empty()),
            (14, _) => return Some(file()?.name()),
            (15, _) => return file()?.magic(),
            _ => None,
        };
        bytes.map(BufferView::whole)
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        let files = self.message.as_deref().filter(|_| direction == Direction::ToServer)?.files();
        (number == 0).then(|| files.get(usize::try_from(instance).ok()?)).flatten().map(|file| file.size())
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == COMPLETE
    }

    fn write_eve(&self, out: &mut Writer) {
        record::write(self, out);
    }
}
