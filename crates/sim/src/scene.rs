//! One capture in the making: a hospital, a phase of its story, and the tape on which services and attacks play.

use crate::{
    certificate::Authority,
    dice::Dice,
    hospital::{Hospital, Host, Role},
    truth::Truth,
    weakness::{Condition, Fate, Kind, WeakHost},
    wire::{
        End, Link, Tape, Tcp,
        frame::{self, Ports},
    },
};
use std::{collections::BTreeMap, net::Ipv4Addr};

/// A second in the unit of all times here.
pub const SECOND: i64 = 1_000_000;
pub const MILLISECOND: i64 = 1_000;

/// First and last port of clients (RFC 6335 §6).
const EPHEMERAL: (u16, u16) = (49_152, 65_535);

/// Which part of the story is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Weak hosts are weak, and attacks come.
    Before,
    /// Mended hosts are mended; no attacks.
    After,
    /// A day on which nothing is wrong.
    Quiet,
}

pub struct Scene<'a> {
    pub hospital: &'a Hospital,
    pub phase: Phase,
    pub weak: &'a [WeakHost],
    pub authority: &'a Authority,
    pub dice: Dice,
    pub truth: Truth,
    tape: Tape,
    ports: BTreeMap<Ipv4Addr, u16>,
    patients: u64,
}

impl<'a> Scene<'a> {
    #[must_use]
    pub fn new(
        hospital: &'a Hospital,
        phase: Phase,
        weak: &'a [WeakHost],
        authority: &'a Authority,
        dice: Dice,
    ) -> Self {
        Self {
            hospital,
            phase,
            weak,
            authority,
            dice,
            truth: Truth::default(),
            tape: Tape::default(),
            ports: BTreeMap::new(),
            patients: 0,
        }
    }

    /// How `host` stands in this phase where weakness `kind` is concerned.
    #[must_use]
    pub fn condition(&self, host: &Host, kind: Kind) -> Condition {
        let entry = self.weak.iter().find(|w| w.kind == kind && w.host == host.name);
        match (self.phase, entry) {
            (Phase::Quiet, _) | (_, None) => Condition::Healthy,
            (Phase::Before, Some(_)) => Condition::Weak,
            (Phase::After, Some(weak)) if weak.fate == Fate::Mended => Condition::Mended,
            (Phase::After, Some(_)) => Condition::Weak,
        }
    }

    #[must_use]
    pub fn is_weak(&self, host: &Host, kind: Kind) -> bool {
        self.condition(host, kind) == Condition::Weak
    }

    /// Whether the host is switched on in this phase.
    #[must_use]
    pub fn is_present(&self, host: &Host) -> bool {
        let silent = self.weak.iter().any(|w| w.host == host.name && w.fate == Fate::Silent);
        !(self.phase == Phase::After && silent)
    }

    /// Whether a connection to this port of the host is answered.
    #[must_use]
    pub fn answers(&self, host: &Host, port: u16) -> bool {
        let weak = |kind| self.is_weak(host, kind);
        let ftp_closed = self.condition(host, Kind::Ftp) == Condition::Mended && crate::service::ftp::is_given_up(host);
        match port {
            23 => weak(Kind::Telnet),
            21 => host.open.contains(&21) && !ftp_closed || weak(Kind::Ftp),
            _ => host.open.contains(&port),
        }
    }

    /// The hosts of this role that are switched on.
    #[must_use]
    pub fn present(&self, role: Role) -> Vec<&'a Host> {
        let hospital: &'a Hospital = self.hospital;
        hospital.all(role).into_iter().filter(|h| self.is_present(h)).collect()
    }

    /// Any staff PC.
    pub fn any_pc(&mut self) -> &'a Host {
        let all = self.present(Role::Pc);
        let host: &&'a Host = self.dice.pick(&all);
        host
    }

    /// A staff PC of this department.
    pub fn pc_of(&mut self, department: &str) -> &'a Host {
        let all: Vec<_> = self.present(Role::Pc).into_iter().filter(|h| h.name.starts_with(department)).collect();
        let host: &&'a Host = self.dice.pick(&all);
        host
    }

    /// A client's next port.
    pub fn port(&mut self, ip: Ipv4Addr) -> u16 {
        let (first, last) = EPHEMERAL;
        let start = first + self.dice.below(8_000) as u16;
        let port = self.ports.entry(ip).or_insert(start);
        *port = if *port == last { first } else { *port + 1 };
        *port
    }

    /// The number of a patient who comes now.
    pub fn next_patient(&mut self) -> u64 {
        self.patients += 1;
        self.patients
    }

    fn link(&mut self, one: &End, other: &End) -> Link {
        let local = one.ip.is_private() && other.ip.is_private();
        if local { Link::local(&mut self.dice) } else { Link::internet(&mut self.dice) }
    }

    /// Opens a TCP connection from a fresh port; give it back with [`Scene::keep`] when it has ended.
    pub fn connect(&mut self, at: i64, client: End, server: End, port: u16) -> Tcp {
        let from = self.port(client.ip);
        let link = self.link(&client, &server);
        let dice = self.dice.fork();
        Tcp::open(at, (client, from), (server, port), link, dice)
    }

    /// Tries to open a connection to a closed port. Gives the moment after.
    pub fn refused(&mut self, at: i64, client: End, server: End, port: u16) -> i64 {
        let from = self.port(client.ip);
        let link = self.link(&client, &server);
        let dice = self.dice.fork();
        let tape = Tcp::refused(at, (client, from), (server, port), link, dice);
        self.keep(tape);
        at + link.round_trip + MILLISECOND
    }

    pub fn keep(&mut self, tape: Tape) {
        self.tape.append(&tape);
    }

    /// One datagram.
    pub fn udp(&mut self, at: i64, from: (End, u16), to: (End, u16), payload: &[u8]) {
        let ports = Ports { from: from.1, to: to.1 };
        self.tape.frame(at, |out| frame::udp(out, &from.0, &to.0, ports, payload));
    }

    /// A question and its answer. Gives the moment after.
    pub fn ask_udp(&mut self, at: i64, client: (End, u16), server: (End, u16), question: &[u8], answer: &[u8]) -> i64 {
        let link = self.link(&client.0, &server.0);
        let back = at + link.round_trip + self.dice.between(50, 900);
        self.udp(at, client, server, question);
        self.udp(back, server, client, answer);
        back + self.dice.between(100, 800)
    }

    /// A frame of another kind.
    pub fn frame(&mut self, at: i64, build: impl FnOnce(&mut Vec<u8>)) {
        self.tape.frame(at, build);
    }

    #[must_use]
    pub fn finish(self) -> (Tape, Truth) {
        (self.tape, self.truth)
    }
}
