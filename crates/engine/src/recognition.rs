//! Which protocol a flow speaks: each side's first bytes, ports as a hint and never a proof.

use phitak_model::{Direction, Transport};
use phitak_protocols::{Guess, Protocol};

/// Bytes of one side that are waited for before its protocol counts as unknown.
pub(crate) const GUESS_BYTES_MAX: usize = 4 * 1024;
/// Datagrams of one side that are looked at.
pub(crate) const GUESS_DATAGRAMS_MAX: u8 = 4;

/// Protocols whose raw bytes are inspected as soon as one of their messages is complete, as Suricata 8 does; those of
/// all others are when enough of them has come.
static RAW_BY_MESSAGE: &[&str] = &[
    "dns",
    "ftp",
    "http",
    "http2",
    "ldap",
    "mqtt",
    "pgsql",
    "pop3",
    "rdp",
    "rfb",
    "sip",
    "smtp",
    "ssh",
    "telnet",
    "tls",
    "websocket",
];

/// The protocols that can be recognised, by their number in the engine's catalogue.
pub(crate) struct Candidates {
    protocols: Vec<&'static Protocol>,
    enabled: Vec<bool>,
    raw_by_message: Vec<bool>,
}

/// What the bytes of one side say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Found(u16),
    More,
    Unknown,
}

/// What has been ruled out so far, per side.
#[derive(Debug, Default)]
pub(crate) struct RuledOut {
    /// A bit for each protocol's number; numbers from 128 on are tried each time.
    bits: u128,
}

impl RuledOut {
    fn has(&self, number: u16) -> bool {
        1_u128.checked_shl(u32::from(number)).is_some_and(|bit| self.bits & bit != 0)
    }

    fn add(&mut self, number: u16) {
        self.bits |= 1_u128.checked_shl(u32::from(number)).unwrap_or(0);
    }
}

impl Candidates {
    pub(crate) fn new(protocols: &[&'static Protocol], off: impl Fn(&str) -> bool) -> Self {
        Self {
            protocols: protocols.to_vec(),
            enabled: protocols.iter().map(|p| !off(p.decl.name)).collect(),
            raw_by_message: protocols.iter().map(|p| RAW_BY_MESSAGE.contains(&p.decl.name)).collect(),
        }
    }

    pub(crate) fn get(&self, number: u16) -> Option<&'static Protocol> {
        self.protocols.get(usize::from(number)).copied()
    }

    /// Whether a complete message of this protocol has the raw stream inspected.
    pub(crate) fn is_raw_by_message(&self, number: u16) -> bool {
        self.raw_by_message.get(usize::from(number)).copied().unwrap_or(false)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u16> {
        let at = self.protocols.iter().position(|p| p.decl.name == name)?;
        u16::try_from(at).ok()
    }

    fn each(&self, transport: Transport) -> impl Iterator<Item = (u16, &'static Protocol)> + '_ {
        (0_u16..)
            .zip(self.protocols.iter().copied().zip(&self.enabled))
            .filter(move |(_, (protocol, enabled))| **enabled && protocol.transports.contains(&transport))
            .map(|(number, (protocol, _))| (number, protocol))
    }

    /// Asks every protocol that is not ruled out, those that live on one of the ports first.
    pub(crate) fn ask(
        &self,
        bytes: &[u8],
        direction: Direction,
        transport: Transport,
        ports: [u16; 2],
        out: &mut RuledOut,
    ) -> Answer {
        let mut more = false;
        for on_port in [true, false] {
            for (number, protocol) in self.each(transport) {
                let hinted = protocol.ports.iter().any(|port| ports.contains(port));
                if hinted != on_port || out.has(number) || (protocol.only_on_ports && !hinted) {
                    continue;
                }
                match (protocol.guess)(bytes, direction, transport) {
                    Guess::Yes => return Answer::Found(number),
                    Guess::No => out.add(number),
                    Guess::More => more = true,
                }
            }
        }
        if more { Answer::More } else { Answer::Unknown }
    }

    /// Whether a protocol that lives on the client's port would know the bytes as its server's.
    pub(crate) fn ask_turned(&self, bytes: &[u8], transport: Transport, client_port: u16) -> Option<u16> {
        self.each(transport)
            .filter(|(_, protocol)| protocol.ports.contains(&client_port))
            .find(|(_, protocol)| (protocol.guess)(bytes, Direction::ToClient, transport) == Guess::Yes)
            .map(|(number, _)| number)
    }

    /// What one protocol says about a side's first bytes.
    pub(crate) fn agrees(&self, number: u16, bytes: &[u8], direction: Direction, transport: Transport) -> Guess {
        self.get(number).map_or(Guess::No, |protocol| (protocol.guess)(bytes, direction, transport))
    }
}
