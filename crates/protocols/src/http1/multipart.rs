//! A `multipart/form-data` request body: its parts that are files.
//!
//! Source: RFC 7578, RFC 2046 §5.1. Fed in any split; what is undecided is kept, within a bound.

use super::{event::Event, head::is_space};
use crate::{
    file::File,
    session::{Digests, FileState},
};

/// Most bytes of one part's header block.
const PART_HEADER_BYTES_MAX: usize = 8 * 1024;
/// RFC 2046 allows 70; Suricata takes 200.
const BOUNDARY_BYTES_MAX: usize = 200;
/// Most bytes of one part that are shown to rules.
const PART_BYTES_MAX: usize = 256 * 1024;
/// Most files of one body.
const FILES_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Multipart {
    /// CR LF and two hyphens before the boundary.
    delimiter: Vec<u8>,
    state: State,
    held: Vec<u8>,
    digests: Digests,
    pub(crate) files: Vec<Part>,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file: File,
    /// The beginning of what passed.
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    /// Right after a boundary.
    AfterBoundary,
    Header,
    /// A part's content; true when it is the last of `files`.
    Content(bool),
    Done,
}

impl Multipart {
    /// From a Content-Type that names a boundary.
    pub(crate) fn new(content_type: &[u8], digests: Digests, raise: &mut dyn FnMut(Event)) -> Option<Self> {
        let lower = content_type.to_ascii_lowercase();
        if !lower.trim_ascii_start().starts_with(b"multipart/form-data") {
            return None;
        }
        let boundary = parameter(content_type, b"boundary").unwrap_or_default();
        if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
            raise(Event::MultipartGenericError);
            return None;
        }
        let mut delimiter = b"\r\n--".to_vec();
        delimiter.extend_from_slice(&boundary);
        // The first boundary may begin the body: as if a line had ended before it.
        Some(Self { delimiter, state: State::Preamble, held: b"\r\n".to_vec(), digests, files: Vec::new() })
    }

    pub(crate) fn push(&mut self, data: &[u8], raise: &mut dyn FnMut(Event)) {
        if self.state == State::Done {
            return;
        }
        let mut input = std::mem::take(&mut self.held);
        input.extend_from_slice(data);
        let mut at = 0;
        while let Some(rest) = input.get(at..) {
            let Some(used) = self.step(rest, raise) else { break };
            at = at.saturating_add(used);
        }
        input.drain(..at.min(input.len()));
        self.held = input;
    }

    /// Bytes are missing.
    pub(crate) fn gap(&mut self, length: u64) {
        self.held.clear();
        if let State::Content(true) = self.state
            && let Some(part) = self.files.last_mut()
        {
            part.file.gap(length);
        }
    }

    /// The body has ended: an open file with it.
    pub(crate) fn finish(&mut self, raise: &mut dyn FnMut(Event)) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Content(is_file) => {
                self.content(is_file, &held);
                self.end_part(is_file, FileState::Truncated);
            }
            State::Header if !held.is_empty() => raise(Event::MultipartNoFiledata),
            _ => {}
        }
        self.state = State::Done;
    }

    /// Bytes used of `rest`; `None` when more are needed.
    fn step(&mut self, rest: &[u8], raise: &mut dyn FnMut(Event)) -> Option<usize> {
        match self.state {
            State::Preamble | State::Content(_) => self.until_delimiter(rest),
            State::AfterBoundary => match rest {
                [] | [b'-' | b'\r'] => None,
                [b'-', b'-', ..] => {
                    self.state = State::Done;
                    Some(rest.len())
                }
                [b'\r', b'\n', ..] => {
                    self.state = State::Header;
                    Some(2)
                }
                [b'\n', ..] => {
                    self.state = State::Header;
                    Some(1)
                }
                _ => {
                    raise(Event::MultipartInvalidHeader);
                    self.state = State::Header;
                    Some(0)
                }
            },
            State::Header => self.header(rest, raise),
            State::Done => None,
        }
    }

    fn until_delimiter(&mut self, rest: &[u8]) -> Option<usize> {
        let is_file = self.state == State::Content(true);
        if let Some(at) = memchr::memmem::find(rest, &self.delimiter) {
            self.content(is_file, rest.get(..at).unwrap_or_default());
            self.end_part(is_file, FileState::Closed);
            self.state = State::AfterBoundary;
            return at.checked_add(self.delimiter.len());
        }
        // The tail may be the beginning of a delimiter.
        let sure = rest.len().saturating_sub(self.delimiter.len().saturating_sub(1));
        self.content(is_file, rest.get(..sure).unwrap_or_default());
        Some(sure).filter(|sure| *sure > 0)
    }

    fn content(&mut self, is_file: bool, bytes: &[u8]) {
        if is_file && let Some(part) = self.files.last_mut() {
            part.file.push(bytes);
            let room = PART_BYTES_MAX.saturating_sub(part.data.len()).min(bytes.len());
            part.data.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    fn end_part(&mut self, is_file: bool, state: FileState) {
        if is_file && let Some(part) = self.files.last_mut() {
            part.file.end(state);
        }
    }

    fn header(&mut self, rest: &[u8], raise: &mut dyn FnMut(Event)) -> Option<usize> {
        let (block, used) = if let Some(after) = rest.strip_prefix(b"\r\n") {
            (&b""[..], rest.len().saturating_sub(after.len()))
        } else {
            match memchr::memmem::find(rest, b"\r\n\r\n") {
                Some(at) => (rest.get(..at).unwrap_or_default(), at.saturating_add(4)),
                None if rest.len() > PART_HEADER_BYTES_MAX => {
                    raise(Event::MultipartInvalidHeader);
                    self.state = State::Preamble;
                    return Some(0);
                }
                None => return None,
            }
        };
        let name = block
            .split(|byte| *byte == b'\n')
            .find(|line| line.to_ascii_lowercase().starts_with(b"content-disposition"))
            .and_then(file_name);
        let is_file = match name {
            Some(name) if self.files.len() < FILES_MAX => {
                self.files.push(Part { file: File::new(name, self.digests), data: Vec::new() });
                true
            }
            _ => false,
        };
        self.state = State::Content(is_file);
        Some(used)
    }
}

/// The file name that a Content-Disposition gives.
pub(crate) fn file_name(disposition: &[u8]) -> Option<Vec<u8>> {
    parameter(disposition, b"filename").filter(|name| !name.is_empty())
}

/// The value of `name=value` or `name="value"` among parameters after a semicolon.
fn parameter(text: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b';', rest) {
        rest = rest.get(at.checked_add(1)?..)?;
        let front = rest.iter().take_while(|byte| is_space(**byte)).count();
        let candidate = rest.get(front..)?;
        let head = candidate.get(..name.len())?;
        if !head.eq_ignore_ascii_case(name) {
            continue;
        }
        let Some(value) = candidate.get(name.len()..)?.trim_ascii_start().strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        return Some(match value.strip_prefix(b"\"") {
            Some(quoted) => {
                let end = memchr::memchr(b'"', quoted).unwrap_or(quoted.len());
                quoted.get(..end)?.to_vec()
            }
            None => {
                let end = value.iter().position(|byte| *byte == b';' || is_space(*byte)).unwrap_or(value.len());
                value.get(..end)?.to_vec()
            }
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], chunk: usize) -> Vec<(Vec<u8>, Vec<u8>, Option<FileState>)> {
        let mut none = |_: Event| {};
        let mut multipart =
            Multipart::new(b"multipart/form-data; boundary=abc", Digests::default(), &mut none).expect("a boundary");
        for piece in body.chunks(chunk) {
            multipart.push(piece, &mut none);
        }
        multipart.finish(&mut none);
        multipart.files.into_iter().map(|part| (part.file.name, part.data, part.file.state)).collect()
    }

    #[test]
    fn files_come_out_of_any_split() {
        let body = b"--abc\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nplain\r\n--abc\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"scan.dcm\"\r\nContent-Type: x/y\r\n\r\n\
            DICM\r\n--ab not yet\r\n--abc--\r\n";
        for chunk in 1..body.len() {
            let expected = (b"scan.dcm".to_vec(), b"DICM\r\n--ab not yet".to_vec(), Some(FileState::Closed));
            assert_eq!(check(body, chunk), vec![expected]);
        }
    }
}
