//! Header blocks of a connection: put together, decoded, and what they say about what follows.

use super::{BLOCK_BYTES_MAX, Http2Session};
use crate::{
    bytes::Reader,
    http1::{decode::Decoder, multipart::file_name},
    http2::{
        event::Event,
        frame::{self, Header},
        hpack::{Fault, Step},
        stream::{self, Line, Stream, note},
    },
};
use phitak_model::Direction;

impl Http2Session {
    /// A piece of a header block; decoded when it is there in whole.
    pub(super) fn block(&mut self, direction: Direction, id: u64, first: Header, piece: &[u8]) {
        let half = self.half(direction);
        if half.block.len().saturating_add(piece.len()) > BLOCK_BYTES_MAX {
            half.lost = true;
            half.block = Vec::new();
            half.block_of = None;
            self.raise(id, Event::ReassemblyLimitReached);
            return;
        }
        half.block.extend_from_slice(piece);
        if !first.has(frame::FLAG_END_HEADERS) {
            half.block_of = Some(first);
            return;
        }
        half.block_of = None;
        let block = std::mem::take(&mut half.block);
        self.decode(direction, id, &block);
        if first.kind == frame::HEADERS {
            self.headers_done(direction, id);
            if first.has(frame::FLAG_END_STREAM) {
                self.ends(direction, id);
            }
        }
    }

    fn decode(&mut self, direction: Direction, id: u64, block: &[u8]) {
        let Self { queue, halves: [to_server, to_client], .. } = self;
        let half = if direction == Direction::ToServer { to_server } else { to_client };
        let mut reader = Reader::new(block);
        let mut stream = queue.get_mut(id);
        while !reader.is_empty() {
            let (line, event) = match half.table.step(&mut reader) {
                Ok(Step::Field(field)) => (Line::Field(field), None),
                Ok(Step::SizeUpdate(size)) => (Line::SizeUpdate(size), None),
                Err(Fault::Broken) => (Line::Fault("HTTP2HeaderDecodeError"), Some(Event::InvalidHeader)),
                Err(Fault::UnknownIndex) => (Line::Fault("HTTP2HeaderDecodeNotIndexed"), Some(Event::InvalidHeader)),
                Err(Fault::Overflow) => {
                    (Line::Fault("HTTP2HeaderDecodeIntegerOverflow"), Some(Event::HeaderIntegerOverflow))
                }
            };
            let failed = event.is_some();
            if let Some(stream) = &mut stream {
                let side = stream.side_mut(direction);
                if let Line::SizeUpdate(size) = line {
                    note(&mut side.size_updates, size);
                }
                if !side.add(line) {
                    stream.raise(Event::ReassemblyLimitReached);
                }
                if let Some(event) = event {
                    stream.raise(event);
                }
            }
            if failed {
                // Entries that were to be added are unknown from here on; static ones can still be told.
                break;
            }
        }
    }

    /// What a finished head says about what follows.
    fn headers_done(&mut self, direction: Direction, id: u64) {
        let settings = self.settings;
        self.with(id, |stream| {
            if stream.side(direction).is_complete() {
                stream.raise(Event::StreamIdReuse);
                return;
            }
            // An informational response is not the one that is waited for.
            if direction == Direction::ToClient && stream.status().is_some_and(|status| status < 200) {
                return;
            }
            stream.side_mut(direction).advance(stream::HEADERS);
            if direction == Direction::ToServer {
                check_authority(stream);
            }
            let side = stream.side(direction);
            let encoding = side.get("content-encoding").map(<[u8]>::to_vec);
            let name = side.get("content-disposition").and_then(file_name).unwrap_or_else(|| path_name(stream));
            stream.with_body(direction, |body, _| {
                body.set_file_name(name);
                if let Some(encoding) = encoding {
                    let (layers, bomb) = (settings.layers_max, settings.bomb_bytes);
                    body.set_decoder(Decoder::new(&encoding, layers, settings.lzma, bomb, &mut |_| {}));
                }
            });
        });
    }
}

/// The header block inside HEADERS or PUSH_PROMISE, and the weight of HEADERS.
pub(super) fn block_of<'a>(header: &Header, payload: &'a [u8]) -> Option<(&'a [u8], Option<u8>)> {
    let mut reader = Reader::new(payload);
    let padding = if header.has(frame::FLAG_PADDED) { usize::from(reader.u8()?) } else { 0 };
    let mut weight = None;
    if header.kind == frame::PUSH_PROMISE {
        reader.u32()?;
    } else if header.has(frame::FLAG_PRIORITY) {
        reader.u32()?;
        weight = Some(reader.u8()?);
    }
    let rest = reader.rest();
    Some((rest.get(..rest.len().checked_sub(padding)?)?, weight))
}

fn check_authority(stream: &mut Stream) {
    let side = stream.side(Direction::ToServer);
    let authority = side.get(":authority");
    let has_user = authority.is_some_and(|authority| authority.contains(&b'@'));
    let differs = match (authority, side.get("host")) {
        (Some(authority), Some(host)) => !authority.eq_ignore_ascii_case(host),
        _ => false,
    };
    if has_user {
        stream.raise(Event::UserinfoInUri);
    }
    if differs {
        stream.raise(Event::AuthorityHostMismatch);
    }
}

/// The path without its query: what a file is called when nothing else names it.
fn path_name(stream: &Stream) -> Vec<u8> {
    let path = stream.side(Direction::ToServer).get(":path").unwrap_or_default();
    path.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec()
}
