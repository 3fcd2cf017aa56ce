//! Frames out of a capture file: classic pcap (both byte orders, microseconds and nanoseconds) and pcapng.
//!
//! A damaged file gives every frame before the damage, then one error that says where and what.
//! Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, <https://www.tcpdump.org/linktypes.html>.

mod pcapng;

use crate::link::LinkType;
use phitak_model::Timestamp;
use std::io::Read;

/// Longest frame that is taken for real (libpcap's own limit is 256 KiB).
pub const FRAME_BYTES_MAX: u32 = 262_144;
/// Longest block of a pcapng file.
pub const BLOCK_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Most interfaces that a pcapng section may describe.
pub const INTERFACES_MAX: usize = 65_536;
const READ_BYTES: usize = 256 * 1024;

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// From 1, over the whole file.
    pub number: u64,
    pub at: Timestamp,
    pub link: LinkType,
    /// Bytes that the frame had on the wire; `bytes` may hold fewer.
    pub wire_length: u32,
    pub bytes: &'a [u8],
}

/// Why reading a capture stopped before its end.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {reason}")]
pub struct CaptureError {
    /// Where in the file the damage begins.
    pub offset: u64,
    pub reason: CaptureFault,
}

#[derive(Debug, thiserror::Error)]
pub enum CaptureFault {
    #[error("this is no capture file (neither pcap nor pcapng): it begins with {0:02x?}")]
    NotACapture(Vec<u8>),
    #[error("the file is empty")]
    Empty,
    #[error("the file ends in the middle of {what} (packet {number}): {missing} bytes are missing")]
    Truncated { what: &'static str, number: u64, missing: u64 },
    #[error("packet {number} claims a length of {length} bytes; at most {FRAME_BYTES_MAX} are believed")]
    FrameTooLong { number: u64, length: u32 },
    #[error("a pcapng block of type {kind:#010x} claims a length of {length} bytes")]
    BlockLength { kind: u32, length: u32 },
    #[error("packet {number} names interface {interface}, which the file does not describe")]
    NoInterface { number: u64, interface: u32 },
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("reading failed: {0}")]
    Read(#[from] std::io::Error),
}

/// Reads a capture frame by frame.
pub struct Capture<R> {
    input: Buffered<R>,
    format: Format,
    frames: u64,
    stopped: bool,
}

enum Format {
    Pcap(Pcap),
    PcapNg(pcapng::Section),
}

#[derive(Clone, Copy)]
struct Pcap {
    big_endian: bool,
    nanoseconds: bool,
    /// Kuznetzov's "modified" format has eight more bytes in each record.
    record_bytes: usize,
    link: LinkType,
}

/// A frame's place in the buffer, before it is borrowed.
struct Found {
    at: Timestamp,
    link: LinkType,
    wire_length: u32,
    start: usize,
    length: usize,
}

impl<R: Read> Capture<R> {
    /// Reads the file's header.
    ///
    /// # Errors
    /// When the file is no capture, or has a link type that is not understood.
    pub fn new(reader: R) -> Result<Self, CaptureError> {
        let mut input = Buffered::new(reader);
        let head = input.peek(24)?;
        if head.is_empty() {
            return Err(input.fault(CaptureFault::Empty));
        }
        let magic = crate::bytes::be32(head, 0).unwrap_or(0);
        let (big_endian, nanoseconds, record_bytes) = match magic {
            0x0a0d_0d0a => return Ok(Self::with(input, Format::PcapNg(pcapng::Section::default()))),
            0xa1b2_c3d4 => (true, false, 16),
            0xd4c3_b2a1 => (false, false, 16),
            0xa1b2_3c4d => (true, true, 16),
            0x4d3c_b2a1 => (false, true, 16),
            0xa1b2_cd34 => (true, false, 24),
            0x34cd_b2a1 => (false, false, 24),
            _ => {
                let start = head.get(..head.len().min(4)).unwrap_or_default().to_vec();
                return Err(input.fault(CaptureFault::NotACapture(start)));
            }
        };
        if head.len() < 24 {
            let missing = 24 - head.len() as u64;
            return Err(input.fault(CaptureFault::Truncated { what: "the file header", number: 0, missing }));
        }
        let number = crate::bytes::u32_at(head, 20, big_endian).unwrap_or(0) & 0xffff;
        let link = match LinkType::from_number(number) {
            Ok(link) => link,
            Err(why) => return Err(input.fault(CaptureFault::Unsupported(why))),
        };
        input.skip(24);
        Ok(Self::with(input, Format::Pcap(Pcap { big_endian, nanoseconds, record_bytes, link })))
    }

    fn with(input: Buffered<R>, format: Format) -> Self {
        Self { input, format, frames: 0, stopped: false }
    }

    /// The next frame; `None` at the end. After an error there is nothing more.
    ///
    /// # Errors
    /// When the file is damaged here, or cannot be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.stopped {
            return Ok(None);
        }
        let number = self.frames.saturating_add(1);
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap_frame(&mut self.input, *pcap, number),
            Format::PcapNg(section) => section.next(&mut self.input, number),
        };
        match found {
            Ok(Some(found)) => {
                self.frames = number;
                let end = found.start.saturating_add(found.length);
                let bytes = self.input.held.get(found.start..end).unwrap_or_default();
                Ok(Some(Frame { number, at: found.at, link: found.link, wire_length: found.wire_length, bytes }))
            }
            Ok(None) => {
                self.stopped = true;
                Ok(None)
            }
            Err(error) => {
                self.stopped = true;
                Err(error)
            }
        }
    }

    /// Bytes of the file that were read past.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }
}

fn pcap_frame<R: Read>(input: &mut Buffered<R>, pcap: Pcap, number: u64) -> Result<Option<Found>, CaptureError> {
    let head = input.peek(pcap.record_bytes)?;
    if head.is_empty() {
        return Ok(None);
    }
    if head.len() < pcap.record_bytes {
        let missing = (pcap.record_bytes - head.len()) as u64;
        return Err(input.fault(CaptureFault::Truncated { what: "a packet header", number, missing }));
    }
    let word = |at: usize| {
        let bytes = head.get(at..).and_then(|head| head.first_chunk::<4>()).copied().unwrap_or_default();
        if pcap.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    let (seconds, fraction, length, wire_length) = (word(0), word(4), word(8), word(12));
    if length > FRAME_BYTES_MAX {
        return Err(input.fault(CaptureFault::FrameTooLong { number, length }));
    }
    let micros = if pcap.nanoseconds { fraction / 1000 } else { fraction };
    let at = Timestamp::from_secs(i64::from(seconds)).plus_micros(i64::from(micros));
    let length = length as usize;
    let whole = pcap.record_bytes + length;
    let held = input.peek(whole)?.len();
    if held < whole {
        let missing = (whole - held) as u64;
        return Err(input.fault(CaptureFault::Truncated { what: "a packet", number, missing }));
    }
    let start = input.start.saturating_add(pcap.record_bytes);
    input.skip(whole);
    Ok(Some(Found { at, link: pcap.link, wire_length, start, length }))
}

/// A reader with a buffer that holds at least one whole record.
struct Buffered<R> {
    reader: R,
    held: Vec<u8>,
    start: usize,
    end: usize,
    /// The file offset of `held[0]`.
    base: u64,
    finished: bool,
}

impl<R: Read> Buffered<R> {
    fn new(reader: R) -> Self {
        Self { reader, held: vec![0; READ_BYTES], start: 0, end: 0, base: 0, finished: false }
    }

    fn offset(&self) -> u64 {
        self.base.saturating_add(self.start as u64)
    }

    fn fault(&self, reason: CaptureFault) -> CaptureError {
        CaptureError { offset: self.offset(), reason }
    }

    /// The next bytes, `count` of them unless the file ends before.
    #[inline]
    fn peek(&mut self, count: usize) -> Result<&[u8], CaptureError> {
        if self.end - self.start < count && !self.finished {
            self.fill(count)?;
        }
        let end = self.end.min(self.start.saturating_add(count));
        Ok(self.held.get(self.start..end).unwrap_or_default())
    }

    #[cold]
    fn fill(&mut self, count: usize) -> Result<(), CaptureError> {
        self.held.copy_within(self.start..self.end, 0);
        self.base = self.base.saturating_add(self.start as u64);
        self.end -= self.start;
        self.start = 0;
        if self.held.len() < count {
            self.held.resize(count.next_power_of_two(), 0);
        }
        while self.end < count {
            let space = self.held.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(space) {
                Ok(0) => {
                    self.finished = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fault(CaptureFault::Read(error))),
            }
        }
        Ok(())
    }

    /// Moves past bytes that were peeked.
    #[inline]
    fn skip(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }
}
