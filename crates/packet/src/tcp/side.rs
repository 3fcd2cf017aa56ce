//! One side of a session: what it has sent, and how far the other side has acknowledged it.

use super::{
    assembly::{Assembly, Memory, Overlap},
    segment::{Segment, URG, at_or_before, before},
    settings::{TcpSettings, UrgentPolicy},
};
use crate::events::StreamEvent;
use phitak_model::Timestamp;

/// Urgent bytes that are taken out of one direction; later ones stay in it.
const URGENT_BYTES_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Side {
    pub isn: u32,
    /// One past the highest sequence number sent.
    pub next_seq: u32,
    /// `next_seq` in 64 bits, counted from the byte after the SYN.
    next_raw: u64,
    /// The highest acknowledgement of what this side has sent.
    pub last_ack: u32,
    /// One past the last sequence number that the other side's window lets this side send.
    pub next_win: u32,
    /// The window that this side offers, scaled.
    pub window: u32,
    pub window_scale: u8,
    pub last_timestamp: Option<(u32, Timestamp)>,
    /// TCP flags seen from this side.
    pub flags: u8,
    /// The sequence number after its FIN.
    pub fin: Option<u32>,
    /// It has sent something that was accepted.
    pub seen: bool,
    /// Everything held is to be handed on, acknowledged or not.
    pub last_call: bool,
    /// The flow ends: what stands behind holes may be inspected as well.
    pub closing: bool,
    /// The stream's depth, once bytes beyond it have come.
    pub depth_reached: Option<u64>,
    /// Its acknowledgements and data are no longer followed.
    pub stopped: bool,
    /// Places (in 64-bit sequence space) of urgent bytes that were taken out.
    urgent: Vec<u64>,
    pub assembly: Assembly,
}

impl Side {
    /// The stream begins behind this initial sequence number.
    pub(super) fn begin(&mut self, isn: u32) {
        self.isn = isn;
        self.next_seq = isn.wrapping_add(1);
        self.next_raw = 0;
        self.last_ack = self.next_seq;
    }

    /// A sequence number in 64 bits; negative before the stream's first byte.
    fn raw(&self, seq: u32) -> i64 {
        let distance = i64::from(seq.wrapping_sub(self.next_seq) as i32);
        i64::try_from(self.next_raw).unwrap_or(i64::MAX).saturating_add(distance)
    }

    /// Where a sequence number stands in the stream.
    pub(super) fn offset(&self, seq: u32) -> u64 {
        let raw = u64::try_from(self.raw(seq)).unwrap_or(0);
        let before = self.urgent.iter().filter(|at| **at < raw).count();
        raw.saturating_sub(before as u64)
    }

    /// Moves the highest sequence number sent forward.
    pub(super) fn sent_up_to(&mut self, seq: u32) {
        if before(self.next_seq, seq) {
            let distance = u64::from(seq.wrapping_sub(self.next_seq));
            self.next_raw = self.next_raw.saturating_add(distance);
            self.next_seq = seq;
        }
    }

    /// Takes the other side's acknowledgement.
    pub(super) fn acknowledged(&mut self, ack: u32) {
        if before(self.last_ack, ack) {
            self.last_ack = ack;
            // What was acknowledged was sent, seen or not.
            self.sent_up_to(ack);
        }
    }

    pub(super) fn fin_acknowledged(&self) -> bool {
        self.fin.is_some_and(|fin| at_or_before(fin, self.last_ack))
    }

    /// Bytes that it has sent by its sequence numbers, SYN included.
    pub(super) fn sequence_bytes(&self) -> u64 {
        u64::from(self.next_seq.wrapping_sub(self.isn))
    }

    /// How far the stream may be read now.
    pub(super) fn limit(&self, at_once: bool) -> u64 {
        let end = self.fin.map_or(u64::MAX, |fin| self.offset(fin.wrapping_sub(1)));
        let end = end.min(self.depth_reached.unwrap_or(u64::MAX));
        let acknowledged = self.offset(self.last_ack).min(end);
        let limit =
            if at_once || self.last_call { acknowledged.max(self.assembly.contiguous_end()) } else { acknowledged };
        // One number too many is the FIN of a segment that was not seen.
        let data_end = self.assembly.highest();
        if limit == data_end.saturating_add(1) && self.assembly.delivered() <= data_end { data_end } else { limit }
    }

    /// Puts a segment's bytes into the stream. False when nothing of them belongs there.
    pub(super) fn receive(
        &mut self,
        segment: &Segment<'_>,
        settings: &TcpSettings,
        overlap: Overlap,
        memory: &mut Memory,
        mut raise: impl FnMut(StreamEvent),
    ) -> bool {
        let start = self.raw(segment.seq);
        let skip = usize::try_from(start.saturating_neg()).unwrap_or(0);
        let Some(bytes) = segment.payload.get(skip..).filter(|bytes| !bytes.is_empty()) else {
            raise(StreamEvent::ReassemblySegmentBeforeBaseSeq);
            return false;
        };
        let seq = segment.seq.wrapping_add(skip as u32);
        let urgent_at = (segment.has(URG) && segment.urgent > 0)
            .then(|| usize::from(segment.urgent).checked_sub(1)?.checked_sub(skip))
            .flatten()
            .filter(|at| *at < bytes.len());
        let Some(at) = urgent_at else {
            return self.store(seq, bytes, settings, overlap, memory, &mut raise);
        };
        match settings.urgent {
            UrgentPolicy::Inline => self.store(seq, bytes, settings, overlap, memory, &mut raise),
            UrgentPolicy::Drop => false,
            UrgentPolicy::Gap | UrgentPolicy::OutOfBand => {
                let raw = u64::try_from(self.raw(seq.wrapping_add(at as u32))).unwrap_or(0);
                let known = self.urgent.contains(&raw);
                let take_out =
                    settings.urgent == UrgentPolicy::OutOfBand && (known || self.urgent.len() < URGENT_BYTES_MAX);
                let (head, tail) = bytes.split_at(at);
                let stored = !head.is_empty() && self.store(seq, head, settings, overlap, memory, &mut raise);
                if take_out && !known {
                    self.urgent.push(raw);
                }
                let tail_seq = seq.wrapping_add(at as u32).wrapping_add(1);
                let tail = tail.get(1..).unwrap_or_default();
                let tail_stored = !tail.is_empty() && self.store(tail_seq, tail, settings, overlap, memory, &mut raise);
                stored || tail_stored
            }
        }
    }

    fn store(
        &mut self,
        seq: u32,
        bytes: &[u8],
        settings: &TcpSettings,
        overlap: Overlap,
        memory: &mut Memory,
        raise: &mut impl FnMut(StreamEvent),
    ) -> bool {
        let at = self.offset(seq);
        let mut bytes = bytes;
        if settings.depth_bytes > 0 {
            let room = usize::try_from(settings.depth_bytes.saturating_sub(at)).unwrap_or(usize::MAX);
            if bytes.len() > room {
                bytes = bytes.get(..room).unwrap_or_default();
                if self.depth_reached.replace(settings.depth_bytes).is_none() {
                    raise(StreamEvent::ReassemblyDepthReached);
                }
            }
            if bytes.is_empty() {
                return false;
            }
        }
        let delivered = self.assembly.delivered();
        if at.saturating_add(bytes.len() as u64) <= delivered {
            raise(StreamEvent::ReassemblySegmentBeforeBaseSeq);
        }
        // Whole: bytes of it that were handed on before may have been said otherwise, or been a gap.
        let waits = at >= delivered;
        let inserted = self.assembly.insert(at, bytes, overlap, memory);
        if inserted.different {
            raise(StreamEvent::ReassemblyOverlapDifferentData);
        }
        if inserted.refused {
            raise(StreamEvent::ReassemblyInsertMemcap);
        }
        // What waits in the stream already is inspected there: said once more it is not looked at apart.
        inserted.new || (waits && !inserted.different && !inserted.refused)
    }
}
