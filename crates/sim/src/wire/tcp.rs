//! A TCP conversation as a mirror port sees it: handshake with MSS, window scale and timestamps (RFC 7323), segments,
//! delayed acknowledgements, a retransmission now and then, and an orderly or abrupt end.

use super::{
    End, Link, Tape,
    frame::{self, ACK, FIN, PSH, Ports, RST, SYN, Segment},
};
use crate::dice::Dice;

const SEGMENT_BYTES_MAX: usize = 1448;
/// Segments in flight before the sender waits for an acknowledgement.
const BURST_SEGMENTS: usize = 24;
/// One data segment in so many is seen twice, and one in so many passes only at the second try.
const REPEATED_ONE_IN: u64 = 700;
const LOST_ONE_IN: u64 = 900;
const DELAYED_ACK_MICROS: i64 = 40_000;
const RETRANSMISSION_MICROS: i64 = 210_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// One conversation. Its frames are kept inside until it ends.
#[derive(Debug)]
pub struct Tcp {
    tape: Tape,
    dice: Dice,
    link: Link,
    /// The moment of the next packet, in microseconds since 1970.
    pub now: i64,
    client: Peer,
    server: Peer,
    /// A segment that did not pass yet.
    lost: Option<Lost>,
}

#[derive(Clone, Debug)]
struct Lost {
    from: Side,
    seq: u32,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Peer {
    end: End,
    port: u16,
    /// The next byte to send.
    next: u32,
    /// What this side has acknowledged of the other's bytes.
    acknowledged: u32,
    /// The latest timestamp that came from the other side.
    echo: u32,
}

impl Tcp {
    /// Opens with the three-way handshake.
    #[must_use]
    pub fn open(at: i64, client: (End, u16), server: (End, u16), link: Link, mut dice: Dice) -> Self {
        let mut tcp = Self::begin(at, client, server, link, &mut dice);
        tcp.packet(Side::Client, SYN, &[]);
        tcp.now += tcp.link.round_trip;
        tcp.packet(Side::Server, SYN | ACK, &[]);
        tcp.now += tcp.link.round_trip / 8 + 10;
        tcp.packet(Side::Client, ACK, &[]);
        tcp.now += 15;
        tcp
    }

    /// The port is closed: the server answers with a reset.
    #[must_use]
    pub fn refused(at: i64, client: (End, u16), server: (End, u16), link: Link, mut dice: Dice) -> Tape {
        let mut tcp = Self::begin(at, client, server, link, &mut dice);
        tcp.packet(Side::Client, SYN, &[]);
        tcp.now += tcp.link.round_trip;
        tcp.server.next = 0;
        tcp.packet(Side::Server, RST | ACK, &[]);
        tcp.tape
    }

    fn begin(at: i64, client: (End, u16), server: (End, u16), link: Link, dice: &mut Dice) -> Self {
        let mut peer = |(end, port): (End, u16)| Peer { end, port, next: dice.draw() as u32, acknowledged: 0, echo: 0 };
        let (client, server) = (peer(client), peer(server));
        Self { tape: Tape::default(), dice: dice.fork(), link, now: at, client, server, lost: None }
    }

    /// The client sends.
    pub fn client(&mut self, data: &[u8]) -> &mut Self {
        self.send(Side::Client, data)
    }

    /// The server sends.
    pub fn server(&mut self, data: &[u8]) -> &mut Self {
        self.send(Side::Server, data)
    }

    /// Nothing happens for a while.
    pub fn wait(&mut self, micros: i64) -> &mut Self {
        self.now += micros;
        self
    }

    /// The time that a server needs for a small answer.
    pub fn think(&mut self) -> &mut Self {
        let micros = self.dice.between(200, 4_000);
        self.wait(micros)
    }

    pub fn send(&mut self, side: Side, data: &[u8]) -> &mut Self {
        self.settle(side);
        let total = data.chunks(SEGMENT_BYTES_MAX).count();
        for (number, chunk) in data.chunks(SEGMENT_BYTES_MAX).enumerate() {
            let last = number + 1 == total;
            let flags = if last { ACK | PSH } else { ACK };
            if self.lost.is_none() && total > 4 && number + 4 < total && self.dice.one_in(LOST_ONE_IN) {
                self.lose(side, chunk);
                continue;
            }
            let seq = self.peer(side).next;
            self.packet(side, flags, chunk);
            self.now += self.link.pace;
            if self.dice.one_in(REPEATED_ONE_IN) {
                self.again(side, seq, flags, chunk);
            }
            if number % 2 == 1 {
                let delay = self.link.round_trip / 2;
                self.acknowledge(other(side), delay);
            }
            if (number + 1) % BURST_SEGMENTS == 0 || (last && self.lost.is_some()) {
                self.now += self.link.round_trip;
                self.recover();
            }
        }
        self.now += self.link.round_trip / 2 + 5;
        self
    }

    /// `side` closes first, the other follows.
    #[must_use]
    pub fn close(mut self, side: Side) -> Tape {
        self.settle(side);
        let other_side = other(side);
        self.flush(side);
        self.packet(side, FIN | ACK, &[]);
        self.now += self.link.round_trip;
        self.packet(other_side, FIN | ACK, &[]);
        self.now += self.link.round_trip / 2 + 10;
        self.packet(side, ACK, &[]);
        self.tape
    }

    /// `side` breaks off.
    #[must_use]
    pub fn reset(mut self, side: Side) -> Tape {
        self.settle(side);
        self.packet(side, RST | ACK, &[]);
        self.tape
    }

    fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Before `side` sends: bytes of its own that nobody acknowledged for long get their delayed acknowledgement.
    fn settle(&mut self, side: Side) {
        let sent = self.peer(side).next;
        if self.peer(other(side)).acknowledged != sent {
            self.acknowledge(other(side), 0);
        }
    }

    /// Acknowledges what `side` still owes before it closes.
    fn flush(&mut self, side: Side) {
        let sent = self.peer(other(side)).next;
        if self.peer(side).acknowledged != sent {
            self.packet(side, ACK, &[]);
            self.now += DELAYED_ACK_MICROS.min(self.link.round_trip);
        }
    }

    fn acknowledge(&mut self, side: Side, delay: i64) {
        let moment = self.now;
        self.now += delay.min(DELAYED_ACK_MICROS);
        self.packet(side, ACK, &[]);
        self.now = if delay == 0 { self.now + 20 } else { moment };
    }

    fn again(&mut self, side: Side, seq: u32, flags: u8, chunk: &[u8]) {
        self.now += RETRANSMISSION_MICROS;
        self.repeat(side, seq, flags, chunk);
        self.now += self.link.round_trip;
        self.packet(other(side), ACK, &[]);
    }

    /// The segment is lost before the mirror port: later ones pass, and their acknowledgements ask for it.
    fn lose(&mut self, side: Side, chunk: &[u8]) {
        let seq = self.peer(side).next;
        self.peer(side).next = seq.wrapping_add(chunk.len() as u32);
        self.lost = Some(Lost { from: side, seq, payload: chunk.to_vec() });
    }

    fn recover(&mut self) {
        let Some(lost) = self.lost.take() else { return };
        self.repeat(lost.from, lost.seq, ACK, &lost.payload);
        self.now += self.link.round_trip;
        self.packet(other(lost.from), ACK, &[]);
    }

    fn repeat(&mut self, side: Side, seq: u32, flags: u8, chunk: &[u8]) {
        let next = self.peer(side).next;
        self.peer(side).next = seq;
        self.packet(side, flags, chunk);
        self.peer(side).next = next;
    }

    fn packet(&mut self, side: Side, flags: u8, payload: &[u8]) {
        let (from, to) = match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        let clock = timestamp_of(&from.end, self.now);
        let syn = flags & SYN != 0;
        let received = self.lost.as_ref().filter(|lost| lost.from != side).map_or(to.next, |lost| lost.seq);
        let ack = if flags & ACK != 0 { received } else { 0 };
        let options = if syn { syn_options(clock, from.echo) } else { data_options(clock, from.echo) };
        let options = if flags & RST != 0 && from.next == 0 { Vec::new() } else { options };
        let window = if flags & RST != 0 {
            0
        } else if syn {
            64_240
        } else {
            502
        };
        let segment = Segment { seq: from.next, ack, flags, window, options: &options, payload };
        let ports = Ports { from: from.port, to: to.port };
        self.tape.frame(self.now, |out| frame::tcp(out, &from.end, &to.end, ports, &segment));
        if flags & ACK != 0 {
            from.acknowledged = ack;
        }
        to.echo = clock;
        let numbered = payload.len() as u32 + u32::from(syn) + u32::from(flags & FIN != 0);
        from.next = from.next.wrapping_add(numbered);
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// Milliseconds on the sender's own clock, which started at a moment of its own.
fn timestamp_of(end: &End, now: i64) -> u32 {
    let start = u32::from(end.ip).wrapping_mul(2_654_435_761) >> 4;
    start.wrapping_add((now.div_euclid(1000) & 0xffff_ffff) as u32)
}

fn syn_options(clock: u32, echo: u32) -> Vec<u8> {
    let mut options = vec![2, 4, 5, 0xb4, 4, 2, 8, 10];
    options.extend_from_slice(&clock.to_be_bytes());
    options.extend_from_slice(&echo.to_be_bytes());
    options.extend_from_slice(&[1, 3, 3, 7]);
    options
}

fn data_options(clock: u32, echo: u32) -> Vec<u8> {
    let mut options = vec![1, 1, 8, 10];
    options.extend_from_slice(&clock.to_be_bytes());
    options.extend_from_slice(&echo.to_be_bytes());
    options
}
