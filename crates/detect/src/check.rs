//! Conditions of rules, resolved to numbers, and whether they hold.

use crate::{
    reputation::Scores,
    scene::{Memory, Scene},
};
use phitak_model::Direction;
use phitak_packet::packet::{Layer4, PacketSource, ip_proto};
use phitak_rules::NumberTest;
use phitak_rules::condition::{
    AppProtocolOf, BitsMode, ChecksumLayer, Condition, FlowIntComparison, FlowTest, FragmentBits, IpOption,
    ReputationSide, Side, TcpFlags, Track, VlanLayer,
};
use std::sync::Arc;

/// A condition ready to be asked.
pub(crate) enum Check {
    /// One that needs no names.
    Plain(Condition),
    Flow(FlowTest),
    FlowBits {
        set: bool,
        bits: Box<[u32]>,
    },
    FlowIntSet {
        name: u32,
        set: bool,
    },
    FlowInt {
        name: u32,
        comparison: FlowIntComparison,
        operand: FlowIntOperand,
    },
    HostBits {
        set: bool,
        bit: u32,
        track: Track,
    },
    AppProtocol {
        wanted: WantedProtocol,
        negated: bool,
        of: AppProtocolOf,
    },
    Reputation {
        side: ReputationSide,
        scores: Arc<Scores>,
        test: NumberTest,
        /// Only whether there is a score.
        set: Option<bool>,
    },
    DecoderEvent(u8),
    StreamEvent(u8),
    FlowEvent(u8),
}

#[derive(Clone, Copy)]
pub(crate) enum FlowIntOperand {
    Number(u32),
    Name(u32),
}

pub(crate) enum WantedProtocol {
    Failed,
    Unknown,
    AnyOf(Box<[u16]>),
}

impl Check {
    pub fn holds(&self, scene: &Scene<'_>, memory: Memory<'_>) -> bool {
        match self {
            Self::Plain(condition) => plain(condition, scene).unwrap_or(false),
            Self::Flow(test) => flow(test, scene),
            Self::FlowBits { set, bits } => memory.state.is_some_and(|s| bits.iter().any(|b| s.has_bit(*b)) == *set),
            Self::FlowIntSet { name, set } => memory.state.is_some_and(|s| s.number(*name).is_some() == *set),
            Self::FlowInt { name, comparison, operand } => flow_int(*name, *comparison, *operand, memory),
            Self::HostBits { set, bit, track } => host_bit(*bit, *track, scene, memory) == *set,
            Self::AppProtocol { wanted, negated, of } => app_protocol(wanted, *negated, *of, scene),
            Self::Reputation { side, scores, test, set } => reputation(*side, scores, *test, *set, scene),
            Self::DecoderEvent(number) => scene.packet.events.as_slice().contains(number),
            Self::StreamEvent(number) => scene.input.stream_events.contains(number),
            Self::FlowEvent(number) => scene.flow.is_some_and(|f| f.app_events.contains(number)),
        }
    }
}

fn reputation(side: ReputationSide, scores: &Scores, test: NumberTest, set: Option<bool>, scene: &Scene<'_>) -> bool {
    let Some((source, destination)) = scene.addresses() else { return false };
    let holds = |address| match (scores.get(address), set) {
        (score, Some(wanted)) => score.is_some() == wanted,
        (Some(score), None) => test.holds(score.into()),
        (None, None) => false,
    };
    match side {
        ReputationSide::Any => holds(source) || holds(destination),
        ReputationSide::Source => holds(source),
        ReputationSide::Destination => holds(destination),
        ReputationSide::Both => holds(source) && holds(destination),
    }
}

fn flow(test: &FlowTest, scene: &Scene<'_>) -> bool {
    let Some(flow) = scene.flow else {
        // Rules about fragments may be all that is asked of a packet without a flow.
        let only_fragments = test.direction.is_none() && test.established.is_none() && !test.stateless;
        return only_fragments && fragments(test, scene);
    };
    test.direction.is_none_or(|d| d == flow.direction)
        && test.established.is_none_or(|e| e == flow.established)
        && fragments(test, scene)
}

fn fragments(test: &FlowTest, scene: &Scene<'_>) -> bool {
    test.fragments.is_none_or(|wanted| (scene.packet.source == PacketSource::Defragmented) == wanted)
}

fn flow_int(name: u32, comparison: FlowIntComparison, operand: FlowIntOperand, memory: Memory<'_>) -> bool {
    let Some(state) = memory.state else { return false };
    let Some(left) = state.number(name) else { return false };
    let right = match operand {
        FlowIntOperand::Number(n) => n,
        FlowIntOperand::Name(other) => match state.number(other) {
            Some(n) => n,
            None => return false,
        },
    };
    match comparison {
        FlowIntComparison::Equal => left == right,
        FlowIntComparison::NotEqual => left != right,
        FlowIntComparison::Less => left < right,
        FlowIntComparison::LessOrEqual => left <= right,
        FlowIntComparison::Greater => left > right,
        FlowIntComparison::GreaterOrEqual => left >= right,
    }
}

fn host_bit(bit: u32, track: Track, scene: &Scene<'_>, memory: Memory<'_>) -> bool {
    let now = scene.packet.at;
    let tracks: &[Track] = if track == Track::Both { &[Track::Source, Track::Destination] } else { &[track] };
    let shared = memory.common.get();
    tracks.iter().filter_map(|t| scene.owner(*t)).any(|owner| shared.host_bits.is_set(bit, owner, now))
}

fn app_protocol(wanted: &WantedProtocol, negated: bool, of: AppProtocolOf, scene: &Scene<'_>) -> bool {
    let Some(flow) = scene.flow else { return false };
    let [to_server, to_client] = flow.app_protocol;
    let done = |d: Direction| flow.detection_done.get(d.index()).copied().unwrap_or(false);
    let known = |d: Direction| flow.app_protocol.get(d.index()).copied().flatten();
    let (protocol, is_done) = match of {
        AppProtocolOf::Direction => (known(scene.direction), done(scene.direction)),
        AppProtocolOf::ToServer => (to_server, done(Direction::ToServer)),
        AppProtocolOf::ToClient => (to_client, done(Direction::ToClient)),
        AppProtocolOf::Final => (to_server.or(to_client), done(scene.direction)),
        AppProtocolOf::Original => (flow.app_protocol_before.or(to_server).or(to_client), done(scene.direction)),
        AppProtocolOf::Either => {
            let one = |d| app_protocol_one(wanted, known(d), done(d));
            let (a, b) = (one(Direction::ToServer), one(Direction::ToClient));
            return match (a, b) {
                (None, None) => false,
                _ => (a == Some(true) || b == Some(true)) != negated,
            };
        }
    };
    app_protocol_one(wanted, protocol, is_done).is_some_and(|is| is != negated)
}

/// `None` while it cannot be told.
fn app_protocol_one(wanted: &WantedProtocol, protocol: Option<u16>, is_done: bool) -> Option<bool> {
    match wanted {
        WantedProtocol::Unknown => Some(protocol.is_none()),
        WantedProtocol::Failed => (is_done || protocol.is_some()).then_some(protocol.is_none()),
        WantedProtocol::AnyOf(names) => match protocol {
            Some(protocol) => Some(names.contains(&protocol)),
            None => is_done.then_some(false),
        },
    }
}

/// `None` when the packet has not what is asked for.
fn plain(condition: &Condition, scene: &Scene<'_>) -> Option<bool> {
    let packet = scene.packet;
    let flow = scene.flow;
    Some(match condition {
        Condition::Ttl(test) => test.holds(u64::from(packet.ip.as_ref()?.ttl)),
        Condition::Tos(test) => test.holds(u64::from(packet.ip.as_ref()?.tos)),
        Condition::IpId(test) => {
            packet.ip.as_ref().filter(|ip| ip.src.is_ipv4()).is_some_and(|ip| test.holds(u64::from(ip.id)))
        }
        Condition::IpProtocol(test) => test.holds(u64::from(packet.ip.as_ref()?.protocol)),
        Condition::IpOption(option) => ip_option(*option, packet.ip.as_ref().filter(|ip| ip.src.is_ipv4())?.header),
        Condition::SameAddress => scene.addresses().is_some_and(|(src, dst)| src == dst),
        Condition::FragmentBits(bits) => fragment_bits(*bits, scene)?,
        Condition::FragmentOffset(test) => test.holds(u64::from(packet.ip.as_ref()?.fragment_offset)),
        Condition::TcpFlags(flags) => tcp_flags(*flags, packet.tcp()?.flags),
        Condition::TcpSequence(test) => test.holds(u64::from(packet.tcp()?.seq)),
        Condition::TcpAcknowledgement(test) => test.holds(u64::from(packet.tcp()?.ack)),
        Condition::TcpWindow(test) => test.holds(u64::from(packet.tcp()?.window)),
        Condition::TcpMss(test) => test.holds(u64::from(packet.tcp()?.mss?)),
        Condition::TcpWindowScale(test) => test.holds(u64::from(packet.tcp()?.window_scale?)),
        Condition::IcmpType(test) => test.holds(u64::from(scene.icmp()?.kind)),
        Condition::IcmpCode(test) => test.holds(u64::from(scene.icmp()?.code)),
        Condition::IcmpId(test) => test.holds(u64::from(scene.icmp()?.id?)),
        Condition::IcmpSequence(test) => test.holds(u64::from(scene.icmp()?.sequence?)),
        Condition::IcmpMtu(test) => {
            let icmp = scene.icmp().filter(|_| packet.ip.as_ref().is_some_and(|ip| ip.protocol == ip_proto::ICMPV6))?;
            test.holds(u64::from(icmp.mtu?))
        }
        Condition::PayloadSize(test) => !scene.is_pseudo() && test.holds(packet.payload.len() as u64),
        Condition::VlanId { test, layer } => vlan_id(*test, *layer, packet.vlans()),
        Condition::VlanLayers(test) => test.holds(u64::from(packet.vlan_count)),
        Condition::Checksum { layer, valid } => checksum(*layer, scene)? == *valid,
        Condition::FlowAge(test) => {
            let age = packet.at.micros_since(flow?.started_at).max(0) / 1_000_000;
            test.holds(u64::try_from(age).unwrap_or(0))
        }
        Condition::FlowPackets { side, test } => sided(*side, *test, flow?.packets),
        Condition::FlowBytes { side, test } => sided(*side, *test, flow?.bytes),
        Condition::StreamSize { side, test } => packet.tcp().is_some() && sided(*side, *test, flow?.stream_bytes),
        Condition::Rpc { program, version, procedure } => rpc(*program, *version, *procedure, scene)?,
        // Resolved to other checks, or refused, when rules are compiled.
        _ => false,
    })
}

fn sided(side: Side, test: NumberTest, [to_server, to_client]: [u64; 2]) -> bool {
    match side {
        Side::ToServer => test.holds(to_server),
        Side::ToClient => test.holds(to_client),
        Side::Both => test.holds(to_server) && test.holds(to_client),
        Side::Either => test.holds(to_server) || test.holds(to_client),
    }
}

/// IPv4 options by their octets (RFC 791 §3.1).
fn ip_option(option: IpOption, header: &[u8]) -> bool {
    let mut rest = header.get(20..).unwrap_or_default();
    while let [kind, tail @ ..] = rest {
        match option {
            IpOption::Any => return true,
            IpOption::Kind(wanted) if wanted == *kind => return true,
            IpOption::Kind(_) => {}
        }
        rest = match (kind, tail) {
            (0, _) => return false,
            (1, _) => tail,
            (_, [length, ..]) if *length >= 2 => rest.get(usize::from(*length)..).unwrap_or_default(),
            _ => return false,
        };
    }
    false
}

fn bits(mode: BitsMode, wanted: u8, found: u8) -> bool {
    match mode {
        BitsMode::Exactly => found == wanted,
        BitsMode::AtLeast => found & wanted == wanted,
        BitsMode::AnyOf => found & wanted != 0,
        BitsMode::NoneOf => found & wanted == 0,
    }
}

fn fragment_bits(test: FragmentBits, scene: &Scene<'_>) -> Option<bool> {
    let ip = scene.packet.ip.as_ref().filter(|ip| ip.src.is_ipv4())?;
    let reserved = ip.header.get(6).is_some_and(|b| b & 0x80 != 0);
    let found = u8::from(ip.more_fragments) | u8::from(ip.dont_fragment) << 1 | u8::from(reserved) << 2;
    Some(bits(test.mode, test.bits, found))
}

fn tcp_flags(test: TcpFlags, flags: u8) -> bool {
    let kept = !test.ignored;
    bits(test.mode, test.flags & kept, flags & kept)
}

fn vlan_id(test: NumberTest, layer: VlanLayer, tags: &[u16]) -> bool {
    let holds = |tag: &u16| test.holds(u64::from(*tag & 0x0fff));
    match layer {
        VlanLayer::Any => tags.iter().any(holds),
        VlanLayer::All => !tags.is_empty() && tags.iter().all(holds),
        VlanLayer::At(n) => {
            let back = usize::from(n.unsigned_abs());
            let at = if n < 0 { tags.len().checked_sub(back) } else { Some(back) };
            at.and_then(|at| tags.get(at)).is_some_and(holds)
        }
    }
}

fn checksum(layer: ChecksumLayer, scene: &Scene<'_>) -> Option<bool> {
    let packet = scene.packet;
    if scene.is_pseudo() {
        return None;
    }
    let is_v4 = packet.ip.as_ref()?.src.is_ipv4();
    let matches = match layer {
        ChecksumLayer::Ipv4 => return packet.ip_checksum_good(),
        ChecksumLayer::TcpV4 => is_v4 && matches!(packet.layer4, Layer4::Tcp(_)),
        ChecksumLayer::TcpV6 => !is_v4 && matches!(packet.layer4, Layer4::Tcp(_)),
        ChecksumLayer::UdpV4 => is_v4 && matches!(packet.layer4, Layer4::Udp(_)),
        ChecksumLayer::UdpV6 => !is_v4 && matches!(packet.layer4, Layer4::Udp(_)),
        ChecksumLayer::IcmpV4 => is_v4 && matches!(packet.layer4, Layer4::Icmp(_)),
        ChecksumLayer::IcmpV6 => !is_v4 && matches!(packet.layer4, Layer4::Icmp(_)),
    };
    if matches { packet.layer4_checksum_good() } else { None }
}

/// A SUNRPC call (RFC 5531 §9): id, message type 0, RPC version 2, program, version, procedure.
fn rpc(program: u32, version: Option<u32>, procedure: Option<u32>, scene: &Scene<'_>) -> Option<bool> {
    let start = match scene.packet.layer4 {
        // The record mark of TCP comes first.
        Layer4::Tcp(_) => 4,
        Layer4::Udp(_) => 0,
        _ => return None,
    };
    let word = |n: usize| {
        let at = start + n * 4;
        let bytes: [u8; 4] = scene.packet.payload.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let call = word(1)? == 0 && word(2)? == 2 && word(3)? == program;
    Some(call && version.is_none_or(|v| word(4) == Some(v)) && procedure.is_none_or(|p| word(5) == Some(p)))
}
