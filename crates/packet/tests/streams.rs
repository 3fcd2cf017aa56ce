//! TCP sessions: what is handed on does not depend on how it was cut, ordered or repeated.

mod wire;

use phitak_model::{
    Direction::{self, ToClient, ToServer},
    Timestamp,
};
use phitak_packet::{
    STREAM_EVENTS,
    tcp::{Chunk, Memory, Segment, StreamEvents, TcpSession, TcpSettings, TcpState, UrgentPolicy},
};
use wire::Dice;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const URG: u8 = 32;

const CLIENT_ISN: u32 = 0xffff_fff0;
const SERVER_ISN: u32 = 5_000;

fn segment(seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Segment<'_> {
    Segment {
        at: Timestamp::from_secs(1),
        seq,
        ack,
        flags,
        window: 65_535,
        urgent: 0,
        timestamp: None,
        window_scale: None,
        sack_permitted: false,
        fast_open: false,
        payload,
    }
}

/// A session under test, and what came out of each direction: text, with gaps as `[length]`.
struct Table {
    session: Option<TcpSession>,
    settings: TcpSettings,
    memory: Memory,
    out: [String; 2],
    events: Vec<&'static str>,
}

impl Table {
    fn new(settings: TcpSettings) -> Self {
        let memory = Memory { used: 0, max: 1 << 30 };
        Self { session: None, settings, memory, out: Default::default(), events: Vec::new() }
    }

    fn open(settings: TcpSettings) -> Self {
        let mut table = Self::new(settings);
        table.send(ToServer, segment(CLIENT_ISN, 0, SYN, b""));
        table.send(ToClient, segment(SERVER_ISN, CLIENT_ISN.wrapping_add(1), SYN | ACK, b""));
        table.send(ToServer, client(0, 0, ACK, b""));
        assert_eq!(table.state(), TcpState::Established);
        table
    }

    /// Whether its payload is part of the stream.
    fn send(&mut self, direction: Direction, segment: Segment<'_>) -> bool {
        let mut events = StreamEvents::default();
        let mut in_stream = false;
        match &mut self.session {
            Some(session) => {
                let handled = session.handle(&segment, direction, &self.settings, &mut self.memory, &mut events);
                in_stream = handled.in_stream;
            }
            None => {
                let opened =
                    TcpSession::open(&segment, direction, false, &self.settings, &mut self.memory, &mut events);
                self.session = opened.map(|opened| opened.session);
            }
        }
        self.events.extend(events.as_slice().iter().map(|n| STREAM_EVENTS[usize::from(*n)]));
        self.drain();
        in_stream
    }

    fn drain(&mut self) {
        let Some(session) = &mut self.session else { return };
        for direction in [ToServer, ToClient] {
            while let Some(chunk) = session.next_chunk(direction, &self.settings) {
                match chunk {
                    Chunk::Data { bytes, .. } => {
                        self.out[direction.index()].push_str(&String::from_utf8_lossy(bytes));
                    }
                    Chunk::Gap { length, .. } => self.out[direction.index()].push_str(&format!("[{length}]")),
                }
            }
            let delivered = session.delivered(direction);
            session.release(direction, delivered, &mut self.memory);
        }
    }

    fn state(&self) -> TcpState {
        self.session.as_ref().map_or(TcpState::None, TcpSession::state)
    }

    fn last_call(&mut self) {
        self.session.as_mut().expect("a session").last_call();
        self.drain();
    }
}

/// A segment of the client, its numbers counted from the first byte of each stream.
fn client(at: u32, server_at: u32, flags: u8, payload: &[u8]) -> Segment<'_> {
    let ack = SERVER_ISN.wrapping_add(1).wrapping_add(server_at);
    segment(CLIENT_ISN.wrapping_add(1).wrapping_add(at), ack, flags, payload)
}

fn server(at: u32, client_at: u32, flags: u8, payload: &[u8]) -> Segment<'_> {
    let ack = CLIENT_ISN.wrapping_add(1).wrapping_add(client_at);
    segment(SERVER_ISN.wrapping_add(1).wrapping_add(at), ack, flags, payload)
}

#[test]
fn bytes_are_handed_on_when_they_are_acknowledged() {
    let mut t = Table::open(TcpSettings::default());
    t.send(ToServer, client(0, 0, ACK, b"GET /"));
    assert_eq!(t.out[0], "");
    t.send(ToClient, server(0, 3, ACK, b""));
    assert_eq!(t.out[0], "GET");
    t.send(ToClient, server(0, 5, ACK, b"OK"));
    assert_eq!((t.out[0].as_str(), t.out[1].as_str()), ("GET /", ""));
    t.send(ToServer, client(5, 2, ACK, b""));
    assert_eq!(t.out[1], "OK");
}

#[test]
fn what_is_said_once_more_is_part_of_the_stream_until_it_was_handed_on_or_says_something_else() {
    let mut t = Table::open(TcpSettings::default());
    assert!(t.send(ToServer, client(0, 0, ACK, b"GET /")));
    assert!(t.send(ToServer, client(0, 0, ACK, b"GET /")), "it waits");
    assert!(!t.send(ToServer, client(0, 0, ACK, b"PUT /")), "something else");
    t.send(ToClient, server(0, 5, ACK, b""));
    assert!(!t.send(ToServer, client(0, 0, ACK, b"GET /")), "it was handed on");
    assert!(t.send(ToServer, client(5, 0, ACK, b"his")));
    assert!(!t.send(ToServer, client(0, 0, ACK, b"GET /his")), "a part of it was handed on");
    assert_eq!(t.out[0], "GET /");
}

#[test]
fn inline_bytes_are_handed_on_at_once() {
    let mut t = Table::open(TcpSettings { inline: true, ..TcpSettings::default() });
    t.send(ToServer, client(0, 0, ACK, b"GET /"));
    assert_eq!(t.out[0], "GET /");
}

#[test]
fn cutting_ordering_and_repeating_change_nothing() {
    let text: String = (0..40).map(|n| format!("line {n} of a longer text\n")).collect();
    let bytes = text.as_bytes();
    let mut dice = Dice(11);
    for round in 0..300 {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let length = (1 + dice.below(90)).min(bytes.len() - at);
            // Some reach back over what another piece holds as well.
            let start = at.saturating_sub(dice.below(30));
            pieces.push((start, at + length));
            at += length;
        }
        let repeated: Vec<_> = pieces.iter().copied().filter(|_| dice.below(4) == 0).collect();
        pieces.extend(repeated);
        dice.shuffle(&mut pieces);
        let mut t = Table::open(TcpSettings { inline: round % 2 == 0, ..TcpSettings::default() });
        for (start, end) in pieces {
            t.send(ToServer, client(start as u32, 0, ACK, &bytes[start..end]));
        }
        t.send(ToClient, server(0, bytes.len() as u32, ACK, b""));
        assert_eq!(t.out[0], text, "round {round}");
        assert_eq!(t.memory.used, 0, "round {round}");
    }
}

#[test]
fn lost_bytes_become_gaps_of_the_right_length() {
    let bytes: Vec<u8> = std::iter::repeat_n(b'x', 3_000).collect();
    let mut dice = Dice(12);
    for round in 0..200 {
        let mut t = Table::open(TcpSettings::default());
        let mut at = 0;
        while at < bytes.len() {
            let length = (1 + dice.below(200)).min(bytes.len() - at);
            if dice.below(3) > 0 {
                t.send(ToServer, client(at as u32, 0, ACK, &bytes[at..at + length]));
            }
            at += length;
            if dice.below(3) == 0 {
                t.send(ToClient, server(0, at as u32, ACK, b""));
            }
        }
        t.send(ToClient, server(0, bytes.len() as u32, ACK, b""));
        let gaps: usize = t.out[0]
            .split('[')
            .skip(1)
            .map(|rest| rest.split(']').next().unwrap_or("").parse::<usize>().expect("a length"))
            .sum();
        let data = t.out[0].chars().filter(|c| *c == 'x').count();
        assert!(gaps + data == bytes.len() || gaps + data + 1 == bytes.len(), "round {round}: {gaps} + {data}");
    }
}

#[test]
fn both_sides_close_in_order() {
    let mut t = Table::open(TcpSettings::default());
    t.send(ToServer, client(0, 0, ACK | FIN, b"bye"));
    assert_eq!(t.state(), TcpState::CloseWait);
    t.send(ToClient, server(0, 4, ACK | FIN, b"bye too"));
    assert_eq!(t.state(), TcpState::LastAck);
    t.send(ToServer, client(4, 8, ACK, b""));
    assert_eq!(t.state(), TcpState::Closed);
    assert_eq!((t.out[0].as_str(), t.out[1].as_str()), ("bye", "bye too"));
    let session = t.session.as_ref().expect("a session");
    assert!(session.has_ended(ToServer) && session.has_ended(ToClient));
    assert!(t.events.is_empty(), "{:?}", t.events);
}

#[test]
fn a_server_that_closes_first_goes_through_its_own_states() {
    let mut t = Table::open(TcpSettings::default());
    t.send(ToClient, server(0, 0, ACK | FIN, b"done"));
    assert_eq!(t.state(), TcpState::FinWait1);
    t.send(ToServer, client(0, 5, ACK, b""));
    assert_eq!(t.state(), TcpState::FinWait2);
    t.send(ToServer, client(0, 5, ACK | FIN, b""));
    assert_eq!(t.state(), TcpState::TimeWait);
    t.send(ToClient, server(5, 1, ACK, b""));
    assert_eq!(t.state(), TcpState::Closed);
}

#[test]
fn a_reset_in_the_window_ends_the_session_and_one_outside_does_not() {
    let mut t = Table::open(TcpSettings::default());
    t.send(ToServer, client(0, 0, ACK, b"half a requ"));
    t.send(ToClient, server(400_000, 0, RST, b""));
    assert_eq!(t.state(), TcpState::Established);
    t.send(ToClient, server(0, 11, RST | ACK, b""));
    assert_eq!(t.state(), TcpState::Closed);
    assert_eq!(t.out[0], "half a requ");
}

#[test]
fn odd_sessions_raise_the_events_that_name_them() {
    let check = |segments: &[(Direction, Segment<'_>)], wanted: &str| {
        let mut t = Table::open(TcpSettings::default());
        for (direction, segment) in segments {
            t.send(*direction, *segment);
        }
        assert!(t.events.contains(&wanted), "{wanted}: {:?}", t.events);
    };
    check(&[(ToServer, client(200_000, 0, ACK, b"far"))], "est_packet_out_of_window");
    check(&[(ToServer, client(0, 200_000, ACK, b"x"))], "est_invalid_ack");
    check(&[(ToServer, segment(CLIENT_ISN, 0, SYN, b""))], "est_syn_resend");
    check(&[(ToClient, segment(7, 8, SYN | ACK, b""))], "est_synack_resend_with_different_ack");
    check(
        &[(ToServer, client(0, 0, ACK, b"abcdef")), (ToServer, client(0, 0, ACK, b"abcXef"))],
        "reassembly_overlap_different_data",
    );
}

#[test]
fn wrong_handshakes_raise_the_events_that_name_them() {
    let mut t = Table::new(TcpSettings::default());
    t.send(ToServer, segment(CLIENT_ISN, 0, SYN, b""));
    t.send(ToClient, segment(SERVER_ISN, 77, SYN | ACK, b""));
    t.send(ToClient, segment(SERVER_ISN, CLIENT_ISN.wrapping_add(1), SYN | ACK, b""));
    t.send(ToServer, segment(CLIENT_ISN.wrapping_add(1), 99, ACK, b""));
    assert_eq!(t.events, ["3whs_synack_with_wrong_ack", "3whs_right_seq_wrong_ack_evasion"]);
    assert_eq!(t.state(), TcpState::SynRecv);
}

#[test]
fn sessions_without_a_handshake_need_leave() {
    let mut t = Table::new(TcpSettings::default());
    t.send(ToServer, client(0, 0, ACK, b"data"));
    assert_eq!(t.state(), TcpState::None);
    let mut t = Table::new(TcpSettings { midstream: true, ..TcpSettings::default() });
    t.send(ToServer, client(0, 0, ACK, b"data"));
    t.send(ToClient, server(0, 4, ACK, b"answer"));
    t.send(ToServer, client(4, 6, ACK, b""));
    assert_eq!((t.out[0].as_str(), t.out[1].as_str()), ("data", "answer"));
}

#[test]
fn one_side_alone_is_enough_when_it_is_allowed() {
    let mut t = Table::new(TcpSettings { async_oneside: true, ..TcpSettings::default() });
    t.send(ToServer, segment(CLIENT_ISN, 0, SYN, b""));
    t.send(ToServer, client(0, 0, ACK, b""));
    t.send(ToServer, client(0, 0, ACK, b"first"));
    t.send(ToServer, client(5, 0, ACK, b"second"));
    assert_eq!(t.out[0], "first");
    t.last_call();
    assert_eq!(t.out[0], "firstsecond");
}

#[test]
fn depth_ends_a_direction_once() {
    let mut t = Table::open(TcpSettings { depth_bytes: 10, ..TcpSettings::default() });
    for at in [0, 6, 12] {
        t.send(ToServer, client(at, 0, ACK, b"abcdef"));
        t.send(ToClient, server(0, at + 6, ACK, b""));
    }
    assert_eq!(t.out[0], "abcdefabcd");
    assert_eq!(t.events.iter().filter(|e| **e == "reassembly_depth_reached").count(), 1);
    assert!(t.session.as_ref().expect("a session").has_ended(ToServer));
}

#[test]
fn an_urgent_byte_is_taken_out_or_left_in_as_told() {
    for (urgent, wanted) in
        [(UrgentPolicy::OutOfBand, "abdefg"), (UrgentPolicy::Inline, "abcdefg"), (UrgentPolicy::Gap, "ab[1]defg")]
    {
        let mut t = Table::open(TcpSettings { urgent, ..TcpSettings::default() });
        t.send(ToServer, Segment { urgent: 3, ..client(0, 0, ACK | URG, b"abcd") });
        t.send(ToServer, client(4, 0, ACK, b"efg"));
        t.send(ToClient, server(0, 7, ACK, b""));
        assert_eq!(t.out[0], wanted, "{urgent:?}");
    }
}

#[test]
fn fast_open_data_in_the_syn_is_part_of_the_stream() {
    let mut t = Table::new(TcpSettings::default());
    t.send(ToServer, Segment { fast_open: true, ..segment(CLIENT_ISN, 0, SYN, b"GET / ") });
    t.send(ToClient, segment(SERVER_ISN, CLIENT_ISN.wrapping_add(7), SYN | ACK, b""));
    t.send(ToServer, client(6, 0, ACK, b""));
    assert_eq!((t.state(), t.out[0].as_str()), (TcpState::Established, "GET / "));
}

#[test]
fn garbled_sessions_never_panic_and_keep_no_memory() {
    let mut dice = Dice(13);
    for round in 0..500 {
        let settings = TcpSettings {
            midstream: round % 2 == 0,
            async_oneside: round % 3 == 0,
            inline: round % 5 == 0,
            depth_bytes: if round % 7 == 0 { 500 } else { 0 },
            ..TcpSettings::default()
        };
        let mut t = Table::new(settings);
        for _ in 0..60 {
            let payload = vec![b'a' + (dice.below(26) as u8); dice.below(50)];
            let near = |base: u32, dice: &mut Dice| base.wrapping_add(dice.below(400) as u32).wrapping_sub(100);
            let direction = if dice.below(2) == 0 { ToServer } else { ToClient };
            let (seq, ack) = if direction == ToServer {
                (near(CLIENT_ISN, &mut dice), near(SERVER_ISN, &mut dice))
            } else {
                (near(SERVER_ISN, &mut dice), near(CLIENT_ISN, &mut dice))
            };
            let flags = match dice.below(12) {
                0 => SYN,
                1 => SYN | ACK,
                2 => RST,
                3 => FIN | ACK,
                4 => URG | ACK,
                5 => dice.next() as u8,
                _ => ACK,
            };
            t.send(direction, Segment { urgent: dice.below(40) as u16, ..segment(seq, ack, flags, &payload) });
        }
        if let Some(session) = &mut t.session {
            session.close(&mut t.memory);
        }
        assert_eq!(t.memory.used, 0, "round {round}");
    }
}
