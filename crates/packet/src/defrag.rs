//! IPv4 and IPv6 fragments to whole datagrams (RFC 791 §3.2, RFC 8200 §4.5), with the overlap habits of the target.
//!
//! Overlap policies after J. Novak, "Target-Based Fragmentation Reassembly" (2005).

use crate::{
    events::DecoderEvent,
    packet::{DecoderEvents, VLAN_TAGS_MAX},
};
use phitak_model::{Timestamp, time::SteadyTime};
use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

/// Largest datagram of either version, without a jumbogram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Most pieces of one datagram that are told apart: more than that many 8-byte fragments do not fit in one.
const PIECES_MAX: usize = 8_192;

/// Which of two overlapping fragments a target believes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    First,
    Last,
    #[default]
    Bsd,
    BsdRight,
    Linux,
    Windows,
    Solaris,
}

/// `defrag.*` of Suricata's configuration.
#[derive(Clone, Debug)]
pub struct DefragSettings {
    /// Datagrams that wait at once; the oldest go first.
    pub trackers_max: usize,
    /// Bytes that wait at once.
    pub memory_bytes_max: usize,
    pub timeout_secs: i64,
    pub ipv4: Overlap,
    pub ipv6: Overlap,
}

impl Default for DefragSettings {
    fn default() -> Self {
        Self {
            trackers_max: 65_535,
            memory_bytes_max: 32 * 1024 * 1024,
            timeout_secs: 60,
            ipv4: Overlap::Bsd,
            ipv6: Overlap::Bsd,
        }
    }
}

/// What fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FragmentKey {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub id: u32,
    /// 0 for IPv6, where the first fragment tells it.
    pub protocol: u8,
    pub vlan: [u16; VLAN_TAGS_MAX],
}

pub struct Fragment<'a> {
    pub key: FragmentKey,
    /// In bytes.
    pub offset: usize,
    pub more: bool,
    /// What stands before the datagram's body in the rebuilt one.
    pub header: &'a [u8],
    pub bytes: &'a [u8],
}

/// A stretch of the body that is there, and the fragment that brought it.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    from: usize,
    until: usize,
}

struct Tracker {
    started_at: Timestamp,
    serial: u64,
    header: Vec<u8>,
    body: Vec<u8>,
    /// In order, without overlap.
    pieces: Vec<Piece>,
    /// Known once the last fragment was seen.
    length: Option<usize>,
    bytes: usize,
}

pub struct Defrag {
    settings: DefragSettings,
    trackers: HashMap<FragmentKey, Tracker>,
    /// Keys in the order in which they were made, for time-outs and eviction.
    order: VecDeque<(u64, FragmentKey)>,
    serial: u64,
    memory_bytes: usize,
    time: SteadyTime,
    spare: Vec<u8>,
}

impl Defrag {
    #[must_use]
    pub fn new(settings: DefragSettings) -> Self {
        Self {
            settings,
            trackers: HashMap::new(),
            order: VecDeque::new(),
            serial: 0,
            memory_bytes: 0,
            time: SteadyTime::default(),
            spare: Vec::new(),
        }
    }

    /// Takes a fragment; gives the datagram (header and body) when nothing of it is missing any more.
    pub fn insert(&mut self, fragment: &Fragment<'_>, at: Timestamp, events: &mut DecoderEvents) -> Option<Vec<u8>> {
        let ipv6 = fragment.key.src.is_ipv6();
        let end = fragment.offset.checked_add(fragment.bytes.len())?;
        if end.checked_add(fragment.header.len())? > DATAGRAM_BYTES_MAX + if ipv6 { 40 } else { 0 } {
            events.raise(if ipv6 { DecoderEvent::Ipv6FragPktTooLarge } else { DecoderEvent::Ipv4FragPktTooLarge });
            return None;
        }
        if fragment.bytes.is_empty() {
            return None;
        }
        let steady = self.time.next(at);
        self.expire(steady);
        // Behind one whose clock was wrong others may have grown old.
        if self.trackers.get(&fragment.key).is_some_and(|tracker| self.is_over(tracker, at)) {
            self.forget(&fragment.key);
        }
        let policy = if ipv6 { self.settings.ipv6 } else { self.settings.ipv4 };
        if !self.trackers.contains_key(&fragment.key) {
            self.track(fragment.key, at);
        }
        let tracker = self.trackers.get_mut(&fragment.key)?;
        if fragment.offset == 0 || tracker.header.is_empty() {
            tracker.header.clear();
            tracker.header.extend_from_slice(fragment.header);
        }
        let before = tracker.bytes;
        let overlap = tracker.add(fragment, policy);
        self.memory_bytes = self.memory_bytes.saturating_add(tracker.bytes.saturating_sub(before));
        if overlap {
            events.raise(if ipv6 { DecoderEvent::Ipv6FragOverlap } else { DecoderEvent::Ipv4FragOverlap });
        }
        if tracker.is_whole() {
            let tracker = self.forget(&fragment.key)?;
            let mut whole = std::mem::take(&mut self.spare);
            whole.clear();
            whole.extend_from_slice(&tracker.header);
            whole.extend_from_slice(tracker.body.get(..tracker.length?)?);
            return Some(whole);
        }
        if self.memory_bytes > self.settings.memory_bytes_max {
            events.raise(if ipv6 { DecoderEvent::Ipv6FragIgnored } else { DecoderEvent::Ipv4FragIgnored });
            self.evict();
        }
        None
    }

    /// Gives back the memory of a datagram that [`Defrag::insert`] made.
    pub fn recycle(&mut self, whole: Vec<u8>) {
        self.spare = whole;
    }

    fn track(&mut self, key: FragmentKey, at: Timestamp) {
        while self.trackers.len() >= self.settings.trackers_max.max(1) {
            self.evict();
        }
        self.serial = self.serial.wrapping_add(1);
        let tracker = Tracker {
            started_at: at,
            serial: self.serial,
            header: Vec::new(),
            body: Vec::new(),
            pieces: Vec::new(),
            length: None,
            bytes: 0,
        };
        self.trackers.insert(key, tracker);
        self.order.push_back((self.serial, key));
        // Finished datagrams leave their places in the order behind.
        if self.order.len() > self.trackers.len().saturating_mul(2).saturating_add(64) {
            let trackers = &self.trackers;
            self.order.retain(|(serial, key)| trackers.get(key).is_some_and(|t| t.serial == *serial));
        }
    }

    fn forget(&mut self, key: &FragmentKey) -> Option<Tracker> {
        let tracker = self.trackers.remove(key)?;
        self.memory_bytes = self.memory_bytes.saturating_sub(tracker.bytes);
        Some(tracker)
    }

    /// Forgets the oldest.
    fn evict(&mut self) {
        while let Some((serial, key)) = self.order.pop_front() {
            if self.trackers.get(&key).is_some_and(|t| t.serial == serial) {
                self.forget(&key);
                return;
            }
        }
        self.trackers.clear();
        self.memory_bytes = 0;
    }

    fn is_over(&self, tracker: &Tracker, at: Timestamp) -> bool {
        at.micros_since(tracker.started_at).saturating_abs() > self.settings.timeout_secs.saturating_mul(1_000_000)
    }

    fn expire(&mut self, at: Timestamp) {
        while let Some((serial, key)) = self.order.front().copied() {
            match self.trackers.get(&key) {
                Some(t) if t.serial == serial && !self.is_over(t, at) => return,
                Some(t) if t.serial == serial => {
                    self.forget(&key);
                }
                _ => {}
            }
            self.order.pop_front();
        }
    }
}

impl Tracker {
    /// Adds a fragment's bytes where the policy lets them stand; tells whether it overlapped another one.
    fn add(&mut self, fragment: &Fragment<'_>, policy: Overlap) -> bool {
        let (start, end) = (fragment.offset, fragment.offset.saturating_add(fragment.bytes.len()));
        if !fragment.more {
            self.length.get_or_insert(end);
        }
        if self.body.len() < end {
            self.bytes = self.bytes.saturating_add(end - self.body.len());
            self.body.resize(end, 0);
        }
        let mut overlap = false;
        let mut kept: Vec<Piece> = Vec::with_capacity(self.pieces.len() + 1);
        let mut free: Vec<(usize, usize)> = Vec::new();
        let mut at = start;
        for piece in &self.pieces {
            if piece.end <= start || piece.start >= end {
                kept.push(*piece);
                continue;
            }
            overlap = true;
            if new_wins(policy, start, end, piece) {
                kept.extend([
                    Piece { end: start.max(piece.start), ..*piece },
                    Piece { start: end.min(piece.end), ..*piece },
                ]);
            } else {
                kept.push(*piece);
                if at < piece.start {
                    free.push((at, piece.start));
                }
                at = at.max(piece.end);
            }
        }
        if at < end {
            free.push((at, end));
        }
        kept.retain(|piece| piece.start < piece.end);
        for (from, until) in free {
            if let (Some(target), Some(bytes)) =
                (self.body.get_mut(from..until), fragment.bytes.get(from - start..until - start))
            {
                target.copy_from_slice(bytes);
            }
            kept.push(Piece { start: from, end: until, from: start, until: end });
        }
        kept.sort_unstable_by_key(|piece| piece.start);
        kept.truncate(PIECES_MAX);
        self.pieces = kept;
        overlap
    }

    fn is_whole(&self) -> bool {
        let Some(length) = self.length else { return false };
        let mut at = 0;
        for piece in &self.pieces {
            if piece.start > at {
                return false;
            }
            at = at.max(piece.end);
            if at >= length {
                return true;
            }
        }
        at >= length
    }
}

/// Whether a new fragment's bytes replace those of an older one where they overlap.
fn new_wins(policy: Overlap, start: usize, end: usize, old: &Piece) -> bool {
    match policy {
        Overlap::First => false,
        Overlap::Last => true,
        Overlap::Bsd => start < old.from,
        Overlap::BsdRight => start >= old.from,
        Overlap::Linux => start <= old.from,
        Overlap::Windows => start < old.from && end > old.until,
        Overlap::Solaris => start < old.from || (start == old.from && end > old.until),
    }
}
