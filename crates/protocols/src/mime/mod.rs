//! Internet messages and their parts: header fields, attachments as files, links in texts.
//!
//! A message is fed line by line, in pieces where a line is long. Parts nest: boundaries of all open multiparts are looked
//! for, and a message inside a message begins with header fields again.
//! Source: RFC 5322 (header fields), RFC 2045 (encodings), RFC 2046 §5.1 (multipart), §5.2.1 (message), RFC 2183.

mod encoding;
mod fault;
mod header;
mod link;

use crate::{
    content::Content,
    lines::Piece,
    session::{Digests, FileEnd, FileState},
};
use encoding::{Decoder, Encoding};
pub(crate) use fault::{Fault, MimeSettings};
use header::Field;
pub(crate) use link::LinkSettings;
use link::Links;
use md5::{Digest as _, Md5};
use phitak_model::Direction;
use std::fmt::Write as _;

/// Open multiparts, one inside the other.
const BOUNDARIES_MAX: usize = 16;
/// Messages inside messages.
const MESSAGES_MAX: usize = 16;
/// RFC 2046 allows 70.
const BOUNDARY_BYTES_MAX: usize = 254;
/// Fields of one header block, and bytes of one field's value.
const FIELDS_MAX: usize = 512;
const VALUE_BYTES_MAX: usize = 16 * 1024;
/// All fields of one block together.
const BLOCK_BYTES_MAX: usize = 128 * 1024;
/// A file's name, as rules and records show it.
const NAME_BYTES_MAX: usize = 255;
/// Files of one message, and how many of them keep what rules were shown of them.
const FILES_MAX: usize = 128;
const FILES_SHOWN_MAX: usize = 8;
/// RFC 2045: a line, and a line of an encoded part. RFC 5322 leaves names and values free; these are Suricata's bounds.
const LINE_BYTES: usize = 998;
const ENCODED_LINE_BYTES: usize = 76;
const FIELD_NAME_BYTES: usize = 75;
const FIELD_VALUE_BYTES: usize = 2000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    Body,
}

/// What the lines of the current body are.
#[derive(Debug)]
enum Leaf {
    /// Nothing to look at: preambles, pictures without a name.
    Skipped,
    /// Text in which links are looked for.
    Text(Decoder),
    /// The last of the files.
    File(Decoder),
    /// A message that may be encoded, which RFC 2046 forbids: its first line tells.
    Message(Encoding),
}

#[derive(Debug)]
pub(crate) struct Mime {
    body_md5: Option<Md5>,
    digests: Digests,
    state: State,
    /// Boundaries with their two hyphens, the outermost first.
    boundaries: Vec<Vec<u8>>,
    messages: usize,
    block: Vec<Field>,
    block_bytes: usize,
    leaf: Leaf,
    /// The line end that may belong to a boundary behind it.
    line_end: Vec<u8>,
    links: Links,
    /// The name of a message that may turn out to be encoded.
    message_name: Option<Vec<u8>>,
    /// Fields of the message's own header, once it has ended.
    main: Option<Vec<Field>>,
    body_digest: Option<String>,
    attachments: Vec<Vec<u8>>,
    files: Vec<Content>,
    faults: Vec<Fault>,
}

impl Mime {
    pub(crate) fn new(settings: &MimeSettings) -> Self {
        Self {
            body_md5: settings.body_md5.then(Md5::new),
            digests: settings.digests,
            state: State::Header,
            boundaries: Vec::new(),
            messages: 1,
            block: Vec::new(),
            block_bytes: 0,
            leaf: Leaf::Skipped,
            line_end: Vec::new(),
            links: Links::new(settings.links.clone()),
            message_name: None,
            main: None,
            body_digest: None,
            attachments: Vec::new(),
            files: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The value of the first such field of the message's own header.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        self.main.iter().flatten().find(|field| field.is(name)).map(|field| field.value.as_slice())
    }

    pub(crate) fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.main.iter().flatten().filter(move |field| field.is(name)).map(|field| field.value.as_slice())
    }

    pub(crate) fn links(&self) -> &[Vec<u8>] {
        self.links.found()
    }

    pub(crate) fn attachments(&self) -> &[Vec<u8>] {
        &self.attachments
    }

    pub(crate) fn files(&self) -> &[Content] {
        &self.files
    }

    /// The MD5 of the message's body, once it is complete.
    pub(crate) fn body_digest(&self) -> Option<&str> {
        self.body_digest.as_deref()
    }

    /// What was found wrong since the last call.
    pub(crate) fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    pub(crate) fn take_ends(&mut self, transaction: u64, out: &mut Vec<FileEnd>) {
        out.extend(self.files.iter_mut().filter_map(|file| file.take_end(transaction)));
    }

    pub(crate) fn open_files(&self, transaction: u64, out: &mut Vec<FileEnd>) {
        out.extend(self.files.iter().filter_map(|file| file.so_far(transaction)));
    }

    /// Nobody will look at what was shown any more.
    pub(crate) fn forget_content(&mut self) {
        self.files.iter_mut().for_each(Content::forget);
    }

    fn fault(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    pub(crate) fn line(&mut self, piece: Piece<'_>) {
        if self.main.is_some()
            && let Some(md5) = &mut self.body_md5
        {
            md5.update(piece.text);
            md5.update(piece.end);
        }
        if piece.text.len() > LINE_BYTES {
            self.fault(Fault::LongLine);
        }
        if piece.is_start && piece.text.starts_with(b"--") && self.boundary(piece.text) {
            return;
        }
        match self.state {
            State::Header => self.header_line(piece),
            State::Body => self.body_line(piece),
        }
    }

    /// Bytes are missing: an open file has a hole, and the next line may begin anywhere.
    pub(crate) fn gap(&mut self, length: u64) {
        if let (State::Body, Leaf::File(_), Some(file)) = (self.state, &self.leaf, self.files.last_mut()) {
            file.gap(length);
        }
        self.line_end.clear();
        self.body_md5 = None;
    }

    /// The message has ended, in whole or cut off.
    pub(crate) fn finish(&mut self, state: FileState) {
        if self.main.is_none() {
            self.main = Some(std::mem::take(&mut self.block));
        }
        self.end_part(state);
        self.links.finish();
        if let (Some(md5), FileState::Closed) = (self.body_md5.take(), state) {
            let mut text = String::new();
            for byte in md5.finalize() {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            self.body_digest = Some(text);
        }
    }

    /// Takes a line that begins with two hyphens as one of the open boundaries, or not.
    fn boundary(&mut self, line: &[u8]) -> bool {
        let rest_of = |boundary: &Vec<u8>| line.strip_prefix(boundary.as_slice());
        let exact = self.boundaries.iter().rposition(|boundary| {
            rest_of(boundary).is_some_and(|rest| {
                let rest = rest.strip_prefix(b"--").unwrap_or(rest);
                rest.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            })
        });
        // Readers of mail do not mind what stands behind a boundary.
        let found = exact.or_else(|| self.boundaries.iter().rposition(|boundary| rest_of(boundary).is_some()));
        let Some(at) = found else { return false };
        let is_last = self.boundaries.get(at).and_then(rest_of).is_some_and(|rest| rest.starts_with(b"--"));
        self.end_part(FileState::Closed);
        self.boundaries.truncate(if is_last { at } else { at.saturating_add(1) });
        self.block.clear();
        self.block_bytes = 0;
        self.leaf = Leaf::Skipped;
        self.state = if is_last { State::Body } else { State::Header };
        true
    }

    fn end_part(&mut self, state: FileState) {
        self.line_end.clear();
        let leaf = std::mem::replace(&mut self.leaf, Leaf::Skipped);
        let is_file = matches!(leaf, Leaf::File(_));
        if let (Leaf::Text(mut decoder) | Leaf::File(mut decoder), FileState::Closed) = (leaf, state) {
            let rest = decoder.finish();
            self.links.push(&rest);
            if let Some(file) = self.files.last_mut().filter(|_| is_file) {
                file.push(&rest);
            }
        }
        if let Some(file) = self.files.last_mut() {
            file.end(state);
        }
        self.links.end_text();
    }

    fn header_line(&mut self, piece: Piece<'_>) {
        if piece.is_start && piece.text.is_empty() {
            self.end_header();
            return;
        }
        let goes_on = !piece.is_start || matches!(piece.text.first(), Some(b' ' | b'\t'));
        if goes_on {
            let text = if piece.is_start { piece.text.get(1..).unwrap_or_default() } else { piece.text };
            let room = BLOCK_BYTES_MAX.saturating_sub(self.block_bytes);
            if let Some(field) = self.block.last_mut() {
                let room = room.min(VALUE_BYTES_MAX.saturating_sub(field.value.len())).min(text.len());
                field.value.extend_from_slice(text.get(..room).unwrap_or_default());
                self.block_bytes = self.block_bytes.saturating_add(room);
                if field.value.len() > FIELD_VALUE_BYTES {
                    self.fault(Fault::LongHeaderValue);
                }
            }
            return;
        }
        let Some(field) = Field::read(piece.text) else { return };
        if field.name.len() > FIELD_NAME_BYTES {
            self.fault(Fault::LongHeaderName);
        }
        if field.value.len() > FIELD_VALUE_BYTES {
            self.fault(Fault::LongHeaderValue);
        }
        let bytes = field.name.len().saturating_add(field.value.len());
        if self.block.len() < FIELDS_MAX && self.block_bytes.saturating_add(bytes) <= BLOCK_BYTES_MAX {
            self.block_bytes = self.block_bytes.saturating_add(bytes);
            self.block.push(field);
        }
    }

    /// What the header block says of the body behind it.
    fn end_header(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.block_bytes = 0;
        self.state = State::Body;
        let value = |name: &str| block.iter().find(|field| field.is(name)).map(|field| field.value.as_slice());
        let content_type = value("content-type");
        let kind = content_type.map(header::media_type).unwrap_or_default();
        let encoding = Encoding::read(value("content-transfer-encoding").unwrap_or_default());
        let disposition = value("content-disposition");
        let name = disposition
            .and_then(|value| header::parameter(value, "filename"))
            .or_else(|| content_type.and_then(|value| header::parameter(value, "name")))
            .filter(|name| !name.is_empty());
        let boundary = content_type.filter(|_| kind.starts_with(b"multipart/"));
        let boundary = boundary.and_then(|value| header::parameter(value, "boundary"));
        let is_untyped = content_type.is_none();
        if self.main.is_none() {
            self.main = Some(block);
        }
        let name = name.map(|name| self.attachment(name));
        self.leaf = match boundary {
            Some(boundary) => self.open_multipart(&boundary),
            None => self.open_leaf(&kind, encoding, name, is_untyped),
        };
    }

    /// A named part; its name is kept.
    fn attachment(&mut self, mut name: Vec<u8>) -> Vec<u8> {
        if name.len() > NAME_BYTES_MAX {
            self.fault(Fault::LongFilename);
            name.truncate(NAME_BYTES_MAX);
        }
        if self.attachments.len() < FILES_MAX {
            self.attachments.push(name.clone());
        }
        name
    }

    fn open_multipart(&mut self, boundary: &[u8]) -> Leaf {
        if boundary.len() > BOUNDARY_BYTES_MAX {
            self.fault(Fault::LongBoundary);
        }
        if !boundary.is_empty() && self.boundaries.len() < BOUNDARIES_MAX {
            let boundary = boundary.get(..BOUNDARY_BYTES_MAX).unwrap_or(boundary);
            self.boundaries.push([b"--", boundary].concat());
        }
        Leaf::Skipped
    }

    fn open_leaf(&mut self, kind: &[u8], encoding: Encoding, name: Option<Vec<u8>>, is_untyped: bool) -> Leaf {
        if matches!(kind, b"message/rfc822" | b"message/global") && self.messages < MESSAGES_MAX {
            self.messages = self.messages.saturating_add(1);
            if encoding == Encoding::Plain {
                self.state = State::Header;
                return Leaf::Skipped;
            }
            // A file is made of it when the first line shows that it is no plain message.
            self.message_name = name;
            return Leaf::Message(encoding);
        }
        match name {
            Some(name) => self.open_file(name, encoding),
            None if is_untyped || matches!(kind, b"text/plain" | b"text/html") => Leaf::Text(Decoder::new(encoding)),
            None => Leaf::Skipped,
        }
    }

    fn open_file(&mut self, name: Vec<u8>, encoding: Encoding) -> Leaf {
        if self.files.len() >= FILES_MAX {
            return Leaf::Skipped;
        }
        if let Some(at) = self.files.len().checked_sub(FILES_SHOWN_MAX)
            && let Some(old) = self.files.get_mut(at)
        {
            old.forget();
        }
        self.files.push(Content::new(Direction::ToServer, name, self.digests));
        Leaf::File(Decoder::new(encoding))
    }

    fn body_line(&mut self, piece: Piece<'_>) {
        if let Leaf::Message(encoding) = self.leaf {
            if piece.text.is_empty() {
                return;
            }
            if piece.text.contains(&b':') {
                self.leaf = Leaf::Skipped;
                self.state = State::Header;
                return self.header_line(piece);
            }
            self.leaf = match self.message_name.take() {
                Some(name) => self.open_file(name, encoding),
                None => Leaf::Text(Decoder::new(encoding)),
            };
        }
        let (decoder, is_file) = match &mut self.leaf {
            Leaf::Text(decoder) => (decoder, false),
            Leaf::File(decoder) => (decoder, true),
            Leaf::Skipped | Leaf::Message(_) => return,
        };
        let mut decoded = std::mem::take(&mut self.line_end);
        let faults = decoder.line(piece, &mut decoded, &mut self.line_end);
        self.links.push(&decoded);
        if is_file && let Some(file) = self.files.last_mut() {
            file.push(&decoded);
        }
        if decoder.is_encoded() && piece.text.len() > ENCODED_LINE_BYTES {
            self.fault(Fault::LongEncodedLine);
        }
        if let Some(fault) = faults {
            self.fault(fault);
        }
    }
}

#[cfg(test)]
mod tests;
