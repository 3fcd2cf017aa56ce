//! Blocks of pcapng: section headers, interfaces and the three kinds of packet blocks; all others are passed over.

use super::{BLOCK_BYTES_MAX, Buffered, CaptureError, CaptureFault, FRAME_BYTES_MAX, Found, INTERFACES_MAX};
use crate::{
    bytes::{u16_at, u32_at},
    link::LinkType,
};
use phitak_model::Timestamp;
use std::io::Read;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET_OBSOLETE: u32 = 2;
const PACKET_SIMPLE: u32 = 3;
const PACKET_ENHANCED: u32 = 6;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

#[derive(Default)]
pub(super) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

struct Interface {
    /// Why its frames cannot be decoded, told when the first of them comes.
    link: Result<LinkType, &'static str>,
    snap_length: u32,
    resolution: Resolution,
    offset_secs: i64,
}

#[derive(Clone, Copy)]
enum Resolution {
    /// Units of 10^-n seconds.
    Decimal(u8),
    /// Units of 2^-n seconds.
    Binary(u8),
}

/// Where a packet's bytes stand within its block, and when it came.
struct Placed {
    interface: u32,
    units: Option<u64>,
    length: u32,
    wire_length: u32,
    data_at: usize,
}

impl Section {
    pub(super) fn next<R: Read>(
        &mut self,
        input: &mut Buffered<R>,
        number: u64,
    ) -> Result<Option<Found>, CaptureError> {
        loop {
            let head = input.peek(12)?;
            if head.is_empty() {
                return Ok(None);
            }
            if head.len() < 12 {
                let missing = 12 - head.len() as u64;
                return Err(input.fault(CaptureFault::Truncated { what: "a block header", number, missing }));
            }
            // The section header's type reads the same in both byte orders.
            let kind = u32_at(head, 0, self.big_endian).unwrap_or(0);
            if kind == SECTION_HEADER {
                self.big_endian = match u32_at(head, 8, true) {
                    Some(0x1a2b_3c4d) => true,
                    Some(0x4d3c_2b1a) => false,
                    _ => {
                        let start = head.get(8..12).unwrap_or_default().to_vec();
                        return Err(input.fault(CaptureFault::NotACapture(start)));
                    }
                };
                self.interfaces.clear();
            }
            let length = u32_at(head, 4, self.big_endian).unwrap_or(0);
            if !(12..=BLOCK_BYTES_MAX).contains(&length) || !length.is_multiple_of(4) {
                return Err(input.fault(CaptureFault::BlockLength { kind, length }));
            }
            let whole = length as usize;
            let block_length = input.peek(whole)?.len();
            if block_length < whole {
                let missing = (whole - block_length) as u64;
                return Err(input.fault(CaptureFault::Truncated { what: "a block", number, missing }));
            }
            let start = input.start;
            let block = input.peek(whole)?;
            match self.block(kind, block, number) {
                Ok(None) => input.skip(whole),
                Ok(Some(mut found)) => {
                    found.start = found.start.saturating_add(start);
                    input.skip(whole);
                    return Ok(Some(found));
                }
                Err(fault) => return Err(input.fault(fault)),
            }
        }
    }

    /// Takes a whole block; gives the packet that it holds, its `start` counted from the block's own.
    fn block(&mut self, kind: u32, block: &[u8], number: u64) -> Result<Option<Found>, CaptureFault> {
        let body = block.get(8..block.len().saturating_sub(4)).unwrap_or_default();
        let big = self.big_endian;
        let word = |at| u32_at(body, at, big).ok_or(CaptureFault::BlockLength { kind, length: block.len() as u32 });
        let units = |high: u32, low: u32| Some(u64::from(high) << 32 | u64::from(low));
        let placed = match kind {
            INTERFACE => {
                self.describe(body)?;
                return Ok(None);
            }
            PACKET_ENHANCED => Placed {
                interface: word(0)?,
                units: units(word(4)?, word(8)?),
                length: word(12)?,
                wire_length: word(16)?,
                data_at: 20,
            },
            PACKET_OBSOLETE => Placed {
                interface: u32::from(u16_at(body, 0, big).unwrap_or(0)),
                units: units(word(4)?, word(8)?),
                length: word(12)?,
                wire_length: word(16)?,
                data_at: 20,
            },
            PACKET_SIMPLE => {
                let wire_length = word(0)?;
                let snap = self.interfaces.first().map_or(0, |i| i.snap_length);
                let held = u32::try_from(body.len().saturating_sub(4)).unwrap_or(u32::MAX);
                let length = wire_length.min(held).min(if snap == 0 { u32::MAX } else { snap });
                Placed { interface: 0, units: None, length, wire_length, data_at: 4 }
            }
            _ => return Ok(None),
        };
        self.found(&placed, body.len(), number).map(Some)
    }

    fn found(&self, placed: &Placed, body_length: usize, number: u64) -> Result<Found, CaptureFault> {
        let index = placed.interface as usize;
        let interface =
            self.interfaces.get(index).ok_or(CaptureFault::NoInterface { number, interface: placed.interface })?;
        let link = interface.link.map_err(CaptureFault::Unsupported)?;
        let length = placed.length as usize;
        if placed.length > FRAME_BYTES_MAX || placed.data_at.saturating_add(length) > body_length {
            return Err(CaptureFault::FrameTooLong { number, length: placed.length });
        }
        let at = placed.units.map_or(Timestamp::default(), |units| interface.moment(units));
        Ok(Found { at, link, wire_length: placed.wire_length, start: placed.data_at.saturating_add(8), length })
    }

    fn describe(&mut self, body: &[u8]) -> Result<(), CaptureFault> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(CaptureFault::Unsupported("the file describes too many interfaces"));
        }
        let link = LinkType::from_number(u32::from(u16_at(body, 0, self.big_endian).unwrap_or(0)));
        let mut interface = Interface {
            link,
            snap_length: u32_at(body, 4, self.big_endian).unwrap_or(0),
            resolution: Resolution::Decimal(6),
            offset_secs: 0,
        };
        let mut rest = body.get(8..).unwrap_or_default();
        while let (Some(code), Some(length)) = (u16_at(rest, 0, self.big_endian), u16_at(rest, 2, self.big_endian)) {
            let length = usize::from(length);
            let Some(value) = rest.get(4..4 + length) else { break };
            match (code, value) {
                (0, _) => break,
                (OPTION_TSRESOL, [unit]) if unit & 0x80 == 0 => interface.resolution = Resolution::Decimal(*unit),
                (OPTION_TSRESOL, [unit]) => interface.resolution = Resolution::Binary(unit & 0x7f),
                (OPTION_TSOFFSET, value) => {
                    if let Ok(bytes) = <[u8; 8]>::try_from(value) {
                        let big = self.big_endian;
                        interface.offset_secs = if big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
                    }
                }
                _ => {}
            }
            rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.interfaces.push(interface);
        Ok(())
    }
}

impl Interface {
    fn moment(&self, units: u64) -> Timestamp {
        let micros = match self.resolution {
            Resolution::Decimal(places) if places <= 6 => {
                u128::from(units).saturating_mul(10_u128.pow(u32::from(6 - places)))
            }
            Resolution::Decimal(places) => {
                10_u128.checked_pow(u32::from(places) - 6).map_or(0, |divisor| u128::from(units) / divisor)
            }
            Resolution::Binary(places) => (u128::from(units) * 1_000_000).checked_shr(u32::from(places)).unwrap_or(0),
        };
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros).plus_secs(self.offset_secs)
    }
}
