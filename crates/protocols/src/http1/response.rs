//! The server's side: status lines, heads, bodies, matched to requests in order.

use super::{
    UNSEEN_TARGET,
    chunk::{Chunk, Step},
    decode::Decoder,
    event::Event,
    head::{Found, LINE_BYTES_MAX, Rules, Side, Span, is_space, mentions, same_name},
    multipart::file_name,
    request::{content_length, protocol_version},
    session::{HttpSession, State},
    transaction::{self, HttpTransaction},
};
use phitak_model::Direction;

const DIRECTION: Direction = Direction::ToClient;

impl HttpSession {
    pub(super) fn read_responses(&mut self, bytes: &[u8], ended: bool) -> usize {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let used = match self.response.state {
                _ if self.upgrade.is_some() => return at,
                State::Line => self.status_line(rest, ended),
                State::Headers => self.response_headers(rest, ended),
                State::Sized(left) => self.response_sized(rest, left),
                State::Chunked(chunk) => self.response_chunked(rest, chunk, ended),
                State::ToEnd => self.response_to_end(rest),
                State::Trailer => self.response_trailer(rest, ended),
                State::After => self.after_response(rest, ended),
                State::Lost if begins_response(rest) == Some(true) => {
                    self.response.enter(State::Line);
                    Some(0)
                }
                State::Lost | State::Failed | State::Short | State::Tunnel => return bytes.len(),
            };
            match used {
                Some(used) => at = at.saturating_add(used).min(bytes.len()),
                None => return at,
            }
        }
    }

    /// The transaction that the next response answers.
    fn answered(&mut self) -> u64 {
        let live = phitak_model::inspect::Transactions::live(&self.queue);
        let id = self.unanswered.max(live.start);
        let id = if id < live.end {
            id
        } else {
            let id = self.open();
            if let Some(transaction) = self.queue.get_mut(id) {
                transaction.raise(Event::UnableToMatchResponseToRequest);
                transaction.request_unseen = true;
                transaction.uri = UNSEEN_TARGET.as_bytes().to_vec();
                transaction.path = UNSEEN_TARGET.as_bytes().to_vec();
                transaction.advance(Direction::ToServer, transaction::COMPLETE);
            }
            id
        };
        self.unanswered = id.saturating_add(1);
        self.response.current = id;
        self.continue_seen = false;
        self.short_request_ends(id);
        id
    }

    /// A status line, or what stands in its place.
    fn status_line(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        let Some((end, next)) = self.status_line_end(rest, ended) else {
            if rest.len() > LINE_BYTES_MAX {
                let id = self.answered();
                self.raise(id, Event::ResponseFieldTooLong);
                if looks_like_status(rest) {
                    self.finish(DIRECTION);
                    self.response.enter(State::Failed);
                    return Some(rest.len());
                }
                return Some(self.body_without_head(0));
            }
            return None;
        };
        let line = rest.get(..end).unwrap_or_default();
        if line.iter().all(|byte| is_space(*byte)) {
            self.response.scanned = 0;
            return Some(next);
        }
        if !looks_like_status(line) {
            // A line of something else before the status line is skipped, as browsers do; otherwise all of it is body.
            return match rest.get(next) {
                None if !ended => None,
                Some(b'H') => {
                    self.response.scanned = 0;
                    Some(next)
                }
                _ if line.len() <= 2 && next < rest.len() => {
                    self.response.scanned = 0;
                    Some(next)
                }
                _ => {
                    if !self.continue_seen {
                        self.answered();
                    }
                    Some(self.body_without_head(0))
                }
            };
        }
        if !self.continue_seen {
            self.answered();
        }
        if let Some(transaction) = self.queue.get_mut(self.response.current) {
            transaction.response.begin(line);
            parse_line(transaction);
            transaction.advance(DIRECTION, transaction::LINE);
        }
        self.response.enter(State::Headers);
        Some(next)
    }

    /// LF, CR LF, or a CR alone.
    fn status_line_end(&mut self, rest: &[u8], ended: bool) -> Option<(usize, usize)> {
        loop {
            let from = self.response.scanned;
            let Some(found) = memchr::memchr2(b'\r', b'\n', rest.get(from..).unwrap_or_default()) else {
                self.response.scanned = rest.len();
                return (ended && !rest.is_empty()).then_some((rest.len(), rest.len()));
            };
            let at = from.saturating_add(found);
            self.response.scanned = at;
            let after = at.saturating_add(1);
            match (rest.get(at), rest.get(after)) {
                (Some(b'\n'), _) => return Some((at, after)),
                (_, Some(b'\n')) => return Some((at, after.saturating_add(1))),
                (_, Some(b'\r')) => self.response.scanned = after,
                (_, None) if !ended => return None,
                _ => return Some((at, after)),
            }
        }
    }

    /// Everything to the stream's end is body.
    fn body_without_head(&mut self, used: usize) -> usize {
        self.name_file();
        self.advance(self.response.current, DIRECTION, transaction::HEADERS);
        self.response.enter(State::ToEnd);
        used
    }

    fn response_headers(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        let end = match self.response.scanner.scan(rest, Side::Response, ended) {
            Found::More => return None,
            Found::TooLong => {
                self.raise(self.response.current, Event::ResponseFieldTooLong);
                self.finish(DIRECTION);
                self.response.enter(State::Failed);
                return Some(rest.len());
            }
            Found::End(end) => end,
        };
        let scanner = std::mem::take(&mut self.response.scanner);
        if let Some(transaction) = self.queue.get_mut(self.response.current) {
            let version = protocol_version(transaction.response.text(transaction.response_protocol));
            let rules = Rules { side: Side::Response, trailer: false, colon_unfolds: version == Some((1, 1)) };
            let block = rest.get(..end).unwrap_or_default();
            transaction.raising(|parts, raise| parts.response.add(block, scanner.lines(), rules, raise));
            transaction.advance(DIRECTION, transaction::HEADERS);
        }
        self.response.scanner = scanner;
        self.response.scanner.reset();
        self.response_body();
        Some(end)
    }

    /// Decides how the body is framed (RFC 9112 §6.3), or that another status line or protocol follows.
    fn response_body(&mut self) {
        let id = self.response.current;
        let settings = self.settings;
        let Some(transaction) = self.queue.get_mut(id) else {
            self.response.enter(State::After);
            return;
        };
        let coding = transaction
            .response
            .get("Transfer-Encoding")
            .map(|value| (mentions(value, b"chunked"), same_name(value, b"chunked")));
        let length = transaction.response.get("Content-Length").map(content_length);
        let status = transaction.status.unwrap_or(0);
        let framed = length.is_some() || coding.is_some();
        let method = transaction.method();
        let is_connect = method == b"CONNECT";
        let is_head = method == b"HEAD";
        let upgrade = transaction.response.get("Upgrade").map(<[u8]>::to_ascii_lowercase);
        if is_connect && (200..300).contains(&status) {
            self.finish(DIRECTION);
            self.upgrade = Some(None);
            return;
        }
        if (is_connect || self.request.state == State::Tunnel) && self.request.current == id {
            self.request.enter(State::After);
        }
        let Some(transaction) = self.queue.get_mut(id) else { return };
        if status == 101 && !framed && upgrade.is_some() {
            let protocol = match upgrade.as_deref() {
                Some(b"websocket") => Some("websocket"),
                Some(b"h2c") => Some("http2"),
                _ => None,
            };
            self.finish(DIRECTION);
            self.upgrade = Some(protocol);
            return;
        }
        if (100..200).contains(&status) && !framed {
            if self.continue_seen {
                transaction.raise(Event::ContinueAlreadySeen);
            }
            self.continue_seen = true;
            self.response.enter(State::Line);
            return;
        }
        if is_head || (matches!(status, 204 | 304) && !framed) {
            self.finish(DIRECTION);
            return;
        }
        response_events(transaction, coding);
        if let Some(value) = transaction.response.get("Content-Encoding").map(<[u8]>::to_vec) {
            transaction.raising(|parts, raise| {
                let decoder = Decoder::new(&value, settings.layers_max, settings.lzma, settings.bomb_bytes, raise);
                parts.response_body.set_decoder(decoder);
            });
        }
        let state = match (coding, length) {
            (Some((true, _)), _) => State::Chunked(Chunk::Length),
            (_, Some(Some(length))) => State::Sized(length),
            (_, Some(None)) => {
                transaction.raise(Event::InvalidContentLengthFieldInResponse);
                State::ToEnd
            }
            _ => State::ToEnd,
        };
        self.name_file();
        if state == State::Sized(0) {
            self.finish(DIRECTION);
        } else {
            self.response.enter(state);
        }
    }

    /// What the body is called as a file: by Content-Disposition, or the request's path.
    fn name_file(&mut self) {
        let Some(transaction) = self.queue.get_mut(self.response.current) else { return };
        let named = transaction.response.get("Content-Disposition").and_then(file_name);
        let name = named.unwrap_or_else(|| transaction.path.clone());
        if name.len() > crate::file::NAME_BYTES_MAX {
            transaction.raise(Event::FileNameTooLong);
        }
        if !name.is_empty() {
            transaction.response_body.set_file_name(name);
        }
    }

    fn response_sized(&mut self, rest: &[u8], left: u64) -> Option<usize> {
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        if fits == 0 && left > 0 {
            return None;
        }
        self.body(DIRECTION, rest.get(..fits).unwrap_or_default());
        let left = left.saturating_sub(fits as u64);
        self.response.state = State::Sized(left);
        if left == 0 {
            self.finish(DIRECTION);
        }
        Some(fits)
    }

    fn response_to_end(&mut self, rest: &[u8]) -> Option<usize> {
        if rest.is_empty() {
            return None;
        }
        self.body(DIRECTION, rest);
        Some(rest.len())
    }

    fn response_chunked(&mut self, rest: &[u8], mut chunk: Chunk, ended: bool) -> Option<usize> {
        let step = chunk.step(rest, ended);
        self.response.state = State::Chunked(chunk);
        match step {
            Step::More => None,
            Step::Skip(used) => Some(used),
            Step::Extension(used) => {
                self.raise(self.response.current, Event::ResponseChunkExtension);
                Some(used)
            }
            Step::Data(used) => {
                self.body(DIRECTION, rest.get(..used).unwrap_or_default());
                Some(used)
            }
            Step::Last(used, extended) => {
                if extended {
                    self.raise(self.response.current, Event::ResponseChunkExtension);
                }
                self.response.enter(State::Trailer);
                Some(used)
            }
            // The coding was only claimed: all that follows is the body itself.
            Step::Invalid => {
                self.raise(self.response.current, Event::InvalidResponseChunkLen);
                self.response.enter(State::ToEnd);
                Some(0)
            }
        }
    }

    fn response_trailer(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        let end = match self.response.scanner.scan(rest, Side::Response, ended) {
            Found::More => return None,
            Found::TooLong => rest.len(),
            Found::End(end) => end,
        };
        let scanner = std::mem::take(&mut self.response.scanner);
        if let Some(transaction) = self.queue.get_mut(self.response.current) {
            let rules = Rules { side: Side::Response, trailer: true, colon_unfolds: false };
            let block = rest.get(..end).unwrap_or_default();
            transaction.raising(|parts, raise| parts.response.add(block, scanner.lines(), rules, raise));
            transaction.advance(DIRECTION, transaction::TRAILER);
        }
        self.finish(DIRECTION);
        Some(end)
    }

    /// Behind a response: what is no status line is taken for more of its body, as long as that is still held.
    fn after_response(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        if rest.is_empty() {
            return None;
        }
        // A whole line decides for itself; of an incomplete one its beginning does.
        let line = memchr::memchr(b'\n', rest).map(|at| at.saturating_add(1));
        let is_response = match (line, begins_response(line.and_then(|end| rest.get(..end)).unwrap_or(rest))) {
            (Some(_), answer) => answer == Some(true),
            (None, None) if !ended => return None,
            (None, answer) => answer != Some(false),
        };
        if is_response || self.queue.get(self.response.current).is_none() {
            self.response.enter(State::Line);
            return Some(0);
        }
        if let Some(transaction) = self.queue.get_mut(self.response.current) {
            transaction.response_body.reopen();
        }
        let line = line.unwrap_or(rest.len());
        self.body(DIRECTION, rest.get(..line).unwrap_or_default());
        self.finish(DIRECTION);
        Some(line)
    }
}

/// Whether a status line begins here, white space and NULs aside; `None` when too few bytes to tell.
pub(super) fn begins_response(bytes: &[u8]) -> Option<bool> {
    let start = bytes.iter().position(|byte| !is_space(*byte) && *byte != 0)?;
    let word = bytes.get(start..).unwrap_or_default();
    let word = word.get(..4).unwrap_or(word);
    let is_prefix = b"HTTP".get(..word.len()).is_some_and(|prefix| word.eq_ignore_ascii_case(prefix));
    if word.len() == 4 || !is_prefix { Some(is_prefix) } else { None }
}

fn looks_like_status(line: &[u8]) -> bool {
    begins_response(line) == Some(true)
}

/// Protocol, status and message (RFC 9112 §4), apart from each other by any white space.
fn parse_line(transaction: &mut HttpTransaction) {
    let line = transaction.response.line().to_vec();
    let space = |from: usize| line.iter().skip(from).take_while(|byte| is_space(**byte)).count();
    let word = |from: usize| line.iter().skip(from).take_while(|byte| !is_space(**byte)).count();
    let start = space(0);
    let protocol_end = start.saturating_add(word(start));
    let status = protocol_end.saturating_add(space(protocol_end));
    let status_end = status.saturating_add(word(status));
    let message = status_end.saturating_add(space(status_end));
    let tail = line.iter().rev().take_while(|byte| is_space(**byte)).count();
    transaction.response_protocol = Span::new(start, protocol_end);
    transaction.status_text = Span::new(status, status_end);
    transaction.status_message = Span::new(message, line.len().saturating_sub(tail).max(message));
    transaction.status = std::str::from_utf8(line.get(status..status_end).unwrap_or_default())
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse::<u16>().ok())
        .filter(|status| (100..1000).contains(status));
    if protocol_version(line.get(start..protocol_end).unwrap_or_default()).is_none() {
        transaction.raise(Event::ResponseInvalidProtocol);
    }
    if transaction.status.is_none() {
        transaction.raise(Event::ResponseInvalidStatus);
    }
}

/// `coding`: chunked among others, chunked alone.
fn response_events(transaction: &mut HttpTransaction, coding: Option<(bool, bool)>) {
    let version = protocol_version(transaction.response.text(transaction.response_protocol));
    match coding {
        Some((true, exact)) => {
            if !exact {
                transaction.raise(Event::ResponseAbnormalTransferEncoding);
            }
            if version.is_some_and(|version| version < (1, 1)) {
                transaction.raise(Event::ResponseChunkedOldProto);
            }
        }
        Some((false, _)) => transaction.raise(Event::InvalidTransferEncodingValueInResponse),
        None => {}
    }
    if transaction.response.length_repeated {
        transaction.raise(Event::DuplicateContentLengthFieldInResponse);
    }
    let kind = transaction.response.get("Content-Type").unwrap_or_default();
    if mentions(kind, b"multipart/byteranges") {
        transaction.raise(Event::ResponseMultipartByteranges);
    }
}
