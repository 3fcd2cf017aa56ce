//! Keeps the spool within its size: the oldest observations go first, then health reports, alerts last.

use super::{
    Spool,
    frame::Frame,
    segment::{self, HEADER_BYTES, Header, Segment},
};
use crate::policy::Kind;
use phitak_model::LossCause;
use std::io;

/// The order in which kinds go.
const VICTIMS: [Kind; 3] = [Kind::Observation, Kind::Health, Kind::Alert];

impl Spool {
    /// Makes room for a record by dropping older ones of its own kind or of less worth; says whether there is room.
    pub(super) fn room_for(&mut self, bytes: u64, kind: Kind) -> io::Result<bool> {
        for victim in VICTIMS.into_iter().filter(|victim| *victim <= kind) {
            let mut at = 0;
            while !self.has_room(bytes) && at < self.segments.len() {
                if self.segments.get(at).is_none_or(|segment| segment.counts.of(victim) == 0) {
                    at += 1;
                    continue;
                }
                if at + 1 == self.segments.len() {
                    self.roll()?;
                }
                if !self.drop_from(at, victim)? {
                    at += 1;
                }
            }
        }
        Ok(self.has_room(bytes))
    }

    /// Writes a frame; when the disk is full earlier than the spool, whole segments without an alert make room.
    pub(super) fn write_or_free(&mut self, frame: &[u8], kind: Kind) -> io::Result<()> {
        let Err(error) = self.write(frame) else { return Ok(()) };
        let last = self.segments.len().saturating_sub(1);
        let in_flight = self.in_flight;
        let goes = |segment: &Segment| segment.counts.alerts == 0 && segment.first_seq > in_flight;
        let found = self.segments.iter().take(last).position(goes);
        let Some(at) = found.filter(|_| kind == Kind::Alert) else { return Err(error) };
        self.drop_whole(at)?;
        self.write(frame)
    }

    fn has_room(&self, bytes: u64) -> bool {
        // A new segment's header may come on top.
        let held: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        held + bytes + HEADER_BYTES as u64 <= self.bytes_max
    }

    /// Rewrites a segment without its records up to the victim's worth; says whether the segment is gone.
    fn drop_from(&mut self, at: usize, victim: Kind) -> io::Result<bool> {
        let Some(segment) = self.segments.get(at).cloned() else { return Ok(false) };
        let bytes = std::fs::read(&segment.path)?;
        let scan = segment::scan(&bytes, HEADER_BYTES);
        if !scan.is_whole(segment.last_seq) {
            self.heal(at)?;
            return Ok(self.segments.get(at).is_none_or(|now| now.first_seq != segment.first_seq));
        }
        let waits = |frame: &Frame<'_>| frame.seq > self.acknowledged.seq;
        let stays = |frame: &Frame<'_>| waits(frame) && (frame.kind > victim || frame.seq <= self.in_flight);
        let frames = scan.frames.into_iter().map(|(_, frame)| frame);
        let (kept, gone): (Vec<_>, Vec<_>) = frames.partition(stays);
        if gone.is_empty() {
            return Ok(false);
        }
        let lost: Vec<_> = gone.into_iter().filter(waits).collect();
        self.count_full(&lost)?;
        if kept.is_empty() {
            self.remove_segment(at)?;
            return Ok(true);
        }
        let header = Header::decode(&bytes);
        let header = header.unwrap_or(Header { spool: self.id, first_seq: segment.first_seq, cursor: None });
        let mut rewritten = Segment::create(&self.folder, &header, &kept)?;
        rewritten.rewrites = segment.rewrites.wrapping_add(1);
        if let Some(place) = self.segments.get_mut(at) {
            *place = rewritten;
        }
        Ok(false)
    }

    fn drop_whole(&mut self, at: usize) -> io::Result<()> {
        let Some(segment) = self.segments.get(at).cloned() else { return Ok(()) };
        let bytes = std::fs::read(&segment.path)?;
        let scan = segment::scan(&bytes, segment.head as usize);
        let lost: Vec<_> = scan.frames.into_iter().map(|(_, frame)| frame).collect();
        if let Some((from, until)) = segment::span(lost.iter()) {
            // The disk is full: the ledger is written when it can be.
            self.ledger.note(LossCause::SpoolFull, lost.len() as u64, from, until);
        }
        self.remove_segment(at)
    }

    /// Into the ledger first: a kill in between counts a loss twice rather than never.
    fn count_full(&mut self, lost: &[Frame<'_>]) -> io::Result<()> {
        if let Some((from, until)) = segment::span(lost.iter()) {
            tracing::warn!(records = lost.len(), "the spool is full: the oldest records go; is the centre reachable?");
            self.ledger.note(LossCause::SpoolFull, lost.len() as u64, from, until);
            self.ledger.persist()?;
        }
        Ok(())
    }
}
