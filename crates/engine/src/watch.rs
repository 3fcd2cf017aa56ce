//! Indicators before a flow: who asks for what, and which of a protocol's buffers hold names that may be on the list.
//!
//! Protocols and indicators meet in the declared buffers, resolved to numbers once.

use phitak_detect::{FileDigests, IndicatorHit, Indicators, Place, Source};
use phitak_model::{
    Direction::{self, ToServer},
    IndicatorKind, Timestamp,
    inspect::Transaction,
};
use phitak_protocols::{Digests, FileEnd, Protocol};
use std::sync::Arc;

/// Values of one buffer that are looked at in a transaction (names asked for in one message).
const INSTANCES_MAX: u32 = 16;

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Domain,
    /// The name or address of a web server, and beside it what was asked for.
    Host,
    Target,
    Ja3,
    Ja4,
}

/// Buffers with names for which indicators are asked, all of a client's.
const BUFFERS: &[(&str, Holds)] = &[
    ("dns.query", Holds::Domain),
    ("http.host", Holds::Host),
    ("http.uri", Holds::Target),
    ("ja3.hash", Holds::Ja3),
    ("ja4.hash", Holds::Ja4),
    ("quic.sni", Holds::Domain),
    ("tls.sni", Holds::Domain),
];

/// The set in use, with what is needed to ask it.
pub(crate) struct Watch {
    set: Arc<Indicators>,
    /// Rises with each set, so that every flow is looked at once with each.
    turn: u32,
    /// By protocol: the buffers to ask for.
    buffers: Vec<Vec<(u8, Holds)>>,
    /// What rules and settings want of files, whatever indicators ask for.
    digests: Digests,
}

/// A hit in a transaction: the indicator, and where its value stands.
pub(crate) type Found = (IndicatorHit, Option<Place>);

impl Watch {
    pub(crate) fn new(protocols: &[&'static Protocol], digests: Digests) -> Self {
        let of = |protocol: &&'static Protocol| {
            let numbered = (0_u8..).zip(protocol.decl.buffers);
            let known = numbered.filter_map(|(number, buffer)| {
                let (_, holds) = BUFFERS.iter().find(|(name, _)| *name == buffer.name)?;
                Some((number, *holds))
            });
            known.collect()
        };
        Self { set: Arc::default(), turn: 0, buffers: protocols.iter().map(of).collect(), digests }
    }

    /// From now on this set is asked. Gives what has to be computed of files for it.
    pub(crate) fn swap(&mut self, set: Arc<Indicators>) -> Digests {
        let digests = Digests {
            sha256: self.digests.sha256 || set.has(IndicatorKind::Sha256),
            sha1: self.digests.sha1 || set.has(IndicatorKind::Sha1),
            md5: self.digests.md5 || set.has(IndicatorKind::Md5),
            ..self.digests
        };
        self.set = set;
        self.turn = self.turn.wrapping_add(1).max(1);
        digests
    }

    /// From now on rules want to know what kinds of files there are.
    pub(crate) fn compute_magic(&mut self) {
        self.digests.magic = true;
    }

    #[inline]
    pub(crate) fn turn(&self) -> u32 {
        self.turn
    }

    /// Either end of a flow, the server first.
    pub(crate) fn ends(
        &self,
        client: std::net::IpAddr,
        server: std::net::IpAddr,
        now: Timestamp,
    ) -> Option<IndicatorHit> {
        if !self.set.has(IndicatorKind::Address) {
            return None;
        }
        self.set.address(server, now).or_else(|| self.set.address(client, now))
    }

    /// The first name of a transaction that is on the list.
    pub(crate) fn transaction(
        &self,
        protocol: u16,
        transaction: &dyn Transaction,
        now: Timestamp,
        scratch: &mut Vec<u8>,
    ) -> Option<Found> {
        if self.set.is_empty() {
            return None;
        }
        let buffers = self.buffers.get(usize::from(protocol))?;
        for (number, holds) in buffers {
            for instance in 0..INSTANCES_MAX {
                scratch.clear();
                let Some(view) = transaction.buffer(*number, ToServer, instance, scratch) else { break };
                let (bytes, length) = (view.bytes, view.bytes.len());
                let hit = match holds {
                    Holds::Domain => self.set.domain(bytes, now),
                    Holds::Host => self.set.domain(bytes, now),
                    Holds::Target => None,
                    Holds::Ja3 => self.set.ja3(bytes, now),
                    Holds::Ja4 => self.set.ja4(bytes, now),
                };
                if let Some(hit) = hit {
                    return Some((hit, place(protocol, *number, instance, length)));
                }
            }
        }
        self.url(protocol, transaction, now, buffers, scratch)
    }

    fn url(
        &self,
        protocol: u16,
        transaction: &dyn Transaction,
        now: Timestamp,
        buffers: &[(u8, Holds)],
        scratch: &mut Vec<u8>,
    ) -> Option<Found> {
        if !self.set.has(IndicatorKind::Url) {
            return None;
        }
        let number = |wanted| buffers.iter().find(|(_, holds)| *holds == wanted).map(|(number, _)| *number);
        let (host, target) = (number(Holds::Host)?, number(Holds::Target)?);
        scratch.clear();
        let host = transaction.buffer(host, ToServer, 0, scratch)?.bytes.to_vec();
        scratch.clear();
        let view = transaction.buffer(target, ToServer, 0, scratch)?;
        let hit = self.set.url(&host, view.bytes, now)?;
        Some((hit, place(protocol, target, 0, view.bytes.len())))
    }

    /// A file that has ended, whole.
    pub(crate) fn file(&self, file: &FileEnd, now: Timestamp) -> Option<IndicatorHit> {
        if self.set.is_empty() {
            return None;
        }
        let digests = FileDigests { sha256: file.sha256.as_ref(), sha1: file.sha1.as_ref(), md5: file.md5.as_ref() };
        self.set.file(digests, now)
    }
}

fn place(protocol: u16, buffer: u8, instance: u32, length: usize) -> Option<Place> {
    let direction: Direction = ToServer;
    let source = Source::Buffer { protocol, buffer, instance, direction };
    Some(Place { source, offset: 0, length: u32::try_from(length).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_protocols::REGISTRY;

    #[test]
    fn every_buffer_that_is_asked_is_declared_somewhere_as_a_clients() {
        for (name, _) in BUFFERS {
            let mut declared = REGISTRY.iter().flat_map(|protocol| protocol.decl.buffers);
            assert!(declared.any(|buffer| buffer.name == *name && buffer.to_server), "{name}");
        }
    }
}
