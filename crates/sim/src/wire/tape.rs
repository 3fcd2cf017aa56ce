//! Frames with their times, in any order while they are made, in order when they are written: a classic pcap file
//! (Ethernet, microseconds, little end first).

use super::frame;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::Ipv4Addr,
};

/// Frames shorter than this are padded, as Ethernet does (without the check sequence).
const FRAME_BYTES_MIN: usize = 60;

/// A capture under construction.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    bytes: Vec<u8>,
    index: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: i64,
    start: usize,
    end: usize,
}

impl Tape {
    /// Adds a frame that passes at `at` (microseconds since 1970).
    pub fn frame(&mut self, at: i64, build: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        build(&mut self.bytes);
        let short = FRAME_BYTES_MIN.saturating_sub(self.bytes.len() - start);
        self.bytes.resize(self.bytes.len() + short, 0);
        self.index.push(Entry { at, start, end: self.bytes.len() });
    }

    pub fn append(&mut self, other: &Self) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let moved = other.index.iter().map(|e| Entry { at: e.at, start: e.start + shift, end: e.end + shift });
        self.index.extend(moved);
    }

    #[must_use]
    pub fn packets(&self) -> usize {
        self.index.len()
    }

    /// Leaves out what passes outside `from..until`: a capture has a first and a last moment.
    pub fn cut(&mut self, from: i64, until: i64) {
        self.index.retain(|e| (from..until).contains(&e.at));
    }

    /// Puts the frames in order of time, numbers each sender's IPv4 packets in that order, and writes the file.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn write_pcap(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.index.sort_by_key(|e| e.at);
        let mut header = Vec::with_capacity(24);
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
            header.extend_from_slice(&word.to_le_bytes());
        }
        out.write_all(&header)?;
        let mut identifications: BTreeMap<Ipv4Addr, u16> = BTreeMap::new();
        for entry in &self.index {
            let Some(bytes) = self.bytes.get_mut(entry.start..entry.end) else { continue };
            if let Some(source) = frame::ipv4_source(bytes) {
                let start = u16::from_be_bytes([source.octets()[3], source.octets()[2]]);
                let identification = identifications.entry(source).or_insert(start);
                *identification = identification.wrapping_add(1);
                frame::identify(bytes, *identification);
            }
            let (seconds, micros) = (entry.at.div_euclid(1_000_000), entry.at.rem_euclid(1_000_000));
            for word in [seconds as u32, micros as u32, bytes.len() as u32, bytes.len() as u32] {
                out.write_all(&word.to_le_bytes())?;
            }
            out.write_all(bytes)?;
        }
        out.flush()
    }
}
