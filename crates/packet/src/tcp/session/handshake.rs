//! From the first segment to an established session (RFC 9293 §3.5, RFC 7413 for fast open).

use super::{SynAck, TcpSession, TcpState};
use crate::{
    events::StreamEvent,
    tcp::{
        StreamEvents, TcpSettings,
        segment::{ACK, FIN, RST, SYN, Segment, at_or_before, before},
    },
};
use phitak_model::Direction::{self, ToClient, ToServer};

/// The largest window scale: assumed where the handshake was not seen.
const WINDOW_SCALE_MAX: u8 = 14;

impl TcpSession {
    /// The first segment of a flow; `Some(true)` when it came from the server.
    pub(super) fn pick_up(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        settings: &TcpSettings,
        events: &mut StreamEvents,
    ) -> Option<bool> {
        if segment.has(RST) {
            events.raise(StreamEvent::RstButNoSession);
            return None;
        }
        if segment.has(FIN) && !segment.has(SYN) && (!settings.midstream || segment.payload.is_empty()) {
            events.raise(StreamEvent::FinButNoSession);
            return None;
        }
        if segment.has(SYN | ACK) {
            if !settings.midstream && !settings.async_oneside {
                return None;
            }
            self.from_syn_ack(segment, settings);
            return Some(direction == ToServer);
        }
        if segment.has(SYN) {
            self.from_syn(segment, ToServer);
            return Some(direction == ToClient);
        }
        if segment.has(ACK) && settings.midstream {
            self.from_middle(segment, direction, settings);
            return Some(false);
        }
        None
    }

    fn from_syn(&mut self, segment: &Segment<'_>, direction: Direction) {
        let side = self.side_mut(direction);
        side.begin(segment.seq);
        side.seen = true;
        side.flags |= segment.flags;
        side.window = u32::from(segment.window);
        side.window_scale = segment.window_scale.unwrap_or(0);
        side.last_timestamp = segment.timestamp.map(|(value, _)| (value, segment.at));
        self.fast_open = segment.fast_open && !segment.payload.is_empty();
        if self.fast_open {
            let end = segment.seq.wrapping_add(1).wrapping_add(segment.length());
            self.side_mut(direction).sent_up_to(end);
        }
        self.state = TcpState::SynSent;
    }

    /// The handshake's answer is the first thing seen.
    fn from_syn_ack(&mut self, segment: &Segment<'_>, settings: &TcpSettings) {
        self.midstream = settings.midstream;
        self.state = TcpState::SynRecv;
        let server = self.side_mut(ToClient);
        server.begin(segment.seq);
        server.seen = true;
        server.flags |= segment.flags;
        server.window = u32::from(segment.window);
        server.window_scale = segment.window_scale.unwrap_or(0);
        server.last_timestamp = segment.timestamp.map(|(value, _)| (value, segment.at));
        let window = server.window;
        let client = self.side_mut(ToServer);
        client.begin(segment.ack.wrapping_sub(1));
        client.next_win = client.last_ack.wrapping_add(window);
        client.window_scale = if segment.window_scale.is_some() { WINDOW_SCALE_MAX } else { 0 };
    }

    /// Data of a session that began before the capture did.
    pub(super) fn from_middle(&mut self, segment: &Segment<'_>, direction: Direction, settings: &TcpSettings) {
        self.midstream = true;
        self.asynchronous = settings.async_oneside;
        self.state = TcpState::Established;
        let sender = self.side_mut(direction);
        sender.begin(segment.seq.wrapping_sub(1));
        sender.seen = true;
        sender.window_scale = WINDOW_SCALE_MAX;
        sender.window = u32::from(segment.window) << WINDOW_SCALE_MAX;
        sender.flags |= segment.flags;
        sender.last_timestamp = segment.timestamp.map(|(value, _)| (value, segment.at));
        sender.next_win = sender.last_ack.wrapping_add(sender.window);
        let receiver = self.side_mut(direction.opposite());
        receiver.begin(segment.ack.wrapping_sub(1));
        receiver.window_scale = WINDOW_SCALE_MAX;
        receiver.window = u32::from(segment.window) << WINDOW_SCALE_MAX;
        receiver.next_win = receiver.last_ack.wrapping_add(receiver.window);
    }

    pub(super) fn in_syn_sent(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        settings: &TcpSettings,
        events: &mut StreamEvents,
    ) -> bool {
        if direction == ToClient && !self.echoes_timestamp(segment) {
            events.raise(StreamEvent::PktInvalidTimestamp);
            return false;
        }
        if segment.has(RST) {
            return self.reset_in_handshake(segment, direction);
        }
        if segment.has(SYN | ACK) {
            return self.first_syn_ack(segment, direction, events);
        }
        if segment.has(SYN) {
            return self.another_syn(segment, direction);
        }
        if !segment.has(ACK) || direction == ToClient {
            return false;
        }
        if self.four_way {
            return self.complete_four_way(segment, events);
        }
        if !settings.async_oneside {
            return settings.midstream && self.goes_on_unanswered(segment, direction, settings);
        }
        let client = self.side_mut(ToServer);
        if segment.seq != client.next_seq && segment.seq != client.isn.wrapping_add(1) {
            events.raise(StreamEvent::HandshakeAsyncWrongSeq);
            return false;
        }
        // Only this side is seen: its own next segment shows that the one before arrived.
        client.last_ack = segment.seq;
        client.next_win = client.last_ack.wrapping_add(1 << 30);
        client.sent_up_to(segment.data_end());
        let server = self.side_mut(ToClient);
        server.begin(segment.ack.wrapping_sub(1));
        server.next_win = segment.ack.wrapping_add(1 << 30);
        self.asynchronous = true;
        self.set_state(TcpState::Established);
        true
    }

    /// An answer to a SYN echoes its timestamp, or none where it had none (RFC 7323 §3.2).
    fn echoes_timestamp(&self, segment: &Segment<'_>) -> bool {
        let Some((_, echo)) = segment.timestamp else { return true };
        match self.side(ToServer).last_timestamp {
            Some((sent, _)) => sent == 0 || echo == 0 || echo == sent,
            None => echo == 0,
        }
    }

    /// A reset answers the SYN when it acknowledges it.
    fn reset_in_handshake(&mut self, segment: &Segment<'_>, direction: Direction) -> bool {
        let answers = match direction {
            ToClient => {
                segment.has(ACK) && segment.ack == self.side(ToServer).isn.wrapping_add(1)
                    || segment.ack == self.side(ToServer).next_seq
            }
            ToServer => {
                let client = self.side(ToServer);
                segment.seq == client.isn.wrapping_add(1) || segment.seq == client.isn || segment.seq == client.next_seq
            }
        };
        if answers {
            self.reset = Some(direction);
            self.set_state(TcpState::Closed);
        }
        answers
    }

    fn first_syn_ack(&mut self, segment: &Segment<'_>, direction: Direction, events: &mut StreamEvents) -> bool {
        if direction == ToServer {
            // Split handshake: the client answers the server's own SYN.
            if self.four_way {
                return self.four_way_syn_ack(segment, events);
            }
            events.raise(StreamEvent::HandshakeSynackInWrongDirection);
            return false;
        }
        let client = self.side(ToServer);
        let (first, last) = (client.isn.wrapping_add(1), client.next_seq);
        if self.fast_open {
            if segment.ack == first && first != last {
                events.raise(StreamEvent::HandshakeSynackTfoDataIgnored);
            } else if segment.ack != last {
                events.raise(StreamEvent::HandshakeSynackWithWrongAck);
                return false;
            }
        } else if segment.ack != first {
            events.raise(StreamEvent::HandshakeSynackWithWrongAck);
            return false;
        }
        self.accept_syn_ack(
            &SynAck {
                seq: segment.seq,
                ack: segment.ack,
                window: segment.window,
                window_scale: segment.window_scale,
                timestamp: segment.timestamp,
            },
            segment,
        );
        self.set_state(TcpState::SynRecv);
        true
    }

    fn accept_syn_ack(&mut self, answer: &SynAck, segment: &Segment<'_>) {
        let at = segment.at;
        let server = self.side_mut(ToClient);
        server.begin(answer.seq);
        server.seen = true;
        server.window = u32::from(answer.window);
        server.window_scale = answer.window_scale.unwrap_or(0);
        server.last_timestamp = answer.timestamp.map(|(value, _)| (value, at));
        let (server_window, server_next) = (server.window, server.next_seq);
        let client = self.side_mut(ToServer);
        // Scaling holds only when both sides offer it (RFC 7323 §2.2).
        if answer.window_scale.is_none() {
            client.window_scale = 0;
        }
        client.acknowledged(answer.ack);
        client.next_win = client.last_ack.wrapping_add(server_window);
        let client_window = client.window;
        let client_scaled = client.window_scale > 0;
        let server = self.side_mut(ToClient);
        if !client_scaled && answer.window_scale.is_none() {
            server.window_scale = 0;
        }
        server.next_win = server_next.wrapping_add(client_window);
    }

    fn another_syn(&mut self, segment: &Segment<'_>, direction: Direction) -> bool {
        if direction == ToServer {
            // The same SYN again, or a fresh attempt.
            if segment.seq != self.side(ToServer).isn {
                let flags = self.side(ToServer).flags;
                self.from_syn(segment, ToServer);
                self.side_mut(ToServer).flags |= flags;
            }
            return true;
        }
        if self.four_way {
            return false;
        }
        self.four_way = true;
        let server = self.side_mut(ToClient);
        server.begin(segment.seq);
        server.seen = true;
        server.window = u32::from(segment.window);
        server.window_scale = segment.window_scale.unwrap_or(0);
        server.last_timestamp = segment.timestamp.map(|(value, _)| (value, segment.at));
        true
    }

    /// The client's SYN-ACK to the server's SYN.
    fn four_way_syn_ack(&mut self, segment: &Segment<'_>, events: &mut StreamEvents) -> bool {
        if segment.ack != self.side(ToClient).isn.wrapping_add(1) {
            events.raise(StreamEvent::FourWaySynackWithWrongAck);
            return false;
        }
        if segment.seq != self.side(ToServer).isn {
            events.raise(StreamEvent::FourWaySynackWithWrongSyn);
            return false;
        }
        let client = self.side_mut(ToServer);
        client.window = u32::from(segment.window);
        let client_window = client.window;
        let server = self.side_mut(ToClient);
        server.acknowledged(segment.ack);
        server.next_win = server.last_ack.wrapping_add(client_window);
        let server_window = server.window;
        let client = self.side_mut(ToServer);
        client.next_win = client.last_ack.wrapping_add(server_window);
        self.set_state(TcpState::SynRecv);
        true
    }

    fn complete_four_way(&mut self, segment: &Segment<'_>, events: &mut StreamEvents) -> bool {
        if segment.seq != self.side(ToServer).next_seq {
            events.raise(StreamEvent::FourWayWrongSeq);
            return false;
        }
        if segment.ack != self.side(ToClient).next_seq {
            events.raise(StreamEvent::FourWayInvalidAck);
            return false;
        }
        self.establish(segment, ToServer);
        true
    }

    pub(super) fn in_syn_recv(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        settings: &TcpSettings,
        events: &mut StreamEvents,
    ) -> bool {
        if segment.has(RST) {
            return self.reset_from(segment, direction, events);
        }
        if segment.has(SYN | ACK) {
            return self.syn_ack_again(segment, direction, settings, events);
        }
        if segment.has(SYN) {
            if direction == ToClient {
                events.raise(StreamEvent::HandshakeSynToclientOnSynRecv);
                return false;
            }
            if segment.seq != self.side(ToServer).isn {
                events.raise(StreamEvent::HandshakeSynResendDiffSeqOnSynRecv);
                return false;
            }
            return true;
        }
        if !segment.has(ACK) {
            return false;
        }
        let last = if self.four_way { ToClient } else { ToServer };
        if direction != last {
            return self.early_server_data(segment, direction, events);
        }
        if !self.timestamp_fits(segment, direction, events) {
            return false;
        }
        if segment.ack != self.side(direction.opposite()).next_seq {
            self.later_syn_ack(segment, direction);
        }
        let (sender, receiver) = (self.side(direction), self.side(direction.opposite()));
        let right_seq = segment.seq == sender.next_seq || segment.seq == sender.last_ack;
        let right_ack = segment.ack == receiver.next_seq;
        let later = before(sender.next_seq, segment.seq)
            && at_or_before(segment.data_end(), sender.next_win.wrapping_add(1 << 16));
        match (right_seq, right_ack) {
            (true, true) => {}
            // The handshake's own ACK was lost; this one comes later.
            (false, true) if later || self.midstream => {}
            // The server has sent data already, and some of it is acknowledged here.
            (_, false)
                if before(receiver.next_seq, segment.ack)
                    && (at_or_before(segment.ack, receiver.next_win) || self.midstream)
                    && (right_seq || later) => {}
            (_, false) if before(receiver.isn, segment.ack) && before(segment.ack, receiver.next_seq) => {}
            (true, false) => {
                events.raise(StreamEvent::HandshakeRightSeqWrongAckEvasion);
                return false;
            }
            _ => {
                events.raise(StreamEvent::HandshakeWrongSeqWrongAck);
                return false;
            }
        }
        self.establish(segment, direction);
        if segment.has(FIN) {
            self.finish_side(segment, direction);
        }
        true
    }

    /// One of several different SYN-ACKs turns out to be the one that the client answers.
    fn later_syn_ack(&mut self, segment: &Segment<'_>, direction: Direction) {
        if direction != ToServer {
            return;
        }
        let found = self.syn_acks.iter().find(|queued| queued.seq.wrapping_add(1) == segment.ack).copied();
        if let Some(answer) = &found {
            self.accept_syn_ack(answer, segment);
        }
    }

    fn syn_ack_again(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        settings: &TcpSettings,
        events: &mut StreamEvents,
    ) -> bool {
        if direction == ToServer {
            events.raise(StreamEvent::HandshakeSynackToserverOnSynRecv);
            return false;
        }
        let client = self.side(ToServer);
        if segment.ack != client.last_ack && segment.ack != client.next_seq {
            events.raise(StreamEvent::HandshakeSynackResendWithDifferentAck);
            return false;
        }
        if segment.seq == self.side(ToClient).isn {
            return true;
        }
        events.raise(StreamEvent::HandshakeSynackResendWithDiffSeq);
        if self.syn_acks.iter().any(|queued| queued.seq == segment.seq) {
            return true;
        }
        if self.syn_acks.len() >= settings.syn_acks_queued_max {
            events.raise(StreamEvent::HandshakeSynackFlood);
            return false;
        }
        self.syn_acks.push(SynAck {
            seq: segment.seq,
            ack: segment.ack,
            window: segment.window,
            window_scale: segment.window_scale,
            timestamp: segment.timestamp,
        });
        true
    }

    /// The server sends before the handshake's last ACK was seen: allowed after fast open and midstream, and when the ACK
    /// that it shows to have got was lost on the way to us.
    fn early_server_data(&mut self, segment: &Segment<'_>, direction: Direction, events: &mut StreamEvents) -> bool {
        let (sender, receiver) = (self.side(direction), self.side(direction.opposite()));
        let in_window = at_or_before(sender.isn, segment.seq);
        let acknowledges = segment.ack == receiver.next_seq || before(receiver.next_seq, segment.ack);
        if !(in_window && acknowledges && (self.fast_open || self.midstream || before(receiver.next_seq, segment.ack)))
        {
            events.raise(StreamEvent::HandshakeAckInWrongDir);
            return false;
        }
        self.establish(segment, direction);
        true
    }

    fn establish(&mut self, segment: &Segment<'_>, direction: Direction) {
        let window = u32::from(segment.window);
        let sender = self.side_mut(direction);
        sender.window = window << sender.window_scale;
        sender.sent_up_to(segment.data_end());
        let window = sender.window;
        if let Some((value, _)) = segment.timestamp {
            sender.last_timestamp = Some((value, segment.at));
        }
        let receiver = self.side_mut(direction.opposite());
        receiver.acknowledged(segment.ack);
        receiver.next_win = receiver.last_ack.wrapping_add(window);
        let receiver_window = receiver.window << receiver.window_scale.min(WINDOW_SCALE_MAX);
        let sender = self.side_mut(direction);
        let edge = sender.last_ack.wrapping_add(receiver_window);
        if before(sender.next_win, edge) {
            sender.next_win = edge;
        }
        self.syn_acks.clear();
        self.set_state(TcpState::Established);
    }
}
