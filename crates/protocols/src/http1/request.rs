//! The client's side: request lines, heads, bodies.

use super::{
    chunk::{Chunk, Step},
    decode::Decoder,
    event::Event,
    head::{Found, LINE_BYTES_MAX, Rules, Side, Span, is_space, mentions, same_name},
    multipart::Multipart,
    session::{HttpSession, State, WITHHELD_BYTES_MAX},
    transaction::{self, HttpTransaction},
    uri::{Host, Target},
};
use crate::session::Context;
use phitak_model::Direction;

const DIRECTION: Direction = Direction::ToServer;

/// RFC 9110, 5789, 4918, 3253, 5323 and what else is seen.
pub(super) const METHODS: &[&[u8]] = &[
    b"GET",
    b"PUT",
    b"POST",
    b"HEAD",
    b"TRACE",
    b"OPTIONS",
    b"CONNECT",
    b"DELETE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"CHECKIN",
    b"UPDATE",
    b"LABEL",
    b"REPORT",
    b"MKWORKSPACE",
    b"MKACTIVITY",
    b"MERGE",
    b"INVALID",
    b"VERSION-CONTROL",
    b"BASELINE-CONTROL",
    b"SEARCH",
];

impl HttpSession {
    pub(super) fn read_requests(&mut self, bytes: &[u8], ended: bool, context: &Context) -> usize {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let used = match self.request.state {
                State::Line => self.request_line(rest, ended),
                State::Short => self.short_request(rest, ended),
                State::Headers => self.request_headers(rest, ended, context),
                State::Sized(left) => self.request_sized(rest, left),
                State::Chunked(chunk) => self.request_chunked(rest, chunk, ended),
                State::ToEnd => self.request_to_end(rest),
                State::Trailer => self.request_trailer(rest, ended),
                State::After => self.after_request(rest, ended),
                State::Tunnel => {
                    if rest.len() > WITHHELD_BYTES_MAX {
                        self.request.enter(State::Failed);
                    }
                    None
                }
                State::Lost if begins_request(rest) == Some(true) => {
                    self.request.enter(State::Line);
                    Some(0)
                }
                State::Lost | State::Failed => return bytes.len(),
            };
            match used {
                Some(used) => at = at.saturating_add(used).min(bytes.len()),
                None => return at,
            }
        }
    }

    /// A request line; `None` while it is incomplete.
    fn request_line(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        let found = memchr::memchr(b'\n', rest.get(self.request.scanned..).unwrap_or_default());
        let (end, next) = match found {
            Some(at) => {
                let end = self.request.scanned.saturating_add(at);
                (end, end.saturating_add(1))
            }
            None if rest.len() > LINE_BYTES_MAX => {
                let id = self.open();
                self.raise(id, Event::RequestFieldTooLong);
                self.request.current = id;
                self.finish(DIRECTION);
                self.request.enter(State::Failed);
                return Some(rest.len());
            }
            None if ended && !rest.trim_ascii().is_empty() => (rest.len(), rest.len()),
            None => {
                self.request.scanned = rest.len();
                return None;
            }
        };
        self.request.scanned = 0;
        let mut line = rest.get(..end).unwrap_or_default();
        while let Some(shorter) = line.strip_suffix(b"\r") {
            line = shorter;
        }
        if line.iter().all(|byte| is_space(*byte) || *byte == 0) {
            return Some(next);
        }
        let is_fragment = found.is_none();
        let id = self.open();
        self.request.current = id;
        let settings = self.settings;
        let Some(transaction) = self.queue.get_mut(id) else { return Some(next) };
        if is_fragment {
            transaction.raise(Event::RequestLineIncomplete);
        }
        transaction.request.begin(line);
        let parsed = parse_line(transaction);
        target(transaction, &settings);
        transaction.advance(DIRECTION, transaction::LINE);
        if parsed == LineKind::Full {
            self.request.enter(State::Headers);
            return Some(next);
        }
        self.request.enter(State::Short);
        Some(next)
    }

    /// HTTP/0.9, or a protocol left out: a field line behind it tells.
    fn short_request(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        match looks_like_field(rest) {
            None if !ended => None,
            Some(true) => {
                self.raise(self.request.current, Event::RequestLineMissingProtocol);
                self.request.enter(State::Headers);
                Some(0)
            }
            _ => {
                self.no_body_follows();
                Some(0)
            }
        }
    }

    fn request_headers(&mut self, rest: &[u8], ended: bool, context: &Context) -> Option<usize> {
        let end = match self.request.scanner.scan(rest, Side::Request, ended) {
            Found::More => return None,
            Found::TooLong => {
                self.raise(self.request.current, Event::RequestFieldTooLong);
                self.finish(DIRECTION);
                self.request.enter(State::Failed);
                return Some(rest.len());
            }
            Found::End(end) => end,
        };
        let block = rest.get(..end).unwrap_or_default();
        let scanner = std::mem::take(&mut self.request.scanner);
        if let Some(transaction) = self.queue.get_mut(self.request.current) {
            let rules = Rules { side: Side::Request, trailer: false, colon_unfolds: false };
            transaction.raising(|parts, raise| parts.request.add(block, scanner.lines(), rules, raise));
            host(transaction, context);
            authorization(transaction);
            transaction.advance(DIRECTION, transaction::HEADERS);
        }
        self.request.scanner = scanner;
        self.request.scanner.reset();
        self.request_body();
        Some(end)
    }

    /// Decides how the body is framed (RFC 9112 §6.3).
    fn request_body(&mut self) {
        let (settings, digests) = (self.settings, self.digests());
        let Some(transaction) = self.queue.get_mut(self.request.current) else {
            self.request.enter(State::After);
            return;
        };
        let is_upload = matches!(transaction.method(), b"POST" | b"PUT");
        if is_upload {
            let kind = transaction.request.get("Content-Type").unwrap_or_default().to_vec();
            transaction.raising(|parts, raise| *parts.multipart = Multipart::new(&kind, digests, raise));
            if transaction.multipart.is_none() && !transaction.path.is_empty() {
                let name = transaction.path.clone();
                transaction.request_body.set_file_name(name);
            }
        }
        if let Some(coding) = transaction.request.get("Content-Encoding").map(<[u8]>::to_vec) {
            transaction.raising(|parts, raise| {
                let decoder = Decoder::new(&coding, settings.layers_max, settings.lzma, settings.bomb_bytes, raise);
                parts.request_body.set_decoder(decoder);
            });
        }
        let coding = transaction.request.get("Transfer-Encoding").map(|value| mentions(value, b"chunked"));
        let length = transaction.request.get("Content-Length").map(content_length);
        if transaction.request.length_repeated {
            transaction.raise(Event::DuplicateContentLengthFieldInRequest);
        }
        if coding == Some(false) {
            transaction.raise(Event::InvalidTransferEncodingValueInRequest);
        }
        let state = match (coding, length) {
            (Some(true), _) => State::Chunked(Chunk::Length),
            (_, Some(Some(length))) => State::Sized(length),
            (_, Some(None)) => {
                transaction.raise(Event::InvalidContentLengthFieldInRequest);
                State::After
            }
            _ => State::After,
        };
        if matches!(state, State::After | State::Sized(0)) {
            self.no_body_follows();
        } else {
            self.request.enter(state);
        }
    }

    fn no_body_follows(&mut self) {
        let is_connect = self.queue.get(self.request.current).is_some_and(|t| t.method() == b"CONNECT");
        self.finish(DIRECTION);
        let answered = self.unanswered > self.request.current;
        if is_connect && !answered {
            self.request.enter(State::Tunnel);
        }
    }

    fn request_sized(&mut self, rest: &[u8], left: u64) -> Option<usize> {
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        if fits == 0 && left > 0 {
            return None;
        }
        self.body(DIRECTION, rest.get(..fits).unwrap_or_default());
        let left = left.saturating_sub(fits as u64);
        self.request.state = State::Sized(left);
        if left == 0 {
            self.finish(DIRECTION);
        }
        Some(fits)
    }

    fn request_to_end(&mut self, rest: &[u8]) -> Option<usize> {
        if rest.is_empty() {
            return None;
        }
        self.body(DIRECTION, rest);
        Some(rest.len())
    }

    fn request_chunked(&mut self, rest: &[u8], mut chunk: Chunk, ended: bool) -> Option<usize> {
        let step = chunk.step(rest, ended);
        self.request.state = State::Chunked(chunk);
        match step {
            Step::More => None,
            Step::Skip(used) => Some(used),
            Step::Extension(used) => {
                self.raise(self.request.current, Event::RequestChunkExtension);
                Some(used)
            }
            Step::Data(used) => {
                self.body(DIRECTION, rest.get(..used).unwrap_or_default());
                Some(used)
            }
            Step::Last(used, extended) => {
                if extended {
                    self.raise(self.request.current, Event::RequestChunkExtension);
                }
                self.request.enter(State::Trailer);
                Some(used)
            }
            Step::Invalid => {
                self.raise(self.request.current, Event::InvalidRequestChunkLen);
                self.request.enter(State::ToEnd);
                Some(0)
            }
        }
    }

    fn request_trailer(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        let end = match self.request.scanner.scan(rest, Side::Request, ended) {
            Found::More => return None,
            Found::TooLong => rest.len(),
            Found::End(end) => end,
        };
        let scanner = std::mem::take(&mut self.request.scanner);
        if let Some(transaction) = self.queue.get_mut(self.request.current) {
            let rules = Rules { side: Side::Request, trailer: true, colon_unfolds: false };
            let block = rest.get(..end).unwrap_or_default();
            transaction.raising(|parts, raise| parts.request.add(block, scanner.lines(), rules, raise));
            transaction.advance(DIRECTION, transaction::TRAILER);
        }
        self.finish(DIRECTION);
        Some(end)
    }

    /// Between requests: what begins like none belongs to the last one's body, as long as that is still held.
    fn after_request(&mut self, rest: &[u8], ended: bool) -> Option<usize> {
        let space = rest.iter().take_while(|byte| is_space(**byte)).count();
        if rest.is_empty() {
            return None;
        }
        match begins_request(rest.get(space..).unwrap_or_default()) {
            None if !ended => None,
            Some(false) if !self.previous_takes_more() => {
                self.request.enter(State::Line);
                Some(0)
            }
            Some(false) => {
                let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at.saturating_add(1));
                self.raise(self.request.current, Event::RequestBodyUnexpected);
                if let Some(transaction) = self.queue.get_mut(self.request.current) {
                    transaction.request_body.reopen();
                }
                self.body(DIRECTION, rest.get(..line).unwrap_or_default());
                self.finish(DIRECTION);
                Some(line)
            }
            _ => {
                self.request.enter(State::Line);
                Some(0)
            }
        }
    }

    fn previous_takes_more(&self) -> bool {
        self.queue.get(self.request.current).is_some_and(|transaction| !transaction.request_unseen)
    }
}

/// Whether these bytes begin with a method and white space; `None` when too few to tell.
pub(super) fn begins_request(bytes: &[u8]) -> Option<bool> {
    let end = bytes.iter().position(|byte| is_space(*byte)).unwrap_or(bytes.len());
    let word = bytes.get(..end).unwrap_or_default();
    if end < bytes.len() {
        return Some(METHODS.contains(&word));
    }
    let may_be = METHODS.iter().any(|method| method.starts_with(word));
    if may_be { None } else { Some(false) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    Full,
    /// Without a protocol.
    Short,
}

/// Method, target and protocol (RFC 9112 §3), apart from each other by any white space.
fn parse_line(transaction: &mut HttpTransaction) -> LineKind {
    let line = transaction.request.line().to_vec();
    let space = |from: usize| line.iter().skip(from).take_while(|byte| is_space(**byte)).count();
    let word = |from: usize| line.iter().skip(from).take_while(|byte| !is_space(**byte)).count();
    let method_start = space(0);
    if method_start > 0 {
        transaction.raise(Event::RequestLineLeadingWhitespace);
    }
    let method_end = method_start.saturating_add(word(method_start));
    // White space before the method is part of it, so that rules see what was sent.
    transaction.method = Span::new(method_start, method_end);
    let is_known = METHODS.contains(&line.get(method_start..method_end).unwrap_or_default());
    let start = method_end.saturating_add(space(method_end));
    if line.get(method_end..start).is_some_and(|gap| gap.iter().any(|byte| *byte != b' ')) {
        transaction.raise(Event::MethodDelimNonCompliant);
    }
    if start >= line.len() {
        if !is_known {
            transaction.raise(Event::RequestLineInvalid);
        }
        return LineKind::Short;
    }
    let rest = line.get(start..).unwrap_or_default();
    let end = match memchr::memchr(b' ', rest) {
        Some(at) => start.saturating_add(at),
        None => {
            let end = start.saturating_add(word(start));
            if end < line.len() {
                transaction.raise(Event::UriDelimNonCompliant);
            }
            end
        }
    };
    transaction.target = Span::new(start, end);
    let protocol = end.saturating_add(space(end));
    if protocol >= line.len() {
        if !is_known {
            transaction.raise(Event::RequestLineInvalid);
        }
        return LineKind::Short;
    }
    transaction.request_protocol = Span::new(protocol, line.len());
    if !is_known && protocol_version(line.get(protocol..).unwrap_or_default()).is_none() {
        transaction.raise(Event::RequestLineInvalid);
    }
    LineKind::Full
}

/// Major and minor version of `HTTP/1.1`.
pub(super) fn protocol_version(protocol: &[u8]) -> Option<(u8, u8)> {
    match protocol.trim_ascii() {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            Some((major.wrapping_sub(b'0'), minor.wrapping_sub(b'0')))
        }
        _ => None,
    }
}

/// Works out what the target says.
fn target(transaction: &mut HttpTransaction, settings: &super::settings::HttpSettings) {
    let raw = transaction.target().to_vec();
    let target = Target::parse(&raw, transaction.method() == b"CONNECT");
    transaction.uri = target.normal_form(settings);
    transaction.path = target.normal_path(settings);
    if let Some(authority) = target.authority.filter(|authority| !authority.is_empty()) {
        let host = Host::parse(authority);
        if host.port_invalid {
            transaction.raise(Event::InvalidAuthorityPort);
        }
        if host.name_invalid {
            transaction.raise(Event::UriHostInvalid);
        }
        transaction.port = host.port;
        transaction.host_in_target = Some(host.name.clone());
        transaction.host = Some(host.name);
    }
}

/// Matches the Host field with the target and the connection.
fn host(transaction: &mut HttpTransaction, context: &Context) {
    let version = protocol_version(transaction.request.text(transaction.request_protocol));
    match transaction.request.get("Host").map(Host::parse) {
        None => {
            if version.is_some_and(|version| version >= (1, 1)) {
                transaction.raise(Event::MissingHostHeader);
            }
        }
        Some(host) => {
            if host.name_invalid {
                transaction.raise(Event::HeaderHostInvalid);
            }
            if host.port_invalid {
                transaction.raise(Event::InvalidServerPortInRequest);
            }
            match &transaction.host {
                None => {
                    transaction.host = Some(host.name);
                    transaction.port = host.port;
                }
                Some(named) => {
                    let port_differs =
                        host.port.is_some() && transaction.port.is_some() && host.port != transaction.port;
                    if *named != host.name || port_differs {
                        transaction.raise(Event::HostHeaderAmbiguous);
                    }
                }
            }
        }
    }
    if transaction.port.is_some_and(|port| context.server_port != 0 && port != context.server_port) {
        transaction.raise(Event::RequestServerPortTcpPortMismatch);
    }
}

fn authorization(transaction: &mut HttpTransaction) {
    const KNOWN: &[&str] = &["basic", "digest", "bearer", "ntlm", "negotiate"];
    let Some(value) = transaction.request.get("Authorization") else { return };
    let word: &[u8] = value.split(|byte| is_space(*byte)).next().unwrap_or_default();
    if !KNOWN.iter().any(|known| same_name(word, known.as_bytes())) {
        transaction.raise(Event::AuthUnrecognized);
    }
}

/// The first number in the value; what stands around it is told apart by browsers too.
pub(super) fn content_length(value: &[u8]) -> Option<u64> {
    let start = value.iter().position(u8::is_ascii_digit)?;
    let mut length: u64 = 0;
    for digit in value.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()) {
        length = length.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
    }
    Some(length)
}

/// A token and a colon at the beginning of a line; `None` when too few bytes to tell.
fn looks_like_field(bytes: &[u8]) -> Option<bool> {
    let name = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).count();
    match bytes.get(name) {
        Some(b':') => Some(name > 0),
        Some(_) => Some(false),
        None if name > LINE_BYTES_MAX => Some(false),
        None => None,
    }
}
