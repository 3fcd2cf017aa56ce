//! Conditions of packets, flows and transactions in English words.

use super::tests_in_words::number;
use phitak_model::Direction;
use phitak_rules::condition::{
    AppProtocolName, BitsMode, Condition, EventSource, FieldCheck, FieldTest, FlowIntComparison, FlowIntOperand,
    FlowIntTest, FlowTest, IpOption, ReputationSide, Side, StreamChoice, TcpFlags, Track,
};

const FLAGS: [(u8, &str); 8] =
    [(1, "FIN"), (2, "SYN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG"), (64, "ECE"), (128, "CWR")];

/// One condition; `None` for those that are told elsewhere.
pub(super) fn condition(condition: &Condition) -> Option<String> {
    let is = |what: &str, test: &phitak_rules::NumberTest| format!("{what} is {}", number(*test));
    Some(match condition {
        Condition::Ttl(test) => is("the time to live", test),
        Condition::Tos(test) => is("the type of service", test),
        Condition::IpId(test) => is("the IP identification", test),
        Condition::IpProtocol(test) => is("the number of the IP protocol", test),
        Condition::IpOption(IpOption::Any) => "the packet has an IP option".into(),
        Condition::IpOption(IpOption::Kind(kind)) => format!("the packet has the IP option {kind}"),
        Condition::SameAddress => "source and destination are the same address".into(),
        Condition::FragmentBits(bits) => format!("the fragment bits are as asked (mask {:#x})", bits.bits),
        Condition::FragmentOffset(test) => is("the fragment offset", test),
        Condition::TcpFlags(flags) => tcp_flags(flags),
        Condition::TcpSequence(test) => is("the TCP sequence number", test),
        Condition::TcpAcknowledgement(test) => is("the TCP acknowledgement number", test),
        Condition::TcpWindow(test) => is("the TCP window", test),
        Condition::TcpMss(test) => is("the TCP maximum segment size", test),
        Condition::TcpWindowScale(test) => is("the TCP window scale", test),
        Condition::IcmpType(test) => is("the ICMP type", test),
        Condition::IcmpCode(test) => is("the ICMP code", test),
        Condition::IcmpId(test) => is("the ICMP identifier", test),
        Condition::IcmpSequence(test) => is("the ICMP sequence number", test),
        Condition::IcmpMtu(test) => is("the MTU in the ICMPv6 message", test),
        Condition::PayloadSize(test) => is("the size of the packet's payload in bytes", test),
        Condition::VlanId { test, .. } => is("the VLAN number", test),
        Condition::VlanLayers(test) => is("the number of VLAN tags", test),
        Condition::Checksum { valid: true, .. } => "the checksum is right".into(),
        Condition::Checksum { valid: false, .. } => "the checksum is wrong".into(),
        Condition::Flow(test) => return flow(test),
        Condition::FlowAge(test) => is("the age of the flow in seconds", test),
        Condition::FlowPackets { side: way, test } => is(&format!("the number of packets {}", side(*way)), test),
        Condition::FlowBytes { side: way, test } => is(&format!("the number of bytes {}", side(*way)), test),
        Condition::StreamSize { side: way, test } => is(&format!("the size of the stream {}", side(*way)), test),
        Condition::FlowBits { set: true, .. } | Condition::HostBits { set: true, .. } => return None,
        Condition::FlowBits { set: false, names } => format!("the flowbit {} is not set", names.join(" or ")),
        Condition::HostBits { set: false, name, track } => format!("the bit {name} is not set for {}", whose(*track)),
        Condition::FlowInt { name, test } => flow_int(name, test),
        Condition::AppProtocol(test) => {
            let name = match &test.protocol {
                AppProtocolName::Failed => "not recognised".to_owned(),
                AppProtocolName::Unknown => "not known yet".to_owned(),
                AppProtocolName::AnyOf(names) => names.join(" or "),
            };
            format!("the application protocol is {}{name}", if test.negated { "not " } else { "" })
        }
        Condition::Event { source, protocol, name } => {
            let kind = match source {
                EventSource::Decoder => "decoder",
                EventSource::Stream => "stream",
                EventSource::App => "application",
                EventSource::Engine => "engine",
            };
            let protocol = protocol.as_deref().map_or(String::new(), |protocol| format!("{protocol}."));
            format!("the {kind} event {protocol}{name} came up")
        }
        Condition::Field(test) => field(test),
        Condition::Reputation { side, category, .. } => {
            let whose = match side {
                ReputationSide::Any => "either address",
                ReputationSide::Source => "the source address",
                ReputationSide::Destination => "the destination address",
                ReputationSide::Both => "both addresses",
            };
            format!("the reputation of {whose} in {category} is as asked")
        }
        Condition::Rpc { program, .. } => format!("it is a call of the SUNRPC program {program}"),
    })
}

fn flow(test: &FlowTest) -> Option<String> {
    let mut words = Vec::new();
    match test.established {
        Some(true) => words.push("established connections"),
        Some(false) => words.push("connections that are not established"),
        None => {}
    }
    match test.direction {
        Some(Direction::ToServer) => words.push("packets to the server"),
        Some(Direction::ToClient) => words.push("packets to the client"),
        None => {}
    }
    match test.stream {
        StreamChoice::Both => {}
        StreamChoice::OnlyStream => words.push("only the joined stream"),
        StreamChoice::NoStream => words.push("only single packets"),
    }
    match test.fragments {
        Some(true) => words.push("only rebuilt fragments"),
        Some(false) => words.push("no rebuilt fragments"),
        None => {}
    }
    (!words.is_empty()).then(|| format!("it looks at {}", words.join(", ")))
}

fn tcp_flags(flags: &TcpFlags) -> String {
    let names: Vec<&str> = FLAGS.iter().filter(|(bit, _)| flags.flags & bit != 0).map(|(_, name)| *name).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    match flags.mode {
        BitsMode::Exactly => format!("the TCP flags are exactly {names}"),
        BitsMode::AtLeast => format!("the TCP flags hold {names}"),
        BitsMode::AnyOf => format!("the TCP flags hold one of {names}"),
        BitsMode::NoneOf => format!("the TCP flags hold none of {names}"),
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::ToServer => "to the server",
        Side::ToClient => "to the client",
        Side::Both => "both ways",
        Side::Either => "either way",
    }
}

pub(super) fn whose(track: Track) -> &'static str {
    match track {
        Track::Source => "the source address",
        Track::Destination => "the destination address",
        Track::Pair => "the pair of addresses",
        Track::Both => "both addresses",
    }
}

fn flow_int(name: &str, test: &FlowIntTest) -> String {
    match test {
        FlowIntTest::IsSet => format!("the flow's number {name} has a value"),
        FlowIntTest::IsNotSet => format!("the flow's number {name} has no value"),
        FlowIntTest::Compare(comparison, operand) => {
            let sign = match comparison {
                FlowIntComparison::Equal => "is",
                FlowIntComparison::NotEqual => "is not",
                FlowIntComparison::Less => "is less than",
                FlowIntComparison::LessOrEqual => "is at most",
                FlowIntComparison::Greater => "is more than",
                FlowIntComparison::GreaterOrEqual => "is at least",
            };
            format!("the flow's number {name} {sign} {}", int_operand(operand))
        }
    }
}

pub(super) fn int_operand(operand: &FlowIntOperand) -> String {
    match operand {
        FlowIntOperand::Number(n) => n.to_string(),
        FlowIntOperand::Name(name) => name.clone(),
    }
}

fn field(field: &FieldTest) -> String {
    let name = &field.name;
    match &field.check {
        FieldCheck::Present => format!("{name} is there"),
        FieldCheck::Number(test) => format!("{name} is {}", number(*test)),
        FieldCheck::OneOf { ranges, negated } => {
            let list: Vec<String> = ranges
                .iter()
                .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
                .collect();
            format!("{name} is {}{}", if *negated { "not " } else { "" }, list.join(" or "))
        }
        FieldCheck::Word { word, negated } => format!("{name} is {}{word}", if *negated { "not " } else { "" }),
        FieldCheck::Versioned { word, version: None } => format!("{name} is {word}"),
        FieldCheck::Versioned { word, version: Some(test) } => {
            format!("{name} is {word} with a version that is {}", number(*test))
        }
        FieldCheck::Count(test) => format!("the number of values of {name} is {}", number(*test)),
        FieldCheck::BeforeNow => format!("{name} lies in the past"),
        FieldCheck::AfterNow => format!("{name} lies in the future"),
    }
}
