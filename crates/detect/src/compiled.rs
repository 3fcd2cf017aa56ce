//! Rules as they are matched: heads, conditions, programs, routes into transactions, and the matchers that find candidates.

use crate::{
    check::Check,
    prefilter::{Matcher, PacketMatcher},
    program::Program,
    threshold::Extra,
    transform::Transforms,
};
use phitak_model::{Direction, inspect::Shape};
use phitak_rules::{
    Action, Addresses, Ports,
    condition::{BitChange, ConfigScope, FieldCheck, FieldIndex, FileScope, FlowIntChange, Track},
    threshold::Threshold,
};
use std::sync::Arc;

pub(crate) struct CompiledRule {
    pub action: Action,
    pub head: Head,
    /// To server 1, to client 2.
    pub directions: u8,
    /// Only packets of a flow can fire it.
    pub needs_flow: bool,
    /// Only real packets can: it asks for headers or sizes.
    pub needs_packet: bool,
    pub kind: Kind,
    pub checks: Box<[Check]>,
    /// Headers and addresses.
    pub packet_sections: Box<[PacketSection]>,
    /// The program for payload or stream.
    pub payload: Option<u32>,
    pub payload_of: PayloadOf,
    pub effects: Box<[CompiledEffect]>,
    pub threshold: Option<Threshold>,
    pub extra: Option<Box<Extra>>,
    pub no_alert: bool,
}

/// When a rule is looked at, and what its action applies to (user guide, "Rule Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Packets with decoder events.
    DecoderEvents,
    Packet,
    /// Once for each direction of a flow.
    AddressOnly,
    /// Every packet, for the flow.
    AddressLike,
    /// Once for each direction, when protocol detection has ended.
    ProtocolOnly,
    PacketAndStream,
    Stream,
    /// Packets of flows of a protocol.
    AppProtocol,
    Transaction,
}

impl Kind {
    pub fn is_for_flow(self) -> bool {
        !matches!(self, Self::DecoderEvents | Self::Packet)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PayloadOf {
    pub packet: bool,
    pub stream: bool,
    /// The packet's payload only where it is not in the stream.
    pub packet_outside_stream: bool,
}

pub(crate) struct Head {
    pub transport: TransportTest,
    pub protocols: Option<Box<[u16]>>,
    pub source: Option<Arc<Addresses>>,
    pub destination: Option<Arc<Addresses>>,
    pub source_ports: Option<Arc<Ports>>,
    pub destination_ports: Option<Arc<Ports>>,
    /// The other way round as well.
    pub both_ways: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransportTest {
    Any,
    Ip,
    Ipv4,
    Ipv6,
    Tcp,
    Udp,
    Icmp,
    Icmpv4,
    Icmpv6,
    Sctp,
}

pub(crate) struct PacketSection {
    pub source: PacketSource,
    pub section: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PacketSource {
    Header(phitak_rules::buffer::Header),
    SourceAddress,
    DestinationAddress,
}

/// Tests on one buffer, with what is done to it before.
pub(crate) struct Section {
    pub transforms: Transforms,
    pub program: Program,
    pub absent: Absent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Absent {
    #[default]
    No,
    /// Holds only when there is no such value.
    Only,
    OrElse,
}

pub(crate) enum CompiledEffect {
    FlowBit { change: BitChange, bit: u32 },
    FlowInt { name: u32, change: FlowIntChange, operand: crate::check::FlowIntOperand },
    HostBit { change: BitChange, bit: u32, track: Track, expire_secs: u32 },
    Bypass,
    StoreFile { direction: Option<Direction>, scope: FileScope },
    NoLogging(ConfigScope),
}

/// One rule in the transactions of one protocol.
pub(crate) struct Route {
    pub rule: u32,
    pub protocol: u16,
    /// Packet directions in which it is looked at: to server 1, to client 2.
    pub directions: u8,
    /// In order of stages.
    pub checks: Box<[AppCheck]>,
}

pub(crate) struct AppCheck {
    pub kind: AppCheckKind,
    pub direction: Direction,
    pub stage: u8,
}

pub(crate) enum AppCheckKind {
    Buffer {
        number: u8,
        shape: Shape,
        section: u32,
    },
    Field {
        number: u8,
        check: FieldCheck,
        index: FieldIndex,
    },
    Event(u8),
    /// The stage of a rule with a hook.
    Reached,
}

/// The matchers for transactions of one protocol in one direction.
#[derive(Default)]
pub(crate) struct AppGroups {
    pub groups: Box<[AppGroup]>,
    /// Routes without a literal.
    pub always: Box<[u32]>,
    /// Routes that wait for an event of their transaction: (event, route), sorted.
    pub by_event: Box<[(u8, u32)]>,
    pub is_used: bool,
}

pub(crate) struct AppGroup {
    pub buffer: u8,
    pub stage: u8,
    pub shape: Shape,
    pub transforms: Transforms,
    pub matcher: Matcher,
    /// Bytes before the present end of a growing value in which a literal may begin.
    pub overlap: usize,
}

/// The matchers for packets of one transport in one direction.
#[derive(Default)]
pub(crate) struct PortGroups {
    pub any: PacketGroup,
    /// By the server's port.
    pub by_port: PortMap<PacketGroup>,
}

/// What is known by port. Most packets' ports are not there, which one bit tells.
pub(crate) struct PortMap<T> {
    /// A bit for each port that is there.
    known: Box<[u64]>,
    values: Box<[(u16, T)]>,
}

impl<T> Default for PortMap<T> {
    fn default() -> Self {
        Self { known: Box::default(), values: Box::default() }
    }
}

impl<T> PortMap<T> {
    /// From values in the order of their ports.
    pub fn new(values: impl Iterator<Item = (u16, T)>) -> Self {
        let values: Box<[(u16, T)]> = values.collect();
        let mut known = vec![0u64; if values.is_empty() { 0 } else { 1024 }].into_boxed_slice();
        for (port, _) in &values {
            if let Some(word) = known.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
        Self { known, values }
    }

    pub fn get(&self, port: u16) -> Option<&T> {
        let word = self.known.get(usize::from(port >> 6))?;
        if word >> (port & 63) & 1 == 0 {
            return None;
        }
        let at = self.values.binary_search_by_key(&port, |(p, _)| *p).ok()?;
        self.values.get(at).map(|(_, value)| value)
    }
}

#[derive(Default)]
pub(crate) struct PacketGroup {
    pub payload: PacketMatcher,
    /// Rules without a literal: looked at for each packet.
    pub always: Box<[u32]>,
    /// The same for rules that look only at packets with a payload or stream bytes.
    pub always_payload: Box<[u32]>,
}

/// Transports that have matchers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Tcp,
    Udp,
    Icmp,
    Other,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Other];

    pub fn of(packet: &phitak_packet::packet::Packet<'_>) -> Self {
        use phitak_packet::packet::Layer4;
        match packet.layer4 {
            Layer4::Tcp(_) => Self::Tcp,
            Layer4::Udp(_) => Self::Udp,
            Layer4::Icmp(_) => Self::Icmp,
            Layer4::Sctp { .. } | Layer4::Other => Self::Other,
        }
    }

    pub fn admits(self, test: TransportTest) -> bool {
        match test {
            TransportTest::Any | TransportTest::Ip | TransportTest::Ipv4 | TransportTest::Ipv6 => true,
            TransportTest::Tcp => self == Self::Tcp,
            TransportTest::Udp => self == Self::Udp,
            TransportTest::Icmp | TransportTest::Icmpv4 | TransportTest::Icmpv6 => self == Self::Icmp,
            TransportTest::Sctp => self == Self::Other,
        }
    }
}

/// The bit of `directions` for a direction.
pub(crate) fn direction_bit(direction: Direction) -> u8 {
    1 << direction.index()
}
