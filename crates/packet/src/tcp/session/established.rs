//! Segments of a session whose handshake is over: windows, acknowledgements, and the ways to its end.

use super::{TcpSession, TcpState};
use crate::{
    events::StreamEvent,
    tcp::{
        StreamEvents,
        segment::{ACK, FIN, RST, SYN, Segment, at_or_before, before},
    },
};
use phitak_model::Direction::{self, ToServer};

/// A timestamp older than this may come again (RFC 7323 §5.5).
const TIMESTAMP_SECS_MAX: i64 = 24 * 24 * 3600;

/// A segment's faults, by the state in which it came.
struct Faults {
    before_last_ack: StreamEvent,
    out_of_window: StreamEvent,
    invalid_ack: StreamEvent,
}

impl TcpSession {
    fn faults(&self, fin: bool) -> Faults {
        let (before_last_ack, out_of_window, invalid_ack) = match self.state {
            TcpState::CloseWait if fin => (
                StreamEvent::ClosewaitPktBeforeLastAck,
                StreamEvent::ClosewaitFinOutOfWindow,
                StreamEvent::ClosewaitInvalidAck,
            ),
            TcpState::CloseWait => (
                StreamEvent::ClosewaitPktBeforeLastAck,
                StreamEvent::ClosewaitAckOutOfWindow,
                StreamEvent::ClosewaitInvalidAck,
            ),
            TcpState::FinWait1 if fin => {
                (StreamEvent::EstPktBeforeLastAck, StreamEvent::Fin1FinWrongSeq, StreamEvent::Fin1InvalidAck)
            }
            TcpState::FinWait1 => {
                (StreamEvent::EstPktBeforeLastAck, StreamEvent::Fin1AckWrongSeq, StreamEvent::Fin1InvalidAck)
            }
            TcpState::FinWait2 if fin => {
                (StreamEvent::EstPktBeforeLastAck, StreamEvent::Fin2FinWrongSeq, StreamEvent::Fin2InvalidAck)
            }
            TcpState::FinWait2 => {
                (StreamEvent::EstPktBeforeLastAck, StreamEvent::Fin2AckWrongSeq, StreamEvent::Fin2InvalidAck)
            }
            TcpState::Closing => {
                (StreamEvent::EstPktBeforeLastAck, StreamEvent::ClosingAckWrongSeq, StreamEvent::ClosingInvalidAck)
            }
            TcpState::LastAck => {
                (StreamEvent::EstPktBeforeLastAck, StreamEvent::LastackAckWrongSeq, StreamEvent::LastackInvalidAck)
            }
            TcpState::TimeWait | TcpState::Closed => {
                (StreamEvent::EstPktBeforeLastAck, StreamEvent::TimewaitAckWrongSeq, StreamEvent::TimewaitInvalidAck)
            }
            _ if fin => (StreamEvent::EstPktBeforeLastAck, StreamEvent::FinOutOfWindow, StreamEvent::FinInvalidAck),
            _ => (StreamEvent::EstPktBeforeLastAck, StreamEvent::EstPacketOutOfWindow, StreamEvent::EstInvalidAck),
        };
        Faults { before_last_ack, out_of_window, invalid_ack }
    }

    pub(super) fn in_synchronized(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        events: &mut StreamEvents,
    ) -> bool {
        if segment.has(RST) {
            return self.reset_from(segment, direction, events);
        }
        if segment.has(SYN) {
            return self.syn_when_established(segment, direction, events);
        }
        match self.reset {
            // Who has reset a session says nothing more in it.
            Some(by) if by == direction => return false,
            Some(_) => events.raise(StreamEvent::SuspectedRstInject),
            None => {}
        }
        // Some stacks forget the ACK flag of a FIN; data without it is not from this session.
        if !segment.has(ACK) && !segment.has(FIN) {
            return false;
        }
        if self.asynchronous && self.side(direction.opposite()).seen {
            self.asynchronous = false;
        }
        let faults = self.faults(segment.has(FIN));
        if !self.timestamp_fits(segment, direction, events) {
            return false;
        }
        if segment.has(ACK) && !self.ack_fits(segment, direction) {
            events.raise(StreamEvent::PktInvalidAck);
            events.raise(faults.invalid_ack);
            return false;
        }
        if !self.seq_fits(segment, direction, &faults, events) {
            return false;
        }
        self.advance(segment, direction);
        if segment.has(FIN) {
            self.finish_side(segment, direction);
        }
        self.after_acknowledgement(direction);
        true
    }

    /// RFC 7323 §5: a timestamp must not go back.
    pub(super) fn timestamp_fits(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        events: &mut StreamEvents,
    ) -> bool {
        let side = self.side_mut(direction);
        let (Some((value, _)), Some((last, last_at))) = (segment.timestamp, side.last_timestamp) else {
            return true;
        };
        if value == 0 || last == 0 {
            return true;
        }
        let stale = segment.at.micros_since(last_at) > TIMESTAMP_SECS_MAX * 1_000_000;
        // One unit of slack: several stacks send a segment with the timestamp of the one before.
        if before(value.wrapping_add(1), last) && !stale {
            events.raise(StreamEvent::PktInvalidTimestamp);
            return false;
        }
        if !before(value, last) || stale {
            side.last_timestamp = Some((value, segment.at));
        }
        true
    }

    /// An acknowledgement may name anything that the other side was allowed to send.
    fn ack_fits(&self, segment: &Segment<'_>, direction: Direction) -> bool {
        let receiver = self.side(direction.opposite());
        at_or_before(segment.ack, receiver.next_seq)
            || at_or_before(segment.ack, receiver.next_win)
            || !receiver.seen
            || (self.midstream && receiver.assembly.highest() == 0)
    }

    fn seq_fits(
        &self,
        segment: &Segment<'_>,
        direction: Direction,
        faults: &Faults,
        events: &mut StreamEvents,
    ) -> bool {
        let sender = self.side(direction);
        if !sender.seen {
            return true;
        }
        let end = segment.data_end();
        if before(end, sender.last_ack) {
            // A keep-alive repeats the byte before the next one.
            let keep_alive = segment.length() <= 1 && end.wrapping_add(1) == sender.last_ack;
            if keep_alive {
                return true;
            }
            events.raise(faults.before_last_ack);
            events.raise(StreamEvent::PktSpuriousRetransmission);
            return false;
        }
        if segment.length() > 0 && before(segment.seq, sender.next_seq) && at_or_before(end, sender.next_seq) {
            events.raise(StreamEvent::PktRetransmission);
        }
        let zero_window_probe = sender.next_win == sender.next_seq && segment.length() <= 1;
        if at_or_before(end, sender.next_win) || self.midstream || self.asynchronous || zero_window_probe {
            return true;
        }
        events.raise(faults.out_of_window);
        false
    }

    /// Moves both sides' numbers by an accepted segment.
    fn advance(&mut self, segment: &Segment<'_>, direction: Direction) {
        let sender = self.side_mut(direction);
        if !sender.seen {
            // The first segment of a side that was not there at pick-up tells where its stream stands.
            if before(sender.next_seq, segment.seq) || before(segment.seq, sender.next_seq) {
                sender.begin(segment.seq.wrapping_sub(1));
            }
        }
        if sender.last_timestamp.is_none() {
            sender.last_timestamp = segment.timestamp.map(|(value, _)| (value, segment.at));
        }
        sender.sent_up_to(segment.data_end());
        sender.window = u32::from(segment.window) << sender.window_scale;
        let window = sender.window;
        if self.asynchronous {
            let sender = self.side_mut(direction);
            sender.acknowledged(segment.seq);
        }
        if segment.has(ACK) {
            let receiver = self.side_mut(direction.opposite());
            receiver.acknowledged(segment.ack);
            let edge = receiver.last_ack.wrapping_add(window);
            if at_or_before(receiver.next_win, edge) || segment.ack == receiver.last_ack {
                receiver.next_win = edge;
            }
        }
    }

    pub(super) fn finish_side(&mut self, segment: &Segment<'_>, direction: Direction) {
        let after = segment.data_end().wrapping_add(1);
        let sender = self.side_mut(direction);
        if sender.fin.is_none() {
            sender.fin = Some(after);
            sender.sent_up_to(after);
        }
        let client_ended = self.side(ToServer).fin.is_some();
        let next = match (self.state, direction) {
            (TcpState::Established | TcpState::SynRecv, ToServer) => TcpState::CloseWait,
            (TcpState::Established | TcpState::SynRecv, _) => TcpState::FinWait1,
            (TcpState::CloseWait, Direction::ToClient) => TcpState::LastAck,
            (TcpState::FinWait1, ToServer) if client_ended && self.side(Direction::ToClient).fin_acknowledged() => {
                TcpState::TimeWait
            }
            (TcpState::FinWait1, ToServer) => TcpState::Closing,
            (TcpState::FinWait2, ToServer) => TcpState::TimeWait,
            (state, _) => state,
        };
        self.set_state(next);
    }

    /// What an acknowledgement from `direction` means for a FIN of the other side.
    fn after_acknowledgement(&mut self, direction: Direction) {
        let other_fin = self.side(direction.opposite()).fin_acknowledged();
        let next = match (self.state, direction) {
            (TcpState::FinWait1, ToServer) if other_fin => TcpState::FinWait2,
            (TcpState::Closing, ToServer) if other_fin => TcpState::TimeWait,
            (TcpState::LastAck, ToServer) if other_fin => TcpState::Closed,
            (TcpState::TimeWait, Direction::ToClient) if other_fin => TcpState::Closed,
            (state, _) => state,
        };
        self.set_state(next);
    }

    /// A reset counts when its number stands in the window (RFC 9293 §3.5.2).
    pub(super) fn reset_from(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        events: &mut StreamEvents,
    ) -> bool {
        if segment.has(ACK) && self.state != TcpState::SynRecv {
            let receiver = self.side(direction.opposite());
            let fits = at_or_before(segment.ack, receiver.next_win)
                || at_or_before(segment.ack, receiver.next_seq)
                || !receiver.seen
                || segment.ack == 0;
            if !fits {
                events.raise(StreamEvent::RstInvalidAck);
                return false;
            }
        }
        let sender = self.side(direction);
        let edge = if before(sender.next_win, sender.next_seq) { sender.next_seq } else { sender.next_win };
        let in_window = at_or_before(sender.last_ack, segment.seq) && at_or_before(segment.seq, edge);
        if !(in_window || segment.seq == sender.next_seq || !sender.seen || self.midstream || self.asynchronous) {
            return false;
        }
        if segment.has(ACK) {
            self.side_mut(direction.opposite()).acknowledged(segment.ack);
        }
        if self.reset.is_none() {
            self.reset = Some(direction);
        }
        self.set_state(TcpState::Closed);
        true
    }

    fn syn_when_established(&mut self, segment: &Segment<'_>, direction: Direction, events: &mut StreamEvents) -> bool {
        if self.state != TcpState::Established {
            events.raise(StreamEvent::ShutdownSynResend);
            return false;
        }
        let answer = segment.has(ACK);
        match (answer, direction) {
            (true, ToServer) => events.raise(StreamEvent::EstSynackToserver),
            (true, _) if segment.ack != self.side(ToServer).isn.wrapping_add(1) => {
                events.raise(StreamEvent::EstSynackResendWithDifferentAck);
            }
            (true, _) if segment.seq != self.side(direction).isn => {
                events.raise(StreamEvent::EstSynackResendWithDiffSeq);
            }
            (true, _) => {
                events.raise(StreamEvent::EstSynackResend);
                return true;
            }
            (false, Direction::ToClient) => events.raise(StreamEvent::EstSynToClient),
            (false, _) if segment.seq != self.side(direction).isn => events.raise(StreamEvent::EstSynResendDiffSeq),
            (false, _) => {
                events.raise(StreamEvent::EstSynResend);
                return true;
            }
        }
        false
    }
}
