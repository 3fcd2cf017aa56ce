//! Content-Encoding undone: gzip, deflate with and without its zlib header, brotli, in layers.
//!
//! Source: RFC 9110 §8.4, RFC 1950–1952, RFC 7932. Checksums and reserved flags are not looked at, since browsers do not
//! mind them either. A layer whose input does not decode passes it on as it came: many servers name an encoding that they
//! do not use. What the name says is only a hint; the first bytes decide.

use super::{event::Event, head::mentions};
use flate2::{Decompress, FlushDecompress, Status};

/// Input kept until a layer has produced something, so that it can be passed on if it never does.
const HELD_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a gzip header.
const GZIP_HEADER_BYTES_MAX: usize = 64 * 1024;
/// Most bytes that LZMA may give: it is decoded in one go (Suricata's `lzma-memlimit`).
const LZMA_BYTES_MAX: usize = 1 << 20;
/// Output is made in pieces of this size.
const PIECE_BYTES: usize = 16 * 1024;
/// With more output than this for each input byte, and past the limit, a body is a bomb.
const BOMB_RATIO: u64 = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Lzma,
}

/// Layers in the order in which they are undone.
pub(crate) struct Decoder {
    layers: Vec<Layer>,
    given: u64,
    made: u64,
    bomb_bytes: u64,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("layers", &self.layers.len()).field("given", &self.given).finish()
    }
}

impl Decoder {
    /// Reads a Content-Encoding. `None` when there is nothing to undo.
    pub(crate) fn new(
        value: &[u8],
        layers_max: u8,
        lzma: bool,
        bomb_bytes: u64,
        raise: &mut dyn FnMut(Event),
    ) -> Option<Self> {
        let mut layers = Vec::new();
        let mut named: u8 = 0;
        for token in value.split(|byte| matches!(byte, b',' | b' ')).map(<[u8]>::trim_ascii).filter(|t| !t.is_empty()) {
            named = named.saturating_add(1);
            if named > layers_max {
                raise(Event::TooManyEncodingLayers);
                break;
            }
            let exact = |names: &[&str]| names.iter().any(|name| super::head::same_name(token, name.as_bytes()));
            let encoding = if mentions(token, b"gzip") {
                if !exact(&["gzip", "x-gzip"]) {
                    raise(Event::AbnormalCeHeader);
                }
                Encoding::Gzip
            } else if mentions(token, b"deflate") {
                if !exact(&["deflate", "x-deflate"]) {
                    raise(Event::AbnormalCeHeader);
                }
                Encoding::Deflate
            } else if exact(&["br"]) {
                Encoding::Brotli
            } else if exact(&["lzma"]) {
                Encoding::Lzma
            } else {
                if !exact(&["identity", "inflate", "none"]) {
                    raise(Event::AbnormalCeHeader);
                }
                continue;
            };
            if encoding == Encoding::Lzma && !lzma {
                continue;
            }
            layers.push(Layer::new(encoding));
        }
        // What was applied last is undone first.
        layers.reverse();
        (!layers.is_empty()).then(|| Self { layers, given: 0, made: 0, bomb_bytes })
    }

    /// Decodes more input and hands each piece of output to `take`, which answers whether it wants more.
    pub(crate) fn push(
        &mut self,
        input: &[u8],
        ended: bool,
        raise: &mut dyn FnMut(Event),
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) {
        self.given = self.given.saturating_add(input.len() as u64);
        let Self { layers, given, made, bomb_bytes } = self;
        let mut deliver = |bytes: &[u8], raise: &mut dyn FnMut(Event)| {
            *made = made.saturating_add(bytes.len() as u64);
            if *made > *bomb_bytes && *made > given.saturating_mul(BOMB_RATIO) {
                raise(Event::CompressionBomb);
                return false;
            }
            take(bytes)
        };
        run(layers, input, ended, raise, &mut deliver);
    }
}

/// Pushes input through the first layer and each piece of its output through the rest.
fn run(
    layers: &mut [Layer],
    input: &[u8],
    ended: bool,
    raise: &mut dyn FnMut(Event),
    take: &mut dyn FnMut(&[u8], &mut dyn FnMut(Event)) -> bool,
) -> bool {
    let Some((layer, rest)) = layers.split_first_mut() else {
        return input.is_empty() || take(input, raise);
    };
    let mut go_on = true;
    layer.push(input, ended, raise, &mut |piece, raise| {
        go_on = go_on && run(rest, piece, false, raise, take);
        go_on
    });
    if ended && go_on {
        go_on = run(rest, b"", true, raise, take);
    }
    go_on
}

struct Layer {
    encoding: Encoding,
    state: State,
    /// Input so far, as long as there is no output.
    held: Vec<u8>,
    produced: bool,
    /// Where output is made; kept, so that there is one for each layer.
    piece: Vec<u8>,
}

enum State {
    /// Too little input to see what it is.
    Start,
    Inflate(Decompress),
    Brotli(Box<BrotliState>),
    /// Everything is held until the end.
    Lzma,
    /// As it comes.
    Pass,
    /// Its end was seen; what follows is nobody's.
    Ended,
}

type Sink<'a> = &'a mut dyn FnMut(&[u8], &mut dyn FnMut(Event)) -> bool;

impl Layer {
    fn new(encoding: Encoding) -> Self {
        Self { encoding, state: State::Start, held: Vec::new(), produced: false, piece: Vec::new() }
    }

    fn push(&mut self, input: &[u8], ended: bool, raise: &mut dyn FnMut(Event), take: Sink<'_>) {
        match self.state {
            State::Pass => {
                if !input.is_empty() {
                    take(input, raise);
                }
                return;
            }
            State::Ended => return,
            _ => {}
        }
        if !self.produced {
            self.held.extend_from_slice(input);
        }
        if matches!(self.state, State::Start) {
            let held = std::mem::take(&mut self.held);
            match self.start(&held, ended) {
                Some(after) => {
                    self.held = held;
                    let body = self.held.get(after..).unwrap_or_default().to_vec();
                    self.decode(&body, raise, take);
                }
                None => self.held = held,
            }
        } else {
            self.decode(input, raise, take);
        }
        if matches!(self.state, State::Lzma) {
            self.lzma(ended, raise, take);
        } else if ended && !self.produced && !self.held.is_empty() && !matches!(self.state, State::Ended) {
            self.pass_held(raise, take);
        }
    }

    /// Chooses a decoder from the first bytes; answers where its input begins.
    fn start(&mut self, held: &[u8], ended: bool) -> Option<usize> {
        let (state, after) = match (self.encoding, held) {
            (Encoding::Brotli, _) => (State::Brotli(Box::default()), 0),
            (Encoding::Lzma, _) => (State::Lzma, 0),
            (_, [] | [_]) if !ended => return None,
            (_, [0x1f, 0x8b, ..]) => match gzip_header(held) {
                Some(after) => (State::Inflate(Decompress::new(false)), after),
                None if ended || held.len() > GZIP_HEADER_BYTES_MAX => (State::Pass, 0),
                None => return None,
            },
            (_, [cmf, flags, ..])
                if cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flags]).is_multiple_of(31) && cmf >> 4 <= 7 =>
            {
                // A preset dictionary cannot be known.
                let after = if flags & 0x20 == 0 { 2 } else { 6 };
                (State::Inflate(Decompress::new(false)), after)
            }
            _ => (State::Inflate(Decompress::new(false)), 0),
        };
        self.state = state;
        Some(after)
    }

    fn decode(&mut self, input: &[u8], raise: &mut dyn FnMut(Event), take: Sink<'_>) {
        let mut piece = std::mem::take(&mut self.piece);
        piece.resize(PIECE_BYTES, 0);
        self.decode_into(input, &mut piece, raise, take);
        self.piece = piece;
    }

    fn decode_into(&mut self, input: &[u8], piece: &mut [u8], raise: &mut dyn FnMut(Event), take: Sink<'_>) {
        let mut rest = input;
        loop {
            let step = match &mut self.state {
                State::Lzma => return,
                State::Inflate(inflate) => inflate_step(inflate, rest, piece),
                State::Brotli(brotli) => brotli.step(rest, piece),
                State::Pass => {
                    if !rest.is_empty() {
                        self.produced = true;
                        take(rest, raise);
                    }
                    return;
                }
                State::Start | State::Ended => return,
            };
            if step.made > 0 {
                self.produced = true;
                self.held = Vec::new();
                if !take(piece.get(..step.made).unwrap_or_default(), raise) {
                    self.state = State::Ended;
                    return;
                }
            }
            rest = rest.get(step.used..).unwrap_or_default();
            match step.end {
                End::Stream => {
                    self.state = State::Ended;
                    return;
                }
                End::Error if self.produced => {
                    raise(Event::GzipDecompressionFailed);
                    self.state = State::Pass;
                }
                End::Error => {
                    raise(Event::GzipDecompressionFailed);
                    self.pass_held(raise, take);
                    return;
                }
                End::No if step.used == 0 && step.made == 0 => break,
                End::No => {}
            }
        }
        if !self.produced && self.held.len() > HELD_BYTES_MAX {
            self.pass_held(raise, take);
        }
    }

    /// LZMA is decoded at its end, or when as much has come as is held.
    fn lzma(&mut self, ended: bool, raise: &mut dyn FnMut(Event), take: Sink<'_>) {
        if !ended && self.held.len() < HELD_BYTES_MAX {
            return;
        }
        if !ended {
            raise(Event::LzmaMemlimitReached);
        }
        match super::lzma::decode(&self.held, LZMA_BYTES_MAX).filter(|out| !out.is_empty()) {
            Some(out) => {
                self.state = State::Ended;
                self.held = Vec::new();
                take(&out, raise);
            }
            None if self.held.is_empty() => {}
            None => self.pass_held(raise, take),
        }
    }

    fn pass_held(&mut self, raise: &mut dyn FnMut(Event), take: Sink<'_>) {
        self.state = State::Pass;
        self.produced = true;
        let held = std::mem::take(&mut self.held);
        take(&held, raise);
    }
}

struct Step {
    used: usize,
    made: usize,
    end: End,
}

enum End {
    No,
    Stream,
    Error,
}

fn inflate_step(inflate: &mut Decompress, input: &[u8], piece: &mut [u8]) -> Step {
    let (used_before, made_before) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, piece, FlushDecompress::None);
    let count = |now: u64, before: u64| usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX);
    Step {
        used: count(inflate.total_in(), used_before),
        made: count(inflate.total_out(), made_before),
        end: match status {
            Ok(Status::StreamEnd) => End::Stream,
            Ok(_) => End::No,
            Err(_) => End::Error,
        },
    }
}

/// Where the compressed data begins after a gzip header (RFC 1952 §2.3); reserved flags are let pass.
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    bytes.get(..at)?;
    if flags & 0x04 != 0 {
        let length = bytes.get(at..at.checked_add(2)?)?;
        at = at.checked_add(2)?.checked_add(usize::from(u16::from_le_bytes(length.try_into().ok()?)))?;
    }
    for flag in [0x08, 0x10] {
        if flags & flag != 0 {
            let end = memchr::memchr(0, bytes.get(at..)?)?;
            at = at.checked_add(end)?.checked_add(1)?;
        }
    }
    if flags & 0x02 != 0 {
        at = at.checked_add(2)?;
    }
    bytes.get(..at)?;
    Some(at)
}

type Alloc = brotli_decompressor::StandardAlloc;

struct BrotliState {
    state: brotli_decompressor::BrotliState<Alloc, Alloc, Alloc>,
}

impl Default for BrotliState {
    fn default() -> Self {
        Self { state: brotli_decompressor::BrotliState::new(Alloc::default(), Alloc::default(), Alloc::default()) }
    }
}

impl BrotliState {
    fn step(&mut self, input: &[u8], piece: &mut [u8]) -> Step {
        use brotli_decompressor::{BrotliDecompressStream, BrotliResult};
        let (mut available_in, mut used, mut available_out, mut made, mut total) = (input.len(), 0, piece.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut used,
            input,
            &mut available_out,
            &mut made,
            piece,
            &mut total,
            &mut self.state,
        );
        let end = match result {
            BrotliResult::ResultSuccess => End::Stream,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => End::No,
            BrotliResult::ResultFailure => End::Error,
        };
        Step { used, made, end }
    }
}
